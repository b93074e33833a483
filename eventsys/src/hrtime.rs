//! Time as the original counts it: signed nanoseconds.
//!
//! Mirrors `ink_hrtime` and the `HRTIME_*` macros of `include/tscore/ink_hrtime.h`
//! (9.1.3). A plain integer and not a `Duration`, because the event system gives
//! the sign of a period a meaning: below 0 it marks a poll event.
//!
//! # Times saturate
//! In the original a sum past the end of the range wraps (undefined behaviour), and
//! a time below 0 makes a poll event of a timer. Here the rule is the same for every
//! delay, timeout and period, in every function and in every build:
//!
//! - What lies past the end of the range is [`NEVER`]: it does not come.
//! - What lies before the clock's time is due at once, even if the sum is below 0: a negative delay
//!   has already passed.
//!
//! [`after`] is that rule. Two meanings of a negative number are the original's and
//! stay: a negative *period* makes a poll event (`schedule_every`), and some functions
//! take a timeout back for it, which they say themselves.

/// A point in time or a span of it, in nanoseconds. Mirrors `ink_hrtime`.
///
/// ```
/// use eventsys::hrtime::{self, HrTime, mseconds};
///
/// let timeout: HrTime = mseconds(250);
/// assert_eq!(timeout, 250_000_000);
/// assert_eq!(hrtime::after(5, HrTime::MAX), hrtime::NEVER, "times saturate");
/// ```
pub type HrTime = i64;

/// The time that does not come, and the span after which nothing comes.
pub const NEVER: HrTime = HrTime::MAX;

/// The span that no deadline outlives (ten decades). Mirrors `HRTIME_FOREVER`.
pub const FOREVER: HrTime = 100 * (365 * 24 + 6) * 3600 * SECOND;

/// One second, in nanoseconds. Mirrors `HRTIME_SECOND`.
pub const SECOND: HrTime = 1_000_000_000;

/// One millisecond, in nanoseconds. Mirrors `HRTIME_MSECOND`.
pub const MSECOND: HrTime = 1_000_000;

/// The time `span` after `now`: above 0, and [`NEVER`] if it lies past the end of the
/// range.
#[inline]
#[must_use]
pub const fn after(now: HrTime, span: HrTime) -> HrTime {
    let at = now.saturating_add(span);
    // 0 is "no time" in the original, and less marks a poll event.
    if at > 0 { at } else { 1 }
}

/// `n` seconds; [`NEVER`] if they are too many to be counted. Mirrors `HRTIME_SECONDS`.
#[must_use]
pub const fn seconds(n: i64) -> HrTime {
    n.saturating_mul(SECOND)
}

/// `n` milliseconds, as [`seconds`]. Mirrors `HRTIME_MSECONDS`.
#[must_use]
pub const fn mseconds(n: i64) -> HrTime {
    n.saturating_mul(MSECOND)
}

/// `n` microseconds, as [`seconds`]. Mirrors `HRTIME_USECONDS`.
#[must_use]
pub const fn useconds(n: i64) -> HrTime {
    n.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_times_stays_between_the_first_nanosecond_and_never() {
        for (now, span, at) in [
            (1, 0, 1),
            (10, 5, 15),
            (10, -5, 5),
            (10, -10, 1),
            (10, -11, 1),
            (10, HrTime::MIN, 1),
            (1, NEVER, NEVER),
            (NEVER, 1, NEVER),
            (NEVER - 1, 1, NEVER),
            (NEVER, NEVER, NEVER),
            (NEVER, -1, NEVER - 1),
        ] {
            assert_eq!(after(now, span), at, "{now} + {span}");
        }
    }

    #[test]
    fn forever_is_a_hundred_years_of_365_and_a_quarter_days() {
        let day = seconds(24 * 3_600);
        assert_eq!(FOREVER, 100 * (365 * day + day / 4));
    }

    #[test]
    fn units_too_many_to_be_counted_are_never() {
        for unit in [seconds, mseconds, useconds] {
            assert_eq!(unit(i64::MAX), NEVER);
            assert_eq!(unit(i64::MIN), HrTime::MIN);
        }
        assert_eq!(mseconds(i64::MAX / MSECOND), i64::MAX / MSECOND * MSECOND);
        assert_eq!(mseconds(i64::MAX / MSECOND + 1), NEVER);
        assert_eq!((seconds(-2), mseconds(3), useconds(4)), (-2_000_000_000, 3_000_000, 4_000));
    }
}
