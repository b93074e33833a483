        // A try says both: whether it is free, and whether it is ours.
        match self.try_lock() {
            Some(guard) => guard,
            None => {
                self.raw.lock();
                self.taken(ThreadId::current())
            }
        }
