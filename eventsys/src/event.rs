//! [`Event`] and [`EventRef`]: a call that a thread will make.
//!
//! Mirrors `Event` and `Action` of `iocore/eventsystem/I_Event.h` and
//! `I_Action.h`, and `UnixEvent.cc` (9.1.3).
//!
//! **Modelled**: immediate, timed, periodic and poll events; the cookie;
//! cancelling; rescheduling from the event's own thread; reuse of freed events,
//! last freed first, so that the same address comes back at once.
//! **Not modelled**: the per-client debug flags; the event's own copy of the mutex: dispatch takes
//! the continuation's, which never changes once it is there. **Could you tell?** In two places: an
//! [`EventRef`] carries the generation of its event, so the use of an event that has run, which the
//! original cannot see, is caught here; and a continuation that gets its mutex after it was
//! scheduled is dispatched under it.
//!
//! # Access rules
//! | part | may be touched by |
//! |---|---|
//! | `state` (generation, cancelled) | any thread, it is one atomic word |
//! | `body` | the thread whose number is in `owner` |
//!
//! An event belongs to the thread that allocates it, then to the EThread on which it is queued.
//! Cancelling is allowed from anywhere; it is *exact* (the handler will not run any more) if the
//! canceller holds the mutex of the event's continuation, as the original demands, because the
//! dispatcher looks at the flag under it.
#![allow(unsafe_code)] // The body is reached by its owner only; see `Event::body`.

mod atomic_ref;
mod list;
mod pool;
mod request;

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::sync::Arc;

pub use atomic_ref::AtomicEvent;
pub(crate) use list::EventList;
pub use pool::{EventCensus, event_census};
pub(crate) use pool::{FreeEvents, allocate};
pub use request::Request;

use crate::code::EventCode;
use crate::continuation::ContRef;
use crate::hrtime::HrTime;
use crate::observe;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::thread_id::ThreadId;

/// A user's own value, given when an event is scheduled. Mirrors `Event::cookie`.
///
/// The example of [`Request`] gives one.
pub type Cookie = Option<Arc<dyn Any + Send + Sync>>;

/// When an event is due. The original packs this into the sign of `timeout_at`.
///
/// ```
/// use eventsys::hrtime::mseconds;
/// use eventsys::{Clock, Due, EventProcessor, FreeContinuation, Outcome};
///
/// let processor = EventProcessor::new(Clock::new_virtual());
/// let thread = processor.adopt_current_thread("ET_NET");
/// let now = processor.clock().get_hrtime_updated();
/// let timer = thread.schedule_in(FreeContinuation::new(|_, _, _| Outcome::Done), mseconds(5));
/// assert_eq!(timer.due(), Due::At(now + mseconds(5)));
/// # timer.cancel();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// As soon as possible (`timeout_at` 0).
    Immediate,
    /// At this time, in nanoseconds (`timeout_at` above 0);
    /// [`NEVER`](crate::hrtime::NEVER) does not come.
    At(HrTime),
    /// In every pass of the event loop (`timeout_at` below 0). Of two poll
    /// events the one with the greater number runs first.
    Poll(HrTime),
}

/// Which queue an event is in. Mirrors the bits `in_the_prot_queue`,
/// `in_the_priority_queue` and `in_heap`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// None: free, or being dispatched.
    Nowhere,
    /// The external or the local queue of its thread.
    Protected,
    /// This bucket of the priority queue.
    Bucket(u8),
    /// The queue of poll events; has no bit in the original.
    Negative,
}

/// One call to be made. Events live for ever and are used again; users hold an
/// [`EventRef`].
pub(crate) struct Event {
    /// The index of this event in the table of all events plus one, in the upper half: the upper
    /// half of each [`EventRef::word`].
    number: u64,
    /// The generation, times two, plus one if cancelled. The generation grows
    /// each time the event is freed.
    state: AtomicU64,
    /// The number of the thread that may touch `body`; 0 in the global free
    /// list. Changed by the owner when it hands the event on.
    owner: AtomicU64,
    body: UnsafeCell<Body>,
}

/// What only the owner may touch. Cells, because a handler may reschedule the
/// event that is being dispatched.
pub(crate) struct Body {
    pub(crate) cont: Cell<Option<ContRef>>,
    pub(crate) cookie: Cell<Cookie>,
    pub(crate) callback_event: Cell<EventCode>,
    pub(crate) due: Cell<Due>,
    /// 0 for a one-shot event, above 0 the period in nanoseconds, below 0 a poll event.
    pub(crate) period: Cell<HrTime>,
    pub(crate) place: Cell<Place>,
    /// When it is due because its mutex was missed; only if that is also `due`.
    #[cfg(feature = "explore")]
    pub(crate) missed: Cell<HrTime>,
    next: Cell<Option<&'static Event>>,
    prev: Cell<Option<&'static Event>>,
}

// SAFETY: `body` is reached only through the unsafe `Event::body`, whose callers
// are on the owner's thread; everything in it is `Send`, so it may change hands.
unsafe impl Sync for Event {}
// SAFETY: as above.
unsafe impl Send for Event {}

impl Event {
    fn new(index: u32) -> Event {
        Event {
            number: (u64::from(index) + 1) << 32,
            state: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            body: UnsafeCell::new(Body {
                cont: Cell::new(None),
                cookie: Cell::new(None),
                callback_event: Cell::new(EventCode::EVENT_NONE),
                due: Cell::new(Due::Immediate),
                period: Cell::new(0),
                place: Cell::new(Place::Nowhere),
                #[cfg(feature = "explore")]
                missed: Cell::new(0),
                next: Cell::new(None),
                prev: Cell::new(None),
            }),
        }
    }

    /// An event of a new execution.
    #[cfg(all(feature = "explore", not(feature = "shuttle")))]
    fn renew(&self) {
        self.state.renew(0);
        self.owner.renew(0);
    }

    /// Nothing refers to the event any more: its execution is over.
    #[cfg(all(feature = "explore", not(feature = "shuttle")))]
    fn clear(&self) {
        // SAFETY: the body is cells, and no thread is left that could be at one of them: those of
        // the execution have ended, and they were all on this thread of the system.
        let body = unsafe { &*self.body.get() };
        body.callback_event.set(EventCode::EVENT_NONE);
        body.due.set(Due::Immediate);
        body.missed.set(0);
        body.period.set(0);
        body.place.set(Place::Nowhere);
        body.next.set(None);
        body.prev.set(None);
        drop((body.cont.take(), body.cookie.take()));
    }

    /// The part that belongs to the owner.
    ///
    /// # Safety
    /// The calling thread must own the event, and must not keep the reference
    /// after [`Event::hand_to`].
    #[inline]
    pub(crate) unsafe fn body(&self) -> &Body {
        debug_assert!(self.is_mine(), "the event belongs to another thread");
        // SAFETY: only the owner is here, and hands out shared references only.
        unsafe { &*self.body.get() }
    }

    /// True if the calling thread owns the event. Acquires what the thread that
    /// handed it over has written.
    #[inline]
    pub(crate) fn is_mine(&self) -> bool {
        self.owner.load(Ordering::Acquire) == ThreadId::current().as_u64()
    }

    /// The link of the external queue's stack, for a thread that need not be the owner.
    ///
    /// # Safety
    /// No other thread may reach the event: it is not in a queue yet, or has
    /// been taken out of the stack by this thread.
    #[inline]
    pub(crate) unsafe fn link(&self) -> &Cell<Option<&'static Event>> {
        // SAFETY: this thread alone reaches the event, says the caller.
        unsafe { &(*self.body.get()).next }
    }

    /// Makes `thread` the owner.
    ///
    /// # Safety
    /// The calling thread must own the event, and not touch its body afterwards
    /// except for linking it into the queue that leads to `thread`.
    pub(crate) unsafe fn hand_to(&self, thread: ThreadId) {
        debug_assert!(self.is_mine());
        self.owner.store(thread.as_u64(), Ordering::Release);
    }

    /// Makes the calling thread the owner of an event whose owner has ended.
    ///
    /// # Safety
    /// No other thread may reach the event's body, now or later.
    pub(crate) unsafe fn take_over(&self) {
        self.owner.store(ThreadId::current().as_u64(), Ordering::Release);
    }

    /// True if the event has been cancelled since it was allocated.
    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.state.load(Ordering::Acquire) & 1 != 0
    }

    /// A reference to the present generation.
    #[inline]
    pub(crate) fn reference(&'static self) -> EventRef {
        // Below 2^32: an event that has used all its generations is allocated no more.
        let generation = self.state.load(Ordering::Relaxed) >> 1;
        EventRef { event: self, word: self.number | generation }
    }
}

/// A reference to a scheduled event. Mirrors `Action *` and `Event *`.
///
/// It stays good until the event has run for the last time or has been
/// cancelled; the generation catches every later use.
///
/// ```
/// use eventsys::hrtime::mseconds;
/// use eventsys::{Clock, EventProcessor, Outcome, ProxyMutex, StaleEvent, StateMachine};
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// let never = StateMachine::new(ProxyMutex::new(), (), |(), _, _, _| unreachable!("cancelled"));
/// let event = thread.schedule_in(never.clone(), mseconds(5));
/// {
///     let _guard = never.mutex().lock();
///     event.cancel(); // Under the mutex of the continuation.
/// }
/// assert!(event.is_cancelled());
/// thread.run_until_idle();
/// assert!(!event.is_live(), "freed when the thread noticed");
/// assert_eq!(event.try_cancel(), Err(StaleEvent));
/// ```
#[derive(Clone, Copy)]
pub struct EventRef {
    event: &'static Event,
    /// The event's number and this generation in one word, as an [`AtomicEvent`] keeps it.
    word: u64,
}

/// The event of an [`EventRef`] has run for the last time, or its cancelling has
/// been noticed: in the original, a use after free.
///
/// The example of [`EventRef`] gets one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StaleEvent;

impl fmt::Display for StaleEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event has been freed: it has run or its cancelling has been noticed")
    }
}

impl std::error::Error for StaleEvent {}

impl EventRef {
    /// A number that no other event has, for a table of events.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.word
    }

    /// Cancels the event. Mirrors `Action::cancel`.
    ///
    /// With the mutex of the event's continuation held, the handler will not be
    /// called any more. Without it, the handler may be running, or about to.
    ///
    /// # Panics
    /// If the event has been freed, or cancelled before (a debug assertion of
    /// the original).
    #[track_caller]
    #[doc(alias = "TSActionCancel")]
    pub fn cancel(&self) {
        match self.try_cancel() {
            Ok(first) => debug_assert!(first, "!cancelled"),
            Err(stale) => panic!("{stale}"),
        }
    }

    /// As [`EventRef::cancel`], and says what it found: true if the event had
    /// not been cancelled before.
    ///
    /// # Errors
    /// If the event has been freed.
    pub fn try_cancel(&self) -> Result<bool, StaleEvent> {
        let live = self.generation() << 1;
        // The generation and the flag change in one step: a cancel that is late
        // can never hit the next use of the same event.
        match self.event.state.compare_exchange(live, live | 1, Ordering::AcqRel, Ordering::Relaxed)
        {
            Ok(_) => {
                self.let_go();
                Ok(true)
            }
            Err(found) if found == live | 1 => Ok(false),
            Err(_) => Err(StaleEvent),
        }
    }

    /// This thread has just cancelled the event. If it waits in a queue of this thread, it is freed there
    /// and not dispatched. A timer may wait for long, so its continuation goes at once: a connection would
    /// keep its memory until then. (The original's event owns no continuation.)
    fn let_go(&self) {
        if !self.event.is_mine() {
            return;
        }
        // SAFETY: this thread owns the event. It alone could have freed it since the cancel, and has not.
        let body = unsafe { self.event.body() };
        if matches!(body.place.get(), Place::Bucket(_) | Place::Protected) {
            drop(body.cont.take());
        }
    }

    /// Cancels as the original does where it does not know what the pointer points to. If the event
    /// has been freed, nothing happens; an exploration reports it, because the original would use
    /// freed memory.
    #[inline]
    pub fn cancel_as_the_original(&self) {
        if self.try_cancel().is_err() {
            observe::stale("the original cancels");
        }
    }

    /// True if the event has neither been freed nor cancelled.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.event.state.load(Ordering::Acquire) == self.generation() << 1
    }

    /// True if the event has been cancelled and not freed yet.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.event.state.load(Ordering::Acquire) == (self.generation() << 1 | 1)
    }

    /// The user's own value. Mirrors `Event::cookie`.
    ///
    /// # Panics
    /// If the event has been freed or belongs to another thread.
    #[must_use]
    #[track_caller]
    pub fn cookie(&self) -> Cookie {
        let cell = &self.own_body().cookie;
        let cookie = cell.take();
        cell.set(cookie.clone());
        cookie
    }

    /// When the event is due.
    ///
    /// # Panics
    /// If the event has been freed or belongs to another thread.
    #[must_use]
    #[track_caller]
    pub fn due(&self) -> Due {
        self.own_body().due.get()
    }

    /// Its period in nanoseconds; 0 if it runs once, below 0 if it is a poll event.
    ///
    /// # Panics
    /// If the event has been freed or belongs to another thread.
    #[must_use]
    #[track_caller]
    pub fn period(&self) -> HrTime {
        self.own_body().period.get()
    }

    /// The code that the handler is called back with.
    ///
    /// # Panics
    /// If the event has been freed or belongs to another thread.
    #[must_use]
    #[track_caller]
    pub fn callback_event(&self) -> EventCode {
        self.own_body().callback_event.get()
    }

    #[inline]
    fn generation(&self) -> u64 {
        self.word & 0xffff_ffff
    }

    #[inline]
    pub(crate) fn event(&self) -> &'static Event {
        self.event
    }

    /// The body, after the checks that make it safe to look at.
    #[track_caller]
    pub(crate) fn own_body(&self) -> &Body {
        // The owner first: a thread that finds itself there (acquire) also sees the generation that
        // belongs to it, so a stale reference does not pass.
        assert!(self.event.is_mine(), "an event is touched only on its own thread");
        let state = self.event.state.load(Ordering::Relaxed);
        if state >> 1 != self.generation() {
            observe::stale("the original touches");
        }
        assert!(state >> 1 == self.generation(), "{StaleEvent}");
        // SAFETY: checked just now that the calling thread owns the event.
        unsafe { self.event.body() }
    }
}

impl PartialEq for EventRef {
    fn eq(&self, other: &EventRef) -> bool {
        self.word == other.word
    }
}

impl Eq for EventRef {}

impl fmt::Debug for EventRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}.{}", index_of(self.word).unwrap_or_default(), self.generation())
    }
}

/// The index of the event whose number is in the upper half of `word`; `None` for 0.
#[inline]
fn index_of(word: u64) -> Option<u32> {
    u32::try_from((word >> 32).checked_sub(1)?).ok()
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use std::sync::Arc;

    use crate::hrtime::seconds;
    use crate::{Clock, EventProcessor, Outcome, ProxyMutex, StateMachine};

    #[test]
    fn a_timer_lets_its_continuation_go_when_its_own_thread_cancels_it() {
        let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
        let cont = StateMachine::new(ProxyMutex::new(), (), |(), _, _, _| Outcome::Done);
        let event = thread.schedule_in(cont.clone(), seconds(30));
        assert_eq!(Arc::strong_count(&cont), 2);
        event.cancel();
        assert_eq!(Arc::strong_count(&cont), 1);
        assert!(event.is_cancelled(), "and not freed yet");
        let event = thread.schedule_in(cont.clone(), seconds(30));
        std::thread::scope(|scope| {
            scope.spawn(|| event.cancel());
        });
        assert_eq!(Arc::strong_count(&cont), 2, "another thread may not touch the body");
        thread.run_until_idle();
        assert!(!event.is_live());
        assert_eq!(Arc::strong_count(&cont), 1);
    }
}
