        let end = self.end();
        assert_eq!(end.reentrancy_count.load(Ordering::Relaxed), 0, "reentrancy_count == 0");
        if end.closed.is_set() {
            self.process_close(core, read, write);
            return;
        }

        let entered = Reentrancy::enter(end);
        if end.active_event.is(call_event) {
            self.process_timeout(&end.active_event, EventCode::VC_EVENT_ACTIVE_TIMEOUT);
        } else if end.inactive_event.is(call_event) {
            let now = || self.core.processor.clock().get_hrtime();
            if end.inactive_timeout_at.get().is_some_and(|at| at < now()) {
                self.process_timeout(&end.inactive_event, EventCode::VC_EVENT_INACTIVITY_TIMEOUT);
                if rearmed(&GH_1333) && end.inactive_event.is(call_event) {
                    let _ = call_event.try_cancel();
                }
            }
        } else if self.forget_retry_event(call_event) {
            if end.write.need_process.is_set() && !end.closed.is_set() {
                // The callback of the read side may have issued the write.
                self.with_sm_after_callback(core, VioOp::Write, write, |locked| match locked {
                    Some(write) => self.process_write_side(core, write, None),
                    None => self.write_lock_miss(),
                });
            }
            if end.read.need_process.is_set() {
                self.process_read_side(core, read, None);
            }
        }
        drop(entered);
        if end.closed.is_set() {
            self.process_close(core, read, write);
        }
