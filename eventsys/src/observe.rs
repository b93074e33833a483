//! What observers see of the event system, in the exploration build only: the use of an event that
//! is freed, and an event that comes late.
//!
//! In the original both happen in silence. In an ordinary build nothing here does anything.

/// The kind of a violation: freed memory would be used in the original.
#[cfg(feature = "explore")]
pub const USE_AFTER_FREE: &str = "use after free";

/// The kind of a violation: an event comes later than it may.
#[cfg(feature = "explore")]
pub const LATE: &str = "late";

/// An event that has been freed is used. `how` says what is done with it.
#[cfg(not(all(feature = "explore", not(feature = "shuttle"))))]
#[inline(always)]
pub(crate) fn stale(how: &str) {
    let _ = how;
}

/// An event is dispatched that was due at `due`; `most` says how late it may come.
#[cfg(not(all(feature = "explore", not(feature = "shuttle"))))]
#[inline(always)]
#[cfg(feature = "explore")]
pub(crate) fn dispatched(due: i64, now: i64, most: i64) {
    let _ = (due, now, most);
}

#[cfg(all(feature = "explore", not(feature = "shuttle")))]
pub use watch::watch_lateness;
#[cfg(all(feature = "explore", not(feature = "shuttle")))]
pub(crate) use watch::{dispatched, stale};

#[cfg(all(feature = "explore", not(feature = "shuttle")))]
mod watch {
    use std::cell::Cell;

    use super::{LATE, USE_AFTER_FREE};
    use crate::hrtime::{HrTime, MSECOND};

    // Not of `sync`: a look is no step of the program. All threads of an execution are on one
    // thread of the system.
    std::thread_local! {
        static WATCHES_LATENESS: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether an event that comes late is a violation. A scene says it first: where threads may
    /// stall, every event may be late.
    pub fn watch_lateness(watches: bool) {
        WATCHES_LATENESS.set(watches);
    }

    /// An event that has been freed is used.
    pub(crate) fn stale(how: &str) {
        explorer::violation(USE_AFTER_FREE, format!("{how} an event that has been freed"));
    }

    /// An event is dispatched.
    pub(crate) fn dispatched(due: HrTime, now: HrTime, most: HrTime) {
        let late = now - due;
        if late > most && WATCHES_LATENESS.get() {
            let (late, most) = (late / MSECOND, most / MSECOND);
            let text =
                format!("an event comes {late} ms after it was due, and {most} ms are allowed");
            explorer::violation(LATE, text);
        }
    }
}
