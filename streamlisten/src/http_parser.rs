//! [`HttpParser`]: the listener that parses.
//!
//! Mirrors `Parser` of `src/node_http_parser.cc`. Left out: the list of
//! connections with their timeouts, and what only async hooks see.

mod headers;
mod place;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::buf::{Buf, Chunk};
use crate::env::{Environment, Exception};
use crate::listener::{ListenerLink, StreamListener};
use crate::llhttp::{Errno, Event, Lenient, Machine, MessageType, Notice, Run, Span, Step, Wanted};
use crate::resource::StreamResource;

use headers::Collected;
pub use headers::{CURRENT_MAX_FIELDS, HeaderList};
pub use place::Place;
use place::{Memory, Spot};

/// Chunk extensions of one chunk may have this many bytes. Mirrors
/// `kMaxChunkExtensionsSize`.
const MAX_CHUNK_EXTENSIONS_SIZE: u64 = 16_384;

/// The size of a head if nothing else is said. Mirrors `--max-http-header-size`.
const DEFAULT_MAX_HEADER_SIZE: u64 = 16_384;

const HEADER_OVERFLOW: &str = "HPE_HEADER_OVERFLOW:Header overflow";
const EXTENSIONS_OVERFLOW: &str = "HPE_CHUNK_EXTENSIONS_OVERFLOW:Chunk extensions overflow";
const JS_EXCEPTION: &str = "HPE_JS_EXCEPTION:JS Exception";

/// What `kOnHeadersComplete` is called with.
#[derive(Clone, Debug)]
pub struct HeadersComplete {
    /// The version, major and minor.
    pub version: (u8, u8),
    /// The headers, unless some were given to `kOnHeaders` before.
    pub headers: Option<HeaderList>,
    /// Of a request: the method's number.
    pub method: Option<u8>,
    /// Of a request: the target, unless it was given to `kOnHeaders` before.
    pub url: Option<Vec<u8>>,
    /// Of a response: the status.
    pub status_code: Option<u16>,
    /// Of a response: its reason.
    pub status_message: Option<Vec<u8>>,
    /// True if what follows is in another protocol.
    pub upgrade: bool,
    /// True if another message may follow.
    pub should_keep_alive: bool,
}

/// What a parse came to, if it did not come to an exception.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExecuteResult {
    /// So many bytes were taken. After an upgrade an error is no error but only
    /// ends the count, and an old one may have its place anywhere.
    Bytes(Place),
    /// An error.
    Error(ParseError),
}

/// An error of the parser. Mirrors the `Error` object that node makes of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Its code, `HPE_…`.
    pub code: &'static str,
    /// Its reason.
    pub reason: &'static str,
    /// Where it was, counted from the start of the input.
    pub bytes_parsed: Place,
}

type Slot<A, R> = RefCell<Option<Rc<dyn Fn(&Rc<HttpParser>, A) -> Result<R, Exception>>>>;

/// The callbacks of a parser; an empty slot is not called. Mirrors the
/// properties `kOnMessageBegin` and so on of node's parser object.
#[derive(Default)]
pub struct Slots {
    /// A message begins.
    pub on_message_begin: Slot<(), ()>,
    /// Headers, before the head is complete, or trailers; and the target, once.
    pub on_headers: Slot<(HeaderList, Vec<u8>), ()>,
    /// The head is complete. 0 go on, 1 no body, 2 upgrade, see
    /// [`crate::llhttp::Event::HeadersComplete`].
    pub on_headers_complete: Slot<HeadersComplete, i32>,
    /// A part of the body, copied.
    pub on_body: Slot<Chunk, ()>,
    /// The message is complete.
    pub on_message_complete: Slot<(), ()>,
    /// A read of a consumed stream has been parsed.
    pub on_execute: Slot<ExecuteResult, ()>,
}

/// An HTTP parser that can be pushed onto a stream.
///
/// # Contract
/// - [`HttpParser::consume`] makes it the newest listener of a stream: the
///   stream's bytes no longer come to who listened before. It keeps its parse
///   state when it is taken away, and goes on with it on the next stream.
/// - Callbacks may call anything here. A parse inside a callback of the same
///   parser begins where the outer one began, as in the original.
/// - Errors stay until [`HttpParser::initialize`].
pub struct HttpParser {
    link: ListenerLink,
    env: Rc<Environment>,
    this: Weak<HttpParser>,
    /// The callbacks.
    pub slots: Slots,
    /// Never borrowed while a callback runs.
    state: RefCell<State>,
    current_buffer: RefCell<Option<Chunk>>,
    got_exception: Cell<bool>,
    headers_completed: Cell<bool>,
    /// How many parses are under way, one inside the other.
    depth: Cell<u32>,
    closed: Cell<bool>,
}

struct State {
    machine: Machine,
    collected: Collected,
    have_flushed: bool,
    header_nread: u64,
    chunk_extensions_nread: u64,
    max_header_size: u64,
    /// Where the last error was. Stays when the error is lifted.
    error_spot: Option<Spot>,
}

impl HttpParser {
    /// A parser of requests, with the default limits.
    #[must_use]
    pub fn new(env: &Rc<Environment>) -> Rc<HttpParser> {
        Rc::new_cyclic(|this| HttpParser {
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
    /// stay.
    pub fn initialize(&self, kind: MessageType, max_header_size: u64, lenient: Lenient) {
        if !self.closed.get() {
            self.state.replace(State::new(kind, max_header_size, lenient));
            self.got_exception.set(false);
            self.headers_completed.set(false);
        }
    }

    /// Becomes the newest listener of `stream`.
    ///
    /// # Panics
    /// If it is in a chain already, as the original aborts.
    pub fn consume(&self, stream: &(impl StreamResource + ?Sized)) {
        if let (false, Some(this)) = (self.closed.get(), self.this.upgrade()) {
            let listener: Rc<dyn StreamListener> = this;
            stream.push_stream_listener(&listener);
        }
    }

    /// Leaves its chain, if it is in one. A parse that is under way goes on to
    /// the end of its read.
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
    /// environment.
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

    /// The input has ended. `None` if that is all right, or in an error state.
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
    /// else empty. Copied, as the original does.
    #[must_use]
    pub fn get_current_buffer(&self) -> Chunk {
        let current = self.current_buffer.borrow();
        Chunk::new(current.as_ref().map_or_else(Vec::new, |bytes| bytes.to_vec()))
    }

    /// True between the end of a head and the next message.
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

    /// What is said after a parse. Mirrors the second half of `Parser::Execute`.
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

    /// Steps through one input. Mirrors what llhttp calls of the settings.
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

/// Whether what a callback leaves for the next tick is done right after it.
#[derive(Clone, Copy)]
enum Ticks {
    Now,
    Later,
}

/// What a span comes to.
enum Taken {
    Code(i32),
    /// The fields are full, and go to `kOnHeaders` first.
    Flush((HeaderList, Vec<u8>)),
    Body,
}

impl State {
    fn new(kind: MessageType, max_header_size: u64, lenient: Lenient) -> State {
        let limit = if max_header_size == 0 { DEFAULT_MAX_HEADER_SIZE } else { max_header_size };
        State {
            machine: Machine::new(kind, lenient, Wanted::NODE),
            collected: Collected::default(),
            have_flushed: false,
            header_nread: 0,
            chunk_extensions_nread: 0,
            max_header_size: limit,
            error_spot: None,
        }
    }

    #[inline]
    fn collect(&mut self, span: Span, bytes: &[u8]) -> Taken {
        match span {
            Span::Body => return Taken::Body,
            Span::ChunkExtensionName | Span::ChunkExtensionValue => {
                self.chunk_extensions_nread += bytes.len() as u64;
                if self.chunk_extensions_nread > MAX_CHUNK_EXTENSIONS_SIZE {
                    self.machine.set_reason(EXTENSIONS_OVERFLOW);
                    return Taken::Code(Errno::User as i32);
                }
                return Taken::Code(0);
            }
            _ => {}
        }
        self.header_nread += bytes.len() as u64;
        if self.header_nread >= self.max_header_size {
            self.machine.set_reason(HEADER_OVERFLOW);
            return Taken::Code(Errno::User as i32);
        }
        match span {
            Span::Url => self.collected.url.extend_from_slice(bytes),
            Span::Status => self.collected.status_message.extend_from_slice(bytes),
            Span::HeaderField => {
                if self.collected.is_full() {
                    return Taken::Flush(self.take_for_flush());
                }
                self.collected.field(bytes);
            }
            Span::HeaderValue => self.collected.value(bytes),
            _ => {}
        }
        Taken::Code(0)
    }

    /// What `kOnHeaders` is called with: all pairs, and the target once.
    fn take_for_flush(&mut self) -> (HeaderList, Vec<u8>) {
        (self.collected.headers(), self.collected.url.clone())
    }
}

/// The callbacks.
impl HttpParser {
    fn throw(&self, exception: Exception) {
        self.env.throw(exception);
    }

    fn on_message_begin(&self) {
        let called = self.call(&self.slots.on_message_begin, (), Ticks::Later);
        if let Some(Err(exception)) = called {
            // The original does not count this one as an exception of the parse.
            self.throw(exception);
        }
    }

    /// Gives what is collected to `kOnHeaders`. Mirrors `Parser::Flush`.
    fn flush(&self, flush: (HeaderList, Vec<u8>)) {
        match self.call(&self.slots.on_headers, flush, Ticks::Now) {
            None => return,
            Some(Ok(())) => {}
            Some(Err(exception)) => {
                self.throw(exception);
                self.got_exception.set(true);
            }
        }
        let mut state = self.state.borrow_mut();
        state.collected.url.clear();
        state.have_flushed = true;
    }

    fn on_headers_complete(&self) -> i32 {
        if self.slots.on_headers_complete.borrow().is_none() {
            return 0;
        }
        let mut state = self.state.borrow_mut();
        let (mut headers, mut url) = (None, None);
        let request = state.machine.message_type() == MessageType::Request;
        if state.have_flushed {
            let flush = state.take_for_flush();
            drop(state);
            self.flush(flush);
            state = self.state.borrow_mut();
        } else {
            headers = Some(state.collected.headers());
            url = request.then(|| state.collected.url.clone());
        }
        state.collected.clear_pairs();
        let machine = &state.machine;
        let complete = HeadersComplete {
            version: machine.version(),
            headers,
            method: request.then(|| machine.method()),
            url,
            status_code: (!request).then(|| machine.status_code()),
            status_message: (!request).then(|| state.collected.status_message.clone()),
            upgrade: machine.upgrade(),
            should_keep_alive: machine.should_keep_alive(),
        };
        drop(state);
        match self.call(&self.slots.on_headers_complete, complete, Ticks::Later) {
            None => 0,
            Some(Ok(code)) => code,
            Some(Err(exception)) => self.failed(exception),
        }
    }

    fn on_body(&self, bytes: &[u8]) -> i32 {
        if bytes.is_empty() || self.slots.on_body.borrow().is_none() {
            return 0;
        }
        match self.call(&self.slots.on_body, Chunk::new(bytes.to_vec()), Ticks::Now) {
            None | Some(Ok(())) => 0,
            Some(Err(exception)) => {
                self.failed(exception);
                Errno::User as i32
            }
        }
    }

    fn on_message_complete(&self) -> i32 {
        let mut state = self.state.borrow_mut();
        // Trailers, with the target once more.
        let trailers = state.collected.has_fields().then(|| state.take_for_flush());
        drop(state);
        if let Some(flush) = trailers {
            self.flush(flush);
        }
        match self.call(&self.slots.on_message_complete, (), Ticks::Later) {
            None | Some(Ok(())) => 0,
            Some(Err(exception)) => self.failed(exception),
        }
    }

    fn failed(&self, exception: Exception) -> i32 {
        self.throw(exception);
        self.got_exception.set(true);
        -1
    }

    /// Calls what is in `slot`, with nothing borrowed. `None` if it is empty.
    fn call<A, R>(
        &self,
        slot: &Slot<A, R>,
        argument: A,
        ticks: Ticks,
    ) -> Option<Result<R, Exception>> {
        let callback = slot.borrow().clone()?;
        let this = self.this.upgrade()?;
        if self.env.is_throwing() {
            return Some(Err(Exception::new("")));
        }
        let call = || callback(&this, argument);
        Some(match ticks {
            Ticks::Now => self.env.make_callback(call),
            Ticks::Later => self.env.callback_without_ticks(call),
        })
    }
}

impl StreamListener for HttpParser {
    fn link(&self) -> &ListenerLink {
        &self.link
    }

    fn on_stream_alloc(&self, suggested: usize) -> Buf {
        self.env.parser_alloc(suggested)
    }

    fn on_stream_read(&self, nread: isize, buf: Buf) {
        let _give_back = GiveBack {
            env: &self.env,
            shared: Environment::is_parser_buffer(&buf),
            bytes: RefCell::new(None),
        };
        let data = Chunk::new(buf.into_bytes());
        _give_back.bytes.replace(Some(data.clone()));
        if nread < 0 {
            self.pass_read_error_to_previous_listener(nread);
            return;
        }
        // An empty read has a meaning of its own to the machine.
        if nread == 0 {
            return;
        }
        let shared = _give_back.shared;
        let memory = || if shared { Memory::Reads } else { Memory::of(&data) };
        let Some(result) = self.execute_in(&data, memory) else {
            return;
        };
        if self.slots.on_execute.borrow().is_none() {
            return;
        }
        self.current_buffer.replace(Some(data));
        if let Some(Err(exception)) = self.call(&self.slots.on_execute, result, Ticks::Now) {
            self.throw(exception);
        }
        self.current_buffer.replace(None);
    }
}

/// Gives the shared buffer back on every path.
struct GiveBack<'a> {
    env: &'a Environment,
    shared: bool,
    bytes: RefCell<Option<Chunk>>,
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        if self.shared {
            self.env.parser_free(self.bytes.take().and_then(Chunk::into_vec));
        }
    }
}
