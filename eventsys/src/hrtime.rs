//! Time as the original counts it: signed nanoseconds.
//!
//! Mirrors `ink_hrtime` and the `HRTIME_*` macros of `include/tscore/ink_hrtime.h`
//! (9.1.3). A plain integer and not a `Duration`, because the event system gives
//! the sign a meaning: a negative time marks a poll event.

/// A point in time or a span of it, in nanoseconds. Mirrors `ink_hrtime`.
pub type HrTime = i64;

/// The span that no deadline outlives (ten decades). Mirrors `HRTIME_FOREVER`.
pub const FOREVER: HrTime = 100 * (365 * 24 + 6) * 3600 * SECOND;

/// One second, in nanoseconds. Mirrors `HRTIME_SECOND`.
pub const SECOND: HrTime = 1_000_000_000;

/// One millisecond, in nanoseconds. Mirrors `HRTIME_MSECOND`.
pub const MSECOND: HrTime = 1_000_000;

/// `n` seconds. Mirrors `HRTIME_SECONDS`.
#[must_use]
pub const fn seconds(n: i64) -> HrTime {
    n * SECOND
}

/// `n` milliseconds. Mirrors `HRTIME_MSECONDS`.
#[must_use]
pub const fn mseconds(n: i64) -> HrTime {
    n * MSECOND
}

/// `n` microseconds. Mirrors `HRTIME_USECONDS`.
#[must_use]
pub const fn useconds(n: i64) -> HrTime {
    n * 1_000
}
