//! [`Socket`]: a connection as JavaScript sees it. What the handle reads becomes `data`
//! events, and what the user writes goes to the handle.
//!
//! Mirrors `Socket` of `lib/net.js` and `lib/internal/stream_base_commons.js`.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::emitter::{Arg, Emitter, JsError, Listener};
use super::onread::OnRead;
use super::parser::{HttpServerParser, Observer, unconsume};
use super::readable::{Readable, ReadableState, emit_to_listeners};
use super::response::ServerResponse;
use super::writable::WritableState;
use crate::buf::Chunk;
use crate::env::{Environment, Exception};
use crate::libuv_stream_wrap::{TCPWrap, Timer};
use crate::resource::StreamResource;
use crate::stream_base::{ReadData, StreamBase};
use crate::uv;
use crate::wrap::{ShutdownWrap, WriteWrap};

/// A handle with what JavaScript keeps on it.
pub(super) struct Handle {
    pub(super) wrap: Rc<TCPWrap>,
    pub(super) reading: Cell<bool>,
    /// Set when a parser consumes the handle, and never reset.
    #[doc(alias = "handle._consumed")]
    pub(super) consumed: Cell<bool>,
}

/// A connection: readable, writable, and maybe consumed by a parser, in which
/// case its `data` event stays silent.
/// [`HttpServer::accept`](super::HttpServer::accept) makes one of each connection.
pub struct Socket {
    env: Rc<Environment>,
    pub(super) this: Weak<Socket>,
    emitter: Emitter,
    r: ReadableState,
    pub(super) w: WritableState,
    pub(super) handle: RefCell<Option<Rc<Handle>>>,
    bytes_read: Cell<u64>,
    /// Where reads go, if the user has said so.
    onread: Option<OnRead>,
    pub(super) parser: RefCell<Option<Rc<HttpServerParser>>>,
    /// Parsers that another one has replaced; node never frees them.
    pub(super) forgotten: RefCell<Vec<Rc<HttpServerParser>>>,
    pub(super) http_message: RefCell<Option<Rc<ServerResponse>>>,
    /// The server has paused it because answers pile up.
    pub(super) paused: Cell<bool>,
    /// The server's listeners for `error`, one for each time that `connection` was
    /// emitted. In the original it is one function, added as often: removing it removes
    /// the last.
    pub(super) error_listeners: RefCell<Vec<u64>>,
    /// `setEncoding` is the server's, which refuses; that never ends.
    pub(super) refuses_encoding: Cell<bool>,
    /// `on` is the server's wrapper, which unconsumes.
    pub(super) wrapped: Cell<bool>,
    /// The listeners that keep the handle reading while it is consumed.
    pub(super) flow_listeners: RefCell<Vec<u64>>,
    pub(super) observer: RefCell<Option<Rc<dyn Observer>>>,
    /// What the server does when a request takes too long.
    pub(super) on_request_timeout: RefCell<Option<Rc<dyn Fn()>>>,
    timer: RefCell<Option<Rc<Timer>>>,
    /// In milliseconds; 0 for none.
    timeout: Cell<u64>,
}

impl Socket {
    /// A socket on an accepted connection, which starts reading.
    #[must_use]
    pub fn new(env: &Rc<Environment>, wrap: Rc<TCPWrap>) -> Rc<Socket> {
        Socket::make(env, wrap, None)
    }

    /// The same, with the user's own memory for its reads: `data` is never emitted.
    #[must_use]
    pub fn with_onread(env: &Rc<Environment>, wrap: Rc<TCPWrap>, onread: OnRead) -> Rc<Socket> {
        Socket::make(env, wrap, Some(onread))
    }

    fn make(env: &Rc<Environment>, wrap: Rc<TCPWrap>, onread: Option<OnRead>) -> Rc<Socket> {
        let socket = Rc::new_cyclic(|this: &Weak<Socket>| Socket {
            env: Rc::clone(env),
            this: this.clone(),
            emitter: Emitter::default(),
            r: ReadableState::new(),
            w: WritableState::default(),
            handle: RefCell::new(None),
            bytes_read: Cell::new(0),
            onread,
            parser: RefCell::default(),
            forgotten: RefCell::default(),
            http_message: RefCell::default(),
            paused: Cell::new(false),
            error_listeners: RefCell::default(),
            refuses_encoding: Cell::new(false),
            wrapped: Cell::new(false),
            flow_listeners: RefCell::default(),
            observer: RefCell::default(),
            on_request_timeout: RefCell::default(),
            timer: RefCell::default(),
            timeout: Cell::new(0),
        });
        let this = Rc::downgrade(&socket);
        wrap.set_onread(Rc::new(move |nread, data| {
            Ok(this.upgrade().and_then(|socket| socket.on_stream_read(nread, data)))
        }));
        if let Some(buffer) = socket.onread.as_ref().and_then(|onread| (onread.buffer)()) {
            wrap.use_user_buffer(buffer);
        }
        let handle = Handle { wrap, reading: Cell::new(false), consumed: Cell::new(false) };
        socket.handle.replace(Some(Rc::new(handle)));
        socket.read(Some(0));
        socket
    }

    /// The watcher of its events and its parser's.
    pub fn observe(&self, observer: Rc<dyn Observer>) {
        self.observer.replace(Some(observer));
    }

    /// Lets go of everything that holds it: listeners, parser, answer, handle.
    pub fn clear(&self) {
        self.emitter.clear();
        drop((self.on_request_timeout.take(), self.timer.take()));
        let kept = (self.observer.take(), self.parser.take(), self.http_message.take());
        let (handle, forgotten) = (self.handle.take(), self.forgotten.take());
        for parser in &forgotten {
            parser.reset();
        }
        drop((kept, handle, forgotten));
    }

    pub(super) fn observer(&self) -> Option<Rc<dyn Observer>> {
        self.observer.borrow().clone()
    }

    pub(super) fn handle(&self) -> Option<Rc<Handle>> {
        self.handle.borrow().clone()
    }

    /// Its parser, if it has one.
    #[must_use]
    pub fn parser(&self) -> Option<Rc<HttpServerParser>> {
        self.parser.borrow().clone()
    }

    /// What a parser's and the handle's `_consumed` say, and whether the handle
    /// reads.
    #[must_use]
    pub fn flags(&self) -> (bool, bool, bool) {
        let parser = self.parser().is_some_and(|parser| parser.consumed.get());
        let handle = self.handle();
        let (consumed, reading) =
            handle.map_or((false, false), |handle| (handle.consumed.get(), handle.reading.get()));
        (parser, consumed, reading)
    }

    /// Bytes that have come, for any listener.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.handle().map_or(self.bytes_read.get(), |handle| handle.wrap.bytes_read())
    }

    /// True once it has been destroyed.
    #[must_use]
    pub fn is_destroyed(&self) -> bool {
        self.r.destroyed.get()
    }

    /// Calls a listener once. Goes through `on`, so a wrapper sees it.
    pub fn once(&self, event: &'static str, listener: Listener) -> u64 {
        self.add(event, true, listener)
    }

    /// Pipes what is read into `sink`.
    pub fn pipe(&self, sink: impl Fn(&Chunk) + 'static) {
        self.on(
            "data",
            Rc::new(move |arg| {
                if let Arg::Data(chunk) = arg {
                    sink(chunk);
                }
            }),
        );
        self.resume();
    }

    /// Refuses: the user cannot decode the bytes of a consumed socket.
    ///
    /// # Errors
    /// On a server's socket, `ERR_HTTP_SOCKET_ENCODING`.
    pub fn set_encoding(&self) -> Result<(), JsError> {
        match self.refuses_encoding.get() {
            true => Err(JsError::new("ERR_HTTP_SOCKET_ENCODING")),
            false => Ok(()),
        }
    }

    /// Emits `timeout` when it has received and sent nothing for so many milliseconds; 0
    /// for never.
    pub fn set_timeout(&self, ms: u64) {
        if !self.r.destroyed.get() {
            self.start_timer(ms);
        }
    }

    fn start_timer(&self, ms: u64) {
        self.timeout.set(ms);
        if ms == 0 {
            if let Some(timer) = &*self.timer.borrow() {
                timer.stop();
            }
            return;
        }
        let this = self.this.clone();
        let make = || {
            Timer::new(&self.env, move || {
                if let Some(socket) = this.upgrade() {
                    socket.emit("timeout", &Arg::None);
                }
            })
        };
        let timer = Rc::clone(self.timer.borrow_mut().get_or_insert_with(make));
        timer.start(ms);
    }

    /// It has received or sent something. Mirrors `_unrefTimer`.
    #[doc(alias = "_unrefTimer")]
    #[doc(alias = "kUpdateTimer")]
    pub(super) fn update_timer(&self) {
        if self.timeout.get() != 0 {
            self.start_timer(self.timeout.get());
        }
    }

    fn add(&self, event: &'static str, once: bool, listener: Listener) -> u64 {
        let id = self.readable_on(event, once, listener);
        if self.wrapped.get() {
            match self.parser() {
                None => self.wrapped.set(false),
                Some(parser) if matches!(event, "data" | "readable") => unconsume(&parser, self),
                Some(_) => {}
            }
        }
        id
    }

    /// Ends it, and destroys it once all is written.
    pub fn destroy_soon(&self) {
        if self.is_writable() {
            self.end();
        }
        if self.w.finished.get() {
            self.destroy(None);
        } else {
            let this = self.this.clone();
            self.once(
                "finish",
                Rc::new(move |_| {
                    if let Some(this) = this.upgrade() {
                        this.destroy(None);
                    }
                }),
            );
        }
    }

    /// A read that no parser has taken. Mirrors `onStreamRead`.
    #[doc(alias = "onStreamRead")]
    /// Returns the memory for the next read, if that changes.
    fn on_stream_read(&self, nread: isize, data: ReadData) -> Option<Vec<u8>> {
        self.update_timer();
        if let ReadData::Fresh(chunk) | ReadData::UserBuffer(chunk) = data {
            if nread == 0 || self.r.destroyed.get() {
                return None;
            }
            let (more, next) = match &self.onread {
                Some(onread) => ((onread.callback)(&chunk), (onread.buffer)()),
                None => (self.push(Some(chunk)), None),
            };
            if !more {
                self.read_stop();
            }
            return next;
        }
        if nread != uv::EOF {
            self.destroy(Some(JsError::new(uv::name(nread))));
        } else if !self.r.end_emitted.get() {
            self.push(None);
            self.read(Some(0));
        }
        None
    }

    /// Mirrors `tryReadStart`.
    #[doc(alias = "tryReadStart")]
    pub(super) fn read_start(&self) {
        if let Some(handle) = self.handle()
            && !handle.reading.replace(true)
        {
            let err = handle.wrap.read_start();
            if err != 0 {
                self.destroy(Some(JsError::new(uv::name(err as isize))));
            }
        }
    }

    pub(super) fn read_stop(&self) {
        if let Some(handle) = self.handle()
            && handle.reading.replace(false)
        {
            handle.wrap.read_stop();
        }
    }

    /// Writes to the handle, which calls `onwrite`.
    pub(super) fn write_to_handle(&self, chunks: Vec<Chunk>) {
        self.update_timer();
        let Some(handle) = self.handle() else {
            self.onwrite(Some(JsError::new("ERR_SOCKET_CLOSED")));
            return;
        };
        let this = self.this.clone();
        let request = WriteWrap::new(move |status| {
            if let Some(socket) = this.upgrade() {
                socket.on_write_complete(status);
            }
        });
        let err = handle.wrap.writev(&request, chunks);
        if err != 0 {
            self.onwrite(Some(JsError::new(uv::name(err as isize))));
        } else if !self.env.last_write_was_async() {
            self.onwrite(None);
        }
    }

    /// A write that did not end at once has ended. A destroyed socket ignores its error.
    /// Mirrors `onWriteComplete`.
    #[doc(alias = "onWriteComplete")]
    fn on_write_complete(&self, status: i32) {
        if self.r.destroyed.get() {
            self.onwrite(None);
            return;
        }
        if status < 0 {
            self.onwrite(Some(JsError::new(uv::name(status as isize))));
            return;
        }
        self.update_timer();
        self.onwrite(None);
    }

    /// Shuts the writing side of the handle down. Mirrors `_final`.
    #[doc(alias = "Socket.prototype._final")]
    pub(super) fn final_write(&self, done: impl FnOnce() + 'static) {
        let Some(handle) = self.handle() else {
            done();
            return;
        };
        let done = Rc::new(Cell::new(Some(Box::new(done) as Box<dyn FnOnce()>)));
        let later = Rc::clone(&done);
        let request = ShutdownWrap::new(move |_| {
            if let Some(done) = later.take() {
                done();
            }
        });
        if handle.wrap.shutdown(&request) == uv::ENOTCONN
            && let Some(done) = done.take()
        {
            done();
        }
    }
}

impl Readable for Socket {
    fn readable_state(&self) -> &ReadableState {
        &self.r
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

    /// Mirrors `Socket.prototype._read`.
    #[doc(alias = "Socket.prototype._read")]
    fn read_more(&self) {
        self.read_start();
    }

    fn about_to_read(&self) {
        if self.onread.is_some() {
            self.read_start();
        }
    }

    fn about_to_pause(&self) {
        if self.onread.is_some() {
            self.read_stop();
        }
    }

    fn on(&self, event: &'static str, listener: Listener) -> u64 {
        self.add(event, false, listener)
    }

    fn emit(&self, event: &'static str, arg: &Arg) -> bool {
        if let Some(observer) = self.observer() {
            observer.on_emit(event, arg);
        }
        let heard = emit_to_listeners(self, event, arg);
        // An error without a listener is thrown, and ends the program.
        if let (false, "error", Arg::Error(error)) = (heard, event, arg) {
            self.env.throw(Exception::new(error.code.clone()));
        }
        heard
    }

    fn after_end(&self) {
        // A server's sockets are made with allowHalfOpen.
        if self.w.finished.get() {
            self.destroy(None);
        }
    }

    /// Mirrors `destroy` and `Socket._destroy`: the handle is closed, `error` is
    /// emitted in the next tick, and `close` when the handle is closed.
    fn destroy(&self, error: Option<JsError>) {
        if self.r.destroyed.get() {
            return;
        }
        self.destroy_writable();
        self.r.destroyed.set(true);
        if error.is_some() {
            self.r.errored.set(true);
        }
        self.start_timer(0);
        let Some(this) = self.this() else { return };
        if let Some(handle) = self.handle.take() {
            self.bytes_read.set(handle.wrap.bytes_read());
            let socket = Rc::clone(&this);
            handle.wrap.close(move || {
                socket.emit("close", &Arg::None);
            });
            handle.wrap.set_onread(Rc::new(|_, _| Ok(None)));
        } else {
            let socket = Rc::clone(&this);
            self.env.next_tick(move || socket.r.close_emitted.set(true));
        }
        self.env.next_tick(move || {
            if let Some(error) = error
                && !this.r.error_emitted.replace(true)
            {
                this.emit("error", &Arg::Error(error));
            }
            this.r.close_emitted.set(true);
        });
    }
}
