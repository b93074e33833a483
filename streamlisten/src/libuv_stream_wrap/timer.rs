//! [`Timer`]: calls a function when its time has come, unless it is put off.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use eventsys::{EThread, EventCode, Guard, HrTime, hrtime};

use super::bridge::{BridgeRef, Target, new_bridge};
use crate::env::Environment;

/// Events of the queue may come so much before their time.
const EARLY: HrTime = hrtime::mseconds(10);

/// So many milliseconds; above a hundred years, a hundred years.
pub(crate) fn span(ms: u64) -> HrTime {
    const MOST: i64 = 100 * 365 * 24 * 3600 * 1000;
    hrtime::mseconds(i64::try_from(ms).unwrap_or(MOST).min(MOST))
}

/// Calls a function on its event thread. Mirrors a `Timeout` of `lib/timers.js`:
/// started again, it begins anew.
pub(crate) struct Timer {
    env: Rc<Environment>,
    home: Arc<EThread>,
    bridge: BridgeRef,
    f: RefCell<Box<dyn Fn()>>,
    /// When it is due; an event that comes before is an old one's.
    due: Cell<Option<HrTime>>,
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
        })
    }

    /// Lets it come in `ms` milliseconds, whatever it was set to.
    pub(crate) fn start(&self, ms: u64) {
        let span = span(ms);
        self.due.set(Some(self.home.clock().get_hrtime_updated() + span));
        self.home.schedule_in(self.bridge.continuation(), span);
    }

    /// Stops it.
    pub(crate) fn stop(&self) {
        self.due.set(None);
    }
}

impl Target for Timer {
    fn on_event(&self, _guard: &Guard<'_>, _event: EventCode) {
        let Some(due) = self.due.get() else { return };
        let left = due - self.home.clock().get_hrtime_updated();
        if left > EARLY {
            self.home.schedule_in(self.bridge.continuation(), left);
            return;
        }
        self.due.set(None);
        self.env.make_callback(|| (self.f.borrow())());
    }
}
