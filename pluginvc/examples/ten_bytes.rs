//! The life of ten bytes, from the write of one end to the read of the other.
//!
//! Two state machines, two buffers, one pair. Every step that the pair takes is
//! printed when it is taken, in the words of the recordings (`A` is the active
//! end, `P` the passive one, `-` the pair); the lines of the two state machines
//! stand between the steps, indented.
//!
//! Run it with `cargo run -p pluginvc --example ten_bytes`.

use std::cell::RefCell;
use std::sync::Arc;

use eventsys::steps::{Step, StepSink};
use eventsys::{
    Clock, Data, EventCode, EventProcessor, Invocation, Outcome, ProxyMutex, StateMachine,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
use iocore::{IOBufferReader, IoData, IoEvents, NetVcRef, event_name};
use pluginvc::PluginVCCore;

const BYTES: &[u8] = b"ten bytes!";

// ANCHOR: sink
/// Prints each step when it is taken.
struct Printer;

impl StepSink for Printer {
    fn step(&self, step: Step) {
        println!("{step}");
    }
}
// ANCHOR_END: sink

// ANCHOR: reader
/// The state machine that accepts: it reads ten bytes and closes.
#[derive(Default)]
struct Reader {
    /// The passive end and the reader of its read buffer, once it is accepted.
    link: RefCell<Option<(NetVcRef, IOBufferReader)>>,
}

impl Reader {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = call.guard();
        println!("        acceptor: {}", event.shown_by(event_name));
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                let vc = data.net_vc().expect("NET_EVENT_ACCEPT brings a connection");
                // A buffer is bound to the mutex of the state machine that uses it.
                let mutex = call.this().base().mutex().expect("made with one");
                let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(mutex);
                let reader = buffer.alloc_reader(guard).expect("the first of five");
                *self.link.borrow_mut() = Some((Arc::clone(vc), reader));
                vc.do_io_read(guard, Some(Arc::clone(call.this())), 10, Some(&buffer));
            }
            EventCode::VC_EVENT_READ_COMPLETE => {
                let (vc, reader) = self.link.take().expect("accepted");
                let mut bytes = [0; 10];
                reader.read(guard, &mut bytes);
                println!("        acceptor: read {:?}", String::from_utf8_lossy(&bytes));
                vc.do_io_close(None);
            }
            other => panic!("no one expects {other}"),
        }
        Outcome::Done
    }
}
// ANCHOR_END: reader

// ANCHOR: writer
/// The state machine that connects: it has written ten bytes, and closes.
#[derive(Default)]
struct Writer {
    vc: RefCell<Option<NetVcRef>>,
}

impl Writer {
    fn handle(&self, _: &Invocation<'_>, event: EventCode, _: Data<'_>) -> Outcome {
        println!("        connector: {}", event.shown_by(event_name));
        assert_eq!(event, EventCode::VC_EVENT_WRITE_COMPLETE);
        self.vc.take().expect("connected").do_io_close(None);
        Outcome::Done
    }
}
// ANCHOR_END: writer

fn main() {
    let processor = EventProcessor::with_steps(Clock::new_virtual(), Arc::new(Printer));
    let thread = processor.adopt_current_thread("ET_NET");
    let accepts = StateMachine::new(ProxyMutex::new(), Reader::default(), Reader::handle);
    let connects = StateMachine::new(ProxyMutex::new(), Writer::default(), Writer::handle);

    // ANCHOR: connect
    let core = PluginVCCore::alloc(&processor, accepts);
    // The acceptor is called back during this call.
    let vc = core.connect();
    // ANCHOR_END: connect

    // ANCHOR: write
    {
        let guard = connects.mutex().lock();
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(connects.mutex());
        let reader = buffer.alloc_reader(&guard).expect("the first of five");
        buffer.write(&guard, BYTES);
        *connects.state(&guard).vc.borrow_mut() = Some(Arc::clone(&vc));
        vc.do_io_write(&guard, Some(connects.clone()), 10, Some(&reader));
    }
    println!("        the event loop runs");
    thread.run_until_idle();
    // ANCHOR_END: write
    assert!(core.is_freed());
}
