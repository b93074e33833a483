//! The client: its request, and its end.
//!
//! Mirrors `attach_client_session`, `setup_client_read_request_header`,
//! `state_read_client_request_header` and `state_watch_for_client_abort` (9.2.9).

use eventsys::EventCode;
use iocore::{IOBufferReader, ShutdownHowTo};

use super::{Milestone, Run, SmState, Ua};
use crate::hdr::{HTTPVersion, ParseResult};
use crate::hooks::HttpHook;
use crate::transact::ServerState;
use crate::tunnel::TunnelType;

/// The interim answer for a client that waits before it sends its body.
const CONTINUE_RESPONSE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Run<'_> {
    /// Calls `f` with the client, if it is there.
    pub(super) fn with_ua<R>(self, f: impl FnOnce(&mut Ua) -> R) -> Option<R> {
        self.state.ua.borrow_mut().as_mut().map(f)
    }

    /// The bytes of the client that no reader has taken.
    pub(super) fn ua_reader(self) -> Option<IOBufferReader> {
        self.with_ua(|ua| ua.session.reader())
    }

    pub(super) fn client_attached(self) {
        let this = self.cont();
        let config = self.config();
        self.with_ua(|ua| {
            // Nothing is read yet, but timeouts and errors come to this machine.
            let read = ua.vc.do_io_read(self.guard, Some(this.clone()), 0, None);
            ua.read_vio = Some(read);
            ua.write_vio = Some(ua.vc.do_io_write(self.guard, Some(this), 0, None));
            ua.vc.set_inactivity_timeout(config.transaction_no_activity_timeout_in);
            ua.vc.set_active_timeout(config.transaction_active_timeout_in);
        });
        self.do_api_callout(HttpHook::TxnStart);
    }

    pub(super) fn setup_client_read_request_header(self) {
        self.set_state(SmState::ReadClientRequestHeader);
        self.state.reading_request.set(true);
        let this = self.cont();
        self.with_ua(|ua| {
            let read = ua.vc.do_io_read(self.guard, Some(this), i64::MAX, Some(&ua.buffer));
            ua.read_vio = Some(read);
        });
        // A request that came behind the last one causes no event.
        if self.ua_reader().is_some_and(|reader| reader.read_avail(self.guard) > 0) {
            self.state_read_client_request_header(EventCode::VC_EVENT_READ_READY);
        }
    }

    pub(super) fn state_read_client_request_header(self, event: EventCode) {
        match event {
            EventCode::VC_EVENT_READ_READY | EventCode::VC_EVENT_READ_COMPLETE => {}
            EventCode::VC_EVENT_WRITE_READY | EventCode::VC_EVENT_WRITE_COMPLETE => return,
            _ => {
                // There is no client left to answer.
                self.with_ua(|ua| ua.eos = true);
                self.state.terminate_sm.set(true);
                return;
            }
        }
        let Some(reader) = self.ua_reader() else { return };
        let config = self.config();
        if reader.read_avail(self.guard) > 0 && self.state.request_hdr_bytes.get() == 0 {
            // Until now the accept timeout was in force.
            self.mark(Milestone::UaFirstRead);
            let timeout = config.transaction_no_activity_timeout_in;
            self.with_ua(|ua| ua.vc.set_inactivity_timeout(timeout));
        }
        let (mut result, bytes_used) = self.parse_request(&reader);
        self.state.request_hdr_bytes.set(self.state.request_hdr_bytes.get() + bytes_used);
        if self.state.request_hdr_bytes.get() > config.request_hdr_max_size {
            result = ParseResult::Error;
        }
        if result != ParseResult::Cont || self.with_ua(|ua| ua.eos).unwrap_or(false) {
            self.mark(Milestone::UaReadHeaderDone);
        }
        match result {
            // The rest will never come.
            ParseResult::Cont if self.with_ua(|ua| ua.eos).unwrap_or(false) => {
                self.state.terminate_sm.set(true);
            }
            ParseResult::Cont => {
                let vio = self.with_ua(|ua| ua.read_vio.clone()).flatten();
                if let Some(vio) = vio {
                    vio.reenable(self.guard);
                }
            }
            ParseResult::Error => {
                self.state.reading_request.set(false);
                self.stop_reading_client();
                let version = {
                    let mut t_state = self.state.t_state.borrow_mut();
                    let line_max = config.limits.request_line_max_size;
                    let too_long = usize::try_from(bytes_used).is_ok_and(|used| used > line_max);
                    t_state.http_return_code = if too_long { 414 } else { 0 };
                    t_state.client_request.version
                };
                if !version.is_http1() {
                    self.state.t_state.borrow_mut().http_return_code = 505;
                }
                self.bad_request();
            }
            ParseResult::Done => {
                self.state.reading_request.set(false);
                self.request_is_read();
            }
        }
    }

    /// The head is complete: reads from it what the machine must know before a
    /// plugin sees it.
    fn request_is_read(self) {
        let config = self.config();
        let (implemented, secure, push) = {
            let t_state = self.state.t_state.borrow();
            let request = &t_state.client_request;
            let mut codings = request.fields.values("Transfer-Encoding");
            let implemented = codings.all(|value| value.eq_ignore_ascii_case(b"chunked"));
            (
                implemented,
                request.url.scheme_is("https") || request.url.scheme_is("wss"),
                request.method == b"PUSH",
            )
        };
        let internal = self.with_ua(|ua| ua.vc.net_base().is_internal_request()).unwrap_or(false);
        let addr = self.with_ua(|ua| ua.vc.get_remote_addr()).flatten();
        {
            let mut t_state = self.state.t_state.borrow_mut();
            t_state.now = self.sm.proxy.local_time();
            t_state.is_internal_request = internal;
            t_state.client_addr = addr;
            t_state.cache_is_off |= !config.cache_http;
        }
        if !implemented {
            self.state.t_state.borrow_mut().http_return_code = 501;
            return self.bad_request();
        }
        if secure && !internal {
            // The scheme does not fit a connection in plain text.
            return self.bad_request();
        }
        self.with_ua(|ua| ua.session.set_active(self.guard));
        self.expect_100_continue();
        if push {
            self.state.t_state.borrow_mut().forbidden(&config);
            return self.send_error();
        }
        let (body, trace) = {
            let mut t_state = self.state.t_state.borrow_mut();
            t_state.set_client_request_state();
            (t_state.has_request_body(), t_state.client_request.method == b"TRACE")
        };
        if !body {
            // Go on reading, to notice when the client goes away.
            let vio = self.with_ua(|ua| ua.read_vio.clone()).flatten();
            if let Some(vio) = vio {
                vio.reenable(self.guard);
            }
        } else if trace {
            return self.bad_request();
        } else {
            // The body will be read into another buffer.
            self.stop_reading_client();
        }
        self.state.t_state.borrow_mut().modify_request();
        self.do_api_callout(HttpHook::ReadRequestHdr);
    }

    /// Sends the interim answer at once, if configured, or notes that the
    /// origin server must send it.
    fn expect_100_continue(self) {
        let at_once = self.conf().send_100_continue_response;
        {
            let mut t_state = self.state.t_state.borrow_mut();
            let request = &t_state.client_request;
            let expects = request.version == HTTPVersion::HTTP_1_1
                && matches!(&request.method[..], b"POST" | b"PUT")
                && (request.fields.value_get("Expect"))
                    .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
            if !expects {
                return;
            }
            t_state.continue_required = !at_once;
            t_state.continue_sent = at_once;
        }
        if at_once {
            let buffer = self.new_buffer(128);
            let reader = buffer.alloc_reader(self.guard).expect("the first of five");
            let nbytes = buffer.write(self.guard, CONTINUE_RESPONSE);
            let this = self.cont();
            self.with_ua(|ua| {
                let write = ua.vc.do_io_write(self.guard, Some(this), nbytes, Some(&reader));
                ua.write_vio = Some(write);
            });
        }
    }

    /// The head has been read; now the machine only waits for the client's end.
    pub(super) fn state_watch_for_client_abort(self, event: EventCode) {
        match event {
            // A request that follows; its turn will come.
            EventCode::VC_EVENT_READ_READY
            | EventCode::VC_EVENT_READ_COMPLETE
            | EventCode::VC_EVENT_WRITE_COMPLETE => {}
            EventCode::VC_EVENT_WRITE_READY => {
                let vio = self.with_ua(|ua| ua.write_vio.clone()).flatten();
                if let Some(vio) = vio {
                    vio.reenable(self.guard);
                }
            }
            EventCode::VC_EVENT_EOS => {
                // It may only have ended its side: it is still answered.
                let vc = self.with_ua(|ua| {
                    ua.eos = true;
                    ua.vc.clone()
                });
                if let Some(vc) = vc {
                    vc.do_io_shutdown(ShutdownHowTo::Read);
                }
            }
            _ => {
                if self.sm.tunnel.is_tunnel_active(self.guard) {
                    let client = TunnelType::HttpClient;
                    if self.sm.tunnel.forward_to_consumer(self.guard, event, client) {
                        return;
                    }
                    self.sm.tunnel.kill_tunnel(self.guard);
                }
                self.stop_reading_client();
                self.state.terminate_sm.set(true);
            }
        }
    }

    /// Stops reading from the client: sets the operation's length to the bytes
    /// done.
    pub(super) fn stop_reading_client(self) {
        let vio = self.with_ua(|ua| ua.read_vio.clone()).flatten();
        if let Some(vio) = vio {
            vio.set_nbytes(self.guard, vio.ndone());
        }
    }

    /// The answer to a client that timed out while it sent its body.
    pub(super) fn note_client_timeout(self, event: EventCode) {
        let state = match event {
            EventCode::VC_EVENT_ACTIVE_TIMEOUT => Some(ServerState::ActiveTimeout),
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT => Some(ServerState::InactiveTimeout),
            _ => None,
        };
        self.state.t_state.borrow_mut().client_timed_out = state;
    }

    /// Parses the bytes that are there; returns the result and how many bytes
    /// it took.
    fn parse_request(self, reader: &IOBufferReader) -> (ParseResult, i64) {
        let limits = self.conf().limits;
        let mut t_state = self.state.t_state.borrow_mut();
        let mut parser = self.state.parser.borrow_mut();
        let mut bytes_used = 0;
        loop {
            if reader.block_read_avail(self.guard) <= 0 {
                return (ParseResult::Cont, bytes_used);
            }
            let view = reader.block_view(self.guard);
            let mut piece = &view[..];
            let result = parser.parse_req(&mut t_state.client_request, &mut piece, false, limits);
            let used = i64::try_from(view.len() - piece.len()).unwrap_or(0);
            reader.consume(self.guard, used);
            bytes_used += used;
            if result != ParseResult::Cont {
                return (result, bytes_used);
            }
        }
    }
}
