        census::released(self);
        let depth = self.depth.load(RELAXED) - 1;
        self.depth.store(depth, RELAXED);
        if depth == 0 {
            // SAFETY: a guard existed on this thread until now and `depth` says
            // that it was the last one, so this thread took `raw` and has not
            // given it back.
            unsafe { self.raw.unlock() }
        }
