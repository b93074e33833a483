//! Gives the objects of a pair names such as `P.read.shutdown`. The explorer prints them, so that a
//! reader sees a role and not a number.

use crate::core::PluginVCCore;
use crate::steps::Side;

impl PluginVCCore {
    /// Names its mutex `core.mutex`, the flags and events of its ends `A.closed`,
    /// `P.read.shutdown`, `A.sm_lock_retry_event` and so on, in this execution of the explorer.
    pub fn name_objects(&self) {
        self.mutex().set_name("core.mutex");
        for side in Side::BOTH {
            let (end, its) = (self.end(side), side.letter());
            for (direction, which) in [(&end.read, "read"), (&end.write, "write")] {
                direction.shutdown.set_name(&format!("{its}.{which}.shutdown"));
                direction.need_process.set_name(&format!("{its}.{which}.need_process"));
            }
            end.closed.set_name(&format!("{its}.closed"));
            end.deletable.set_name(&format!("{its}.deletable"));
            for (event, which) in [
                (&end.sm_lock_retry_event, "sm_lock_retry_event"),
                (&end.core_lock_retry_event, "core_lock_retry_event"),
                (&end.active_event, "active_event"),
                (&end.inactive_event, "inactive_event"),
            ] {
                event.set_name(&format!("{its}.{which}"));
            }
        }
    }
}
