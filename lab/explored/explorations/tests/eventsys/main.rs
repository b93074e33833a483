//! Exact-outcome tests under the schedule explorer: each program is run under
//! every schedule, or under every one with a stated number of interruptions; the
//! *set* of its outcomes is asserted, and each outcome is explained.
//!
//! ```text
//! cargo test -p explorations --test eventsys
//! ```
//!
//! In this build every lock, atomic and thread of the crate is the explorer's
//! (`eventsys::sync`), and a wait never times out: a lost wake-up is a violation,
//! which the explorer reports.

mod canary;
mod cancel;
mod locks;
mod rebind;
mod shutdown;
mod wake;

use std::sync::Arc;

use eventsys::sync::{Condvar, Mutex as ExploredMutex};
use explorations::{Outcomes, explore};
use explorer::{Explorer, Strategy};

/// The outcomes of `program` under every schedule there is.
fn every_schedule<T: Ord + Send + 'static>(
    program: impl Fn() -> T + Send + Sync + 'static,
) -> Outcomes<T> {
    explore(&Explorer::new().strategy(Strategy::Every), program)
}

/// The outcomes of `program` under every schedule with so many interruptions at most.
fn interrupted<T: Ord + Send + 'static>(
    times: u32,
    program: impl Fn() -> T + Send + Sync + 'static,
) -> Outcomes<T> {
    explore(&Explorer::new().bound(times), program)
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
