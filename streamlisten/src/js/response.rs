//! [`ServerResponse`]: an answer, as far as it shows on the connection. Mirrors
//! `lib/_http_outgoing.js` and `ServerResponse` of `lib/_http_server.js`, without the
//! date, trailers and the progressive headers.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::emitter::{Arg, Emitter, JsError, Listener, Watcher};
use super::incoming::IncomingMessage;
use super::readable::{HIGH_WATER_MARK, Readable};
use super::socket::Socket;
use super::status_codes::reason;
use super::writable::Done;
use crate::buf::Chunk;
use crate::env::{Environment, Exception};

type OnPendingData = dyn Fn(i64);

/// An answer to one request. The head is made by [`ServerResponse::write_head`], or
/// by the first write, and goes out with the first bytes of the body.
/// The example of [`HttpServer`](super::HttpServer) sends one.
pub struct ServerResponse {
    this: Weak<ServerResponse>,
    env: Rc<Environment>,
    pub(super) emitter: Emitter,
    socket: RefCell<Weak<Socket>>,
    output: RefCell<Vec<(Chunk, Option<Done>)>>,
    output_size: Cell<usize>,
    pub(super) on_pending_data: RefCell<Option<Rc<OnPendingData>>>,
    has_body: Cell<bool>,
    /// The version of the request has chunks.
    chunks: bool,
    pub(super) should_keep_alive: Cell<bool>,
    /// The connection ends with this answer.
    pub(super) last: Cell<bool>,
    header: RefCell<Option<String>>,
    pub(super) header_sent: Cell<bool>,
    /// The body goes out in chunks.
    chunked: Cell<bool>,
    content_length: Cell<Option<usize>>,
    need_drain: Cell<bool>,
    /// The timeout in the answer's head, in milliseconds.
    pub(super) keep_alive_timeout: Cell<u64>,
    /// How many requests its connection may have, 0 for any number; the head says it.
    pub(super) max_requests: Cell<u32>,
    /// This is the last of them.
    pub(super) max_requests_reached: Cell<bool>,
    pub(super) expect_continue: Cell<bool>,
    sent_100: Cell<bool>,
    finished: Cell<bool>,
    destroyed: Cell<bool>,
    closed: Cell<bool>,
    /// What it does once it has a socket, in order.
    on_socket: RefCell<Vec<OnSocket>>,
    /// The socket's listener that closes it.
    close_listener: Cell<Option<u64>>,
    watcher: RefCell<Option<Rc<Watcher>>>,
}

/// What an answer whose turn has not come does when it gets its socket.
enum OnSocket {
    Destroy(Option<JsError>),
    SetTimeout(u64),
}

impl ServerResponse {
    pub(super) fn new(request: &IncomingMessage, keep_alive: bool) -> Rc<ServerResponse> {
        let (major, minor) = request.version;
        Rc::new_cyclic(|this: &Weak<ServerResponse>| ServerResponse {
            this: this.clone(),
            env: Rc::clone(request.env()),
            emitter: Emitter::default(),
            socket: RefCell::default(),
            output: RefCell::default(),
            output_size: Cell::new(0),
            on_pending_data: RefCell::default(),
            has_body: Cell::new(request.method != "HEAD"),
            chunks: major >= 1 && minor >= 1,
            should_keep_alive: Cell::new(keep_alive),
            last: Cell::new(false),
            header: RefCell::default(),
            header_sent: Cell::new(false),
            chunked: Cell::new(false),
            content_length: Cell::new(None),
            need_drain: Cell::new(false),
            keep_alive_timeout: Cell::new(0),
            max_requests: Cell::new(0),
            max_requests_reached: Cell::new(false),
            expect_continue: Cell::new(false),
            sent_100: Cell::new(false),
            finished: Cell::new(false),
            destroyed: Cell::new(false),
            closed: Cell::new(false),
            on_socket: RefCell::default(),
            close_listener: Cell::new(None),
            watcher: RefCell::default(),
        })
    }

    /// A handle to itself.
    pub(super) fn shared(&self) -> Option<Rc<ServerResponse>> {
        self.this.upgrade()
    }

    fn socket(&self) -> Option<Rc<Socket>> {
        self.socket.borrow().upgrade()
    }

    /// Adds a listener; returns its number. `drain` says that a waiting writer may go on,
    /// `finish` that all is written, `close` that nothing more comes, `error` that
    /// a write came too late, `timeout` that its connection is idle.
    pub fn on(&self, event: &'static str, listener: Listener) -> u64 {
        self.emitter.add(event, false, listener)
    }

    /// Calls `watcher` with each event before the event's listeners.
    pub fn observe(&self, watcher: impl Fn(&str, &Arg) + 'static) {
        self.watcher.replace(Some(Rc::new(watcher)));
    }

    /// Lets go of everything that holds it: listeners, and what waits.
    pub fn clear(&self) {
        self.emitter.clear();
        let output = self.output.take();
        drop((output, self.on_pending_data.take(), self.watcher.take()));
    }

    /// Destroys its connection; if its turn has not come, when it comes. Mirrors
    /// `OutgoingMessage.prototype.destroy`.
    pub fn destroy(&self, error: Option<JsError>) {
        if self.destroyed.replace(true) {
            return;
        }
        match self.socket() {
            Some(socket) => socket.destroy(error),
            None => self.on_socket.borrow_mut().push(OnSocket::Destroy(error)),
        }
    }

    /// Emits `timeout` when its connection has received and sent nothing for so many
    /// milliseconds; 0 for never. If its turn has not come, the time begins then.
    pub fn set_timeout(&self, ms: u64) {
        match self.socket() {
            Some(socket) => socket.set_timeout(ms),
            None => self.on_socket.borrow_mut().push(OnSocket::SetTimeout(ms)),
        }
    }

    /// Makes the head, which goes out with the first bytes of the body. Mirrors
    /// `writeHead`.
    ///
    /// # Errors
    /// `ERR_HTTP_HEADERS_SENT`, if it has been made.
    pub fn write_head(&self, status: u16, headers: &[(&str, &str)]) -> Result<(), JsError> {
        let made = self.header.borrow().is_some();
        if made {
            return Err(JsError::new("ERR_HTTP_HEADERS_SENT"));
        }
        self.store_head(status, headers);
        Ok(())
    }

    /// Makes the head of an answer that has none.
    pub(super) fn store_head(&self, status: u16, headers: &[(&str, &str)]) {
        if matches!(status, 100..=199 | 204 | 304) {
            self.has_body.set(false);
        }
        // A client that waits for a 100 and gets another status may send its body or not.
        if self.expect_continue.get() && !self.sent_100.get() {
            self.should_keep_alive.set(false);
        }
        let header = self.make_header(status, headers);
        self.header.replace(Some(header));
    }

    /// Mirrors `_storeHeader`.
    #[doc(alias = "_storeHeader")]
    fn make_header(&self, status: u16, headers: &[(&str, &str)]) -> String {
        let mut header = format!("HTTP/1.1 {status} {}\r\n", reason(status));
        let (mut connection, mut framed) = (false, false);
        let mut content_length = false;
        for (name, value) in headers {
            header.push_str(&format!("{name}: {value}\r\n"));
            if name.eq_ignore_ascii_case("connection") {
                connection = true;
                match value.eq_ignore_ascii_case("close") {
                    true => self.last.set(true),
                    false => self.should_keep_alive.set(true),
                }
            } else if name.eq_ignore_ascii_case("content-length") {
                (content_length, framed) = (true, true);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                framed = true;
                self.chunked.set(value.eq_ignore_ascii_case("chunked"));
            }
        }
        // An answer without a body has no chunks; a client that expects some would wait for ever.
        if self.chunked.get() && matches!(status, 204 | 304) {
            self.chunked.set(false);
            self.should_keep_alive.set(false);
        }
        if !connection {
            let keep_alive = self.should_keep_alive.get() && (content_length || self.chunks);
            if keep_alive && self.max_requests_reached.get() {
                header.push_str("Connection: close\r\n");
            } else if keep_alive {
                header.push_str("Connection: keep-alive\r\n");
                let timeout = self.keep_alive_timeout.get();
                if timeout != 0 {
                    let max = match self.max_requests.get() {
                        0 => String::new(),
                        n => format!(", max={n}"),
                    };
                    header.push_str(&format!("Keep-Alive: timeout={}{max}\r\n", timeout / 1000));
                }
            } else {
                self.last.set(true);
                header.push_str("Connection: close\r\n");
            }
        }
        if !framed {
            match self.content_length.get() {
                _ if !self.has_body.get() => self.chunked.set(false),
                _ if !self.chunks => self.last.set(true),
                Some(n) => header.push_str(&format!("Content-Length: {n}\r\n")),
                None => {
                    header.push_str("Transfer-Encoding: chunked\r\n");
                    self.chunked.set(true);
                }
            }
        }
        header.push_str("\r\n");
        header
    }

    /// Says that the client may send its body. Mirrors `writeContinue`.
    pub fn write_continue(&self) {
        self.write_raw(Chunk::new(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), None);
        self.sent_100.set(true);
    }

    /// Writes a part of the body. False if the writer should wait for `drain`.
    /// Mirrors `write` with a `Buffer`.
    pub fn write(&self, bytes: &[u8]) -> bool {
        self.write_body(Piece::Bytes(bytes.to_vec()))
    }

    /// The same with a string. On the connection the two differ only where this piece
    /// is the first, and something waits before it: see [`ServerResponse::end_text`].
    pub fn write_text(&self, text: &str) -> bool {
        self.write_body(Piece::Utf8(text.to_string()))
    }

    fn write_body(&self, piece: Piece) -> bool {
        let more = self.write_part(piece, false);
        if !more {
            self.need_drain.set(true);
        }
        more
    }

    /// Mirrors `write_`.
    fn write_part(&self, piece: Piece, from_end: bool) -> bool {
        if self.finished.get() {
            self.fail(JsError::new("ERR_STREAM_WRITE_AFTER_END"));
            return false;
        }
        if self.destroyed.get() {
            return false;
        }
        if self.header.borrow().is_none() {
            if from_end {
                self.content_length.set(Some(piece.len()));
            }
            self.store_head(200, &[]);
        }
        if !self.has_body.get() {
            return true;
        }
        // What is written in one turn goes out together.
        if let (false, Some(socket)) = (from_end, self.socket().filter(|s| !s.is_corked())) {
            socket.cork();
            self.env.next_tick(move || socket.uncork());
        }
        if !self.chunked.get() || piece.len() == 0 {
            return self.send(piece, None);
        }
        let crlf = || Piece::Bytes(b"\r\n".to_vec());
        self.send(Piece::Latin1(format!("{:x}", piece.len())), None);
        self.send(crlf(), None);
        self.send(piece, None);
        self.send(crlf(), None)
    }

    /// Ends, with a last part of the body if there is one. Mirrors `end` with a
    /// `Buffer`.
    pub fn end(&self, bytes: Option<&[u8]>) {
        self.end_with(bytes.map(|bytes| Piece::Bytes(bytes.to_vec())));
    }

    /// Ends with a string. Where the head has not gone out, it goes with the string,
    /// behind what waits; before a `Buffer` it goes before all that waits. Mirrors `end`.
    pub fn end_text(&self, text: &str) {
        // An empty string counts as no string.
        self.end_with((!text.is_empty()).then(|| Piece::Utf8(text.to_string())));
    }

    fn end_with(&self, piece: Option<Piece>) {
        if self.finished.get() {
            if piece.is_some() {
                self.fail(JsError::new("ERR_STREAM_WRITE_AFTER_END"));
            }
            return;
        }
        let socket = self.socket();
        if let Some(socket) = &socket
            && (piece.is_some() || self.header.borrow().is_none())
        {
            socket.cork();
        }
        let has_piece = piece.is_some();
        match piece {
            Some(piece) => {
                self.write_part(piece, true);
            }
            None if self.header.borrow().is_none() => {
                self.content_length.set(Some(0));
                self.store_head(200, &[]);
            }
            None => {}
        }
        let Some(this) = self.this.upgrade() else { return };
        let finish: Done = Box::new(move || {
            this.emit("finish", &Arg::None);
        });
        let waits = self.output_size.get() + socket.as_ref().map_or(0, |s| s.writable_length());
        if self.has_body.get() && self.chunked.get() {
            self.send(Piece::Latin1("0\r\n\r\n".to_string()), Some(finish));
        } else if !self.header_sent.get() || waits > 0 || has_piece {
            self.send(Piece::Latin1(String::new()), Some(finish));
        } else {
            self.env.next_tick(finish);
        }
        if let Some(socket) = &socket {
            socket.uncork_all();
        }
        self.finished.set(true);
    }

    /// Calls the listeners of an event. True if there was one.
    pub(super) fn emit(&self, event: &'static str, arg: &Arg) -> bool {
        let watcher = self.watcher.borrow().clone();
        if let Some(watcher) = watcher {
            watcher(event, arg);
        }
        let listeners = self.emitter.listeners(event);
        for entry in &listeners {
            if entry.once {
                self.emitter.remove(entry.id);
            }
            (entry.listener)(arg);
        }
        !listeners.is_empty()
    }

    /// Emits an error in the next tick, unless it has been destroyed by then. Mirrors
    /// `onError` and `emitErrorNt`.
    fn fail(&self, error: JsError) {
        if self.destroyed.get() {
            return;
        }
        let Some(this) = self.this.upgrade() else { return };
        self.env.next_tick(move || {
            if this.destroyed.get() {
                return;
            }
            let code = error.code.clone();
            if !this.emit("error", &Arg::Error(error)) {
                this.env.throw(Exception::new(code));
            }
        });
    }

    /// Mirrors `emitCloseNT`.
    pub(super) fn close(&self) {
        if !self.closed.replace(true) {
            self.destroyed.set(true);
            self.emit("close", &Arg::None);
        }
    }

    /// The writer may go on, if it waits. Mirrors what `socketOnDrain` and `_flush` do
    /// with `kNeedDrain`.
    pub(super) fn drained(&self) {
        if !self.finished.get() && self.need_drain.replace(false) {
            self.emit("drain", &Arg::None);
        }
    }

    /// Sends a piece, after the head if that has not been sent. A string takes the head
    /// with it; before a `Buffer` the head goes in front of everything that waits, a
    /// `100 Continue` included. Mirrors `_send`.
    #[doc(alias = "_send")]
    fn send(&self, piece: Piece, done: Option<Done>) -> bool {
        let waits = !self.header_sent.get();
        let header = self.header.borrow().clone().filter(|_| waits);
        self.header_sent.set(!waits || header.is_some());
        let header = header.unwrap_or_default();
        let bytes = match piece {
            Piece::Bytes(bytes) => {
                if !header.is_empty() {
                    self.buffer_first(Chunk::new(latin1(&header)));
                }
                bytes
            }
            Piece::Utf8(text) => (header + &text).into_bytes(),
            Piece::Latin1(text) => latin1(&(header + &text)),
        };
        self.write_raw(Chunk::new(bytes), done)
    }

    fn buffer_first(&self, data: Chunk) {
        let n = data.len();
        self.output.borrow_mut().insert(0, (data, None));
        self.output_size.set(self.output_size.get() + n);
        self.pending(n as i64);
    }

    fn buffer(&self, data: Chunk, done: Option<Done>) {
        let n = data.len();
        self.output.borrow_mut().push((data, done));
        self.output_size.set(self.output_size.get() + n);
        self.pending(n as i64);
    }

    fn pending(&self, delta: i64) {
        let on_pending_data = self.on_pending_data.borrow().clone();
        if let Some(f) = on_pending_data {
            f(delta);
        }
    }

    /// Mirrors `_writeRaw`.
    #[doc(alias = "_writeRaw")]
    fn write_raw(&self, data: Chunk, done: Option<Done>) -> bool {
        let socket = self.socket();
        if socket.as_ref().is_some_and(|socket| socket.is_destroyed()) {
            return false;
        }
        match socket.filter(|socket| self.has_turn(socket) && socket.is_writable()) {
            Some(socket) => {
                self.flush_output(&socket);
                socket.write_with(data, done)
            }
            None => {
                self.buffer(data, done);
                self.output_size.get() < HIGH_WATER_MARK
            }
        }
    }

    fn has_turn(&self, socket: &Socket) -> bool {
        let message = socket.http_message.borrow();
        message.as_ref().is_some_and(|message| std::ptr::eq(&raw const **message, self))
    }

    /// Writes what has waited. Returns the result of the last write, if there was one.
    fn flush_output(&self, socket: &Socket) -> Option<bool> {
        let output = self.output.take();
        if output.is_empty() {
            return None;
        }
        socket.cork();
        let mut more = None;
        for (data, done) in output {
            more = Some(socket.write_with(data, done));
        }
        socket.uncork();
        self.pending(-(self.output_size.replace(0) as i64));
        more
    }

    /// Its turn on the connection has come. Mirrors `assignSocket` and `_flush`.
    pub(super) fn assign_socket(self: &Rc<Self>, socket: &Rc<Socket>) {
        socket.http_message.replace(Some(Rc::clone(self)));
        let this = Rc::downgrade(self);
        let close = socket.on(
            "close",
            Rc::new(move |_| {
                if let Some(this) = this.upgrade() {
                    this.close();
                }
            }),
        );
        self.close_listener.set(Some(close));
        self.socket.replace(Rc::downgrade(socket));
        for wanted in self.on_socket.take() {
            match wanted {
                OnSocket::Destroy(error) => socket.destroy(error),
                OnSocket::SetTimeout(ms) => socket.set_timeout(ms),
            }
        }
        if socket.is_writable() && self.flush_output(socket) == Some(true) {
            self.drained();
        }
    }

    /// Its turn is over.
    pub(super) fn detach_socket(&self, socket: &Socket) {
        if let Some(id) = self.close_listener.take() {
            socket.remove_listener(id);
        }
        socket.http_message.replace(None);
        self.socket.replace(Weak::new());
    }

    /// True once [`ServerResponse::end`] has been called.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished.get()
    }

    /// True once its head is on its way.
    #[must_use]
    pub fn is_header_sent(&self) -> bool {
        self.header_sent.get()
    }
}

/// What is sent: a `Buffer`, or a string with its encoding.
enum Piece {
    Bytes(Vec<u8>),
    Utf8(String),
    Latin1(String),
}

impl Piece {
    /// How many bytes it is on the connection.
    fn len(&self) -> usize {
        match self {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Utf8(text) => text.len(),
            Piece::Latin1(text) => text.chars().count(),
        }
    }
}

/// A string's bytes in Latin-1; for a character outside it, the lower eight bits.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}
