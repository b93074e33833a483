//! `do_io_close` as it was before TS-3235.
//!
//! Mirrors `PluginVC::do_io_close` of 6.1.1.
//!
//! A state machine closes under its own mutex and on an event thread, so the original
//! thought that nothing else could run. A plugin closes from a thread of its own, under no
//! lock: then `closed` is set behind the back of a handler that is at work, or the end is
//! torn down while its state machine is being called.

use eventsys::sync::atomic::Ordering;

use crate::PVC_LOCK_RETRY_TIME;
use crate::half::Half;

impl Half<'_> {
    /// Closes at once if the core mutex is free, else asks for an event and sets the flag
    /// afterwards. `setup_event_cb` does nothing if an event is stored, and that event may be
    /// firing just now: it finds the flag unset, and no other event comes.
    pub(crate) fn close_as_before_6_2(self) {
        let end = self.end();
        if end.reentrancy_count.load(Ordering::Relaxed) > 0 {
            end.closed.set();
            return;
        }
        match self.core.mutex().try_lock() {
            Some(core) => {
                end.closed.set();
                self.process_close(&core, None, None);
            }
            None => {
                self.setup_event_cb(PVC_LOCK_RETRY_TIME, &end.sm_lock_retry_event);
                end.closed.set();
            }
        }
    }
}
