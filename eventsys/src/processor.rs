//! [`EventProcessor`]: the threads, their groups, and scheduling on a group.
//!
//! Mirrors `EventProcessor` of `iocore/eventsystem/I_EventProcessor.h`,
//! `P_UnixEventProcessor.h` and `UnixEventProcessor.cc` (9.1.3). There it is one
//! global; here there may be several side by side, each with its own clock, so
//! that scenarios can run in parallel. Thread placement (NUMA, huge pages) is
//! not modelled.

mod entire;
mod group;
mod schedule;
mod shutdown;
mod shutdown_state;
mod threads;

use std::sync::{Arc, OnceLock};

pub use group::{ET_CALL, ET_NET, EventType};
use group::{Groups, ThreadGroup};
pub use shutdown_state::HandlerPanic;
pub(crate) use shutdown_state::ShutdownState;

use crate::clock::Clock;
use crate::ethread::{EThread, LoopTime};
use crate::protected_queue::{OwnEvents, WakePolicy};
use crate::steps::{StepSink, Steps};
use crate::sync::atomic::AtomicUsize;
use crate::sync::{Mutex, thread};

/// The most threads a processor can have. Mirrors `MAX_EVENT_THREADS`.
pub const MAX_EVENT_THREADS: usize = 512;

/// Owns the threads of an event system and chooses among them.
///
/// ```
/// use std::sync::mpsc;
/// use eventsys::{Clock, ET_NET, EventProcessor, FreeContinuation, Outcome};
///
/// let processor = EventProcessor::new(Clock::new_real());
/// processor.spawn_event_threads("ET_NET", 2);
/// let (tell, told) = mpsc::channel();
/// let cont = FreeContinuation::new(move |_, _, _| {
///     tell.send(()).unwrap();
///     Outcome::Done
/// });
/// processor.schedule_imm(cont, ET_NET); // On either thread.
/// told.recv().unwrap();
/// processor.shutdown();
/// ```
pub struct EventProcessor {
    clock: Arc<Clock>,
    steps: Steps,
    trace: Steps,
    policy: WakePolicy,
    own_events: OwnEvents,
    assignment: Assignment,
    loop_time: LoopTime,
    cancelled: CancelledEvents,
    groups: Groups,
    /// Every thread ever made, by index; filled from the front. The length is
    /// written after the slot, so a reader never meets an empty one.
    threads: Box<[OnceLock<Arc<EThread>>]>,
    n_threads: AtomicUsize,
    /// Threads to be joined; also serializes the making of threads.
    handles: Mutex<Vec<thread::JoinHandle<()>>>,
    shutdown: Arc<ShutdownState>,
}

/// How to configure a processor.
///
/// ```
/// use eventsys::steps::{Collector, Steps};
/// use eventsys::{Clock, EventProcessor, FreeContinuation, Options, Outcome};
///
/// let collector = Collector::new();
/// let steps = Steps::to(collector.clone());
/// let options = Options { steps, trace_events: true, ..Options::default() };
/// let processor = EventProcessor::with_options(Clock::new_virtual(), options);
/// let thread = processor.adopt_current_thread("ET_NET");
/// thread.schedule_imm(FreeContinuation::new(|_, _, _| Outcome::Done));
/// thread.run_pass();
/// let texts: Vec<String> = collector.take().iter().map(ToString::to_string).collect();
/// assert_eq!(texts, ["T schedule 1", "T dispatch 1"]);
/// ```
#[derive(Default)]
pub struct Options {
    /// The listener to the steps.
    pub steps: Steps,
    /// Report the event loop's own steps too ([`events::SCHEDULE`] and its
    /// kin, and the polls of net threads), which no recording has.
    ///
    /// [`events::SCHEDULE`]: crate::steps::events::SCHEDULE
    pub trace_events: bool,
    /// How sleeping threads are woken.
    pub wake: WakePolicy,
    /// The queue for the events that a thread schedules on itself.
    pub own_events: OwnEvents,
    /// Which thread gets an event that is scheduled on a group.
    pub assignment: Assignment,
    /// Which time the event loops go by. Of the processors on one clock either all or none have
    /// [`LoopTime::Cached`], because the clock is theirs together.
    pub loop_time: LoopTime,
    /// When a cancelled event is freed.
    pub cancelled: CancelledEvents,
}

/// When an event is freed that has been cancelled and comes to be dispatched: its cookie is dropped
/// then, and each [`EventRef`](crate::EventRef) of it is stale from then on.
///
/// ```
/// use eventsys::{CancelledEvents, Clock, EventProcessor, Options};
///
/// let cancelled = CancelledEvents::FreedAfterUnlock;
/// let options = Options { cancelled, ..Options::default() };
/// let as_in_10_0 = EventProcessor::with_options(Clock::new_virtual(), options);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CancelledEvents {
    /// While the thread holds the continuation's mutex. As in 8.1 to 9.2.
    #[default]
    FreedUnderLock,
    /// When the thread has unlocked the continuation's mutex. As in 10.0 and later (#9433).
    FreedAfterUnlock,
}

/// Which thread of a group gets an event from [`EventProcessor::schedule_imm`] and its kin.
///
/// ```
/// use eventsys::{Assignment, Clock, EventProcessor, Options};
///
/// let options = Options { assignment: Assignment::RoundRobin, ..Options::default() };
/// let as_in_8_1 = EventProcessor::with_options(Clock::new_virtual(), options);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Assignment {
    /// The thread that the continuation keeps to, else the calling thread, else the next thread;
    /// the continuation then keeps to the chosen thread. As in 9.0 and later.
    #[default]
    Affinity,
    /// The next thread. As in 8.1.
    RoundRobin,
}

impl EventProcessor {
    /// A processor without threads, on this clock. If `log` shows debug lines
    /// under `pvc` or `event`, the steps go there.
    #[must_use]
    #[allow(clippy::new_ret_no_self)] // It is always shared.
    pub fn new(clock: Arc<Clock>) -> Arc<EventProcessor> {
        EventProcessor::with_options(clock, Options::default())
    }

    /// A processor whose steps go to `sink`.
    #[must_use]
    pub fn with_steps(clock: Arc<Clock>, sink: Arc<dyn StepSink>) -> Arc<EventProcessor> {
        let steps = Steps::to(sink);
        EventProcessor::with_options(clock, Options { steps, ..Options::default() })
    }

    /// A processor without threads.
    #[must_use]
    pub fn with_options(clock: Arc<Clock>, options: Options) -> Arc<EventProcessor> {
        let (steps, trace) = match options.steps.enabled() {
            true if options.trace_events => (options.steps.clone(), options.steps),
            true => (options.steps, Steps::none()),
            false => {
                let shows_events = log::log_enabled!(target: "event", log::Level::Debug);
                let trace = if shows_events { Steps::to_log() } else { Steps::none() };
                (Steps::to_log(), trace)
            }
        };
        if options.loop_time != LoopTime::Cached {
            clock.ask_each_time();
        }
        Arc::new(EventProcessor {
            clock,
            steps,
            trace,
            policy: options.wake,
            own_events: options.own_events,
            assignment: options.assignment,
            loop_time: options.loop_time,
            cancelled: options.cancelled,
            groups: Groups::new(),
            threads: Box::new([const { OnceLock::new() }; MAX_EVENT_THREADS]),
            n_threads: AtomicUsize::new(0),
            handles: Mutex::new(Vec::new()),
            shutdown: Arc::new(ShutdownState::new()),
        })
    }

    /// The clock of this processor.
    #[must_use]
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// The listener to steps.
    #[must_use]
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// The listener to the steps of the event loop, and to what a layer counts among them; without
    /// [`Options::trace_events`] there is none.
    #[must_use]
    pub fn trace(&self) -> &Steps {
        &self.trace
    }

    /// Registers a thread group; the group of that name if there is one already.
    /// `ET_NET`, which is also `ET_CALL`, is always there, as type 0. Mirrors
    /// `register_event_type`.
    ///
    /// # Panics
    /// If there are eight groups already (`MAX_EVENT_TYPES`).
    pub fn register_event_type(&self, name: &str) -> EventType {
        self.groups.register(name)
    }

    /// The group of that name.
    #[must_use]
    pub fn event_type(&self, name: &str) -> Option<EventType> {
        self.groups.find(name)
    }

    /// The threads of a group, those that have ended left out.
    #[must_use]
    pub fn active_group_threads(&self, et: EventType) -> Vec<Arc<EThread>> {
        self.group(et).threads()
    }

    /// True once every thread of the group runs. Mirrors `has_tg_started`.
    #[must_use]
    pub fn has_tg_started(&self, et: EventType) -> bool {
        self.group(et).has_started()
    }

    /// The thread with this index.
    pub(crate) fn thread(&self, index: usize) -> Option<&Arc<EThread>> {
        self.threads.get(index)?.get()
    }

    /// True once [`EventProcessor::shutdown`] has begun. Mirrors
    /// `TSSystemState::is_event_system_shut_down`.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.shutdown.has_begun()
    }

    /// The first panic of a handler on a thread that the processor has started; `None` as
    /// long as the processor has not shut down.
    #[must_use]
    pub fn handler_panic(&self) -> Option<&HandlerPanic> {
        self.shutdown.panic()
    }

    fn group(&self, et: EventType) -> &ThreadGroup {
        self.groups.get(et)
    }
}
