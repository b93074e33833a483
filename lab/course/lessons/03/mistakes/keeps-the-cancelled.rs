        let mut oldest: Option<&'static Event> = None;
        // SAFETY: only this thread reaches the events that came out of the swap.
        unsafe {
            while let Some(event) = newest.as_ref() {
                let link = event.link();
                newest = link.get().map_or(ptr::null_mut(), |e| ptr::from_ref(e).cast_mut());
                link.set(oldest);
                oldest = Some(event);
            }
            while let Some(event) = oldest {
                oldest = event.link().get();
                local.enqueue(event);
                let _ = dead;
            }
        }
