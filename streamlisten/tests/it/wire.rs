//! A connection over a PluginVC pair, in virtual time: a stream, and its client.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use eventsys::{
    AdoptedThread, Clock, Data, EventCode, EventProcessor, Guard, Invocation, Outcome, ProxyMutex,
    StateMachine,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_2M, BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, NetVcRef, VioHandle};
use pluginvc::{PluginVCCore, PluginVcOptions};
use streamlisten::{ConnectionWrap, Environment, TCPWrap};

/// A connection. Nothing happens on it but in [`Wire::run`].
pub(crate) struct Wire {
    pub(crate) env: Rc<Environment>,
    pub(crate) stream: Rc<TCPWrap>,
    client: Arc<StateMachine<Client>>,
    thread: AdoptedThread,
}

#[derive(Default)]
struct Client {
    io: RefCell<Option<Io>>,
    received: RefCell<Vec<u8>>,
    paused: Cell<bool>,
}

struct Io {
    vc: NetVcRef,
    read_vio: VioHandle,
    read_reader: IOBufferReader,
    write_vio: VioHandle,
    write_buffer: BoundBuffer,
}

impl Wire {
    /// A connection whose client reads all that comes.
    pub(crate) fn new() -> Wire {
        let processor = EventProcessor::new(Clock::new_virtual());
        let thread = processor.adopt_current_thread("ET_NET");
        let env = Environment::new();
        let accepted: Rc<RefCell<Option<Rc<TCPWrap>>>> = Rc::default();
        let slot = Rc::clone(&accepted);
        let listener = ConnectionWrap::new(&env, move |_, stream| *slot.borrow_mut() = stream);
        let options =
            PluginVcOptions { buffer_index: BUFFER_SIZE_INDEX_2M, ..PluginVcOptions::default() };
        let vc = PluginVCCore::alloc_with(&processor, listener.acceptor(), options).connect();
        let client = StateMachine::new(ProxyMutex::new(), Client::default(), Client::handle);
        let guard = client.mutex().lock();
        client.state(&guard).open(&guard, &client, vc);
        drop(guard);
        thread.run_until_idle();
        let stream = accepted.take().expect("accepted");
        Wire { env, stream, client, thread }
    }

    /// Lets the event loop run until nothing more is to be done.
    pub(crate) fn run(&self) {
        self.thread.run_until_idle();
    }

    /// The client sends.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let guard = self.client.mutex().lock();
        if let Some(io) = &*self.client.state(&guard).io.borrow() {
            io.write_buffer.write(&guard, bytes);
            io.write_vio.reenable(&guard);
        }
        drop(guard);
        self.run();
    }

    /// The client takes nothing from now on.
    pub(crate) fn pause(&self) {
        let guard = self.client.mutex().lock();
        self.client.state(&guard).paused.set(true);
    }

    /// What the client has got.
    pub(crate) fn received(&self) -> String {
        let guard = self.client.mutex().lock();
        let received = self.client.state(&guard).received.borrow().clone();
        String::from_utf8(received).expect("text")
    }
}

impl Client {
    fn open(&self, guard: &Guard<'_>, machine: &Arc<StateMachine<Client>>, vc: NetVcRef) {
        let new = || MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(machine.mutex());
        let (read_buffer, write_buffer) = (new(), new());
        let read_reader = read_buffer.alloc_reader(guard).expect("the first of five");
        let write_reader = write_buffer.alloc_reader(guard).expect("the first of five");
        let cont = || Some(machine.clone() as _);
        let read_vio = vc.do_io_read(guard, cont(), i64::MAX, Some(&read_buffer));
        let write_vio = vc.do_io_write(guard, cont(), i64::MAX, Some(&write_reader));
        self.io.replace(Some(Io { vc, read_vio, read_reader, write_vio, write_buffer }));
    }

    fn handle(&self, call: &Invocation<'_>, event: EventCode, _data: Data<'_>) -> Outcome {
        let io = self.io.borrow();
        if let (EventCode::VC_EVENT_READ_READY | EventCode::VC_EVENT_EOS, Some(io), false) =
            (event, &*io, self.paused.get())
        {
            let guard = call.guard();
            let available = usize::try_from(io.read_reader.read_avail(guard)).unwrap_or(0);
            let mut bytes = vec![0; available];
            io.read_reader.read(guard, &mut bytes);
            self.received.borrow_mut().extend(bytes);
            if event == EventCode::VC_EVENT_READ_READY {
                io.read_vio.reenable(guard);
            }
        }
        Outcome::Done
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let guard = self.client.mutex().lock();
        let io = self.client.state(&guard).io.take();
        drop(guard);
        if let Some(io) = io {
            io.vc.do_io_close(None);
        }
    }
}
