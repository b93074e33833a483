//! `CONNECT`: a tunnel to the target that the client names, or to a plugin that answers in its place.
//!
//! Mirrors `state_raw_http_server_open`, `setup_blind_tunnel` and
//! `HttpTransact::OriginServerRawOpen` (9.2.9). A new connection only means that
//! connecting has begun: as in the original the client gets 200 then, and sees its
//! connection closed if no program listens.

use std::sync::Weak;

use eventsys::Guard;
use iocore::NetVcRef;

use super::{HttpSM, Run, SmState};
use crate::hooks::HttpHook;
use crate::server_session::ServerSession;
use crate::transact::ResponseNext;
use crate::tunnel::{BlindTunnel, BlindTunnelOwner};

impl Run<'_> {
    /// No cache lookup and no request: the machine only makes a connection.
    pub(super) fn open_tunnel(self) {
        self.state.t_state.borrow_mut().is_tunnel = true;
        self.do_http_server_open();
    }

    /// The connection is there.
    pub(super) fn raw_server_is_open(self, vc: NetVcRef) {
        let proxy = &self.sm.proxy;
        let session = ServerSession::new(proxy, self.guard, &self.cont(), vc, self.origin(), false);
        self.set_server(session);
        let timeout = self.conf().transaction_no_activity_timeout_out;
        self.with_server(|server| server.session.vc().set_inactivity_timeout(timeout));
        self.state.t_state.borrow_mut().raw_open(&self.conf());
        self.state.transfer.set(ResponseNext::Tunnel);
        self.do_api_callout(HttpHook::SendResponseHdr);
    }

    /// The plugins have seen the answer: it goes out, and then all bytes that
    /// come.
    pub(super) fn setup_blind_tunnel(self) {
        let server = self.with_server(|server| server.session.vc().clone());
        let ua = self.with_ua(|ua| (ua.vc.clone(), ua.eos));
        let (Some(server_vc), Some((ua_vc, eos)), Some(from_client)) =
            (server, ua, self.ua_reader())
        else {
            self.state.terminate_sm.set(true);
            return;
        };
        self.set_state(SmState::Tunnel);
        let owner: Weak<dyn BlindTunnelOwner> = self.sm.this.clone() as Weak<dyn BlindTunnelOwner>;
        let mark = self.conf().default_buffer_water_mark;
        let vcs = [ua_vc, server_vc];
        let tunnel = BlindTunnel::new(self.guard, self.sm.sm.mutex(), owner, vcs, mark);
        let mut head = Vec::with_capacity(256);
        if let Some(response) = &self.state.t_state.borrow().client_response {
            response.print(&mut head);
        }
        tunnel.buffer(self.guard, 1).write(self.guard, &head);
        // Bytes behind the client's request are not for the proxy.
        let (id, all) = (from_client.id(), from_client.read_avail(self.guard));
        from_client.buffer().with(self.guard, |from| {
            tunnel.buffer(self.guard, 0).with(self.guard, |to| to.write_from(from, id, all, 0));
        });
        from_client.consume(self.guard, all);
        *self.state.blind_tunnel.borrow_mut() = Some(tunnel.clone());
        tunnel.run(self.guard, [eos, false]);
    }

    /// The tunnel has closed both connections.
    fn blind_tunnel_is_done(self) {
        let tunnel = self.state.blind_tunnel.take();
        drop(tunnel);
        let server = self.state.server.take();
        if let Some(server) = server {
            server.session.closed();
        }
        let session = self.with_ua(|ua| ua.session.clone());
        self.forget_ua();
        if let Some(session) = session {
            session.vc_is_closed(self.guard);
        }
        self.state.terminate_sm.set(true);
    }
}

impl BlindTunnelOwner for HttpSM {
    fn blind_tunnel_done(&self, guard: &Guard<'_>) {
        self.enter(guard, |run| run.blind_tunnel_is_done());
    }
}
