//! The lock discipline of a pair, in one file.
//!
//! Three mutexes matter: C, the core's, and S, the mutex of the state machine at each
//! end. A VIO knows its S; `do_io` with another continuation moves it to another S.
//!
//! 1. **C first, S by try-lock.** The event loop has C when it calls `main_handler`. A
//!    state machine holds its S and may wait for C. If both waited, they would wait for
//!    each other, so the holder of C only tries S.
//! 2. **Check twice.** The handler reads without a lock which mutex a VIO has. Between the read and
//!    the try-lock a thread that holds S may move the VIO. So the handler checks the VIO again
//!    under the lock, and a VIO that has moved counts as a miss.
//! 3. **A miss puts the work off.** `need_process` is set and an event comes back in
//!    [`PVC_LOCK_RETRY_TIME`](crate::PVC_LOCK_RETRY_TIME).
//! 4. **After a callback nothing is certain.** The state machine may have moved either VIO;
//!    [`Half::with_sm_after_callback`] says what the original does then.
//!
//! The table at the head of the crate says which mutex protects what.

use crate::steps as pvc;
use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;

use eventsys::{Guard, ProxyMutex};
use iocore::{VIO, VioOp};

use crate::half::Half;

/// Takes the mutex that `vio` had, by try-lock, and makes sure that it still has
/// it. The outer `None` is a miss; `Some(None)` means that there was no mutex.
#[inline(always)]
pub(crate) fn take_vio_mutex<'m>(
    vio: &VIO,
    mutex: &'m Option<VioMutex<'_>>,
) -> Option<Option<Guard<'m>>> {
    // course: 8 begin take_vio_mutex "take the mutex without waiting, and make sure that it is still the right one"
    let Some(mutex) = mutex else { return Some(None) };
    let guard = mutex.try_lock()?;
    // It may have been swapped before we could grab it.
    vio.is_bound_to(mutex).then_some(Some(guard))
    // course: 8 stub let _ = (vio, mutex);
    // course: 8 stub todo!("lesson 8: take_vio_mutex")
    // course: 8 end
}

impl<'a> Half<'a> {
    /// As [`Half::with_sm`], after a callback that may have bound the VIO to
    /// another mutex than that of `guard`.
    ///
    /// The original does not check again, and goes on under the mutex that the VIO had. Usually
    /// this mutex is still the right one. If not, the original aborts in `handleEvent`, and so does
    /// the port, unless [`Corrections::look_again`](crate::Corrections::look_again) is on. In B the
    /// process function `f` takes the lock itself.
    #[inline(always)]
    pub(crate) fn with_sm_after_callback<R>(
        self,
        core: &'a Guard<'_>,
        op: VioOp,
        guard: Option<&Guard<'_>>,
        f: impl FnOnce(Option<Option<&Guard<'_>>>) -> R,
    ) -> R {
        if let Some(guard) = guard
            && self.vio(op).is_bound_to(guard.mutex())
        {
            return f(Some(Some(guard)));
        }
        let is_held = || self.vio_mutex(core, op).is_none_or(|mutex| mutex.is_held());
        let looks = self.core.options.corrections.look_again
            || self.core.options.epoch.takes_its_own_lock();
        if looks || is_held() {
            return self.with_sm(core, op, guard, f);
        }
        self.with_sm(core, op, guard, |locked| {
            let is_unlocked = &self.end().direction(op).is_unlocked;
            is_unlocked.set();
            let result = f(locked);
            is_unlocked.clear();
            result
        })
    }

    /// Calls `f` with a guard of this end's VIO for `op`: `guard` if the VIO still has that mutex,
    /// else a guard of its new mutex, by try-lock; `Some(None)` if it has no mutex, `None` if the
    /// lock misses.
    #[inline(always)] // With its caller it is one function; so the locks stay in registers.
    pub(crate) fn with_sm<R>(
        self,
        core: &'a Guard<'_>,
        op: VioOp,
        guard: Option<&Guard<'_>>,
        f: impl FnOnce(Option<Option<&Guard<'_>>>) -> R,
    ) -> R {
        let (mutex, taken);
        let locked = match guard {
            Some(guard) if self.vio(op).is_bound_to(guard.mutex()) => Some(Some(guard)),
            _ => {
                mutex = self.vio_mutex(core, op);
                taken = take_vio_mutex(self.vio(op), &mutex);
                taken.as_ref().map(Option::as_ref)
            }
        };
        f(locked)
    }

    /// The mutex of this end's VIO for `op`, as cached under C.
    #[inline(always)]
    pub(crate) fn vio_mutex(self, core: &'a Guard<'_>, op: VioOp) -> Option<VioMutex<'a>> {
        let first = &self.core.state(core).first_mutex[self.side.index()];
        first[usize::from(op == VioOp::Write)].of(self.vio(op))
    }

    /// This end's read VIO is in use by another thread: have this end called
    /// back later.
    pub(crate) fn read_lock_miss(self) {
        self.report(pvc::READ_LOCK_MISS, None);
        self.end().read.need_process.set();
        self.setup_event_cb(crate::PVC_LOCK_RETRY_TIME, &self.end().core_lock_retry_event);
    }

    /// This end's write VIO is in use by another thread: have this end called
    /// back later.
    pub(crate) fn write_lock_miss(self) {
        self.report(pvc::WRITE_LOCK_MISS, None);
        self.end().write.need_process.set();
        self.setup_event_cb(crate::PVC_LOCK_RETRY_TIME, &self.end().core_lock_retry_event);
    }
}

/// The mutex that a VIO was first bound to, kept under C: asking the VIO itself
/// costs four locked instructions, asking whether it still has this one costs a
/// load. Few operations ever move to another mutex.
#[derive(Default)]
pub(crate) struct FirstMutex(OnceCell<Arc<ProxyMutex>>);

impl FirstMutex {
    /// The mutex that `vio` has now, if it has one.
    #[inline(always)]
    pub(crate) fn of(&self, vio: &VIO) -> Option<VioMutex<'_>> {
        match self.0.get() {
            Some(first) if vio.is_bound_to(first) => Some(VioMutex::First(first)),
            _ => self.keep(vio.mutex()?),
        }
    }

    #[cold]
    fn keep(&self, mutex: Arc<ProxyMutex>) -> Option<VioMutex<'_>> {
        // Only the first mutex is cached.
        let _ = self.0.set(Arc::clone(&mutex));
        Some(VioMutex::Later(mutex))
    }
}

/// The result of [`FirstMutex::of`].
pub(crate) enum VioMutex<'a> {
    First(&'a ProxyMutex),
    Later(Arc<ProxyMutex>),
}

impl Deref for VioMutex<'_> {
    type Target = ProxyMutex;

    #[inline]
    fn deref(&self) -> &ProxyMutex {
        match self {
            VioMutex::First(mutex) => mutex,
            VioMutex::Later(mutex) => mutex,
        }
    }
}
