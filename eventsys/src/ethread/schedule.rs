//! Scheduling on one thread, and rescheduling an event.
//!
//! Mirrors `EThread::schedule_*` and `schedule_*_local` (`P_UnixEThread.h`) and
//! `Event::schedule_*` (`UnixEvent.cc`).
#![allow(unsafe_code)] // Events that the calling thread owns.

use crate::steps::events;
use std::mem;

use super::{EThread, Local, ThreadType, free_unqueued, new_event, stale};
use crate::code::EventCode;
use crate::defects::{TS_1503, rearmed};
use crate::event::{Body, Due, Event, EventRef, Place, Request};
use crate::hrtime::{HrTime, after};
use crate::processor::ET_CALL;
use crate::protected_queue::{OwnEvents, Pushed};
use crate::sync::atomic::Ordering;

/// When an event should run, relative to a time that is read later. [`EventRef::reschedule`] takes
/// one.
///
/// ```
/// use eventsys::hrtime::mseconds;
/// use eventsys::{Clock, Data, EventCode, EventProcessor, FreeContinuation, Outcome, When};
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// const AGAIN: EventCode = EventCode(9000);
/// static CALLS: AtomicU32 = AtomicU32::new(0);
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// let cont = FreeContinuation::new(|_, code, data| {
///     match (code, data) {
///         (AGAIN, _) => _ = CALLS.fetch_add(1, Ordering::Relaxed),
///         (_, Data::Event(event)) => event.reschedule(When::In(mseconds(5)), AGAIN),
///         _ => unreachable!("nothing else calls it"),
///     }
///     Outcome::Done
/// });
/// thread.schedule_imm(cont);
/// thread.run_for(mseconds(50));
/// assert_eq!(CALLS.load(Ordering::Relaxed), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// As soon as possible.
    Imm,
    /// At this time by the processor's clock, in nanoseconds. A time of 0 or below has passed, so
    /// the event runs at once. (In the original a debug assertion; a release build makes an
    /// immediate event, or a poll event that runs once.)
    At(HrTime),
    /// After this many nanoseconds; below 0, at once.
    In(HrTime),
    /// Every so many nanoseconds; below 0, in every pass of the event loop.
    Every(HrTime),
}

impl When {
    /// The code that is sent by default: immediate or interval.
    fn code(self) -> EventCode {
        match self {
            When::Imm => EventCode::EVENT_IMMEDIATE,
            _ => EventCode::EVENT_INTERVAL,
        }
    }

    /// Due time and period, counted from the time `now`. Computed before an event is allocated, so a
    /// refused call allocates no event.
    ///
    /// # Panics
    /// If the period is 0.
    pub(crate) fn resolve(self, now: impl FnOnce() -> HrTime) -> Plan {
        let (due, period) = match self {
            When::Imm => (Due::Immediate, 0),
            When::At(at) => (Due::At(at.max(1)), 0),
            When::In(span) => (Due::At(after(now(), span)), 0),
            When::Every(period) if period < 0 => (Due::Poll(period), period),
            When::Every(period) => {
                assert!(period != 0, "aperiod != 0");
                (Due::At(after(now(), period)), period)
            }
        };
        Plan { due, period, code: self.code() }
    }
}

/// When an event should run, how often, and with which code by default.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    due: Due,
    period: HrTime,
    code: EventCode,
}

/// Makes an event out of a request; it belongs to the calling thread, which must queue it before it
/// calls any code of the user's.
#[inline]
pub(crate) fn make_event(request: Request, plan: Plan) -> &'static Event {
    let event = new_event();
    // SAFETY: allocated by this thread just now.
    fill(unsafe { event.body() }, request, plan);
    event
}

/// Fills in the body of an event that the calling thread has allocated just now.
///
/// A request that lies in memory is written by words and copied on by double words,
/// and a processor waits for that: so this is always inlined, and so are its
/// callers. For the same reason the function drops no field that is empty in a free event.
#[inline(always)]
fn fill(body: &Body, request: Request, plan: Plan) {
    let Request { cont, code, cookie } = request;
    body.callback_event.set(code.unwrap_or(plan.code));
    mem::forget(body.cookie.replace(cookie));
    body.due.set(plan.due);
    body.period.set(plan.period);
    mem::forget(body.cont.replace(Some(cont)));
}

impl EThread {
    /// Calls back on this thread as soon as possible. From any thread. Mirrors
    /// `EThread::schedule_imm`.
    #[inline]
    pub fn schedule_imm(&self, request: impl Into<Request>) -> EventRef {
        self.schedule(request.into(), When::Imm)
    }

    /// Calls back on this thread at time `at` (ns). From any thread.
    #[inline]
    pub fn schedule_at(&self, request: impl Into<Request>, at: HrTime) -> EventRef {
        self.schedule(request.into(), When::At(at))
    }

    /// Calls back on this thread after `span` (ns). From any thread.
    #[inline]
    #[doc(alias = "TSContScheduleOnThread")]
    pub fn schedule_in(&self, request: impl Into<Request>, span: HrTime) -> EventRef {
        self.schedule(request.into(), When::In(span))
    }

    /// Calls back on this thread every `period` (ns), below 0 in every pass of
    /// the loop. From any thread.
    ///
    /// # Panics
    /// If `period` is 0.
    #[inline]
    #[doc(alias = "TSContScheduleEveryOnThread")]
    pub fn schedule_every(&self, request: impl Into<Request>, period: HrTime) -> EventRef {
        self.schedule(request.into(), When::Every(period))
    }

    /// As [`EThread::schedule_imm`], but the caller must be this thread, so the method does not
    /// look which thread calls.
    ///
    /// # Panics
    /// If the calling thread is not this one (#9691). Does not panic if this thread has ended: a
    /// `drop` at the thread's end may schedule, and gets a stale event.
    #[inline]
    #[track_caller]
    pub fn schedule_imm_local(&self, request: impl Into<Request>) -> EventRef {
        self.schedule_local(request.into(), When::Imm)
    }

    /// As [`EThread::schedule_at`], from this thread itself.
    ///
    /// # Panics
    /// If the calling thread is not this one.
    #[track_caller]
    pub fn schedule_at_local(&self, request: impl Into<Request>, at: HrTime) -> EventRef {
        self.schedule_local(request.into(), When::At(at))
    }

    /// As [`EThread::schedule_in`], from this thread itself.
    ///
    /// # Panics
    /// If the calling thread is not this one.
    #[inline]
    #[track_caller]
    pub fn schedule_in_local(&self, request: impl Into<Request>, span: HrTime) -> EventRef {
        self.schedule_local(request.into(), When::In(span))
    }

    /// As [`EThread::schedule_every`], from this thread itself.
    ///
    /// # Panics
    /// If the calling thread is not this one, or `period` is 0.
    #[track_caller]
    pub fn schedule_every_local(&self, request: impl Into<Request>, period: HrTime) -> EventRef {
        self.schedule_local(request.into(), When::Every(period))
    }

    /// Mirrors `EThread::schedule(Event *)`: a continuation without a mutex gets
    /// this thread's own.
    #[inline(always)]
    pub(crate) fn schedule(&self, request: Request, when: When) -> EventRef {
        let plan = when.resolve(|| self.clock.get_hrtime());
        if self.tt != ThreadType::Regular {
            return self.pass_on(request, plan);
        }
        // Before an event is allocated, because `base` is a user's code.
        request.cont.base().inherit_mutex(&self.mutex);
        self.enqueue(make_event(request, plan))
    }

    /// Mirrors `EThread::schedule_local(Event *)`: a continuation without a
    /// mutex stays without one.
    #[inline(always)]
    #[track_caller]
    fn schedule_local(&self, request: Request, when: When) -> EventRef {
        let local = self.local();
        let plan = when.resolve(|| self.clock.get_hrtime());
        // Called by the `drop` of a value that ends with the thread.
        if self.ended.load(Ordering::Relaxed) {
            return stale();
        }
        if self.tt != ThreadType::Regular {
            return self.pass_on(request, plan);
        }
        let event = local.free.allocate();
        // SAFETY: allocated by this thread just now.
        fill(unsafe { event.body() }, request, plan);
        let reference = event.reference();
        self.enqueue_on(local, event);
        reference
    }

    /// An event for a dedicated thread goes to `ET_CALL`.
    #[cold]
    fn pass_on(&self, request: Request, plan: Plan) -> EventRef {
        let processor = self.processor().filter(|processor| !processor.is_shut_down());
        let queued =
            processor.and_then(|processor| processor.schedule_planned(request, plan, ET_CALL));
        queued.unwrap_or_else(stale)
    }

    /// Queues an event that the calling thread owns, whichever thread that is; frees
    /// it if the thread has ended.
    #[inline]
    fn enqueue(&self, event: &'static Event) -> EventRef {
        // Taken before the push: after it, the event may already have run and been freed.
        let reference = event.reference();
        if let Err(event) = self.try_enqueue(event) {
            free_unqueued(event);
        }
        reference
    }

    /// Queues an event that the calling thread owns, whichever thread that is.
    ///
    /// # Errors
    /// If the thread has ended: then the event is still the caller's.
    #[inline]
    pub(crate) fn try_enqueue(&self, event: &'static Event) -> Result<(), &'static Event> {
        let is_current = self.is_current();
        if is_current && self.own_events == OwnEvents::LocalQueue {
            if self.ended.load(Ordering::Relaxed) {
                return Err(event);
            }
            self.enqueue_local(event);
            return Ok(());
        }
        // First, because its thread may dispatch the event as soon as it is pushed.
        let unqueued = Unqueued(event);
        // SAFETY: the calling thread owns the event.
        self.trace(events::SCHEDULE, unsafe { event.body() }.callback_event.get());
        mem::forget(unqueued);
        // SAFETY: as above, and the event is in no queue.
        match unsafe { self.external.push(event, self.thread_id) } {
            Pushed::OnEmpty if is_current => {}
            Pushed::OnEmpty => self.signal_activity(),
            Pushed::OnOthers => {}
            Pushed::Closed => return Err(event),
        }
        Ok(())
    }

    /// Mirrors `ProtectedQueue::enqueue_local`.
    #[inline(always)]
    pub(super) fn enqueue_local(&self, event: &'static Event) {
        self.enqueue_on(self.local(), event);
    }

    /// As [`EThread::enqueue_local`], with the queues of this thread at hand.
    #[inline(always)]
    fn enqueue_on(&self, local: &Local, event: &'static Event) {
        // SAFETY: only the owner has `local`, and it owns the event too; an event
        // that is being queued is in no list.
        unsafe {
            let body = event.body();
            debug_assert_eq!(body.place.get(), Place::Nowhere);
            body.place.set(Place::Protected);
            local.queue.enqueue(event);
            // Last: the listener may reschedule this very event, or panic.
            self.trace(events::SCHEDULE, body.callback_event.get());
        }
    }
}

/// Defects that can be put back.
impl EThread {
    /// Takes an event out of the external or the local queue; it may be queued anew then (TS-1503).
    /// Mirrors `ProtectedQueue::remove` of 3.3.0.
    ///
    /// # Safety
    /// This thread must be the calling one, own the event, and have it in one of the two queues;
    /// the event must not have been cancelled when it came out of the external one.
    unsafe fn leave_queue(&self, event: &'static Event) {
        let local = self.local();
        // SAFETY: this thread owns its queues, and after the first line the event is in the local
        // one, even if another thread has cancelled it meanwhile.
        unsafe {
            self.external.drain(&local.queue, &local.queue);
            local.queue.remove(event);
            event.body().place.set(Place::Nowhere);
        }
    }
}

/// An event that is freed if the listener to steps panics before it is queued.
struct Unqueued(&'static Event);

impl Drop for Unqueued {
    fn drop(&mut self) {
        free_unqueued(self.0);
    }
}

impl EventRef {
    /// Runs the event again as soon as possible. Mirrors `Event::schedule_imm`.
    ///
    /// # Panics
    /// As [`EventRef::reschedule`].
    #[track_caller]
    pub fn schedule_imm(&self) {
        self.reschedule(When::Imm, EventCode::EVENT_IMMEDIATE);
    }

    /// Runs the event again at time `at` (ns). Mirrors `Event::schedule_at`.
    ///
    /// # Panics
    /// As [`EventRef::reschedule`].
    #[track_caller]
    pub fn schedule_at(&self, at: HrTime) {
        self.reschedule(When::At(at), EventCode::EVENT_INTERVAL);
    }

    /// Runs the event again after `span` (ns). Mirrors `Event::schedule_in`. A
    /// periodic event becomes one-shot by this, which was TS-2253.
    ///
    /// # Panics
    /// As [`EventRef::reschedule`].
    #[track_caller]
    pub fn schedule_in(&self, span: HrTime) {
        self.reschedule(When::In(span), EventCode::EVENT_INTERVAL);
    }

    /// Runs the event every `period` (ns) from now on. Mirrors
    /// `Event::schedule_every`.
    ///
    /// # Panics
    /// As [`EventRef::reschedule`], or if `period` is 0.
    #[track_caller]
    pub fn schedule_every(&self, period: HrTime) {
        self.reschedule(When::Every(period), EventCode::EVENT_INTERVAL);
    }

    /// Runs the event again, with this code. It may be the event that is being
    /// dispatched, or one that waits; an event in the thread's local or external queue keeps its
    /// place there; a timer or a poll event leaves its own queue first. The caller must hold the
    /// mutex of the event's continuation.
    ///
    /// # Panics
    /// If the event has been freed, or the calling thread is not the event's.
    #[track_caller]
    pub fn reschedule(&self, when: When, code: EventCode) {
        let body = self.own_body();
        EThread::with_current(|current| {
            let thread = current.expect("ethread == this_ethread()");
            let Plan { due, period, .. } = when.resolve(|| thread.clock.get_hrtime());
            body.callback_event.set(code);
            // SAFETY: `own_body` has checked that this thread owns the event, so the event is in a
            // queue of this thread.
            unsafe {
                match body.place.get() {
                    Place::Bucket(_) => thread.local().priority.remove(self.event()),
                    // The original links the event into two queues at once here.
                    Place::Negative => {
                        thread.local().negative.remove(self.event());
                        body.place.set(Place::Nowhere);
                    }
                    Place::Protected if rearmed(&TS_1503) && !self.is_cancelled() => {
                        thread.leave_queue(self.event());
                    }
                    Place::Nowhere | Place::Protected => {}
                }
            }
            body.due.set(due);
            body.period.set(period);
            if body.place.get() == Place::Nowhere {
                thread.enqueue_local(self.event());
            }
        });
    }
}
