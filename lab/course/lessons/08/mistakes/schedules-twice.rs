        let Some(this) = self.core.end_ref(self.side) else { return };
        let processor = &self.core.processor;
        let event = EThread::with_current(|thread| match thread {
            Some(thread) if self.is_home(thread) => Some(match span {
                0 => thread.schedule_imm_local(this),
                _ => thread.schedule_in_local(this, span),
            }),
            _ => match span {
                0 => processor.schedule_imm(this, ET_CALL),
                _ => processor.schedule_in(this, span, ET_CALL),
            },
        });
        if self.core.options.corrections.retry_event_exchange {
            // Under the same lock that the dispatch of our event needs, so the cancel is exact.
            if let Some(event) = event.filter(|&event| !place.store_if_none(event)) {
                let _ = event.try_cancel();
            }
        } else if !rearmed(&TS_867) {
            place.store(event);
        }
