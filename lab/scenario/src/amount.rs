//! Bytes and times, as a scenario writes them.

use std::fmt;

use eventsys::{HrTime, hrtime};

/// Units of size, the largest first.
const SIZES: [(&str, i64); 3] = [("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

/// Units of time, the largest first.
const TIMES: [(&str, HrTime); 4] =
    [("s", hrtime::SECOND), ("ms", hrtime::MSECOND), ("us", 1_000), ("ns", 1)];

/// The longest time that a scenario can name: a day.
pub const LONGEST_SPAN: HrTime = hrtime::seconds(86_400);

/// The most bytes that can be put into a buffer at once.
pub const MOST_WRITTEN: i64 = 64 << 20;

/// The largest number of bytes; one more is `max`.
pub const MOST_BYTES: i64 = i64::MAX - 1;

/// Bytes: prints as a scenario writes them, `33`, `32KiB`, `max`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes(pub i64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            i64::MAX => f.write_str("max"),
            0 => f.write_str("0"),
            bytes => write_in_units(f, bytes, &SIZES),
        }
    }
}

/// A span of time: prints as a scenario writes it, `250ms`, `10s`, `0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub HrTime);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            span => write_in_units(f, span, &TIMES),
        }
    }
}

/// True if `text` is written as a number of bytes, though it may be too large.
pub(super) fn is_bytes(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < text.len() && SIZES.iter().any(|(name, _)| *name == unit)
}

/// Reads a number of bytes; `max` is not allowed. Returns `None` for any other text.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<i64> {
    parse_with_unit(text, &SIZES)
}

/// Reads a span of time, in nanoseconds, of a day at most. Returns `None` for any other text.
#[must_use]
pub fn parse_span(text: &str) -> Option<HrTime> {
    let span = if text == "0" { Some(0) } else { parse_with_unit(text, &TIMES) };
    span.filter(|&span| span <= LONGEST_SPAN)
}

fn write_in_units(f: &mut fmt::Formatter<'_>, amount: i64, units: &[(&str, i64)]) -> fmt::Result {
    let fits = |unit: &&(&str, i64)| amount % unit.1 == 0;
    let (name, size) = units.iter().find(fits).copied().unwrap_or(("", 1));
    write!(f, "{}{name}", amount / size)
}

fn parse_with_unit(text: &str, units: &[(&str, i64)]) -> Option<i64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, size) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<i64>().ok()?.checked_mul(*size).filter(|&amount| amount <= MOST_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_back() {
        for (text, bytes) in [("0", 0), ("33", 33), ("32KiB", 32 << 10), ("1MiB", 1 << 20)] {
            assert_eq!(parse_bytes(text), Some(bytes));
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        for (text, span) in [("0", 0), ("250ms", 250_000_000), ("10s", 10_000_000_000)] {
            assert_eq!(parse_span(text), Some(span));
            assert_eq!(Span(span).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_amount() {
        for text in ["", "KiB", "1 KiB", "-1", "1kib", "max", "9223372036854775807", "9999999TiB"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
        for text in ["", "1", "ms", "1m", "-1s", "86401s", "99999999999999999s"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }
}
