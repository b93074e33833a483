//! [`Clock`]: time is a parameter; no code reads the system's clock directly.
//!
//! Mirrors `Thread::cur_time`, `get_hrtime` and `get_hrtime_updated` of
//! `iocore/eventsystem/I_Thread.h` (9.1.3). There the cached time is one static
//! for all threads; here it is one for all threads of an event processor.
//!
//! A **real** clock is monotonic and starts at an arbitrary hour. A **virtual**
//! clock stands still while any thread works, and jumps to the next deadline
//! when all of them wait: a scenario of 40 s runs in milliseconds and takes the
//! same steps every time.

mod virtual_time;

use std::sync::Arc;
use std::time::Instant;

use virtual_time::Pace;
pub(crate) use virtual_time::VirtualTime;
pub use virtual_time::{PASS_COST, Participant};

use crate::hrtime::{HrTime, SECOND};
use crate::sync::atomic::{AtomicI64, Ordering};

/// The first time of a new clock, in nanoseconds: far from 0, which means "no
/// time" in the original.
const EPOCH: HrTime = 1_000_000 * SECOND;

/// Gives the time to an event processor and its threads.
///
/// ```
/// use eventsys::hrtime::seconds;
/// use eventsys::{Clock, EventProcessor, FreeContinuation, Outcome};
///
/// let clock = Clock::new_virtual();
/// let thread = EventProcessor::new(clock.clone()).adopt_current_thread("ET_NET");
/// let start = clock.get_hrtime_updated();
/// thread.schedule_in(FreeContinuation::new(|_, _, _| Outcome::Done), seconds(3_600));
/// thread.run_until_idle(); // An hour has passed, in no time.
/// assert!(clock.get_hrtime_updated() - start >= seconds(3_600));
/// ```
pub struct Clock {
    source: Source,
    /// The time when it was last read. Mirrors `Thread::cur_time`: shared by all
    /// threads, so one may see another's newer time.
    cur_time: AtomicI64,
    /// Set before the first thread is made, and read at each question for the time: no behaviour to
    /// explore, so the standard library's also under exploration.
    is_asked: std::sync::atomic::AtomicBool,
}

// Locks of the explorer are larger than they need to be.
#[cfg_attr(feature = "explore", allow(clippy::large_enum_variant))]
enum Source {
    Real(Instant),
    Virtual(VirtualTime),
}

impl Clock {
    /// A clock that runs by itself.
    #[must_use]
    pub fn new_real() -> Arc<Clock> {
        Clock::with(Source::Real(Instant::now()))
    }

    /// A clock that moves only when all threads wait. Each pass of an event loop
    /// takes [`PASS_COST`], so that time moves on even where nothing ever waits.
    #[must_use]
    pub fn new_virtual() -> Arc<Clock> {
        Clock::with(Source::Virtual(VirtualTime::new(EPOCH, Pace::Jumps)))
    }

    /// A virtual clock that moves by `tick` nanoseconds at the end of each pass
    /// of an event loop, and at no other time: no thread ever waits.
    ///
    /// A jumping clock needs to know what the next deadline is; this one does
    /// not, so a real server can use the same clock from outside and take its
    /// steps at the same times. It is for one event thread: with several
    /// threads, the passes of each move the clock of all.
    ///
    /// # Panics
    /// If `tick` is below 0: a clock does not run backwards.
    #[must_use]
    pub fn new_ticking(tick: HrTime) -> Arc<Clock> {
        assert!(tick >= 0, "a clock does not go back: the tick is {tick} ns");
        Clock::with(Source::Virtual(VirtualTime::new(EPOCH, Pace::Ticks(tick))))
    }

    fn with(source: Source) -> Arc<Clock> {
        Arc::new(Clock {
            source,
            cur_time: AtomicI64::new(EPOCH),
            is_asked: std::sync::atomic::AtomicBool::new(false),
        })
    }

    /// The time when it was last read. Mirrors `Thread::get_hrtime`.
    ///
    /// On the clock of a processor with another [`LoopTime`](crate::LoopTime) than
    /// [`Cached`](crate::LoopTime::Cached): the time, read now. Mirrors `ink_get_hrtime` there.
    #[inline]
    #[must_use]
    pub fn get_hrtime(&self) -> HrTime {
        if self.is_asked.load(Ordering::Relaxed) {
            return self.ask();
        }
        self.cur_time.load(Ordering::Relaxed)
    }

    #[cold]
    fn ask(&self) -> HrTime {
        match &self.source {
            Source::Real(_) => self.get_hrtime_updated(),
            Source::Virtual(time) => time.peek(),
        }
    }

    /// From now on [`Clock::get_hrtime`] reads the time.
    pub(crate) fn ask_each_time(&self) {
        self.is_asked.store(true, Ordering::Relaxed);
    }

    /// The calling handler works for `span` nanoseconds: a virtual clock goes on by so much, for
    /// all its threads. A real clock goes on by itself, so there the call does nothing.
    ///
    /// ```
    /// use eventsys::Clock;
    /// use eventsys::hrtime::mseconds;
    ///
    /// let clock = Clock::new_virtual();
    /// let start = clock.get_hrtime_updated();
    /// clock.work(mseconds(30));
    /// assert_eq!(clock.get_hrtime(), start, "the time that was read last");
    /// assert_eq!(clock.get_hrtime_updated(), start + mseconds(30));
    /// ```
    ///
    /// # Panics
    /// If `span` is below 0: a clock does not run backwards.
    pub fn work(&self, span: HrTime) {
        assert!(span >= 0, "a clock does not go back: the work takes {span} ns");
        if let Some(time) = self.virtual_time() {
            time.work(span);
        }
    }

    /// Reads the time, and keeps it for [`Clock::get_hrtime`]. Mirrors
    /// `Thread::get_hrtime_updated`.
    pub fn get_hrtime_updated(&self) -> HrTime {
        let now = match &self.source {
            Source::Real(start) => {
                EPOCH + HrTime::try_from(start.elapsed().as_nanos()).unwrap_or(HrTime::MAX - EPOCH)
            }
            Source::Virtual(time) => time.now(),
        };
        self.cur_time.store(now, Ordering::Relaxed);
        now
    }

    /// True if the clock moves only when all threads wait.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        matches!(self.source, Source::Virtual(_))
    }

    /// True if a thread may wait with this clock: not if it is a ticking one, which goes on after
    /// each pass in any case.
    #[must_use]
    pub fn lets_threads_wait(&self) -> bool {
        self.virtual_time().is_none_or(VirtualTime::lets_threads_wait)
    }

    /// Keeps a virtual clock from moving while a thread that is no EThread
    /// works; `None` for a real clock.
    #[must_use]
    pub fn participate(self: &Arc<Clock>) -> Option<Participant> {
        self.virtual_time()?;
        Some(Participant::new(Arc::clone(self)))
    }

    pub(crate) fn virtual_time(&self) -> Option<&VirtualTime> {
        match &self.source {
            Source::Real(_) => None,
            Source::Virtual(time) => Some(time),
        }
    }
}
