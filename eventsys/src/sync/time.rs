//! [`AtomicTime`]: a time that may be none, read without a lock.

use super::atomic::{AtomicI64, Ordering};
use crate::hrtime::HrTime;

/// A point in time or a span of it that may be none, which any thread may read and write
/// without a lock. It orders nothing else: data that must be consistent with a time needs a lock.
///
/// ```
/// use eventsys::hrtime::seconds;
/// use eventsys::sync::AtomicTime;
///
/// let timeout = AtomicTime::default();
/// assert_eq!(timeout.get(), None);
/// timeout.set(Some(seconds(3)));
/// assert_eq!(timeout.get(), Some(seconds(3)));
/// timeout.set(None);
/// assert_eq!(timeout.get(), None);
/// timeout.set(Some(i64::MIN));
/// assert_eq!(timeout.get(), Some(i64::MIN + 1), "times saturate");
/// ```
///
/// In the original such a time is an `ink_hrtime` in which 0 means "no time".
pub struct AtomicTime(AtomicI64);

/// Stands for "no time": the one number that is not a time here.
const NONE: i64 = i64::MIN;

impl AtomicTime {
    /// The time, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<HrTime> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&time| time != NONE)
    }

    /// Sets it. The least [`HrTime`] of all counts as the next one: times saturate.
    #[inline]
    pub fn set(&self, time: Option<HrTime>) {
        self.0.store(time.map_or(NONE, |time| time.max(NONE + 1)), Ordering::Relaxed);
    }
}

/// None.
impl Default for AtomicTime {
    fn default() -> AtomicTime {
        AtomicTime(AtomicI64::new(NONE))
    }
}
