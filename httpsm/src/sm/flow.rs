//! The sequence of states.
//!
//! Mirrors `call_transact_and_set_next_state` and `set_next_state` (9.2.9), with
//! the decisions of [`transact`](crate::transact).

use std::cell::Ref;
use std::sync::Arc;

use eventsys::ET_NET;
use iocore::BoundBuffer;
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer, buffer_size_to_index};

use super::Run;
use crate::api::CacheLookup;
use crate::config::HttpConfig;
use crate::hooks::HttpHook;
use crate::remap::rewrite_host_field;
use crate::transact::{PluginTunnel, RequestNext, ResponseNext};

impl<'a> Run<'a> {
    /// The settings of this transaction, for a caller that may call plugins, which may change them.
    pub(super) fn config(self) -> Arc<HttpConfig> {
        self.state.config()
    }

    /// The same for one look: no plugin may be called meanwhile.
    pub(super) fn conf(self) -> Ref<'a, Arc<HttpConfig>> {
        self.state.txn_conf.borrow()
    }

    /// `HttpTransact::BadRequest`.
    pub(super) fn bad_request(self) {
        self.touch_time();
        self.state.t_state.borrow_mut().bad_request(&self.conf());
        self.send_error();
    }

    /// An error answer is in the state, or another one of the proxy's own.
    pub(super) fn send_error(self) {
        if !self.state.t_state.borrow().is_error_answer {
            self.release_server_session();
            self.drain_request_body();
        }
        self.state.transfer.set(ResponseNext::Error);
        self.do_api_callout(HttpHook::SendResponseHdr);
    }

    /// A plugin has ended the transaction with an error.
    pub(super) fn api_error(self) {
        self.touch_time();
        let in_send_response = self.state.cur_hook.get() == Some(HttpHook::SendResponseHdr);
        self.state.t_state.borrow_mut().api_error(&self.conf());
        self.release_server_session();
        self.drain_request_body();
        self.state.transfer.set(ResponseNext::Error);
        if in_send_response {
            // The hooks at this place have been called.
            self.send_response();
        } else {
            self.do_api_callout(HttpHook::SendResponseHdr);
        }
    }

    pub(super) fn start_remap_request(self) {
        if self.state.t_state.borrow_mut().skips_remapping() {
            return self.handle_request();
        }
        let next = self.state.t_state.borrow_mut().start_remap_request(&self.conf());
        match next {
            RequestNext::Continue => self.do_api_callout(HttpHook::PreRemap),
            RequestNext::Answer | RequestNext::Tunnel => self.send_error(),
        }
    }

    pub(super) fn remap_request(self) {
        let rules = self.sm.proxy.remap_rules();
        let rule = self.state.t_state.borrow_mut().perform_remap(&rules);
        // The plugins of the rule may use the transaction, so nothing is borrowed here.
        if let Some(rule) = rule.filter(|rule| rule.has_plugins()) {
            rule.run_plugins(&self.txn());
        }
        // They may have changed the settings, and the target.
        let config = self.config();
        if rule.is_some() && !config.pristine_host_hdr {
            rewrite_host_field(&mut self.state.t_state.borrow_mut().client_request);
        }
        let next = self.state.t_state.borrow_mut().end_remap_request(&config);
        self.with_ua(|ua| ua.vc.set_active_timeout(config.transaction_active_timeout_in));
        match next {
            RequestNext::Continue => self.do_api_callout(HttpHook::PostRemap),
            RequestNext::Answer | RequestNext::Tunnel => self.send_error(),
        }
    }

    pub(super) fn handle_request(self) {
        self.touch_time();
        let (next, intercepted) = {
            let mut t_state = self.state.t_state.borrow_mut();
            (
                t_state.handle_request(&self.conf()),
                t_state.plugin_tunnel_type == PluginTunnel::AsIntercept,
            )
        };
        match next {
            RequestNext::Answer => self.send_error(),
            RequestNext::Tunnel => self.open_tunnel(),
            // A plugin that answers in place of the proxy comes before the
            // cache.
            RequestNext::Continue if intercepted => self.open_server(),
            RequestNext::Continue => {
                {
                    let mut t_state = self.state.t_state.borrow_mut();
                    t_state.cache_is_off |=
                        self.sm.proxy.is_left_out_of_the_cache(&t_state.client_request);
                    t_state.decide_cache_lookup(&self.conf());
                }
                self.do_api_callout(HttpHook::CacheLookupComplete);
            }
        }
    }

    /// The cache never has it. Mirrors the return points of `SM_ACTION_API_CACHE_LOOKUP_COMPLETE`:
    /// `HandleCacheOpenReadMiss`, and `CallOSDNSLookup` if it was not asked.
    pub(super) fn cache_lookup_is_done(self) {
        let next = {
            let mut t_state = self.state.t_state.borrow_mut();
            match t_state.cache_lookup_result {
                Some(CacheLookup::Miss) => t_state.handle_cache_miss(&self.conf()),
                _ => RequestNext::Continue,
            }
        };
        match next {
            RequestNext::Continue => self.do_api_callout(HttpHook::OsDns),
            RequestNext::Answer | RequestNext::Tunnel => self.send_error(),
        }
    }

    /// Mirrors the return points of `SM_ACTION_API_OS_DNS`: `LookupSkipOpenServer` and
    /// `HandleCacheOpenReadMiss`.
    pub(super) fn os_dns_is_done(self) {
        let next = {
            let mut t_state = self.state.t_state.borrow_mut();
            match t_state.is_a_miss_after_the_address() {
                true => t_state.handle_cache_miss(&self.conf()),
                false => RequestNext::Continue,
            }
        };
        match next {
            RequestNext::Continue => self.open_server(),
            RequestNext::Answer | RequestNext::Tunnel => self.send_error(),
        }
    }

    pub(super) fn open_server(self) {
        self.touch_time();
        let config = self.config();
        self.state.t_state.borrow_mut().build_request(&config);
        let is_written = self.state.t_state.borrow().is_to_be_written_to_the_cache();
        if !is_written || config.cache_open_write_retry_time == 0 {
            return self.do_http_server_open();
        }
        // Mirrors `HttpCacheSM::do_schedule_in`.
        let processor = self.sm.proxy.processor();
        let span = config.cache_open_write_retry_time;
        self.state.pending_action.set(processor.schedule_in(self.cont(), span, ET_NET));
        self.state.waits_for_cache.set(true);
    }

    pub(super) fn handle_response(self) {
        self.touch_time();
        // From the moment on when the head is put together for the first time, sent or not.
        let sent = self.state.counts.server_request_hdr.get() > 0;
        let next = self.state.t_state.borrow_mut().handle_response(&self.conf(), sent);
        match next {
            ResponseNext::Retry => {
                self.state.t_state.borrow_mut().current_state =
                    crate::transact::ServerState::Undefined;
                self.do_http_server_open();
            }
            ResponseNext::ParseNext => self.setup_server_read_response_header(),
            ResponseNext::Interim => self.setup_100_continue_transfer(),
            ResponseNext::Error => self.send_error(),
            ResponseNext::HeadOnly => {
                self.release_server_session();
                self.drain_request_body();
                self.state.transfer.set(next);
                self.do_api_callout(HttpHook::SendResponseHdr);
            }
            ResponseNext::ServerRead | ResponseNext::Tunnel => {
                self.state.transfer.set(next);
                self.do_api_callout(HttpHook::SendResponseHdr);
            }
        }
    }

    /// The plugins have seen the answer's head: it goes out.
    pub(super) fn send_response(self) {
        // The client has this long to take the answer.
        let timeout = self.conf().transaction_no_activity_timeout_in;
        self.with_ua(|ua| ua.vc.set_inactivity_timeout(timeout));
        let next = self.state.transfer.get();
        if next == ResponseNext::Tunnel {
            return self.setup_blind_tunnel();
        }
        if next == ResponseNext::ServerRead {
            self.refuse_unread_body();
            self.setup_server_transfer();
        } else {
            self.setup_internal_transfer();
        }
    }

    /// An answer of the origin server goes out though the request's body has not been read. The
    /// original does nothing here, and takes the body for the next request (`unread-body` in the
    /// register of deviations).
    fn refuse_unread_body(self) {
        let is_unread = {
            let t_state = self.state.t_state.borrow();
            t_state.has_request_body() && !t_state.body_tunneled
        };
        if is_unread {
            self.drain_request_body();
        }
    }

    /// The answer in the state comes without the origin server: the request's body is thrown away if
    /// all of it is there, else the connection is closed behind the answer, also if the body has been
    /// sent on. Mirrors `do_drain_request_body`. There a body that has been sent on is thrown away a
    /// second time, if the client has sent as many bytes of the next request (`drained-twice` in the
    /// register of deviations).
    fn drain_request_body(self) {
        let mut t_state = self.state.t_state.borrow_mut();
        if !t_state.has_request_body() {
            return;
        }
        let reader = self.ua_reader();
        let length = t_state.request_content_length.filter(|_| !t_state.client_chunked);
        if let (Some(reader), Some(length), false) = (reader, length, t_state.body_tunneled)
            && reader.read_avail(self.guard) >= length
        {
            self.state.counts.client_request_body.set(length);
            reader.consume(self.guard, length);
            return;
        }
        t_state.client_keep_alive = Some(false);
        if let Some(response) = &mut t_state.client_response {
            response.fields.value_set("Connection", b"close");
        }
    }

    /// A buffer for `bytes` bytes, under the machine's mutex.
    pub(super) fn new_buffer(self, bytes: i64) -> BoundBuffer {
        let index = buffer_size_to_index(bytes, BUFFER_SIZE_INDEX_32K);
        MIOBuffer::new(index).bind(self.sm.sm.mutex())
    }

    fn touch_time(self) {
        let mut t_state = self.state.t_state.borrow_mut();
        t_state.now = self.sm.proxy.local_time();
        t_state.is_draining = self.sm.proxy.is_draining();
    }
}
