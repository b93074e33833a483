//! The queues of client connections: those that wait for a request, and those that
//! have one. When there are too many, the idle ones go first.
//!
//! Mirrors `manage_active_queue`, `manage_keep_alive_queue`, `_close_ne`,
//! `add_to_*_queue` and `remove_from_*_queue` of `NetHandler` (9.2.9).

use eventsys::{EventCode, Guard, HrTime};

use super::handler::NetHandler;
use super::queue::Slot;
use super::vc::UnixNetVConnection;

impl NetHandler {
    pub(super) fn add_to_keep_alive_queue(&self, h: &Guard<'_>, slot: Slot) {
        {
            let mut lists = self.lists(h).borrow_mut();
            lists.active.remove(slot);
            // Moves it to the end if it is in the queue already: it was just
            // used.
            lists.keep_alive.remove(slot);
            lists.keep_alive.enqueue(slot);
        }
        self.manage_keep_alive_queue(h);
    }

    pub(super) fn remove_from_keep_alive_queue(&self, h: &Guard<'_>, slot: Slot) {
        self.lists(h).borrow_mut().keep_alive.remove(slot);
    }

    /// False if there is no room.
    pub(super) fn add_to_active_queue(&self, h: &Guard<'_>, slot: Slot) -> bool {
        let has_room = self.manage_active_queue(h, Some(slot), false);
        let mut lists = self.lists(h).borrow_mut();
        if !lists.active.remove(slot) {
            if !has_room {
                self.counters.requests_max_throttled_in.add(1);
                return false;
            }
            lists.keep_alive.remove(slot);
        }
        lists.active.enqueue(slot);
        true
    }

    pub(super) fn remove_from_active_queue(&self, h: &Guard<'_>, slot: Slot) {
        self.lists(h).borrow_mut().active.remove(slot);
    }

    /// Closes active connections whose time is up, until there is room for one more
    /// request; all of them if `ignore_queue_size`. Skips `enabling`, which is just
    /// being entered; the cop takes care of it. True if there is room.
    pub(super) fn manage_active_queue(
        &self,
        h: &Guard<'_>,
        enabling: Option<Slot>,
        ignore_queue_size: bool,
    ) -> bool {
        let most = self.max_requests_per_thread_in;
        let has_room = || most > self.lists(h).borrow().active.len();
        if most == 0 || (!ignore_queue_size && has_room()) {
            return true;
        }
        let now = self.shared().clock.get_hrtime();
        let mut next = self.lists(h).borrow().active.head();
        while let Some(slot) = next {
            // A callback may have taken the next one out too; then the rest waits
            // for the next time. The original follows a link of freed memory.
            next = self.lists(h).borrow().active.next(slot);
            let vc = self.lists(h).borrow().vc(slot);
            if let Some(vc) = vc
                && enabling != Some(slot)
                && vc.is_timed_out(now)
            {
                self.close_netevent(h, &vc, now);
            }
            if !ignore_queue_size && has_room() {
                return true;
            }
            next = next.filter(|&next| self.lists(h).borrow().active.contains(next));
        }
        has_room()
    }

    /// Closes idle connections, the longest unused first, until their number is
    /// within the limit.
    pub(super) fn manage_keep_alive_queue(&self, h: &Guard<'_>) {
        let most = self.max_connections_per_thread_in;
        let is_too_many = || {
            let lists = self.lists(h).borrow();
            most != 0 && lists.active.len() + lists.keep_alive.len() > most
        };
        let now = self.shared().clock.get_hrtime();
        let mut next = self.lists(h).borrow().keep_alive.head();
        while let Some(slot) = next
            && is_too_many()
        {
            next = self.lists(h).borrow().keep_alive.next(slot);
            let vc = self.lists(h).borrow().vc(slot);
            if let Some(vc) = vc {
                self.close_netevent(h, &vc, now);
            }
            next = next.filter(|&next| self.lists(h).borrow().keep_alive.contains(next));
        }
    }

    /// Tells the state machine of `vc` that its time is up. Mirrors `_close_ne`.
    fn close_netevent(&self, h: &Guard<'_>, vc: &UnixNetVConnection, now: HrTime) {
        let Some(own) = vc.try_own_lock() else { return };
        if vc.is_closed() {
            self.free_netevent(h, vc);
            return;
        }
        self.counters.keep_alive_queue_timeout_count.add(1);
        if let Some(event) = vc.out_of_time(now) {
            vc.main_event(self, h, &own, event);
        }
    }
}

impl UnixNetVConnection {
    fn try_own_lock(&self) -> Option<Guard<'_>> {
        self.mutex().try_lock()
    }

    fn is_timed_out(&self, now: HrTime) -> bool {
        [&self.next_inactivity_timeout_at, &self.next_activity_timeout_at]
            .into_iter()
            .any(|at| at.get().is_some_and(|at| at <= now))
    }

    /// Marks the connection as timed out now. Returns the timeout event to
    /// send, if the connection has a timeout.
    fn out_of_time(&self, now: HrTime) -> Option<EventCode> {
        self.next_inactivity_timeout_at.set(Some(now));
        if self.inactivity_timeout_in.get().is_some() {
            return Some(EventCode::VC_EVENT_INACTIVITY_TIMEOUT);
        }
        // A timeout without a time has passed: either its user has got the event, or
        // it is below 0.
        let is_over = self.active_timeout_in.get().is_some()
            && self.next_activity_timeout_at.get().is_none_or(|at| at <= now);
        is_over.then_some(EventCode::VC_EVENT_ACTIVE_TIMEOUT)
    }
}
