//! Exact-outcome tests under the schedule explorer: each program is run under
//! every schedule, where they are few enough to count, or under a stated number
//! of schedules from stated seeds; the *set* of its outcomes is asserted, and
//! each outcome is explained.
//!
//! ```text
//! cargo test -p explorations --test eventsys
//! ```
//!
//! In this build every lock, atomic and thread of the crate is the explorer's
//! (`eventsys::sync`), and a wait never times out: a lost wake-up is a deadlock,
//! which the explorer reports.

mod canary;
mod cancel;
mod locks;
mod rebind;
mod shutdown;
mod wake;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use eventsys::sync::{Condvar, Mutex as ExploredMutex};
use explorations::{Outcomes, explore};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler};

/// The outcomes of `program` under every schedule there is.
fn every_schedule<T>(program: impl Fn() -> T + Send + Sync + 'static) -> Outcomes<T>
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
) -> Outcomes<T>
where
    T: Ord + Send + 'static,
{
    explore(RandomScheduler::new_from_seed(seed, n), program)
}

/// The outcomes of `program` under this many schedules, half of them random and
/// half of them with random priorities and three changes of priority (PCT),
/// where a thread may run to its end before another one begins. Not for programs
/// in which a thread loops until another one lets it go on: under PCT it would
/// loop for ever.
fn mixed_schedules<T>(
    n: usize,
    seed: u64,
    program: impl Fn() -> T + Clone + Send + Sync + 'static,
) -> Outcomes<T>
where
    T: Ord + Send + 'static,
{
    let random = random_schedules(n / 2, seed, program.clone());
    let pct = explore(PctScheduler::new_from_seed(seed, 3, n / 2), program);
    random.into_iter().chain(pct).collect()
}

/// Runs one random schedule of `program` and returns the explorer's message if
/// it fails. For programs that may fail as one of their outcomes.
fn one_schedule(seed: u64, program: impl Fn() + Send + Sync + 'static) -> Result<(), String> {
    let run = || random_schedules(1, seed, program);
    catch_unwind(AssertUnwindSafe(run))
        .map(drop)
        .map_err(|panic| eventsys::panics::text_of(&*panic))
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
