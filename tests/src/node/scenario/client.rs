//! The other end of a scenario's connection: it sends, ends and resets.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{
    BoundBuffer, IOBufferReader, IoData, IoEvents, NetVCOptions, NetVcRef, ShutdownHowTo, VioHandle,
};
use streamlisten::{LibuvStreamWrap, StreamResource, uv};

/// A client: the other end of a PluginVC pair, or of a socket.
pub(super) struct Client {
    machine: Arc<StateMachine<End>>,
    sent: Cell<u64>,
    has_ended: Cell<bool>,
    is_reset: Cell<bool>,
}

/// What the client knows.
#[derive(Default)]
struct End {
    io: RefCell<Option<Io>>,
    received: RefCell<Vec<u8>>,
    paused: Cell<bool>,
    /// The other end has ended.
    ended: Cell<bool>,
    /// It ends once all is sent.
    ending: Cell<bool>,
    /// It ends its side when the other end has ended.
    answers_end: Cell<bool>,
    has_answered: Cell<bool>,
}

struct Io {
    vc: NetVcRef,
    read_vio: VioHandle,
    read_reader: IOBufferReader,
    write_vio: VioHandle,
    write_buffer: BoundBuffer,
    write_reader: IOBufferReader,
}

impl Client {
    /// A client that has no connection yet.
    pub(super) fn new() -> Client {
        let machine = StateMachine::new(ProxyMutex::new(), End::default(), End::handle);
        Client {
            machine,
            sent: Cell::new(0),
            is_reset: Cell::new(false),
            has_ended: Cell::new(false),
        }
    }

    /// The continuation that gets the connection (`NET_EVENT_OPEN`).
    pub(super) fn continuation(&self) -> ContRef {
        self.machine.clone()
    }

    /// Takes this connection.
    pub(super) fn open(&self, vc: NetVcRef) {
        let guard = self.machine.mutex().lock();
        self.machine.state(&guard).open(&guard, &self.continuation(), vc);
    }

    /// True once it has a connection.
    pub(super) fn is_open(&self) -> bool {
        let guard = self.machine.mutex().lock();
        self.machine.state(&guard).io.borrow().is_some()
    }

    /// True if nothing is under way: what either side has sent has been read by the
    /// other, unless the other does not want to read.
    pub(super) fn has_arrived(&self, wrap: &LibuvStreamWrap) -> bool {
        let guard = self.machine.mutex().lock();
        let end = self.machine.state(&guard);
        let is_gone = wrap.is_closed();
        if wrap.is_reading() && !is_gone {
            let ends = self.has_ended.get() || self.is_reset.get();
            if ends || wrap.bytes_read() < self.sent.get() {
                return false;
            }
        }
        if self.is_reset.get() || end.paused.get() || end.ended.get() {
            return true;
        }
        let received = end.received.borrow().len() as u64;
        !is_gone && !wrap.has_shut_down() && wrap.unsent_bytes() == 0 && received >= wrap.sent()
    }

    /// How many bytes it was told to send.
    pub(super) fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Sends bytes.
    pub(super) fn send(&self, bytes: &[u8]) {
        self.sent.set(self.sent.get() + bytes.len() as u64);
        let guard = self.machine.mutex().lock();
        if let Some(io) = &*self.machine.state(&guard).io.borrow() {
            io.write_buffer.write(&guard, bytes);
            io.write_vio.reenable(&guard);
        }
    }

    /// Sends bytes, unless it has ended its side.
    pub(super) fn feed(&self, bytes: &[u8]) {
        let answered = {
            let guard = self.machine.mutex().lock();
            self.machine.state(&guard).has_answered.get()
        };
        if !self.has_ended.get() && !self.is_reset.get() && !answered {
            self.send(bytes);
        }
    }

    /// Asks whether the other end has ended: an end of a pair does not notice by
    /// itself that the other one has been shut down.
    pub(super) fn poll(&self) {
        let guard = self.machine.mutex().lock();
        let end = self.machine.state(&guard);
        if let (Some(io), false) = (&*end.io.borrow(), end.ended.get() || end.paused.get()) {
            io.read_vio.reenable(&guard);
        }
    }

    /// Ends its side, once all is sent.
    pub(super) fn end(&self) {
        self.has_ended.set(true);
        let guard = self.machine.mutex().lock();
        let end = self.machine.state(&guard);
        end.ending.set(true);
        end.try_end(&guard);
    }

    /// Ends its side, too, when the other end has ended. Mirrors a socket that was made
    /// without `allowHalfOpen`.
    pub(super) fn answer_end(&self) {
        let guard = self.machine.mutex().lock();
        self.machine.state(&guard).answers_end.set(true);
    }

    /// Aborts the connection; returns what it has not sent yet. A socket sends a reset; a
    /// pair knows no resets, so the caller must tell the other end of an error.
    pub(super) fn reset(&self) -> Vec<u8> {
        self.is_reset.set(true);
        let guard = self.machine.mutex().lock();
        let io = self.machine.state(&guard).io.take();
        let mut left = Vec::new();
        if let Some(io) = &io {
            let n = usize::try_from(io.write_reader.read_avail(&guard)).unwrap_or(0);
            left.resize(n, 0);
            io.write_reader.read(&guard, &mut left);
        }
        drop(guard);
        if let Some(io) = io {
            let mut options = io.vc.net_base().options();
            options.sockopt_flags |= NetVCOptions::SOCK_OPT_LINGER_ON;
            io.vc.net_base().set_options(options);
            io.vc.apply_options();
            io.vc.do_io_close(Some(-uv::ECONNRESET));
        }
        left
    }

    /// Stops taking what comes.
    pub(super) fn pause(&self) {
        let guard = self.machine.mutex().lock();
        self.machine.state(&guard).paused.set(true);
    }

    /// Takes what comes again.
    pub(super) fn resume(&self) {
        let guard = self.machine.mutex().lock();
        let end = self.machine.state(&guard);
        end.paused.set(false);
        end.take(&guard);
    }

    /// What has come, and whether the other end has ended.
    pub(super) fn received(&self) -> (Vec<u8>, bool) {
        let guard = self.machine.mutex().lock();
        let end = self.machine.state(&guard);
        let received = end.received.borrow().clone();
        (received, end.ended.get())
    }
}

impl End {
    fn open(&self, guard: &Guard<'_>, cont: &ContRef, vc: NetVcRef) {
        let Some(mutex) = cont.base().mutex() else { return };
        let read_buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(mutex);
        let write_buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(mutex);
        let read_reader = read_buffer.alloc_reader(guard).expect("the first of five");
        let write_reader = write_buffer.alloc_reader(guard).expect("the first of five");
        let read_vio = vc.do_io_read(guard, Some(cont.clone()), i64::MAX, Some(&read_buffer));
        let write_vio = vc.do_io_write(guard, Some(cont.clone()), i64::MAX, Some(&write_reader));
        let io = Io { vc, read_vio, read_reader, write_vio, write_buffer, write_reader };
        *self.io.borrow_mut() = Some(io);
    }

    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = call.guard();
        match event {
            EventCode::NET_EVENT_OPEN => {
                if let Some(vc) = data.net_vc() {
                    self.open(guard, call.this(), vc.clone());
                }
            }
            EventCode::VC_EVENT_READ_READY if !self.paused.get() => self.take(guard),
            EventCode::VC_EVENT_EOS => {
                self.ended.set(true);
                self.take(guard);
                if self.answers_end.take() {
                    self.has_answered.set(true);
                    self.ending.set(true);
                    self.try_end(guard);
                }
            }
            EventCode::VC_EVENT_WRITE_READY => self.try_end(guard),
            _ => {}
        }
        Outcome::Done
    }

    fn take(&self, guard: &Guard<'_>) {
        let io = self.io.borrow();
        let Some(io) = &*io else {
            return;
        };
        let available = usize::try_from(io.read_reader.read_avail(guard)).unwrap_or(0);
        let mut bytes = vec![0; available];
        io.read_reader.read(guard, &mut bytes);
        self.received.borrow_mut().extend_from_slice(&bytes);
        // Asked again after the end, a pair tells the end again.
        if !self.ended.get() {
            io.read_vio.reenable(guard);
        }
    }

    fn try_end(&self, guard: &Guard<'_>) {
        let io = self.io.borrow();
        let sent = io.as_ref().filter(|io| io.write_reader.read_avail(guard) == 0);
        if let (Some(io), true) = (sent, self.ending.get()) {
            self.ending.set(false);
            io.vc.do_io_shutdown(ShutdownHowTo::Write);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let guard = self.machine.mutex().lock();
        let io = self.machine.state(&guard).io.take();
        drop(guard);
        if let Some(io) = io {
            io.vc.do_io_close(None);
        }
    }
}
