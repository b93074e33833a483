//! Scheduling on a group: which of its threads gets the event.
//!
//! Mirrors `schedule_*`, `schedule(Event *, EventType)`, `assign_thread` and
//! `assign_affinity_by_type` of `P_UnixEventProcessor.h` (9.1.3). There no thread ends;
//! here one that has ended gets no event.

use std::sync::Arc;

use super::{Assignment, EventProcessor, EventType};
use crate::continuation::{ContRef, ContinuationBase};
use crate::ethread::{EThread, Plan, When, free_unqueued, make_event};
use crate::event::{EventRef, Request};
use crate::hrtime::HrTime;

impl EventProcessor {
    /// The next thread of a group, round robin; one that has ended is passed over.
    /// Mirrors `assign_thread`; its counter is unsigned, so it cannot run into a
    /// negative index (2d3e9d7366).
    ///
    /// # Panics
    /// If the group has no thread.
    #[must_use]
    pub fn assign_thread(&self, et: EventType) -> Arc<EThread> {
        let group = self.group(et);
        group.assign().unwrap_or_else(|| group.refuse())
    }

    /// The thread that a continuation should keep to: the calling thread if it
    /// is of the group, else the one it keeps to already, else the next one. A
    /// continuation that keeps to none yet, or to one that has ended, is bound to the chosen
    /// thread. Mirrors `assign_affinity_by_type`.
    ///
    /// # Panics
    /// If the group has no thread.
    pub fn assign_affinity_by_type(&self, cont: &ContRef, et: EventType) -> Arc<EThread> {
        let base = cont.base();
        let kept = self.kept(base);
        let thread = self
            .calling_thread(et)
            .or_else(|| kept.to(et).cloned())
            .unwrap_or_else(|| self.assign_thread(et));
        if kept.may_be_bound() {
            base.set_thread_affinity(thread.index());
        }
        thread
    }

    /// Calls back on a thread of `et` as soon as possible. From any thread.
    ///
    /// `None` if the processor has shut down, or every thread of the group has ended:
    /// then the event will not come.
    ///
    /// # Panics
    /// If the group has never had a thread; so do its sisters.
    #[doc(alias = "TSContScheduleOnPool")]
    pub fn schedule_imm(&self, request: impl Into<Request>, et: EventType) -> Option<EventRef> {
        self.schedule(request.into(), When::Imm, et)
    }

    /// Calls back on a thread of `et` at time `at` (ns). `None` as for
    /// [`EventProcessor::schedule_imm`].
    pub fn schedule_at(
        &self,
        request: impl Into<Request>,
        at: HrTime,
        et: EventType,
    ) -> Option<EventRef> {
        self.schedule(request.into(), When::At(at), et)
    }

    /// Calls back on a thread of `et` after `span` (ns). `None` as for
    /// [`EventProcessor::schedule_imm`].
    pub fn schedule_in(
        &self,
        request: impl Into<Request>,
        span: HrTime,
        et: EventType,
    ) -> Option<EventRef> {
        self.schedule(request.into(), When::In(span), et)
    }

    /// Calls back on a thread of `et` every `period` (ns), below 0 in every pass
    /// of its loop. `None` as for [`EventProcessor::schedule_imm`].
    ///
    /// # Panics
    /// If `period` is 0.
    #[doc(alias = "TSContScheduleEveryOnPool")]
    pub fn schedule_every(
        &self,
        request: impl Into<Request>,
        period: HrTime,
        et: EventType,
    ) -> Option<EventRef> {
        self.schedule(request.into(), When::Every(period), et)
    }

    fn schedule(&self, request: Request, when: When, et: EventType) -> Option<EventRef> {
        if self.is_shut_down() {
            return None;
        }
        self.schedule_planned(request, when.resolve(|| self.clock.get_hrtime()), et)
    }

    /// Mirrors `EventProcessor::schedule(Event *, EventType)`: the thread that
    /// the continuation keeps to, if it is of the group; else the calling thread,
    /// if it is; else the next one. The continuation then keeps to it. A thread that
    /// has ended is passed over.
    ///
    /// The event is allocated when its thread is known: a call that is refused, or that ends by a
    /// panic in a user's code, allocates no event.
    #[inline]
    pub(crate) fn schedule_planned(
        &self,
        request: Request,
        plan: Plan,
        et: EventType,
    ) -> Option<EventRef> {
        if self.assignment == Assignment::RoundRobin {
            let thread = self.next_thread(et)?;
            return self.hand_over(&thread, request, plan, et);
        }
        let base = request.cont.base();
        let kept = self.kept(base);
        if let Some(thread) = kept.to(et) {
            return self.hand_over(thread, request, plan, et);
        }
        let thread = match self.calling_thread(et) {
            Some(thread) => thread,
            None => self.next_thread(et)?,
        };
        if kept.may_be_bound() {
            base.set_thread_affinity(thread.index());
        }
        self.hand_over(&thread, request, plan, et)
    }

    /// Makes the event and queues it on `thread`; on the next one of the group if that
    /// has just ended.
    #[inline]
    fn hand_over(
        &self,
        thread: &EThread,
        request: Request,
        plan: Plan,
        et: EventType,
    ) -> Option<EventRef> {
        let event = make_event(request, plan);
        // Taken first: once queued, the event may have run and been freed.
        let reference = event.reference();
        let mut queued = thread.try_enqueue(event);
        while let Err(event) = queued {
            let Some(thread) = self.group(et).assign() else {
                free_unqueued(event);
                return None;
            };
            queued = thread.try_enqueue(event);
        }
        Some(reference)
    }

    /// The calling thread, if it is of this group of this processor: that of another
    /// processor has groups of the same numbers.
    fn calling_thread(&self, et: EventType) -> Option<Arc<EThread>> {
        let is_of_group = |thread: &&Arc<EThread>| {
            thread.is_event_type(et) && thread.is_of(self) && !thread.has_ended()
        };
        EThread::with_current(|current| current.filter(is_of_group).cloned())
    }

    /// The next thread of a group, if one still runs.
    ///
    /// # Panics
    /// If it has never had one.
    fn next_thread(&self, et: EventType) -> Option<Arc<EThread>> {
        let group = self.group(et);
        match group.assign() {
            None if group.is_empty() => group.refuse(),
            next => next,
        }
    }

    fn kept(&self, base: &ContinuationBase) -> Kept<'_> {
        let affinity = base.thread_affinity();
        Kept { affinity, thread: affinity.and_then(|index| self.thread(index)) }
    }
}

/// The thread that a continuation keeps to, while the user's code is called.
struct Kept<'a> {
    affinity: Option<usize>,
    thread: Option<&'a Arc<EThread>>,
}

impl<'a> Kept<'a> {
    /// The thread, if it still runs and is of this group.
    fn to(&self, et: EventType) -> Option<&'a Arc<EThread>> {
        self.thread.filter(|thread| thread.is_event_type(et) && !thread.has_ended())
    }

    /// True if the continuation keeps to no thread, or to a thread that has ended.
    fn may_be_bound(&self) -> bool {
        self.affinity.is_none() || self.thread.is_some_and(|thread| thread.has_ended())
    }
}
