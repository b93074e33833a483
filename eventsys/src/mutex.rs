//! [`ProxyMutex`]: the lock of the event system, and its guards.
//!
//! Mirrors `ProxyMutex`, `Mutex_lock`, `Mutex_trylock`, `Mutex_unlock` and the
//! scoped locks of `iocore/eventsystem/I_Lock.h` (9.1.3).
//!
//! **Modelled**: a lock shared by reference count, recursive per thread, with
//! blocking lock and try-lock, that knows which thread holds it (`thread_holding`) and how often
//! (`nthread_holding`); the weak variant that treats "no mutex" as locked; a thread's own mutex,
//! which is held for the thread's whole life. **Not modelled**: the lock profiling of debug builds.
//! **Could you tell?** In one place: threads that the event system does not own are told apart here
//! (see [`ThreadId`]).
//!
//! A thread that locks gets a [`Guard`]: a proof of holding that cannot leave its thread. Code
//! shows this proof to reach the state that the mutex protects ([`Guarded`](crate::Guarded),
//! [`Rebindable`](crate::Rebindable)), so that the lock rules of the original, which stand in
//! comments there, are types here.
#![allow(unsafe_code)] // One call: giving back the raw lock.

pub mod census;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::sync::RawLock;
use crate::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use crate::thread_id::ThreadId;

/// Added to `nthread_holding` of a thread's own mutex, so that no number of unlocks releases it.
/// Mirrors `THREAD_MUTEX_THREAD_HOLDING`.
pub(crate) const THREAD_MUTEX_THREAD_HOLDING: i32 = -1024 * 1024;

/// A recursive mutex that knows its holder.
///
/// ```
/// use eventsys::ProxyMutex;
///
/// let mutex = ProxyMutex::new();
/// let guard = mutex.lock();
/// let again = mutex.try_lock().expect("a thread may take it again");
/// assert_eq!(mutex.nthread_holding(), 2);
/// std::thread::scope(|scope| {
///     scope.spawn(|| assert!(mutex.try_lock().is_none(), "another thread does not wait"));
/// });
/// drop((again, guard));
/// assert_eq!(mutex.thread_holding(), None);
/// ```
pub struct ProxyMutex {
    raw: RawLock,
    /// The holder's [`ThreadId`], 0 when free. Written only by the holder; read by any thread. A
    /// thread that reads its own number here wrote it itself, so a relaxed load is enough to decide
    /// "already mine".
    holder: AtomicU64,
    /// How often the holder holds it. Touched only by the holder; an atomic so
    /// that others may look at it.
    depth: AtomicI32,
}

impl ProxyMutex {
    /// A free mutex. Mirrors `new_ProxyMutex`.
    #[must_use]
    #[allow(clippy::new_ret_no_self)] // It is always shared, as in the original.
    #[doc(alias = "TSMutexCreate")]
    pub fn new() -> Arc<ProxyMutex> {
        Arc::new(ProxyMutex {
            raw: RawLock::new(),
            holder: AtomicU64::new(0),
            depth: AtomicI32::new(0),
        })
    }

    /// Takes the mutex, waiting for it if another thread holds it. Mirrors
    /// `SCOPED_MUTEX_LOCK` and `Mutex_lock`.
    ///
    /// # Panics
    /// If the thread holds it 2^31 − 1 times already, or a thread's own mutex
    /// 2^20 times; so do the other ways to take it.
    #[inline]
    #[doc(alias = "TSMutexLock")]
    pub fn lock(&self) -> Guard<'_> {
        // course: 2 begin lock "wait for the mutex, unless it is already ours"
        let me = ThreadId::current();
        if self.holder.load(Ordering::Relaxed) == me.as_u64() {
            return self.entered();
        }
        self.raw.lock();
        self.taken(me)
        // course: 2 stub todo!("lesson 2: lock")
        // course: 2 end
    }

    /// Takes the mutex if it is free or already this thread's. Mirrors
    /// `MUTEX_TRY_LOCK` and `Mutex_trylock`.
    #[inline(always)] // Each dispatch and each transfer takes one: 1 % of a pair's instructions.
    #[must_use]
    #[doc(alias = "TSMutexLockTry")]
    pub fn try_lock(&self) -> Option<Guard<'_>> {
        // course: 2 begin try_lock "take the mutex without waiting"
        let me = ThreadId::current();
        if self.holder.load(Ordering::Relaxed) == me.as_u64() {
            return Some(self.entered());
        }
        self.raw.try_lock().then(|| self.taken(me))
        // course: 2 stub todo!("lesson 2: try_lock")
        // course: 2 end
    }

    /// Gives it a name in this execution of the explorer, for deadlocks and columns.
    #[cfg(all(feature = "explore", not(feature = "shuttle")))]
    pub fn set_name(&self, name: &str) {
        self.raw.set_name(name);
    }

    /// As [`ProxyMutex::lock`], with a guard that keeps the mutex alive.
    #[inline]
    pub fn lock_owned(self: &Arc<Self>) -> OwnedGuard {
        OwnedGuard::of(self, self.lock())
    }

    /// As [`ProxyMutex::try_lock`], with a guard that keeps the mutex alive.
    #[inline]
    #[must_use]
    pub fn try_lock_owned(self: &Arc<Self>) -> Option<OwnedGuard> {
        Some(OwnedGuard::of(self, self.try_lock()?))
    }

    /// One more guard if this thread already holds the mutex, else nothing.
    #[inline]
    #[must_use]
    pub fn reenter(&self) -> Option<Guard<'_>> {
        self.is_held().then(|| self.entered())
    }

    /// True if the calling thread holds the mutex. Mirrors
    /// `thread_holding == this_ethread()`.
    #[inline]
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.holder.load(Ordering::Relaxed) == ThreadId::current().as_u64()
    }

    /// The thread that holds the mutex, as a hint: unless it is the caller, the answer may be out
    /// of date. The original reads `thread_holding` without the lock in `main_handler` and in
    /// `assign_affinity_by_type`.
    #[must_use]
    pub fn thread_holding(&self) -> Option<u64> {
        Some(self.holder.load(Ordering::Relaxed)).filter(|&id| id != 0)
    }

    /// How often its holder holds it; far below zero for a thread's own mutex.
    #[must_use]
    pub fn nthread_holding(&self) -> i32 {
        self.depth.load(Ordering::Relaxed)
    }

    /// A number that tells this mutex from every other one alive.
    #[must_use]
    pub fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Takes the mutex for the calling thread's whole life. Mirrors the
    /// constructor of `Thread`: afterwards no unlock gives it back.
    pub(crate) fn lock_for_life(&self) {
        let guard = self.lock();
        self.depth.store(guard.mutex.nthread_holding() + THREAD_MUTEX_THREAD_HOLDING, RELAXED);
        census::released(self);
        std::mem::forget(guard);
    }

    /// Ends what [`ProxyMutex::lock_for_life`] has begun, on the same thread: the mutex
    /// is free when the last of its other guards, if there are any, is dropped.
    pub(crate) fn unlock_for_life(&self) {
        debug_assert!(self.is_held());
        self.depth.store(self.nthread_holding() - THREAD_MUTEX_THREAD_HOLDING, RELAXED);
        // `lock_for_life` has taken it out.
        census::acquired(self);
        drop(Guard { mutex: self, stays: PhantomData });
    }

    /// The first guard of a thread that has just taken `raw`.
    #[inline(always)]
    fn taken(&self, me: ThreadId) -> Guard<'_> {
        debug_assert_eq!(self.nthread_holding(), 0);
        self.holder.store(me.as_u64(), RELAXED);
        self.depth.store(1, RELAXED);
        census::acquired(self);
        Guard { mutex: self, stays: PhantomData }
    }

    /// One more guard of the thread that holds the mutex.
    #[inline(always)]
    fn entered(&self) -> Guard<'_> {
        let depth = self.depth.load(RELAXED);
        // At -1 one more guard would let the next unlock release a mutex that is held for life; at
        // the end of the range it would release any mutex.
        assert!(depth != -1 && depth != i32::MAX, "too many guards of one mutex");
        self.depth.store(depth + 1, RELAXED);
        census::acquired(self);
        Guard { mutex: self, stays: PhantomData }
    }

    #[inline(always)]
    fn left(&self) {
        // course: 2 begin left "one guard less; the last one gives the mutex back"
        census::released(self);
        let depth = self.depth.load(RELAXED) - 1;
        self.depth.store(depth, RELAXED);
        if depth == 0 {
            self.holder.store(0, RELAXED);
            // SAFETY: a guard existed on this thread until now and `depth` says
            // that it was the last one, so this thread took `raw` and has not
            // given it back.
            unsafe { self.raw.unlock() }
        }
        // course: 2 stub todo!("lesson 2: left")
        // course: 2 end
    }
}

const RELAXED: Ordering = Ordering::Relaxed;

impl fmt::Debug for ProxyMutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyMutex")
            .field("key", &format_args!("{:#x}", self.key()))
            .field("thread_holding", &self.thread_holding())
            .field("nthread_holding", &self.nthread_holding())
            .finish()
    }
}

/// Proof that the calling thread holds a [`ProxyMutex`]; gives it back when dropped.
///
/// Guards of a recursive mutex may be dropped in any order. A guard that is
/// forgotten (`mem::forget`) leaves the mutex held for ever, as a missing unlock
/// does in the original.
///
/// ```
/// use eventsys::ProxyMutex;
///
/// let mutex = ProxyMutex::new();
/// let guard = mutex.lock();
/// assert!(guard.is_of(&mutex));
/// assert!(std::ptr::eq(guard.mutex(), &*mutex));
/// ```
#[must_use = "the mutex is given back as soon as the guard is dropped"]
pub struct Guard<'m> {
    mutex: &'m ProxyMutex,
    /// A raw pointer is not `Send`, so neither is the guard: it is the proof
    /// that *this* thread holds the mutex.
    stays: PhantomData<*const ()>,
}

impl<'m> Guard<'m> {
    /// The mutex that is held.
    #[inline]
    #[must_use]
    pub fn mutex(&self) -> &'m ProxyMutex {
        self.mutex
    }

    /// True if this is a guard of `mutex`.
    #[inline]
    #[must_use]
    pub fn is_of(&self, mutex: &ProxyMutex) -> bool {
        std::ptr::eq(self.mutex, mutex)
    }

    /// One more guard of the same mutex.
    #[inline]
    pub fn again(&self) -> Guard<'m> {
        self.mutex.entered()
    }
}

impl Drop for Guard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.mutex.left();
    }
}

impl fmt::Debug for Guard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(self.mutex).finish()
    }
}

/// A [`Guard`] that keeps its mutex alive and has no lifetime: for a lock that one call takes and
/// another call, on the same thread, gives back.
///
/// ```
/// use eventsys::ProxyMutex;
///
/// let mutex = ProxyMutex::new();
/// let mut locked = Vec::new();
/// locked.push(mutex.lock_owned());
/// assert!(locked[0].guard().is_of(&mutex) && mutex.is_held());
/// locked.pop();
/// assert_eq!(mutex.thread_holding(), None);
/// ```
///
/// It stays on its thread, as a guard does:
/// ```compile_fail
/// let guard = eventsys::ProxyMutex::new().lock_owned();
/// std::thread::spawn(move || drop(guard));
/// ```
#[must_use = "the mutex is given back as soon as the guard is dropped"]
pub struct OwnedGuard {
    mutex: Arc<ProxyMutex>,
    /// As in [`Guard`].
    stays: PhantomData<*const ()>,
}

impl OwnedGuard {
    /// Takes over what `guard` stands for.
    #[inline]
    fn of(mutex: &Arc<ProxyMutex>, guard: Guard<'_>) -> OwnedGuard {
        debug_assert!(guard.is_of(mutex));
        std::mem::forget(guard);
        OwnedGuard { mutex: Arc::clone(mutex), stays: PhantomData }
    }

    /// The mutex that is held.
    #[inline]
    #[must_use]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        &self.mutex
    }

    /// One more guard of the same mutex, as proof for the calls that ask for one.
    #[inline]
    pub fn guard(&self) -> Guard<'_> {
        self.mutex.entered()
    }
}

impl Drop for OwnedGuard {
    #[inline]
    fn drop(&mut self) {
        self.mutex.left();
    }
}

impl fmt::Debug for OwnedGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedGuard").field(&self.mutex).finish()
    }
}

/// Takes `mutex` by try-lock, if there is one. The outer `None` is a miss; `Some(None)` means that
/// there was nothing to lock. Mirrors `WEAK_MUTEX_TRY_LOCK`.
#[inline]
#[must_use]
pub fn weak_try_lock(mutex: Option<&ProxyMutex>) -> Option<Option<Guard<'_>>> {
    match mutex {
        None => Some(None),
        Some(mutex) => mutex.try_lock().map(Some),
    }
}

/// Takes `mutex`, waiting for it if need be, if there is one. Mirrors
/// `WEAK_SCOPED_MUTEX_LOCK`.
#[inline]
pub fn weak_lock(mutex: Option<&ProxyMutex>) -> Option<Guard<'_>> {
    mutex.map(ProxyMutex::lock)
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use super::*;

    #[test]
    fn is_recursive_and_counts() {
        let mutex = ProxyMutex::new();
        let first = mutex.lock();
        let second = mutex.try_lock().expect("already ours");
        assert_eq!(mutex.nthread_holding(), 2);
        drop(first);
        assert!(mutex.is_held() && second.is_of(&mutex));
        drop(second);
        assert_eq!((mutex.thread_holding(), mutex.nthread_holding()), (None, 0));
    }

    #[test]
    fn an_owned_guard_counts_as_any_other_and_keeps_the_mutex_alive() {
        let mutex = ProxyMutex::new();
        let alive = Arc::downgrade(&mutex);
        let owned = mutex.lock_owned();
        let plain = mutex.lock();
        assert_eq!(mutex.nthread_holding(), 2);
        drop(plain);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(mutex.try_lock_owned().is_none()));
        });
        assert!(owned.guard().is_of(&mutex));
        assert_eq!(mutex.nthread_holding(), 1);
        drop(mutex);
        assert!(owned.mutex().is_held());
        drop(owned);
        assert!(alive.upgrade().is_none());
    }

    #[test]
    fn foreign_threads_exclude_each_other() {
        let mutex = ProxyMutex::new();
        let guard = mutex.lock();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(mutex.try_lock().is_none());
                assert!(!mutex.is_held() && mutex.reenter().is_none());
            });
        });
        drop(guard);
        assert!(mutex.try_lock().is_some());
    }

    #[test]
    fn no_mutex_counts_as_locked() {
        assert!(matches!(weak_try_lock(None), Some(None)));
        let mutex = ProxyMutex::new();
        let held = mutex.lock();
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(weak_try_lock(Some(&mutex)).is_none()));
        });
        drop(held);
        assert!(weak_lock(Some(&mutex)).is_some());
    }

    #[test]
    fn a_lock_for_life_is_never_given_back() {
        let mutex = ProxyMutex::new();
        mutex.lock_for_life();
        drop(mutex.lock());
        assert!(mutex.is_held());
    }

    #[test]
    fn at_the_end_of_a_life_the_mutex_goes_with_its_last_guard() {
        let _census = census::start();
        let mutex = ProxyMutex::new();
        mutex.lock_for_life();
        let guard = mutex.lock();
        mutex.unlock_for_life();
        assert_eq!((mutex.is_held(), mutex.nthread_holding()), (true, 1));
        assert_eq!(census::held(), [mutex.key()]);
        drop(guard);
        assert_eq!((mutex.thread_holding(), mutex.nthread_holding()), (None, 0));
        assert_eq!(census::held(), []);
    }
}
