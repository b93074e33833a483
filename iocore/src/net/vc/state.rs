//! The state of one direction of a connection, and the handler that is set.
//!
//! Mirrors `NetState` of `iocore/net/P_UnixNetState.h`.

use eventsys::sync::Flag;
use eventsys::sync::atomic::{AtomicU8, Ordering};

use crate::vio::VIO;

/// One direction.
#[derive(Default)]
pub(in crate::net) struct NetState {
    /// Guarded by its own mutex, S.
    pub(in crate::net) vio: VIO,
    /// The user wants something. Set under S; cleared under H and S, and by
    /// `do_io_close` and `do_io_shutdown`.
    pub(in crate::net) enabled: Flag,
    /// The socket may have something. Set and cleared under H.
    pub(in crate::net) triggered: Flag,
    /// On the list that other threads push onto; the flag keeps it from being
    /// there twice.
    pub(in crate::net) in_enabled_list: Flag,
    /// Shut down by the user, under S; read under H.
    pub(in crate::net) shutdown: Flag,
}

/// Which handler a connection has. Mirrors `SET_HANDLER`.
pub(super) struct HandlerOf(AtomicU8);

impl HandlerOf {
    /// `startEvent`: it is not connected yet.
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
