//! The event loop: one pass, and the dispatch of one event.
//!
//! Mirrors `EThread::execute_regular`, `process_queue` and `process_event` of
//! `UnixEThread.cc` (9.1.3; what other releases do is in [`LoopTime`](super::LoopTime) and
//! [`CancelledEvents`]).
#![allow(unsafe_code)] // Queues of events that the loop's thread owns.

use crate::steps::events;
use std::cell::Cell;
use std::mem;
use std::sync::Arc;
use std::thread;

use super::tail::Idle;
use super::{DELAY_FOR_RETRY, EThread, Local, THREAD_MAX_HEARTBEAT};
use crate::code::EventCode;
use crate::contain::contain;
use crate::continuation::{ContRef, Data, call, call_under};
use crate::defects::{GH_6234, TS_1488, planted, rearmed};
use crate::event::{Due, Event, EventRef, Place};
use crate::hrtime::{HrTime, after, mseconds};
use crate::mutex::weak_try_lock;
use crate::processor::CancelledEvents;

/// The loop of one thread, on that thread.
pub(crate) struct EventLoop<'a> {
    thread: &'a Arc<EThread>,
    local: &'a Local,
}

impl<'a> EventLoop<'a> {
    /// The loop of `thread`.
    ///
    /// # Panics
    /// If the calling thread is not `thread`.
    pub(crate) fn of(thread: &'a Arc<EThread>) -> EventLoop<'a> {
        EventLoop { thread, local: thread.local() }
    }

    /// One pass: external and immediate events, timers until no timer is ready, poll events, wait.
    /// Mirrors the body of the loop of `execute_regular`.
    ///
    /// Before each event it looks whether the processor has begun to shut down; then
    /// the pass is over. (In 9.1.3 a pass ends when its queues are empty, so a handler
    /// that reschedules itself at once keeps its thread for ever.)
    pub(crate) fn pass(&self) {
        let (thread, local) = (self.thread, self.local);
        // A pass in a pass could free the event that the outer one dispatches.
        let _passing = Passing::begin(&local.passing);
        // Held while the thread is awake, if the wake policy asks for it. After the
        // question above: a pass in a pass would wait for itself here.
        let mut awake = thread.external.stay_awake();
        if let Some(time) = thread.clock.virtual_time() {
            time.begin_pass();
        }
        let start = local.time.begin(&thread.clock);
        let mut metrics = thread.metrics.begin_loop(start);

        self.process_queue(&mut metrics.events);
        self.process_timers(start);
        if !local.negative.is_empty() {
            // Events that the timers have scheduled run before the poll events.
            self.process_queue(&mut metrics.events);
            // SAFETY: everything in the queue belongs to this thread.
            while let Some(event) = self.next(|| unsafe { local.negative.dequeue() }) {
                // SAFETY: as above.
                unsafe { event.body() }.place.set(Place::Nowhere);
                self.process_event(event, EventCode::EVENT_POLL);
            }
        }

        let until_next = local.priority.earliest_timeout() - local.time.updated(&thread.clock);
        let sleep = if until_next > 0 {
            metrics.waits = true;
            // A missed lock has put an event into the local queue, to be tried
            // again soon (#6234). The default handler does not sleep at all then;
            // the limit is for others.
            let is_idle = local.queue.is_empty() || rearmed(&GH_6234);
            let longest = if is_idle { THREAD_MAX_HEARTBEAT } else { DELAY_FOR_RETRY };
            until_next.min(longest)
        } else {
            0
        };
        let sleep = if rearmed(&planted::SLEEP) { sleep + mseconds(100) } else { sleep };
        if !thread.is_to_end() {
            thread.wait_for_activity(Idle::new(thread, &mut awake), sleep);
        }
        if let Some(time) = thread.clock.virtual_time() {
            time.end_pass();
        }
        thread.metrics.end_loop(metrics, thread.clock.get_hrtime_updated());
    }

    /// The next event of a queue, unless the processor has begun to shut down.
    #[inline(always)]
    fn next(&self, dequeue: impl Fn() -> Option<&'static Event>) -> Option<&'static Event> {
        if self.thread.is_to_end() { None } else { dequeue() }
    }

    /// Moves the external queue to the local one, and empties that: immediate
    /// events are dispatched, the others go where they belong.
    fn process_queue(&self, events: &mut i64) {
        let (thread, local) = (self.thread, self.local);
        // SAFETY: the loop runs on its own thread, to which everything in its
        // queues belongs; an event that was dequeued is in no list.
        unsafe {
            thread.external.drain(&local.queue, &local.dead);
            local.free_dead();
            while let Some(event) = self.next(|| local.queue.dequeue()) {
                *events += 1;
                let body = event.body();
                body.place.set(Place::Nowhere);
                if event.is_cancelled() && !rearmed(&TS_1488) {
                    local.free.free(event);
                    continue;
                }
                match body.due.get() {
                    Due::Immediate => {
                        debug_assert_eq!(body.period.get(), 0);
                        self.process_event(event, body.callback_event.get());
                    }
                    Due::At(_) => local.priority.enqueue(event, local.time.now(&thread.clock)),
                    Due::Poll(order) => {
                        body.place.set(Place::Negative);
                        // Greater numbers first; of equals the newest first.
                        local.negative.insert_before(event, |other| match other.due.get() {
                            Due::Poll(other) => other <= order,
                            _ => false,
                        });
                    }
                }
            }
        }
    }

    /// Dispatches timers until no timer is ready, in a pass that began at `start`.
    fn process_timers(&self, start: HrTime) {
        let local = self.local;
        loop {
            let mut done_one = false;
            // SAFETY: the loop runs on its own thread, to which everything in its
            // queues belongs.
            unsafe {
                local.priority.check_ready(local.time.for_timers(start), &local.dead);
                local.free_dead();
                while let Some(event) = self.next(|| local.priority.dequeue_ready()) {
                    if event.is_cancelled() && !rearmed(&TS_1488) {
                        local.free.free(event);
                    } else {
                        done_one = true;
                        self.process_event(event, event.body().callback_event.get());
                    }
                }
            }
            if !done_one {
                return;
            }
        }
    }

    /// Calls the continuation of `event` back under its mutex; tries again later
    /// if the try-lock misses; frees or re-arms the event afterwards.
    fn process_event(&self, event: &'static Event, code: EventCode) {
        let (thread, local) = (self.thread, self.local);
        // SAFETY: the event comes from a queue of this thread.
        let body = unsafe { event.body() };
        // Dropped after the lock, also when the handler panics.
        let mut dispatched =
            Dispatched { on: self, event, cont: body.cont.take(), is_freed: Cell::new(false) };
        let Some(cont) = &dispatched.cont else {
            // SAFETY: this thread's event, and in no queue.
            unsafe { local.free.free(event) };
            return;
        };
        let Some(lock) = weak_try_lock(cont.base().mutex().map(|mutex| &**mutex)) else {
            return self.missed(dispatched, code);
        };
        // Under the mutex: so a cancel by a thread that holds the mutex is always seen.
        if event.is_cancelled() && !rearmed(&TS_1488) {
            return self.found_cancelled(&dispatched);
        }
        thread.trace(events::DISPATCH, code);
        #[cfg(feature = "explore")]
        if let Due::At(due) = body.due.get() {
            let most =
                if body.missed.get() == due { DELAY_FOR_RETRY } else { THREAD_MAX_HEARTBEAT };
            crate::observe::dispatched(due, thread.clock.get_hrtime(), most);
        }
        let reference: EventRef = event.reference();
        let data = Data::Event(reference);
        match &lock {
            Some(guard) => call_under(cont, guard, code, data),
            None => call(cont, None, code, data),
        };
        local.time.called_back(&thread.clock);
        drop(lock);
        // Without the call of its `drop`, which would find nothing to do.
        let cont = dispatched.cont.take();
        mem::forget(dispatched);
        if let Some(cont) = cont {
            self.settle(event, cont);
        }
    }

    /// The mutex of the continuation is in use: tries again later.
    #[cold]
    fn missed(&self, mut dispatched: Dispatched<'_>, code: EventCode) {
        let (thread, event) = (self.thread, dispatched.event);
        thread.trace(events::DISPATCH_LOCK_MISS, code);
        // SAFETY: the event belongs to this thread.
        let body = unsafe { event.body() };
        let again = after(self.local.time.now(&thread.clock), DELAY_FOR_RETRY);
        body.due.set(Due::At(again));
        #[cfg(feature = "explore")]
        body.missed.set(again);
        body.cont.set(dispatched.cont.take());
        // A user's `base` or listener may have rescheduled it just now.
        if body.place.get() == Place::Nowhere {
            thread.enqueue_local(event);
        }
    }

    /// The event has been cancelled, and does not come again. If a user's `base` has queued it, the
    /// queue frees it. The caller has the lock.
    #[cold]
    fn found_cancelled(&self, dispatched: &Dispatched<'_>) {
        // SAFETY: the event belongs to this thread.
        let body = unsafe { dispatched.event.body() };
        body.period.set(0);
        if self.thread.cancelled == CancelledEvents::FreedUnderLock
            && body.place.get() == Place::Nowhere
        {
            dispatched.is_freed.set(true);
            // SAFETY: this thread's event, and in no queue.
            unsafe { self.local.free.free(dispatched.event) };
        }
    }

    /// Leaves the event where its handler has queued it, re-arms it, or frees it.
    #[inline(always)]
    fn settle(&self, event: &'static Event, cont: ContRef) {
        let local = self.local;
        // SAFETY: the event belongs to this thread.
        let body = unsafe { event.body() };
        let period = body.period.get();
        if body.place.get() == Place::Nowhere && period == 0 {
            // SAFETY: this thread's event, and in no queue.
            unsafe { local.free.free_dispatched(event, Some(cont)) };
            return;
        }
        body.cont.set(Some(cont));
        if body.place.get() != Place::Nowhere {
            // The handler has rescheduled it.
            return;
        }
        body.due.set(if period < 0 {
            Due::Poll(period)
        } else {
            Due::At(after(local.time.updated(&self.thread.clock), period))
        });
        self.thread.enqueue_local(event);
    }
}

/// An event that is being dispatched, with its continuation taken out for the length of the call;
/// `None` once it is settled. If the handler panics, the `drop` settles it.
struct Dispatched<'a> {
    on: &'a EventLoop<'a>,
    event: &'static Event,
    cont: Option<ContRef>,
    /// True once the event has been freed, under the lock.
    is_freed: Cell<bool>,
}

impl Drop for Dispatched<'_> {
    #[inline]
    fn drop(&mut self) {
        let Some(cont) = self.cont.take() else { return };
        if self.is_freed.get() {
            return;
        }
        if thread::panicking() {
            // A `drop` or a listener that panics as well would end the process.
            let _ = contain(|| self.on.settle(self.event, cont));
        } else {
            self.on.settle(self.event, cont);
        }
    }
}

/// Says that a pass is under way, until it is dropped.
struct Passing<'a>(&'a Cell<bool>);

impl<'a> Passing<'a> {
    fn begin(passing: &'a Cell<bool>) -> Passing<'a> {
        assert!(!passing.replace(true), "a pass of this event loop is under way");
        Passing(passing)
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
