//! The primitives of [`sync`](crate::sync) under shuttle, which explores the same tests a second
//! time: its results judge those of our own explorer.
#![allow(unsafe_code)] // `RawLock::unlock` keeps the normal build's signature.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

pub use shuttle::sync::{atomic, mpsc};
pub use shuttle::thread;

/// A lock without data and without a guard: a flag under an explored mutex.
pub struct RawLock {
    locked: shuttle::sync::Mutex<bool>,
    freed: shuttle::sync::Condvar,
}

impl RawLock {
    /// An unlocked lock.
    #[must_use]
    pub fn new() -> RawLock {
        RawLock { locked: shuttle::sync::Mutex::new(false), freed: shuttle::sync::Condvar::new() }
    }

    /// Takes the lock, waiting for it if need be.
    pub fn lock(&self) {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        while *locked {
            locked = self.freed.wait(locked).unwrap_or_else(PoisonError::into_inner);
        }
        *locked = true;
    }

    /// Takes the lock if it is free. True if it is taken now.
    #[must_use]
    pub fn try_lock(&self) -> bool {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        !std::mem::replace(&mut *locked, true)
    }

    /// Gives the lock back.
    ///
    /// # Safety
    /// The calling thread must have taken the lock and not given it back yet.
    pub unsafe fn unlock(&self) {
        *self.locked.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.freed.notify_one();
    }
}

impl Default for RawLock {
    fn default() -> RawLock {
        RawLock::new()
    }
}

/// A mutex with parking_lot's interface: no poisoning, `try_lock` gives an `Option`.
#[derive(Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    pub fn new(value: T) -> Mutex<T> {
        Mutex(shuttle::sync::Mutex::new(value))
    }

    /// Takes the mutex, waiting for it if need be.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Takes the mutex if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
    }
}

/// Without the value: showing it would take the mutex, which is a scheduling point.
impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

/// Holds a [`Mutex`]. The `Option` is empty only inside [`Condvar::wait`].
pub struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_ref().expect("present outside of Condvar::wait")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("present outside of Condvar::wait")
    }
}

/// A condition variable that goes with [`Mutex`].
#[derive(Default)]
pub struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    /// A condition variable that no one waits for.
    #[must_use]
    pub fn new() -> Condvar {
        Condvar(shuttle::sync::Condvar::new())
    }

    /// Gives the mutex back, sleeps until notified, takes it again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let inner = guard.0.take().expect("present outside of Condvar::wait");
        guard.0 = Some(self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
    }

    /// As [`Condvar::wait`]: under exploration time never runs out, so that a
    /// sleeper whose wake-up was lost is a deadlock, which the explorer reports.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _timeout: Duration) -> bool {
        self.wait(guard);
        false
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

/// A value of each execution.
pub(crate) struct Global<T>(pub(crate) T);

impl<T> Global<T> {
    /// Calls `f` with the value.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.0)
    }
}
