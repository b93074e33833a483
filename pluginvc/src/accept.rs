//! Offering the passive end to the acceptor, and telling it that no connection
//! comes.
//!
//! Mirrors `PluginVCCore::state_send_accept` and `state_send_accept_failed`. The
//! acceptor's mutex is taken by try-lock; if that misses, the core itself is
//! scheduled and tries again.

use crate::steps::Side;
use std::sync::Arc;

use eventsys::mutex::weak_try_lock;
use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, ET_CALL, EventCode, Invocation, Outcome, call,
};
use iocore::{IoEvents, NetVcRef};

use crate::PVC_LOCK_RETRY_TIME;
use crate::core::PluginVCCore;

/// The core's handler while it waits for the acceptor's mutex.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AcceptState {
    SendAccept,
    SendAcceptFailed,
}

impl PluginVCCore {
    pub(crate) fn state_send_accept(&self) {
        let Some(acceptor) = self.connect_to.lock().clone() else { return };
        let Some(passive) = self.end_ref(Side::Passive) else { return };
        match weak_try_lock(acceptor.base().mutex().map(|mutex| &**mutex)) {
            Some(lock) => {
                let passive: NetVcRef = passive;
                let data = Data::Object(&passive);
                call(&acceptor, lock.as_ref(), EventCode::NET_EVENT_ACCEPT, data);
            }
            None => self.retry(AcceptState::SendAccept),
        }
    }

    pub(crate) fn state_send_accept_failed(&self) {
        let Some(acceptor) = self.connect_to.lock().clone() else { return };
        match weak_try_lock(acceptor.base().mutex().map(|mutex| &**mutex)) {
            Some(lock) => {
                let event = EventCode::NET_EVENT_ACCEPT_FAILED;
                call(&acceptor, lock.as_ref(), event, Data::None);
                self.destroy();
            }
            None => self.retry(AcceptState::SendAcceptFailed),
        }
    }

    /// `SET_HANDLER` and `eventProcessor.schedule_in`.
    fn retry(&self, state: AcceptState) {
        *self.accept_state.lock() = state;
        let this: Arc<PluginVCCore> = self.this.upgrade().expect("called by reference");
        self.processor.schedule_in(this as ContRef, PVC_LOCK_RETRY_TIME, ET_CALL);
    }
}

impl Continuation for PluginVCCore {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    fn handle_event(&self, _: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
        let state = *self.accept_state.lock();
        match state {
            AcceptState::SendAccept => self.state_send_accept(),
            AcceptState::SendAcceptFailed => self.state_send_accept_failed(),
        }
        Outcome::Done
    }
}
