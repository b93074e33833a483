//! [`differ`]: where two lists of steps part.
//!
//! With one event thread both arms are deterministic to the step and to the
//! millisecond, so everything is compared: side, step, value and time of each
//! step, how the run ended, and the bytes that each end has taken. Not compared
//! are the numbers of pairs, the addresses, and the text of a crash: the port
//! panics with a sentence where the server dies of a signal.

use std::fmt;

use eventsys::steps::Step;

use super::arm::{End, Played};

/// How many steps are shown before and after the first that differs.
const CONTEXT: usize = 6;

/// Where the port leaves the real server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// How many steps were the same.
    pub index: usize,
    /// What the server did there.
    pub real: String,
    /// What the port did there.
    pub port: String,
    real_around: Vec<String>,
    port_around: Vec<String>,
}

/// Compares what the real server did with what the port did.
#[must_use]
pub fn differ(real: &Played, port: &Played) -> Option<Divergence> {
    let same = |(a, b): &(&Step, &Step)| a.same_as(b) && a.at == b.at;
    let index = real.steps.iter().zip(&port.steps).take_while(same).count();
    let ended = |played: &Played| index == played.steps.len();
    if ended(real) && ended(port) && ends_alike(&real.end, &port.end) {
        return None;
    }
    let at = |played: &Played| match played.steps.get(index) {
        Some(step) => line(step),
        None => told(&played.end),
    };
    let around = |played: &Played| {
        let range = index.saturating_sub(CONTEXT)..(index + CONTEXT).min(played.steps.len());
        let mut lines: Vec<_> = played.steps[range].iter().map(line).collect();
        if index + CONTEXT > played.steps.len() {
            lines.push(told(&played.end));
        }
        lines
    };
    Some(Divergence {
        index,
        real: at(real),
        port: at(port),
        real_around: around(real),
        port_around: around(port),
    })
}

fn ends_alike(real: &End, port: &End) -> bool {
    matches!((real, port), (End::Crashed(_), End::Crashed(_))) || real == port
}

fn line(step: &Step) -> String {
    format!("{:>6} ms  {step}", step.at / 1_000_000)
}

fn told(end: &End) -> String {
    let (what, taken) = match end {
        End::Quiet(taken) => ("the end", taken),
        End::Runaway(taken) => ("stopped: a reaction went on without end", taken),
        End::TimeIsUp(taken) => ("stopped: the longest time was over", taken),
        End::Crashed(text) => return format!("crash: {text}"),
        End::Hung => return "hang: no answer".to_owned(),
    };
    let of = |end: usize| {
        let taken = &taken[end];
        format!("{} bytes ({:08x}), {} left", taken.bytes, taken.checksum, taken.left)
    };
    format!("{what}; active took {}; passive took {}", of(0), of(1))
}

/// The two sides, one below the other, with a mark at the first difference.
impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marked = self.index.min(CONTEXT);
        for (title, lines) in [("real server", &self.real_around), ("port", &self.port_around)] {
            writeln!(f, "  {title}:")?;
            for (index, line) in lines.iter().enumerate() {
                let mark = if index == marked { '>' } else { ' ' };
                writeln!(f, "  {mark} {line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use eventsys::steps::{Side, StepKind};

    use super::*;
    use crate::scenario::Taken;

    fn played(values: &[i64], end: End) -> Played {
        let step = |&n: &i64| Step::bare(Side::Active, StepKind::Moved, Some(n));
        Played { steps: values.iter().map(step).collect(), end }
    }

    fn quiet(bytes: i64) -> End {
        End::Quiet([Taken { bytes, ..Taken::default() }, Taken::default()])
    }

    #[test]
    fn everything_counts() {
        let real = played(&[1, 2], quiet(5));
        assert_eq!(differ(&real, &real), None);
        let at = |port: &Played| differ(&real, port).map(|found| found.index);
        assert_eq!(at(&played(&[1, 3], quiet(5))), Some(1), "a value");
        assert_eq!(at(&played(&[1], quiet(5))), Some(1), "a missing step");
        assert_eq!(at(&played(&[1, 2, 3], quiet(5))), Some(2), "one too many");
        assert_eq!(at(&played(&[1, 2], quiet(6))), Some(2), "the bytes");
        assert_eq!(at(&played(&[1, 2], End::Crashed("a".into()))), Some(2), "the end");
        let mut late = real.clone();
        late.steps[1].at = 1_000_000;
        assert_eq!(at(&late), Some(1), "the time");
    }

    #[test]
    fn crashes_are_alike_whatever_they_say() {
        let real = played(&[1], End::Crashed("signal 11".into()));
        assert_eq!(differ(&real, &played(&[1], End::Crashed("a sentence".into()))), None);
    }
}
