//! The handler of an end: it takes all locks first, then checks which event it
//! was.
//!
//! Mirrors `PluginVC::main_handler`.
//!
//! The event system calls with C held. The handler takes the mutexes of both
//! VIOs by try-lock and, if one misses, reschedules the very event that it was
//! called with. Three things that look odd are deliberate:
//!
//! - **The mutex is checked twice.** It is read without a lock, then locked,
//!   then compared: in between, `do_io` may have bound the VIO to another one.
//! - **`inactive_event` is never rescheduled.** It is periodic, and rescheduling
//!   it would make it one-shot (TS-2253, #1333). It comes back by itself.
//! - **`closed` is checked again before the write side.** The callback of the
//!   read side may have closed the connection.

use crate::steps as pvc;
use std::mem;

use eventsys::defects::rearmed;
use eventsys::sync::atomic::Ordering;
use eventsys::{
    Continuation, ContinuationBase, Data, EventCode, EventRef, Guard, Invocation, Outcome,
};
use iocore::VioOp;

use crate::PVC_LOCK_RETRY_TIME;
use crate::defects::{GH_1333, TS_2253, TS_2317, planted};
use crate::half::Half;
use crate::locks::take_vio_mutex;
use crate::vc::{PluginVC, Reentrancy, WhichEnd};

impl<W: WhichEnd> Continuation for PluginVC<W> {
    fn base(&self) -> &ContinuationBase {
        &self.end().base
    }

    /// `PluginVC::main_handler`.
    ///
    /// # Panics
    /// With the original's release assertions: if the event is neither
    /// `EVENT_INTERVAL` nor `EVENT_IMMEDIATE`, if the pair has been freed, if
    /// the end is already on the stack, or if the event is unknown.
    fn handle_event(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let half = self.half();
        half.report(pvc::EVENT, Some(i64::from(event.0)));
        assert!(
            event == EventCode::EVENT_INTERVAL || event == EventCode::EVENT_IMMEDIATE,
            "event == EVENT_INTERVAL || event == EVENT_IMMEDIATE"
        );
        assert!(half.core.alive.is_set(), "magic == PLUGIN_VC_MAGIC_ALIVE");
        debug_assert!(!half.end().deletable.is_set(), "!deletable");
        let Data::Event(call_event) = data else { panic!("data != nullptr") };

        // course: 8 begin main_handler "take all locks first; if one misses, come back"
        let core = call.guard();
        let [first_read, first_write] = &half.core.state(core).first_mutex[half.side.index()];
        let read_mutex = first_read.of(&half.end().read.vio);
        let write_mutex = first_write.of(&half.end().write.vio);
        let locked = take_vio_mutex(&half.end().read.vio, &read_mutex).and_then(|read| {
            let write = take_vio_mutex(&half.end().write.vio, &write_mutex)?;
            Some((read, write))
        });
        match locked {
            Some((read, write)) => {
                let keeps_locks = rearmed(&TS_2317) && half.end().closed.is_set();
                half.handle_locked(core, read.as_ref(), write.as_ref(), call_event);
                if keeps_locks {
                    mem::forget((read, write));
                }
            }
            None if half.end().inactive_event.is(call_event) && !rearmed(&TS_2253) => {}
            None => call_event.schedule_in(PVC_LOCK_RETRY_TIME),
        }
        // course: 8 stub let _ = (call, call_event);
        // course: 8 stub todo!("lesson 8: main_handler");
        // course: 8 end
        if rearmed(&planted::HELD) {
            mem::forget(half.core.mutex().lock());
        }
        Outcome::Done
    }
}

impl<'a> Half<'a> {
    /// All locks are held, so no `do_io` and no `reenable` is under way.
    fn handle_locked(
        self,
        core: &Guard<'_>,
        read: Option<&Guard<'_>>,
        write: Option<&Guard<'_>>,
        call_event: EventRef,
    ) {
        // course: 8 begin handle_locked "which of the four events is it, and what is done"
        let end = self.end();
        assert_eq!(end.reentrancy_count.load(Ordering::Relaxed), 0, "reentrancy_count == 0");
        if end.closed.is_set() {
            self.process_close(core, read, write);
            return;
        }

        let entered = Reentrancy::enter(end);
        if end.active_event.is(call_event) {
            self.process_timeout(&end.active_event, EventCode::VC_EVENT_ACTIVE_TIMEOUT);
        } else if end.inactive_event.is(call_event) {
            let now = || self.core.processor.clock().get_hrtime();
            if end.inactive_timeout_at.get().is_some_and(|at| at < now()) {
                self.process_timeout(&end.inactive_event, EventCode::VC_EVENT_INACTIVITY_TIMEOUT);
                if rearmed(&GH_1333) && end.inactive_event.is(call_event) {
                    let _ = call_event.try_cancel();
                }
            }
        } else if self.forget_retry_event(call_event) {
            if end.read.need_process.is_set() {
                self.process_read_side(core, read, None);
            }
            if end.write.need_process.is_set() && !end.closed.is_set() {
                // The callback of the read side may have issued the write.
                self.with_sm_after_callback(core, VioOp::Write, write, |locked| match locked {
                    Some(write) => self.process_write_side(core, write, None),
                    None => self.write_lock_miss(),
                });
            }
        }
        drop(entered);
        if end.closed.is_set() {
            self.process_close(core, read, write);
        }
        // course: 8 stub let _ = (core, read, write, call_event);
        // course: 8 stub todo!("lesson 8: handle_locked")
        // course: 8 end
    }

    /// Clears the pointer to the retry event that has fired. False if the event
    /// is unknown and the corrections turn that assertion off.
    fn forget_retry_event(self, call_event: EventRef) -> bool {
        let end = self.end();
        if end.sm_lock_retry_event.is(call_event) {
            end.sm_lock_retry_event.store(None);
            return true;
        }
        if !end.core_lock_retry_event.is(call_event) {
            let forgiven = self.core.options.corrections.ignore_unknown_events;
            assert!(forgiven, "call_event == core_lock_retry_event");
            return false;
        }
        end.core_lock_retry_event.store(None);
        true
    }
}
