//! [`HttpServerParser`]: a parser with what JavaScript keeps beside it. Mirrors
//! `lib/_http_common.js`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use eventsys::{EThread, HrTime};

use super::emitter::Arg;
use super::incoming::IncomingMessage;
use super::readable::Readable;
use super::socket::Socket;
use crate::buf::Chunk;
use crate::env::Environment;
use crate::http_parser::{ExecuteResult, HTTPParser, HeaderList, HeadersComplete};
use crate::libuv_stream_wrap::span;
use crate::llhttp::{Lenient, MessageType};

/// How many parsers are kept for the next connection. Mirrors the size of the
/// free list `parsers`.
const FREE_LIST_SIZE: usize = 1000;

/// How many names and values of a head have a meaning by default. Mirrors
/// `maxHeaderPairs`, which counts both.
const MAX_HEADER_PAIRS: usize = 2000;

/// Gets what a connection and its parser do, before they do it.
/// For [`Socket::observe`](super::Socket::observe).
pub trait Observer {
    /// The socket is about to call the listeners of an event.
    fn on_emit(&self, event: &str, arg: &Arg);

    /// The parser has taken a step.
    fn on_parser(&self, step: ParserStep<'_>);
}

/// A step of a connection's parser.
/// An [`Observer`] gets it.
#[derive(Debug)]
pub enum ParserStep<'a> {
    /// `kOnHeadersComplete` is called.
    HeadersComplete(&'a HeadersComplete),
    /// `kOnHeaders` is called.
    Headers(&'a HeaderList, &'a [u8]),
    /// `kOnBody` is called.
    Body(&'a Chunk),
    /// `kOnMessageComplete` is called.
    MessageComplete,
    /// `kOnExecute` is called.
    Execute(&'a ExecuteResult),
    /// `unconsume` is called.
    Unconsume,
    /// `pause` is called.
    Pause,
    /// `resume` is called.
    Resume,
    /// `free` is called.
    Free,
    /// `execute` is called, with so many bytes.
    JsExecute(usize),
    /// `execute` has returned.
    JsExecuted(Option<&'a ExecuteResult>),
    /// `finish` has returned.
    Finished(Option<&'a ExecuteResult>),
}

type OnIncoming = dyn Fn(&Rc<IncomingMessage>, bool) -> i32;

/// A parser with what JavaScript keeps beside it.
/// [`Socket::parser`](super::Socket::parser) gives that of a connection.
pub struct HttpServerParser {
    pub(super) native: Rc<HTTPParser>,
    socket: RefCell<Weak<Socket>>,
    pub(super) incoming: RefCell<Option<Rc<IncomingMessage>>>,
    /// Set while it consumes its socket's handle.
    #[doc(alias = "parser._consumed")]
    pub(super) consumed: Cell<bool>,
    pub(super) on_incoming: RefCell<Option<Rc<OnIncoming>>>,
    headers: RefCell<Vec<(Vec<u8>, Vec<u8>)>>,
    /// Names and values together; 0 for no limit.
    #[doc(alias = "maxHeaderPairs")]
    pub(super) max_header_pairs: Cell<usize>,
    pub(super) join_duplicate_headers: Cell<bool>,
    url: RefCell<Vec<u8>>,
    /// When the request that is under way, or the wait for it, began. `None` between
    /// two requests. Mirrors `last_message_start_` and the list of active connections.
    #[doc(alias = "parsingHeadersStart")]
    #[doc(alias = "last_message_start_")]
    active_since: Cell<Option<HrTime>>,
    /// Its place among the parsers that serve a connection.
    number: Cell<u64>,
}

/// The parsers that wait for a connection. Mirrors `FreeList`.
#[doc(alias = "parsers")]
#[doc(alias = "FreeList")]
#[doc(alias = "ConnectionsList")]
#[derive(Default)]
pub(super) struct Parsers {
    free: RefCell<Vec<Rc<HttpServerParser>>>,
    /// The parsers that serve a connection, by their number, which is their order. Mirrors
    /// `ConnectionsList`.
    serving: RefCell<BTreeMap<u64, Weak<HttpServerParser>>>,
    next: Cell<u64>,
}

impl Parsers {
    /// A parser, set up for `socket`.
    pub(super) fn alloc(
        &self,
        env: &Rc<Environment>,
        socket: &Rc<Socket>,
        max_header_size: u64,
        lenient: Lenient,
    ) -> Rc<HttpServerParser> {
        let free = self.free.borrow_mut().pop();
        let parser = free.unwrap_or_else(|| HttpServerParser::new(env));
        parser.native.initialize(MessageType::Request, max_header_size, lenient);
        parser.socket.replace(Rc::downgrade(socket));
        parser.active_since.set(Some(now()));
        let number = self.next.replace(self.next.get() + 1);
        parser.number.set(number);
        self.serving.borrow_mut().insert(number, Rc::downgrade(&parser));
        parser
    }

    /// The parsers whose head, or whose request, takes longer than so many
    /// milliseconds (0 for no limit), the oldest first. Each is listed once. Mirrors
    /// `ConnectionsList::Expired`.
    pub(super) fn expired(&self, headers: u64, request: u64) -> Vec<Rc<HttpServerParser>> {
        let now = now();
        let is_over = |since: HrTime, timeout: u64| timeout > 0 && since < now - span(timeout);
        let mut expired: Vec<(HrTime, Rc<HttpServerParser>)> = Vec::new();
        for parser in self.serving.borrow().values().filter_map(Weak::upgrade) {
            let Some(since) = parser.active_since.get() else { continue };
            let in_head = !parser.native.headers_completed();
            if in_head && is_over(since, headers) || is_over(since, request) {
                parser.active_since.set(None);
                expired.push((since, parser));
            }
        }
        expired.sort_by_key(|(since, _)| *since);
        expired.into_iter().map(|(_, parser)| parser).collect()
    }

    /// The parsers that serve a connection. Mirrors `ConnectionsList::All`.
    pub(super) fn all(&self) -> Vec<Rc<HttpServerParser>> {
        self.serving.borrow().values().filter_map(Weak::upgrade).collect()
    }

    /// The parsers that wait between two requests. Mirrors `ConnectionsList::Idle`.
    pub(super) fn idle(&self) -> Vec<Rc<HttpServerParser>> {
        self.all().into_iter().filter(|parser| parser.active_since.get().is_none()).collect()
    }

    /// Takes a parser back. Mirrors `freeParser`: it is unconsumed, cleaned, and
    /// kept for the next connection; if there are enough, it is closed once its
    /// own stack has unwound.
    #[doc(alias = "freeParser")]
    pub(super) fn free(&self, parser: &Rc<HttpServerParser>, socket: &Socket) {
        if parser.consumed.get() {
            parser.unconsume();
        }
        self.serving.borrow_mut().remove(&parser.number.get());
        // Cleaning does not remove the parser's watcher.
        let observer = socket.observer();
        parser.clean();
        let room = self.free.borrow().len() < FREE_LIST_SIZE;
        if room {
            if let Some(observer) = observer {
                observer.on_parser(ParserStep::Free);
            }
            self.free.borrow_mut().push(Rc::clone(parser));
        } else {
            let native = Rc::clone(&parser.native);
            socket.env().next_tick(move || native.close());
        }
        // The parser of a second 'connection' stays with its own listeners.
        let left = socket.parser.replace(None);
        socket.forgotten.borrow_mut().extend(left.filter(|left| !Rc::ptr_eq(left, parser)));
    }
}

impl HttpServerParser {
    fn new(env: &Rc<Environment>) -> Rc<HttpServerParser> {
        let parser = Rc::new(HttpServerParser {
            native: HTTPParser::new(env),
            socket: RefCell::default(),
            incoming: RefCell::default(),
            consumed: Cell::new(false),
            on_incoming: RefCell::default(),
            headers: RefCell::default(),
            max_header_pairs: Cell::new(MAX_HEADER_PAIRS),
            join_duplicate_headers: Cell::new(false),
            url: RefCell::default(),
            active_since: Cell::new(None),
            number: Cell::new(0),
        });
        let slots = &parser.native.slots;
        let this = Rc::downgrade(&parser);
        slots.on_message_begin.replace(Some(Rc::new(move |_, ()| {
            if let Some(this) = this.upgrade() {
                this.active_since.set(Some(now()));
            }
            Ok(())
        })));
        let this = Rc::downgrade(&parser);
        slots.on_headers.replace(Some(Rc::new(move |_, (list, url)| {
            if let Some(this) = this.upgrade() {
                this.on_headers(&list, &url);
            }
            Ok(())
        })));
        let this = Rc::downgrade(&parser);
        slots.on_headers_complete.replace(Some(Rc::new(move |_, complete| {
            Ok(this.upgrade().map_or(0, |this| this.on_headers_complete(&complete)))
        })));
        let this = Rc::downgrade(&parser);
        slots.on_body.replace(Some(Rc::new(move |_, body| {
            if let Some(this) = this.upgrade() {
                this.on_body(body);
            }
            Ok(())
        })));
        let this = Rc::downgrade(&parser);
        slots.on_message_complete.replace(Some(Rc::new(move |_, ()| {
            if let Some(this) = this.upgrade() {
                this.on_message_complete();
            }
            Ok(())
        })));
        parser
    }

    pub(super) fn socket(&self) -> Option<Rc<Socket>> {
        self.socket.borrow().upgrade()
    }

    pub(super) fn observe(&self, step: ParserStep<'_>) {
        let observer = self.socket().and_then(|socket| socket.observer());
        if let Some(observer) = observer {
            observer.on_parser(step);
        }
    }

    /// Leaves its chain and lets go of its socket, without an event.
    pub fn reset(&self) {
        self.native.unconsume();
        self.clean();
    }

    /// Mirrors `cleanParser`.
    #[doc(alias = "cleanParser")]
    fn clean(&self) {
        self.native.slots.on_execute.replace(None);
        self.socket.replace(Weak::new());
        self.incoming.replace(None);
        self.on_incoming.replace(None);
        self.headers.replace(Vec::new());
        self.max_header_pairs.set(MAX_HEADER_PAIRS);
        self.url.replace(Vec::new());
        self.consumed.set(false);
    }

    pub(super) fn unconsume(&self) {
        self.observe(ParserStep::Unconsume);
        self.native.unconsume();
    }

    pub(super) fn pause(&self) {
        self.observe(ParserStep::Pause);
        self.native.pause();
    }

    pub(super) fn resume(&self) {
        self.observe(ParserStep::Resume);
        self.native.resume();
    }

    pub(super) fn execute(&self, data: &Chunk) -> Option<ExecuteResult> {
        self.observe(ParserStep::JsExecute(data.len()));
        let result = self.native.execute(data);
        self.observe(ParserStep::JsExecuted(result.as_ref()));
        result
    }

    pub(super) fn finish(&self) -> Option<ExecuteResult> {
        let result = self.native.finish();
        self.observe(ParserStep::Finished(result.as_ref()));
        result
    }

    /// Mirrors `parserOnHeaders`: once there are enough, further ones are not kept.
    #[doc(alias = "parserOnHeaders")]
    fn on_headers(&self, list: &HeaderList, url: &[u8]) {
        self.observe(ParserStep::Headers(list, url));
        let most = self.max_header_pairs.get();
        if most == 0 || 2 * self.headers.borrow().len() < most {
            self.keep(list);
        }
        self.url.borrow_mut().extend_from_slice(url);
    }

    fn keep(&self, list: &HeaderList) {
        let pairs = list.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
        self.headers.borrow_mut().extend(pairs);
    }

    /// Mirrors `parserOnHeadersComplete`.
    #[doc(alias = "parserOnHeadersComplete")]
    fn on_headers_complete(&self, complete: &HeadersComplete) -> i32 {
        self.observe(ParserStep::HeadersComplete(complete));
        if let Some(list) = &complete.headers {
            self.headers.replace(Vec::new());
            self.keep(list);
        }
        let headers = self.headers.take();
        let url = complete.url.clone().unwrap_or_else(|| self.url.take());
        let Some(socket) = self.socket() else {
            return 0;
        };
        let most = match self.max_header_pairs.get() {
            0 => headers.len(),
            most => headers.len().min(most / 2),
        };
        let incoming = IncomingMessage::new(&socket, complete, headers, most, url);
        incoming.join_duplicate_headers.set(self.join_duplicate_headers.get());
        self.incoming.replace(Some(Rc::clone(&incoming)));
        let on_incoming = self.on_incoming.borrow().clone();
        on_incoming.map_or(0, |f| f(&incoming, complete.should_keep_alive))
    }

    /// Mirrors `parserOnBody`.
    #[doc(alias = "parserOnBody")]
    fn on_body(&self, body: Chunk) {
        self.observe(ParserStep::Body(&body));
        let incoming = self.incoming.borrow().clone();
        if let Some(incoming) = incoming
            && !incoming.dumped.get()
            && !incoming.push(Some(body))
            && let Some(socket) = self.socket()
        {
            socket.pause();
        }
    }

    /// Mirrors `parserOnMessageComplete`.
    #[doc(alias = "parserOnMessageComplete")]
    fn on_message_complete(&self) {
        self.active_since.set(None);
        self.observe(ParserStep::MessageComplete);
        let incoming = self.incoming.borrow().clone();
        if let Some(incoming) = incoming {
            incoming.complete.set(true);
            self.headers.replace(Vec::new());
            self.url.replace(Vec::new());
            incoming.push(None);
        }
        if let Some(socket) = self.socket() {
            read_start(&socket);
        }
    }
}

/// The time on this event thread.
fn now() -> HrTime {
    EThread::with_current(|thread| thread.map_or(0, |thread| thread.clock().get_hrtime_updated()))
}

/// Lets the connection flow, unless the server holds it back. Mirrors `readStart`
/// of `lib/_http_incoming.js`.
#[doc(alias = "readStart")]
pub(super) fn read_start(socket: &Socket) {
    let state = socket.readable_state();
    let readable = !state.destroyed.get() && !state.errored.get() && !state.end_emitted.get();
    if !socket.paused.get() && readable {
        socket.resume();
    }
}

/// Gives the stream back to the socket. Mirrors `unconsume` of
/// `lib/_http_server.js`.
pub(super) fn unconsume(parser: &HttpServerParser, socket: &Socket) {
    if socket.handle().is_some() {
        if parser.consumed.get() {
            parser.unconsume();
        }
        parser.consumed.set(false);
        let listeners = socket.flow_listeners.take();
        for id in listeners {
            socket.remove_listener(id);
        }
    }
}
