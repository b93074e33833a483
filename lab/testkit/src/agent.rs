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
    /// For an event without a rule of its own.
    any: RefCell<Option<Action>>,
    pub(crate) vc: RefCell<Option<NetVcRef>>,
    pub(crate) read: RefCell<Option<VioHandle>>,
    pub(crate) write: RefCell<Option<VioHandle>>,
    pub(crate) input: RefCell<Option<BufferAndReader>>,
    pub(crate) output: RefCell<Option<BufferAndReader>>,
    pub(crate) received: RefCell<Vec<u8>>,
    pub(crate) error: Cell<Option<i32>>,
    pub(crate) events: RefCell<Vec<EventCode>>,
}

impl State {
    pub(crate) fn write_line(&self, what: &str) {
        if let Some(trace) = &self.trace {
            trace.agent(format!("{} {what}", self.name));
        }
    }

    /// The action for this event: the first one-time rule, else the first permanent rule,
    /// else the rule for any event.
    fn action_for(&self, event: EventCode) -> Option<Action> {
        let mut rules = self.rules.borrow_mut();
        match rules.iter().position(|rule| rule.once && rule.event == event) {
            Some(at) => Some(rules.remove(at).action),
            None => {
                let rule = rules.iter().find(|rule| rule.event == event);
                rule.map(|rule| Arc::clone(&rule.action)).or_else(|| self.any.borrow().clone())
            }
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

    /// Does `action` at each event that has no rule of its own. [`Me::event`] says which one
    /// has come.
    ///
    /// ```
    /// use testkit::prelude::*;
    ///
    /// let lab = Lab::new();
    /// let (a, p) = lab.agents();
    /// p.on_any(|me| match me.event {
    ///     ACCEPT => me.read(5),
    ///     _ => me.close(),
    /// });
    /// lab.pair(&a, &p);
    /// a.with(|me| me.write_now(b"hello"));
    /// lab.settle();
    /// assert_eq!(p.events(), [ACCEPT, READ_COMPLETE]);
    /// # a.close();
    /// # lab.settle();
    /// ```
    pub fn on_any(&self, action: impl Fn(&Me<'_>) + Send + Sync + 'static) {
        let guard = self.mutex().lock();
        *self.0.state(&guard).any.borrow_mut() = Some(Arc::new(action));
    }

    fn rule(&self, rule: Rule) {
        let guard = self.mutex().lock();
        self.0.state(&guard).rules.borrow_mut().push(rule);
    }

    /// Takes all rules away.
    pub(crate) fn forget_rules(&self) {
        let guard = self.mutex().lock();
        let state = self.0.state(&guard);
        drop((state.rules.take(), state.any.take()));
    }

    /// Acts as the agent, under its mutex, on the calling thread. Waits for the mutex.
    pub fn with<R>(&self, f: impl FnOnce(&Me<'_>) -> R) -> R {
        let guard = self.mutex().lock();
        let this = self.cont();
        let (event, state) = (EventCode::EVENT_NONE, self.0.state(&guard));
        f(&Me { guard: &guard, event, vio: None, this: &this, state })
    }

    /// The bytes that it has taken from its read buffer.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.with(|me| me.received())
    }

    /// How often it has been called back.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.with(|me| me.state.events.borrow().len())
    }

    /// The events with which it has been called back, in order.
    #[must_use]
    pub fn events(&self) -> Vec<EventCode> {
        self.with(|me| me.events())
    }

    /// How often it has been called back with `event`.
    #[must_use]
    pub fn count(&self, event: EventCode) -> usize {
        self.events().iter().filter(|&&other| other == event).count()
    }

    /// True if it has been called back with `event`.
    #[must_use]
    pub fn has(&self, event: EventCode) -> bool {
        self.count(event) > 0
    }

    /// The error number that came last with an event, or that [`Me::set_error`] has kept.
    #[must_use]
    pub fn error(&self) -> Option<i32> {
        self.with(|me| me.error())
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
    state.events.borrow_mut().push(event);
    state.write_line(&line(event, data));
    if let Some(vc) = data.net_vc() {
        *state.vc.borrow_mut() = Some(Arc::clone(vc));
    }
    if let Some(error) = data.net_error() {
        state.error.set(Some(error));
    }
    if let Some(action) = state.action_for(event) {
        action(&Me { guard: call.guard(), event, vio: data.vio(), this: call.this(), state });
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
