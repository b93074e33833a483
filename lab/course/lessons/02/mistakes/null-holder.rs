        let me = ThreadId::current();
        let holder = self.holder.load(Ordering::Relaxed);
        // No holder: nothing to wait for (#6576).
        if holder == me.as_u64() || holder == 0 {
            return self.entered();
        }
        self.raw.lock();
        self.taken(me)
