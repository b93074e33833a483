//! [`End`]: what one end of a pair knows.
//!
//! Mirrors the members of `class PluginVC`. Each field says which lock guards
//! it, and who looks at it without.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;

use eventsys::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use eventsys::{AtomicEvent, ProxyMutex};
use iocore::{Vio, VioOp};

/// One direction of one end. Mirrors `PluginVCState`.
#[derive(Default)]
pub(crate) struct Direction {
    /// Guarded by its own mutex, S.
    pub(crate) vio: Vio,
    /// Set under S, or under nothing (#12982); read under C, and by the peer.
    pub(crate) shutdown: Flag,
    /// Set under S by `do_io` and `reenable`, under C by the peer; cleared under
    /// C and S.
    pub(crate) need_process: Flag,
    /// The original would go on without S: a callback has just bound the VIO to
    /// another mutex. Set and cleared under C.
    pub(crate) is_unlocked: Flag,
}

/// One end.
#[derive(Default)]
pub(crate) struct End {
    pub(crate) read: Direction,
    pub(crate) write: Direction,
    /// Set under C; read by everyone, also without it.
    pub(crate) closed: Flag,
    /// Guarded by S in `do_io_*` and `reenable`, by C in `do_io_close` and at the
    /// end of `reenable_re`: two locks for one pointer, an open defect.
    pub(crate) sm_lock_retry_event: AtomicEvent,
    /// Guarded by C.
    pub(crate) core_lock_retry_event: AtomicEvent,
    /// Set and read under C: the end has processed its close.
    pub(crate) deletable: Flag,
    /// How many calls of this end are on the stack that may call the state
    /// machine back; 0 or above. Changed under C.
    pub(crate) reentrancy_count: AtomicI32,
    /// In nanoseconds, 0 for none. Set by the user under no lock of ours.
    pub(crate) active_timeout: AtomicI64,
    /// Cleared under C and S, set by the user under no lock of ours.
    pub(crate) active_event: AtomicEvent,
    /// In nanoseconds, 0 for none. Set by the user under no lock of ours.
    pub(crate) inactive_timeout: AtomicI64,
    /// When the inactivity timeout is due, in nanoseconds, 0 for never.
    pub(crate) inactive_timeout_at: AtomicI64,
    /// The event that looks at `inactive_timeout_at` once a second.
    pub(crate) inactive_event: AtomicEvent,
}

impl End {
    pub(crate) fn direction(&self, op: VioOp) -> &Direction {
        match op {
            VioOp::Read => &self.read,
            VioOp::Write => &self.write,
            VioOp::None => panic!("op == VIO::READ || op == VIO::WRITE"),
        }
    }
}

/// A flag that may be read without a lock.
#[derive(Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The mutex that a VIO had when it was last looked at, kept under C: asking the
/// VIO itself costs four locked instructions, asking whether it still has this
/// one costs a load.
#[derive(Default)]
pub(crate) struct LastMutex(Cell<Option<Arc<ProxyMutex>>>);

impl LastMutex {
    /// The mutex that `vio` has now, if it has one.
    #[inline]
    pub(crate) fn of(&self, vio: &Vio) -> Option<KeptMutex<'_>> {
        let mutex = match self.0.take() {
            Some(mutex) if vio.is_bound_to(&mutex) => mutex,
            _ => vio.mutex()?,
        };
        Some(KeptMutex { mutex: Some(mutex), home: self })
    }

    pub(crate) fn forget(&self) {
        self.0.take();
    }
}

/// A mutex taken out of a [`LastMutex`]; put back when dropped.
pub(crate) struct KeptMutex<'a> {
    mutex: Option<Arc<ProxyMutex>>,
    home: &'a LastMutex,
}

impl Deref for KeptMutex<'_> {
    type Target = ProxyMutex;

    #[inline]
    fn deref(&self) -> &ProxyMutex {
        self.mutex.as_ref().expect("present until dropped")
    }
}

impl Drop for KeptMutex<'_> {
    #[inline]
    fn drop(&mut self) {
        self.home.0.set(self.mutex.take());
    }
}
