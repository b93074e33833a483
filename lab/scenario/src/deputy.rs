//! [`Deputy`]: the second state machine of an end.
//!
//! With it an operation gets another continuation, and so its VIO another mutex
//! and other buffers, while the other direction stays where it was. When it is
//! called back, its end acts for it.

use pluginvc::steps::Side;
use std::sync::{Arc, Weak};

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::IoData;

use super::buffers::Buffers;
use super::end::End;
use super::held::{Holder, give_way};
use super::op::Owner;
use super::stage::Stage;

/// A second continuation of an end, with its mutex and its buffers.
#[derive(Clone)]
pub(super) struct Deputy {
    pub(super) cont: ContRef,
    pub(super) mutex: Arc<ProxyMutex>,
    pub(super) buffers: Arc<Buffers>,
}

/// Whose deputy it is.
struct Of {
    end: Weak<StateMachine<End>>,
    side: Side,
    holder: Arc<Holder>,
}

impl Deputy {
    /// A deputy of `end`, which is that of `side`.
    pub(super) fn new(end: &Arc<StateMachine<End>>, side: Side, stage: &Stage) -> Deputy {
        let mutex = ProxyMutex::new();
        let buffers =
            Buffers::new(&stage.program.pair, stage.between.interface, &mutex, &mutex.lock());
        let of = Of { end: Arc::downgrade(end), side, holder: Arc::clone(&stage.holder) };
        let cont = StateMachine::new(Arc::clone(&mutex), of, Of::handle);
        Deputy { cont, mutex, buffers: Arc::new(buffers) }
    }
}

impl Of {
    fn handle(&self, _call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        if let (Some(end), Some(vio)) = (self.end.upgrade(), data.vio()) {
            give_way(&self.holder, Owner::User(self.side));
            let Some(guard) = take_inside(end.mutex(), "the callback of the deputy") else {
                return Outcome::Done;
            };
            let this: ContRef = end.clone();
            end.state(&guard).deputize(&guard, &this, event, vio);
        }
        Outcome::Done
    }
}

/// Takes a further mutex inside of a callback, for `what`.
///
/// A thread that races may hold this mutex and wait for the core's, which the caller of the
/// callback holds. To wait here would be a deadlock of the users' own making. So a user takes the
/// mutex by a try-lock, and leaves out what it wanted to do if it misses. Without threads that race
/// the mutex is free.
#[cfg(feature = "explore")]
pub(super) fn take_inside<'a>(mutex: &'a ProxyMutex, what: &str) -> Option<Guard<'a>> {
    let guard = mutex.try_lock();
    if guard.is_none() {
        explorer::note(|| format!("{what} is left out: another thread holds the mutex"));
    }
    guard
}

/// Takes a further mutex inside of a callback. No thread races, so it is free.
#[cfg(not(feature = "explore"))]
#[allow(clippy::unnecessary_wraps)] // A thread that races may have it; see the other one.
pub(super) fn take_inside<'a>(mutex: &'a ProxyMutex, _what: &str) -> Option<Guard<'a>> {
    Some(mutex.lock())
}
