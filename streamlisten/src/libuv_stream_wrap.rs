//! [`LibuvStreamWrap`]: a stream over a network connection of this project.
//!
//! Mirrors `src/stream_wrap.cc` and `connection_wrap.cc`, with a
//! [`NetVConnection`](iocore::NetVConnection) where the original has a libuv
//! handle. Any such connection works: a listener chain can stand on a PluginVC pair,
//! without a socket.
//!
//! # What libuv did
//! Reading asks the listeners for 64 KiB before every read, and goes on until a
//! read has not filled its memory, or [`READS_IN_A_TURN`] times. So a read that has
//! filled its memory exactly is followed by one of zero bytes, or by the end, unless
//! it was the last of its turn. Writes go at once as far as there is room
//! ([`SEND_BUFFER_SIZE`], for the socket's own buffer); the rest waits in order.
//! Completions come in a later turn of the loop, never inside the call.

mod bridge;
mod connection_wrap;
mod kernel;
mod read;
mod timer;
mod write;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use eventsys::{EThread, EventCode, Guard};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, NetVcRef, VioHandle};

use crate::buf::Chunk;
use crate::env::Environment;
use crate::resource::{ListenerChain, StreamResource};
use crate::stream_base::{StreamBase, StreamBaseState};
use crate::uv;
use crate::wrap::{ShutdownWrap, WriteWrap};

use bridge::{BridgeRef, Target, new_bridge};
pub use connection_wrap::ConnectionWrap;
use kernel::KernelSocket;
pub use read::READS_IN_A_TURN;
pub(crate) use timer::{Timer, span};

/// How many bytes may be under way before a write has to wait. Stands for the kernel's
/// send buffer of a socket.
pub const SEND_BUFFER_SIZE: usize = 2 * 1024 * 1024;

/// A connection takes about so many bytes from its socket before they are read. Stands
/// for the kernel's receive buffer in node: a message that has come in one piece is read
/// in one piece.
const RECEIVE_BUFFER_SIZE: i64 = 1024 * 1024;

/// A TCP connection. What the original adds to its base class is about sockets'
/// options, which a connection of this project has itself.
pub type TCPWrap = LibuvStreamWrap;

/// A stream over a network connection.
/// A [`ConnectionWrap`] makes one of each connection.
pub struct LibuvStreamWrap {
    base: StreamBaseState,
    this: Weak<LibuvStreamWrap>,
    bridge: BridgeRef,
    io: RefCell<Option<Io>>,
    state: Cell<HandleState>,
    /// What a socket would know of the other end.
    socket: KernelSocket,
    /// The connection has reported its end.
    eos: Cell<bool>,
    /// Mirrors `UV_HANDLE_READING`.
    reading: Cell<bool>,
    /// False once an error has been read. Mirrors `UV_HANDLE_READABLE`.
    readable: Cell<bool>,
    /// False once a shutdown has begun, or an error has been read. Mirrors
    /// `UV_HANDLE_WRITABLE`.
    writable: Cell<bool>,
    writes: RefCell<VecDeque<(Rc<WriteWrap>, Vec<Chunk>)>>,
    completed: RefCell<Vec<(Rc<WriteWrap>, i32)>>,
    shutdown_request: RefCell<Option<Rc<ShutdownWrap>>>,
    /// Writing has its turn before reading, once. Mirrors `uv__io_feed`.
    fed: Cell<bool>,
    /// The end of the output goes out once the connection has taken what was written.
    fin: Cell<bool>,
    onclose: RefCell<Option<Box<dyn FnOnce()>>>,
    /// Itself, while it is closed and its connection still sends.
    lingers: RefCell<Option<Rc<LibuvStreamWrap>>>,
}

/// The state of a handle. Mirrors `HandleWrap::State`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HandleState {
    /// Mirrors `kInitialized`.
    Open,
    /// `close` has been called: the descriptor is gone, the callback will come. Mirrors
    /// `kClosing`.
    Closing,
    /// The callback is being called, or has been. Mirrors `kClosed`.
    Closed,
}

/// The connection with its two operations.
struct Io {
    vc: NetVcRef,
    read_vio: VioHandle,
    read_reader: IOBufferReader,
    write_vio: VioHandle,
    write_buffer: BoundBuffer,
    write_reader: IOBufferReader,
}

impl LibuvStreamWrap {
    /// A stream over `vc`, on the current event thread.
    ///
    /// # Panics
    /// If the calling thread is no event thread.
    #[must_use]
    pub fn new(env: &Rc<Environment>, vc: NetVcRef) -> Rc<LibuvStreamWrap> {
        let home = EThread::current().expect("a stream is made on an event thread");
        let wrap = Rc::new_cyclic(|this: &Weak<LibuvStreamWrap>| LibuvStreamWrap {
            base: StreamBaseState::new(env),
            this: this.clone(),
            bridge: new_bridge(home, this.clone()),
            io: RefCell::new(None),
            state: Cell::new(HandleState::Open),
            socket: KernelSocket::new(),
            eos: Cell::new(false),
            reading: Cell::new(false),
            readable: Cell::new(true),
            writable: Cell::new(true),
            writes: RefCell::default(),
            completed: RefCell::default(),
            shutdown_request: RefCell::default(),
            fed: Cell::new(false),
            fin: Cell::new(false),
            onclose: RefCell::default(),
            lingers: RefCell::default(),
        });
        wrap.attach(vc);
        wrap
    }

    fn attach(&self, vc: NetVcRef) {
        let mutex = Arc::clone(self.bridge.mutex());
        let guard = mutex.lock();
        let read_buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(&mutex);
        let write_buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(&mutex);
        read_buffer.set_water_mark(&guard, RECEIVE_BUFFER_SIZE);
        let (Ok(read_reader), Ok(write_reader)) =
            (read_buffer.alloc_reader(&guard), write_buffer.alloc_reader(&guard))
        else {
            return; // New buffers have room for five readers each.
        };
        let cont = self.bridge.continuation();
        let read_vio = vc.do_io_read(&guard, Some(cont.clone()), i64::MAX, Some(&read_buffer));
        let write_vio = vc.do_io_write(&guard, Some(cont), i64::MAX, Some(&write_reader));
        let io = Io { vc, read_vio, read_reader, write_vio, write_buffer, write_reader };
        *self.io.borrow_mut() = Some(io);
    }

    /// True while it reads.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.reading.get()
    }

    /// Asks the connection whether there is anything to read. An end of a PluginVC
    /// pair does not notice by itself that the other one has been shut down.
    pub fn poll(&self) {
        if self.eos.get() {
            return;
        }
        let guard = self.bridge.mutex().lock();
        if let Some(io) = &*self.io.borrow() {
            io.read_vio.reenable(&guard);
        }
    }

    /// Tells the stream that the other end has reset the connection. The kernel knows it
    /// before an event tells of it; a PluginVC pair knows no resets, so a test of one
    /// calls this itself. `under_way` had been sent before and is read first; with
    /// `delivers`, the connection has more of it.
    pub fn on_reset(&self, under_way: &[u8], delivers: bool) {
        let mutex = Arc::clone(self.bridge.mutex());
        let guard = mutex.lock();
        if let Some(io) = &*self.io.borrow() {
            io.read_reader.buffer().write(&guard, under_way);
        }
        self.socket.on_reset(delivers);
        self.bridge.wake();
    }

    /// Closes the connection. The descriptor is gone from now on: nothing can be
    /// written or read. What waits completes with [`uv::ECANCELED`] in the next turn of
    /// the loop, through the chain as it stands then; `onclose` is called after it, and
    /// then the handle is destroyed, and its chain with it. Mirrors
    /// `HandleWrap::Close`, `HandleWrap::OnClose` and `uv_close`.
    #[doc(alias = "HandleWrap::Close")]
    pub fn close(&self, onclose: impl FnOnce() + 'static) {
        if self.state.get() != HandleState::Open {
            return;
        }
        self.state.set(HandleState::Closing);
        self.reading.set(false);
        *self.onclose.borrow_mut() = Some(Box::new(onclose));
        self.bridge.wake();
    }

    /// True once [`LibuvStreamWrap::close`] has been called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.get() != HandleState::Open
    }

    /// Mirrors `HandleWrap::OnClose`.
    #[doc(alias = "OnClose")]
    fn finish_close(&self, guard: &Guard<'_>) {
        let writes = self.writes.take();
        let completed = self.completed.take();
        for (request, status) in completed {
            request.done(status);
        }
        for (request, _) in writes {
            request.done(uv::ECANCELED);
        }
        if let Some(request) = self.shutdown_request.take() {
            request.done(uv::ECANCELED);
        }
        self.close_connection(guard);
        if self.state.replace(HandleState::Closed) == HandleState::Closing {
            let onclose = self.onclose.take();
            if let Some(onclose) = onclose {
                self.base.env().notify(onclose);
            }
            self.base.destroy();
        }
    }

    /// Closes the connection once it has taken what has been written: that would be
    /// in the system's buffer, and go out.
    fn close_connection(&self, guard: &Guard<'_>) {
        if self.unsent(guard) > 0 && !self.socket.is_gone() {
            *self.lingers.borrow_mut() = self.this.upgrade();
            return;
        }
        if let Some(io) = self.io.take() {
            io.vc.do_io_close(None);
        }
        let lingers = self.lingers.take();
        drop(lingers);
    }
}

impl Target for LibuvStreamWrap {
    fn on_event(&self, guard: &Guard<'_>, event: EventCode) {
        match event {
            EventCode::EVENT_IMMEDIATE => self.turn(guard),
            _ => {
                match event {
                    EventCode::VC_EVENT_EOS => self.on_end(guard),
                    EventCode::VC_EVENT_ERROR => self.on_error(),
                    _ => {}
                }
                // Bytes that come later in this turn count as well.
                self.bridge.wake();
            }
        }
    }
}

impl LibuvStreamWrap {
    /// Nothing more will come. A connection reports a reset in the same way, and only a
    /// writer learns of it: so the writer is asked.
    fn on_end(&self, guard: &Guard<'_>) {
        self.eos.set(true);
        self.socket.on_end();
        if let Some(io) = &*self.io.borrow() {
            io.write_vio.reenable(guard);
        }
    }

    /// The connection has failed; what has come before can still be read.
    fn on_error(&self) {
        let lerrno = self.io.borrow().as_ref().map_or(0, |io| io.vc.lerrno());
        self.socket.on_error(if lerrno > 0 { -lerrno } else { uv::EPIPE });
    }

    /// One turn of the loop. Mirrors `uv__stream_io`, and before it the turn of
    /// `uv__run_pending`, which writes for a stream that `uv__io_feed` has fed.
    #[doc(alias = "uv__stream_io")]
    fn turn(&self, guard: &Guard<'_>) {
        if self.state.get() != HandleState::Open {
            self.finish_close(guard);
            return;
        }
        self.socket.begin_turn();
        if self.fed.replace(false) {
            self.pump_write(guard);
        }
        self.pump_read(guard);
        // A callback may have closed it: what waits is then cancelled in the next turn.
        if self.state.get() == HandleState::Open {
            self.pump_write(guard);
        }
    }
}

impl StreamResource for LibuvStreamWrap {
    fn chain(&self) -> &Rc<ListenerChain> {
        self.base.chain()
    }

    fn read_start(&self) -> i32 {
        if self.is_closed() {
            return uv::EINVAL;
        }
        if self.reading.get() {
            return uv::EALREADY;
        }
        if !self.readable.get() {
            return uv::ENOTCONN;
        }
        self.reading.set(true);
        self.bridge.wake();
        0
    }

    fn read_stop(&self) -> i32 {
        self.reading.set(false);
        0
    }

    fn do_shutdown(&self, request: &Rc<ShutdownWrap>) -> i32 {
        if self.is_closed() || !self.writable.replace(false) {
            return uv::ENOTCONN;
        }
        if self.writes.borrow().is_empty() {
            self.fed.set(true);
        }
        *self.shutdown_request.borrow_mut() = Some(Rc::clone(request));
        self.bridge.wake();
        0
    }

    fn has_do_try_write(&self) -> bool {
        true
    }

    fn do_try_write(&self, bufs: &mut Vec<Chunk>) -> i32 {
        // What waits goes first.
        if self.has_queued_bytes() {
            return 0;
        }
        if let Err(error) = self.check_before_write(bufs) {
            return error;
        }
        match self.socket.write() {
            Ok(()) => {
                let mutex = Arc::clone(self.bridge.mutex());
                self.push(&mutex.lock(), bufs);
                0
            }
            Err(error) => error,
        }
    }

    fn do_write(&self, request: &Rc<WriteWrap>, bufs: Vec<Chunk>) -> i32 {
        if let Err(error) = self.check_before_write(&bufs) {
            return error;
        }
        self.writes.borrow_mut().push_back((Rc::clone(request), bufs));
        self.bridge.wake();
        0
    }
}

impl StreamBase for LibuvStreamWrap {
    fn base(&self) -> &StreamBaseState {
        &self.base
    }

    fn is_alive(&self) -> bool {
        self.state.get() != HandleState::Closed
    }

    fn is_closing(&self) -> bool {
        self.is_closed()
    }
}

impl Drop for LibuvStreamWrap {
    fn drop(&mut self) {
        if let Some(io) = self.io.take() {
            io.vc.do_io_close(None);
        }
    }
}

impl LibuvStreamWrap {
    /// A handle to itself.
    #[must_use]
    pub fn shared(&self) -> Option<Rc<LibuvStreamWrap>> {
        self.this.upgrade()
    }
}
