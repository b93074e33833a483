//! How busy an event loop is: one block of counters a second, summed over ten,
//! a hundred and a thousand seconds.
//!
//! Mirrors `EThread::EventMetrics` and `summarize_stats` of `I_EThread.h` and
//! `UnixEThread.cc` (9.1.3). Written by the thread itself and read by any; the
//! block that is being written is left out of a summary, as in the original. As
//! there, a thread that did not run for longer than the ring is long (1024 s)
//! would find old seconds in it.

#[cfg(feature = "explore")]
mod recycled;

use std::sync::OnceLock;
// The standard library's atomics even under exploration: the counters are no
// behaviour to explore, and as the explorer's they would be thousands of
// scheduling points in the first pass of each thread.
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use crate::hrtime::{HrTime, SECOND};

/// How many seconds are kept. Mirrors `N_EVENT_METRICS`.
const N_EVENT_METRICS: usize = 1024;

/// The spans of the three summaries, in seconds. Mirrors `SAMPLE_COUNT`.
pub const SAMPLE_COUNT: [usize; 3] = [10, 100, 1000];

/// The work of the loop in some span of time.
///
/// ```
/// use eventsys::{Clock, EventProcessor};
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// thread.run_pass();
/// let [ten_seconds, ..] = thread.summarize_stats();
/// assert!(ten_seconds.count >= 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventMetrics {
    /// Passes of the loop. `proxy.process.eventloop.count`.
    pub count: i64,
    /// Passes that came to a wait. `proxy.process.eventloop.wait`.
    pub wait: i64,
    /// Events taken from the local queue. `proxy.process.eventloop.events`.
    pub events: i64,
    /// The fewest in one pass; `i64::MAX` if there was no pass.
    pub events_min: i64,
    /// The most in one pass.
    pub events_max: i64,
    /// The shortest pass, its wait included, in nanoseconds; `i64::MAX` if there
    /// was none.
    pub time_min: HrTime,
    /// The longest pass, its wait included, in nanoseconds.
    pub time_max: HrTime,
}

impl EventMetrics {
    const NOTHING: EventMetrics = EventMetrics {
        count: 0,
        wait: 0,
        events: 0,
        events_min: i64::MAX,
        events_max: 0,
        time_min: HrTime::MAX,
        time_max: 0,
    };

    /// Adds what happened in another span. Mirrors `EventMetrics::operator+=`.
    pub fn add(&mut self, other: &EventMetrics) {
        self.count += other.count;
        self.wait += other.wait;
        self.events += other.events;
        self.events_min = self.events_min.min(other.events_min);
        self.events_max = self.events_max.max(other.events_max);
        self.time_min = self.time_min.min(other.time_min);
        self.time_max = self.time_max.max(other.time_max);
    }
}

/// One second.
struct Block {
    /// When its first pass began; 0 if there was none.
    start: AtomicI64,
    count: AtomicI64,
    wait: AtomicI64,
    events: AtomicI64,
    events_min: AtomicI64,
    events_max: AtomicI64,
    time_min: AtomicI64,
    time_max: AtomicI64,
}

impl Default for Block {
    fn default() -> Block {
        let block = Block {
            start: AtomicI64::new(0),
            count: AtomicI64::new(0),
            wait: AtomicI64::new(0),
            events: AtomicI64::new(0),
            events_min: AtomicI64::new(0),
            events_max: AtomicI64::new(0),
            time_min: AtomicI64::new(0),
            time_max: AtomicI64::new(0),
        };
        block.clear();
        block
    }
}

impl Block {
    fn clear(&self) {
        let nothing = EventMetrics::NOTHING;
        set(&self.start, 0);
        set(&self.count, nothing.count);
        set(&self.wait, nothing.wait);
        set(&self.events, nothing.events);
        set(&self.events_min, nothing.events_min);
        set(&self.events_max, nothing.events_max);
        set(&self.time_min, nothing.time_min);
        set(&self.time_max, nothing.time_max);
    }

    fn read(&self) -> EventMetrics {
        EventMetrics {
            count: get(&self.count),
            wait: get(&self.wait),
            events: get(&self.events),
            events_min: get(&self.events_min),
            events_max: get(&self.events_max),
            time_min: get(&self.time_min),
            time_max: get(&self.time_max),
        }
    }
}

// Only the loop's own thread writes, or another in its place while it rests, so a load and a store are
// one step.
fn get(counter: &AtomicI64) -> i64 {
    counter.load(Ordering::Relaxed)
}

fn set(counter: &AtomicI64, value: i64) {
    counter.store(value, Ordering::Relaxed);
}

/// The blocks of one thread: a ring, made when the loop first runs.
#[derive(Default)]
pub(super) struct Metrics {
    blocks: OnceLock<Box<[Block]>>,
    /// The block being written. Mirrors `current_metric`.
    current: AtomicUsize,
    #[cfg(feature = "explore")]
    written: recycled::Written,
}

/// One pass in the making.
pub(super) struct Pass {
    block: usize,
    start: HrTime,
    pub(super) events: i64,
    pub(super) waits: bool,
}

impl Metrics {
    fn blocks(&self) -> &[Block] {
        self.blocks.get_or_init(|| {
            #[cfg(feature = "explore")]
            if let Some(blocks) = recycled::take() {
                return blocks;
            }
            (0..N_EVENT_METRICS).map(|_| Block::default()).collect()
        })
    }

    /// A pass begins at time `start`. The seconds in which none began are cleared.
    pub(super) fn begin_loop(&self, start: HrTime) -> Pass {
        let blocks = self.blocks();
        let second = usize::try_from(start / SECOND).unwrap_or(0) % N_EVENT_METRICS;
        let mut current = self.current.load(Ordering::Relaxed);
        if current != second || get(&blocks[current].start) == 0 {
            while current != second {
                current = (current + 1) % N_EVENT_METRICS;
                blocks[current].clear();
            }
            set(&blocks[current].start, start);
            #[cfg(feature = "explore")]
            self.written.add(current);
            self.current.store(current, Ordering::Relaxed);
        }
        let block = &blocks[current];
        set(&block.count, get(&block.count) + 1);
        Pass { block: current, start, events: 0, waits: false }
    }

    /// The pass is over, its wait included, at time `now`.
    pub(super) fn end_loop(&self, pass: Pass, now: HrTime) {
        let block = &self.blocks()[pass.block];
        let span = now - pass.start;
        if span > 0 {
            set(&block.time_max, get(&block.time_max).max(span));
            set(&block.time_min, get(&block.time_min).min(span));
        }
        set(&block.events_min, get(&block.events_min).min(pass.events));
        set(&block.events_max, get(&block.events_max).max(pass.events));
        set(&block.events, get(&block.events) + pass.events);
        set(&block.wait, get(&block.wait) + i64::from(pass.waits));
    }

    /// Sums over the last 10, 100 and 1000 seconds, the present one left out.
    pub(super) fn summarize(&self) -> [EventMetrics; 3] {
        let blocks = self.blocks();
        let current = self.current.load(Ordering::Relaxed);
        let mut sum = EventMetrics::NOTHING;
        let mut back = 0;
        SAMPLE_COUNT.map(|seconds| {
            while back < seconds {
                back += 1;
                let block = &blocks[(current + N_EVENT_METRICS - back) % N_EVENT_METRICS];
                if get(&block.start) != 0 {
                    sum.add(&block.read());
                }
            }
            sum
        })
    }
}

impl super::EThread {
    /// What the loop did in the last 10, 100 and 1000 seconds, the present second
    /// left out. From any thread. Mirrors `summarize_stats`.
    #[must_use]
    pub fn summarize_stats(&self) -> [EventMetrics; 3] {
        self.metrics.summarize()
    }
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use super::*;

    #[test]
    fn a_first_second_with_the_number_of_the_first_block_is_counted() {
        let metrics = Metrics::default();
        for second in [N_EVENT_METRICS as HrTime, N_EVENT_METRICS as HrTime + 1] {
            let pass = metrics.begin_loop(second * SECOND);
            metrics.end_loop(pass, second * SECOND + 7);
        }
        assert_eq!(metrics.summarize().map(|sum| sum.count), [1; 3]);
    }

    #[test]
    fn a_pass_that_takes_no_time_is_neither_the_shortest_nor_the_longest() {
        let metrics = Metrics::default();
        for (second, span) in [(1, 0), (2, 7), (3, 0), (4, 0)] {
            let pass = metrics.begin_loop(second * SECOND);
            metrics.end_loop(pass, second * SECOND + span);
        }
        let [ten, ..] = metrics.summarize();
        assert_eq!((ten.count, ten.time_min, ten.time_max), (3, 7, 7));
    }

    #[test]
    fn seconds_are_summed_and_gaps_are_cleared() {
        let metrics = Metrics::default();
        let run = |at: HrTime, events: i64| {
            let mut pass = metrics.begin_loop(at);
            pass.events = events;
            pass.waits = events == 0;
            metrics.end_loop(pass, at + 7);
        };
        run(100 * SECOND, 3);
        run(100 * SECOND + 1, 0);
        run(101 * SECOND, 5);
        run(103 * SECOND, 1_000); // present: left out
        let [ten, hundred, thousand] = metrics.summarize();
        assert_eq!((ten.count, ten.events, ten.wait), (3, 8, 1));
        assert_eq!((ten.events_min, ten.events_max, ten.time_max), (0, 5, 7));
        assert_eq!((hundred, thousand), (ten, ten));
        // One turn of the ring later the seconds are used again, and empty.
        for second in 104..=103 + 1024 {
            run(second * SECOND, 1);
        }
        assert_eq!(metrics.summarize()[2].events, 1000);
    }
}
