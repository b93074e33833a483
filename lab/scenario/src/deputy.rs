//! [`Deputy`]: the second state machine of an end.
//!
//! With it an operation gets another continuation, and so its VIO another mutex
//! and other buffers, while the other direction stays where it was. When it is
//! called back, its end acts for it.

use pluginvc::steps::Side;
use std::sync::{Arc, Weak};

use eventsys::{ContRef, Data, EventCode, Invocation, Outcome, ProxyMutex, StateMachine};
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
        let buffers = Buffers::new(&stage.program.pair, &mutex, &mutex.lock());
        let of = Of { end: Arc::downgrade(end), side, holder: Arc::clone(&stage.holder) };
        let cont = StateMachine::new(Arc::clone(&mutex), of, Of::handle);
        Deputy { cont, mutex, buffers: Arc::new(buffers) }
    }
}

impl Of {
    fn handle(&self, _call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        if let (Some(end), Some(vio)) = (self.end.upgrade(), data.vio()) {
            give_way(&self.holder, Owner::User(self.side));
            let guard = end.mutex().lock();
            let this: ContRef = end.clone();
            end.state(&guard).deputize(&guard, &this, event, vio);
        }
        Outcome::Done
    }
}
