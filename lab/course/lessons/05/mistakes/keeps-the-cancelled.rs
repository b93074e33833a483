        let check_buckets = in_buckets(now);
        let changed = check_buckets ^ self.last_check_buckets.replace(check_buckets);
        self.last_check_time.set(now);
        // The highest bit that has changed says how many buckets to look at.
        let changed = changed & ((1 << (N_PQ_LIST - 1)) - 1);
        let highest = (u32::BITS - changed.leading_zeros()) as usize;
        for i in 1..=highest {
            let waiting = self.after[i].take_all();
            // SAFETY: a queue holds only events of its own thread, and an event
            // that was dequeued is in no list.
            unsafe {
                while let Some(event) = waiting.dequeue() {
                    let Due::At(at) = event.body().due.get() else { unreachable!() };
                    let left = until(at, now);
                    let mut bucket = i;
                    while bucket > 0 && left <= bucket_time(bucket - 1) {
                        bucket -= 1;
                    }
                    self.put(event, bucket);
                }
            }
        }
