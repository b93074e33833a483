//! [`AdoptedThread`]: runs the event loop on the calling thread, pass by pass.

use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use super::EThread;
use super::event_loop::EventLoop;
use crate::clock::Participant;
use crate::hrtime::{HrTime, after};

/// Makes the calling thread an EThread until it is dropped; made by
/// [`EventProcessor::adopt_current_thread`](crate::EventProcessor::adopt_current_thread).
///
/// Nothing runs by itself: its owner runs the loop, pass by pass. Scenarios and tests do so in
/// virtual time, and see exactly what a spawned thread does. A handler must not run the loop that
/// has called it: all the `run` methods panic while a pass is under way.
///
/// A panic of a handler comes out of the `run` method. A caller that catches it may go
/// on; see [the crate's page](crate#panics). Once the processor has shut down, no pass
/// calls anything, and the `run` methods return at once; if a handler on a thread of
/// its own has panicked, they panic and say so.
///
/// When it is dropped, what is still queued is freed, and no handler is called. A
/// panic of a `drop` comes out when all is freed.
///
/// ```
/// use eventsys::{Clock, EThread, EventProcessor, FreeContinuation, Outcome};
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// assert!(EThread::current().is_some());
/// thread.schedule_imm(FreeContinuation::new(|_, _, _| Outcome::Done));
/// assert!(!thread.has_no_events());
/// thread.run_until_idle();
/// assert!(thread.has_no_events());
/// drop(thread);
/// assert!(EThread::current().is_none());
/// ```
pub struct AdoptedThread {
    thread: Arc<EThread>,
    /// Dropped after the thread has ended, however it ended: then the clock of the other threads
    /// goes on.
    _takes_part: Option<Participant>,
    /// It must be dropped on its own thread.
    stays: PhantomData<*const ()>,
}

impl AdoptedThread {
    /// Makes the calling thread `thread`; no other one runs on it.
    pub(crate) fn new(thread: Arc<EThread>) -> AdoptedThread {
        let takes_part = thread.clock.participate();
        thread.begin();
        AdoptedThread { thread, _takes_part: takes_part, stays: PhantomData }
    }

    /// The thread.
    #[must_use]
    pub fn thread(&self) -> &Arc<EThread> {
        &self.thread
    }

    /// One pass of the event loop, its wait included.
    pub fn run_pass(&self) {
        self.try_pass();
    }

    /// Runs passes until `done` is true, or the processor has shut down.
    pub fn run_until(&self, mut done: impl FnMut() -> bool) {
        while !done() && self.try_pass() {}
    }

    /// One pass, unless the processor has shut down.
    fn try_pass(&self) -> bool {
        // First: see `at_work`.
        let _working = self.thread.work();
        let shutdown = &self.thread.shutdown;
        if shutdown.has_begun() {
            if let Some(panic) = shutdown.panic() {
                panic!("{panic}");
            }
            return false;
        }
        EventLoop::of(&self.thread).pass();
        true
    }

    /// Runs passes for `span` nanoseconds by the processor's clock; none if `span` is 0 or below.
    pub fn run_for(&self, span: HrTime) {
        let end = after(self.thread.clock.get_hrtime_updated(), span);
        self.run_until(|| self.thread.clock.get_hrtime_updated() >= end);
    }

    /// Runs passes until no event waits in any queue of the thread. Does not return while there is
    /// a live periodic or poll event, or an event that never comes.
    pub fn run_until_idle(&self) {
        self.run_until(|| self.has_no_events());
    }

    /// True if no event waits in any queue of the thread. A cancelled timer
    /// counts until the loop has noticed.
    #[must_use]
    pub fn has_no_events(&self) -> bool {
        let local = self.thread.local();
        self.thread.external.is_empty()
            && local.dead.is_empty()
            && local.queue.is_empty()
            && local.negative.is_empty()
            && local.priority.is_empty()
    }
}

impl Deref for AdoptedThread {
    type Target = EThread;

    fn deref(&self) -> &EThread {
        &self.thread
    }
}

impl Drop for AdoptedThread {
    fn drop(&mut self) {
        if let Err(panic) = self.thread.end()
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
