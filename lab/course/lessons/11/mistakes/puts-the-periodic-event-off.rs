        let end = self.end();
        if end.closed.is_set() && !rearmed(&TS_3949) {
            // The state machine may be gone already (TS-3949).
            self.clear_event(place);
            return;
        }
        let waiting = [VioOp::Read, VioOp::Write].into_iter().find(|&op| {
            let direction = end.direction(op);
            direction.vio.op() == op && !direction.shutdown.is_set() && direction.vio.ntodo() > 0
        });
        let Some(op) = waiting else {
            self.clear_event(place);
            return;
        };
        let Some(mutex) = end.direction(op).vio.mutex() else { return };
        let Some(lock) = mutex.try_lock() else {
            // Only the one-shot event: the periodic one comes back by itself, and rescheduling
            // would make it one-shot (#1333).
            if let Some(event) = place.load()
            {
                event.schedule_in(PVC_LOCK_RETRY_TIME);
            }
            return;
        };
        if rearmed(&GH_4074) {
            return self.cancel_after_the_callback(place, &lock, op, event);
        }
        // Before the callback, which may set the timeout again (#4074).
        self.clear_event(place);
        self.call_back(&lock, op, event);
