//! [`Action`]: a connection that is still to be made, and how to give it up.
//!
//! Mirrors `Action` and `ACTION_RESULT_DONE` of `iocore/eventsystem/I_Action.h`,
//! as far as `connect_re` returns them.

use std::sync::Arc;

use eventsys::sync::atomic::{AtomicBool, Ordering};
use eventsys::{Guard, ProxyMutex};

/// What [`connect_re`](super::NetProcessor::connect_re) answers.
#[derive(Clone, Debug)]
pub enum ActionResult {
    /// The continuation has been called back already (`ACTION_RESULT_DONE`).
    Done,
    /// The continuation will be called back, unless the action is cancelled.
    Pending(Action),
    /// The event system has shut down, and nobody will be called back (`nullptr`).
    ShutDown,
}

impl ActionResult {
    /// The action, if the call is still to come.
    #[must_use]
    pub fn action(&self) -> Option<&Action> {
        match self {
            ActionResult::Pending(action) => Some(action),
            _ => None,
        }
    }
}

/// A call-back that is still to come. Mirrors `Action`.
#[derive(Clone, Debug)]
pub struct Action(Arc<Pending>);

#[derive(Debug)]
struct Pending {
    mutex: Arc<ProxyMutex>,
    /// Set under `mutex`; read under `mutex` by who is about to call back.
    cancelled: AtomicBool,
}

impl Action {
    pub(super) fn new(mutex: &Arc<ProxyMutex>) -> Action {
        Action(Arc::new(Pending { mutex: Arc::clone(mutex), cancelled: AtomicBool::new(false) }))
    }

    /// Gives the call-back up: the continuation will not be called. Without effect
    /// if it has been called already.
    ///
    /// `guard` must be of the continuation's mutex: without it the call-back could
    /// be just about to begin.
    ///
    /// # Panics
    /// If `guard` is of another mutex. If the action has been cancelled before (a
    /// debug assertion of the original).
    #[track_caller]
    pub fn cancel(&self, guard: &Guard<'_>) {
        assert!(guard.is_of(&self.0.mutex), "the guard is not of the continuation's mutex");
        let before = self.0.cancelled.swap(true, Ordering::AcqRel);
        debug_assert!(!before, "!cancelled");
    }

    /// True once it has been cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }
}
