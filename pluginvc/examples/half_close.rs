//! Half close: a request, an end of stream, and a reply on the same connection.
//!
//! The client writes its request and shuts its write side down, but goes on
//! reading. The server reads until the end of the stream (`VC_EVENT_EOS`), thinks
//! (an event of its own), replies and closes. The client reads the reply and its
//! end of stream, and closes too.
//!
//! Run it with `cargo run -p pluginvc --example half_close`.

use std::cell::RefCell;
use std::sync::Arc;

use eventsys::steps::{Step, StepSink};
use eventsys::{
    Clock, ContRef, Data, EThread, EventCode, EventProcessor, Guard, Invocation, Outcome,
    ProxyMutex, StateMachine,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
use iocore::{
    BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, ShutdownHowTo, VioHandle, event_name,
};
use pluginvc::PluginVCCore;

/// Prints each step when it is taken.
struct Printer;

impl StepSink for Printer {
    fn step(&self, step: Step) {
        println!("{step}");
    }
}

/// One end of the connection, its read operation, and the reader of its buffer.
#[derive(Clone)]
struct Link {
    vc: NetVcRef,
    read: VioHandle,
    received: IOBufferReader,
}

/// The state of the client and of the server.
#[derive(Default)]
struct Peer {
    link: RefCell<Option<Link>>,
}

/// A buffer under the mutex of the state machine that uses it, and a reader of
/// it.
fn new_buffer(mutex: &Arc<ProxyMutex>, guard: &Guard<'_>) -> (BoundBuffer, IOBufferReader) {
    let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(mutex);
    let reader = buffer.alloc_reader(guard).expect("the first of five");
    (buffer, reader)
}

impl Peer {
    // ANCHOR: proof
    /// Begins to read without a limit.
    fn open(&self, guard: &Guard<'_>, this: &ContRef, vc: &NetVcRef) {
        let (buffer, received) = new_buffer(this.base().mutex().expect("made with one"), guard);
        let read = vc.do_io_read(guard, Some(Arc::clone(this)), i64::MAX, Some(&buffer));
        *self.link.borrow_mut() = Some(Link { vc: Arc::clone(vc), read, received });
    }

    /// Writes all of `text`.
    fn send(&self, guard: &Guard<'_>, this: &ContRef, text: &str) {
        let (buffer, reader) = new_buffer(this.base().mutex().expect("made with one"), guard);
        let nbytes = buffer.write(guard, text.as_bytes());
        let link = self.link.borrow().clone().expect("open");
        link.vc.do_io_write(guard, Some(Arc::clone(this)), nbytes, Some(&reader));
    }

    /// Takes what has come off the buffer, and asks for more.
    fn receive(&self, who: &str, guard: &Guard<'_>) {
        let link = self.link.borrow().clone().expect("open");
        let mut bytes = [0; 64];
        let n = usize::try_from(link.received.read(guard, &mut bytes)).expect("not negative");
        println!("        {who}: read {:?}", String::from_utf8_lossy(&bytes[..n]));
        link.read.reenable(guard);
    }
    // ANCHOR_END: proof

    fn close(&self) {
        self.link.take().expect("open").vc.do_io_close(None);
    }

    // ANCHOR: client
    fn client(&self, call: &Invocation<'_>, event: EventCode, _: Data<'_>) -> Outcome {
        println!("        client: {}", event.shown_by(event_name));
        match event {
            EventCode::VC_EVENT_WRITE_COMPLETE => {
                println!("        client: shuts its write side down");
                let link = self.link.borrow().clone().expect("open");
                link.vc.do_io_shutdown(ShutdownHowTo::Write);
            }
            EventCode::VC_EVENT_READ_READY => self.receive("client", call.guard()),
            EventCode::VC_EVENT_EOS => self.close(),
            other => panic!("no one expects {other}"),
        }
        Outcome::Done
    }
    // ANCHOR_END: client

    // ANCHOR: server
    fn server(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        println!("        server: {}", event.shown_by(event_name));
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                let vc = data.net_vc().expect("NET_EVENT_ACCEPT brings a connection");
                self.open(call.guard(), call.this(), vc);
            }
            EventCode::VC_EVENT_READ_READY => self.receive("server", call.guard()),
            EventCode::VC_EVENT_EOS => EThread::with_current(|thread| {
                let thread = thread.expect("called by an event loop");
                thread.schedule_imm_local(Arc::clone(call.this()));
            }),
            EventCode::EVENT_IMMEDIATE => self.send(call.guard(), call.this(), "reply"),
            EventCode::VC_EVENT_WRITE_COMPLETE => self.close(),
            other => panic!("no one expects {other}"),
        }
        Outcome::Done
    }
    // ANCHOR_END: server
}

fn main() {
    let processor = EventProcessor::with_steps(Clock::new_virtual(), Arc::new(Printer));
    let thread = processor.adopt_current_thread("ET_NET");
    let server = StateMachine::new(ProxyMutex::new(), Peer::default(), Peer::server);
    let client = StateMachine::new(ProxyMutex::new(), Peer::default(), Peer::client);

    let core = PluginVCCore::alloc(&processor, server);
    let vc = core.connect();
    {
        let guard = client.mutex().lock();
        let this: ContRef = client.clone();
        client.state(&guard).open(&guard, &this, &vc);
        client.state(&guard).send(&guard, &this, "request");
    }
    thread.run_until_idle();
    assert!(core.is_freed());
}
