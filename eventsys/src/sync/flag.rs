//! [`Flag`]: a bit that is read without a lock.

use super::atomic::{AtomicBool, Ordering};

/// A flag that any thread may read without a lock. Setting it releases, reading it
/// acquires: a thread that finds it set sees what was done before it was set.
///
/// ```
/// use eventsys::sync::Flag;
///
/// let closed = Flag::default();
/// assert!(!closed.is_set());
/// closed.set();
/// assert!(closed.swap(false), "it was set");
/// assert!(!closed.is_set());
/// ```
#[derive(Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// Gives it a name in this execution of the explorer, for columns.
    #[cfg(all(feature = "explore", not(feature = "shuttle")))]
    pub fn set_name(&self, name: &str) {
        self.0.set_name(name);
    }

    /// True if it is set.
    #[inline]
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sets it.
    #[inline]
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Clears it.
    #[inline]
    pub fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Sets or clears it, and returns what it was before: a read and a write in one
    /// step. A thread that clears it sees what every thread that set it did before.
    #[inline]
    pub fn swap(&self, value: bool) -> bool {
        self.0.swap(value, Ordering::AcqRel)
    }
}
