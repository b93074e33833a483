//! A small laboratory: a proxy in virtual time, clients and origin servers that
//! do what a test tells them to, all at ends of PluginVC pairs.
#![allow(dead_code)] // Each test file uses a part of it.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex};

use eventsys::steps::{Step, StepSink};
use eventsys::{
    AdoptedThread, Clock, ContRef, Data, EventCode, EventProcessor, FreeContinuation, HrTime,
    Invocation, Outcome, ProxyMutex, StateMachine, hrtime,
};
use httpsm::{
    AcceptorConnector, HttpCensus, HttpConfig, HttpProxy, HttpSessionAccept, OriginConnector,
    UrlRewrite,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{
    BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, ShutdownHowTo, VConnection, VioHandle,
};
use pluginvc::{PluginVCCore, PluginVcOptions};

/// What the port did, as text.
#[derive(Default)]
pub(crate) struct Trace(Mutex<Vec<Step>>, std::sync::atomic::AtomicBool);

impl StepSink for Trace {
    fn step(&self, step: Step) {
        if self.1.load(std::sync::atomic::Ordering::Relaxed) {
            self.0.lock().unwrap().push(step);
        }
    }
}

/// A proxy on one event thread, which is the calling thread, in virtual time.
pub(crate) struct Lab {
    pub(crate) proxy: Arc<HttpProxy>,
    pub(crate) connector: Arc<AcceptorConnector>,
    pub(crate) thread: AdoptedThread,
    pub(crate) processor: Arc<EventProcessor>,
    trace: Arc<Trace>,
    accepted: Arc<Mutex<Vec<Peer>>>,
    /// Everything is gone before the counting at the end.
    blocks: i64,
}

/// A quick proxy: the timeouts are seconds, so that tests can tell them apart.
pub(crate) fn config() -> HttpConfig {
    HttpConfig {
        accept_no_activity_timeout: hrtime::seconds(7),
        transaction_no_activity_timeout_in: hrtime::seconds(10),
        transaction_no_activity_timeout_out: hrtime::seconds(4),
        connect_attempts_timeout: hrtime::seconds(3),
        keep_alive_no_activity_timeout_in: hrtime::seconds(20),
        keep_alive_no_activity_timeout_out: hrtime::seconds(15),
        ..HttpConfig::default()
    }
}

impl Lab {
    pub(crate) fn new() -> Lab {
        Lab::with(config(), None)
    }

    pub(crate) fn with(config: HttpConfig, connector: Option<Arc<dyn OriginConnector>>) -> Lab {
        let blocks = iocore::buffer::census().live;
        let trace = Arc::new(Trace::default());
        let clock = Clock::new_virtual();
        let processor = EventProcessor::with_steps(clock, Arc::clone(&trace) as Arc<dyn StepSink>);
        let thread = processor.adopt_current_thread("ET_NET");
        let options = PluginVcOptions {
            epoch: pluginvc::Epoch::C,
            corrections: pluginvc::Corrections::all(),
            ..PluginVcOptions::default()
        };
        let local = AcceptorConnector::new(&processor, options);
        let connector_used = connector.unwrap_or_else(|| local.clone());
        let rules = [
            "http://origin.test/=http://127.0.0.1:19090/",
            "http://refused.test/=http://127.0.0.1:1/",
        ];
        let rules = UrlRewrite::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
        let proxy = HttpProxy::new(&processor, config, rules, connector_used);
        proxy.set_local_time(1_800_000_000);
        let accepted: Arc<Mutex<Vec<Peer>>> = Arc::default();
        let lab = Lab { proxy, connector: local, thread, processor, trace, accepted, blocks };
        let acceptor = lab.acceptor();
        lab.connector.listen("127.0.0.1", 19090, acceptor);
        lab
    }

    /// Takes connections; they are found in [`Lab::origins`].
    pub(crate) fn acceptor(&self) -> ContRef {
        let accepted = Arc::clone(&self.accepted);
        FreeContinuation::new(move |_, event, data| {
            if let (EventCode::NET_EVENT_ACCEPT, Some(vc)) = (event, data.net_vc()) {
                accepted.lock().unwrap().push(Peer::new(Arc::clone(vc)));
            }
            Outcome::Done
        })
    }

    /// A client with a connection of its own.
    pub(crate) fn client(&self) -> Peer {
        let options = PluginVcOptions {
            epoch: pluginvc::Epoch::C,
            corrections: pluginvc::Corrections::all(),
            ..PluginVcOptions::default()
        };
        let accept = HttpSessionAccept::new(&self.proxy);
        let core = PluginVCCore::alloc_with(&self.processor, accept, options);
        core.set_active_addr("127.0.0.1:40000".parse().unwrap());
        let other = core.passive_vc();
        let peer = Peer::new(core.connect());
        peer.with(|state, _| *state.other.borrow_mut() = other.map(|vc| Arc::downgrade(&vc)));
        peer
    }

    /// Sends a request and lets everything happen.
    pub(crate) fn ask(&self, request: &[u8]) -> Peer {
        let client = self.client();
        client.send(request);
        self.settle();
        client
    }

    /// The connections that origin servers have taken so far.
    pub(crate) fn origins(&self) -> Vec<Peer> {
        self.accepted.lock().unwrap().clone()
    }

    #[track_caller]
    pub(crate) fn origin(&self) -> Peer {
        self.origins().last().expect("an origin server has been asked").clone()
    }

    /// Long enough for everything that does not wait for a timeout.
    pub(crate) fn settle(&self) {
        self.run_ms(50);
    }

    pub(crate) fn run_ms(&self, ms: i64) {
        self.thread.run_for(hrtime::mseconds(ms));
    }

    pub(crate) fn run_s(&self, s: i64) {
        self.thread.run_for(hrtime::seconds(s));
    }

    pub(crate) fn now(&self) -> HrTime {
        self.processor.clock().get_hrtime_updated()
    }

    /// From now on the steps are kept.
    pub(crate) fn keep_steps(&self) {
        self.trace.1.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// The steps since the last look.
    pub(crate) fn take_steps(&self) -> Vec<Step> {
        std::mem::take(&mut self.trace.0.lock().unwrap())
    }

    pub(crate) fn census(&self) -> HttpCensus {
        self.proxy.census()
    }

    /// Closes all that is open and asserts that nothing is left: no session, no
    /// transaction, no connection, no event in a queue, no block of memory.
    #[track_caller]
    pub(crate) fn expect_nothing_left(self, peers: Vec<Peer>) {
        assert_eq!(self.what_is_left(peers), None);
    }

    /// Closes all that is open and says what is left.
    pub(crate) fn what_is_left(self, peers: Vec<Peer>) -> Option<String> {
        peers.iter().for_each(Peer::close);
        // An origin server that closes without an answer may be asked once more.
        for _ in 0..8 {
            let origins = std::mem::take(&mut *self.accepted.lock().unwrap());
            origins.iter().for_each(Peer::close);
            self.settle();
        }
        self.proxy.pool().purge();
        // A client that has gone may only have ended its side: an origin server that
        // says nothing is waited for until its time is up.
        for _ in 0..60 {
            if self.census() == HttpCensus::default() {
                break;
            }
            self.run_s(1);
        }
        self.run_s(2);
        let census = self.census();
        if census != HttpCensus::default() {
            return Some(format!("{census:?}"));
        }
        if !self.thread.has_no_events() {
            return Some("an event".to_owned());
        }
        let blocks = self.blocks;
        self.proxy.hooks().clear();
        drop(self);
        let left = iocore::buffer::census().live - blocks;
        (left != 0).then(|| format!("{left} blocks"))
    }
}

/// An end of a connection that a test holds.
#[derive(Clone)]
pub(crate) struct Peer(Arc<StateMachine<PeerState>>);

#[derive(Default)]
pub(crate) struct PeerState {
    vc: RefCell<Option<NetVcRef>>,
    read: RefCell<Option<VioHandle>>,
    write: RefCell<Option<VioHandle>>,
    input: RefCell<Option<(BoundBuffer, IOBufferReader)>>,
    output: RefCell<Option<(BoundBuffer, IOBufferReader)>>,
    received: RefCell<Vec<u8>>,
    /// The other end of a client's connection.
    other: RefCell<Option<std::sync::Weak<pluginvc::PluginVC>>>,
    end: Cell<Option<EventCode>>,
    paused: Cell<bool>,
}

impl Peer {
    pub(crate) fn new(vc: NetVcRef) -> Peer {
        let machine = StateMachine::new(ProxyMutex::new(), PeerState::default(), handle);
        let guard = machine.mutex().lock();
        let buffer = || {
            let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(machine.mutex());
            let reader = buffer.alloc_reader(&guard).unwrap();
            (buffer, reader)
        };
        let (input, output) = (buffer(), buffer());
        let cont: ContRef = machine.clone();
        let state = machine.state(&guard);
        *state.read.borrow_mut() =
            Some(vc.do_io_read(&guard, Some(cont.clone()), i64::MAX, Some(&input.0)));
        *state.write.borrow_mut() =
            Some(vc.do_io_write(&guard, Some(cont), i64::MAX, Some(&output.1)));
        *state.input.borrow_mut() = Some(input);
        *state.output.borrow_mut() = Some(output);
        *state.vc.borrow_mut() = Some(vc);
        drop(guard);
        Peer(machine)
    }

    fn with<R>(&self, f: impl FnOnce(&PeerState, &eventsys::Guard<'_>) -> R) -> R {
        let guard = self.0.mutex().lock();
        f(self.0.state(&guard), &guard)
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.with(|state, guard| {
            let output = state.output.borrow().clone();
            let Some((buffer, _)) = output else { return };
            buffer.write(guard, bytes);
            let vio = state.write.borrow().clone();
            if let Some(vio) = vio.filter(|_| state.vc.borrow().is_some()) {
                vio.reenable(guard);
            }
        });
    }

    /// How many bytes it has sent that the other end has not taken yet.
    pub(crate) fn unsent(&self) -> i64 {
        self.with(|state, guard| {
            state.output.borrow().as_ref().map_or(0, |(_, reader)| reader.read_avail(guard))
        })
    }

    /// Everything that has come so far.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.with(|state, _| state.received.borrow().clone())
    }

    /// As text, with the date made one that never changes.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received()).replace("Fri, 15 Jan 2027 08:00:0", "DATE")
    }

    /// What has come since the last look.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.with(|state, _| state.received.take())
    }

    /// Whether the other end has closed.
    pub(crate) fn is_at_end(&self) -> bool {
        self.with(|state, _| state.end.get().is_some())
    }

    pub(crate) fn end(&self) -> Option<EventCode> {
        self.with(|state, _| state.end.get())
    }

    /// Reads no more until told to.
    pub(crate) fn pause(&self, paused: bool) {
        self.with(|state, guard| {
            state.paused.set(paused);
            if !paused {
                take(state, guard);
            }
        });
    }

    pub(crate) fn shutdown_write(&self) {
        self.with(|state, _| {
            if let Some(vc) = &*state.vc.borrow() {
                vc.do_io_shutdown(ShutdownHowTo::Write);
            }
        });
        // A shutdown alone schedules nothing (see `PluginVC::do_io_shutdown`); a
        // socket would report the end at once.
        let other = self.with(|state, _| state.other.borrow().as_ref().and_then(|o| o.upgrade()));
        if let Some(other) = other {
            let vio = other.vio(iocore::VioOp::Read);
            if let Some(mutex) = vio.mutex() {
                other.reenable(&mutex.lock(), iocore::VioOp::Read);
            }
        }
    }

    pub(crate) fn close(&self) {
        self.with(|state, _| {
            let vc = state.vc.take();
            if let Some(vc) = vc {
                vc.do_io_close(None);
            }
            drop((state.read.take(), state.write.take(), state.input.take(), state.output.take()));
        });
    }
}

fn handle(state: &PeerState, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
    match event {
        EventCode::VC_EVENT_READ_READY if !state.paused.get() => take(state, call.guard()),
        EventCode::VC_EVENT_READ_READY
        | EventCode::VC_EVENT_WRITE_READY
        | EventCode::VC_EVENT_WRITE_COMPLETE => {}
        // A write that nobody takes is not the end of what can be read.
        EventCode::VC_EVENT_ERROR
            if data.vio().is_some_and(|vio| vio.op() == iocore::VioOp::Write) => {}
        other => state.end.set(Some(other)),
    }
    Outcome::Done
}

fn take(state: &PeerState, guard: &eventsys::Guard<'_>) {
    let Some((_, reader)) = state.input.borrow().clone() else { return };
    let n = reader.read_avail(guard);
    let mut bytes = vec![0; usize::try_from(n).unwrap()];
    reader.read(guard, &mut bytes);
    state.received.borrow_mut().extend(bytes);
    let vio = state.read.borrow().clone();
    if let Some(vio) = vio.filter(|_| state.vc.borrow().is_some()) {
        vio.reenable(guard);
    }
}
