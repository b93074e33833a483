//! The tail of the event loop: how a thread waits, and how it is woken.
//!
//! Mirrors `EThread::LoopTailHandler` and `DefaultTailHandler` of `I_EThread.h`.

use std::sync::Arc;

use super::EThread;
use crate::defects::{LOCAL_QUEUE, rearmed};
use crate::hrtime::HrTime;
use crate::sync::MutexGuard;

/// What a thread does when a pass of its loop is over. The loop must not spin,
/// so it calls this handler to block for a limited time.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use eventsys::{Clock, EThread, EventProcessor, HrTime, Idle, LoopTailHandler};
///
/// /// Counts the ends of passes, and then sleeps as a thread without a handler does.
/// #[derive(Default)]
/// struct Counting(AtomicU32);
///
/// impl LoopTailHandler for Counting {
///     fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         idle.sleep(timeout);
///     }
///
///     fn signal_activity(&self, thread: &EThread) {
///         thread.wake();
///     }
/// }
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// let counting = Arc::new(Counting::default());
/// thread.set_tail_handler(counting.clone());
/// thread.run_pass();
/// assert_eq!(counting.0.load(Ordering::Relaxed), 1);
/// ```
pub trait LoopTailHandler: Send + Sync {
    /// Blocks for `timeout` nanoseconds at most, or until
    /// [`LoopTailHandler::signal_activity`]. Called on the thread itself.
    /// [`Idle::sleep`] is what the default handler does.
    fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime);

    /// Ends the waiting of `thread`. Called by any thread.
    fn signal_activity(&self, thread: &EThread);
}

/// A thread that has nothing to do right now.
///
/// The example of [`LoopTailHandler`] gets one.
pub struct Idle<'a, 'g> {
    thread: &'a EThread,
    awake: &'a mut Option<MutexGuard<'g, ()>>,
}

impl<'a, 'g> Idle<'a, 'g> {
    pub(super) fn new(thread: &'a EThread, awake: &'a mut Option<MutexGuard<'g, ()>>) -> Self {
        Idle { thread, awake }
    }

    /// The thread.
    #[must_use]
    pub fn thread(&self) -> &EThread {
        self.thread
    }

    /// True if no event waits in the external or the local queue.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.thread.external.is_empty() && self.thread.local().queue.is_empty()
    }

    /// Sleeps on the thread's queue for `timeout` nanoseconds at most, unless
    /// events wait there. Mirrors `ProtectedQueue::wait`.
    pub fn sleep(self, timeout: HrTime) {
        let Idle { thread, awake } = self;
        // Tested under the lock. A signaller takes the same lock after it has
        // pushed its event or set the shutdown flag, so the test or the wake-up
        // sees both.
        let local_is_empty = || thread.local().queue.is_empty() || rearmed(&LOCAL_QUEUE);
        let idle = || thread.external.is_empty() && local_is_empty() && !thread.is_to_end();
        match thread.clock.virtual_time() {
            Some(time) => time.sleep(thread.thread_id, timeout, idle),
            None => thread.external.wait(awake, idle, timeout),
        }
    }
}

impl EThread {
    /// Replaces what the thread does at the end of each pass. The thread lets go of
    /// the handler when it has run its last event. Mirrors `set_tail_handler`.
    pub fn set_tail_handler(&self, handler: Arc<dyn LoopTailHandler>) {
        let mut tail = self.tail.lock();
        // `end` sets the flag before it takes the handler out.
        let old = if self.has_ended() { Some(handler) } else { tail.replace(handler) };
        drop(tail);
        // The thread may be asleep in the old handler.
        self.external.signal();
        // Not under the lock: its `drop` is user code, and may signal this thread.
        drop(old);
    }

    pub(super) fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
        let handler = self.tail.lock().clone();
        match handler {
            Some(handler) => handler.wait_for_activity(idle, timeout),
            None if timeout > 0 => idle.sleep(timeout),
            None => {}
        }
    }

    /// Ends the thread's waiting. Mirrors `tail_cb->signalActivity()`.
    pub fn signal_activity(&self) {
        let handler: Option<Arc<dyn LoopTailHandler>> = self.tail.lock().clone();
        match handler {
            Some(handler) => handler.signal_activity(self),
            None => self.wake(),
        }
    }

    /// Ends a sleep in [`Idle::sleep`].
    pub fn wake(&self) {
        match self.clock.virtual_time() {
            Some(time) => time.wake(self.thread_id),
            None => self.external.signal(),
        }
    }

    /// True once the processor has begun to shut down.
    #[inline]
    pub(super) fn is_to_end(&self) -> bool {
        self.shutdown.has_begun()
    }
}
