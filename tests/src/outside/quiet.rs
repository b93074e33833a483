//! [`Quiet`]: whether a value that others change has stopped to change.

use std::time::{Duration, Instant};

/// Tells if a value has not changed for some time. The answer rests on the value that was read last:
/// if the calling thread stands still between two looks, however long, the value is read once more
/// before it counts as quiet.
///
/// ```
/// use std::time::Duration;
/// use conformance::outside::Quiet;
///
/// let mut quiet = Quiet::new(Duration::ZERO);
/// assert!(!quiet.look(|| 1), "the first value is a change");
/// assert!(!quiet.look(|| 2));
/// assert!(quiet.look(|| 2));
/// ```
#[derive(Debug)]
pub struct Quiet<T> {
    span: Duration,
    last: Option<(T, Instant)>,
}

impl<T: PartialEq> Quiet<T> {
    /// A value counts as quiet after `span` without a change.
    #[must_use]
    pub fn new(span: Duration) -> Quiet<T> {
        Quiet { span, last: None }
    }

    /// Reads the value. True if it is the one of the looks before, and the first of these is at
    /// least the span older than this one.
    pub fn look(&mut self, read: impl FnOnce() -> T) -> bool {
        // The clock is read first, and after a change once more: a pause of this thread then only
        // makes the span longer.
        let before = Instant::now();
        let value = read();
        self.saw(before, value, Instant::now())
    }

    /// What was read between `before` and `after`.
    fn saw(&mut self, before: Instant, value: T, after: Instant) -> bool {
        match &self.last {
            Some((last, since)) if *last == value => {
                before.saturating_duration_since(*since) >= self.span
            }
            _ => {
                self.last = Some((value, after));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_thread_that_stands_still_looks_again() {
        let start = Instant::now();
        let mut quiet = Quiet::new(50 * MS);
        assert!(!quiet.saw(start, 0, start));
        // The value was read 10 ms after the start, the thread stood still for a second behind that.
        assert!(!quiet.saw(start + 10 * MS, 0, start + 1010 * MS));
        // In that second it has changed.
        assert!(!quiet.saw(start + 1010 * MS, 1, start + 1010 * MS));
        assert!(!quiet.saw(start + 1059 * MS, 1, start + 1059 * MS));
        assert!(quiet.saw(start + 1060 * MS, 1, start + 1060 * MS));
    }

    #[test]
    fn the_span_begins_after_the_look_that_sees_a_change() {
        let start = Instant::now();
        let mut quiet = Quiet::new(50 * MS);
        assert!(!quiet.saw(start, 0, start + 1000 * MS));
        assert!(!quiet.saw(start + 1001 * MS, 0, start + 1001 * MS));
        assert!(quiet.saw(start + 1050 * MS, 0, start + 1050 * MS));
    }
}
