//! The two timeouts.
//!
//! Mirrors `set_active_timeout`, `set_inactivity_timeout`, `process_timeout`,
//! `clear_event` and `update_inactive_time`.
//!
//! The active timeout is an event that fires once. The inactivity timeout is a
//! time, and a periodic event that checks once a second whether it has passed (TS-1427): a transfer
//! of bytes only changes the time.

use eventsys::defects::rearmed;
use eventsys::hrtime::{after, seconds};
use eventsys::{AtomicEvent, ContRef, ET_CALL, EventCode, Guard, HrTime};
use iocore::VioOp;

use crate::PVC_LOCK_RETRY_TIME;
use crate::defects::{GH_1333, GH_4074, TS_1427, TS_3949};
use crate::half::Half;

impl Half<'_> {
    /// Mirrors `set_active_timeout`, which takes no lock. Called while the event
    /// is being dispatched on another thread, it leaves `main_handler` with an
    /// event that is stored nowhere. And if the event that it schedules fires before it is stored,
    /// it stores an event that has run: the timeout does not come, and in the original
    /// `process_close` cancels a freed event. See
    /// [`Corrections::timeouts_take_core_lock`](crate::Corrections::timeouts_take_core_lock).
    pub(crate) fn arm_active_timeout(self, timeout: HrTime) {
        let _core = self.core_lock_if_corrected();
        let end = self.end();
        end.active_timeout.set(unless_zero(timeout));
        if let Some(event) = end.active_event.take() {
            debug_assert!(!event.is_cancelled(), "!active_event->cancelled");
            // It may have fired meanwhile; that is the race named above.
            event.cancel_as_the_original();
        }
        if timeout > 0 {
            let event = self.core.processor.schedule_in(self.this_cont(), timeout, ET_CALL);
            end.active_event.store(event);
        }
    }

    /// Mirrors `set_inactivity_timeout`, which takes no lock either: two threads may
    /// find no event, and each make a periodic one; one of the two is stored nowhere.
    pub(crate) fn arm_inactivity_timeout(self, timeout: HrTime) {
        let _core = self.core_lock_if_corrected();
        let end = self.end();
        let processor = &self.core.processor;
        let timeout = unless_zero(timeout);
        end.inactive_timeout.set(timeout);
        let at = timeout.map(|timeout| after(processor.clock().get_hrtime(), timeout));
        end.inactive_timeout_at.set(at);
        if timeout.is_some() {
            if !end.inactive_event.is_some() {
                let event = processor.schedule_every(self.this_cont(), seconds(1), ET_CALL);
                end.inactive_event.store(event);
            }
        } else if let Some(event) = end.inactive_event.take() {
            event.cancel_as_the_original();
        }
    }

    /// Tells the read side of a timeout if a read is under way, else the write
    /// side. Called with C and with the mutexes that the VIOs had when the
    /// handler began; a VIO that has got its mutex since then is locked here.
    #[cold]
    pub(crate) fn process_timeout(self, place: &AtomicEvent, event: EventCode) {
        // course: 11 begin process_timeout "tell one side of the timeout"
        let end = self.end();
        if end.closed.is_set() && !rearmed(&TS_3949) {
            // The state machine may be gone already (TS-3949).
            self.clear_event(place);
            return;
        }
        let waiting = [VioOp::Read, VioOp::Write].into_iter().find(|&op| {
            let direction = end.direction(op);
            direction.vio.op() == op && !direction.shutdown.is_set() && direction.vio.ntodo() > 0
        });
        let Some(op) = waiting else {
            self.clear_event(place);
            return;
        };
        let Some(mutex) = end.direction(op).vio.mutex() else { return };
        let Some(lock) = mutex.try_lock() else {
            // Only the one-shot event: the periodic one comes back by itself, and rescheduling
            // would make it one-shot (#1333).
            if (rearmed(&GH_1333) || end.active_event.load() == place.load())
                && let Some(event) = place.load()
            {
                event.schedule_in(PVC_LOCK_RETRY_TIME);
            }
            return;
        };
        if rearmed(&GH_4074) {
            return self.cancel_after_the_callback(place, &lock, op, event);
        }
        // Before the callback, which may set the timeout again (#4074).
        self.clear_event(place);
        self.call_back(&lock, op, event);
        // course: 11 stub let _ = (place, event);
        // course: 11 stub todo!("lesson 11: process_timeout")
        // course: 11 end
    }

    /// Forgets the event in `place`; the periodic one is cancelled first.
    pub(crate) fn clear_event(self, place: &AtomicEvent) {
        // course: 11 begin clear_event "forget the event"
        let end = self.end();
        let Some(event) = place.take() else { return };
        if std::ptr::eq(place, &end.inactive_event) {
            event.cancel_as_the_original();
            end.inactive_timeout_at.set(None);
        }
        // course: 11 stub let _ = place;
        // course: 11 stub todo!("lesson 11: clear_event")
        // course: 11 end
    }

    /// Bytes have moved.
    #[inline(always)] // Few ends have a timeout.
    pub(crate) fn update_inactive_time(self) {
        if rearmed(&TS_1427) {
            return self.replace_inactive_event();
        }
        let end = self.end();
        if let Some(timeout) = end.inactive_timeout.get()
            && end.inactive_event.is_some()
        {
            let at = after(self.core.processor.clock().get_hrtime(), timeout);
            end.inactive_timeout_at.set(Some(at));
        }
    }

    /// C, for a thread that sets a timeout. It may wait for C while it holds a state machine's
    /// mutex, as in `do_io_close`: the holder of C takes those by try-lock.
    fn core_lock_if_corrected(&self) -> Option<Guard<'_>> {
        let correct = self.core.options.corrections.timeouts_take_core_lock;
        correct.then(|| self.core.mutex().lock())
    }

    pub(crate) fn this_cont(self) -> ContRef {
        self.core.end_cont(self.side).expect("a caller that sets a timeout has the end")
    }
}

/// A timeout as the original's functions take it: 0 is no timeout.
fn unless_zero(timeout: HrTime) -> Option<HrTime> {
    (timeout != 0).then_some(timeout)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use eventsys::hrtime::mseconds;
    use eventsys::{
        AtomicEvent, Clock, ContRef, Data, ET_CALL, EventCode, EventProcessor, FreeContinuation,
        Outcome, ProxyMutex, StateMachine,
    };
    use iocore::VConnection;

    use crate::core::PluginVCCore;
    use crate::end::End;
    use crate::half::Half;
    use crate::steps::Side;

    /// How often a timeout event runs in `place` of an end whose mutex another thread holds. The
    /// handler comes here without that mutex if the operation was issued after the handler began.
    fn runs(place: impl Fn(&End) -> &AtomicEvent + Send + Sync + 'static) -> usize {
        let processor = EventProcessor::new(Clock::new_ticking(mseconds(1)));
        let thread = processor.adopt_current_thread("ET_NET");
        let nothing: ContRef = FreeContinuation::new(|_, _, _| Outcome::Done);
        let core = PluginVCCore::alloc(&processor, nothing);
        let vc = core.active_vc().expect("not freed");
        let mutex = ProxyMutex::new();
        let user = StateMachine::new(Arc::clone(&mutex), (), |_, _, _, _| Outcome::Done);
        drop(vc.do_io_read(&mutex.lock(), Some(user), i64::MAX, None));
        let asked_for = vc.half().end().sm_lock_retry_event.take();
        assert!(asked_for.is_some_and(|event| event.try_cancel().is_ok()));

        let calls = Arc::new(AtomicUsize::new(0));
        let (count, pair) = (Arc::clone(&calls), Arc::clone(&core));
        let timer = FreeContinuation::new(move |_, _, data| {
            count.fetch_add(1, Ordering::Relaxed);
            let half = Half { core: &pair, side: Side::Active };
            let Data::Event(event) = data else { panic!("a scheduled call has an event") };
            place(half.end()).store(Some(event));
            let _core = pair.mutex().lock();
            half.process_timeout(place(half.end()), EventCode::VC_EVENT_ACTIVE_TIMEOUT);
            Outcome::Done
        });
        let busy = testkit::hold(&mutex);
        processor.schedule_imm(timer, ET_CALL);
        (0..10).for_each(|_| thread.run_pass());
        busy.release();
        core.kill_no_connect();
        (0..10).for_each(|_| thread.run_pass());
        assert!(core.is_freed());
        calls.load(Ordering::Relaxed)
    }

    #[test]
    fn a_miss_puts_the_one_shot_event_off_and_leaves_the_periodic_one_as_it_is() {
        assert_eq!(runs(|end| &end.active_event), 2);
        assert_eq!(runs(|end| &end.inactive_event), 1);
    }
}
