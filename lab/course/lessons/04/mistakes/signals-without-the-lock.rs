        match self.policy {
            WakePolicy::Blocking => {
                self.might_have_data.notify_one();
            }
            WakePolicy::TryLock => {
                if let Some(_guard) = self.sleep.try_lock() {
                    self.might_have_data.notify_one();
                }
            }
        }
