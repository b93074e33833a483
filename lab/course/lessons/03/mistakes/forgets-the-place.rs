        let next = unsafe {
            let next = event.link();
            event.hand_to(owner);
            next
        };
        let new = ptr::from_ref(event).cast_mut();
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            if head == CLOSED {
                // SAFETY: no other thread has reached the event: it was never linked, and no
                // reference to it has been given out.
                unsafe {
                    event.take_over();
                    event.body().place.set(Place::Nowhere);
                }
                return Pushed::Closed;
            }
            // SAFETY: every other pointer here was made from a `&'static Event`; the
            // acquiring loads make its first initialization visible.
            next.set(unsafe { head.as_ref() });
            match self.head.compare_exchange_weak(head, new, Ordering::SeqCst, Ordering::Acquire) {
                Ok(_) if head.is_null() => return Pushed::OnEmpty,
                Ok(_) => return Pushed::OnOthers,
                Err(now) => head = now,
            }
        }
