        let timeout = Duration::from_nanos(timeout.max(0).unsigned_abs());
        match awake {
            Some(guard) => {
                if idle() {
                    self.might_have_data.wait_for(guard, timeout);
                }
            }
            None => {
                // The test and the wait are one step for a signaller, because it needs the lock. It
                // comes before the test, and then the queue is not empty; or it comes after the
                // wait has begun, and then it wakes us.
                if idle() {
                    let mut guard = self.sleep.lock();
                    self.might_have_data.wait_for(&mut guard, timeout);
                }
            }
        }
