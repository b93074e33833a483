//! Locks.
#![allow(unsafe_code)] // The value of a mutex is in a cell; `unlock` has parking_lot's contract.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::engine::{self, Wait, current, name_object, new_object, point, unlocked, values};
use crate::objects::ObjectId;
use crate::schedule::TaskId;
use crate::trace::Operation;

const FREE: u8 = 0;
/// Held outside of an execution. A task is itself plus 1.
const OUTSIDE: u8 = u8::MAX;

/// A lock without data and without a guard.
///
/// It is not fair: when it is given back, any task that waits for it may take it, or any other.
pub struct RawLock {
    /// `FREE`, or the number of the task that holds it plus 1.
    holder: AtomicU8,
    pub(super) id: ObjectId,
}

impl RawLock {
    /// An unlocked lock.
    #[must_use]
    pub fn new() -> RawLock {
        RawLock { holder: AtomicU8::new(FREE), id: new_object() }
    }

    /// Gives it a name in this execution, for violations and traces.
    pub fn set_name(&self, name: &str) {
        name_object(self.id, name);
    }

    /// Takes the lock, waiting for it if need be.
    pub fn lock(&self) {
        let watched = point(Operation::Lock, self.id);
        self.take();
        if watched {
            values(None, Some("held".to_owned()));
        }
    }

    /// Takes the lock, without a scheduling point.
    pub(super) fn take(&self) {
        while let Err(holder) = self.take_if_free() {
            engine::wait(Wait::Lock(self.id, holder));
        }
    }

    /// Takes the lock if it is free; otherwise the task that holds it.
    fn take_if_free(&self) -> Result<(), Option<TaskId>> {
        let me = current().map_or(OUTSIDE, |task| task + 1);
        let result = self.holder.compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed);
        result.map(drop).map_err(|holder| (holder != OUTSIDE).then(|| holder - 1))
    }

    /// Takes the lock if it is free. True if it is taken now.
    #[must_use]
    pub fn try_lock(&self) -> bool {
        let watched = point(Operation::TryLock, self.id);
        let taken = self.take_if_free().is_ok();
        if watched {
            let before = if taken { "free" } else { "held by another" };
            let after = if taken { "held" } else { "missed" };
            values(Some(before.to_owned()), Some(after.to_owned()));
        }
        taken
    }

    /// Gives the lock back.
    ///
    /// # Safety
    /// The calling thread must have taken the lock and not given it back yet.
    pub unsafe fn unlock(&self) {
        let watched = point(Operation::Unlock, self.id);
        self.give_back();
        if watched {
            values(Some("held".to_owned()), Some("free".to_owned()));
        }
    }

    /// Gives the lock back, without a scheduling point. Private: the caller holds it.
    pub(super) fn give_back(&self) {
        self.holder.store(FREE, Ordering::Release);
        unlocked(self.id);
    }
}

impl Default for RawLock {
    fn default() -> RawLock {
        RawLock::new()
    }
}

/// A mutex with parking_lot's interface: no poisoning, `try_lock` gives an `Option`.
#[derive(Default)]
pub struct Mutex<T> {
    lock: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard, of which there is one at a time: `lock` and
// `try_lock` make one after they have changed `holder` from `FREE` in one step, and only the drop
// of the guard (or `Condvar::wait`, which holds the guard mutably) changes it back. So a reference
// to the mutex on another thread of the system gives access to the value from one thread at a
// time, which is sound if the value may be sent.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    #[must_use]
    pub fn new(value: T) -> Mutex<T> {
        Mutex { lock: RawLock::new(), value: UnsafeCell::new(value) }
    }

    /// Gives it a name in this execution, for violations and traces.
    pub fn set_name(&self, name: &str) {
        name_object(self.lock.id, name);
    }

    /// Takes the mutex, waiting for it if need be.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.lock.lock();
        MutexGuard { mutex: self, not_send: std::marker::PhantomData }
    }

    /// Takes the mutex if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.lock.try_lock().then(|| MutexGuard { mutex: self, not_send: std::marker::PhantomData })
    }

    /// The value, which no other task can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

/// Without the value: showing it would take the mutex, which is a scheduling point.
impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

/// Holds a [`Mutex`] until it is dropped.
#[must_use]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// As everywhere: a guard stays on its thread.
    not_send: std::marker::PhantomData<*const ()>,
}

// SAFETY: a shared guard gives a shared reference to the value, and nothing else.
unsafe impl<T: Sync> Sync for MutexGuard<'_, T> {}

impl<T> MutexGuard<'_, T> {
    pub(super) fn lock_of(&self) -> &RawLock {
        &self.mutex.lock
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, and it is borrowed shared.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, and it is borrowed mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the guard was made when the lock was taken, and is dropped once.
        unsafe { self.mutex.lock.unlock() }
    }
}
