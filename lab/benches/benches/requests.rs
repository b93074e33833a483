//! How fast a plugin's requests are answered by a plugin: two pairs and one state
//! machine, on one event thread.
//!
//! `cargo bench -p benches --bench requests`

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use eventsys::{
    AdoptedThread, Clock, ContRef, Data, EventCode, EventProcessor, FreeContinuation, Guard,
    Invocation, Outcome, ProxyMutex, StateMachine,
};
use httpsm::plugins::Plugin;
use httpsm::{HttpConfig, HttpProxy, NoOrigin, UrlRewrite, ts_http_connect};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, IoData, NetVcRef, VioHandle};

fn main() {
    divan::main();
}

/// Sends the same request again and again on one connection, as often as the benchmark says. All of
/// this runs on one thread, and a pass of its loop ends when no client asks.
struct Client {
    request: Vec<u8>,
    /// How many requests it may still send.
    left: Cell<u64>,
    /// Bytes of one answer.
    size: Cell<i64>,
    got: Cell<i64>,
    answers: Cell<u64>,
    link: RefCell<Option<Link>>,
}

struct Link {
    vc: NetVcRef,
    input: IOBufferReader,
    output: BoundBuffer,
    write: VioHandle,
}

impl Client {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        if event == EventCode::VC_EVENT_READ_READY {
            let guard = call.guard();
            let link = self.link.borrow();
            let link = link.as_ref().expect("connected");
            let n = link.input.read_avail(guard);
            link.input.consume(guard, n);
            self.got.set(self.got.get() + n);
            if self.got.get() >= self.size.get() {
                self.answers.set(self.answers.get() + 1);
                self.got.set(0);
                if self.left.get() > 0 {
                    self.left.set(self.left.get() - 1);
                    self.ask(guard, link);
                }
            }
            link.vc.reenable(guard, data.vio().expect("of a read").op());
        }
        Outcome::Done
    }

    fn ask(&self, guard: &Guard<'_>, link: &Link) {
        link.output.write(guard, &self.request);
        link.write.reenable(guard);
    }
}

/// A proxy with `clients` clients that ask for `body` bytes each.
struct Setup {
    thread: AdoptedThread,
    clients: Vec<Arc<StateMachine<Client>>>,
    _proxy: Arc<HttpProxy>,
}

impl Setup {
    fn new(body: i64, clients: usize) -> Setup {
        let options =
            eventsys::Options { steps: eventsys::steps::Steps::none(), ..Default::default() };
        let processor = EventProcessor::with_options(Clock::new_real(), options);
        let thread = processor.adopt_current_thread("ET_NET");
        // A poll event in every pass, so that no pass ends with a sleep: after the last answer
        // nothing else would end that sleep.
        thread.schedule_every_local(FreeContinuation::new(|_, _, _| Outcome::Done), -1);
        let rules = UrlRewrite::new(vec!["/=http://h/".parse().expect("a rule")]);
        let config = HttpConfig { keepalive_internal_vc: true, ..HttpConfig::default() };
        let proxy = HttpProxy::new(&processor, config, rules, Arc::new(NoOrigin));
        Plugin::Generator.install(&proxy);
        let clients = (0..clients).map(|_| client(&proxy, body)).collect();
        Setup { thread, clients, _proxy: proxy }
    }

    /// Makes each client ask this often. It is a separate function so that a profiler can select
    /// it.
    #[inline(never)]
    fn run(&self, each: u64) {
        let mut end = 0;
        for client in &self.clients {
            let guard = client.mutex().lock();
            let state = client.state(&guard);
            end = state.answers.get() + each;
            state.left.set(each - 1);
            let link = state.link.borrow();
            state.ask(&guard, link.as_ref().expect("connected"));
        }
        let is_done = |client: &Arc<StateMachine<Client>>| {
            let guard = client.mutex().lock();
            client.state(&guard).answers.get() >= end
        };
        self.thread.run_until(|| self.clients.iter().all(is_done));
    }
}

fn client(proxy: &Arc<HttpProxy>, body: i64) -> Arc<StateMachine<Client>> {
    let request = format!("GET /nocache/{body}/x HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes();
    let length = body.to_string().len();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: \r\nCache-Control: private\r\n\
                Date: Sun, 22 Nov 2026 06:48:48 GMT\r\nAge: 0\r\nConnection: keep-alive\r\n\
                Server: ATS/9.2.9\r\n\r\n";
    let size = i64::try_from(head.len() + length).expect("small") + body;
    let client = Client {
        request,
        left: Cell::new(0),
        size: Cell::new(size),
        got: Cell::new(0),
        answers: Cell::new(0),
        link: RefCell::default(),
    };
    let machine = StateMachine::new(ProxyMutex::new(), client, Client::handle);
    let vc = ts_http_connect(proxy, "10.0.0.1:1".parse().expect("an address"));
    {
        let guard = machine.mutex().lock();
        let buffer = || MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(machine.mutex());
        let (input, output) = (buffer(), buffer());
        let cont: ContRef = machine.clone();
        let from = output.alloc_reader(&guard).expect("the first of five");
        let reader = input.alloc_reader(&guard).expect("the first of five");
        vc.do_io_read(&guard, Some(cont.clone()), i64::MAX, Some(&input));
        let write = vc.do_io_write(&guard, Some(cont), i64::MAX, Some(&from));
        let state = machine.state(&guard);
        let link = Link { vc, input: reader, output, write };
        *state.link.borrow_mut() = Some(link);
    }
    machine
}

#[divan::bench(args = [0, 1024, 32 * 1024])]
fn requests(bencher: Bencher<'_, '_>, body: i64) {
    let setup = Setup::new(body, 16);
    bencher.counter(ItemsCount::new(1600_u64)).bench_local(|| setup.run(100));
}

#[divan::bench]
fn ten_megabytes(bencher: Bencher<'_, '_>) {
    let setup = Setup::new(10 * 1024 * 1024, 1);
    bencher.counter(BytesCount::new(10_u64 * 1024 * 1024)).bench_local(|| setup.run(1));
}
