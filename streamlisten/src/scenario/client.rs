//! The other end of a scenario's connection: who sends, ends and resets.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use eventsys::{
    AdoptedThread, Data, EventCode, EventProcessor, Invocation, Outcome, ProxyMutex, StateMachine,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_2M, BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, NetVcRef, ShutdownHowTo, VioHandle};
use pluginvc::{PluginVCCore, PluginVCOptions};

use crate::{ConnectionWrap, Environment, LibuvStreamWrap, uv};

/// A client on the active end of a PluginVC pair.
pub(super) struct Client {
    machine: Arc<StateMachine<End>>,
    sent: Cell<u64>,
}

/// What the client knows.
#[derive(Default)]
struct End {
    io: RefCell<Option<Io>>,
    received: RefCell<Vec<u8>>,
    paused: Cell<bool>,
    /// The other end has ended.
    ended: Cell<bool>,
    /// It is to end once all is sent.
    ending: Cell<bool>,
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
    /// A connected pair: the stream of the side that accepts, and the client.
    pub(super) fn pair(
        env: &Rc<Environment>,
        processor: &Arc<EventProcessor>,
        thread: &AdoptedThread,
    ) -> (Rc<LibuvStreamWrap>, Client) {
        let accepted = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&accepted);
        let listener = ConnectionWrap::new(env, move |_, stream| *slot.borrow_mut() = stream);
        // Room for what a scenario sends at once, so that it is read at once.
        let options =
            PluginVCOptions { buffer_index: BUFFER_SIZE_INDEX_2M, ..PluginVCOptions::default() };
        let core = PluginVCCore::alloc_with(processor, listener.acceptor(), options);
        let vc = core.connect();
        let client = Client::new(vc);
        thread.run_until_idle();
        let stream = accepted.take().expect("the acceptor is called in connect");
        (stream, client)
    }

    /// Lets the event loop run until nothing more happens on the connection.
    pub(super) fn settle(&self, wrap: &LibuvStreamWrap, thread: &AdoptedThread) {
        thread.run_until_idle();
        for _ in 0..2 {
            wrap.poll();
            self.poll();
            thread.run_until_idle();
        }
    }

    fn new(vc: NetVcRef) -> Client {
        let machine = StateMachine::new(ProxyMutex::new(), End::default(), End::handle);
        let mutex = Arc::clone(machine.mutex());
        let guard = mutex.lock();
        let read_buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(&mutex);
        let write_buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(&mutex);
        let read_reader = read_buffer.alloc_reader(&guard).expect("the first of five");
        let write_reader = write_buffer.alloc_reader(&guard).expect("the first of five");
        let read_vio = vc.do_io_read(&guard, Some(machine.clone()), i64::MAX, Some(&read_buffer));
        let write_vio =
            vc.do_io_write(&guard, Some(machine.clone()), i64::MAX, Some(&write_reader));
        let io = Io { vc, read_vio, read_reader, write_vio, write_buffer, write_reader };
        *machine.state(&guard).io.borrow_mut() = Some(io);
        drop(guard);
        Client { machine, sent: Cell::new(0) }
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
        let guard = self.machine.mutex().lock();
        let end = self.machine.state(&guard);
        end.ending.set(true);
        end.try_end(&guard);
    }

    /// Aborts the connection. That the other end hears of it as an error is for
    /// the caller to arrange: a pair knows no resets.
    pub(super) fn reset(&self) {
        let guard = self.machine.mutex().lock();
        let io = self.machine.state(&guard).io.take();
        drop(guard);
        if let Some(io) = io {
            io.vc.do_io_close(Some(-uv::ECONNRESET));
        }
    }

    /// Takes what comes no longer.
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
    fn handle(&self, call: &Invocation<'_>, event: EventCode, _: Data<'_>) -> Outcome {
        let guard = call.guard();
        match event {
            EventCode::VC_EVENT_READ_READY if !self.paused.get() => self.take(guard),
            EventCode::VC_EVENT_EOS => {
                self.ended.set(true);
                self.take(guard);
            }
            EventCode::VC_EVENT_WRITE_READY => self.try_end(guard),
            _ => {}
        }
        Outcome::Done
    }

    fn take(&self, guard: &eventsys::Guard<'_>) {
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

    fn try_end(&self, guard: &eventsys::Guard<'_>) {
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
