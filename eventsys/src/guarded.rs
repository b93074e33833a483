//! Cells that a mutex protects, and cells that belong to one thread.
//!
//! In the original a comment says which mutex protects which member. Here the
//! member sits in one of these cells, and only the proof gives access to it:
//!
//! | cell | reached with | a wrong proof |
//! |---|---|---|
//! | [`Guarded`] | a [`Guard`] of its one mutex, for life | panics |
//! | [`Rebindable`] | a [`Guard`] of the mutex it is bound to now | panics |
//! | [`ThreadCell`] | being on the thread that owns it | panics |
//!
//! All three give out *shared* references: handlers re-enter, so what is inside
//! is made of `Cell`s and `RefCell`s. The compiler checks that a reference cannot outlive the
//! proof, and that neither can leave the thread.
#![allow(unsafe_code)] // The cells hand out references to shared state after the check.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::mutex::{Guard, ProxyMutex};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::thread_id::ThreadId;

/// A value that one [`ProxyMutex`] protects for life.
///
/// ```
/// use std::cell::Cell;
/// use eventsys::{Guarded, ProxyMutex};
///
/// let mutex = ProxyMutex::new();
/// let count = Guarded::new(mutex.clone(), Cell::new(0));
/// let guard = mutex.lock();
/// count.get(&guard).set(1);
/// assert_eq!(count.get(&guard).get(), 1);
/// ```
///
/// A guard of another mutex causes a panic. Without a guard the code does not compile:
///
/// ```should_panic
/// # use eventsys::{Guarded, ProxyMutex};
/// let (mutex, other) = (ProxyMutex::new(), ProxyMutex::new());
/// let value = Guarded::new(mutex, 0);
/// value.get(&other.lock());
/// ```
pub struct Guarded<T> {
    mutex: Arc<ProxyMutex>,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is reached only by `get`, which asks for a guard of `mutex`,
// and by the owner of the whole cell. A guard cannot leave its thread and only one thread at a time
// has guards of one mutex, so the value is on one thread at a time; `T: Send` lets it be on
// different threads one after the other.
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    /// A value protected by `mutex`.
    pub fn new(mutex: Arc<ProxyMutex>, value: T) -> Guarded<T> {
        Guarded { mutex, value: UnsafeCell::new(value) }
    }

    /// The value, for as long as `guard` holds its mutex.
    ///
    /// # Panics
    /// If `guard` is of another mutex.
    #[inline]
    #[track_caller]
    pub fn get<'a>(&'a self, guard: &'a Guard<'_>) -> &'a T {
        if !guard.is_of(&self.mutex) {
            wrong_guard(guard, &self.mutex);
        }
        // SAFETY: the guard proves that this thread holds `mutex` for at least
        // `'a`; see the note on `Sync` above. Only shared references are ever
        // made, so those of re-entering handlers do not conflict.
        unsafe { &*self.value.get() }
    }

    /// The mutex that protects the value.
    #[inline]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        &self.mutex
    }

    /// The value, out of the cell: nothing else can reach it.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// The value, for an owner that has the cell exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// A value protected by a mutex that may be changed for another one.
///
/// A VIO is such a value: its mutex is that of the state machine that issued
/// the operation, and `do_io` with another state machine moves it.
///
/// A thread may *ask* without a lock which mutex the value is bound to, as the original does at the
/// top of `PluginVC::main_handler`. The answer may be out of date by the time the thread has taken
/// that mutex, so it must ask again then.
///
/// ```
/// use eventsys::{ProxyMutex, Rebindable};
///
/// let (old, new) = (ProxyMutex::new(), ProxyMutex::new());
/// let value = Rebindable::unbound(5);
/// value.rebind(&old.lock(), &old);
/// {
///     let (_old, guard) = (old.lock(), new.lock());
///     value.rebind(&guard, &new); // The thread holds both.
///     assert_eq!(value.with(&guard, |value| *value), 5);
/// }
/// assert!(value.is_bound_to(&new));
/// ```
pub struct Rebindable<T> {
    /// The key of the mutex in `bound`, 0 without a mutex. Changed only by a thread that holds that
    /// mutex, so a thread that holds a mutex and reads its key here knows that the key stays: a
    /// stale value cannot equal the key of a mutex that the reader holds.
    key: AtomicUsize,
    /// Keeps the mutex alive, so that its key is not used again meanwhile.
    bound: Mutex<Option<Arc<ProxyMutex>>>,
    /// How often the value is lent, or [`CHANGES`] during `with_mut`. Touched only under
    /// the mutex.
    uses: AtomicUsize,
    value: UnsafeCell<T>,
}

/// Stands in `uses` for a call of `with_mut`.
const CHANGES: usize = usize::MAX;

// SAFETY: as for `Guarded`, with the mutex that `key` names at the time; see
// there why the reader's check holds. The mutex cannot change under a reference,
// because `rebind` refuses while the value is lent or changed.
unsafe impl<T: Send> Sync for Rebindable<T> {}

impl<T> Rebindable<T> {
    /// A value that no mutex protects yet; it can be reached only after [`Rebindable::rebind`].
    pub fn unbound(value: T) -> Rebindable<T> {
        Rebindable {
            key: AtomicUsize::new(0),
            bound: Mutex::new(None),
            uses: AtomicUsize::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// The mutex that the value is bound to, as a hint: unless the caller holds
    /// it, it may have been changed by the time of the return.
    #[must_use]
    #[inline]
    pub fn mutex(&self) -> Option<Arc<ProxyMutex>> {
        match self.key.load(Ordering::Acquire) {
            0 => None,
            _ => self.bound.lock().clone(),
        }
    }

    /// True if the value is bound to `mutex`. The answer stays true for as long
    /// as the caller holds `mutex`.
    #[inline]
    #[must_use]
    pub fn is_bound_to(&self, mutex: &ProxyMutex) -> bool {
        self.key.load(Ordering::Acquire) == mutex.key()
    }

    /// Calls `f` with the value, under the mutex that it is bound to.
    ///
    /// A closure and not a plain reference: a reference could outlive a
    /// [`Rebindable::rebind`], and then another thread, holding the new mutex,
    /// would meet it.
    ///
    /// # Panics
    /// If `guard` is of another mutex, or the value is bound to none. If called from
    /// inside [`Rebindable::with_mut`].
    #[inline(always)]
    #[track_caller]
    pub fn with<R>(&self, guard: &Guard<'_>, f: impl FnOnce(&T) -> R) -> R {
        f(&self.borrow(guard))
    }

    /// As [`Rebindable::with`], for as long as the caller keeps what it gets.
    ///
    /// ```
    /// use eventsys::{ProxyMutex, Rebindable};
    ///
    /// let (mutex, value) = (ProxyMutex::new(), Rebindable::unbound(5));
    /// let guard = mutex.lock();
    /// value.rebind(&guard, &mutex);
    /// assert_eq!(*value.borrow(&guard), 5);
    /// ```
    ///
    /// # Panics
    /// As [`Rebindable::with`].
    #[inline(always)]
    #[track_caller]
    pub fn borrow<'a>(&'a self, guard: &'a Guard<'_>) -> Lent<'a, T> {
        if !self.is_bound_to(guard.mutex()) {
            wrong_guard(guard, self);
        }
        let in_use = InUse::begin(&self.uses);
        // SAFETY: this thread holds the mutex that the value is bound to, and
        // while `uses` is not zero it cannot be bound to another one, nor does
        // `with_mut` give out a reference.
        Lent { value: unsafe { &*self.value.get() }, _in_use: in_use }
    }

    /// As [`Rebindable::with`], to change the value: a `RefCell` inside would count once more.
    ///
    /// ```
    /// use eventsys::{ProxyMutex, Rebindable};
    ///
    /// let (mutex, list) = (ProxyMutex::new(), Rebindable::unbound(Vec::new()));
    /// let guard = mutex.lock();
    /// list.rebind(&guard, &mutex);
    /// list.with_mut(&guard, |list| list.push(5));
    /// assert_eq!(list.with(&guard, |list| list.len()), 1);
    /// ```
    ///
    /// # Panics
    /// If `guard` is of another mutex, or the value is bound to none. If called from
    /// inside [`Rebindable::with`] or `with_mut`.
    #[inline(always)]
    #[track_caller]
    pub fn with_mut<R>(&self, guard: &Guard<'_>, f: impl FnOnce(&mut T) -> R) -> R {
        if !self.is_bound_to(guard.mutex()) {
            wrong_guard(guard, self);
        }
        let _changes = Changes::begin(&self.uses);
        // SAFETY: as in `with`; and `uses` was 0, so there is no other reference, and `with` and
        // `with_mut` give out none until `_changes` is dropped.
        f(unsafe { &mut *self.value.get() })
    }

    /// Binds the value to the mutex of `guard`.
    ///
    /// # Panics
    /// If the value is bound to another mutex that the calling thread does not
    /// hold: another thread might be using the value right now. If called from
    /// inside [`Rebindable::with`] or [`Rebindable::with_mut`].
    #[track_caller]
    pub fn rebind(&self, guard: &Guard<'_>, mutex: &Arc<ProxyMutex>) {
        assert!(guard.is_of(mutex), "the guard is not of the mutex to bind to");
        if self.is_bound_to(mutex) {
            return;
        }
        let Err(refusal) = self.try_rebind(mutex) else { return };
        // Not under the lock: a panic hook is user code.
        match refusal {
            Some(old) => panic!(
                "cannot move the value from {old:?} to {mutex:?}: \
                 the thread must hold the old mutex too"
            ),
            None => in_use(),
        }
    }

    /// Binds the value to `mutex`, which the calling thread holds.
    ///
    /// # Errors
    /// The old mutex, if the calling thread does not hold it; else nothing, if the value
    /// is in use.
    fn try_rebind(&self, mutex: &Arc<ProxyMutex>) -> Result<(), Option<Arc<ProxyMutex>>> {
        let mut bound = self.bound.lock();
        if let Some(old) = bound.as_ref().filter(|old| !old.is_held()) {
            return Err(Some(Arc::clone(old)));
        }
        if self.uses.load(Ordering::Relaxed) != 0 {
            return Err(None);
        }
        self.key.store(mutex.key(), Ordering::Release);
        *bound = Some(Arc::clone(mutex));
        Ok(())
    }
}

/// The value of a [`Rebindable`], which keeps its mutex until this is dropped.
///
/// The example of [`Rebindable::borrow`] gets one.
pub struct Lent<'a, T> {
    value: &'a T,
    _in_use: InUse<'a>,
}

impl<T> Deref for Lent<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.value
    }
}

/// Counts one use, even if it panics. Only the holder of the mutex
/// counts, so a load and a store do; no locked instruction is needed.
struct InUse<'a>(&'a AtomicUsize);

impl<'a> InUse<'a> {
    #[inline]
    #[track_caller]
    fn begin(uses: &'a AtomicUsize) -> InUse<'a> {
        let before = uses.load(Ordering::Relaxed);
        if before >= CHANGES - 1 {
            in_use();
        }
        uses.store(before + 1, Ordering::Relaxed);
        InUse(uses)
    }
}

impl Drop for InUse<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.store(self.0.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}

/// Marks the length of one call of `with_mut`, even if it panics.
struct Changes<'a>(&'a AtomicUsize);

impl<'a> Changes<'a> {
    #[inline]
    #[track_caller]
    fn begin(uses: &'a AtomicUsize) -> Changes<'a> {
        if uses.load(Ordering::Relaxed) != 0 {
            in_use();
        }
        uses.store(CHANGES, Ordering::Relaxed);
        Changes(uses)
    }
}

impl Drop for Changes<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A value that belongs to one thread.
pub(crate) struct ThreadCell<T> {
    owner: AtomicU64,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is reached only on the thread whose number is `owner`, which
// never changes, and numbers are never used twice; `T: Send` because the cell
// may be made and dropped elsewhere.
unsafe impl<T: Send> Sync for ThreadCell<T> {}

impl<T> ThreadCell<T> {
    /// A value that belongs to `owner`.
    pub(crate) fn new(owner: ThreadId, value: T) -> ThreadCell<T> {
        ThreadCell { owner: AtomicU64::new(owner.as_u64()), value: UnsafeCell::new(value) }
    }

    /// The value, if the calling thread owns it.
    #[inline]
    pub(crate) fn try_get(&self) -> Option<&T> {
        let mine = self.owner.load(Ordering::Relaxed) == ThreadId::current().as_u64();
        // SAFETY: only the owner comes here, and every reference is a shared one. One can
        // go to another thread only where `T: Sync`, and then that thread may read, too.
        mine.then(|| unsafe { &*self.value.get() })
    }
}

#[cold]
#[track_caller]
fn wrong_guard(guard: &Guard<'_>, wanted: &dyn fmt::Debug) -> ! {
    panic!("the guard is of {:?}, but the value is protected by {wanted:?}", guard.mutex())
}

#[cold]
#[track_caller]
fn in_use() -> ! {
    panic!("the value is in use")
}

impl<T> fmt::Debug for Guarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("mutex", &self.mutex).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Rebindable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rebindable").field("mutex", &self.mutex()).finish_non_exhaustive()
    }
}
