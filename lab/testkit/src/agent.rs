//! [`Agent`]: a state machine that does I/O and reacts by rules.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::sync::{Arc, Weak};

use eventsys::{ContRef, Data, EventCode, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::{
    BoundBuffer, IOBufferReader, IoData, NetVcRef, ShutdownHowTo, VioHandle, VioOp, event_name,
};

use crate::events::MAX;
use crate::me::Me;
use crate::trace::Trace;

/// The reaction of an agent to an event.
type Action = Arc<dyn Fn(&Me<'_>) + Send + Sync>;

struct Rule {
    event: EventCode,
    once: bool,
    action: Action,
}

/// A buffer and the reader of it.
pub(crate) type BufferAndReader = (BoundBuffer, IOBufferReader);

/// The state of an agent, under its mutex.
#[derive(Default)]
pub(crate) struct State {
    name: &'static str,
    trace: Option<Arc<Trace>>,
    rules: RefCell<Vec<Rule>>,
    pub(crate) vc: RefCell<Option<NetVcRef>>,
    pub(crate) read: RefCell<Option<VioHandle>>,
    pub(crate) write: RefCell<Option<VioHandle>>,
    pub(crate) input: RefCell<Option<BufferAndReader>>,
    pub(crate) output: RefCell<Option<BufferAndReader>>,
    pub(crate) received: RefCell<Vec<u8>>,
    calls: Cell<usize>,
}

impl State {
    pub(crate) fn write_line(&self, what: &str) {
        if let Some(trace) = &self.trace {
            trace.agent(format!("{} {what}", self.name));
        }
    }

    /// The action for this event: the first one-time rule, else the first permanent rule.
    fn action_for(&self, event: EventCode) -> Option<Action> {
        let mut rules = self.rules.borrow_mut();
        match rules.iter().position(|rule| rule.once && rule.event == event) {
            Some(at) => Some(rules.remove(at).action),
            None => rules.iter().find(|rule| rule.event == event).map(|r| Arc::clone(&r.action)),
        }
    }
}

/// A state machine with a connection, a read buffer and a write buffer.
///
/// [`on`](Agent::on) and [`once`](Agent::once) say how it reacts; an event without a
/// rule is written into the trace and does nothing. [`with`](Agent::with) acts as the
/// agent from outside a callback.
///
/// A line of the trace is `NAME read: EVENT ndone/nbytes`, `NAME write: …`, or
/// `NAME got: EVENT` where the event does not come for a VIO.
#[derive(Clone)]
pub struct Agent(Arc<StateMachine<State>>);

impl Agent {
    /// An agent that belongs to no laboratory, for tests on real threads; without a
    /// trace it writes no lines.
    #[must_use]
    pub fn new(name: &'static str, mutex: Arc<ProxyMutex>, trace: Option<Arc<Trace>>) -> Agent {
        Agent(StateMachine::new(mutex, State { name, trace, ..State::default() }, handle))
    }

    /// The agent as a continuation.
    #[must_use]
    pub fn cont(&self) -> ContRef {
        Arc::clone(&self.0) as ContRef
    }

    /// Its mutex.
    #[must_use]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        self.0.mutex()
    }

    /// Does `action` whenever `event` comes.
    pub fn on(&self, event: EventCode, action: impl Fn(&Me<'_>) + Send + Sync + 'static) {
        self.rule(Rule { event, once: false, action: Arc::new(action) });
    }

    /// Does `action` the next time that `event` comes. Several such rules apply one after the
    /// other, one each time, before the rule of [`Agent::on`].
    pub fn once(&self, event: EventCode, action: impl Fn(&Me<'_>) + Send + Sync + 'static) {
        self.rule(Rule { event, once: true, action: Arc::new(action) });
    }

    fn rule(&self, rule: Rule) {
        let guard = self.mutex().lock();
        self.0.state(&guard).rules.borrow_mut().push(rule);
    }

    /// Takes all rules away.
    pub(crate) fn forget_rules(&self) {
        let guard = self.mutex().lock();
        drop(self.0.state(&guard).rules.take());
    }

    /// Acts as the agent, under its mutex, on the calling thread. Waits for the mutex.
    pub fn with<R>(&self, f: impl FnOnce(&Me<'_>) -> R) -> R {
        let guard = self.mutex().lock();
        let this = self.cont();
        f(&Me { guard: &guard, vio: None, this: &this, state: self.0.state(&guard) })
    }

    /// The bytes that it has taken from its read buffer.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.with(|me| me.received())
    }

    /// How often it has been called back.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.with(|me| me.state.calls.get())
    }

    /// Its connection.
    ///
    /// # Panics
    /// If it has no connection.
    #[must_use]
    #[track_caller]
    pub fn vc(&self) -> NetVcRef {
        self.with(|me| me.vc())
    }

    /// The VIO of its read.
    ///
    /// # Panics
    /// If it has not read yet.
    #[must_use]
    #[track_caller]
    pub fn read_vio(&self) -> VioHandle {
        self.with(|me| me.read_vio())
    }

    /// The VIO of its write.
    ///
    /// # Panics
    /// If it has not written yet.
    #[must_use]
    #[track_caller]
    pub fn write_vio(&self) -> VioHandle {
        self.with(|me| me.write_vio())
    }

    /// Closes its connection, as [`Me::close`].
    #[track_caller]
    pub fn close(&self) {
        self.with(|me| me.close());
    }

    /// Shuts sides of its connection down, as [`Me::shutdown`].
    #[track_caller]
    pub fn shutdown(&self, howto: ShutdownHowTo) {
        self.with(|me| me.shutdown(howto));
    }

    /// A reference that does not keep the agent alive, for a test that asserts that
    /// nothing else does.
    #[must_use]
    pub fn downgrade(&self) -> WeakAgent {
        WeakAgent(Arc::downgrade(&self.0))
    }
}

/// An [`Agent`] that is not kept alive by this reference.
#[derive(Clone)]
pub struct WeakAgent(Weak<StateMachine<State>>);

impl WeakAgent {
    /// The agent, if it still exists.
    #[must_use]
    pub fn upgrade(&self) -> Option<Agent> {
        self.0.upgrade().map(Agent)
    }
}

fn handle(state: &State, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
    state.calls.set(state.calls.get() + 1);
    state.write_line(&line(event, data));
    if let Some(vc) = data.net_vc() {
        *state.vc.borrow_mut() = Some(Arc::clone(vc));
    }
    if let Some(action) = state.action_for(event) {
        action(&Me { guard: call.guard(), vio: data.vio(), this: call.this(), state });
    }
    Outcome::Done
}

/// A callback as the trace shows it.
fn line(event: EventCode, data: Data<'_>) -> String {
    let name = event.shown_by(event_name).to_string();
    let short = ["VC_EVENT_", "EVENT_"].iter().find_map(|p| name.strip_prefix(p));
    let name = short.unwrap_or(&name);
    let Some(vio) = data.vio() else { return format!("got: {name}") };
    let op = if vio.op() == VioOp::Read { "read" } else { "write" };
    let mut line = format!("{op}: {name} {}/", vio.ndone());
    let _ = match vio.nbytes() {
        MAX => write!(line, "max"),
        nbytes => write!(line, "{nbytes}"),
    };
    line
}
