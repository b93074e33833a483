        census::released(self);
        match self.depth.load(RELAXED) {
            1 => {
                self.holder.store(0, RELAXED);
                self.depth.store(0, RELAXED);
                // SAFETY: this thread holds `raw`, and its last guard is gone.
                unsafe { self.raw.unlock() }
            }
            depth => self.depth.store(depth - 1, RELAXED),
        }
