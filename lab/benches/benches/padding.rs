//! How much speed padding to a cache line (`CachePadded`) gains, each arm in the same run: for the
//! counters of two net threads, and for the two queues of an event thread.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_utils::CachePadded;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// How many turns each of two threads does in one measured round: much longer than the start of a
/// thread.
const TURNS: u64 = 1_000_000;

/// Has two threads do `TURNS` turns each at the same time.
fn measure(bencher: Bencher, one: impl Fn() + Sync, other: impl Fn() + Sync) {
    bencher.counter(ItemsCount::new(2 * TURNS)).bench_local(|| {
        thread::scope(|scope| {
            scope.spawn(|| (0..TURNS).for_each(|_| one()));
            scope.spawn(|| (0..TURNS).for_each(|_| other()));
        });
    });
}

/// As many numbers as a net thread counts (`NetStats`).
struct Counters([AtomicU64; 15]);

impl Counters {
    fn new() -> Counters {
        Counters(array::from_fn(|_| AtomicU64::new(0)))
    }

    /// What a turn counts: its first, its middle and its last number.
    fn count(&self) {
        for at in [0, 7, 14] {
            self.0[at].fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[divan::bench(sample_count = 30)]
fn counters_in_one_place(bencher: Bencher) {
    let counters = Counters::new();
    measure(bencher, || counters.count(), || counters.count());
}

#[divan::bench(sample_count = 30)]
fn counters_side_by_side(bencher: Bencher) {
    let both = [Counters::new(), Counters::new()];
    measure(bencher, || both[0].count(), || both[1].count());
}

#[divan::bench(sample_count = 30)]
fn counters_padded(bencher: Bencher) {
    let both = [CachePadded::new(Counters::new()), CachePadded::new(Counters::new())];
    measure(bencher, || both[0].count(), || both[1].count());
}

/// Another thread pushes to the external queue; the owner works with its local queue, and
/// looks at the external one at the end of a pass, here one of sixteen events.
fn measure_queues(bencher: Bencher, external: &AtomicU64, local: &AtomicU64) {
    let push = || {
        external.fetch_add(1, Ordering::AcqRel);
    };
    let work = || {
        let done = local.load(Ordering::Relaxed);
        local.store(done + 1, Ordering::Relaxed);
        if done.is_multiple_of(16) {
            external.load(Ordering::Acquire);
        }
    };
    measure(bencher, push, work);
}

#[divan::bench(sample_count = 30)]
fn queues_side_by_side(bencher: Bencher) {
    let queues = [AtomicU64::new(0), AtomicU64::new(0)];
    measure_queues(bencher, &queues[0], &queues[1]);
}

#[divan::bench(sample_count = 30)]
fn queues_padded(bencher: Bencher) {
    let queues = [const { CachePadded::new(AtomicU64::new(0)) }; 2];
    measure_queues(bencher, &queues[0], &queues[1]);
}
