//! The origin server: connecting, asking, its answer's head.
//!
//! Mirrors `do_http_server_open`, `state_http_server_open`,
//! `handle_http_server_open`, `attach_server_session`, `setup_server_send_request`,
//! `state_send_server_request_header`, `setup_server_read_response_header`,
//! `state_read_server_response_header`, `handle_server_setup_error` and
//! `release_server_session` (9.2.9).

use std::sync::Arc;

use eventsys::{Data, EventCode};
use iocore::{IOBufferReader, IoData, IoEvents, VioHandle};

use super::{Callout, HeadText, LeftServer, Milestone, Run, Server, SmState};
use crate::connector::{ConnectError, Origin};
use crate::hdr::{HttpParser, ParseResult, ResponseHdr};
use crate::hooks::HttpHook;
use crate::server_session::ServerSession;
use crate::transact::{PluginTunnel, ServerState};
use crate::tunnel::TunnelType;

impl Run<'_> {
    pub(super) fn with_server<R>(self, f: impl FnOnce(&mut Server) -> R) -> Option<R> {
        self.state.server.borrow_mut().as_mut().map(f)
    }

    fn server_reader(self) -> Option<IOBufferReader> {
        self.with_server(|server| server.session.reader())
    }

    pub(super) fn do_http_server_open(self) {
        self.set_state(SmState::HttpServerOpen);
        self.state.default_is_tunnel.set(false);
        let has_entry = self.state.server.borrow().is_some();
        self.cleanup_server();
        let waits = {
            let t_state = self.state.t_state.borrow();
            !has_entry && !t_state.is_tunnel && !t_state.has_request_body()
        };
        if waits {
            // The client waits now, so it has no timeout. A client that still sends a body keeps
            // its timeout, or the origin server might never answer.
            self.with_ua(|ua| ua.vc.cancel_inactivity_timeout());
        }
        self.server_transaction_done();
        let plugin = self.state.plugin_tunnel.take();
        if let Some(core) = plugin {
            // The plugin is called in here, and so is this machine.
            core.connect_re(self.guard, &self.cont());
            return;
        }
        if self.state.t_state.borrow().plugin_tunnel_type != PluginTunnel::None {
            // The plugin has already had its one connection.
            return self.open_failed(ConnectError::REFUSED.errno);
        }
        let origin = self.origin();
        // The next try, too: it may meet another connection that waits.
        if !self.state.t_state.borrow().is_tunnel
            && let Some(session) =
                self.sm.proxy.pool().acquire_session(self.guard, &self.cont(), &origin)
        {
            return self.attach_server_session(session);
        }
        self.mark(Milestone::ServerConnect);
        self.mark_first(Milestone::ServerFirstConnect);
        let timeout = self.conf().connect_attempts_timeout;
        let connector = Arc::clone(self.sm.proxy.connector());
        connector.connect_re(self.guard, &self.cont(), &origin, timeout);
    }

    /// The origin server that the request is for, after remapping.
    pub(super) fn origin(self) -> Origin {
        let t_state = self.state.t_state.borrow();
        let host = t_state.client_request.host_get().unwrap_or(b"");
        let host = host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host);
        Origin {
            host: String::from_utf8_lossy(host).to_ascii_lowercase(),
            port: t_state.client_request.port_get(),
        }
    }

    pub(super) fn state_http_server_open(self, event: EventCode, data: Data<'_>) {
        let over = self.state.ending.get() || self.state.terminate_sm.get();
        if !over {
            self.mark(Milestone::ServerConnectEnd);
        }
        if let (EventCode::NET_EVENT_OPEN, Some(vc)) = (event, data.net_vc()) {
            if over || self.state.server.borrow().is_some() {
                // The machine does not wait for it any more.
                vc.do_io_close(None);
                return;
            }
            if self.state.t_state.borrow().is_tunnel {
                return self.raw_server_is_open(vc.clone());
            }
            let plugin = self.state.t_state.borrow().plugin_tunnel_type != PluginTunnel::None;
            let proxy = &self.sm.proxy;
            let session = ServerSession::new(
                proxy,
                self.guard,
                &self.cont(),
                vc.clone(),
                self.origin(),
                plugin,
            );
            return match plugin {
                true => self.attach_server_session(session),
                false => self.wait_for_handshake(session),
            };
        }
        if over {
            return;
        }
        let error = match data {
            Data::Object(object) => object.downcast_ref::<ConnectError>().copied(),
            _ => None,
        };
        let errno = error.map(|error| error.errno);
        // A net processor gives only the number, with its sign changed.
        let errno = errno.or_else(|| data.net_error().map(i32::wrapping_neg));
        self.open_failed(errno.unwrap_or(0));
    }

    fn open_failed(self, errno: i32) {
        {
            let mut t_state = self.state.t_state.borrow_mut();
            t_state.current_state = ServerState::ConnectionError;
            t_state.cause_of_death_errno = errno;
        }
        self.handle_response();
    }

    /// Connecting has only begun: the first event of an empty write shows its result.
    fn wait_for_handshake(self, session: ServerSession) {
        let this = self.cont();
        let (vc, reader) = (session.vc().clone(), session.reader());
        self.set_server(session);
        let write = vc.do_io_write(self.guard, Some(this), 1, Some(&reader));
        self.with_server(|server| {
            server.write_vio = Some(write);
            server.is_new = true;
        });
    }

    /// An event before the result of the connecting is known.
    fn handshake_event(self, event: EventCode) {
        match event {
            EventCode::VC_EVENT_WRITE_READY
            | EventCode::VC_EVENT_WRITE_COMPLETE
            | EventCode::VC_EVENT_READ_READY
            | EventCode::VC_EVENT_READ_COMPLETE => {
                let this = self.cont();
                let timeout = self.conf().transaction_no_activity_timeout_out;
                self.with_server(|server| {
                    let vc = server.session.vc();
                    // While plugins are called the machine does not write.
                    server.write_vio = Some(vc.do_io_write(self.guard, Some(this), 0, None));
                    vc.set_inactivity_timeout(timeout);
                });
                self.server_is_open();
            }
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT | EventCode::VC_EVENT_ACTIVE_TIMEOUT => {
                self.cleanup_server();
                self.open_failed(ConnectError::TIMED_OUT.errno);
            }
            _ => {
                let errno = self.with_server(|server| server.session.vc().lerrno()).unwrap_or(0);
                self.cleanup_server();
                self.open_failed(errno);
            }
        }
    }

    fn attach_server_session(self, session: ServerSession) {
        self.set_server(session);
        self.server_is_open();
    }

    pub(super) fn set_server(self, session: ServerSession) {
        let config = self.config();
        session.vc().set_inactivity_timeout(config.connect_attempts_timeout);
        if config.transaction_active_timeout_out != 0 {
            session.vc().set_active_timeout(config.transaction_active_timeout_out);
        }
        // Nothing is read yet, but timeouts and errors come to this machine; the session was set up
        // so when it was made or taken from the pool.
        let vc = session.vc_server();
        let server = Server {
            read_vio: Some(VioHandle::new(vc.clone(), iocore::VioOp::Read)),
            write_vio: Some(VioHandle::new(vc, iocore::VioOp::Write)),
            session,
            is_new: false,
            reading: false,
            eos: false,
            in_tunnel: false,
            write_buffer: None,
        };
        *self.state.server.borrow_mut() = Some(server);
    }

    /// Mirrors `handle_http_server_open`.
    fn server_is_open(self) {
        {
            let mut t_state = self.state.t_state.borrow_mut();
            let body = t_state.has_request_body();
            if let Some(request) = t_state.server_request.as_mut().filter(|_| body) {
                let fields = &mut request.fields;
                if !fields.presence("Content-Length") && !fields.presence("Transfer-Encoding") {
                    fields.value_set("Transfer-Encoding", b"chunked");
                }
            }
        }
        // The origin server must act within this time, also while plugins are called.
        let timeout = self.conf().transaction_no_activity_timeout_out;
        self.with_server(|server| server.session.vc().set_inactivity_timeout(timeout));
        self.do_api_callout(HttpHook::SendRequestHdr);
    }

    pub(super) fn setup_server_send_request(self) {
        self.set_state(SmState::SendServerRequestHeader);
        self.mark(Milestone::ServerBeginWrite);
        let mut head = HeadText::new();
        if let Some(request) = &self.state.t_state.borrow().server_request {
            request.print(&mut head);
        }
        let buffer = self.new_buffer(4096);
        let reader = buffer.alloc_reader(self.guard).expect("the first of five");
        let nbytes = buffer.write(self.guard, &head);
        self.state.counts.server_request_hdr.set(nbytes);
        let this = self.cont();
        let timeout = self.conf().transaction_no_activity_timeout_out;
        self.with_server(|server| {
            let vc = server.session.vc();
            server.is_new = false;
            server.write_vio = Some(vc.do_io_write(self.guard, Some(this), nbytes, Some(&reader)));
            server.write_buffer = Some(reader);
            vc.set_inactivity_timeout(timeout);
        });
        self.setup_server_read_response_header();
    }

    pub(super) fn setup_server_read_response_header(self) {
        {
            let mut t_state = self.state.t_state.borrow_mut();
            t_state.current_state = ServerState::Undefined;
            t_state.server_response = ResponseHdr::default();
            t_state.server_response_is_valid = true;
        }
        *self.state.parser.borrow_mut() = HttpParser::new();
        self.state.response_hdr_bytes.set(0);
        self.forget(Milestone::ServerReadHeaderDone);
        self.state.response_hdr_is_read.set(false);
        let this = self.cont();
        self.with_server(|server| {
            server.reading = true;
            let (vc, buffer) = (server.session.vc(), server.session.buffer());
            server.read_vio = Some(vc.do_io_read(self.guard, Some(this), i64::MAX, Some(buffer)));
        });
        // After an interim answer the next answer may be there already.
        if self.server_reader().is_some_and(|reader| reader.read_avail(self.guard) > 0) {
            self.state_read_server_response_header(EventCode::VC_EVENT_READ_READY);
        }
    }

    pub(super) fn server_write_event(self, event: EventCode) {
        match event {
            _ if self.state.sm_state.get() == SmState::HttpServerOpen => {
                self.handshake_event(event)
            }
            _ if self.server_is_at_end() => {}
            EventCode::VC_EVENT_WRITE_READY => {
                let vio = self.with_server(|server| server.write_vio.clone()).flatten();
                if let Some(vio) = vio {
                    vio.reenable(self.guard);
                }
            }
            EventCode::VC_EVENT_WRITE_COMPLETE => {
                self.with_server(|server| server.write_buffer = None);
                let (body, wait) = {
                    let t_state = self.state.t_state.borrow();
                    (
                        t_state.has_request_body() && !t_state.body_tunneled,
                        t_state.continue_required,
                    )
                };
                if body && !wait {
                    self.do_setup_post_tunnel();
                } else if self.state.sm_state.get() == SmState::SendServerRequestHeader {
                    self.set_state(SmState::ReadServerResponseHeader);
                }
            }
            _ => self.handle_server_setup_error(event),
        }
    }

    pub(super) fn server_read_event(self, event: EventCode) {
        let reading = self.with_server(|server| server.reading).unwrap_or(false);
        match event {
            _ if self.state.sm_state.get() == SmState::HttpServerOpen => {
                self.handshake_event(event)
            }
            _ if self.server_is_at_end() => {}
            EventCode::VC_EVENT_READ_READY
            | EventCode::VC_EVENT_READ_COMPLETE
            | EventCode::VC_EVENT_EOS
                if reading =>
            {
                self.state_read_server_response_header(event);
            }
            EventCode::VC_EVENT_READ_READY | EventCode::VC_EVENT_READ_COMPLETE => {}
            _ => self.handle_server_setup_error(event),
        }
    }

    /// The origin server has ended the stream: nothing that comes after it is heard of, not even a
    /// timeout.
    fn server_is_at_end(self) -> bool {
        self.with_server(|server| server.eos).unwrap_or(false)
    }

    fn state_read_server_response_header(self, event: EventCode) {
        let config = self.config();
        let eos = event == EventCode::VC_EVENT_EOS;
        self.with_server(|server| server.eos |= eos);
        if self.state.response_hdr_bytes.get() == 0 {
            self.mark(Milestone::ServerFirstRead);
            let timeout = config.transaction_no_activity_timeout_out;
            self.with_server(|server| server.session.vc().set_inactivity_timeout(timeout));
            if self.state.t_state.borrow().has_request_body() {
                self.with_ua(|ua| ua.vc.cancel_inactivity_timeout());
            }
        }
        let Some(reader) = self.server_reader() else { return };
        let (mut result, used) = self.parse_response(&reader, eos);
        self.state.response_hdr_bytes.set(self.state.response_hdr_bytes.get() + used);
        if (eos && result == ParseResult::Cont)
            || self.state.response_hdr_bytes.get() > config.response_hdr_max_size
        {
            result = ParseResult::Error;
        }
        let vio = self.with_server(|server| server.read_vio.clone()).flatten();
        if result == ParseResult::Cont {
            if let Some(vio) = vio {
                vio.reenable(self.guard);
            }
            return;
        }
        self.mark(Milestone::ServerReadHeaderDone);
        self.state.response_hdr_is_read.set(true);
        if let Some(vio) = vio {
            vio.set_nbytes(self.guard, vio.ndone());
        }
        self.with_server(|server| server.reading = false);
        if result == ParseResult::Done && self.is_interim_beside_body() {
            return self.interim_beside_body(eos);
        }
        if self.sm.tunnel.is_tunnel_active(self.guard) {
            // The answer is there before the whole request is sent: the machine stops sending.
            self.abort_tunnel();
        }
        if result == ParseResult::Error {
            self.state.t_state.borrow_mut().current_state = ServerState::ParseError;
            return match eos {
                true => self.handle_server_setup_error(event),
                false => self.handle_response(),
            };
        }
        let implemented = {
            let t_state = self.state.t_state.borrow();
            let mut codings = t_state.server_response.fields.values("Transfer-Encoding");
            codings.all(|value| value.eq_ignore_ascii_case(b"chunked"))
        };
        if !implemented {
            self.state.t_state.borrow_mut().http_return_code = 502;
            return self.bad_request();
        }
        let timeout = config.transaction_no_activity_timeout_in;
        self.with_ua(|ua| ua.vc.set_inactivity_timeout(timeout));
        self.state.t_state.borrow_mut().current_state = ServerState::ConnectionAlive;
        self.do_api_callout(HttpHook::ReadResponseHdr);
    }

    /// The connection has failed before there was an answer.
    pub(super) fn handle_server_setup_error(self, event: EventCode) {
        if self.sm.tunnel.is_tunnel_active(self.guard)
            && self.sm.tunnel.forward_to_consumer(self.guard, event, TunnelType::HttpServer)
        {
            return;
        }
        {
            let errno = self.with_server(|server| server.session.vc().lerrno()).unwrap_or(0);
            // No byte of the request has been written: the origin server does not listen.
            let took_nothing = self.with_server(|server| {
                let write = server.write_vio.as_ref();
                server.is_new || write.is_some_and(|vio| vio.nbytes() > 0 && vio.ndone() == 0)
            });
            let mut t_state = self.state.t_state.borrow_mut();
            (t_state.current_state, t_state.cause_of_death_errno) = match event {
                EventCode::VC_EVENT_EOS => (ServerState::ConnectionClosed, libc::EPIPE),
                EventCode::VC_EVENT_ACTIVE_TIMEOUT => (ServerState::ActiveTimeout, libc::ETIMEDOUT),
                EventCode::VC_EVENT_INACTIVITY_TIMEOUT if took_nothing != Some(true) => {
                    (ServerState::InactiveTimeout, libc::ETIMEDOUT)
                }
                EventCode::VC_EVENT_INACTIVITY_TIMEOUT => {
                    (ServerState::ConnectionError, libc::ETIMEDOUT)
                }
                _ => (ServerState::ConnectionError, errno),
            };
        }
        if event != EventCode::VC_EVENT_ACTIVE_TIMEOUT {
            self.cleanup_server();
        }
        match self.state.callout.get() {
            Callout::No => self.handle_response(),
            // A plugin of SEND_REQUEST_HDR has the machine: the next step waits for it.
            Callout::In | Callout::DeferedServerError => {
                self.state.callout.set(Callout::DeferedServerError);
            }
            // The client has gone, too: only the end follows.
            Callout::DeferedClose => {}
        }
    }

    /// Gives the connection back, if no tunnel has or had it: to the pool if it can be used again.
    /// Mirrors `SM_ACTION_INTERNAL_CACHE_NOOP` and `release_server_session`. An error answer does not: the
    /// connection stays open until the transaction ends.
    pub(super) fn release_server_session(self) {
        let in_tunnel = self.with_server(|server| server.in_tunnel);
        if in_tunnel != Some(false) {
            return;
        }
        let server = self.state.server.take();
        let Some(server) = server else { return };
        let t_state = self.state.t_state.borrow();
        let reusable = t_state.server_keep_alive
            && t_state.server_response_is_valid
            && t_state.server_response.status == 304
            && t_state.plugin_tunnel_type == PluginTunnel::None
            && !server.eos;
        drop(t_state);
        let session = server.remove_entry(self.guard);
        match reusable {
            true => self.release_server(session),
            false => session.do_io_close(),
        }
    }

    /// The machine is done with the connection; it goes to the pool when the transaction is over.
    /// Mirrors `Http1ServerSession::release`.
    pub(super) fn release_server(self, session: ServerSession) {
        session.vc().cancel_active_timeout();
        session.vc().set_inactivity_timeout(self.conf().keep_alive_no_activity_timeout_out);
        *self.state.left_server.borrow_mut() = Some(LeftServer::ToRelease(session));
    }

    fn parse_response(self, reader: &IOBufferReader, eof: bool) -> (ParseResult, i64) {
        let mut t_state = self.state.t_state.borrow_mut();
        let mut parser = self.state.parser.borrow_mut();
        let mut bytes_used = 0;
        while reader.block_read_avail(self.guard) > 0 {
            let view = reader.block_view(self.guard);
            let mut piece = &view[..];
            let result = parser.parse_resp(&mut t_state.server_response, &mut piece, false);
            let used = i64::try_from(view.len() - piece.len()).unwrap_or(0);
            reader.consume(self.guard, used);
            bytes_used += used;
            if result != ParseResult::Cont {
                return (result, bytes_used);
            }
        }
        match eof {
            true => {
                (parser.parse_resp(&mut t_state.server_response, &mut &b""[..], true), bytes_used)
            }
            false => (ParseResult::Cont, bytes_used),
        }
    }
}
