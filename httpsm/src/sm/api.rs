//! Hooks: the machine stands still until each plugin has given it back.
//!
//! Mirrors `do_api_callout`, `state_api_callout`, `state_api_callback` and
//! `handle_api_return` (9.2.9).

use eventsys::hrtime::mseconds;
use eventsys::mutex::weak_try_lock;
use eventsys::steps::StepKind;
use eventsys::{Data, ET_NET, EventCode, call};

use super::{Callout, Run, SmState};
use crate::api::HttpTxn;
use crate::hooks::{HookState, HttpHook, TS_EVENT_HTTP_ERROR};

impl Run<'_> {
    /// Calls all plugins of this place, one after the other, then goes on.
    pub(super) fn do_api_callout(self, hook: HttpHook) {
        self.s.cur_hook.set(Some(hook));
        self.s.hook_state.set(HookState::default());
        self.state_api_callout();
    }

    /// The plugin that was called last gives the machine back.
    pub(super) fn api_callback(self, event: EventCode) {
        // Twice, or without having been called: the original asserts.
        if self.s.callout.get() != Callout::In {
            return;
        }
        self.s.callout.set(Callout::No);
        if self.s.terminate_sm.get() {
            // The client has gone meanwhile; the end was waiting for this.
            return;
        }
        if event == TS_EVENT_HTTP_ERROR && self.s.cur_hook.get() != Some(HttpHook::TxnClose) {
            self.api_error();
        } else {
            self.state_api_callout();
        }
    }

    /// A plugin's mutex could not be had; now it is tried again.
    pub(super) fn pending_action_is_due(self) {
        self.s.pending_action.set(None);
        if self.s.callout.get() == Callout::Retry {
            self.s.callout.set(Callout::No);
            if !self.s.terminate_sm.get() {
                self.state_api_callout();
            }
        }
    }

    fn state_api_callout(self) {
        let Some(hook) = self.s.cur_hook.get() else { return };
        let before = self.s.hook_state.get();
        let mut state = before;
        let session = self.s.session.borrow().clone();
        let next = match &session {
            Some(session) => {
                let scopes = [self.sm.proxy.hooks(), session.hooks(), self.sm.hooks()];
                state.next(hook, &scopes)
            }
            None => state.next(hook, &[self.sm.proxy.hooks(), self.sm.hooks()]),
        };
        let Some(cont) = next else {
            return self.handle_api_return(hook);
        };
        self.set_state_of_callout();
        let Some(lock) = weak_try_lock(cont.base().mutex().map(|mutex| &**mutex)) else {
            self.s.callout.set(Callout::Retry);
            let processor = self.sm.proxy.processor();
            let event = processor.schedule_in(self.cont(), mseconds(10), ET_NET);
            self.s.pending_action.set(event);
            return;
        };
        self.s.hook_state.set(state);
        self.s.callout.set(Callout::In);
        self.report(StepKind::HttpHook, i64::from(hook.event().0));
        let txn = HttpTxn::new(self.sm.this.upgrade().expect("called by reference"));
        call(&cont, lock.as_ref(), hook.event(), Data::Object(&txn));
    }

    fn set_state_of_callout(self) {
        // At the two ends the state says more than that plugins are called.
        if !matches!(self.s.state.get(), SmState::KillThis | SmState::Born) {
            self.set_state(SmState::ApiCallout);
        }
    }

    /// All plugins of this place have been called.
    fn handle_api_return(self, hook: HttpHook) {
        match hook {
            HttpHook::TxnStart => self.setup_client_read_request_header(),
            HttpHook::ReadRequestHdr => self.start_remap_request(),
            HttpHook::PreRemap => self.remap_request(),
            HttpHook::PostRemap => self.handle_request(),
            HttpHook::CacheLookupComplete => self.open_server(),
            HttpHook::SendRequestHdr => self.setup_server_send_request(),
            HttpHook::ReadResponseHdr => self.handle_response(),
            HttpHook::SendResponseHdr => self.send_response(),
            HttpHook::TxnClose => self.killed(),
            HttpHook::SsnStart | HttpHook::SsnClose => {}
        }
    }
}
