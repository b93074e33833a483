//! [`LoopTime`]: which reading of the clock a pass of the event loop uses.
//!
//! A pass needs the time for four things: to choose the bucket of a timer, to try a missed lock
//! again, to re-arm a periodic event, and to know how long it may sleep. Three forms have been in
//! the field; [`LoopTime`] names them, and `PassTime` is the one of a thread.
//!
//! Mirrors what `execute_regular`, `process_queue` and `process_event` of `UnixEThread.cc` read:
//! `Thread::cur_time` (8.1.11, 9.1.3), `ink_get_hrtime()` (9.2.9), `event_time` (10.2.0, #12602).

use std::cell::Cell;

use crate::clock::Clock;
use crate::hrtime::HrTime;

/// Which time an event loop goes by. Option [`Options::loop_time`](crate::Options::loop_time).
///
/// The forms differ only if time passes while a handler runs: in real time, or in virtual time
/// through [`Clock::work`].
///
/// ```
/// use eventsys::{Clock, EventProcessor, LoopTime, Options};
///
/// let loop_time = LoopTime::Carried { update_probability: LoopTime::PROBABILITY };
/// let options = Options { loop_time, ..Options::default() };
/// let as_in_10_2 = EventProcessor::with_options(Clock::new_virtual(), options);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LoopTime {
    /// The time that a thread of the processor has read last: at the beginning of a pass, after a
    /// periodic event, before the sleep and after it. Also `schedule_in` counts from it. As up to
    /// 9.2.2 (`cur_time`).
    #[default]
    Cached,
    /// The clock is read each time that the time is needed, also by [`Clock::get_hrtime`]. As in
    /// 9.2.3 to 10.1 (`ink_get_hrtime`).
    Asked,
    /// The time at which the pass began is carried through it. After a callback the loop reads the clock with this probability, in per cent: 100 or more
    /// for after each, 0 or less for never. All other code reads the clock each time. As in 10.2
    /// (`proxy.config.exec_thread.loop_time_update_probability`).
    Carried {
        /// Per cent.
        update_probability: i32,
    },
}

impl LoopTime {
    /// The probability by default, in per cent. Mirrors `loop_time_update_probability`.
    pub const PROBABILITY: i32 = 10;
}

/// The time of one thread's passes.
pub(super) struct PassTime {
    form: LoopTime,
    /// In the form `Carried`: mirrors `event_time`.
    carried: Cell<HrTime>,
    /// The state of the thread's random numbers. Mirrors `generator`, whose seed there is made of
    /// an address; here each run draws the same numbers.
    random: Cell<u64>,
}

impl PassTime {
    /// For the thread with this index, born at time `now`.
    pub(super) fn new(form: LoopTime, index: usize, now: HrTime) -> PassTime {
        PassTime { form, carried: Cell::new(now), random: Cell::new(index as u64) }
    }

    /// A pass begins: its time. (In 10.2.0 it is the time that was read at the end of the pass
    /// before. Nothing happens between the two there; between two passes of an adopted thread its
    /// owner may do anything.)
    pub(super) fn begin(&self, clock: &Clock) -> HrTime {
        let now = clock.get_hrtime_updated();
        self.carried.set(now);
        now
    }

    /// The time, for a timer's bucket and for a missed lock.
    #[inline]
    pub(super) fn now(&self, clock: &Clock) -> HrTime {
        match self.form {
            LoopTime::Cached | LoopTime::Asked => clock.get_hrtime(),
            LoopTime::Carried { .. } => self.carried.get(),
        }
    }

    /// The time by which the timers are sorted, in a pass that began at `start`.
    pub(super) fn for_timers(&self, start: HrTime) -> HrTime {
        match self.form {
            LoopTime::Cached | LoopTime::Asked => start,
            LoopTime::Carried { .. } => self.carried.get(),
        }
    }

    /// The time from which a period or the sleep counts.
    pub(super) fn updated(&self, clock: &Clock) -> HrTime {
        match self.form {
            LoopTime::Cached | LoopTime::Asked => clock.get_hrtime_updated(),
            LoopTime::Carried { .. } => self.carried.get(),
        }
    }

    /// A continuation has returned.
    #[inline]
    pub(super) fn called_back(&self, clock: &Clock) {
        let LoopTime::Carried { update_probability: probability } = self.form else { return };
        if probability >= 100 || probability > 0 && self.draw_per_cent() < probability {
            self.carried.set(clock.get_hrtime_updated());
        }
    }

    /// The next random number from 0 to 99: SplitMix64.
    fn draw_per_cent(&self) -> i32 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % 100) as i32
    }
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use super::*;
    use crate::hrtime::mseconds;

    /// How many of 10,000 callbacks, each of a millisecond, are followed by a look at the clock.
    fn looks(update_probability: i32) -> usize {
        let clock = Clock::new_virtual();
        clock.ask_each_time();
        let time = PassTime::new(LoopTime::Carried { update_probability }, 0, clock.get_hrtime());
        (0..10_000)
            .filter(|_| {
                clock.work(mseconds(1));
                time.called_back(&clock);
                time.now(&clock) == clock.get_hrtime()
            })
            .count()
    }

    #[test]
    fn the_clock_is_read_with_the_probability_that_is_asked_for() {
        assert_eq!([i32::MIN, -1, 0].map(looks), [0; 3]);
        assert_eq!([100, 101, i32::MAX].map(looks), [10_000; 3]);
        let tenth = looks(LoopTime::PROBABILITY);
        assert!((900..=1_100).contains(&tenth), "{tenth}");
        assert_eq!(looks(LoopTime::PROBABILITY), tenth, "the same numbers in each run");
        let one = looks(1);
        assert!((60..=140).contains(&one), "{one}");
    }
}
