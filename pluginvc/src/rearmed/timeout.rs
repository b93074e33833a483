//! The timeouts as they were before #4074 and before TS-1427.
//!
//! Mirrors `PluginVC::process_timeout` and `main_handler` of 7.1.4, and
//! `PluginVC::update_inactive_time` of 3.2.5.

use eventsys::hrtime::after;
use eventsys::{AtomicEvent, ET_CALL, EventCode, Guard};
use iocore::VioOp;

use crate::half::Half;

impl Half<'_> {
    /// Forgets the event, calls back, and cancels the event if its place is still empty. A
    /// callback that sets the timeout again fills the place: then two events are left, and one
    /// of them matches no pointer (#4074).
    pub(crate) fn cancel_after_the_callback(
        self,
        place: &AtomicEvent,
        sm: &Guard<'_>,
        op: VioOp,
        event: EventCode,
    ) {
        let old = place.take();
        self.call_back(sm, op, event);
        if !place.is_some() {
            place.store(old);
            self.clear_event(place);
        }
    }

    /// Cancels the event of the inactivity timeout and makes a new one, for each piece of bytes
    /// (TS-1427).
    pub(crate) fn replace_inactive_event(self) {
        let end = self.end();
        let Some(timeout) = end.inactive_timeout.get() else { return };
        let Some(event) = end.inactive_event.take() else { return };
        let _ = event.try_cancel();
        let processor = &self.core.processor;
        end.inactive_timeout_at.set(Some(after(processor.clock().get_hrtime(), timeout)));
        end.inactive_event.store(processor.schedule_in(self.this_cont(), timeout, ET_CALL));
    }
}
