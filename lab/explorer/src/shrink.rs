//! Shorter schedules that lead to the same violation.

use crate::engine::Watch;
use crate::explorer::{Explorer, Scene};
use crate::report::Violation;
use crate::schedule::{Schedule, Segment};

/// How many segments are kept after the last interruption: the task that was let in, and the one
/// that goes on after it.
const KEPT: usize = 2;

/// The same schedule without the end that follows by itself.
pub(crate) fn shorten(
    explorer: &Explorer,
    scene: &Scene,
    violation: &Violation,
    segments: Vec<Segment>,
) -> Vec<Segment> {
    let last = segments.iter().rposition(|segment| segment.points.is_some());
    let end = last.map_or(1, |last| last + 1 + KEPT);
    (end..segments.len())
        .map(|end| segments[..end].to_vec())
        .find(|shorter| run(explorer, scene, shorter).as_ref() == Some(violation))
        .unwrap_or(segments)
}

/// A schedule with fewer interruptions, as long as leaving one out leads to a violation of the
/// same kind.
pub(crate) fn shrink(
    explorer: &Explorer,
    scene: &Scene,
    violation: &Violation,
    segments: Vec<Segment>,
) -> Vec<Segment> {
    let mut best = segments;
    while let Some(fewer) = one_less(explorer, scene, violation, &best) {
        best = fewer;
    }
    shorten(explorer, scene, violation, best)
}

fn one_less(
    explorer: &Explorer,
    scene: &Scene,
    violation: &Violation,
    segments: &[Segment],
) -> Option<Vec<Segment>> {
    let interrupted = |&at: &usize| segments[at].points.is_some();
    (0..segments.len()).filter(interrupted).find_map(|at| {
        candidates(segments, at).into_iter().find_map(|candidate| {
            let schedule = Schedule { check: None, segments: candidate };
            let outcome = explorer.follow(scene, &schedule, Watch::Nothing);
            let same = outcome.violation.as_ref() == Some(violation);
            (same && cost(&outcome.segments) < cost(segments)).then_some(outcome.segments)
        })
    })
}

/// Segment `at` runs until it blocks; or it is left out; or the one after it is left out as well.
fn candidates(segments: &[Segment], at: usize) -> [Vec<Segment>; 3] {
    let mut runs_on = segments.to_vec();
    runs_on[at].points = None;
    let mut left_out = segments.to_vec();
    left_out.remove(at);
    let mut joined = runs_on.clone();
    if at + 1 < joined.len() {
        joined.remove(at + 1);
    }
    [runs_on, left_out, joined]
}

fn cost(segments: &[Segment]) -> (usize, usize) {
    let interruptions = segments.iter().filter(|segment| segment.points.is_some()).count();
    (interruptions, segments.len())
}

fn run(explorer: &Explorer, scene: &Scene, segments: &[Segment]) -> Option<Violation> {
    let schedule = Schedule { check: None, segments: segments.to_vec() };
    explorer.follow(scene, &schedule, Watch::Nothing).violation
}
