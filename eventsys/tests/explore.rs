//! Exact-outcome tests under the schedule explorer: each program is run under
//! every schedule, where they are few enough to count, or under a stated number
//! of schedules from stated seeds; the *set* of its outcomes is asserted, and
//! each outcome is explained.
//!
//! ```text
//! cargo test -p eventsys --features explore --test explore
//! ```
//!
//! In this build every lock, atomic and thread of the crate is the explorer's
//! (`eventsys::sync`), and a wait never times out: a lost wake-up is a deadlock,
//! which the explorer reports.

mod explore {
    mod cancel;
    mod locks;
    mod rebind;
    mod shutdown;
    mod wake;

    use std::collections::BTreeSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Arc, Mutex, PoisonError};

    use eventsys::sync::{Condvar, Mutex as ExploredMutex};
    use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
    use shuttle::{Config, FailurePersistence, Runner};

    /// The outcomes of `program` under every schedule there is.
    fn every_schedule<T>(program: impl Fn() -> T + Send + Sync + 'static) -> BTreeSet<T>
    where
        T: Ord + Send + 'static,
    {
        explore(DfsScheduler::new(None, false), program)
    }

    /// The outcomes of `program` under this many schedules from one seed.
    fn random_schedules<T>(
        n: usize,
        seed: u64,
        program: impl Fn() -> T + Send + Sync + 'static,
    ) -> BTreeSet<T>
    where
        T: Ord + Send + 'static,
    {
        explore(RandomScheduler::new_from_seed(seed, n), program)
    }

    /// The outcomes of `program` under this many schedules, half of them random and
    /// half of them with random priorities and three changes of priority (PCT),
    /// where a thread may run to its end before another one begins. Not for programs
    /// in which a thread goes round until another one lets it: under PCT it would go
    /// round for ever.
    fn mixed_schedules<T>(
        n: usize,
        seed: u64,
        program: impl Fn() -> T + Clone + Send + Sync + 'static,
    ) -> BTreeSet<T>
    where
        T: Ord + Send + 'static,
    {
        let mut outcomes = random_schedules(n / 2, seed, program.clone());
        outcomes.extend(explore(PctScheduler::new_from_seed(seed, 3, n / 2), program));
        outcomes
    }

    fn explore<T>(
        scheduler: impl Scheduler + 'static,
        program: impl Fn() -> T + Send + Sync + 'static,
    ) -> BTreeSet<T>
    where
        T: Ord + Send + 'static,
    {
        // The collector is the standard library's, so that it adds no schedules.
        let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
        let collector = Arc::clone(&outcomes);
        Runner::new(scheduler, config()).run(move || {
            let outcome = program();
            collector.lock().unwrap_or_else(PoisonError::into_inner).insert(outcome);
        });
        let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *outcomes)
    }

    /// One random schedule of `program`: what the explorer says if it fails. For
    /// programs some of whose outcomes are failures.
    fn one_schedule(seed: u64, program: impl Fn() + Send + Sync + 'static) -> Result<(), String> {
        let run = || {
            Runner::new(RandomScheduler::new_from_seed(seed, 1), config()).run(program);
        };
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default()
        })
    }

    fn config() -> Config {
        let mut config = Config::new();
        config.silence_warnings = true;
        config.failure_persistence = FailurePersistence::None;
        config
    }

    /// Counts up, and lets threads wait for a count.
    #[derive(Default)]
    struct Latch(ExploredMutex<u32>, Condvar);

    impl Latch {
        fn new() -> Arc<Latch> {
            Arc::default()
        }

        fn count(&self) {
            *self.0.lock() += 1;
            self.1.notify_all();
        }

        fn wait_for(&self, n: u32) {
            let mut count = self.0.lock();
            while *count < n {
                self.1.wait(&mut count);
            }
        }
    }
}
