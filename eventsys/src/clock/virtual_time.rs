//! Virtual time: it moves only when every thread that takes part waits.

use std::sync::Arc;

use super::Clock;
use crate::hrtime::{HrTime, NEVER, after, useconds};
use crate::sync::atomic::Ordering;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::thread_id::ThreadId;

/// What one pass of an event loop takes in virtual time, in nanoseconds. Without
/// it, a continuation that reschedules itself at once would keep the clock
/// standing for ever, and no timeout would come.
pub const PASS_COST: HrTime = useconds(1);

pub(crate) struct VirtualTime {
    state: Mutex<State>,
    changed: Condvar,
    pace: Pace,
    /// `State::now`, for a look without the lock. The explorer need not interrupt such a look: time
    /// moves only when all threads wait.
    shown: std::sync::atomic::AtomicI64,
}

/// What moves the clock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Waiting moves it to the next deadline. A pass costs [`PASS_COST`].
    Jumps,
    /// The end of a pass moves it, always by this many nanoseconds. No thread
    /// waits.
    Ticks(HrTime),
}

struct State {
    now: HrTime,
    /// How many threads take part and do not wait. The clock moves when this is 0.
    running: usize,
    /// The threads that wait, each with its deadline. A waker takes the sleeper
    /// out and counts it as running *before* the sleeper wakes up: the clock
    /// must not move in between.
    sleepers: Vec<(ThreadId, HrTime)>,
}

impl VirtualTime {
    pub(super) fn new(now: HrTime, pace: Pace) -> VirtualTime {
        VirtualTime {
            state: Mutex::new(State { now, running: 0, sleepers: Vec::new() }),
            changed: Condvar::new(),
            pace,
            shown: std::sync::atomic::AtomicI64::new(now),
        }
    }

    pub(super) fn now(&self) -> HrTime {
        self.state.lock().now
    }

    /// The time, as it was last shown.
    pub(super) fn peek(&self) -> HrTime {
        self.shown.load(Ordering::Relaxed)
    }

    /// A handler has worked for `span`.
    pub(super) fn work(&self, span: HrTime) {
        let mut state = self.state.lock();
        state.go_on(span);
        self.show(&state);
    }

    fn show(&self, state: &State) {
        self.shown.store(state.now, Ordering::Relaxed);
    }

    /// See [`Clock::lets_threads_wait`].
    pub(super) fn lets_threads_wait(&self) -> bool {
        self.pace == Pace::Jumps
    }

    /// A thread begins to take part.
    pub(crate) fn join(&self) {
        self.state.lock().running += 1;
    }

    /// A thread takes part no longer.
    pub(crate) fn leave(&self) {
        let mut state = self.state.lock();
        state.running -= 1;
        let mut state = self.let_others_run(state);
        if state.advance_if_all_wait() {
            self.show(&state);
            self.changed.notify_all();
        }
    }

    /// Before the clock moves, the explorer lets each thread run that can, also one that does not
    /// take part: time does not pass a thread that has something to do, unless the exploration
    /// asks for that. In a normal build nothing happens.
    #[inline]
    fn let_others_run<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        #[cfg(all(feature = "explore", not(feature = "shuttle")))]
        if state.running == 0 && explorer::others_can_run() {
            drop(state);
            explorer::let_others_run();
            return self.state.lock();
        }
        state
    }

    /// A pass of an event loop begins.
    pub(crate) fn begin_pass(&self) {
        if self.pace == Pace::Jumps {
            self.work(PASS_COST);
        }
    }

    /// A pass of an event loop has ended, its wait included.
    pub(crate) fn end_pass(&self) {
        if let Pace::Ticks(tick) = self.pace {
            self.work(tick);
        }
    }

    /// The calling thread, number `me`, waits for `timeout` nanoseconds, or until
    /// another thread wakes it, if `idle` says that there is nothing to do.
    ///
    /// `idle` is called under the same lock that [`VirtualTime::wake`] takes, so
    /// a wake-up that follows a push cannot fall between the question and the
    /// wait.
    pub(crate) fn sleep(&self, me: ThreadId, timeout: HrTime, idle: impl FnOnce() -> bool) {
        #[cfg(all(feature = "explore", not(feature = "shuttle")))]
        let _leaves = unwound::Sleeper { time: self, me };
        let mut state = self.state.lock();
        if !self.lets_threads_wait() || timeout <= 0 || !idle() {
            return;
        }
        let deadline = after(state.now, timeout);
        state.sleepers.push((me, deadline));
        state.running -= 1;
        state = self.let_others_run(state);
        if state.advance_if_all_wait() {
            self.show(&state);
            self.changed.notify_all();
        }
        while state.sleepers.iter().any(|&(id, _)| id == me) {
            self.changed.wait(&mut state);
        }
    }

    /// Wakes thread `id`, if it waits.
    pub(crate) fn wake(&self, id: ThreadId) {
        let mut state = self.state.lock();
        if let Some(at) = state.sleepers.iter().position(|&(other, _)| other == id) {
            state.sleepers.swap_remove(at);
            state.running += 1;
            self.changed.notify_all();
        }
    }
}

/// Only the explorer unwinds a sleeper: when it ends an execution early.
#[cfg(all(feature = "explore", not(feature = "shuttle")))]
mod unwound {
    use super::{ThreadId, VirtualTime};

    pub(super) struct Sleeper<'a> {
        pub(super) time: &'a VirtualTime,
        pub(super) me: ThreadId,
    }

    /// It counts as running again, and what it drops next may say that it runs no more.
    impl Drop for Sleeper<'_> {
        fn drop(&mut self) {
            if !crate::sync::thread::panicking() {
                return;
            }
            let mut state = self.time.state.lock();
            if let Some(at) = state.sleepers.iter().position(|&(id, _)| id == self.me) {
                state.sleepers.swap_remove(at);
                state.running += 1;
            }
        }
    }
}

impl State {
    fn go_on(&mut self, span: HrTime) {
        self.now = after(self.now, span);
    }

    /// Moves the clock to the first deadline if no thread runs, and counts the
    /// threads that waited for it as running. True if it did.
    fn advance_if_all_wait(&mut self) -> bool {
        if self.running > 0 {
            return false;
        }
        let first = self.sleepers.iter().map(|&(_, deadline)| deadline).min();
        // The clock does not jump to a deadline that never comes.
        let Some(first) = first.filter(|&first| first != NEVER) else { return false };
        self.now = self.now.max(first);
        let before = self.sleepers.len();
        self.sleepers.retain(|&(_, deadline)| deadline > first);
        self.running = before - self.sleepers.len();
        true
    }
}

/// A thread that is no EThread and takes part in virtual time: while it is
/// alive, the clock stands still.
///
/// ```
/// use eventsys::Clock;
/// use eventsys::hrtime::seconds;
///
/// let clock = Clock::new_virtual();
/// let me = clock.participate().expect("the clock is virtual");
/// let start = clock.get_hrtime_updated();
/// me.sleep(seconds(40)); // At once: no other thread takes part.
/// assert_eq!(clock.get_hrtime_updated(), start + seconds(40));
/// ```
pub struct Participant {
    clock: Arc<Clock>,
}

impl Participant {
    pub(super) fn new(clock: Arc<Clock>) -> Participant {
        if let Some(time) = clock.virtual_time() {
            time.join();
        }
        Participant { clock }
    }

    /// Waits for `timeout` nanoseconds of virtual time; for
    /// [`NEVER`](crate::hrtime::NEVER), for ever.
    pub fn sleep(&self, timeout: HrTime) {
        if let Some(time) = self.clock.virtual_time() {
            time.sleep(ThreadId::current(), timeout, || true);
        }
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        if let Some(time) = self.clock.virtual_time() {
            time.leave();
        }
    }
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use super::*;
    use crate::hrtime::mseconds;

    #[test]
    fn a_virtual_clock_and_a_ticking_one_are_virtual_and_a_real_one_is_not() {
        assert!(Clock::new_virtual().is_virtual() && Clock::new_ticking(1).is_virtual());
        assert!(!Clock::new_real().is_virtual());
        assert!(Clock::new_virtual().lets_threads_wait() && Clock::new_real().lets_threads_wait());
        assert!(!Clock::new_ticking(1).lets_threads_wait());
    }

    #[test]
    fn one_thread_jumps_to_its_deadline() {
        let clock = Clock::new_virtual();
        let me = clock.participate().unwrap();
        let start = clock.get_hrtime_updated();
        me.sleep(mseconds(40_000));
        assert_eq!(clock.get_hrtime(), start, "cached");
        assert_eq!(clock.get_hrtime_updated(), start + mseconds(40_000));
    }

    #[test]
    fn a_ticking_clock_moves_by_one_tick_a_pass_and_nothing_else() {
        let clock = Clock::new_ticking(mseconds(1));
        let processor = crate::EventProcessor::new(clock.clone());
        let start = clock.get_hrtime_updated();
        let thread = processor.adopt_current_thread("ET_NET");
        clock.participate().unwrap().sleep(mseconds(40));
        assert_eq!(clock.get_hrtime_updated(), start, "no thread waits");
        for pass in 1..=100 {
            thread.run_pass();
            assert_eq!(clock.get_hrtime_updated(), start + mseconds(pass));
        }
    }

    #[test]
    fn the_clock_does_not_go_to_a_deadline_that_does_not_come() {
        let sleepers = |deadlines: &[HrTime]| State {
            now: 7,
            running: 0,
            sleepers: deadlines.iter().map(|&at| (ThreadId::fresh(), at)).collect(),
        };
        let mut state = sleepers(&[NEVER]);
        assert!(!state.advance_if_all_wait());
        assert_eq!((state.now, state.running, state.sleepers.len()), (7, 0, 1));
        let mut state = sleepers(&[NEVER, 9]);
        assert!(state.advance_if_all_wait());
        assert_eq!((state.now, state.running, state.sleepers.len()), (9, 1, 1));
    }

    #[test]
    fn the_clock_waits_for_the_slowest() {
        let clock = Clock::new_virtual();
        let start = clock.get_hrtime_updated();
        let (a, b) = (clock.participate().unwrap(), clock.participate().unwrap());
        let woke = std::thread::scope(|scope| {
            let far = scope.spawn(|| {
                a.sleep(mseconds(30));
                clock.get_hrtime_updated() - start
            });
            let near = scope.spawn(|| {
                let mut times = Vec::new();
                for _ in 0..3 {
                    b.sleep(mseconds(10));
                    times.push(clock.get_hrtime_updated() - start);
                }
                times
            });
            (far.join().unwrap(), near.join().unwrap())
        });
        assert_eq!(woke, (mseconds(30), [10, 20, 30].map(mseconds).to_vec()));
    }
}
