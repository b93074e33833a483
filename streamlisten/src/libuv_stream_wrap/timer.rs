//! [`Timer`]: calls a function at a time that can be put off.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use eventsys::{EThread, EventCode, EventRef, Guard, HrTime, hrtime};

use super::bridge::{BridgeRef, Target, new_bridge};
use crate::env::Environment;

/// Events of the queue may come this much before their time.
const EARLY: HrTime = hrtime::mseconds(10);

/// So many milliseconds; above a hundred years, a hundred years.
pub(crate) fn span(ms: u64) -> HrTime {
    const MOST: i64 = 100 * 365 * 24 * 3600 * 1000;
    hrtime::mseconds(i64::try_from(ms).unwrap_or(MOST).min(MOST))
}

/// Calls a function on its event thread. Mirrors a `Timeout` of `lib/timers.js`, and
/// `uv_timer_start`: started again, it begins anew.
///
/// A timer has at most one event. A start leaves an event alone that comes before the
/// new time: the event goes on to that time when it comes. A socket restarts its timer
/// with every read and write, and a cancelled event stays in the queue until its time.
pub(crate) struct Timer {
    env: Rc<Environment>,
    home: Arc<EThread>,
    bridge: BridgeRef,
    f: RefCell<Box<dyn Fn()>>,
    /// When it is due. `None`: it is stopped, and its event has nothing to do.
    due: Cell<Option<HrTime>>,
    /// Its event, and when that comes.
    event: Cell<Option<(EventRef, HrTime)>>,
}

impl Timer {
    /// A timer of the current event thread that is not running.
    ///
    /// # Panics
    /// If the calling thread is no event thread.
    pub(crate) fn new(env: &Rc<Environment>, f: impl Fn() + 'static) -> Rc<Timer> {
        let home = EThread::current().expect("a timer is made on an event thread");
        Rc::new_cyclic(|this: &Weak<Timer>| Timer {
            env: Rc::clone(env),
            bridge: new_bridge(Arc::clone(&home), this.clone()),
            home,
            f: RefCell::new(Box::new(f)),
            due: Cell::new(None),
            event: Cell::new(None),
        })
    }

    /// Starts it for `ms` milliseconds from now, also if it was running.
    #[doc(alias = "uv_timer_start")]
    pub(crate) fn start(&self, ms: u64) {
        let due = self.home.clock().get_hrtime_updated() + span(ms);
        self.due.set(Some(due));
        match self.event.get() {
            Some((_, at)) if at <= due => {}
            Some(_) => {
                self.cancel_event();
                self.schedule(due, span(ms));
            }
            None => self.schedule(due, span(ms)),
        }
    }

    fn schedule(&self, at: HrTime, span: HrTime) {
        let event = self.home.schedule_in(self.bridge.continuation(), span);
        self.event.set(Some((event, at)));
    }

    fn cancel_event(&self) {
        if let Some((event, _)) = self.event.take() {
            // Never stale: an event that comes is forgotten first.
            let _ = event.try_cancel();
        }
    }

    /// Stops it.
    pub(crate) fn stop(&self) {
        self.due.set(None);
    }
}

impl Target for Timer {
    fn on_event(&self, _guard: &Guard<'_>, _event: EventCode) {
        self.event.set(None);
        let Some(due) = self.due.get() else { return };
        let left = due - self.home.clock().get_hrtime_updated();
        if left > EARLY {
            self.schedule(due, left);
            return;
        }
        self.due.set(None);
        self.env.notify(|| (self.f.borrow())());
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.cancel_event();
    }
}

#[cfg(test)]
mod tests {
    use eventsys::{AdoptedThread, Clock, ContRef, EventProcessor, FreeContinuation, Outcome};

    use super::*;

    /// A timer that counts how often it came, on a thread whose virtual time goes in
    /// steps of ten milliseconds.
    fn counting() -> (AdoptedThread, Rc<Timer>, Rc<Cell<u32>>) {
        let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
        let nothing: ContRef = FreeContinuation::new(|_, _, _| Outcome::Done);
        thread.thread().schedule_every(nothing, hrtime::mseconds(10));
        let came = Rc::new(Cell::new(0));
        let count = Rc::clone(&came);
        let timer = Timer::new(&Environment::new(), move || count.set(count.get() + 1));
        (thread, timer, came)
    }

    #[test]
    fn a_timer_that_is_restarted_for_ever_has_one_event() {
        let (thread, timer, came) = counting();
        for _ in 0..500 {
            (0..40).for_each(|_| timer.start(5000));
            thread.run_for(hrtime::mseconds(20));
            assert_eq!(timer.bridge.references(), 2, "the timer's own, and its event's");
        }
        assert_eq!(came.get(), 0, "it was always put off");
        thread.run_for(hrtime::mseconds(4940));
        assert_eq!(came.get(), 0);
        thread.run_for(hrtime::mseconds(60));
        assert_eq!(came.get(), 1);
        assert_eq!(timer.bridge.references(), 1);
    }

    #[test]
    fn a_timer_that_is_stopped_and_started_for_ever_has_one_event() {
        let (thread, timer, came) = counting();
        for _ in 0..500 {
            for _ in 0..40 {
                timer.start(6000);
                timer.stop();
            }
            thread.run_for(hrtime::mseconds(20));
            assert!(timer.bridge.references() <= 2);
        }
        thread.run_for(hrtime::mseconds(7000));
        assert_eq!(came.get(), 0);
        assert_eq!(timer.bridge.references(), 1, "a stopped timer keeps no event");
    }

    #[test]
    fn a_shorter_start_comes_at_its_own_time() {
        let (thread, timer, came) = counting();
        timer.start(5000);
        timer.start(50);
        thread.run_for(hrtime::mseconds(30));
        assert_eq!(came.get(), 0);
        thread.run_for(hrtime::mseconds(30));
        assert_eq!(came.get(), 1);
        thread.run_for(hrtime::mseconds(6000));
        assert_eq!(came.get(), 1, "the longer one was cancelled");
    }

    #[test]
    fn a_span_past_the_end_of_time_does_not_come_and_can_be_replaced() {
        let (thread, timer, came) = counting();
        for ms in [u64::MAX, i64::MAX.unsigned_abs(), i64::MAX.unsigned_abs() / 1_000_000 + 1] {
            came.set(0);
            timer.start(ms);
            thread.run_for(hrtime::seconds(100));
            assert_eq!(came.get(), 0, "{ms}");
            timer.start(50);
            thread.run_for(hrtime::mseconds(60));
            assert_eq!(came.get(), 1, "{ms}");
        }
    }

    #[test]
    fn a_dropped_timer_does_not_come() {
        let (thread, timer, came) = counting();
        timer.start(50);
        drop(timer);
        thread.run_for(hrtime::mseconds(100));
        assert_eq!(came.get(), 0);
    }
}
