//! [`EThread`]: a thread that runs events.
//!
//! Mirrors `EThread` of `iocore/eventsystem/I_EThread.h`, `P_UnixEThread.h` and
//! `UnixEThread.cc` (9.1.3).
//!
//! An event takes this way: *scheduled* by any thread, it is pushed onto the
//! external queue, or straight onto the local queue if the scheduler is this
//! thread; a pass of the loop moves the external queue to the local one and
//! takes each event from there: immediate ones are dispatched, timers go to the
//! priority queue, poll events to the negative queue. Dispatching needs the
//! continuation's mutex, by try-lock; if that misses, the event goes back to the
//! local queue, due in [`DELAY_FOR_RETRY`].
//!
//! | file | what |
//! |---|---|
//! | `ethread.rs` | the thread and its queues |
//! | `ethread/life.rs` | its first step and its last |
//! | `ethread/at_work.rs` | whether it may be calling a handler |
//! | `ethread/schedule.rs` | `schedule_*`, `schedule_*_local`, rescheduling |
//! | `ethread/event_loop.rs` | one pass of the loop; dispatching |
//! | `ethread/loop_time.rs` | the time that a pass goes by |
//! | `ethread/tail.rs` | what the thread does when it has nothing to do |
//! | `ethread/metrics.rs` | how busy the loop is |
//! | `ethread/adopted.rs` | running the loop on a thread one already has |
//! | `ethread/rest.rs` | passes of such a thread that find nothing to do |
#![allow(unsafe_code)] // Queues of events that the thread owns.

mod adopted;
mod at_work;
mod event_loop;
mod life;
mod loop_time;
mod metrics;
mod rest;
mod schedule;
mod tail;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};

pub use adopted::AdoptedThread;
pub(crate) use event_loop::EventLoop;
pub use loop_time::LoopTime;
pub use metrics::{EventMetrics, SAMPLE_COUNT};
pub use rest::Rest;
pub use schedule::When;
pub(crate) use schedule::{Plan, make_event};
pub use tail::{Idle, LoopTailHandler};

use crate::clock::Clock;
use crate::code::EventCode;
use crate::event::{Event, EventList, EventRef, FreeEvents, allocate};
use crate::guarded::ThreadCell;
use crate::hrtime::{HrTime, mseconds};
use crate::mutex::{ProxyMutex, census};
use crate::priority_queue::PriorityEventQueue;
use crate::processor::{CancelledEvents, EventProcessor, EventType, ShutdownState};
use crate::protected_queue::{OwnEvents, ProtectedQueue};
use crate::steps::{Step, StepKind, Steps, Subject};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Mutex, thread_local};
use crate::thread_id::ThreadId;
use at_work::AtWork;
use loop_time::PassTime;
use metrics::Metrics;

/// How long an event waits after its lock was missed, in nanoseconds. Mirrors
/// `DELAY_FOR_RETRY`.
pub const DELAY_FOR_RETRY: HrTime = mseconds(10);

/// The longest sleep of the event loop, in nanoseconds. Mirrors
/// `THREAD_MAX_HEARTBEAT_MSECONDS`.
pub const THREAD_MAX_HEARTBEAT: HrTime = mseconds(60);

/// What kind of thread it is. Mirrors `ThreadType`.
///
/// ```
/// use eventsys::{Clock, EventProcessor, ThreadType};
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// assert_eq!(thread.thread().tt(), ThreadType::Regular);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThreadType {
    /// Runs the event loop.
    Regular,
    /// Runs one continuation once. An event that is scheduled on it goes to `ET_CALL`.
    Dedicated,
}

/// A thread of the event system.
///
/// # Contract
///
/// | methods | callable by | when |
/// |---|---|---|
/// | `schedule_imm`, `schedule_in`, `schedule_at`, `schedule_every` | any thread | at any time; an event for a thread that has ended is freed and does not run |
/// | `schedule_*_local` | this thread only | from a handler, or between passes of an adopted thread |
/// | [`EventRef::cancel`](crate::EventRef::cancel) and `EventRef::schedule_*` | the holder of the continuation's mutex | while the event is live |
/// | [`set_tail_handler`](EThread::set_tail_handler), [`signal_activity`](EThread::signal_activity) | any thread | at any time |
///
/// A handler runs on this thread with the mutex of its continuation held, and with no lock of
/// the library. It must not wait: what it waits for may be an event of the same thread.
/// **Time**: [`LoopTime`] says which time a pass goes by; by default it reads the clock once,
/// and every event of the pass sees that time through
/// [`Clock::get_hrtime`](crate::Clock::get_hrtime). **Order**: events that are due at the
/// same time run in the order in which they were scheduled by one thread.
///
/// ```
/// use eventsys::hrtime::mseconds;
/// use eventsys::{Clock, EventProcessor, Outcome, ProxyMutex, StateMachine};
/// use std::cell::Cell;
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// let ticks = StateMachine::new(ProxyMutex::new(), Cell::new(0), |ticks, _, _, _| {
///     ticks.set(ticks.get() + 1);
///     Outcome::Done
/// });
/// thread.schedule_imm(ticks.clone());
/// thread.schedule_in(ticks.clone(), mseconds(10));
/// thread.schedule_in(ticks.clone(), mseconds(500));
/// thread.run_for(mseconds(100));
/// assert_eq!(ticks.state(&ticks.mutex().lock()).get(), 2);
/// ```
pub struct EThread {
    processor: Weak<EventProcessor>,
    /// The address of its processor: no other one has it as long as `processor` is there.
    processor_key: usize,
    index: usize,
    id: usize,
    name: String,
    thread_id: ThreadId,
    tt: ThreadType,
    /// The group that it was made for.
    group: Option<EventType>,
    /// One bit for each thread group that it belongs to.
    event_types: AtomicU32,
    /// The thread's own mutex, which it holds for life. Continuations without a
    /// mutex inherit it.
    mutex: Arc<ProxyMutex>,
    clock: Arc<Clock>,
    steps: Steps,
    /// The same listener, if it wants the event loop's own steps.
    trace: Steps,
    external: ProtectedQueue,
    own_events: OwnEvents,
    cancelled: CancelledEvents,
    tail: Mutex<Option<Arc<dyn LoopTailHandler>>>,
    /// The state of its processor's shutdown.
    shutdown: Arc<ShutdownState>,
    at_work: AtWork,
    /// Set when the thread has run its last event; a thread that pushes an event afterwards drops
    /// that event itself.
    ended: AtomicBool,
    metrics: Metrics,
    local: ThreadCell<Local>,
}

/// What only the thread itself may touch.
struct Local {
    /// Mirrors `ProtectedQueue::localQueue`.
    queue: EventList,
    /// Mirrors `EventQueue`.
    priority: PriorityEventQueue,
    /// Poll events, sorted; a local variable of `execute_regular` in the original.
    negative: EventList,
    /// Events that were found cancelled. They are freed when the queue that they were in
    /// is whole again: a `drop` may schedule, reschedule or panic.
    dead: EventList,
    free: FreeEvents,
    time: PassTime,
    /// True while a pass of the loop is under way.
    passing: Cell<bool>,
}

thread_local! {
    /// Shared, so that a closure which looks at it keeps it while it changes. An `Rc` is enough: no
    /// other thread counts references to it.
    #[allow(clippy::redundant_allocation)]
    static CURRENT: RefCell<Option<Rc<Arc<EThread>>>> = const { RefCell::new(None) };
}

/// The data that a processor gives to a new thread.
pub(crate) struct Birth {
    pub(crate) processor: Weak<EventProcessor>,
    pub(crate) index: usize,
    pub(crate) id: usize,
    pub(crate) name: String,
    pub(crate) group: Option<EventType>,
    pub(crate) thread_id: ThreadId,
    pub(crate) tt: ThreadType,
    pub(crate) clock: Arc<Clock>,
    pub(crate) steps: Steps,
    pub(crate) trace: Steps,
    pub(crate) own_events: OwnEvents,
    pub(crate) policy: crate::WakePolicy,
    pub(crate) loop_time: LoopTime,
    pub(crate) cancelled: CancelledEvents,
    pub(crate) shutdown: Arc<ShutdownState>,
    /// True if the processor starts it, false if it is adopted.
    pub(crate) works: bool,
}

impl EThread {
    pub(crate) fn new(birth: Birth) -> Arc<EThread> {
        let now = birth.clock.get_hrtime_updated();
        let local = Local {
            queue: EventList::new(),
            priority: PriorityEventQueue::new(now),
            negative: EventList::new(),
            dead: EventList::new(),
            free: FreeEvents::new(),
            time: PassTime::new(birth.loop_time, birth.index, now),
            passing: Cell::new(false),
        };
        Arc::new(EThread {
            processor_key: birth.processor.as_ptr().addr(),
            processor: birth.processor,
            index: birth.index,
            id: birth.id,
            name: birth.name,
            thread_id: birth.thread_id,
            tt: birth.tt,
            group: birth.group,
            event_types: AtomicU32::new(birth.group.map_or(0, |et| 1 << et.0)),
            mutex: ProxyMutex::new(),
            clock: birth.clock,
            steps: birth.steps,
            trace: birth.trace,
            external: ProtectedQueue::new(birth.policy),
            own_events: birth.own_events,
            cancelled: birth.cancelled,
            tail: Mutex::new(None),
            shutdown: birth.shutdown,
            at_work: AtWork::new(birth.works),
            ended: AtomicBool::new(false),
            metrics: Metrics::default(),
            local: ThreadCell::new(birth.thread_id, local),
        })
    }

    /// The EThread that runs on the calling thread, if one does. Mirrors
    /// `this_ethread`.
    #[must_use]
    pub fn current() -> Option<Arc<EThread>> {
        EThread::with_current(|current| current.cloned())
    }

    /// Calls `f` with the calling thread's EThread, if there is one; without the atomic reference
    /// counting of [`EThread::current`]. In the destructor of a thread-local `f` gets `None`.
    #[inline]
    pub fn with_current<R>(f: impl FnOnce(Option<&Arc<EThread>>) -> R) -> R {
        let current = CURRENT.try_with(|current| current.borrow().clone());
        f(current.ok().flatten().as_deref())
    }

    /// True if the calling thread is this one.
    #[inline]
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.thread_id == ThreadId::current()
    }

    /// Its place among all threads of its processor; the value of
    /// [`ContinuationBase::thread_affinity`](crate::ContinuationBase::thread_affinity).
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its place in its group. Mirrors `EThread::id`.
    #[must_use]
    pub fn id(&self) -> usize {
        self.id
    }

    pub(crate) fn group(&self) -> Option<EventType> {
        self.group
    }

    /// Its name, as `[ET_NET 0]`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Regular or dedicated. Mirrors `EThread::tt`.
    #[must_use]
    pub fn tt(&self) -> ThreadType {
        self.tt
    }

    /// The thread's own mutex, which it holds for life.
    #[must_use]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        &self.mutex
    }

    /// The clock of its processor.
    #[must_use]
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// The listener to steps of its processor.
    #[must_use]
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// True if it is one of `processor`'s threads.
    #[inline]
    #[must_use]
    pub fn is_of(&self, processor: &EventProcessor) -> bool {
        self.processor_key == std::ptr::from_ref(processor).addr()
    }

    /// Its processor, unless that is gone.
    #[must_use]
    pub fn processor(&self) -> Option<Arc<EventProcessor>> {
        self.processor.upgrade()
    }

    /// True if the thread belongs to group `et`. Mirrors `is_event_type`.
    #[inline]
    #[must_use]
    pub fn is_event_type(&self, et: EventType) -> bool {
        self.event_types.load(Ordering::Relaxed) & (1 << et.0) != 0
    }

    /// Adds the thread to group `et`. Mirrors `set_event_type`.
    pub fn set_event_type(&self, et: EventType) {
        self.event_types.fetch_or(1 << et.0, Ordering::Relaxed);
    }

    /// This thread, as the subject of a step: `T` and its index.
    fn subject(&self) -> Subject {
        Subject { what: 'T', number: u32::try_from(self.index).unwrap_or(u32::MAX) }
    }

    /// Reports a step of the event loop itself.
    #[inline(always)]
    #[track_caller]
    fn trace(&self, kind: StepKind, code: EventCode) {
        self.trace.report(move || Step {
            at: self.clock.get_hrtime(),
            held: census::held_locks(),
            ..Step::bare(self.subject(), kind, Some(i64::from(code.0)))
        });
    }

    #[inline]
    fn local(&self) -> &Local {
        self.local.try_get().expect("ethread == this_ethread()")
    }
}

/// An event for the calling thread to fill in: from its own free list if it is
/// an EThread.
#[inline]
fn new_event() -> &'static Event {
    EThread::with_current(|current| match current {
        Some(thread) => thread.local().free.allocate(),
        None => allocate(),
    })
}

/// Frees an event that was allocated and never queued.
pub(crate) fn free_unqueued(event: &'static Event) {
    EThread::with_current(|current| {
        let foreign = FreeEvents::new();
        let free = current.map_or(&foreign, |thread| &thread.local().free);
        // SAFETY: the calling thread allocated the event and queued it nowhere.
        unsafe { free.free(event) };
        foreign.give_back_all();
    });
}

/// A reference to an event that will not come: the call to schedule it is refused.
#[cold]
fn stale() -> EventRef {
    let event = new_event();
    let reference = event.reference();
    free_unqueued(event);
    reference
}
