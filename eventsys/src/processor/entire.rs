//! Scheduling on every thread of a group at once.
//!
//! Mirrors `EventProcessor::schedule_entire` of `UnixEventProcessor.cc` (10.2.0; new in 10.1.0,
//! #10742), under `TSContScheduleOnEntirePool` and `TSContScheduleEveryOnEntirePool`.

use std::sync::Arc;

use super::{EventProcessor, EventType};
use crate::code::{EventCode, Outcome};
use crate::continuation::{ContRef, Continuation, ContinuationBase, Data, Invocation, call};
use crate::ethread::{EThread, When};
use crate::event::{EventRef, Request};
use crate::hrtime::HrTime;
use crate::mutex::ProxyMutex;

impl EventProcessor {
    /// Calls back on each thread of `et` that has not ended: as soon as possible if `timeout` and
    /// `period` are 0, else once after `timeout` (ns), or every `period` (ns), below 0 in every
    /// pass. From any thread. Gives one event for each thread, in the order of the threads; no
    /// event if the processor has shut down.
    ///
    /// Each event has a mutex of its own, so two threads call the continuation **at the same
    /// time**: it must have no mutex, and keep its state behind atomics. The event that a callback
    /// gets is the one of its thread; cancelling it ends the callbacks of that thread only.
    ///
    /// ```
    /// use eventsys::{Clock, ET_NET, EventProcessor, FreeContinuation, Outcome};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// static CALLS: AtomicU32 = AtomicU32::new(0);
    ///
    /// let processor = EventProcessor::new(Clock::new_virtual());
    /// let thread = processor.adopt_current_thread("ET_NET");
    /// let cont = FreeContinuation::new(|_, _, _| {
    ///     CALLS.fetch_add(1, Ordering::Relaxed);
    ///     Outcome::Done
    /// });
    /// let events = processor.schedule_entire(cont, 0, 0, ET_NET);
    /// thread.run_pass();
    /// assert_eq!((events.len(), CALLS.load(Ordering::Relaxed)), (1, 1));
    /// ```
    ///
    /// # Panics
    /// If the continuation has a mutex, as `TSContScheduleOnEntirePool` asserts, or if neither
    /// `timeout` nor `period` is 0, as the original asserts.
    #[doc(alias = "TSContScheduleOnEntirePool")]
    #[doc(alias = "TSContScheduleEveryOnEntirePool")]
    pub fn schedule_entire(
        &self,
        request: impl Into<Request>,
        timeout: HrTime,
        period: HrTime,
        et: EventType,
    ) -> Vec<EventRef> {
        let Request { cont, code, cookie } = request.into();
        assert!(cont.base().mutex().is_none(), "i->mutex == nullptr");
        let when = match (timeout, period) {
            (0, 0) => When::Imm,
            (timeout, 0) => When::In(timeout),
            (0, period) => When::Every(period),
            _ => panic!("not reached: a timeout of {timeout} ns and a period of {period} ns"),
        };
        if self.is_shut_down() {
            return Vec::new();
        }
        let threads = self.active_group_threads(et);
        let event = |thread: &Arc<EThread>| {
            let base = ContinuationBase::new(ProxyMutex::new());
            let on_one = Arc::new(OnOneThread { base, cont: Arc::clone(&cont) });
            thread.schedule(Request { cont: on_one, code, cookie: cookie.clone() }, when)
        };
        threads.iter().map(event).collect()
    }
}

/// The event of one thread: it has the mutex of its own, under which it calls the continuation of
/// all.
struct OnOneThread {
    base: ContinuationBase,
    cont: ContRef,
}

impl Continuation for OnOneThread {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, _: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        call(&self.cont, None, event, data)
    }
}
