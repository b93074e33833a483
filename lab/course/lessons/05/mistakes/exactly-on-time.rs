        let left = until(at, now);
        let bucket = (0..N_PQ_LIST - 1).find(|&i| left < bucket_time(i)).unwrap_or(N_PQ_LIST - 1);
        // SAFETY: as the caller says.
        unsafe { self.put(event, bucket) }
