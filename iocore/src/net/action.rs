//! [`Action`]: a pending connect, and how to cancel it.
//!
//! Mirrors `Action` and `ACTION_RESULT_DONE` of `iocore/eventsystem/I_Action.h`,
//! as far as `connect_re` returns them.

use std::sync::Arc;

use eventsys::sync::atomic::{AtomicBool, Ordering};
use eventsys::{Guard, ProxyMutex};

/// The result of [`connect_re`](super::NetProcessor::connect_re).
///
/// ```
/// use eventsys::{Clock, ContRef, EventCode, EventProcessor, Outcome, ProxyMutex, StateMachine};
/// use iocore::net::{ActionResult, NetConfig, NetProcessor};
/// use iocore::{IoData, IoEvents, NetVCOptions, VConnection};
/// use std::net::TcpListener;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// static IS_OPEN: AtomicBool = AtomicBool::new(false);
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let processor = EventProcessor::new(Clock::new_real());
/// let net = NetProcessor::init(&processor, NetConfig::default());
/// processor.spawn_event_threads("ET_NET", 1);
/// let cont: ContRef = StateMachine::new(ProxyMutex::new(), (), |(), _, event, data| {
///     if let (EventCode::NET_EVENT_OPEN, Some(vc)) = (event, data.net_vc()) {
///         vc.do_io_close(None);
///         IS_OPEN.store(true, Ordering::Release);
///     }
///     Outcome::Done
/// });
/// let result = net.connect_re(&cont, server.local_addr()?, &NetVCOptions::default());
/// let ActionResult::Pending(action) = result else { unreachable!("this is no net thread") };
/// while !IS_OPEN.load(Ordering::Acquire) {
///     std::thread::yield_now();
/// }
/// assert!(!action.is_cancelled());
/// processor.shutdown();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub enum ActionResult {
    /// The continuation has been called back already (`ACTION_RESULT_DONE`).
    Done,
    /// The continuation will be called back, unless the action is cancelled.
    Pending(Action),
    /// The event system has shut down, and no continuation will be called back (`nullptr`).
    ShutDown,
}

impl ActionResult {
    /// The action, if the call is still pending.
    #[must_use]
    pub fn action(&self) -> Option<&Action> {
        match self {
            ActionResult::Pending(action) => Some(action),
            _ => None,
        }
    }
}

/// A pending call-back. Mirrors `Action`.
///
/// The example of [`ActionResult`] gets one.
#[derive(Clone, Debug)]
pub struct Action(Arc<Pending>);

#[derive(Debug)]
struct Pending {
    mutex: Arc<ProxyMutex>,
    /// Set under `mutex`; read under `mutex` by the thread that is about to call back.
    cancelled: AtomicBool,
}

impl Action {
    pub(super) fn new(mutex: &Arc<ProxyMutex>) -> Action {
        Action(Arc::new(Pending { mutex: Arc::clone(mutex), cancelled: AtomicBool::new(false) }))
    }

    /// Cancels the call-back: the continuation will not be called. Has no effect if it has been
    /// called already.
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
