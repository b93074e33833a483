//! Hooks: the machine stands still until each plugin has given it back.
//!
//! Mirrors `do_api_callout`, `state_api_callout`, `state_api_callback` and
//! `handle_api_return` (9.2.9).

use crate::steps;
use eventsys::mutex::weak_try_lock;
use eventsys::{Data, ET_NET, EventCode, call};

use super::{Callout, Milestone, Run, SmState};
use crate::api::HttpTxn;
use crate::events::HttpEvents;
use crate::hooks::{HOOK_RETRY_TIME, HookState, HttpHook};

impl Run<'_> {
    /// Calls all plugins of this place, one after the other, then goes on. The end
    /// waits until the plugin that has the machine now has given it back. Mirrors
    /// `do_api_callout_internal`.
    pub(super) fn do_api_callout(self, hook: HttpHook) {
        if hook == HttpHook::TxnClose
            && matches!(self.state.callout.get(), Callout::In | Callout::DeferedServerError)
        {
            // During TXN_CLOSE itself too: then its plugins are called a second time.
            self.state.callout.set(Callout::DeferedClose);
            return;
        }
        if hook == HttpHook::SendResponseHdr {
            self.mark(Milestone::UaBeginWrite);
        }
        self.state.cur_hook.set(Some(hook));
        self.state.hook_state.set(HookState::default());
        self.state_api_callout();
    }

    /// The plugin that was called last gives the machine back. Mirrors
    /// `state_api_callback`.
    pub(super) fn api_callback(self, event: EventCode) {
        // The plugin reenabled twice, or was not called. The original goes on a
        // second time; at some places it survives this, at others it crashes.
        if !self.state.asked.replace(false) {
            return;
        }
        if event != EventCode::TS_EVENT_HTTP_ERROR {
            return self.state_api_callout();
        }
        // The others of this place are not called any more.
        let callout = self.state.callout.replace(Callout::No);
        match self.state.cur_hook.get() {
            _ if callout == Callout::DeferedClose => self.do_api_callout(HttpHook::TxnClose),
            // At the end there is no answer left to change into an error.
            Some(HttpHook::TxnClose) => self.handle_api_return(HttpHook::TxnClose),
            _ => self.api_error(),
        }
    }

    /// The try-lock of a plugin's mutex missed, and this tries it again; or the cache cannot be written
    /// to, again.
    pub(super) fn pending_action_is_due(self) {
        self.state.pending_action.set(None);
        if self.state.waits_for_cache.replace(false) {
            if !self.state.ending.get() {
                self.do_http_server_open();
            }
            return;
        }
        if !self.state.asked.get() && self.state.callout.get() != Callout::No {
            self.state_api_callout();
        }
    }

    fn state_api_callout(self) {
        let Some(hook) = self.state.cur_hook.get() else { return };
        let before = self.state.hook_state.get();
        let mut state = before;
        // No plugin is called while the session is borrowed.
        let next = match &*self.state.session.borrow() {
            Some(session) => {
                let scopes = [self.sm.proxy.hooks(), session.hooks(), self.sm.hooks()];
                state.next(hook, &scopes)
            }
            None => state.next(hook, &[self.sm.proxy.hooks(), self.sm.hooks()]),
        };
        let Some(cont) = next else {
            return match self.state.callout.replace(Callout::No) {
                Callout::No | Callout::In => self.handle_api_return(hook),
                Callout::DeferedClose => self.do_api_callout(HttpHook::TxnClose),
                Callout::DeferedServerError => self.handle_response(),
            };
        };
        self.set_state_of_callout();
        if self.state.callout.get() == Callout::No {
            self.state.callout.set(Callout::In);
        }
        let Some(lock) = weak_try_lock(cont.base().mutex().map(|mutex| &**mutex)) else {
            let processor = self.sm.proxy.processor();
            let event = processor.schedule_in(self.cont(), HOOK_RETRY_TIME, ET_NET);
            self.state.pending_action.set(event);
            return;
        };
        self.state.hook_state.set(state);
        self.state.asked.set(true);
        self.report(steps::HTTP_HOOK, i64::from(hook.event().0));
        let txn = self.txn();
        call(&cont, lock.as_ref(), hook.event(), Data::Object(&txn));
    }

    /// The transaction, as plugins get it.
    pub(super) fn txn(self) -> HttpTxn {
        HttpTxn::new(self.sm.this.upgrade().expect("called by reference"))
    }

    fn set_state_of_callout(self) {
        // At the start and at the end the state is not "plugins are called".
        if !matches!(self.state.sm_state.get(), SmState::KillThis | SmState::Born) {
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
            HttpHook::CacheLookupComplete => self.cache_lookup_is_done(),
            HttpHook::OsDns => self.os_dns_is_done(),
            HttpHook::SendRequestHdr => self.setup_server_send_request(),
            HttpHook::ReadResponseHdr => self.handle_response(),
            HttpHook::SendResponseHdr => self.send_response(),
            HttpHook::TxnClose => {
                self.state.terminate_sm.set(true);
                self.state.kill_this_async_done.set(true);
            }
            HttpHook::SsnStart | HttpHook::SsnClose => {}
        }
    }
}
