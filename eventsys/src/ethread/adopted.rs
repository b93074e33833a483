//! [`AdoptedThread`]: the event loop on a thread one already has, pass by pass.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use super::EThread;
use super::event_loop::EventLoop;
use crate::hrtime::{HrTime, after};

/// Makes the calling thread an EThread until it is dropped; made by
/// [`EventProcessor::adopt_current_thread`](crate::EventProcessor::adopt_current_thread).
///
/// Nothing runs by itself: whoever has it runs the loop, pass by pass. Scenarios
/// and tests do, in virtual time; what they see is exactly what a spawned thread
/// does. A handler must not run the loop that has called it: all the `run`
/// methods panic while a pass is under way.
pub struct AdoptedThread {
    thread: Arc<EThread>,
    /// It must be dropped on its own thread.
    stays: PhantomData<*const ()>,
}

impl AdoptedThread {
    pub(crate) fn new(thread: Arc<EThread>) -> AdoptedThread {
        if let Some(time) = thread.clock.virtual_time() {
            time.join();
        }
        thread.begin();
        AdoptedThread { thread, stays: PhantomData }
    }

    /// The thread.
    #[must_use]
    pub fn thread(&self) -> &Arc<EThread> {
        &self.thread
    }

    /// One pass of the event loop, its wait included.
    pub fn run_pass(&self) {
        EventLoop::of(&self.thread).pass();
    }

    /// Passes until `done` says so.
    pub fn run_until(&self, mut done: impl FnMut() -> bool) {
        let mut event_loop = EventLoop::of(&self.thread);
        while !done() {
            event_loop.pass();
        }
    }

    /// Passes for `span` nanoseconds by the processor's clock; not at all if `span`
    /// is 0 or below.
    pub fn run_for(&self, span: HrTime) {
        let end = after(self.thread.clock.get_hrtime_updated(), span);
        self.run_until(|| self.thread.clock.get_hrtime_updated() >= end);
    }

    /// Passes until no event waits in any queue of the thread. Does not return
    /// while a periodic or poll event is live, or one that never comes.
    pub fn run_until_idle(&self) {
        self.run_until(|| self.has_no_events());
    }

    /// True if no event waits in any queue of the thread. A cancelled timer
    /// counts until the loop has noticed.
    #[must_use]
    pub fn has_no_events(&self) -> bool {
        let local = self.thread.local();
        self.thread.external.is_empty()
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
        self.thread.end();
        if let Some(time) = self.thread.clock.virtual_time() {
            time.leave();
        }
    }
}
