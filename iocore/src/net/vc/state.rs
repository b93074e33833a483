//! What a connection knows of one direction, and of what it is waiting for.
//!
//! Mirrors `NetState` of `iocore/net/P_UnixNetState.h`.

use eventsys::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::vio::Vio;

/// One direction.
#[derive(Default)]
pub(in crate::net) struct NetState {
    /// Guarded by its own mutex, S.
    pub(in crate::net) vio: Vio,
    /// The user wants something. Set under S; cleared under H and S, and by
    /// `do_io_close` and `do_io_shutdown`.
    pub(in crate::net) enabled: Flag,
    /// The socket may have something. Set and cleared under H.
    pub(in crate::net) triggered: Flag,
    /// On the list that other threads push onto: so it is on it once.
    pub(in crate::net) in_enabled_list: Flag,
    /// Shut down by the user, under S; read under H.
    pub(in crate::net) shutdown: Flag,
}

/// A flag that may be read without a lock.
#[derive(Default)]
pub(in crate::net) struct Flag(AtomicBool);

impl Flag {
    #[inline]
    pub(in crate::net) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    #[inline]
    pub(in crate::net) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    #[inline]
    pub(in crate::net) fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Sets or clears it; what it was before. A read and a write in one step: who
    /// clears it sees what was done before it was set, by everyone who has set it.
    #[inline]
    pub(in crate::net) fn swap(&self, value: bool) -> bool {
        self.0.swap(value, Ordering::AcqRel)
    }
}

/// Which handler a connection has. Mirrors `SET_HANDLER`.
pub(super) struct HandlerOf(AtomicU8);

impl HandlerOf {
    /// `startEvent`: it is to be connected.
    pub(super) fn start() -> HandlerOf {
        HandlerOf(AtomicU8::new(0))
    }

    /// `mainEvent`: it is open, and events are timeouts.
    pub(super) fn set_main(&self) {
        self.0.store(1, Ordering::Release);
    }

    pub(super) fn is_start(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}
