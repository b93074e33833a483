//! [`HTTPParser`]: the listener that parses.
//!
//! Mirrors `Parser` of `src/node_http_parser.cc`, without the list of
//! connections with their timeouts, and without what only async hooks see.
//!
//! This file steps the machine; `collect` keeps what comes between two callbacks,
//! in lists of `headers`; `callbacks` calls what is in the `slots`; `reads` is the
//! listener.

mod callbacks;
mod collect;
mod headers;
mod place;
mod reads;
mod slots;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::buf::Chunk;
use crate::env::Environment;
use crate::listener::{ListenerLink, StreamListener};
use crate::llhttp::{Errno, Event, Lenient, MessageType, Notice, Run, Step};
use crate::stream_base::{StreamBase, from_object};

use collect::{State, Taken};
pub use headers::{CURRENT_MAX_FIELDS, HeaderList};
pub use place::Place;
use place::{Memory, Spot};
pub use slots::{ExecuteResult, HeadersComplete, ParseError, Slots};

const JS_EXCEPTION: &str = "HPE_JS_EXCEPTION:JS Exception";

/// An HTTP parser that can be pushed onto a stream.
///
/// # Contract
/// - [`HTTPParser::consume`] makes it the newest listener of a stream: the
///   stream's bytes no longer come to the listener before it. It keeps its parse
///   state when it is taken away, and goes on with it on the next stream.
/// - Callbacks may call anything here. A parse inside a callback of the same
///   parser begins where the outer one began, as in the original.
/// - Errors stay until [`HTTPParser::initialize`].
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use streamlisten::llhttp::{Lenient, MessageType};
/// use streamlisten::{Chunk, Environment, HTTPParser};
///
/// let parser = HTTPParser::new(&Environment::new());
/// parser.initialize(MessageType::Request, 0, Lenient::default());
/// let body = Rc::new(RefCell::new(Vec::new()));
/// let sink = Rc::clone(&body);
/// *parser.slots.on_body.borrow_mut() = Some(Rc::new(move |_, part: Chunk| {
///     sink.borrow_mut().extend_from_slice(&part);
///     Ok(())
/// }));
/// let request = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
/// parser.execute(&Chunk::new(request.to_vec())).unwrap();
/// assert_eq!(*body.borrow(), b"hello");
/// ```
pub struct HTTPParser {
    link: ListenerLink,
    env: Rc<Environment>,
    this: Weak<HTTPParser>,
    /// The callbacks.
    pub slots: Slots,
    /// Never borrowed while a callback runs.
    state: RefCell<State>,
    /// Mirrors `current_buffer_`.
    #[doc(alias = "current_buffer_")]
    current_buffer: RefCell<Option<Chunk>>,
    got_exception: Cell<bool>,
    headers_completed: Cell<bool>,
    /// How many parses are under way, one inside the other.
    depth: Cell<u32>,
    closed: Cell<bool>,
}

impl HTTPParser {
    /// A parser of requests, with the default limits.
    #[must_use]
    pub fn new(env: &Rc<Environment>) -> Rc<HTTPParser> {
        Rc::new_cyclic(|this| HTTPParser {
            link: ListenerLink::new(env),
            env: Rc::clone(env),
            this: this.clone(),
            slots: Slots::default(),
            state: RefCell::new(State::new(MessageType::Request, 0, Lenient::NONE)),
            current_buffer: RefCell::default(),
            got_exception: Cell::new(false),
            headers_completed: Cell::new(false),
            depth: Cell::new(0),
            closed: Cell::new(false),
        })
    }

    /// Starts anew: `max_header_size` bytes of head (0 for the default), and
    /// nothing of what was read before. The callbacks and the place in a chain
    /// stay. Mirrors `Parser::Initialize`.
    #[doc(alias = "Initialize")]
    pub fn initialize(&self, kind: MessageType, max_header_size: u64, lenient: Lenient) {
        if !self.closed.get() {
            self.state.replace(State::new(kind, max_header_size, lenient));
            self.got_exception.set(false);
            self.headers_completed.set(false);
        }
    }

    /// Becomes the newest listener of `stream`. Mirrors `Parser::Consume`.
    ///
    /// # Panics
    /// If it is in a chain already, or the stream has been destroyed, as the original
    /// aborts.
    #[doc(alias = "Consume")]
    pub fn consume(&self, stream: &(impl StreamBase + ?Sized)) {
        // course: 14 begin consume "become the newest listener of the stream"
        if let (false, Some(this)) = (self.closed.get(), self.this.upgrade()) {
            let stream = from_object(stream).expect("(stream) != nullptr");
            let listener: Rc<dyn StreamListener> = this;
            stream.push_stream_listener(&listener);
        }
        // course: 14 stub let _ = stream;
        // course: 14 stub todo!("lesson 14: consume")
        // course: 14 end
    }

    /// Leaves its chain, if it is in one. A parse that is under way goes on to
    /// the end of its read. Mirrors `Parser::Unconsume`.
    #[doc(alias = "Unconsume")]
    pub fn unconsume(&self) {
        if let Some(chain) = self.link.chain() {
            chain.remove(self);
        }
    }

    /// True while it is in a chain.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.link.chain().is_some()
    }

    /// Parses `data`. `None` if a callback has thrown; the exception is in the
    /// environment. Mirrors `Parser::Execute`.
    #[doc(alias = "Execute")]
    pub fn execute(&self, data: &Chunk) -> Option<ExecuteResult> {
        self.execute_in(data, || Memory::of(data))
    }

    fn execute_in(&self, data: &Chunk, memory: impl Fn() -> Memory) -> Option<ExecuteResult> {
        if self.closed.get() {
            return None;
        }
        self.begin_parse(Some(data.clone()));
        let was_ok = self.state.borrow().machine.error() == Errno::Ok;
        let mut run = self.state.borrow_mut().machine.begin();
        self.drive(&mut run, data);
        let err = run.result();
        if err == Errno::Ok {
            return self.end_parse(err, Place::At(data.len() as i64));
        }
        let start = Spot::new(memory(), data.start());
        let mut state = self.state.borrow_mut();
        if was_ok {
            let pos = state.machine.error_pos();
            state.error_spot = pos.map(|pos| start.plus(pos));
        }
        let place = Place::of(state.error_spot.as_ref(), &start);
        drop(state);
        self.end_parse(err, place)
    }

    /// The input has ended. `None` if it may end here, or in an error state.
    /// Mirrors `Parser::Finish`.
    #[doc(alias = "Finish")]
    pub fn finish(&self) -> Option<ExecuteResult> {
        if self.closed.get() {
            return None;
        }
        self.begin_parse(None);
        let finished = self.state.borrow_mut().machine.finish();
        let err = match finished {
            Ok(false) => Errno::Ok,
            Ok(true) if self.on_message_complete() == 0 => Errno::Ok,
            Ok(true) => Errno::User,
            Err(errno) => errno,
        };
        // The original counts from a null pointer here.
        let place = match &self.state.borrow().error_spot {
            Some(spot) if err != Errno::Ok => Place::Elsewhere(spot.offset()),
            _ => Place::At(0),
        };
        let result = self.end_parse(err, place);
        result.filter(|result| matches!(result, ExecuteResult::Error(_)))
    }

    /// Stops parsing with `HPE_PAUSED` from the next read on; that read is lost.
    pub fn pause(&self) {
        self.state.borrow_mut().machine.pause();
    }

    /// Lifts a pause.
    pub fn resume(&self) {
        self.state.borrow_mut().machine.resume();
    }

    /// The whole read that is being parsed, or has just been, in `on_execute`;
    /// else empty. Copied, as the original does. Mirrors `Parser::GetCurrentBuffer`.
    #[doc(alias = "GetCurrentBuffer")]
    #[must_use]
    pub fn get_current_buffer(&self) -> Chunk {
        let current = self.current_buffer.borrow();
        Chunk::new(current.as_ref().map_or_else(Vec::new, |bytes| bytes.to_vec()))
    }

    /// True between the end of a head and the next message. Mirrors `Parser::HeadersCompleted`.
    #[doc(alias = "HeadersCompleted")]
    #[must_use]
    pub fn headers_completed(&self) -> bool {
        self.headers_completed.get()
    }

    /// Ends the parser: it leaves its chain, and nothing can be done with it any
    /// more. Inside a callback of its own, where the original would go on in
    /// freed memory, it does so when the parse is over.
    pub fn close(&self) {
        self.closed.set(true);
        if self.depth.get() == 0 {
            self.unconsume();
        }
    }

    fn begin_parse(&self, data: Option<Chunk>) {
        self.depth.set(self.depth.get() + 1);
        self.current_buffer.replace(data);
        self.got_exception.set(false);
    }

    /// The result of a parse. Mirrors the second half of `Parser::Execute`.
    fn end_parse(&self, err: Errno, place: Place) -> Option<ExecuteResult> {
        self.depth.set(self.depth.get() - 1);
        if self.closed.get() && self.depth.get() == 0 {
            self.unconsume();
        }
        self.current_buffer.replace(None);
        let mut state = self.state.borrow_mut();
        let machine = &mut state.machine;
        let mut error = None;
        if err != Errno::Ok {
            if err == Errno::PausedUpgrade {
                machine.resume_after_upgrade();
            } else if !machine.upgrade() {
                let (code, reason) = match machine.reason().split_once(':') {
                    Some(parts) if err == Errno::User => parts,
                    _ => (err.name(), machine.reason()),
                };
                error = Some(ParseError { code, reason, bytes_parsed: place });
            }
        }
        if self.got_exception.get() {
            return None;
        }
        Some(match error {
            Some(error) => ExecuteResult::Error(error),
            None => ExecuteResult::Bytes(place),
        })
    }

    /// Steps through one input. Mirrors llhttp's calls of its settings.
    fn drive(&self, run: &mut Run, data: &[u8]) {
        let mut state = self.state.borrow_mut();
        while let Step::Event(event) = state.machine.step(run, data) {
            let code = match event {
                Event::Span { span, start, end } => {
                    let bytes = &data[start..end];
                    match state.collect(span, bytes) {
                        Taken::Code(code) => code,
                        Taken::Flush(flush) => {
                            drop(state);
                            self.flush(flush);
                            state = self.state.borrow_mut();
                            state.collected.begin_field(bytes);
                            0
                        }
                        Taken::Body => {
                            drop(state);
                            let code = self.on_body(bytes);
                            state = self.state.borrow_mut();
                            if code != 0 {
                                state.machine.set_reason(JS_EXCEPTION);
                            }
                            code
                        }
                    }
                }
                Event::Notice(Notice::MessageBegin) => {
                    self.headers_completed.set(false);
                    state.chunk_extensions_nread = 0;
                    state.collected.begin_message();
                    drop(state);
                    self.on_message_begin();
                    state = self.state.borrow_mut();
                    0
                }
                Event::HeadersComplete => {
                    self.headers_completed.set(true);
                    state.header_nread = 0;
                    drop(state);
                    let code = self.on_headers_complete();
                    state = self.state.borrow_mut();
                    state.machine.reply(run, code);
                    continue;
                }
                Event::Notice(Notice::MessageComplete) => {
                    drop(state);
                    let code = self.on_message_complete();
                    state = self.state.borrow_mut();
                    code
                }
                Event::Notice(Notice::ChunkHeader) => {
                    state.header_nread = 0;
                    state.chunk_extensions_nread = 0;
                    0
                }
                Event::Notice(_) => {
                    state.header_nread = 0; // ChunkComplete; the others are not wanted.
                    0
                }
            };
            if code != 0 {
                state.machine.reply(run, code);
            }
        }
    }
}
