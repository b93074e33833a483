        let core = call.guard();
        let [first_read, first_write] = &half.core.state(core).first_mutex[half.side.index()];
        let read_mutex = first_read.of(&half.end().read.vio);
        let write_mutex = first_write.of(&half.end().write.vio);
        let locked = take_vio_mutex(&half.end().read.vio, &read_mutex).and_then(|read| {
            let write = take_vio_mutex(&half.end().write.vio, &write_mutex)?;
            Some((read, write))
        });
        match locked {
            Some((read, write)) => {
                let keeps_locks = rearmed(&TS_2317) && half.end().closed.is_set();
                half.handle_locked(core, read.as_ref(), write.as_ref(), call_event);
                if keeps_locks {
                    mem::forget((read, write));
                }
            }
            None => call_event.schedule_in(PVC_LOCK_RETRY_TIME),
        }
