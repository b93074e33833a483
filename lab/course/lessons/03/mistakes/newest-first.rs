        let mut oldest: Option<&'static Event> = None;
        // SAFETY: only this thread reaches the events that came out of the swap.
        unsafe {
            oldest = newest.as_ref();
            while let Some(event) = oldest {
                oldest = event.link().get();
                if event.is_cancelled() { dead.enqueue(event) } else { local.enqueue(event) }
            }
        }
