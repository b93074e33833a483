//! [`ServerResponse`]: an answer, as far as it shows on the connection. Mirrors
//! `lib/_http_outgoing.js` and `ServerResponse` of `lib/_http_server.js`.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::emitter::{Arg, Emitter};
use super::incoming::IncomingMessage;
use super::socket::Socket;
use super::writable::Done;
use crate::buf::Chunk;

type OnPendingData = dyn Fn(i64);

/// An answer to one request.
pub struct ServerResponse {
    this: Weak<ServerResponse>,
    pub(super) emitter: Emitter,
    socket: RefCell<Weak<Socket>>,
    output: RefCell<Vec<(Chunk, Option<Done>)>>,
    output_size: Cell<usize>,
    pub(super) on_pending_data: RefCell<Option<Rc<OnPendingData>>>,
    has_body: bool,
    /// The version of the request has chunks.
    chunks: bool,
    pub(super) should_keep_alive: Cell<bool>,
    /// The connection ends with this answer.
    pub(super) last: Cell<bool>,
    pub(super) header_sent: Cell<bool>,
    finished: Cell<bool>,
}

impl ServerResponse {
    pub(super) fn new(request: &IncomingMessage, keep_alive: bool) -> Rc<ServerResponse> {
        let (major, minor) = request.version;
        Rc::new_cyclic(|this: &Weak<ServerResponse>| ServerResponse {
            this: this.clone(),
            emitter: Emitter::default(),
            socket: RefCell::default(),
            output: RefCell::default(),
            output_size: Cell::new(0),
            on_pending_data: RefCell::default(),
            has_body: request.method != "HEAD",
            chunks: major >= 1 && minor >= 1,
            should_keep_alive: Cell::new(keep_alive),
            last: Cell::new(false),
            header_sent: Cell::new(false),
            finished: Cell::new(false),
        })
    }

    fn socket(&self) -> Option<Rc<Socket>> {
        self.socket.borrow().upgrade()
    }

    /// Answers with a status and a body, and ends. Mirrors `writeHead` and `end`.
    pub fn end(&self, status: u16, close: bool, body: &[u8]) {
        if self.finished.get() {
            return;
        }
        let socket = self.socket();
        if let Some(socket) = &socket {
            socket.cork();
        }
        let header = self.header(status, close, body.len());
        let Some(this) = self.this.upgrade() else { return };
        let finish: Done = Box::new(move || {
            for entry in this.emitter.listeners("finish") {
                (entry.listener)(&Arg::None);
            }
        });
        self.header_sent.set(true);
        if self.has_body && !body.is_empty() {
            self.buffer(Chunk::new(header), None);
            self.write_raw(Chunk::new(body.to_vec()), None);
            self.write_raw(Chunk::new(Vec::new()), Some(finish));
        } else {
            self.write_raw(Chunk::new(header), Some(finish));
        }
        if let Some(socket) = &socket {
            socket.uncork_all();
        }
        self.finished.set(true);
    }

    /// Mirrors `_storeHeader`, without the date.
    fn header(&self, status: u16, close: bool, length: usize) -> Vec<u8> {
        let reason = match status {
            200 => "OK",
            400 => "Bad Request",
            _ => "",
        };
        let keep_alive = self.should_keep_alive.get() && self.chunks && !close;
        if !keep_alive {
            self.last.set(true);
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let length =
            if self.has_body { format!("Content-Length: {length}\r\n") } else { String::new() };
        format!("HTTP/1.1 {status} {reason}\r\nConnection: {connection}\r\n{length}\r\n")
            .into_bytes()
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
    fn write_raw(&self, data: Chunk, done: Option<Done>) {
        let socket = self.socket();
        if socket.as_ref().is_some_and(|socket| socket.is_destroyed()) {
            return;
        }
        match socket.filter(|socket| self.has_turn(socket) && socket.is_writable()) {
            Some(socket) => {
                self.flush_output(&socket);
                socket.write_with(data, done);
            }
            None => self.buffer(data, done),
        }
    }

    fn has_turn(&self, socket: &Socket) -> bool {
        let message = socket.http_message.borrow();
        message.as_ref().is_some_and(|message| std::ptr::eq(&raw const **message, self))
    }

    fn flush_output(&self, socket: &Socket) {
        let output = self.output.take();
        if output.is_empty() {
            return;
        }
        socket.cork();
        for (data, done) in output {
            socket.write_with(data, done);
        }
        socket.uncork();
        self.pending(-(self.output_size.replace(0) as i64));
    }

    /// Its turn on the connection has come. Mirrors `assignSocket` and `_flush`.
    pub(super) fn assign_socket(self: &Rc<Self>, socket: &Rc<Socket>) {
        socket.http_message.replace(Some(Rc::clone(self)));
        self.socket.replace(Rc::downgrade(socket));
        if socket.is_writable() {
            self.flush_output(socket);
        }
    }

    /// Its turn is over.
    pub(super) fn detach_socket(&self, socket: &Socket) {
        socket.http_message.replace(None);
        self.socket.replace(Weak::new());
    }

    /// True once its head is on its way.
    #[must_use]
    pub fn is_header_sent(&self) -> bool {
        self.header_sent.get()
    }
}
