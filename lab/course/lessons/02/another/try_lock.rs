        let me = ThreadId::current();
        if self.raw.try_lock() {
            return Some(self.taken(me));
        }
        // It is held: by this thread, or by another one.
        (self.holder.load(Ordering::Relaxed) == me.as_u64()).then(|| self.entered())
