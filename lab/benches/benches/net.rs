//! How fast bytes and connections go over the loopback, beside plain blocking
//! sockets of the standard library, which are the limit; and what an idle
//! connection takes.
//!
//! One net thread, the bench's own, serves; the other end is a plain thread.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use eventsys::{
    AdoptedThread, Clock, ContRef, Data, EventCode, EventProcessor, FreeContinuation, Invocation,
    Outcome, ProxyMutex, StateMachine,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_1M, BUFFER_SIZE_INDEX_32K, MIOBuffer, SizeIndex};
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetProcessor};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, VioHandle};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// How many bytes pass in one measured round.
const ROUND: usize = 256 << 20;

struct Stage {
    net: Arc<NetProcessor>,
    thread: AdoptedThread,
}

impl Stage {
    fn new() -> Stage {
        let processor = EventProcessor::new(Clock::new_real());
        let net = NetProcessor::init(&processor, NetConfig::default());
        Stage { net, thread: processor.adopt_current_thread("ET_NET") }
    }

    fn accept(&self, acceptor: ContRef) -> (Arc<NetAcceptAction>, SocketAddr) {
        let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
        let action = self.net.accept(acceptor, &options).expect("the loopback");
        let address = action.local_addr().expect("it listens");
        (action, address)
    }

    fn until_all_are_gone(&self, machine: &Arc<Machine>) {
        let is_done = || machine.state(&machine.mutex().lock()).done.get();
        self.thread.run_until(is_done);
        self.thread.run_until(|| self.net.stats().connections_currently_open() == 0);
    }
}

/// Writes blocks up to a given number of bytes, or reads until the end.
struct End {
    size: SizeIndex,
    /// How many bytes to write; 0 to read.
    bytes: i64,
    block: Vec<u8>,
    link: RefCell<Option<Link>>,
    done: std::cell::Cell<bool>,
}

struct Link {
    vc: NetVcRef,
    vio: VioHandle,
    buffer: BoundBuffer,
    reader: IOBufferReader,
}

type Machine = StateMachine<End>;

fn machine(size: SizeIndex, bytes: usize) -> Arc<Machine> {
    let block = vec![7; usize::try_from(size.buffer_size()).expect("a size")];
    let bytes = i64::try_from(bytes).expect("a size");
    let end = End { size, bytes, block, link: RefCell::default(), done: false.into() };
    StateMachine::new(ProxyMutex::new(), end, handle)
}

fn handle(end: &End, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
    let guard = call.guard();
    match event {
        EventCode::NET_EVENT_ACCEPT => {
            let vc = data.net_vc().expect("a connection").clone();
            let mutex = call.this().base().mutex().expect("it has one");
            let buffer = MIOBuffer::new(end.size).bind(mutex);
            let reader = buffer.alloc_reader(guard).expect("a new buffer");
            let this = Some(call.this().clone());
            let vio = match end.bytes {
                0 => vc.do_io_read(guard, this, i64::MAX, Some(&buffer)),
                bytes => vc.do_io_write(guard, this, bytes, Some(&reader)),
            };
            *end.link.borrow_mut() = Some(Link { vc, vio, buffer, reader });
        }
        EventCode::VC_EVENT_READ_READY => {
            let link = end.link.borrow();
            let Link { vio, reader, .. } = link.as_ref().expect("it is open");
            reader.consume(guard, reader.read_avail(guard));
            vio.reenable(guard);
        }
        EventCode::VC_EVENT_WRITE_READY => {
            let link = end.link.borrow();
            let Link { vio, buffer, reader, .. } = link.as_ref().expect("it is open");
            let held = reader.read_avail(guard);
            if held < end.size.buffer_size() && vio.ntodo() > held {
                buffer.write(guard, &end.block);
            }
            vio.reenable(guard);
        }
        _ => {
            let link = end.link.take();
            link.expect("it is open").vc.do_io_close(None);
            end.done.set(true);
        }
    }
    Outcome::Cont
}

const SIZES: [usize; 2] = [32 << 10, 1 << 20];

fn index(size: usize) -> SizeIndex {
    if size == SIZES[0] { BUFFER_SIZE_INDEX_32K } else { BUFFER_SIZE_INDEX_1M }
}

fn drain(mut peer: TcpStream, size: usize) -> usize {
    let mut buffer = vec![0; size];
    let mut all = 0;
    while let Ok(n @ 1..) = peer.read(&mut buffer) {
        all += n;
    }
    all
}

fn pump(mut peer: TcpStream, size: usize) {
    let block = vec![7; size];
    for _ in 0..ROUND / size {
        peer.write_all(&block).expect("the other end reads");
    }
}

/// From a NetVC to a plain thread.
#[divan::bench(args = SIZES, sample_count = 10)]
fn write_through_net_vc(bencher: Bencher, size: usize) {
    let stage = Stage::new();
    bencher.counter(BytesCount::new(ROUND)).bench_local(|| {
        let machine = machine(index(size), ROUND);
        let (action, address) = stage.accept(machine.clone());
        let peer = thread::spawn(move || drain(TcpStream::connect(address).unwrap(), size));
        stage.until_all_are_gone(&machine);
        action.cancel();
        assert_eq!(peer.join().expect("it reads to the end"), ROUND);
    });
}

/// From a plain thread to a NetVC.
#[divan::bench(args = SIZES, sample_count = 10)]
fn read_through_net_vc(bencher: Bencher, size: usize) {
    let stage = Stage::new();
    bencher.counter(BytesCount::new(ROUND)).bench_local(|| {
        let machine = machine(index(size), 0);
        let (action, address) = stage.accept(machine.clone());
        let peer = thread::spawn(move || pump(TcpStream::connect(address).unwrap(), size));
        stage.until_all_are_gone(&machine);
        action.cancel();
        peer.join().expect("it writes all");
    });
}

/// From a plain thread to a plain thread: the limit.
#[divan::bench(args = SIZES, sample_count = 10)]
fn plain_std_net(bencher: Bencher, size: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback");
    let address = listener.local_addr().expect("it listens");
    bencher.counter(BytesCount::new(ROUND)).bench_local(|| {
        let peer = thread::spawn(move || pump(TcpStream::connect(address).unwrap(), size));
        assert_eq!(drain(listener.accept().expect("a peer connects").0, size), ROUND);
        peer.join().expect("it writes all");
    });
}

/// How many connections are made in one measured round.
const CONNECTIONS: usize = 1000;

/// Connects, reads one byte, and closes: the byte shows that each connection
/// was served.
fn visit(address: SocketAddr) {
    for _ in 0..CONNECTIONS {
        let mut peer = TcpStream::connect(address).expect("the server listens");
        let n = peer.read(&mut [0; 1]).expect("a byte");
        assert_eq!(n, 1);
        // The client resets: otherwise the ports wait for minutes to be used again.
        let socket = socket2::SockRef::from(&peer);
        socket.set_linger(Some(std::time::Duration::ZERO)).expect("an open socket");
    }
}

/// Accept, write one byte, close: NetVC.
#[divan::bench(sample_count = 20)]
fn connections_net_vc(bencher: Bencher) {
    let stage = Stage::new();
    let acceptor: ContRef = FreeContinuation::new(|_, _, data: Data<'_>| {
        let vc = data.net_vc().expect("a connection");
        let cont = StateMachine::new(ProxyMutex::new(), vc.clone(), |vc, _, _, _| {
            vc.do_io_close(None);
            Outcome::Done
        });
        let guard = cont.mutex().lock();
        let buffer = MIOBuffer::new(iocore::buffer::BUFFER_SIZE_INDEX_128).bind(cont.mutex());
        let reader = buffer.alloc_reader(&guard).expect("a new buffer");
        buffer.write(&guard, b"x");
        vc.do_io_write(&guard, Some(cont.clone()), 1, Some(&reader));
        Outcome::Done
    });
    let (action, address) = stage.accept(acceptor);
    bencher.counter(ItemsCount::new(CONNECTIONS)).bench_local(|| {
        let peer = thread::spawn(move || visit(address));
        stage.thread.run_until(|| peer.is_finished());
        peer.join().expect("all are served");
    });
    action.cancel();
    stage.thread.run_pass();
}

/// Accept, write one byte, close: plain sockets.
#[divan::bench(sample_count = 20)]
fn connections_plain_std_net(bencher: Bencher) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback");
    let address = listener.local_addr().expect("it listens");
    bencher.counter(ItemsCount::new(CONNECTIONS)).bench_local(|| {
        let peer = thread::spawn(move || visit(address));
        for _ in 0..CONNECTIONS {
            let (mut stream, _) = listener.accept().expect("a peer connects");
            stream.write_all(b"x").expect("the other end reads");
        }
        peer.join().expect("all are served");
    });
}

/// How many connections ask at a time, how often in one measured round, and how
/// much is asked and answered.
const ASKING: usize = 16;
const ROUNDS: usize = 1000;
const QUESTION: usize = 64;
const ANSWER: usize = 1024;

/// Asks on all connections, then waits for all answers, again and again.
fn ask(address: SocketAddr) {
    let mut peers: Vec<_> = (0..ASKING)
        .map(|_| {
            let peer = TcpStream::connect(address).expect("the server listens");
            peer.set_nodelay(true).expect("an open socket");
            peer
        })
        .collect();
    for _ in 0..ROUNDS {
        for peer in &mut peers {
            peer.write_all(&[7; QUESTION]).expect("the other end reads");
        }
        for peer in &mut peers {
            peer.read_exact(&mut [0; ANSWER]).expect("an answer");
        }
    }
}

/// One connection that answers.
struct Answering {
    vc: NetVcRef,
    read: RefCell<Option<(VioHandle, IOBufferReader)>>,
    write: RefCell<Option<(VioHandle, BoundBuffer)>>,
}

fn answer(end: &Answering, call: &Invocation<'_>, event: EventCode, _: Data<'_>) -> Outcome {
    let guard = call.guard();
    match event {
        EventCode::VC_EVENT_READ_READY => {
            let (read, write) = (end.read.borrow(), end.write.borrow());
            let (vio, reader) = read.as_ref().expect("it is open");
            let (write, buffer) = write.as_ref().expect("it is open");
            reader.consume(guard, QUESTION as i64);
            buffer.write(guard, &[7; ANSWER]);
            write.reenable(guard);
            vio.reenable(guard);
        }
        EventCode::VC_EVENT_WRITE_READY => {}
        _ => {
            let links = (end.read.take(), end.write.take());
            end.vc.do_io_close(None);
            drop(links);
        }
    }
    Outcome::Cont
}

/// Questions and answers over sixteen connections: NetVC.
#[divan::bench(sample_count = 20)]
fn requests_net_vc(bencher: Bencher) {
    let stage = Stage::new();
    let acceptor: ContRef = FreeContinuation::new(|_, _, data: Data<'_>| {
        let vc = data.net_vc().expect("a connection").clone();
        let end = Answering { vc, read: RefCell::default(), write: RefCell::default() };
        let cont = StateMachine::new(ProxyMutex::new(), end, answer);
        let guard = cont.mutex().lock();
        let end = cont.state(&guard);
        let new_buffer = || {
            let buffer = MIOBuffer::new(iocore::buffer::BUFFER_SIZE_INDEX_4K).bind(cont.mutex());
            let reader = buffer.alloc_reader(&guard).expect("a new buffer");
            (buffer, reader)
        };
        let ((input, reader), (output, from)) = (new_buffer(), new_buffer());
        let read = end.vc.do_io_read(&guard, Some(cont.clone()), i64::MAX, Some(&input));
        let write = end.vc.do_io_write(&guard, Some(cont.clone()), i64::MAX, Some(&from));
        *end.read.borrow_mut() = Some((read, reader));
        *end.write.borrow_mut() = Some((write, output));
        Outcome::Done
    });
    let (action, address) = stage.accept(acceptor);
    bencher.counter(ItemsCount::new(ASKING * ROUNDS)).bench_local(|| {
        let peer = thread::spawn(move || ask(address));
        let open = || stage.net.stats().connections_currently_open();
        stage.thread.run_until(|| peer.is_finished() && open() == 0);
        peer.join().expect("all are answered");
    });
    action.cancel();
    stage.thread.run_pass();
}

/// Questions and answers over sixteen connections: plain sockets, one thread that
/// reads and writes them in turn.
#[divan::bench(sample_count = 20)]
fn requests_plain_std_net(bencher: Bencher) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback");
    let address = listener.local_addr().expect("it listens");
    bencher.counter(ItemsCount::new(ASKING * ROUNDS)).bench_local(|| {
        let peer = thread::spawn(move || ask(address));
        let mut streams: Vec<_> =
            (0..ASKING).map(|_| listener.accept().expect("a peer connects").0).collect();
        for _ in 0..ROUNDS {
            for stream in &mut streams {
                stream.read_exact(&mut [0; QUESTION]).expect("a question");
                stream.write_all(&[7; ANSWER]).expect("the other end reads");
            }
        }
        peer.join().expect("all are answered");
    });
}

/// An accepted connection with a read under way. What divan prints as `max alloc` is its
/// memory on this side: connection, state machine and buffer.
#[divan::bench(sample_count = 1, sample_size = 400)]
fn idle_connection(bencher: Bencher) {
    let stage = Stage::new();
    let acceptor: ContRef = FreeContinuation::new(|_, _, data: Data<'_>| {
        let vc = data.net_vc().expect("a connection");
        let cont = StateMachine::new(ProxyMutex::new(), vc.clone(), |vc, _, _, _| {
            vc.do_io_close(None);
            Outcome::Done
        });
        let guard = cont.mutex().lock();
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(cont.mutex());
        vc.do_io_read(&guard, Some(cont.clone()), i64::MAX, Some(&buffer));
        Outcome::Done
    });
    let (action, address) = stage.accept(acceptor);
    let opened = || stage.net.stats().connections_currently_open();
    bencher.counter(ItemsCount::new(1_u64)).bench_local(|| {
        let before = opened();
        let peer = TcpStream::connect(address).expect("the server listens");
        stage.thread.run_until(|| opened() > before);
        peer
    });
    stage.thread.run_until(|| opened() == 0);
    action.cancel();
    stage.thread.run_pass();
}
