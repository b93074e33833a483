//! The normal build: parking_lot and the standard library.
#![allow(unsafe_code)] // `RawLock::unlock` passes on parking_lot's own contract.

use std::time::Duration;

use parking_lot::lock_api::RawMutex as _;

pub use parking_lot::{Mutex, MutexGuard};
pub use std::sync::{atomic, mpsc};
pub use std::thread;

/// A lock without data and without a guard; [`ProxyMutex`](crate::ProxyMutex) is built on it.
///
/// ```
/// use eventsys::sync::RawLock;
///
/// let lock = RawLock::new();
/// lock.lock();
/// assert!(!lock.try_lock(), "it is taken");
/// // SAFETY: this thread has taken it.
/// unsafe { lock.unlock() };
/// ```
pub struct RawLock(parking_lot::RawMutex);

impl RawLock {
    /// An unlocked lock.
    #[must_use]
    pub const fn new() -> RawLock {
        RawLock(parking_lot::RawMutex::INIT)
    }

    /// Takes the lock, waiting for it if need be.
    #[inline]
    pub fn lock(&self) {
        self.0.lock();
    }

    /// Takes the lock if it is free. True if it is taken now.
    #[inline]
    #[must_use]
    pub fn try_lock(&self) -> bool {
        self.0.try_lock()
    }

    /// Gives the lock back.
    ///
    /// # Safety
    /// The calling thread must have taken the lock and not given it back yet.
    #[inline]
    pub unsafe fn unlock(&self) {
        // SAFETY: the caller holds the lock, which is all that parking_lot asks.
        unsafe { self.0.unlock() }
    }
}

impl Default for RawLock {
    fn default() -> RawLock {
        RawLock::new()
    }
}

/// A value of the process; see `global!`.
pub(crate) struct Global<T>(std::sync::LazyLock<T>);

impl<T> Global<T> {
    pub(crate) const fn new(make: fn() -> T) -> Global<T> {
        Global(std::sync::LazyLock::new(make))
    }

    /// Calls `f` with the value, which is made on first use.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.0)
    }
}

/// A condition variable that goes with [`Mutex`].
///
/// ```
/// use eventsys::sync::{Condvar, Mutex};
///
/// let (ready, told) = (Mutex::new(false), Condvar::new());
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         *ready.lock() = true;
///         told.notify_one();
///     });
///     let mut guard = ready.lock();
///     while !*guard {
///         told.wait(&mut guard);
///     }
/// });
/// ```
#[derive(Default)]
pub struct Condvar(parking_lot::Condvar);

impl Condvar {
    /// A condition variable that no one waits for.
    #[must_use]
    pub const fn new() -> Condvar {
        Condvar(parking_lot::Condvar::new())
    }

    /// Gives the mutex back, sleeps until notified, takes it again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.0.wait(guard);
    }

    /// As [`Condvar::wait`], for `timeout` at most. True if the time ran out.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, timeout: Duration) -> bool {
        self.0.wait_for(guard, timeout).timed_out()
    }

    /// Wakes one sleeper, if there is one.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes every sleeper.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
