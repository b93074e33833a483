//! [`Lab`]: one event thread in virtual time, and everything that happens on it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use eventsys::mutex::census::{self, Census};
use eventsys::steps::StepSink;
use eventsys::{
    AdoptedThread, Clock, ContRef, EventProcessor, FreeContinuation, HrTime, Outcome, ProxyMutex,
    hrtime,
};
use iocore::VConnection;
use pluginvc::{Corrections, PluginVCCore, PluginVcOptions};

use crate::actor::{Actor, Call, actor_under};
use crate::agent::{Agent, WeakAgent};
use crate::trace::{Trace, same_lines};

/// One event thread, which is the calling thread, in virtual time.
///
/// # Contract
/// Make agents and actors, connect them, and *run*: [`settle`](Lab::settle),
/// [`run_ms`](Lab::run_ms) or [`passes`](Lab::passes). Nothing happens between these
/// calls, except what the test does itself. Then ask: the `expect…` methods take the
/// trace since the last look and compare it, the `take…` methods return it.
///
/// A laboratory closes what a test has left open when it is dropped: an open pair and
/// its state machines hold references to each other and would never be freed.
///
/// # Time
/// Times are microseconds since the laboratory was made, and can be worked out by
/// hand: a pass takes 1 us ([`eventsys::PASS_COST`]) and then sleeps until the next
/// deadline. So the first pass works at 1, and after a sleep of `s` the next pass
/// works at `1 + s + 1`.
pub struct Lab {
    /// The event processor.
    pub processor: Arc<EventProcessor>,
    /// The calling thread, as an event thread.
    pub thread: AdoptedThread,
    trace: Arc<Trace>,
    agents: RefCell<Vec<WeakAgent>>,
    cores: RefCell<Vec<Weak<PluginVCCore>>>,
    _census: Census,
}

impl Default for Lab {
    fn default() -> Lab {
        Lab::new()
    }
}

/// Making the parts of a laboratory.
impl Lab {
    /// A laboratory on the calling thread, with a census of its locks.
    ///
    /// # Panics
    /// If the calling thread is an event thread already.
    #[must_use]
    pub fn new() -> Lab {
        Lab::with_clock(Clock::new_virtual())
    }

    /// A laboratory whose time moves only by `tick` nanoseconds with each pass: for runs of years.
    ///
    /// # Panics
    /// As [`Lab::new`], or if `tick` is below 0.
    #[must_use]
    pub fn ticking(tick: HrTime) -> Lab {
        Lab::with_clock(Clock::new_ticking(tick))
    }

    /// A laboratory on another clock.
    ///
    /// # Panics
    /// As [`Lab::new`].
    #[must_use]
    pub fn with_clock(clock: Arc<Clock>) -> Lab {
        Lab::prepared(clock, |_| ()).0
    }

    /// As [`Lab::with_clock`], but calls `prepare` with the processor before the thread is adopted.
    pub(crate) fn prepared<R>(
        clock: Arc<Clock>,
        prepare: impl FnOnce(&Arc<EventProcessor>) -> R,
    ) -> (Lab, R) {
        let trace = Trace::new(&clock);
        let sink = Arc::clone(&trace) as Arc<dyn StepSink>;
        let processor = EventProcessor::with_steps(clock, sink);
        let prepared = prepare(&processor);
        (Lab::on(processor, trace), prepared)
    }

    /// A laboratory on a processor that the test has made. Its trace has callbacks and
    /// notes, and no steps: these go where the processor's options say.
    ///
    /// # Panics
    /// As [`Lab::new`].
    #[must_use]
    pub fn of(processor: Arc<EventProcessor>) -> Lab {
        let trace = Trace::new(processor.clock());
        Lab::on(processor, trace)
    }

    fn on(processor: Arc<EventProcessor>, trace: Arc<Trace>) -> Lab {
        let thread = processor.adopt_current_thread("ET_NET");
        let (agents, cores) = Default::default();
        Lab { processor, thread, trace, agents, cores, _census: census::start() }
    }

    /// Two agents: `A`, which connects, and `P`, which accepts.
    #[must_use]
    pub fn agents(&self) -> (Agent, Agent) {
        (self.agent("A"), self.agent("P"))
    }

    /// An agent under a mutex of its own. `name` begins its lines in the trace.
    #[must_use]
    pub fn agent(&self, name: &'static str) -> Agent {
        self.agent_under(name, ProxyMutex::new())
    }

    /// An agent under `mutex`.
    #[must_use]
    pub fn agent_under(&self, name: &'static str, mutex: Arc<ProxyMutex>) -> Agent {
        let agent = Agent::new(name, mutex, Some(Arc::clone(&self.trace)));
        self.agents.borrow_mut().push(agent.downgrade());
        agent
    }

    /// An actor under a mutex of its own.
    pub fn actor(&self, act: impl Fn(&Call<'_>) + Send + 'static) -> Arc<Actor> {
        actor_under(&ProxyMutex::new(), &self.trace, act)
    }

    /// An actor that notes `name` each time it is called.
    #[must_use]
    pub fn noting(&self, name: &'static str) -> Arc<Actor> {
        self.actor(move |call| call.note(name))
    }

    /// An actor without a mutex.
    pub fn free_actor(&self, act: impl Fn(&Call<'_>) + Send + Sync + 'static) -> ContRef {
        let trace = Arc::clone(&self.trace);
        FreeContinuation::new(move |invocation, code, data| {
            act(&Call { invocation, code, data, trace: &trace });
            Outcome::Done
        })
    }

    /// A connected pair: `active` has the active end, `passive` will accept.
    pub fn pair(&self, active: &Agent, passive: &Agent) -> Arc<PluginVCCore> {
        self.pair_with(active, passive, PluginVcOptions::default())
    }

    /// A connected pair in which some of the original's bugs are corrected.
    pub fn corrected_pair(
        &self,
        active: &Agent,
        passive: &Agent,
        corrections: Corrections,
    ) -> Arc<PluginVCCore> {
        let options = PluginVcOptions { corrections, ..PluginVcOptions::default() };
        self.pair_with(active, passive, options)
    }

    /// A connected pair with these options.
    pub fn pair_with(
        &self,
        active: &Agent,
        passive: &Agent,
        options: PluginVcOptions,
    ) -> Arc<PluginVCCore> {
        let core = PluginVCCore::alloc_with(&self.processor, passive.cont(), options);
        self.tidies(&core);
        let vc = core.connect();
        active.with(|me| me.take_vc(vc));
        core
    }

    /// Closes the open ends of `core` when the laboratory is dropped; for pairs that the test makes
    /// itself.
    pub fn tidies(&self, core: &Arc<PluginVCCore>) {
        self.cores.borrow_mut().push(Arc::downgrade(core));
    }
}

/// Running.
impl Lab {
    /// Runs until no event waits. Does not return while there is a periodic event.
    pub fn settle(&self) {
        self.thread.run_until_idle();
    }

    /// Runs for this many milliseconds of virtual time.
    pub fn run_ms(&self, ms: i64) {
        self.thread.run_for(hrtime::mseconds(ms));
    }

    /// Runs this many passes of the event loop.
    pub fn passes(&self, n: usize) {
        (0..n).for_each(|_| self.thread.run_pass());
    }

    /// The time (ns) that is `us` microseconds after the laboratory was made.
    #[must_use]
    pub fn at(&self, us: i64) -> HrTime {
        self.trace.start() + hrtime::useconds(us)
    }

    /// Microseconds since the laboratory was made, by a new reading of the clock.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        self.trace.now_us()
    }

    /// Has a foreign thread run `hook` at the moment when the port takes the next step
    /// with this text; the port waits for it. `hook` must not wait for a lock that
    /// the port holds at that moment.
    pub fn at_step(&self, step: &'static str, hook: impl FnOnce() + Send + 'static) {
        self.trace.at_step(step, Box::new(hook));
    }
}

/// Asking.
impl Lab {
    /// The trace, to be shared with an actor on another thread.
    #[must_use]
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }

    /// The trace since the last look.
    pub fn take(&self) -> Vec<String> {
        self.trace.take().into_iter().map(|(_, line)| line).collect()
    }

    /// The trace since the last look, each line with its time in microseconds.
    pub fn take_timed(&self) -> Vec<String> {
        self.trace.take().into_iter().map(|(us, line)| format!("{us} {line}")).collect()
    }

    /// What the agents were called back with since the last look, without the steps.
    pub fn take_callbacks(&self) -> Vec<String> {
        self.trace.take_callbacks()
    }

    /// What the actors noted since the last look, each with its time in microseconds.
    pub fn take_notes(&self) -> Vec<(i64, &'static str)> {
        self.trace.take_notes()
    }

    /// What the actors noted since the last look, without the times.
    pub fn take_names(&self) -> Vec<&'static str> {
        self.take_notes().into_iter().map(|(_, what)| what).collect()
    }

    /// Asserts that the trace since the last look is this, a line each.
    ///
    /// # Panics
    /// If it is not; as every method here that begins with `expect`.
    #[track_caller]
    pub fn expect(&self, expected: &str) {
        same_lines(&self.take(), expected);
    }

    /// Asserts what the agents were called back with since the last look.
    #[track_caller]
    pub fn expect_callbacks(&self, expected: &str) {
        same_lines(&self.take_callbacks(), expected);
    }

    /// As [`Lab::expect`], with the time in microseconds in front of each line.
    #[track_caller]
    pub fn expect_timed(&self, expected: &str) {
        same_lines(&self.take_timed(), expected);
    }

    /// Asserts the lines that contain one of `words`, with their times.
    #[track_caller]
    pub fn expect_timed_lines(&self, words: &[&str], expected: &str) {
        let mut lines = self.take_timed();
        lines.retain(|line| words.iter().any(|word| line.contains(word)));
        same_lines(&lines, expected);
    }

    /// Asserts that the pair is freed and nothing is left behind: no event in any
    /// queue, no lock held, no reference to the pair or to an end of it.
    #[track_caller]
    pub fn expect_nothing_left(&self, core: Arc<PluginVCCore>) {
        assert!(core.is_freed(), "the pair is not freed");
        assert!(core.active_vc().is_none() && core.passive_vc().is_none(), "an end is left");
        let weak = Arc::downgrade(&core);
        drop(core);
        assert_eq!(weak.strong_count(), 0, "a reference to the pair is left");
        self.expect_quiet();
    }

    /// Asserts that no event waits and this thread holds no lock.
    #[track_caller]
    pub fn expect_quiet(&self) {
        assert!(self.thread.has_no_events(), "an event is left");
        assert_eq!(census::held(), [], "a lock is held");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // A test of a panic may have left an end that panics again.
        let quietly = |f: &mut dyn FnMut()| drop(catch_unwind(AssertUnwindSafe(f)));
        let cores: Vec<_> = self.cores.take().iter().filter_map(Weak::upgrade).collect();
        let agents: Vec<_> = self.agents.take().iter().filter_map(WeakAgent::upgrade).collect();
        for agent in &agents {
            quietly(&mut || agent.forget_rules());
        }
        for core in &cores {
            if let Some(active) = core.active_vc().filter(|end| !end.is_closed()) {
                quietly(&mut || active.do_io_close(None));
            }
            if let Some(passive) = core.passive_vc().filter(|end| !end.is_closed()) {
                quietly(&mut || passive.do_io_close(None));
            }
        }
        if !cores.is_empty() {
            quietly(&mut || self.passes(3));
        }
        for agent in agents {
            quietly(&mut || agent.with(|me| me.forget()));
        }
    }
}
