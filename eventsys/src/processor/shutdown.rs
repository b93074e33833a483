//! [`EventProcessor::shutdown`], and waiting for it.
//!
//! In the original a thread leaves its loop when the system shuts down, with its queues
//! as they are, and no other thread waits for it.

use std::sync::{Arc, OnceLock};

use super::{EThread, EventProcessor};
use crate::sync::thread;

impl EventProcessor {
    /// Ends the event system, and waits until it has ended: when this returns, no handler
    /// is called any more. That holds for every caller, also for a second one.
    ///
    /// Each thread finishes the handler that it is in, and calls no other one; a handler
    /// that reschedules itself at once cannot keep it. A thread that the processor has
    /// started then frees what is still queued, and ends. One that was adopted keeps its
    /// events until its [`AdoptedThread`](crate::AdoptedThread) is dropped.
    ///
    /// Called from a handler, on one of the processor's own threads, it waits for the
    /// other threads only: its own handler goes on to its end, and so do the handlers of
    /// other threads that wait here as well.
    ///
    /// A handler's panic does not make this method panic: see [`EventProcessor::handler_panic`].
    pub fn shutdown(&self) {
        self.begin_to_shut_down();
        // Threads that are being made right now are known when we get the lock. Threads
        // that are made later see the shutdown before their first step.
        drop(self.handles.lock());
        let mine = self.every_thread().find(|thread| thread.is_current() && !thread.is_at_rest());
        let _waiting = mine.map(|thread| thread.wait_for_others());
        let goes_on = |thread: &Arc<EThread>| {
            let waits_too = mine.is_some() && thread.is_waiting_for_others();
            !(thread.is_current() || thread.is_at_rest() || waits_too)
        };
        self.shutdown.wait_until(|| !self.every_thread().any(goes_on));
        if mine.is_some() {
            // This thread has not ended, nor has another thread that waits here.
            return;
        }
        let me = thread::current().id();
        let handles = std::mem::take(&mut *self.handles.lock());
        for handle in handles.into_iter().filter(|handle| handle.thread().id() != me) {
            // A panic of the thread has been noted.
            let _ = handle.join();
        }
    }

    /// Waits until the event system begins to end: until another thread calls
    /// [`EventProcessor::shutdown`], or a handler panics on a thread that the processor has
    /// started. [`EventProcessor::handler_panic`] then tells which of the two it was.
    ///
    /// Meant for the thread that owns a server and has nothing else to do. Called from a handler,
    /// it keeps the handler's thread from working.
    ///
    /// ```
    /// use eventsys::{Clock, ET_NET, EventProcessor, FreeContinuation, Outcome};
    ///
    /// let processor = EventProcessor::new(Clock::new_real());
    /// processor.spawn_event_threads("ET_NET", 1);
    /// let ends = processor.clone();
    /// let cont = FreeContinuation::new(move |_, _, _| {
    ///     ends.shutdown();
    ///     Outcome::Done
    /// });
    /// processor.schedule_imm(cont, ET_NET);
    /// processor.wait_for_shutdown();
    /// processor.shutdown(); // Its threads have ended now.
    /// assert!(processor.handler_panic().is_none());
    /// ```
    pub fn wait_for_shutdown(&self) {
        self.shutdown.wait_until(|| self.is_shut_down());
    }

    /// From now on no thread starts a handler; handlers that run go on to their end.
    pub(super) fn begin_to_shut_down(&self) {
        self.shutdown.begin();
        for thread in self.every_thread() {
            thread.signal_activity();
        }
    }

    fn every_thread(&self) -> impl Iterator<Item = &Arc<EThread>> {
        self.threads.iter().map_while(OnceLock::get)
    }
}
