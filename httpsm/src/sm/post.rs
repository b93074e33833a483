//! The request's body, from the client to the origin server.
//!
//! Mirrors `do_setup_post_tunnel`, `tunnel_handler_post`,
//! `tunnel_handler_post_ua`, `tunnel_handler_post_server`, `handle_post_failure`,
//! `setup_100_continue_transfer` and `tunnel_handler_100_continue` (9.2.9). **Different**: an interim
//! answer that no body waits for. **Could you tell?** Yes: see [`Run::interim_beside_body`] and
//! [`Run::continue_was_not_due`].

use eventsys::EventCode;
use iocore::ShutdownHowTo;

use super::{HeadText, Post, Run, SmState};
use crate::events::HttpEvents;
use crate::hooks::HttpHook;
use crate::transact::{ResponseNext, ServerState};
use crate::tunnel::{Production, TunnelChunkingAction, TunnelType};

impl Run<'_> {
    /// The request's head is out: its body follows.
    pub(super) fn do_setup_post_tunnel(self) {
        if self.sm.tunnel.is_tunnel_active(self.guard) {
            // The answer came before the request was written, and is on its way. The original begins a
            // second tunnel beside it, and dies when one of them ends (`answer-and-a-body` in the register
            // of deviations).
            return;
        }
        let (chunked, length) = {
            let mut t_state = self.state.t_state.borrow_mut();
            t_state.body_tunneled = true;
            (
                t_state.client_chunked || t_state.request_content_length.is_none(),
                t_state.request_content_length,
            )
        };
        let (Some(ua_reader), Some(ua_vc)) = (self.ua_reader(), self.with_ua(|ua| ua.vc.clone()))
        else {
            return;
        };
        let Some(server_vc) = self.with_server(|server| server.session.vc().clone()) else {
            return;
        };
        self.set_state(SmState::TunnelPost);
        self.state.post.set(Post::Unknown);

        let buffer = self.new_buffer(length.unwrap_or(8192));
        buffer.set_water_mark(self.guard, self.conf().default_buffer_water_mark);
        let start = buffer.alloc_reader(self.guard).expect("the first of five");
        // What came behind the head. It stays in the client's buffer: for a chunked body it is not
        // known yet how much of it belongs to this request.
        let copy = if chunked { i64::MAX } else { length.unwrap_or(0) };
        let id = ua_reader.id();
        ua_reader.buffer().with(self.guard, |from| {
            buffer.with(self.guard, |to| to.write_from(from, id, copy, 0));
        });
        let config = self.config();
        ua_vc.set_inactivity_timeout(config.transaction_no_activity_timeout_in);
        server_vc.set_inactivity_timeout(config.transaction_no_activity_timeout_out);
        let action = match chunked {
            true => TunnelChunkingAction::PassthruChunked,
            false => TunnelChunkingAction::Passthru,
        };
        let production = Production {
            kind: TunnelType::HttpClient,
            vc: Some(ua_vc),
            // A client that has ended its side may still have sent all of it. If not, the
            // tunnel meets the end, and until then the origin server may answer the head.
            nbytes: length.filter(|_| !chunked),
            start,
            action,
            skip_bytes: 0,
        };
        self.with_ua(|ua| ua.in_tunnel = true);
        self.with_server(|server| server.in_tunnel = true);
        self.sm.tunnel.tunnel_run(self.guard, production, &[(TunnelType::HttpServer, server_vc)]);
    }

    /// The client has sent its body, or failed to.
    pub(super) fn tunnel_handler_post_ua(self, event: EventCode) {
        let tunnel = &self.sm.tunnel;
        self.take_body_bytes();
        match event {
            EventCode::VC_EVENT_READ_COMPLETE | EventCode::HTTP_TUNNEL_EVENT_PRECOMPLETE
                if !tunnel.is_truncated(self.guard) =>
            {
                if self.state.post.get() == Post::Unknown {
                    self.state.post.set(Post::Success);
                }
                tunnel.local_finish_all(self.guard);
                let this = self.cont();
                self.with_ua(|ua| {
                    ua.in_tunnel = false;
                    ua.vc.cancel_inactivity_timeout();
                    // Only to notice the client's end.
                    let read = ua.vc.do_io_read(self.guard, Some(this), i64::MAX, Some(&ua.buffer));
                    ua.read_vio = Some(read);
                });
            }
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT | EventCode::VC_EVENT_ACTIVE_TIMEOUT => {
                self.state.post.set(Post::UaFail);
                self.note_client_timeout(event);
                tunnel.chain_abort_all(self.guard);
                self.forget_closed_server();
                let config = self.config();
                self.with_ua(|ua| {
                    // In the original no state machine reads from it any more, and the next timeout
                    // closes it; what is done with it then is done with freed memory.
                    ua.in_tunnel = false;
                    // The client has the same time again to take the answer.
                    ua.vc.set_inactivity_timeout(config.transaction_no_activity_timeout_in);
                    ua.vc.set_active_timeout(config.transaction_active_timeout_in);
                });
            }
            _ => {
                self.state.post.set(Post::UaFail);
                self.state.t_state.borrow_mut().client_timed_out = None;
                tunnel.chain_abort_all(self.guard);
                self.forget_closed_server();
                let session = self.with_ua(|ua| ua.session.clone());
                self.forget_ua();
                if let Some(session) = session {
                    session.do_io_close(self.guard);
                }
            }
        }
    }

    /// The origin server has taken the body, or failed to.
    pub(super) fn tunnel_handler_post_server(self, event: EventCode) {
        let written = self.sm.tunnel.bytes_written(self.guard, 0);
        self.state.counts.server_request_body.set(written);
        if event == EventCode::VC_EVENT_WRITE_COMPLETE {
            self.with_server(|server| server.in_tunnel = false);
            return;
        }
        {
            let errno = self.with_server(|server| server.session.vc().lerrno()).unwrap_or(0);
            let mut t_state = self.state.t_state.borrow_mut();
            (t_state.current_state, t_state.cause_of_death_errno) = match event {
                EventCode::VC_EVENT_INACTIVITY_TIMEOUT => {
                    (ServerState::InactiveTimeout, libc::ETIMEDOUT)
                }
                EventCode::VC_EVENT_ACTIVE_TIMEOUT => (ServerState::ActiveTimeout, libc::ETIMEDOUT),
                EventCode::VC_EVENT_EOS => (ServerState::ConnectionClosed, libc::EPIPE),
                _ => (ServerState::ConnectionClosed, errno),
            };
        }
        // It may have answered without reading everything; the bytes that have come count.
        let vc = self.with_server(|server| {
            server.eos = true;
            server.session.vc().clone()
        });
        if let Some(vc) = vc {
            vc.do_io_shutdown(ShutdownHowTo::Write);
        }
        // Timeouts of the client come to this machine again.
        let this = self.cont();
        self.with_ua(|ua| {
            let read = ua.vc.do_io_read(self.guard, Some(this), i64::MAX, Some(&ua.buffer));
            ua.read_vio = Some(read);
        });
        self.sm.tunnel.detach_producer(self.guard);
        if self.state.post.get() != Post::UaFail {
            self.state.post.set(Post::ServerFail);
        }
    }

    /// Both are done with the body.
    pub(super) fn tunnel_handler_post(self) {
        self.sm.tunnel.reset(self.guard);
        match self.state.post.get() {
            Post::Success | Post::Unknown => {
                self.is_out_of_the_tunnel();
                if self.state.response_hdr_is_read.get() {
                    // It came before the body was begun, and is on its way to the client: its
                    // plugins are called once more.
                    self.state.t_state.borrow_mut().current_state = ServerState::ConnectionAlive;
                    self.do_api_callout(HttpHook::ReadResponseHdr);
                } else if self.state.server.borrow().is_some() {
                    self.set_state(SmState::ReadServerResponseHeader);
                }
            }
            Post::ServerFail => self.handle_post_failure(),
            Post::UaFail => {
                let timed_out = self.state.t_state.borrow().client_timed_out;
                match timed_out {
                    Some(state) if self.state.ua.borrow().is_some() => {
                        self.state.t_state.borrow_mut().post_timeout(&self.conf(), state);
                        self.send_error();
                    }
                    _ => self.state.terminate_sm.set(true),
                }
            }
        }
    }

    /// The tunnel is over, so both connections are closed like any other.
    fn is_out_of_the_tunnel(self) {
        self.with_ua(|ua| ua.in_tunnel = false);
        self.with_server(|server| server.in_tunnel = false);
    }

    fn handle_post_failure(self) {
        self.is_out_of_the_tunnel();
        let this = self.cont();
        self.with_ua(|ua| {
            let read = ua.vc.do_io_read(self.guard, Some(this), 0, Some(&ua.buffer));
            ua.read_vio = Some(read);
        });
        {
            let mut t_state = self.state.t_state.borrow_mut();
            t_state.client_keep_alive = Some(false);
            t_state.server_keep_alive = false;
            if matches!(
                t_state.current_state,
                ServerState::Undefined | ServerState::ConnectionAlive
            ) {
                t_state.current_state = ServerState::ConnectionClosed;
            }
        }
        self.handle_response();
    }

    /// The body's bytes are taken from the client's buffer; what was read beyond
    /// the end of a chunked body is put back there, as the next request.
    fn take_body_bytes(self) {
        let Some(ua_reader) = self.ua_reader() else { return };
        let tunnel = &self.sm.tunnel;
        let waiting = ua_reader.read_avail(self.guard);
        let (body, moved) = match tunnel.chunked_bytes(self.guard) {
            Some((consumed, _)) => (consumed, consumed),
            None => {
                let body = self.state.t_state.borrow().request_content_length.unwrap_or(0);
                (body, body.min(waiting + tunnel.bytes_read(self.guard)))
            }
        };
        self.state.counts.client_request_body.set(moved);
        let taken = body.min(waiting);
        ua_reader.consume(self.guard, taken);
        if let Some(rest) = tunnel.unread(self.guard).filter(|_| taken == waiting) {
            let (id, all) = (rest.id(), rest.read_avail(self.guard));
            rest.buffer().with(self.guard, |from| {
                ua_reader.buffer().with(self.guard, |to| to.write_from(from, id, all, 0));
            });
            rest.consume(self.guard, all);
        }
    }

    /// The tunnel has closed the server's connection.
    fn forget_closed_server(self) {
        let server = self.state.server.take();
        if let Some(server) = server {
            server.session.closed();
        }
    }

    /// An interim answer goes to the client while the next head is looked for.
    pub(super) fn setup_100_continue_transfer(self) {
        let head = self.interim_head();
        let Some(ua_vc) = self.with_ua(|ua| ua.vc.clone()) else { return };
        self.set_state(SmState::Tunnel100Continue);
        self.state.continue_sent_well.set(false);
        let buffer = self.new_buffer(4096);
        let start = buffer.alloc_reader(self.guard).expect("the first of five");
        let nbytes = buffer.write(self.guard, &head);
        let production = Production {
            kind: TunnelType::Static,
            vc: None,
            nbytes: Some(nbytes),
            start,
            action: TunnelChunkingAction::Passthru,
            skip_bytes: 0,
        };
        self.with_ua(|ua| ua.in_tunnel = true);
        self.sm.tunnel.tunnel_run(self.guard, production, &[(TunnelType::HttpClient, ua_vc)]);
        self.setup_server_read_response_header();
    }

    pub(super) fn tunnel_handler_100_continue_ua(self, event: EventCode) {
        if event == EventCode::VC_EVENT_WRITE_COMPLETE {
            self.state.continue_sent_well.set(true);
            self.with_ua(|ua| ua.in_tunnel = false);
            return;
        }
        let session = self.with_ua(|ua| ua.session.clone());
        self.forget_ua();
        if let Some(session) = session {
            session.do_io_close(self.guard);
        }
    }

    pub(super) fn tunnel_handler_100_continue(self) {
        if !self.state.continue_sent_well.get() {
            self.state.terminate_sm.set(true);
            return;
        }
        self.sm.tunnel.reset(self.guard);
        let (body, waiting) = {
            let t_state = self.state.t_state.borrow();
            (t_state.has_request_body() && !t_state.body_tunneled, t_state.continue_required)
        };
        if self.with_server(|server| server.eos).unwrap_or(true) {
            self.handle_server_setup_error(EventCode::VC_EVENT_EOS);
        } else if body && waiting {
            self.do_setup_post_tunnel();
        } else {
            self.continue_was_not_due();
            self.set_state(SmState::ReadServerResponseHeader);
        }
    }

    /// The origin server says `100 Continue`, and no body waits for it. The original sets up a
    /// tunnel for the body all the same, which reads what the client sends next as that body; the
    /// answer ends it, and with it both connections. Here only the connections end.
    fn continue_was_not_due(self) {
        let mut t_state = self.state.t_state.borrow_mut();
        t_state.client_keep_alive = Some(false);
        t_state.server_keep_alive = false;
        t_state.tunnel_aborted = true;
    }

    /// True if the head that has been read is an interim answer, and the body is under way.
    pub(super) fn is_interim_beside_body(self) -> bool {
        self.state.sm_state.get() == SmState::TunnelPost
            && self.sm.tunnel.is_tunnel_active(self.guard)
            && self.state.t_state.borrow().is_interim()
    }

    /// The interim answer goes to the client, and the body goes on. The original stops the body and
    /// begins it anew: it sends the bytes that came with the head twice, and loses those that it
    /// has read but not sent. It also calls the plugins of READ_RESPONSE_HDR, which would hold the
    /// body up here.
    pub(super) fn interim_beside_body(self, eos: bool) {
        self.continue_was_not_due();
        let config = self.config();
        let next = {
            let mut t_state = self.state.t_state.borrow_mut();
            t_state.now = self.sm.proxy.local_time();
            t_state.current_state = ServerState::ConnectionAlive;
            t_state.handle_response(&config, true)
        };
        if next == ResponseNext::Interim {
            self.send_interim();
        }
        let more = self.with_server(|server| server.session.reader());
        if eos && more.is_none_or(|reader| reader.read_avail(self.guard) == 0) {
            self.handle_server_setup_error(EventCode::VC_EVENT_EOS);
        } else {
            self.setup_server_read_response_header();
        }
    }

    /// Writes the interim answer beside the tunnel, which only reads from the client.
    fn send_interim(self) {
        let head = self.interim_head();
        let buffer = self.new_buffer(4096);
        let reader = buffer.alloc_reader(self.guard).expect("the first of five");
        let nbytes = buffer.write(self.guard, &head);
        let this = self.cont();
        self.with_ua(|ua| {
            let write = ua.vc.do_io_write(self.guard, Some(this), nbytes, Some(&reader));
            ua.write_vio = Some(write);
        });
        *self.state.interim.borrow_mut() = Some(reader);
    }

    /// The head of an interim answer, behind what the client has not taken yet of the one before.
    fn interim_head(self) -> HeadText {
        let mut head = self.rest_of_interim();
        if let Some(response) = self.state.t_state.borrow_mut().client_response.take() {
            response.print(&mut head);
        }
        head
    }

    /// What the client has not taken yet of an interim answer: it stands before what follows.
    pub(super) fn rest_of_interim(self) -> HeadText {
        let interim = self.state.interim.take();
        let mut rest = HeadText::new();
        let Some(reader) = interim else { return rest };
        rest.resize(usize::try_from(reader.read_avail(self.guard)).unwrap_or(0), 0);
        reader.read(self.guard, &mut rest);
        rest
    }

    /// Stops the tunnel and keeps the connections. Mirrors the call of `HttpTunnel::abort_tunnel` and
    /// what follows it.
    pub(super) fn abort_tunnel(self) {
        let server_alive = self.sm.tunnel.is_tunnel_alive(self.guard);
        self.sm.tunnel.abort_tunnel(self.guard);
        if server_alive {
            // Something may be left over on either side.
            let mut t_state = self.state.t_state.borrow_mut();
            t_state.client_keep_alive = Some(false);
            t_state.server_keep_alive = false;
            t_state.tunnel_aborted = true;
        }
    }
}
