//! [`LibuvStreamWrap`]: a stream over a network connection of this project.
//!
//! Mirrors `src/stream_wrap.cc` and `connection_wrap.cc`, with a
//! [`NetVConnection`](iocore::NetVConnection) where the original has a libuv
//! handle. Any such connection will do: a listener chain can stand on a pair of
//! ends that never was a socket.
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
mod timer;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use eventsys::{EThread, EventCode, Guard};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, NetVcRef, ShutdownHowTo, VioHandle};

use crate::buf::{Buf, Chunk};
use crate::env::Environment;
use crate::resource::{ListenerChain, StreamResource};
use crate::stream_base::{StreamBase, StreamBaseState};
use crate::uv;
use crate::wrap::{ShutdownWrap, WriteWrap};

use bridge::{BridgeRef, Target, new_bridge};
pub use connection_wrap::ConnectionWrap;
pub(crate) use timer::{Timer, span};

/// How many bytes may be under way before a write has to wait; what the kernel's
/// buffer is to a socket.
pub const SEND_BUFFER_SIZE: usize = 2 * 1024 * 1024;

/// How much memory is asked for before a read. Mirrors `uv__read`.
const SUGGESTED_SIZE: usize = 64 * 1024;

/// So many bytes, and a few more, a connection takes from its socket before they are
/// read; what the kernel's buffer is to node. A message is so read in one piece if it
/// has come in one.
const RECEIVE_BUFFER_SIZE: i64 = 1024 * 1024;

/// So often a stream reads before others have their turn. Mirrors `count` of
/// `uv__read`.
pub const READS_IN_A_TURN: usize = 32;

/// A TCP connection. What the original adds to its base class is about sockets'
/// options, which a connection of this project has itself.
pub type TCPWrap = LibuvStreamWrap;

/// A stream over a network connection.
pub struct LibuvStreamWrap {
    base: StreamBaseState,
    this: Weak<LibuvStreamWrap>,
    bridge: BridgeRef,
    io: RefCell<Option<Io>>,
    reading: Cell<bool>,
    /// The end of the input, or an error, has come and waits to be read.
    ended: Cell<Option<isize>>,
    /// False once an error has been read. Mirrors `UV_HANDLE_READABLE`.
    readable: Cell<bool>,
    /// False once a shutdown has begun, or an error has been read. Mirrors
    /// `UV_HANDLE_WRITABLE`.
    writable: Cell<bool>,
    writes: RefCell<VecDeque<(Rc<WriteWrap>, Vec<Chunk>)>>,
    completed: RefCell<Vec<(Rc<WriteWrap>, i32)>>,
    shutdown_request: RefCell<Option<Rc<ShutdownWrap>>>,
    write_error: Cell<i32>,
    /// Writing has its turn before reading, once. Mirrors `uv__io_feed`.
    fed: Cell<bool>,
    /// The end of what is written is to be sent.
    fin: Cell<bool>,
    closing: Cell<bool>,
    onclose: RefCell<Option<Box<dyn FnOnce()>>>,
    /// Itself, while it is closed and its connection still sends.
    lingers: RefCell<Option<Rc<LibuvStreamWrap>>>,
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
            reading: Cell::new(false),
            ended: Cell::new(None),
            readable: Cell::new(true),
            writable: Cell::new(true),
            writes: RefCell::default(),
            completed: RefCell::default(),
            shutdown_request: RefCell::default(),
            write_error: Cell::new(0),
            fed: Cell::new(false),
            fin: Cell::new(false),
            closing: Cell::new(false),
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
        if self.ended.get().is_some() {
            return;
        }
        let guard = self.bridge.mutex().lock();
        if let Some(io) = &*self.io.borrow() {
            io.read_vio.reenable(&guard);
        }
    }

    /// The connection has failed, in a way that no event tells of: the next read
    /// is this error.
    pub fn fail_connection(&self, error: i32) {
        self.ended.set(Some(error as isize));
        self.write_error.set(error);
        self.bridge.wake();
    }

    /// Closes the connection. What waits completes with [`uv::ECANCELED`] in the
    /// next turn of the loop, through the chain as it stands then, and `onclose`
    /// is called after it. Mirrors `HandleWrap::Close` and `uv_close`.
    pub fn close(&self, onclose: impl FnOnce() + 'static) {
        if self.closing.replace(true) {
            return;
        }
        self.reading.set(false);
        *self.onclose.borrow_mut() = Some(Box::new(onclose));
        self.bridge.wake();
    }

    /// True once [`LibuvStreamWrap::close`] has been called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing.get()
    }

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
        let onclose = self.onclose.take();
        if let Some(onclose) = onclose {
            self.base.env().make_callback(onclose);
        }
    }

    /// Closes the connection once it has taken what has been written: that would be
    /// in the system's buffer, and go out.
    fn close_connection(&self, guard: &Guard<'_>) {
        if self.unsent(guard) > 0 && self.write_error.get() == 0 {
            *self.lingers.borrow_mut() = self.this.upgrade();
            return;
        }
        if let Some(io) = self.io.take() {
            io.vc.do_io_close(None);
        }
        let lingers = self.lingers.take();
        drop(lingers);
    }

    /// One turn's reads. Mirrors `uv__read`.
    fn pump_read(&self, guard: &Guard<'_>) {
        if self.available(guard) == 0 && self.ended.get().is_none() {
            return;
        }
        let mut count = READS_IN_A_TURN;
        while self.reading.get() && !self.closing.get() && count > 0 {
            count -= 1;
            let mut buf = self.emit_alloc(SUGGESTED_SIZE);
            // A callback above may have stopped or closed the stream, but the
            // memory has been asked for, and comes back with a read.
            if buf.size() == 0 {
                self.emit_read(uv::ENOBUFS, buf);
                return;
            }
            let n = self.take(guard, &mut buf);
            if n == 0 {
                self.read_nothing(buf);
                return;
            }
            let filled = n == buf.size();
            self.emit_read(n as isize, buf);
            if !filled {
                break;
            }
        }
        // Asked again, the system would say again that there is something.
        if self.reading.get() && (self.available(guard) > 0 || self.ended.get().is_some()) {
            self.bridge.wake();
        }
    }

    /// A read has found nothing: nothing more for now, or the end, or an error.
    fn read_nothing(&self, buf: Buf) {
        let end = self.ended.get().unwrap_or(0);
        if end != 0 {
            self.reading.set(false);
        }
        if end != 0 && end != uv::EOF {
            self.readable.set(false);
            self.writable.set(false);
        }
        self.emit_read(end, buf);
    }

    fn available(&self, guard: &Guard<'_>) -> i64 {
        self.io.borrow().as_ref().map_or(0, |io| io.read_reader.read_avail(guard))
    }

    /// Takes from the connection as much as there is room for.
    fn take(&self, guard: &Guard<'_>, buf: &mut Buf) -> usize {
        let io = self.io.borrow();
        let Some(io) = &*io else {
            return 0;
        };
        let n = copy_out(guard, &io.read_reader, buf);
        if self.ended.get().is_none() {
            io.read_vio.reenable(guard);
        }
        n
    }

    /// Moves what waits into the connection's buffer, and completes what is done.
    fn pump_write(&self, guard: &Guard<'_>) {
        loop {
            let mut writes = self.writes.borrow_mut();
            let Some((_, bufs)) = writes.front_mut() else {
                break;
            };
            let error = self.write_error.get();
            if error == 0 {
                self.push(guard, bufs);
                if !bufs.is_empty() {
                    break;
                }
            }
            if let Some((request, _)) = writes.pop_front() {
                self.completed.borrow_mut().push((request, error));
            }
        }
        let completed = self.completed.take();
        for (request, status) in completed {
            request.done(status);
        }
        if self.writes.borrow().is_empty() {
            let request = self.shutdown_request.take();
            if let Some(request) = request {
                self.fin.set(true);
                request.done(0);
            }
        }
        // What has been written goes before the end, as in the system's buffer.
        if self.fin.get() && self.unsent(guard) == 0 {
            self.fin.set(false);
            self.shutdown_write();
        }
    }

    fn shutdown_write(&self) {
        let vc = self.io.borrow().as_ref().map(|io| Arc::clone(&io.vc));
        if let Some(vc) = vc {
            vc.do_io_shutdown(ShutdownHowTo::Write);
        }
    }

    /// Bytes that the other end has not taken yet.
    fn unsent(&self, guard: &Guard<'_>) -> usize {
        let io = self.io.borrow();
        io.as_ref().map_or(0, |io| usize::try_from(io.write_reader.read_avail(guard)).unwrap_or(0))
    }

    /// Bytes that have been written and not been taken by the connection.
    pub(crate) fn unsent_bytes(&self) -> usize {
        let mutex = Arc::clone(self.bridge.mutex());
        let guard = mutex.lock();
        self.unsent(&guard)
    }

    /// Bytes that the connection has taken.
    pub(crate) fn sent(&self) -> u64 {
        let io = self.io.borrow();
        io.as_ref().map_or(0, |io| u64::try_from(io.write_vio.ndone()).unwrap_or(0))
    }

    /// True once no more is written than has been.
    pub(crate) fn has_shut_down(&self) -> bool {
        !self.writable.get()
    }

    /// Puts as much of `bufs` into the connection as there is room for, and
    /// leaves the rest.
    fn push(&self, guard: &Guard<'_>, bufs: &mut Vec<Chunk>) {
        let mut room = SEND_BUFFER_SIZE.saturating_sub(self.unsent(guard));
        let io = self.io.borrow();
        let Some(io) = &*io else {
            return;
        };
        let (mut taken, mut done) = (0, 0);
        for buf in bufs.iter_mut() {
            let n = buf.len().min(room);
            io.write_buffer.write(guard, &buf[..n]);
            (room, taken) = (room - n, taken + n);
            if n < buf.len() {
                *buf = buf.from(n);
                break;
            }
            done += 1;
        }
        bufs.drain(..done);
        if taken > 0 {
            io.write_vio.reenable(guard);
        }
    }
}

/// Moves what can be read into `buf`, block by block; how many bytes that were.
fn copy_out(guard: &Guard<'_>, reader: &IOBufferReader, buf: &mut Buf) -> usize {
    let id = reader.id();
    let mut n = buf.fill(&[]);
    reader.buffer().with(guard, |buffer| {
        loop {
            let taken = buf.append(buffer.block_slice(id));
            if taken == 0 {
                return n;
            }
            buffer.consume(id, taken as i64);
            n += taken;
        }
    })
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
                // What else comes in this turn counts as well.
                self.bridge.wake();
            }
        }
    }
}

impl LibuvStreamWrap {
    /// There is nothing more to come. A connection says no more than that of a reset,
    /// which it tells to who writes: so the writer is asked.
    fn on_end(&self, guard: &Guard<'_>) {
        self.ended.set(self.ended.get().or(Some(uv::EOF)));
        if let Some(io) = &*self.io.borrow() {
            io.write_vio.reenable(guard);
        }
    }

    /// The other end reads no longer; what it has sent can still be read.
    fn on_error(&self) {
        let lerrno = self.io.borrow().as_ref().map_or(0, |io| io.vc.lerrno());
        self.write_error.set(if lerrno > 0 { -lerrno } else { uv::EPIPE });
        if -lerrno == uv::ECONNRESET {
            self.ended.set(Some(uv::ECONNRESET as isize));
        }
    }

    /// One turn of the loop. Mirrors `uv__stream_io`.
    fn turn(&self, guard: &Guard<'_>) {
        if self.closing.get() {
            self.finish_close(guard);
            return;
        }
        if self.fed.replace(false) {
            self.pump_write(guard);
        }
        self.pump_read(guard);
        self.pump_write(guard);
    }
}

impl StreamResource for LibuvStreamWrap {
    fn chain(&self) -> &Rc<ListenerChain> {
        self.base.chain()
    }

    fn read_start(&self) -> i32 {
        if self.closing.get() {
            return uv::EINVAL;
        }
        if !self.readable.get() {
            return uv::ENOTCONN;
        }
        if self.reading.replace(true) {
            return uv::EALREADY;
        }
        self.bridge.wake();
        0
    }

    fn read_stop(&self) -> i32 {
        self.reading.set(false);
        0
    }

    fn do_shutdown(&self, request: &Rc<ShutdownWrap>) -> i32 {
        let open = self.io.borrow().is_some() && !self.closing.get();
        if !open || !self.writable.replace(false) {
            return uv::ENOTCONN;
        }
        self.fed.set(self.writes.borrow().is_empty());
        *self.shutdown_request.borrow_mut() = Some(Rc::clone(request));
        self.bridge.wake();
        0
    }

    fn has_do_try_write(&self) -> bool {
        true
    }

    fn do_try_write(&self, bufs: &mut Vec<Chunk>) -> i32 {
        if self.io.borrow().is_none() {
            return uv::EBADF;
        }
        if !self.writable.get() {
            return uv::EPIPE;
        }
        if self.write_error.get() != 0 {
            return self.write_error.get();
        }
        // What waits goes first.
        if self.writes.borrow().is_empty() {
            let mutex = Arc::clone(self.bridge.mutex());
            self.push(&mutex.lock(), bufs);
        }
        0
    }

    fn do_write(&self, request: &Rc<WriteWrap>, bufs: Vec<Chunk>) -> i32 {
        if self.io.borrow().is_none() || self.closing.get() {
            return uv::EBADF;
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
        !self.closing.get()
    }

    fn is_closing(&self) -> bool {
        self.closing.get()
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
