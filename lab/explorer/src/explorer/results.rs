//! What a single schedule, or all of them, have led to.

use std::collections::BTreeMap;

use crate::report::{Report, Violation};
use crate::schedule::{CheckWord, Schedule};

/// What one schedule has led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replay {
    /// The violation, if there was one.
    pub violation: Option<Violation>,
    /// What was run: the given schedule, as far as the scene fits it, and how it went on.
    pub schedule: Schedule,
    /// The operations of the execution.
    pub points: u32,
}

/// A schedule belongs to another program: the scene, or the code that it runs, has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongProgram {
    /// The check word of the schedule.
    pub was: CheckWord,
    /// The check word of the scene.
    pub is: CheckWord,
}

impl std::fmt::Display for WrongProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let WrongProgram { was, is } = self;
        write!(
            f,
            "the schedule is of another program: its check word is {was}, and this scene in this build has {is}; without \"{was}:\" it is tried as it is"
        )
    }
}

impl std::error::Error for WrongProgram {}

/// What a scene has returned; see [`Explorer::outcomes`](super::Explorer::outcomes).
#[derive(Clone, Debug)]
pub struct Outcomes<T> {
    /// Each value with the first schedule that led to it.
    pub schedules: BTreeMap<T, Schedule>,
    /// The report. Its violations are the executions that have returned nothing.
    pub report: Report,
}

impl<T: Ord> Outcomes<T> {
    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.schedules.keys()
    }
}
