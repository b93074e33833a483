//! Sends events to state machines, and disables a direction.
//!
//! Mirrors `read_signal_and_update`, `read_signal_done`, `read_signal_error` and
//! their counterparts for writing, `net_activity`, `read_disable` and
//! `write_disable` (9.2.9). All of this runs on the connection's thread, under H.

use crate::net::steps;
use eventsys::hrtime::after;
use eventsys::sync::atomic::Ordering;
use eventsys::{Data, EventCode, Guard, Outcome, call};

use super::UnixNetVConnection;
use crate::events::event_name;
use crate::net::config::NetVcRelease;
use crate::net::handler::NetHandler;
use crate::net_vconnection::NetVConnection;
use crate::vio::VioOp;

impl UnixNetVConnection {
    /// Bytes have moved. Mirrors `net_activity`.
    pub(super) fn net_activity(&self) {
        let at = self.inactivity_timeout_in.get().map(|timeout| after(self.now(), timeout));
        self.next_inactivity_timeout_at.set(at);
    }

    /// The user asks for nothing in this direction. If he asks for nothing in the
    /// other one either, the inactivity timeout stops; in 8.1 it is taken back, which sets the
    /// default one. Mirrors `read_disable` and `write_disable`.
    pub(super) fn disable(&self, nh: &NetHandler, h: &Guard<'_>, op: VioOp) {
        let other = if op == VioOp::Write { &self.read } else { &self.write };
        if !other.enabled.is_set() {
            match self.shared.config.release {
                NetVcRelease::V8_1 => self.set_inactivity_timeout(0),
                NetVcRelease::V9_2 => self.next_inactivity_timeout_at.set(None),
            }
        }
        self.net_state(op).enabled.clear();
        nh.remove_ready(h, self, op);
    }

    /// The socket has nothing for us; an edge will come when it does.
    pub(super) fn untrigger(&self, nh: &NetHandler, h: &Guard<'_>, op: VioOp) {
        self.net_state(op).triggered.clear();
        nh.remove_ready(h, self, op);
    }

    /// Calls the state machine of one direction back; `lock` is of its VIO's mutex.
    /// `Done` if the connection has been freed since. Mirrors
    /// `read_signal_and_update` and `write_signal_and_update`.
    ///
    /// # Panics
    /// If there is no continuation, and the event is not one that closes the
    /// connection then.
    pub(super) fn signal_and_update(
        &self,
        nh: &NetHandler,
        h: &Guard<'_>,
        lock: &Guard<'_>,
        op: VioOp,
        event: EventCode,
    ) -> Outcome {
        let kind =
            if op == VioOp::Write { steps::NET_SIGNAL_WRITE } else { steps::NET_SIGNAL_READ };
        self.report(kind, Some(i64::from(event.0)));
        let vio = &self.net_state(op).vio;
        let depth = self.recursion.load(Ordering::Relaxed);
        self.recursion.store(depth + 1, Ordering::Relaxed);
        vio.with_continuation(lock, |cont| match cont {
            Some(cont) if cont.base().mutex().is_some_and(|mutex| lock.is_of(mutex)) => {
                call(cont, Some(lock), event, Data::Object(vio));
            }
            _ => match event {
                EventCode::VC_EVENT_EOS
                | EventCode::VC_EVENT_ERROR
                | EventCode::VC_EVENT_ACTIVE_TIMEOUT
                | EventCode::VC_EVENT_INACTIVITY_TIMEOUT => self.closed.set(),
                _ => panic!(
                    "Unexpected event {} for a connection without a state machine",
                    event.shown_by(event_name)
                ),
            },
        });
        self.recursion.store(depth, Ordering::Relaxed);
        if depth == 0 && self.closed.is_set() {
            nh.free_netevent(h, self);
            return Outcome::Done;
        }
        Outcome::Cont
    }

    /// As [`UnixNetVConnection::signal_and_update`], for the last event of an operation. Mirrors
    /// `read_signal_done` and `write_signal_done`.
    pub(super) fn signal_done(
        &self,
        nh: &NetHandler,
        h: &Guard<'_>,
        lock: &Guard<'_>,
        op: VioOp,
        event: EventCode,
    ) {
        self.net_state(op).enabled.clear();
        if self.signal_and_update(nh, h, lock, op, event) == Outcome::Cont {
            nh.reschedule(h, self, op);
        }
    }

    pub(super) fn signal_error(
        &self,
        nh: &NetHandler,
        h: &Guard<'_>,
        lock: &Guard<'_>,
        op: VioOp,
        error: i32,
    ) {
        self.lerrno.store(error, Ordering::Relaxed);
        self.signal_done(nh, h, lock, op, EventCode::VC_EVENT_ERROR);
    }
}
