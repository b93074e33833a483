//! [`IncomingMessage`]: a request. Mirrors `lib/_http_incoming.js`.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::emitter::{Arg, Emitter, JsError, Watcher};
use super::parser::read_start;
use super::readable::{Readable, ReadableState, emit_to_listeners};
use super::socket::Socket;
use crate::env::Environment;
use crate::http_parser::HeadersComplete;
use crate::llhttp::METHOD_NAMES;

/// Headers whose further values are dropped. Mirrors `matchKnownFields`.
const ONCE: [&str; 18] = [
    "age",
    "host",
    "from",
    "etag",
    "server",
    "referer",
    "expires",
    "location",
    "user-agent",
    "retry-after",
    "content-type",
    "max-forwards",
    "authorization",
    "last-modified",
    "content-length",
    "if-modified-since",
    "proxy-authorization",
    "if-unmodified-since",
];

/// A request, with its body as a stream.
/// [`HttpServer`](super::HttpServer) gives it to its function for requests.
pub struct IncomingMessage {
    this: Weak<IncomingMessage>,
    env: Rc<Environment>,
    socket: Weak<Socket>,
    emitter: Emitter,
    state: ReadableState,
    /// The method.
    pub method: &'static str,
    /// The target.
    pub url: Vec<u8>,
    /// The version, major and minor.
    pub version: (u8, u8),
    /// Names and values, as they came.
    pub raw_headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many of them have a meaning. Mirrors `kHeadersCount`.
    headers_count: usize,
    /// Joins the values of headers that make sense only once, too.
    pub(super) join_duplicate_headers: Cell<bool>,
    pub(super) upgrade: Cell<bool>,
    pub(super) complete: Cell<bool>,
    pub(super) dumped: Cell<bool>,
    pub(super) consuming: Cell<bool>,
    aborted: Cell<bool>,
    watcher: RefCell<Option<Rc<Watcher>>>,
}

impl IncomingMessage {
    pub(super) fn new(
        socket: &Rc<Socket>,
        complete: &HeadersComplete,
        raw_headers: Vec<(Vec<u8>, Vec<u8>)>,
        headers_count: usize,
        url: Vec<u8>,
    ) -> Rc<IncomingMessage> {
        let message = Rc::new_cyclic(|this: &Weak<IncomingMessage>| IncomingMessage {
            this: this.clone(),
            env: Rc::clone(socket.env()),
            socket: Rc::downgrade(socket),
            emitter: Emitter::default(),
            state: ReadableState::new(),
            method: complete.method.map_or("", |method| METHOD_NAMES[usize::from(method)]),
            url,
            version: complete.version,
            raw_headers,
            headers_count,
            join_duplicate_headers: Cell::new(false),
            upgrade: Cell::new(complete.upgrade),
            complete: Cell::new(false),
            dumped: Cell::new(false),
            consuming: Cell::new(false),
            aborted: Cell::new(false),
            watcher: RefCell::default(),
        });
        message.state.reading_more.set(true);
        message
    }

    /// True if there is a header of this name, in any case.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The value of a header, by its name in any case. Several values of one name are
    /// joined with a comma and a space, of `Cookie` with a semicolon and a space; of a
    /// header that makes sense only once, such as `Host`, the first value counts. Mirrors
    /// `_addHeaderLine`, where `Set-Cookie` is a list: here its values are joined with
    /// a comma, as a list becomes a string.
    #[doc(alias = "_addHeaderLine")]
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        let mut values = self.values(name);
        let mut joined = values.next()?.to_vec();
        let once = ONCE.iter().any(|other| name.eq_ignore_ascii_case(other));
        if once && !self.join_duplicate_headers.get() {
            return Some(joined);
        }
        let between: &[u8] = match name.to_ascii_lowercase().as_str() {
            "cookie" => b"; ",
            "set-cookie" => b",",
            _ => b", ",
        };
        for value in values {
            joined.extend_from_slice(between);
            joined.extend_from_slice(value);
        }
        Some(joined)
    }

    /// The names of the headers that have a meaning, in lower case, each once, in the
    /// order in which they came. Mirrors the keys of `headers`.
    #[must_use]
    pub fn header_names(&self) -> Vec<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        for (name, _) in self.raw_headers.iter().take(self.headers_count) {
            let name = name.to_ascii_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The values of the headers of a name that have a meaning, not joined.
    #[must_use]
    pub fn header_list(&self, name: &str) -> Vec<Vec<u8>> {
        self.values(name).map(<[u8]>::to_vec).collect()
    }

    /// The values of the headers of a name that have a meaning.
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let counted = self.raw_headers.iter().take(self.headers_count);
        let found = counted.filter(move |(other, _)| other.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice())
    }

    /// Calls `watcher` with each event before the event's listeners.
    pub fn observe(&self, watcher: impl Fn(&str, &Arg) + 'static) {
        self.watcher.replace(Some(Rc::new(watcher)));
    }

    /// True if it was destroyed before its end. Mirrors `aborted`.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.aborted.get()
    }

    /// Emits `timeout` when its connection has received and sent nothing for so many
    /// milliseconds; 0 for never.
    pub fn set_timeout(&self, ms: u64) {
        if let Some(socket) = self.socket.upgrade() {
            socket.set_timeout(ms);
        }
    }

    /// Throws the rest of the body away. Mirrors `_dump`.
    pub(super) fn dump(&self) {
        if !self.dumped.replace(true) {
            self.emitter.remove_all("data");
            self.resume();
        }
    }
}

impl Readable for IncomingMessage {
    fn readable_state(&self) -> &ReadableState {
        &self.state
    }

    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn env(&self) -> &Rc<Environment> {
        &self.env
    }

    fn shared(&self) -> Option<Rc<dyn Readable>> {
        self.this.upgrade().map(|this| this as Rc<dyn Readable>)
    }

    fn read_more(&self) {
        if !self.consuming.replace(true) {
            self.state.reading_more.set(false);
        }
        if let Some(socket) = self.socket.upgrade() {
            read_start(&socket);
        }
    }

    fn after_end(&self) {
        self.destroy(None);
    }

    fn emit(&self, event: &'static str, arg: &Arg) -> bool {
        let watcher = self.watcher.borrow().clone();
        if let Some(watcher) = watcher {
            watcher(event, arg);
        }
        emit_to_listeners(self, event, arg)
    }

    /// A request that is destroyed before its end is aborted, and takes its connection
    /// along. Mirrors `_destroy`.
    fn destroy(&self, error: Option<JsError>) {
        if self.state.destroyed.replace(true) {
            return;
        }
        if error.is_some() {
            self.state.errored.set(true);
        }
        if !self.state.end_emitted.get() || !self.complete.get() {
            self.aborted.set(true);
            self.emit("aborted", &Arg::None);
        }
        let Some(this) = self.this.upgrade() else { return };
        let failed = error.clone();
        let over = move || this.on_destroyed(failed);
        match self.socket.upgrade() {
            Some(socket) if self.aborted.get() && !socket.is_destroyed() => {
                socket.destroy(error);
                after_finished(&socket, over);
            }
            _ => self.env.next_tick(over),
        }
    }
}

impl IncomingMessage {
    /// Emits the error, if something listens for it, and `close`. Mirrors
    /// `onError` and what `destroy` leaves for the next tick.
    fn on_destroyed(&self, error: Option<JsError>) {
        let Some(this) = self.this.upgrade() else { return };
        let error = error.filter(|_| self.emitter.listener_count("error") > 0);
        self.env.next_tick(move || {
            if let Some(error) = error
                && !this.state.error_emitted.replace(true)
            {
                this.emit("error", &Arg::Error(error));
            }
            this.state.close_emitted.set(true);
            this.emit("close", &Arg::None);
        });
    }
}

/// Calls `over` one tick after the tick in which a socket that has just been
/// destroyed emits its error, or would emit one. Mirrors `finished` of
/// `lib/internal/streams/end-of-stream.js` as a request uses it.
fn after_finished(socket: &Rc<Socket>, over: impl FnOnce() + 'static) {
    let env = Rc::clone(socket.env());
    let (over, queue) = (Cell::new(Some(over)), Rc::clone(&env));
    let once = Rc::new(move || {
        if let Some(over) = over.take() {
            queue.next_tick(over);
        }
    });
    let first = Rc::clone(&once);
    let id = socket.emitter().add("error", true, Rc::new(move |_| first()));
    let socket = Rc::clone(socket);
    env.next_tick(move || {
        socket.remove_listener(id);
        once();
    });
}
