//! [`End`]: the state of one end of a pair.
//!
//! Mirrors the members of `class PluginVC`. Each field says which lock guards
//! it, and which code reads it without that lock.

use std::sync::Arc;

use eventsys::sync::atomic::AtomicI32;
use eventsys::sync::{AtomicTime, Flag};
use eventsys::{AtomicEvent, ContinuationBase, EThread, ProxyMutex};
use iocore::{NetVcBase, VIO, VioOp};

/// One direction of one end. Mirrors `PluginVCState`.
#[derive(Default)]
pub(crate) struct Direction {
    /// Guarded by its own mutex, S.
    pub(crate) vio: VIO,
    /// Set under S, or under nothing (#12982); read under C, and by the peer.
    pub(crate) shutdown: Flag,
    /// Set under S by `do_io` and `reenable`, under C by the peer; cleared under
    /// C and S.
    pub(crate) need_process: Flag,
    /// Here the original would go on without S: a callback has just bound the
    /// VIO to another mutex. Set and cleared under C.
    pub(crate) is_unlocked: Flag,
}

/// One end.
pub(crate) struct End {
    /// The core mutex, C, and the end's own affinity to a thread.
    pub(crate) base: ContinuationBase,
    pub(crate) net: NetVcBase,
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
    /// A span. Set by the user under no lock of ours.
    pub(crate) active_timeout: AtomicTime,
    /// Cleared under C and S, set by the user under no lock of ours, unless that
    /// defect is corrected.
    pub(crate) active_event: AtomicEvent,
    /// A span. Set by the user under no lock of ours.
    pub(crate) inactive_timeout: AtomicTime,
    /// When the inactivity timeout is due.
    pub(crate) inactive_timeout_at: AtomicTime,
    /// The event that looks at `inactive_timeout_at` once a second.
    pub(crate) inactive_event: AtomicEvent,
}

impl End {
    #[inline(always)] // Written where it stays: the pair is made in one place.
    pub(crate) fn new(core: &Arc<ProxyMutex>, thread: Option<&Arc<EThread>>) -> End {
        End {
            base: ContinuationBase::new(Arc::clone(core)),
            net: NetVcBase::new(thread),
            read: Direction::default(),
            write: Direction::default(),
            closed: Flag::default(),
            sm_lock_retry_event: AtomicEvent::default(),
            core_lock_retry_event: AtomicEvent::default(),
            deletable: Flag::default(),
            reentrancy_count: AtomicI32::default(),
            active_timeout: AtomicTime::default(),
            active_event: AtomicEvent::default(),
            inactive_timeout: AtomicTime::default(),
            inactive_timeout_at: AtomicTime::default(),
            inactive_event: AtomicEvent::default(),
        }
    }

    #[inline(always)]
    pub(crate) fn direction(&self, op: VioOp) -> &Direction {
        match op {
            VioOp::Read => &self.read,
            VioOp::Write => &self.write,
            VioOp::None => panic!("op == VIO::READ || op == VIO::WRITE"),
        }
    }
}
