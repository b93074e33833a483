//! A small laboratory: one event thread in virtual time, and state machines that
//! do what a test tells them to.
//!
//! ```text
//! let lab = Lab::new();
//! let (a, p) = (lab.agent("A"), lab.agent("P"));
//! p.on(ACCEPT, |me| me.read(MAX));
//! let core = lab.pair(&a, &p);
//! a.with(|me| me.write_now(b"hello"));
//! lab.settle();
//! lab.expect("A do_io_write 5 …");
//! ```
//!
//! The trace of a run is a list of lines: the steps of the port in the words of
//! the recordings (`A write_side`), and between them what the agents were called
//! back with (`A write: WRITE_READY 100/max`, that is `ndone/nbytes`).
#![allow(dead_code)] // Each test file uses a part of it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use eventsys::mutex::census::{self, Census};
use eventsys::steps::{Step, StepSink, Steps};
use eventsys::{
    AdoptedThread, Clock, ContRef, Data, EventCode, EventProcessor, Guard, HrTime, Invocation,
    Outcome, ProxyMutex, StateMachine, hrtime,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{
    BoundBuffer, IOBufferReader, IoData, NetVcRef, ShutdownHowTo, VConnection, Vio, VioHandle,
    VioOp,
};
use pluginvc::{Corrections, PluginVCCore, PluginVCOptions};

pub(crate) const ACCEPT: EventCode = EventCode::NET_EVENT_ACCEPT;
pub(crate) const OPEN: EventCode = EventCode::NET_EVENT_OPEN;
pub(crate) const READ_READY: EventCode = EventCode::VC_EVENT_READ_READY;
pub(crate) const READ_COMPLETE: EventCode = EventCode::VC_EVENT_READ_COMPLETE;
pub(crate) const WRITE_READY: EventCode = EventCode::VC_EVENT_WRITE_READY;
pub(crate) const WRITE_COMPLETE: EventCode = EventCode::VC_EVENT_WRITE_COMPLETE;
pub(crate) const EOS: EventCode = EventCode::VC_EVENT_EOS;
pub(crate) const ERROR: EventCode = EventCode::VC_EVENT_ERROR;
pub(crate) const INACTIVITY: EventCode = EventCode::VC_EVENT_INACTIVITY_TIMEOUT;
pub(crate) const ACTIVE: EventCode = EventCode::VC_EVENT_ACTIVE_TIMEOUT;

/// As many bytes as come.
pub(crate) const MAX: i64 = i64::MAX;

/// What the port and the agents did, line by line, with the time of each line.
#[derive(Default)]
pub(crate) struct Trace {
    lines: Mutex<Vec<(HrTime, String)>>,
    hooks: Mutex<Vec<Hook>>,
}

/// A line of the trace, and what is done when it comes.
type Hook = (&'static str, Box<dyn FnOnce() + Send>);

impl StepSink for Trace {
    fn step(&self, step: Step) {
        let line = step.to_string();
        self.push(step.at, line.clone());
        let hook = {
            let mut hooks = self.hooks.lock().unwrap();
            let at = hooks.iter().position(|hook| hook.0 == line);
            at.map(|at| hooks.remove(at).1)
        };
        if let Some(hook) = hook {
            on_foreign_thread(hook);
        }
    }
}

impl Trace {
    fn push(&self, at: HrTime, line: String) {
        self.lines.lock().unwrap().push((at, line));
    }

    fn take(&self) -> Vec<(HrTime, String)> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

/// One event thread, which is the calling thread, in virtual time.
pub(crate) struct Lab {
    pub(crate) processor: Arc<EventProcessor>,
    pub(crate) thread: AdoptedThread,
    trace: Arc<Trace>,
    start: HrTime,
    agents: RefCell<Vec<Weak<StateMachine<Actor>>>>,
    cores: RefCell<Vec<Weak<PluginVCCore>>>,
    _census: Census,
}

/// Closes what a test has left open: an open pair and its state machines keep
/// each other for ever.
impl Drop for Lab {
    fn drop(&mut self) {
        let cores: Vec<_> = self.cores.take().iter().filter_map(Weak::upgrade).collect();
        let agents: Vec<_> = self.agents.take().iter().filter_map(Weak::upgrade).collect();
        let ends = cores.iter().flat_map(|core| [core.active_vc(), core.passive_vc()]).flatten();
        // A test of a panic may have left an end that panics again.
        let quietly = |f: &mut dyn FnMut()| drop(catch_unwind(AssertUnwindSafe(f)));
        for agent in agents.iter().cloned().map(Agent) {
            quietly(&mut || drop(agent.with(|me| me.actor.rules.take())));
        }
        for end in ends.filter(|end| !end.is_closed()) {
            quietly(&mut || end.do_io_close(None));
        }
        quietly(&mut || (0..3).for_each(|_| self.thread.run_pass()));
        for agent in agents.into_iter().map(Agent) {
            let let_go = |me: &Me<'_>| {
                drop((me.actor.vc.take(), me.actor.read.take(), me.actor.write.take()));
            };
            quietly(&mut || agent.with(let_go));
        }
    }
}

impl Lab {
    pub(crate) fn new() -> Lab {
        let trace = Arc::new(Trace::default());
        let clock = Clock::new_virtual();
        let start = clock.get_hrtime();
        let processor = EventProcessor::with_steps(clock, Arc::clone(&trace) as Arc<dyn StepSink>);
        let thread = processor.adopt_current_thread("ET_NET");
        let (agents, cores) = Default::default();
        Lab { processor, thread, trace, start, agents, cores, _census: census::start() }
    }

    /// Two state machines: `A`, who connects, and `P`, who accepts.
    pub(crate) fn agents(&self) -> (Agent, Agent) {
        (self.agent("A"), self.agent("P"))
    }

    /// A state machine under a mutex of its own.
    pub(crate) fn agent(&self, name: &'static str) -> Agent {
        self.agent_under(name, ProxyMutex::new())
    }

    /// A state machine under `mutex`.
    pub(crate) fn agent_under(&self, name: &'static str, mutex: Arc<ProxyMutex>) -> Agent {
        let (clock, trace) = (Arc::clone(self.processor.clock()), Arc::clone(&self.trace));
        let agent = Agent::new(name, mutex, Some((clock, trace)));
        self.agents.borrow_mut().push(agent.downgrade());
        agent
    }

    /// A connected pair: `active` has the active end, `passive` accepts.
    pub(crate) fn pair(&self, active: &Agent, passive: &Agent) -> Arc<PluginVCCore> {
        self.pair_with(active, passive, PluginVCOptions::default())
    }

    /// A connected pair in which one of the original's bugs is corrected.
    pub(crate) fn corrected_pair(
        &self,
        active: &Agent,
        passive: &Agent,
        corrections: Corrections,
    ) -> Arc<PluginVCCore> {
        let options = PluginVCOptions { corrections, ..PluginVCOptions::default() };
        self.pair_with(active, passive, options)
    }

    pub(crate) fn pair_with(
        &self,
        active: &Agent,
        passive: &Agent,
        options: PluginVCOptions,
    ) -> Arc<PluginVCCore> {
        let core = PluginVCCore::alloc_with(&self.processor, passive.cont(), options);
        self.tidies(&core);
        let vc = core.connect();
        active.with(|me| me.take_vc(vc));
        core
    }

    /// Closes what is open of `core` at the end of the test.
    pub(crate) fn tidies(&self, core: &Arc<PluginVCCore>) {
        self.cores.borrow_mut().push(Arc::downgrade(core));
    }

    /// Has a foreign thread do something at the very moment when the port takes
    /// the next step with these words; the port waits for it. What it does must
    /// not wait for a lock that the port holds at that moment.
    pub(crate) fn at_step(&self, step: &'static str, hook: impl FnOnce() + Send + 'static) {
        self.trace.hooks.lock().unwrap().push((step, Box::new(hook)));
    }

    /// Runs until no event waits. Not with a periodic event.
    pub(crate) fn settle(&self) {
        self.thread.run_until_idle();
    }

    /// Runs for this many milliseconds of virtual time.
    pub(crate) fn run_ms(&self, ms: i64) {
        self.thread.run_for(hrtime::mseconds(ms));
    }

    /// The trace so far; it is empty afterwards.
    pub(crate) fn take(&self) -> Vec<String> {
        self.trace.take().into_iter().map(|(_, line)| line).collect()
    }

    /// The trace so far, each line with its time in microseconds since the start.
    pub(crate) fn take_timed(&self) -> Vec<String> {
        let line = |(at, line)| format!("{} {line}", (at - self.start) / hrtime::useconds(1));
        self.trace.take().into_iter().map(line).collect()
    }

    /// What the agents were called back with so far, without the port's steps.
    pub(crate) fn take_callbacks(&self) -> Vec<String> {
        self.take().into_iter().filter(|line| line.contains(": ")).collect()
    }

    /// Asserts that the trace since the last look is this, a line each.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &str) {
        same_lines(&self.take(), expected);
    }

    /// Asserts what the agents were called back with since the last look.
    #[track_caller]
    pub(crate) fn expect_callbacks(&self, expected: &str) {
        same_lines(&self.take_callbacks(), expected);
    }

    /// As [`Lab::expect`], with the time in microseconds in front of each line.
    #[track_caller]
    pub(crate) fn expect_timed(&self, expected: &str) {
        same_lines(&self.take_timed(), expected);
    }

    /// Asserts the lines that contain one of `words`, with their times.
    #[track_caller]
    pub(crate) fn expect_timed_lines(&self, words: &[&str], expected: &str) {
        let lines = self.take_timed();
        let lines: Vec<_> =
            lines.into_iter().filter(|line| words.iter().any(|word| line.contains(word))).collect();
        same_lines(&lines, expected);
    }

    /// Asserts that the pair is freed and nothing is left behind: no event in
    /// any queue, no lock held, nobody who keeps the pair or an end of it.
    #[track_caller]
    pub(crate) fn expect_nothing_left(&self, core: Arc<PluginVCCore>) {
        assert!(core.is_freed(), "the pair is not freed");
        assert!(core.active_vc().is_none() && core.passive_vc().is_none(), "an end is left");
        let weak = Arc::downgrade(&core);
        drop(core);
        assert_eq!(weak.strong_count(), 0, "somebody keeps the pair");
        self.expect_quiet();
    }

    /// Asserts that no event waits and this thread holds no lock.
    #[track_caller]
    pub(crate) fn expect_quiet(&self) {
        assert!(self.thread.has_no_events(), "an event is left");
        assert_eq!(census::held(), [], "a lock is held");
    }
}

#[track_caller]
fn same_lines(found: &[String], expected: &str) {
    let expected: Vec<&str> =
        expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if found != expected {
        let at = (0..).find(|&i| found.get(i).map(|line| &**line) != expected.get(i).copied());
        let at = at.unwrap_or(0);
        panic!(
            "the traces differ in line {}: found {:?}, expected {:?}\nfound:\n{}\nend",
            at + 1,
            found.get(at),
            expected.get(at),
            found.join("\n")
        );
    }
}

type Action = Arc<dyn Fn(&Me<'_>) + Send + Sync>;

struct Rule {
    event: EventCode,
    once: bool,
    action: Action,
}

/// What an agent knows. Reached through [`Me`].
pub(crate) struct Actor {
    name: &'static str,
    mutex: Arc<ProxyMutex>,
    trace: Option<(Arc<Clock>, Arc<Trace>)>,
    rules: RefCell<Vec<Rule>>,
    vc: RefCell<Option<NetVcRef>>,
    read: RefCell<Option<VioHandle>>,
    write: RefCell<Option<VioHandle>>,
    input: RefCell<Option<(BoundBuffer, IOBufferReader)>>,
    output: RefCell<Option<(BoundBuffer, IOBufferReader)>>,
    received: RefCell<Vec<u8>>,
    calls: Cell<usize>,
}

/// A scriptable state machine.
#[derive(Clone)]
pub(crate) struct Agent(Arc<StateMachine<Actor>>);

impl Agent {
    pub(crate) fn new(
        name: &'static str,
        mutex: Arc<ProxyMutex>,
        trace: Option<(Arc<Clock>, Arc<Trace>)>,
    ) -> Agent {
        let actor = Actor {
            name,
            mutex: Arc::clone(&mutex),
            trace,
            rules: RefCell::default(),
            vc: RefCell::default(),
            read: RefCell::default(),
            write: RefCell::default(),
            input: RefCell::default(),
            output: RefCell::default(),
            received: RefCell::default(),
            calls: Cell::new(0),
        };
        Agent(StateMachine::new(mutex, actor, handle))
    }

    pub(crate) fn cont(&self) -> ContRef {
        Arc::clone(&self.0) as ContRef
    }

    pub(crate) fn mutex(&self) -> &Arc<ProxyMutex> {
        self.0.mutex()
    }

    pub(crate) fn downgrade(&self) -> Weak<StateMachine<Actor>> {
        Arc::downgrade(&self.0)
    }

    /// Does `action` whenever `event` comes.
    pub(crate) fn on(&self, event: EventCode, action: impl Fn(&Me<'_>) + Send + Sync + 'static) {
        self.rule(Rule { event, once: false, action: Arc::new(action) });
    }

    /// Does `action` the next time that `event` comes. Several are done one
    /// after the other, one each time, before what [`Agent::on`] says.
    pub(crate) fn once(&self, event: EventCode, action: impl Fn(&Me<'_>) + Send + Sync + 'static) {
        self.rule(Rule { event, once: true, action: Arc::new(action) });
    }

    fn rule(&self, rule: Rule) {
        self.with(|me| me.actor.rules.borrow_mut().push(rule));
    }

    /// Does something under the agent's mutex, on the calling thread.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&Me<'_>) -> R) -> R {
        let guard = self.mutex().lock();
        let this = self.cont();
        f(&Me { guard: &guard, this: &this, actor: self.0.state(&guard), vio: None })
    }

    /// The bytes that it has taken from its read buffer.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.with(|me| me.actor.received.borrow().clone())
    }

    /// How often it has been called back.
    pub(crate) fn calls(&self) -> usize {
        self.with(|me| me.actor.calls.get())
    }

    pub(crate) fn vc(&self) -> NetVcRef {
        self.with(|me| me.vc())
    }

    pub(crate) fn read_vio(&self) -> VioHandle {
        self.with(|me| me.read_vio())
    }

    pub(crate) fn write_vio(&self) -> VioHandle {
        self.with(|me| me.write_vio())
    }

    pub(crate) fn close(&self) {
        self.with(|me| me.close());
    }

    pub(crate) fn shutdown(&self, howto: ShutdownHowTo) {
        self.with(|me| me.shutdown(howto));
    }
}

fn handle(actor: &Actor, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
    actor.calls.set(actor.calls.get() + 1);
    let name = event.name().unwrap_or("?");
    let name = ["VC_EVENT_", "EVENT_"].iter().find_map(|p| name.strip_prefix(p)).unwrap_or(name);
    match data.vio() {
        Some(vio) => {
            let op = if vio.op() == VioOp::Read { "read" } else { "write" };
            let nbytes = if vio.nbytes() == MAX { "max".into() } else { vio.nbytes().to_string() };
            actor.note(&format!("{op}: {name} {}/{nbytes}", vio.ndone()));
        }
        None => actor.note(&format!("got: {name}")),
    }
    if let Some(vc) = data.net_vc() {
        *actor.vc.borrow_mut() = Some(Arc::clone(vc));
    }
    let action = {
        let mut rules = actor.rules.borrow_mut();
        match rules.iter().position(|rule| rule.once && rule.event == event) {
            Some(at) => Some(rules.remove(at).action),
            None => rules.iter().find(|rule| rule.event == event).map(|r| Arc::clone(&r.action)),
        }
    };
    if let Some(action) = action {
        action(&Me { guard: call.guard(), this: call.this(), actor, vio: data.vio() });
    }
    Outcome::Done
}

impl Actor {
    fn note(&self, what: &str) {
        if let Some((clock, trace)) = &self.trace {
            trace.push(clock.get_hrtime(), format!("{} {what}", self.name));
        }
    }
}

/// An agent, seen by who holds its mutex.
pub(crate) struct Me<'a> {
    pub(crate) guard: &'a Guard<'a>,
    this: &'a ContRef,
    actor: &'a Actor,
    /// The VIO that the callback is about.
    pub(crate) vio: Option<&'a Vio>,
}

impl Me<'_> {
    /// Writes a line into the trace.
    pub(crate) fn note(&self, what: &str) {
        self.actor.note(&format!("note: {what}"));
    }

    pub(crate) fn take_vc(&self, vc: NetVcRef) {
        *self.actor.vc.borrow_mut() = Some(vc);
    }

    pub(crate) fn vc(&self) -> NetVcRef {
        self.actor.vc.borrow().clone().expect("the agent has a connection")
    }

    pub(crate) fn read_vio(&self) -> VioHandle {
        self.actor.read.borrow().clone().expect("a read is under way")
    }

    pub(crate) fn write_vio(&self) -> VioHandle {
        self.actor.write.borrow().clone().expect("a write is under way")
    }

    /// The read buffer and the agent's reader of it.
    pub(crate) fn input(&self) -> (BoundBuffer, IOBufferReader) {
        self.buffer(&self.actor.input)
    }

    /// The write buffer and the reader that the connection takes from.
    pub(crate) fn output(&self) -> (BoundBuffer, IOBufferReader) {
        self.buffer(&self.actor.output)
    }

    fn buffer(
        &self,
        place: &RefCell<Option<(BoundBuffer, IOBufferReader)>>,
    ) -> (BoundBuffer, IOBufferReader) {
        let make = || {
            let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(&self.actor.mutex);
            let reader = buffer.alloc_reader(self.guard).expect("a new buffer");
            (buffer, reader)
        };
        place.borrow_mut().get_or_insert_with(make).clone()
    }

    /// `do_io_read` into the read buffer.
    pub(crate) fn read(&self, nbytes: i64) {
        let (buffer, _) = self.input();
        let this = Some(Arc::clone(self.this));
        let vio = self.vc().do_io_read(self.guard, this, nbytes, Some(&buffer));
        *self.actor.read.borrow_mut() = Some(vio);
    }

    /// `do_io_write` from the write buffer.
    pub(crate) fn write(&self, nbytes: i64) {
        let (_, reader) = self.output();
        let this = Some(Arc::clone(self.this));
        let vio = self.vc().do_io_write(self.guard, this, nbytes, Some(&reader));
        *self.actor.write.borrow_mut() = Some(vio);
    }

    /// Fills the write buffer and issues a write of just these bytes.
    pub(crate) fn write_now(&self, bytes: &[u8]) {
        self.fill(bytes);
        self.write(i64::try_from(bytes.len()).unwrap());
    }

    /// Puts bytes into the write buffer.
    pub(crate) fn fill(&self, bytes: &[u8]) {
        assert_eq!(self.output().0.write(self.guard, bytes), bytes.len() as i64);
    }

    /// Takes everything out of the read buffer; how many bytes that were.
    pub(crate) fn take(&self) -> i64 {
        self.take_some(MAX)
    }

    /// Takes up to `limit` bytes out of the read buffer; how many that were.
    pub(crate) fn take_some(&self, limit: i64) -> i64 {
        let (_, reader) = self.input();
        let n = reader.read_avail(self.guard).min(limit);
        let mut bytes = vec![0; usize::try_from(n).unwrap()];
        assert_eq!(reader.read(self.guard, &mut bytes), n);
        self.actor.received.borrow_mut().extend(bytes);
        n
    }

    /// The bytes that it has taken from its read buffer.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.actor.received.borrow().clone()
    }

    /// Bytes in the read buffer.
    pub(crate) fn waiting(&self) -> i64 {
        self.input().1.read_avail(self.guard)
    }

    pub(crate) fn reenable_read(&self) {
        self.read_vio().reenable(self.guard);
    }

    pub(crate) fn reenable_write(&self) {
        self.write_vio().reenable(self.guard);
    }

    pub(crate) fn reenable_re_read(&self) {
        self.read_vio().reenable_re(self.guard);
    }

    pub(crate) fn reenable_re_write(&self) {
        self.write_vio().reenable_re(self.guard);
    }

    pub(crate) fn shutdown(&self, howto: ShutdownHowTo) {
        self.vc().do_io_shutdown(howto);
    }

    /// Closes, and lets go of everything that has to do with the connection.
    pub(crate) fn close(&self) {
        self.vc().do_io_close(None);
        self.forget();
    }

    /// True if the agent has closed its connection, or never had one.
    pub(crate) fn is_closed(&self) -> bool {
        self.actor.vc.borrow().is_none()
    }

    /// Lets go of everything that has to do with the connection: `delete this`.
    pub(crate) fn forget(&self) {
        self.actor.read.take();
        self.actor.write.take();
        self.actor.input.take();
        self.actor.output.take();
        self.actor.vc.take();
    }
}

/// A mutex that another thread, which the event system does not know, holds
/// until it is told to give it back.
pub(crate) struct Held {
    release: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Has a foreign thread take `mutex`; returns when it has it.
pub(crate) fn hold(mutex: &Arc<ProxyMutex>) -> Held {
    let (has_it, wait) = channel();
    let (release, released) = channel();
    let mutex = Arc::clone(mutex);
    let thread = std::thread::spawn(move || {
        let _guard = mutex.lock();
        has_it.send(()).unwrap();
        // An error means that the other end is gone, and that is the signal too.
        let _ = released.recv();
    });
    wait.recv().unwrap();
    Held { release: Some(release), thread: Some(thread) }
}

impl Held {
    /// Gives the mutex back; returns when it is free.
    pub(crate) fn release(self) {
        drop(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.release.take());
        self.thread.take().map(JoinHandle::join);
    }
}

/// Does something on a thread that the event system does not own, and waits.
#[track_caller]
pub(crate) fn on_foreign_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| scope.spawn(f).join().unwrap())
}

/// The text with which `f` panics.
#[track_caller]
pub(crate) fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    let payload: Box<dyn Any + Send> = match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => payload,
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}

/// `len` bytes that count up, so that a lost or moved byte shows.
pub(crate) fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

/// A processor in real time whose threads run by themselves.
pub(crate) fn real_processor(threads: usize) -> Arc<EventProcessor> {
    let options = eventsys::Options { steps: Steps::none(), ..eventsys::Options::default() };
    let processor = EventProcessor::with_options(Clock::new_real(), options);
    processor.spawn_event_threads("ET_NET", threads);
    processor
}
