//! [`Rest`]: passes that find nothing to do, made by another thread than the one that rests.
//!
//! With a ticking clock no thread waits: it makes one pass after the other, and most find nothing
//! to do. Such a pass counts itself and moves the clock, and any thread can do that. So a driver
//! that has two threads take turns need not wake the one of them for a pass that does nothing else.

use std::sync::Arc;

use super::{AdoptedThread, EThread};
use crate::hrtime::HrTime;

/// An adopted thread that rests: [`Rest::skip_pass`] makes its passes in its place as long as they
/// find nothing to do. Made by [`AdoptedThread::rest`].
///
/// ```
/// use eventsys::hrtime::mseconds;
/// use eventsys::{Clock, EventProcessor, FreeContinuation, Outcome};
///
/// let clock = Clock::new_ticking(mseconds(1));
/// let thread = EventProcessor::new(clock.clone()).adopt_current_thread("ET_NET");
/// let start = clock.get_hrtime_updated();
/// let mut rest = thread.rest().expect("nothing is queued");
/// assert!(rest.skip_pass());
/// assert_eq!(clock.get_hrtime_updated(), start + mseconds(1), "as a pass moves it");
/// thread.schedule_imm(FreeContinuation::new(|_, _, _| Outcome::Done));
/// thread.resume(rest);
/// assert!(thread.rest().is_none(), "there is something to do");
/// thread.run_pass();
/// ```
pub struct Rest {
    thread: Arc<EThread>,
    /// A pass that begins earlier meets no timer.
    until: HrTime,
    /// When the last pass began that was skipped.
    last: Option<HrTime>,
}

impl Rest {
    /// Makes the thread's next pass in its place, if that pass finds nothing to do; false if the
    /// thread must make it. The thread must make no pass meanwhile.
    #[must_use]
    pub fn skip_pass(&mut self) -> bool {
        let thread = &*self.thread;
        let Some(time) = thread.clock.virtual_time() else { return false };
        // The pass would read it, too.
        let start = thread.clock.get_hrtime_updated();
        let has_nothing = start < self.until
            && thread.external.is_empty()
            && thread.tail.lock().is_none()
            && !thread.is_to_end();
        if !has_nothing {
            return false;
        }
        // What is left of `EventLoop::pass`.
        let mut pass = thread.metrics.begin_loop(start);
        pass.waits = true;
        time.end_pass();
        thread.metrics.end_loop(pass, thread.clock.get_hrtime_updated());
        self.last = Some(start);
        true
    }
}

impl AdoptedThread {
    /// Lets the thread rest, if its next pass finds nothing to do unless another thread schedules
    /// something; `None` if it may find something. Only with a clock that
    /// [lets no thread wait](crate::Clock::lets_threads_wait).
    #[must_use]
    pub fn rest(&self) -> Option<Rest> {
        let (thread, local) = (self.thread(), self.thread().local());
        let is_idle = local.queue.is_empty() && local.dead.is_empty() && local.negative.is_empty();
        if thread.clock.lets_threads_wait() || !is_idle || thread.tail.lock().is_some() {
            return None;
        }
        let until = local.priority.sorts_next()?;
        Some(Rest { thread: Arc::clone(thread), until, last: None })
    }

    /// The thread works again, as if it had made the passes itself that were skipped.
    ///
    /// # Panics
    /// If another thread has rested.
    pub fn resume(&self, rest: Rest) {
        assert!(Arc::ptr_eq(&rest.thread, self.thread()), "the rest is another thread's");
        if let Some(last) = rest.last {
            self.thread().local().priority.skip_to(last);
        }
    }
}
