//! The inactivity cop: it finds the connections that have timed out.
//!
//! Mirrors `InactivityCop` of `iocore/net/UnixNet.cc` (9.2.9, and 10.2.0 for the default timeout of
//! each connection).
//!
//! Once a second it checks the connections that it entered the last time and that
//! have had no edge since; then it enters all open ones for the next time. So it
//! never checks a connection that is always busy, and a timeout is late by one to
//! two seconds.

use std::sync::{Arc, Weak};

use eventsys::sync::AtomicTime;
use eventsys::{Continuation, ContinuationBase, Data, EventCode, Guard, Invocation, Outcome};

use super::config::NetVcRelease;
use super::handler::NetHandler;
use super::vc::UnixNetVConnection;
use crate::net_vconnection::NetVConnection;
use crate::vio::VioOp;

/// Looks after the timeouts of one thread's connections, under H.
pub(super) struct InactivityCop {
    base: ContinuationBase,
    nh: Weak<NetHandler>,
}

impl InactivityCop {
    pub(super) fn new(nh: &Arc<NetHandler>) -> Arc<InactivityCop> {
        let base = ContinuationBase::new(Arc::clone(nh.mutex()));
        Arc::new(InactivityCop { base, nh: Arc::downgrade(nh) })
    }
}

impl Continuation for InactivityCop {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    /// `check_inactivity`.
    fn handle_event(&self, call: &Invocation<'_>, _: EventCode, _: Data<'_>) -> Outcome {
        if let Some(nh) = self.nh.upgrade() {
            nh.check_inactivity(call.guard());
        }
        Outcome::Done
    }
}

impl NetHandler {
    fn check_inactivity(&self, h: &Guard<'_>) {
        let now = self.shared().clock.get_hrtime_updated();
        loop {
            // One by one: a callback may close any of the others.
            let next = {
                let mut lists = self.lists(h).borrow_mut();
                let Some(slot) = lists.cop.dequeue() else { break };
                lists.vc(slot)
            };
            if let Some(vc) = next {
                vc.check_timeouts(self, h, now);
            }
        }
        {
            let mut lists = self.lists(h).borrow_mut();
            let mut next = lists.open.head();
            while let Some(slot) = next {
                next = lists.open.next(slot);
                lists.cop.push(slot);
            }
        }
        self.manage_active_queue(h, None, true);
        self.manage_keep_alive_queue(h);
    }
}

impl UnixNetVConnection {
    fn check_timeouts(&self, nh: &NetHandler, h: &Guard<'_>, now: eventsys::HrTime) {
        let shared = nh.shared();
        let mutex = Arc::clone(self.mutex());
        let Some(own) = mutex.try_lock() else {
            nh.counters.inactivity_cop_lock_acquire_failure.add(1);
            return;
        };
        if self.is_closed() {
            nh.free_netevent(h, self);
            return;
        }
        let default = self.default_inactivity(shared.config.default_inactivity_timeout);
        let wants = |op| self.net_state(op).enabled.is_set();
        if shared.config.release == NetVcRelease::V9_2
            && self.next_inactivity_timeout_at.get().is_none()
            && default > 0
            && (wants(VioOp::Read) || wants(VioOp::Write))
        {
            self.run_default_inactivity(default);
            nh.counters.default_inactivity_timeout_applied.add(1);
        }
        let is_due = |which: &AtomicTime| which.get().is_some_and(|at| at < now);
        if is_due(&self.next_inactivity_timeout_at) {
            if self.is_default_inactivity_timeout() {
                nh.counters.default_inactivity_timeout_count.add(1);
            }
            if self.slot().is_some_and(|slot| self.is_kept_alive(nh, h, slot)) {
                nh.counters.keep_alive_queue_timeout_count.add(1);
            }
            self.main_event(nh, h, &own, EventCode::VC_EVENT_INACTIVITY_TIMEOUT);
        } else if is_due(&self.next_activity_timeout_at) {
            self.main_event(nh, h, &own, EventCode::VC_EVENT_ACTIVE_TIMEOUT);
        }
    }

    fn is_kept_alive(&self, nh: &NetHandler, h: &Guard<'_>, slot: usize) -> bool {
        nh.lists(h).borrow().keep_alive.contains(slot)
    }
}
