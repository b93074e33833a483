//! [`differ`]: where two lists of steps first differ.
//!
//! With one event thread both arms are deterministic to the step and to the
//! millisecond, so everything is compared: side, step, value and time of each
//! step, the bytes and blocks in an end's buffers whenever it is called back, how
//! the run ended, and the bytes that each end has taken. The numbers of pairs, the
//! addresses and the text of a crash are not compared: the port panics with a
//! sentence where the server dies of a signal.

use crate::ats::vocabulary::driver;
use std::fmt;

use eventsys::hrtime::MSECOND;
use eventsys::steps::Step;

use super::arm::{Finish, Played};
use crate::ats::scenario::Seen;

/// How many steps are shown before and after the first that differs.
const CONTEXT: usize = 6;

/// Where the port first differs from the real server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// How many steps were the same.
    pub index: usize,
    /// What the server did there.
    pub real: String,
    /// What the port did there.
    pub port: String,
    /// What both did there, without numbers: the names of the two steps, or the name
    /// of one and what differs in it. Divergences of one cause have mostly one kind.
    pub kind: String,
    real_around: Vec<String>,
    port_around: Vec<String>,
}

/// Compares what the real server did with what the port did.
#[must_use]
pub fn differ(real: &Played, port: &Played) -> Option<Divergence> {
    let (ours, theirs) = (moments(port), moments(real));
    let index = theirs.iter().zip(&ours).take_while(|(a, b)| a.is_like(b)).count();
    let ended = |played: &Played| index == played.steps.len();
    if ended(real) && ended(port) && finish_alike(&real.finish, &port.finish) {
        return None;
    }
    let at = |moments: &[Moment<'_>], finish| match moments.get(index) {
        Some(moment) => moment.to_string(),
        None => told(finish),
    };
    let around = |moments: &[Moment<'_>], finish| {
        let range = index.saturating_sub(CONTEXT)..(index + CONTEXT).min(moments.len());
        let mut lines: Vec<_> = moments[range].iter().map(Moment::to_string).collect();
        if index + CONTEXT > moments.len() {
            lines.push(told(finish));
        }
        lines
    };
    Some(Divergence {
        index,
        real: at(&theirs, &real.finish),
        port: at(&ours, &port.finish),
        kind: match (theirs.get(index), ours.get(index)) {
            (Some(real), Some(port)) if real.step.kind == port.step.kind => {
                format!("{}: {}", real.step.kind.name(), real.what_differs(port))
            }
            (None, None) if word(&real.finish) == word(&port.finish) => {
                format!("{}: other bytes taken", word(&real.finish))
            }
            (theirs, ours) => {
                let name = |moment: Option<&Moment<'_>>, finish| match moment {
                    Some(moment) => moment.step.kind.name(),
                    None => word(finish),
                };
                format!("{} | {}", name(theirs, &real.finish), name(ours, &port.finish))
            }
        },
        real_around: around(&theirs, &real.finish),
        port_around: around(&ours, &port.finish),
    })
}

/// A step, and what was in the buffers of the end that was called back.
#[derive(Clone, Copy)]
struct Moment<'a> {
    step: &'a Step,
    seen: Option<&'a Seen>,
}

fn moments(played: &Played) -> Vec<Moment<'_>> {
    let mut seen = played.seen.iter();
    let is_told = |step: &Step| matches!(step.kind, driver::SM_READ | driver::SM_WRITE);
    let moment = |step| Moment { step, seen: if is_told(step) { seen.next() } else { None } };
    played.steps.iter().map(moment).collect()
}

impl Moment<'_> {
    fn is_like(&self, other: &Moment<'_>) -> bool {
        let (step, at) = (other.step, other.step.at);
        self.step.same_as(step) && self.step.at == at && self.seen == other.seen
    }

    /// In what two steps of one kind differ.
    fn what_differs(&self, other: &Moment<'_>) -> &'static str {
        let (real, port) = (self.step, other.step);
        match () {
            () if real.subject.what != port.subject.what => "of the other end",
            () if real.value != port.value => "another value",
            () if real.at != port.at => "another time",
            () => "other buffers",
        }
    }
}

impl fmt::Display for Moment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} ms  {}", self.step.at / MSECOND, self.step)?;
        let Some(Seen { read, read_blocks, write, write_blocks }) = self.seen else {
            return Ok(());
        };
        write!(f, "  (reads {read} bytes, {read_blocks} blocks; ")?;
        write!(f, "writes {write} bytes, {write_blocks} blocks)")
    }
}

fn finish_alike(real: &Finish, port: &Finish) -> bool {
    matches!((real, port), (Finish::Crashed(_), Finish::Crashed(_))) || real == port
}

fn word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Quiet(_) => "the end",
        Finish::Runaway(_) => "without end",
        Finish::TimeIsUp(_) => "out of time",
        Finish::Crashed(_) => "crash",
        Finish::Hung => "hang",
    }
}

fn told(finish: &Finish) -> String {
    let (what, taken) = match finish {
        Finish::Quiet(taken) => ("the end", taken),
        Finish::Runaway(taken) => ("stopped: a reaction went on without end", taken),
        Finish::TimeIsUp(taken) => ("stopped: the longest time was over", taken),
        Finish::Crashed(text) => return format!("crash: {text}"),
        Finish::Hung => return "hang: no answer".to_owned(),
    };
    let of = |end: usize| {
        let taken = &taken[end];
        format!("{} bytes ({:08x}), {} left", taken.bytes, taken.checksum, taken.left)
    };
    format!("{what}; active took {}; passive took {}", of(0), of(1))
}

impl Divergence {
    /// The lines of both around the first that differs, which has the index [`marked`].
    ///
    /// [`marked`]: Divergence::marked
    #[must_use]
    pub fn around(&self) -> [&[String]; 2] {
        [&self.real_around, &self.port_around]
    }

    /// Which of the lines around it is the first that differs.
    #[must_use]
    pub fn marked(&self) -> usize {
        self.index.min(CONTEXT)
    }

    /// The two sides under these titles, one below the other, with a mark at the first difference.
    #[must_use]
    pub fn between(&self, left: &str, right: &str) -> String {
        let mut text = String::new();
        for (title, lines) in [left, right].into_iter().zip(self.around()) {
            text.push_str(&format!("  {title}:\n"));
            for (index, line) in lines.iter().enumerate() {
                let mark = if index == self.marked() { '>' } else { ' ' };
                text.push_str(&format!("  {mark} {line}\n"));
            }
        }
        text
    }
}

/// The two sides, one below the other, with a mark at the first difference.
impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.between("real server", "port"))
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ats::scenario::Taken;
    use pluginvc::steps as pvc;
    use pluginvc::steps::Side;

    fn played(values: &[i64], finish: Finish) -> Played {
        let step = |&n: &i64| Step::bare(Side::Active, pvc::MOVED, Some(n));
        Played { steps: values.iter().map(step).collect(), seen: Vec::new(), finish }
    }

    fn quiet(bytes: i64) -> Finish {
        Finish::Quiet([Taken { bytes, ..Taken::default() }, Taken::default()])
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
        assert_eq!(at(&played(&[1, 2], Finish::Crashed("a".into()))), Some(2), "the end");
        let mut late = real.clone();
        late.steps[1].at = 1_000_000;
        assert_eq!(at(&late), Some(1), "the time");
    }

    #[test]
    fn the_buffers_of_who_is_called_back_count() {
        let step = Step::bare(Side::Active, driver::SM_READ, Some(100));
        let seen = |read_blocks| vec![Seen { read_blocks, ..Seen::default() }];
        let with =
            |blocks| Played { steps: vec![step.clone()], seen: seen(blocks), finish: quiet(0) };
        assert_eq!(differ(&with(1), &with(1)), None);
        assert_eq!(differ(&with(1), &with(2)).map(|found| found.index), Some(0));
    }

    #[test]
    fn a_kind_has_no_numbers() {
        let real = played(&[1, 2], quiet(5));
        let kind = |port: &Played| differ(&real, port).map(|found| found.kind);
        assert_eq!(kind(&played(&[1, 3], quiet(5))).as_deref(), Some("moved: another value"));
        assert_eq!(kind(&played(&[1], quiet(5))).as_deref(), Some("moved | the end"));
        assert_eq!(kind(&played(&[1, 2, 3], quiet(5))).as_deref(), Some("the end | moved"));
        assert_eq!(kind(&played(&[1, 2], quiet(6))).as_deref(), Some("the end: other bytes taken"));
        let crashed = played(&[1, 2], Finish::Crashed("a".into()));
        assert_eq!(kind(&crashed).as_deref(), Some("the end | crash"));
        let mut late = real.clone();
        late.steps[1].at = 1_000_000;
        assert_eq!(kind(&late).as_deref(), Some("moved: another time"));
        let mut other = real.clone();
        other.steps[1] = Step::bare(Side::Passive, pvc::MOVED, Some(2));
        assert_eq!(kind(&other).as_deref(), Some("moved: of the other end"));
    }

    #[test]
    fn crashes_are_alike_whatever_they_say() {
        let real = played(&[1], Finish::Crashed("signal 11".into()));
        assert_eq!(differ(&real, &played(&[1], Finish::Crashed("a sentence".into()))), None);
    }
}
