//! The answer: its head and its body, to the client.
//!
//! Mirrors `setup_server_transfer`, `server_transfer_init`,
//! `setup_internal_transfer`, `tunnel_handler_server`,
//! `is_http_server_eos_truncation` and `tunnel_handler_ua` (9.2.9).

use eventsys::EventCode;

use super::{Milestone, Run, SmState};
use crate::events::HttpEvents;
use crate::hdr::{HTTPVersion, is_response_body_precluded};
use crate::transact::PluginTunnel;
use crate::tunnel::{Production, TunnelChunkingAction, TunnelType};

impl Run<'_> {
    /// The origin server's answer is passed on.
    pub(super) fn setup_server_transfer(self) {
        let server = self.with_server(|server| {
            (server.session.vc().clone(), server.session.reader(), server.eos)
        });
        let (Some((server_vc, reader, eos)), Some(ua_vc)) =
            (server, self.with_ua(|ua| ua.vc.clone()))
        else {
            self.state.terminate_sm.set(true);
            return;
        };
        self.set_state(SmState::Tunnel);
        self.state.default_is_tunnel.set(true);
        let (head, action, length) = {
            let t_state = self.state.t_state.borrow();
            let action = match (t_state.receive_chunked_response, t_state.server_chunked) {
                (false, false) => TunnelChunkingAction::Passthru,
                (false, true) => TunnelChunkingAction::Dechunk,
                (true, false) => TunnelChunkingAction::Chunk,
                (true, true) => TunnelChunkingAction::PassthruChunked,
            };
            let mut head = self.rest_of_interim();
            if let Some(response) = &t_state.client_response {
                response.print(&mut head);
            }
            (head, action, t_state.response_content_length)
        };
        let buffer = self.new_buffer(length.unwrap_or(32768).saturating_add(2048));
        buffer.set_water_mark(self.guard, self.conf().default_buffer_water_mark);
        let start = buffer.alloc_reader(self.guard).expect("the first of five");
        let hdr_size = buffer.write(self.guard, &head);
        self.state.client_response_hdr_bytes.set(hdr_size);

        // The bytes that came behind the head, up to the length of the answer.
        let waiting = reader.read_avail(self.guard);
        let to_copy = if eos { i64::MAX } else { length.unwrap_or(i64::MAX) };
        let id = reader.id();
        let copied = reader.buffer().with(self.guard, |from| {
            buffer.with(self.guard, |to| to.write_from(from, id, to_copy, 0))
        });
        reader.consume(self.guard, copied);
        if copied == to_copy && waiting > copied {
            // The origin server has sent too much, so its connection is not
            // used again.
            self.state.t_state.borrow_mut().server_keep_alive = false;
        }
        let nbytes = match length {
            _ if eos => Some(waiting + hdr_size),
            Some(length) => Some(length.saturating_add(hdr_size)),
            None => None,
        };
        let production = Production {
            kind: TunnelType::HttpServer,
            vc: Some(server_vc),
            nbytes,
            start,
            action,
            skip_bytes: hdr_size,
        };
        self.with_ua(|ua| ua.in_tunnel = true);
        self.with_server(|server| server.in_tunnel = true);
        self.sm.tunnel.tunnel_run(self.guard, production, &[(TunnelType::HttpClient, ua_vc)]);
    }

    /// The proxy's own answer is sent.
    pub(super) fn setup_internal_transfer(self) {
        let Some(ua_vc) = self.with_ua(|ua| ua.vc.clone()) else {
            self.state.terminate_sm.set(true);
            return;
        };
        self.set_state(SmState::Tunnel);
        self.state.default_is_tunnel.set(true);
        let mut head = self.rest_of_interim();
        let body = {
            let mut t_state = self.state.t_state.borrow_mut();
            let precluded = t_state.client_response.as_ref().is_none_or(|response| {
                is_response_body_precluded(response.status, &t_state.client_request.method)
            });
            let body = t_state.internal_msg.take();
            let kind = t_state.internal_msg_type.take();
            let kind = kind.as_deref().unwrap_or(b"text/html");
            let method_is_head = t_state.client_request.method == b"HEAD";
            // HTTP/0.9 has no heads.
            let with_head = t_state.client_version != Some(HTTPVersion::HTTP_0_9);
            if let Some(response) = &mut t_state.client_response {
                if let Some(body) = &body {
                    let length = body.len().to_string();
                    response.fields.value_set("Content-Length", length.as_bytes());
                    response.fields.field_delete("Transfer-Encoding");
                    response.fields.value_set("Content-Type", kind);
                } else if !precluded {
                    response.fields.value_set("Content-Length", b"0");
                    response.fields.field_delete("Transfer-Encoding");
                }
                if with_head {
                    response.print(&mut head);
                }
            }
            self.state.client_response_hdr_bytes.set(i64::try_from(head.len()).unwrap_or(0));
            body.filter(|_| !method_is_head)
        };
        const HEADER_BUFFER_SIZE: usize = 4096;
        let size = HEADER_BUFFER_SIZE + body.as_ref().map_or(0, Vec::len);
        let buffer = self.new_buffer(i64::try_from(size).unwrap_or(i64::MAX));
        let start = buffer.alloc_reader(self.guard).expect("the first of five");
        let mut nbytes = buffer.write(self.guard, &head);
        if let Some(body) = body {
            // A block of its own, behind the head's.
            nbytes += i64::try_from(body.len()).unwrap_or(0);
            buffer.with(self.guard, |buffer| buffer.append_bytes(body));
        }
        let production = Production {
            kind: TunnelType::Static,
            vc: None,
            nbytes: Some(nbytes),
            start,
            action: TunnelChunkingAction::Passthru,
            skip_bytes: 0,
        };
        // Another tunnel may not have written anything yet; this one takes its place.
        self.sm.tunnel.reset(self.guard);
        self.with_ua(|ua| ua.in_tunnel = true);
        self.sm.tunnel.tunnel_run(self.guard, production, &[(TunnelType::HttpClient, ua_vc)]);
    }

    /// The origin server has sent its answer, or failed to.
    pub(super) fn tunnel_handler_server(self, event: EventCode) {
        let tunnel = &self.sm.tunnel;
        if tunnel.producer_kind(self.guard) != Some(TunnelType::HttpServer) {
            return;
        }
        if self.state.milestone(Milestone::ServerConnect).is_some() {
            self.mark(Milestone::ServerClose);
        }
        let config = self.config();
        let mut close = {
            let t_state = self.state.t_state.borrow();
            let eos = self.with_server(|server| server.eos).unwrap_or(true);
            !t_state.server_keep_alive
                || eos
                || t_state.plugin_tunnel_type != PluginTunnel::None
                || !config.keep_alive_enabled_out
        };
        match event {
            EventCode::VC_EVENT_READ_COMPLETE | EventCode::HTTP_TUNNEL_EVENT_PRECOMPLETE => {
                if tunnel.is_truncated(self.guard) {
                    // No more bytes will come, and the answer is not complete.
                    tunnel.local_finish_all(self.guard);
                    self.no_keep_alive();
                    close = true;
                } else if tunnel.chunked_bytes(self.guard).is_some() {
                    tunnel.local_finish_all(self.guard);
                    // The answer ends with the last chunk.
                    close |= tunnel.chunked_bytes(self.guard).is_some_and(|(_, unread)| unread > 0);
                }
            }
            // However it has ended: an answer without a length may be complete.
            _ if !self.is_http_server_eos_truncation() => {
                close = true;
                tunnel.local_finish_all(self.guard);
            }
            _ => {
                close = true;
                tunnel.chain_abort_all(self.guard);
                self.forget_aborted_ua();
                self.no_keep_alive();
            }
        }
        let server = self.state.server.take();
        let Some(server) = server else { return };
        let session = server.remove_entry(self.guard);
        if close {
            session.do_io_close();
        } else {
            self.release_server(session);
        }
    }

    /// The client has taken the answer, or has gone.
    pub(super) fn tunnel_handler_ua(self, event: EventCode) {
        let tunnel = &self.sm.tunnel;
        let complete = event == EventCode::VC_EVENT_WRITE_COMPLETE;
        self.mark(Milestone::UaClose);
        self.count_answer();
        if !complete {
            let server_was_read = tunnel.is_producer_alive(self.guard)
                && tunnel.producer_kind(self.guard) == Some(TunnelType::HttpServer);
            tunnel.chain_abort_all(self.guard);
            if server_was_read {
                let server = self.state.server.take();
                if let Some(server) = server {
                    server.session.closed();
                }
            }
        }
        let ua = self.with_ua(|ua| ua.session.clone());
        self.forget_ua();
        let Some(session) = ua else { return };
        let (keep_alive, post, internal) = {
            let t_state = self.state.t_state.borrow();
            let post = t_state.client_request.method == b"POST" && !t_state.is_internal_request;
            (
                t_state.client_keep_alive == Some(true),
                post,
                t_state.source == crate::transact::Source::Internal,
            )
        };
        if complete && keep_alive {
            session.release(self.guard, self.cont());
            return;
        }
        if complete && post && !internal {
            // Some of the body may still be under way; a reset would destroy the
            // answer.
            session.set_half_close_flag(self.guard);
        }
        session.do_io_close(self.guard);
    }

    /// The client has taken all that it will take of the answer.
    fn count_answer(self) {
        let written = self.sm.tunnel.bytes_written(self.guard, 0);
        let body = (written - self.state.client_response_hdr_bytes.get()).max(0);
        self.state.counts.client_response_body.set(body);
        if self.state.t_state.borrow().source == crate::transact::Source::OriginServer {
            self.state.counts.server_response_body.set(body);
        }
    }

    /// True if the answer was cut off.
    fn is_http_server_eos_truncation(self) -> bool {
        if self.sm.tunnel.is_truncated(self.guard) {
            return true;
        }
        // An answer with a length does not end with the end of the stream.
        self.state.t_state.borrow().response_content_length.is_some_and(|length| length > 0)
    }

    fn no_keep_alive(self) {
        let mut t_state = self.state.t_state.borrow_mut();
        t_state.client_keep_alive = Some(false);
        t_state.server_keep_alive = false;
    }

    /// The tunnel has closed the client's connection.
    fn forget_aborted_ua(self) {
        let session = self.with_ua(|ua| ua.session.clone());
        self.forget_ua();
        if let Some(session) = session {
            session.vc_is_closed(self.guard);
        }
    }
}
