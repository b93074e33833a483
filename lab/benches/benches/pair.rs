//! How fast bytes move through one PluginVC pair, and how much an idle pair
//! takes: one thread, one writer, one reader, separate mutexes.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use eventsys::{
    AdoptedThread, Clock, ContRef, Data, EThread, EventCode, EventProcessor, HrTime, Idle,
    Invocation, LoopTailHandler, Outcome, ProxyMutex, StateMachine,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, VioHandle};
use pluginvc::PluginVCCore;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// One end: writes pieces of one size, or takes everything off its read buffer.
struct End {
    vc: RefCell<Option<NetVcRef>>,
    read: RefCell<Option<(VioHandle, IOBufferReader)>>,
    write: RefCell<Option<(VioHandle, BoundBuffer)>>,
    piece: Vec<u8>,
    bytes: Cell<u64>,
    calls: Cell<u64>,
    /// Pieces still to be written in this round.
    left: Cell<u64>,
}

type Machine = StateMachine<End>;

fn machine(piece: usize) -> Arc<Machine> {
    let end = End {
        vc: RefCell::default(),
        read: RefCell::default(),
        write: RefCell::default(),
        piece: vec![7; piece],
        bytes: Cell::new(0),
        calls: Cell::new(0),
        left: Cell::new(0),
    };
    StateMachine::new(ProxyMutex::new(), end, handle)
}

fn handle(end: &End, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
    let guard = call.guard();
    end.calls.set(end.calls.get() + 1);
    match event {
        EventCode::NET_EVENT_ACCEPT => {
            let vc = data.net_vc().expect("a connection");
            let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(&call_mutex(call));
            let reader = buffer.alloc_reader(guard).expect("a new buffer");
            let vio = vc.do_io_read(guard, Some(call.this().clone()), i64::MAX, Some(&buffer));
            *end.read.borrow_mut() = Some((vio, reader));
            *end.vc.borrow_mut() = Some(vc.clone());
        }
        EventCode::VC_EVENT_READ_READY => {
            let read = end.read.borrow();
            let (vio, reader) = read.as_ref().expect("a read is under way");
            let avail = reader.read_avail(guard);
            reader.consume(guard, avail);
            end.bytes.set(end.bytes.get() + avail.unsigned_abs());
            vio.reenable(guard);
        }
        EventCode::VC_EVENT_WRITE_READY => {
            let write = end.write.borrow();
            let (vio, buffer) = write.as_ref().expect("a write is under way");
            if end.left.get() > 0 {
                end.left.set(end.left.get() - 1);
                buffer.write(guard, &end.piece);
                vio.reenable(guard);
            }
        }
        other => panic!("unexpected {other}"),
    }
    Outcome::Cont
}

fn call_mutex(call: &Invocation<'_>) -> Arc<ProxyMutex> {
    call.this().base().mutex().expect("a state machine has a mutex").clone()
}

struct Pair {
    writer: Arc<Machine>,
    reader: Arc<Machine>,
    thread: AdoptedThread,
}

fn pair(piece: usize) -> Pair {
    let processor = EventProcessor::new(Clock::new_real());
    let thread = processor.adopt_current_thread("ET_NET");
    thread.set_tail_handler(Arc::new(NoWait));
    let (writer, reader) = (machine(piece), machine(0));
    let active = PluginVCCore::alloc(&processor, reader.clone()).connect();
    {
        let guard = writer.mutex().lock();
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(writer.mutex());
        let from = buffer.alloc_reader(&guard).expect("a new buffer");
        let cont: ContRef = writer.clone();
        let vio = active.do_io_write(&guard, Some(cont), i64::MAX, Some(&from));
        *writer.state(&guard).write.borrow_mut() = Some((vio, buffer));
        *writer.state(&guard).vc.borrow_mut() = Some(active);
    }
    Pair { writer, reader, thread }
}

impl Pair {
    /// Writes `pieces` pieces and lets the loop run until all is quiet: the two
    /// machines keep each other going inside one pass.
    fn round(&self, pieces: u64) {
        let guard = self.writer.mutex().lock();
        let end = self.writer.state(&guard);
        end.left.set(pieces);
        end.write.borrow().as_ref().expect("a write is under way").0.reenable(&guard);
        drop(guard);
        self.thread.run_pass();
        let guard = self.writer.mutex().lock();
        assert_eq!(self.writer.state(&guard).left.get(), 0);
    }

    fn received(&self) -> u64 {
        self.reader.state(&self.reader.mutex().lock()).bytes.get()
    }

    fn calls(&self) -> u64 {
        [&self.reader, &self.writer].map(|m| m.state(&m.mutex().lock()).calls.get()).iter().sum()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for machine in [&self.reader, &self.writer] {
            let guard = machine.mutex().lock();
            let end = machine.state(&guard);
            end.read.take();
            end.write.take();
            if let Some(vc) = end.vc.take() {
                vc.do_io_close(None);
            }
        }
        self.thread.run_pass();
    }
}

/// Pieces in one measured round.
const PIECES: u64 = 10_000;

/// Bytes per second.
#[divan::bench(args = [32768, 1024, 50])]
fn bytes_through_a_pair(bencher: Bencher, piece: usize) {
    let pair = pair(piece);
    pair.round(1);
    let before = pair.received();
    pair.round(PIECES);
    assert_eq!(pair.received() - before, PIECES * piece as u64, "every byte arrives");
    bencher.counter(BytesCount::new(PIECES * piece as u64)).bench_local(|| pair.round(PIECES));
}

/// Calls of the two state machines per second.
#[divan::bench(args = [1024, 50])]
fn handler_calls_through_a_pair(bencher: Bencher, piece: usize) {
    let pair = pair(piece);
    pair.round(1);
    let before = pair.calls();
    pair.round(PIECES);
    let calls = pair.calls() - before;
    bencher.counter(ItemsCount::new(calls)).bench_local(|| pair.round(PIECES));
}

/// Connect, close both ends, free.
#[divan::bench]
fn connect_and_close(bencher: Bencher) {
    let processor = EventProcessor::new(Clock::new_real());
    let thread = processor.adopt_current_thread("ET_NET");
    thread.set_tail_handler(Arc::new(NoWait));
    let acceptor: ContRef = StateMachine::new(ProxyMutex::new(), (), |_, _, event, data| {
        if let (EventCode::NET_EVENT_ACCEPT, Some(vc)) = (event, data.net_vc()) {
            vc.do_io_close(None);
        }
        Outcome::Done
    });
    bencher.counter(ItemsCount::new(1_u64)).bench_local(|| {
        PluginVCCore::alloc(&processor, acceptor.clone()).connect().do_io_close(None);
        thread.run_pass();
    });
}

/// A connected pair that does nothing. What divan prints as `max alloc` is its memory: both
/// ends, VIOs and core buffers included.
#[divan::bench(sample_count = 1, sample_size = 1000)]
fn idle_pair(bencher: Bencher) {
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let acceptor: ContRef = StateMachine::new(ProxyMutex::new(), (), |_, _, _, _| Outcome::Done);
    bencher.counter(ItemsCount::new(1_u64)).bench_local(|| {
        let core = PluginVCCore::alloc(&processor, acceptor.clone());
        let ends = [core.connect() as NetVcRef, core.passive_vc().expect("not freed")];
        IdlePair { ends, thread: &thread }
    });
}

/// Two open ends, closed when divan drops what it has measured.
struct IdlePair<'a> {
    ends: [NetVcRef; 2],
    thread: &'a AdoptedThread,
}

impl Drop for IdlePair<'_> {
    fn drop(&mut self) {
        self.ends.iter().for_each(|end| end.do_io_close(None));
        self.thread.run_pass();
    }
}

/// A thread that never waits, so the benchmark measures work only.
struct NoWait;

impl LoopTailHandler for NoWait {
    fn wait_for_activity(&self, _: Idle<'_, '_>, _: HrTime) {}
    fn signal_activity(&self, _: &EThread) {}
}
