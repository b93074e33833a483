//! Closing one end of a pair.
//!
//! Mirrors `PluginVC::process_close`.

use crate::steps as pvc;
use std::mem;

use eventsys::defects::rearmed;
use eventsys::hrtime::seconds;
use eventsys::{ET_CALL, EventCode, FreeContinuation, Guard, Outcome};
use iocore::VioOp;

use crate::defects::planted;
use crate::half::Half;

impl Half<'_> {
    /// Cancels this end's events, has the other end look (it will find us
    /// closed), and frees the pair if the other end is done too. Called with C
    /// and with the mutexes of both VIOs, as far as they have one.
    #[inline(never)] // Once for each end: it keeps out of the way of the transfers.
    pub(crate) fn process_close(
        self,
        core: &Guard<'_>,
        read: Option<&Guard<'_>>,
        write: Option<&Guard<'_>>,
    ) {
        debug_assert!(self.core.alive.is_set(), "magic == PLUGIN_VC_MAGIC_ALIVE");
        self.report(pvc::PROCESS_CLOSE, None);
        let (end, other) = (self.end(), self.other().end());
        end.deletable.set();
        for place in [
            &end.sm_lock_retry_event,
            &end.core_lock_retry_event,
            &end.active_event,
            &end.inactive_event,
        ] {
            if let Some(event) = place.take() {
                // An event that is being dispatched can no longer be cancelled.
                event.cancel_as_the_original();
            }
        }
        end.inactive_timeout_at.set(None);

        if !other.closed.is_set() && self.core.connected.is_set() {
            other.write.need_process.set();
            other.read.need_process.set();
            self.other().setup_event_cb(0, &other.core_lock_retry_event);
        }

        if rearmed(&planted::TOLD)
            && let Some(read) = read
        {
            self.call_back(read, VioOp::Read, EventCode::VC_EVENT_EOS);
        }

        // The original does this in `PluginVCCore::destroy`, when no end can look
        // at them any more. Here both mutexes are held now, and the other end
        // looks at nothing from now on: it tests `closed` first.
        for (op, guard) in [(VioOp::Read, read), (VioOp::Write, write)] {
            self.with_sm(core, op, guard, |locked| {
                if let Some(Some(guard)) = locked {
                    self.vio(op).release(guard);
                }
            });
        }
        self.leave_behind();
        if !rearmed(&planted::KEPT) {
            self.core.attempt_delete();
        }
    }

    /// Nothing, unless a fault is planted that leaves something behind.
    fn leave_behind(self) {
        if rearmed(&planted::EVENT) {
            let nothing = FreeContinuation::new(|_, _, _| Outcome::Done);
            let _ = self.core.processor.schedule_in(nothing, seconds(60), ET_CALL);
        }
        if rearmed(&planted::REFERENCE) {
            mem::forget(self.core.this.upgrade());
        }
    }
}
