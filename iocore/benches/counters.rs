//! What it costs two threads to count: in one place, each in its own beside the other's,
//! and each in its own with padding, as the net handlers do (`NetStats`).

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_utils::CachePadded;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// As many numbers as a net thread counts.
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

/// Turns of each thread in one measured round: long, beside the start of a thread.
const TURNS: u64 = 1_000_000;

fn measure(bencher: Bencher, places: [&Counters; 2]) {
    bencher.counter(ItemsCount::new(2 * TURNS)).bench_local(|| {
        thread::scope(|scope| {
            for place in places {
                scope.spawn(|| (0..TURNS).for_each(|_| place.count()));
            }
        });
    });
}

#[divan::bench(sample_count = 30)]
fn one_place(bencher: Bencher) {
    let counters = Counters::new();
    measure(bencher, [&counters, &counters]);
}

#[divan::bench(sample_count = 30)]
fn own_places_side_by_side(bencher: Bencher) {
    let [one, two] = [Counters::new(), Counters::new()];
    let both = [one, two];
    measure(bencher, [&both[0], &both[1]]);
}

#[divan::bench(sample_count = 30)]
fn own_places_padded(bencher: Bencher) {
    let both = [CachePadded::new(Counters::new()), CachePadded::new(Counters::new())];
    measure(bencher, [&both[0], &both[1]]);
}
