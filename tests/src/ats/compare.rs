//! Compares what the real server did in a case with what the port did.
//!
//! Every step is compared exactly, in order, with one exception. `event 2` is
//! how PluginVC looks, once a second, whether an end has been inactive for too
//! long. How often that happens in the life of a case, and between which other
//! events, depends on the wall clock: two runs of the same real server differ
//! there. So an `event 2` is compared by its verdict:
//!
//! * It is **idle** if the very next step, of whichever end, is an `event`
//!   again: the handler looked, found nothing to do and returned, and the event
//!   loop went on to the next event. Idle events are left out on both sides.
//! * Any other `event 2` **has an effect**: a timeout was delivered
//!   (`sm_read 105`), a retry ran (`read_side`), a closed end was taken down
//!   (`process_close`). It stands at the same place on both sides, or the case
//!   differs.
//!
//! Could the exception hide a fault? Only a surplus or a lack of looks that
//! found nothing. The handler of an event runs to its end on the one event
//! thread before the next event begins, so what follows directly is the whole
//! effect. An `event 2` in the middle of another handler, before `destroy` or
//! at the very end of a case is not idle by this rule: that cannot happen on
//! the real server, and would be found.
//!
//! A server whose clock is given from outside ([`live`](crate::ats::live)) has the
//! port's own: there nothing depends on anything else, and [`compare_exactly`]
//! leaves nothing out.

use eventsys::EventCode;
use eventsys::steps::Step;
use pluginvc::steps as pvc;

use crate::ats::recording::RecordedCase;

/// How many steps a [`Difference`] shows on either side of the first that differs.
pub const CONTEXT: usize = 5;

/// What the comparison of one case found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// The port took the steps of the real server.
    Identical {
        /// How many steps were compared; what is left out is not among them.
        steps: usize,
    },
    /// Both took a step, but not the same one.
    Differs(Box<Difference>),
    /// The port ended, and the real server went on.
    Missing(Box<Difference>),
    /// The real server ended, and the port went on.
    Surplus(Box<Difference>),
}

impl Verdict {
    /// The first difference, if there is one.
    #[must_use]
    pub fn difference(&self) -> Option<&Difference> {
        match self {
            Verdict::Identical { .. } => None,
            Verdict::Differs(difference)
            | Verdict::Missing(difference)
            | Verdict::Surplus(difference) => Some(difference),
        }
    }

    /// True if the port took the steps of the real server.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        matches!(self, Verdict::Identical { .. })
    }
}

/// The first difference of a case. Idle events that are not compared are not shown
/// either, so that the two sides can be read line by line; their numbers are skipped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// How many steps had been compared and found identical before.
    pub index: usize,
    /// The real server's steps, numbered by their line in the unpacked recording.
    pub recorded: Excerpt,
    /// The port's steps, numbered by their position in its list, from 1.
    pub port: Excerpt,
}

/// One side of a difference. At most [`CONTEXT`] steps stand before and after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt {
    /// The steps before, the nearest last.
    pub before: Vec<Numbered>,
    /// The step that differs, or `None` if this side has ended.
    pub here: Option<Numbered>,
    /// The steps after, the nearest first.
    pub after: Vec<Numbered>,
}

/// A step and where to find it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Numbered {
    /// The line in the recording, or the position in the port's list.
    pub number: usize,
    /// The step.
    pub step: Step,
}

/// Compares the recorded steps of a case with the port's, by the rule of this module.
pub fn compare(recorded: &RecordedCase, port: &[Step]) -> Verdict {
    compare_where(|steps, index| !is_idle(steps, index), recorded, port)
}

/// As [`compare`], with idle events, for a server that had the port's clock.
pub fn compare_exactly(recorded: &RecordedCase, port: &[Step]) -> Verdict {
    compare_where(|_, _| true, recorded, port)
}

/// Whether the step at this index takes part in the comparison.
type TakesPart = fn(&[Step], usize) -> bool;

fn compare_where(takes_part: TakesPart, recorded: &RecordedCase, port: &[Step]) -> Verdict {
    let mut recorded_steps = compared(takes_part, &recorded.steps, 0);
    let mut port_steps = compared(takes_part, port, 0);
    let mut index = 0;
    loop {
        let (theirs, ours) = (recorded_steps.next(), port_steps.next());
        let verdict = match (theirs, ours) {
            (None, None) => return Verdict::Identical { steps: index },
            (Some((_, theirs)), Some((_, ours))) if theirs.same_as(ours) => {
                index += 1;
                continue;
            }
            (Some(_), Some(_)) => Verdict::Differs,
            (Some(_), None) => Verdict::Missing,
            (None, Some(_)) => Verdict::Surplus,
        };
        let at = |side: Option<(usize, &Step)>| side.map(|(position, _)| position);
        let number = |index| recorded.line_of(index);
        return verdict(Box::new(Difference {
            index,
            recorded: excerpt(takes_part, &recorded.steps, at(theirs), number),
            port: excerpt(takes_part, port, at(ours), |index| index + 1),
        }));
    }
}

/// True if the step at `index` is an idle `event 2`, as this module defines it.
#[inline]
#[must_use]
pub fn is_idle(steps: &[Step], index: usize) -> bool {
    const INTERVAL: Option<i64> = Some(EventCode::EVENT_INTERVAL.0 as i64);

    let step = &steps[index];
    step.value == INTERVAL
        && step.kind.is(pvc::EVENT)
        && steps.get(index + 1).is_some_and(|next| next.kind.is(pvc::EVENT))
}

/// The steps from index `from` on that take part in the comparison, with their indices.
fn compared(
    takes_part: TakesPart,
    steps: &[Step],
    from: usize,
) -> impl Iterator<Item = (usize, &Step)> {
    let indices = (from..steps.len()).filter(move |&index| takes_part(steps, index));
    indices.map(|index| (index, &steps[index]))
}

/// The steps around the index `here`, or the last ones if the list has ended.
fn excerpt(
    takes_part: TakesPart,
    steps: &[Step],
    here: Option<usize>,
    number: impl Fn(usize) -> usize,
) -> Excerpt {
    let numbered = |index: usize| Numbered { number: number(index), step: steps[index].clone() };
    let end = here.unwrap_or(steps.len());

    let before = (0..end).rev().filter(|&index| takes_part(steps, index)).take(CONTEXT);
    let mut before: Vec<Numbered> = before.map(&numbered).collect();
    before.reverse();

    let after = compared(takes_part, steps, (end + 1).min(steps.len())).take(CONTEXT);
    Excerpt {
        before,
        here: here.map(&numbered),
        after: after.map(|(index, _)| numbered(index)).collect(),
    }
}
