//! The request's body, from the client to the origin server.
//!
//! Mirrors `do_setup_post_tunnel`, `tunnel_handler_post`,
//! `tunnel_handler_post_ua`, `tunnel_handler_post_server`, `handle_post_failure`,
//! `setup_100_continue_transfer` and `tunnel_handler_100_continue` (9.2.9).

use eventsys::EventCode;
use iocore::ShutdownHowTo;

use super::{Post, Run, SmState};
use crate::transact::ServerState;
use crate::tunnel::{HTTP_TUNNEL_EVENT_PRECOMPLETE, Production, TunnelChunkingAction, TunnelType};

impl Run<'_> {
    /// The request's head is out: its body follows.
    pub(super) fn do_setup_post_tunnel(self) {
        let (chunked, length) = {
            let mut t = self.s.t.borrow_mut();
            t.body_tunneled = true;
            (t.client_chunked || t.request_content_length.is_none(), t.request_content_length)
        };
        let (Some(ua_reader), Some(ua_vc)) = (self.ua_reader(), self.with_ua(|ua| ua.vc.clone()))
        else {
            return;
        };
        let Some(server_vc) = self.with_server(|server| server.session.vc().clone()) else {
            return;
        };
        self.set_state(SmState::TunnelPost);
        self.s.post.set(Post::Unknown);

        let buffer = self.new_buffer(length.unwrap_or(8192));
        buffer.set_water_mark(self.g, self.sm.proxy.config().default_buffer_water_mark);
        let start = buffer.alloc_reader(self.g).expect("the first of five");
        // What came behind the head. It is not taken from the client's buffer yet:
        // of a chunked body nobody knows how much of it belongs to this request.
        let copy = if chunked { i64::MAX } else { length.unwrap_or(0) };
        let id = ua_reader.id();
        ua_reader.buffer().with(self.g, |from| {
            buffer.with(self.g, |to| to.write_from(from, id, copy, 0));
        });
        let config = self.sm.proxy.config();
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
        self.sm.tunnel.tunnel_run(self.g, production, &[(TunnelType::HttpServer, server_vc)]);
    }

    /// The client has sent its body, or has not.
    pub(super) fn tunnel_handler_post_ua(self, event: EventCode) {
        let tunnel = &self.sm.tunnel;
        self.take_body_bytes();
        match event {
            EventCode::VC_EVENT_READ_COMPLETE | HTTP_TUNNEL_EVENT_PRECOMPLETE
                if !tunnel.is_truncated(self.g) =>
            {
                if self.s.post.get() == Post::Unknown {
                    self.s.post.set(Post::Success);
                }
                tunnel.local_finish_all(self.g);
                let this = self.cont();
                self.with_ua(|ua| {
                    ua.vc.cancel_inactivity_timeout();
                    // Only to notice when it goes away.
                    let read = ua.vc.do_io_read(self.g, Some(this), i64::MAX, Some(&ua.buffer));
                    ua.read_vio = Some(read);
                });
            }
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT | EventCode::VC_EVENT_ACTIVE_TIMEOUT => {
                self.s.post.set(Post::UaFail);
                self.note_client_timeout(event);
                tunnel.chain_abort_all(self.g);
                self.forget_closed_server();
                let config = self.sm.proxy.config();
                self.with_ua(|ua| {
                    // It has as long again to take the answer.
                    ua.vc.set_inactivity_timeout(config.transaction_no_activity_timeout_in);
                    ua.vc.set_active_timeout(config.transaction_active_timeout_in);
                });
            }
            _ => {
                self.s.post.set(Post::UaFail);
                self.s.t.borrow_mut().client_timed_out = None;
                tunnel.chain_abort_all(self.g);
                self.forget_closed_server();
                let session = self.with_ua(|ua| ua.session.clone());
                self.forget_ua();
                if let Some(session) = session {
                    session.do_io_close(self.g);
                }
            }
        }
    }

    /// The origin server has taken the body, or has not.
    pub(super) fn tunnel_handler_post_server(self, event: EventCode) {
        if event == EventCode::VC_EVENT_WRITE_COMPLETE {
            return;
        }
        {
            let errno = self.with_server(|server| server.session.vc().lerrno()).unwrap_or(0);
            let mut t = self.s.t.borrow_mut();
            (t.current_state, t.cause_of_death_errno) = match event {
                EventCode::VC_EVENT_INACTIVITY_TIMEOUT => (ServerState::InactiveTimeout, 110),
                EventCode::VC_EVENT_ACTIVE_TIMEOUT => (ServerState::ActiveTimeout, 110),
                EventCode::VC_EVENT_EOS => (ServerState::ConnectionClosed, 32),
                _ => (ServerState::ConnectionClosed, errno),
            };
        }
        // It may have answered without reading everything; what has come counts.
        let vc = self.with_server(|server| {
            server.eos = true;
            server.session.vc().clone()
        });
        if let Some(vc) = vc {
            vc.do_io_shutdown(ShutdownHowTo::Write);
        }
        // Timeouts of the client are for this machine again.
        let this = self.cont();
        self.with_ua(|ua| {
            let read = ua.vc.do_io_read(self.g, Some(this), i64::MAX, Some(&ua.buffer));
            ua.read_vio = Some(read);
        });
        self.sm.tunnel.detach_producer(self.g);
        if self.s.post.get() != Post::UaFail {
            self.s.post.set(Post::ServerFail);
        }
    }

    /// Both are done with the body.
    pub(super) fn tunnel_handler_post(self) {
        self.sm.tunnel.reset(self.g);
        match self.s.post.get() {
            Post::Success | Post::Unknown => {
                if self.s.server.borrow().is_some() {
                    self.set_state(SmState::ReadServerResponseHeader);
                }
            }
            Post::ServerFail => self.handle_post_failure(),
            Post::UaFail => {
                let timed_out = self.s.t.borrow().client_timed_out;
                match timed_out {
                    Some(state) if self.s.ua.borrow().is_some() => {
                        self.s.t.borrow_mut().post_timeout(self.sm.proxy.config(), state);
                        self.send_error();
                    }
                    _ => self.s.terminate_sm.set(true),
                }
            }
        }
    }

    fn handle_post_failure(self) {
        let this = self.cont();
        self.with_ua(|ua| {
            let read = ua.vc.do_io_read(self.g, Some(this), 0, Some(&ua.buffer));
            ua.read_vio = Some(read);
        });
        {
            let mut t = self.s.t.borrow_mut();
            t.client_keep_alive = false;
            t.server_keep_alive = false;
            if matches!(t.current_state, ServerState::Undefined | ServerState::ConnectionAlive) {
                t.current_state = ServerState::ConnectionClosed;
            }
        }
        self.handle_response();
    }

    /// The body's bytes are taken from the client's buffer; what was read beyond
    /// the end of a chunked body is put back there, as the next request.
    fn take_body_bytes(self) {
        let Some(ua_reader) = self.ua_reader() else { return };
        let tunnel = &self.sm.tunnel;
        let waiting = ua_reader.read_avail(self.g);
        let body = match tunnel.chunked_bytes(self.g) {
            Some((consumed, _)) => consumed,
            None => self.s.t.borrow().request_content_length.unwrap_or(0),
        };
        let taken = body.min(waiting);
        ua_reader.consume(self.g, taken);
        if let Some(rest) = tunnel.unread(self.g).filter(|_| taken == waiting) {
            let (id, all) = (rest.id(), rest.read_avail(self.g));
            rest.buffer().with(self.g, |from| {
                ua_reader.buffer().with(self.g, |to| to.write_from(from, id, all, 0));
            });
            rest.consume(self.g, all);
        }
    }

    /// The tunnel has closed the server's connection.
    fn forget_closed_server(self) {
        let server = self.s.server.take();
        if let Some(server) = server {
            server.session.closed();
        }
    }

    /// An interim answer goes to the client while the next head is looked for.
    pub(super) fn setup_100_continue_transfer(self) {
        let mut head = Vec::with_capacity(256);
        if let Some(response) = self.s.t.borrow_mut().client_response.take() {
            response.print(&mut head);
        }
        let Some(ua_vc) = self.with_ua(|ua| ua.vc.clone()) else { return };
        self.set_state(SmState::Tunnel100Continue);
        self.s.continue_sent_well.set(false);
        let buffer = self.new_buffer(4096);
        let start = buffer.alloc_reader(self.g).expect("the first of five");
        let nbytes = buffer.write(self.g, &head);
        let production = Production {
            kind: TunnelType::Static,
            vc: None,
            nbytes: Some(nbytes),
            start,
            action: TunnelChunkingAction::Passthru,
            skip_bytes: 0,
        };
        self.sm.tunnel.tunnel_run(self.g, production, &[(TunnelType::HttpClient, ua_vc)]);
        self.setup_server_read_response_header();
    }

    pub(super) fn tunnel_handler_100_continue_ua(self, event: EventCode) {
        if event == EventCode::VC_EVENT_WRITE_COMPLETE {
            self.s.continue_sent_well.set(true);
            return;
        }
        let session = self.with_ua(|ua| ua.session.clone());
        self.forget_ua();
        if let Some(session) = session {
            session.do_io_close(self.g);
        }
    }

    pub(super) fn tunnel_handler_100_continue(self) {
        if !self.s.continue_sent_well.get() {
            self.s.terminate_sm.set(true);
            return;
        }
        self.sm.tunnel.reset(self.g);
        let (body, waiting) = {
            let t = self.s.t.borrow();
            (t.has_request_body() && !t.body_tunneled, t.continue_required)
        };
        if self.with_server(|server| server.eos).unwrap_or(true) {
            self.handle_server_setup_error(EventCode::VC_EVENT_EOS);
        } else if body && waiting {
            self.do_setup_post_tunnel();
        } else {
            self.set_state(SmState::ReadServerResponseHeader);
        }
    }

    /// What the tunnel is doing is given up, and the connections stay. Mirrors
    /// `HttpTunnel::abort_tunnel` and what follows its call.
    pub(super) fn abort_tunnel(self) {
        let server_alive = self.sm.tunnel.is_tunnel_alive(self.g);
        self.sm.tunnel.reset(self.g);
        let this = self.cont();
        if self.s.state.get() == SmState::TunnelPost {
            self.with_ua(|ua| {
                let read = ua.vc.do_io_read(self.g, Some(this.clone()), 0, Some(&ua.buffer));
                ua.read_vio = Some(read);
            });
            self.with_server(|server| {
                let vc = server.session.vc();
                server.write_vio = Some(vc.do_io_write(self.g, Some(this.clone()), 0, None));
            });
        } else {
            self.with_ua(|ua| {
                ua.write_vio = Some(ua.vc.do_io_write(self.g, Some(this), 0, None));
            });
        }
        if server_alive {
            // Something may be left over on either side.
            let mut t = self.s.t.borrow_mut();
            t.client_keep_alive = false;
            t.server_keep_alive = false;
            t.tunnel_aborted = true;
        }
    }
}
