//! [`Report`]: what an exploration has found, or excluded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::schedule::{CheckWord, Schedule};

/// Something that must not happen, and has happened in one execution.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Violation {
    /// One of the constants of [`kind`], or what an observer has called it.
    pub kind: String,
    /// What happened, in one sentence. The same in each execution of the same schedule.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

/// The kinds of [`Violation`] that the engine itself reports.
pub mod kind {
    /// A task has panicked, and nothing in it has caught the panic.
    pub const PANIC: &str = "panic";
    /// No task can go on, and at least one waits for a mutex that is held.
    pub const DEADLOCK: &str = "deadlock";
    /// No task can go on, and none waits for a mutex: a wake-up never comes.
    pub const LOST_WAKE_UP: &str = "lost wake-up";
    /// The scene has not done the same again under the same schedule, so nothing can be
    /// concluded from it.
    pub const NOT_DETERMINISTIC: &str = "not deterministic";
    /// The execution did not end within the limit of operations.
    pub const LIVELOCK: &str = "livelock";
}

/// A violation with the schedule that led to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Found {
    /// What happened.
    pub violation: Violation,
    /// The schedule, with its check word.
    pub schedule: Schedule,
    /// How many interruptions the schedule has.
    pub interruptions: u32,
    /// How many schedules were run until then, this one included: in this sweep for
    /// [`Strategy::Bounded`](crate::Strategy::Bounded), else in all.
    pub after: u64,
    /// How many schedules of the exploration ended in this violation.
    pub times: u64,
    /// Where in the exploration the schedule is: the bound of the sweep, the part of the tree of
    /// schedules, the number in that part. Of two, the lesser one comes first.
    pub order: (u32, u64, u64),
}

/// All schedules with a given number of interruptions at most, or a part of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sweep {
    /// The most interruptions; `None` if their number was not limited.
    pub bound: Option<u32>,
    /// How many schedules were run.
    pub schedules: u64,
    /// True if these are all schedules of this bound (of this shard).
    pub complete: bool,
    /// A digest of the set of objects that several tasks use. Interruptions were tried only at
    /// these. Parts of a sweep make a whole only if theirs are equal.
    pub shared_objects: u64,
}

/// What an exploration has found, or excluded.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The strategy: `bounded`, `every`, `pos`, `pct` or `random`.
    pub strategy: String,
    /// The seed of a random strategy; 0 for the others.
    pub seed: u64,
    /// The sweeps of a bounded exploration in order; for a random strategy none.
    pub sweeps: Vec<Sweep>,
    /// Schedules run in all. Schedules that were run to learn the shared objects are not counted.
    pub schedules: u64,
    /// Operations of tasks in all.
    pub points: u64,
    /// Distinct violations, the first one found first. Without
    /// [`Explorer::all`](crate::Explorer::all) there is one at most.
    pub violations: Vec<Found>,
    /// True if the exploration ended because its time was over.
    pub out_of_time: bool,
    /// How long it took, in seconds of the wall clock.
    pub seconds: f64,
    /// The word of this scene, see [`CheckWord`].
    pub check: CheckWord,
    /// Which part this was: `(1, 3)` is the first of three. `(1, 1)` is the whole.
    pub shard: (u32, u32),
}

impl Report {
    /// The first violation, if there is one.
    #[must_use]
    pub fn first(&self) -> Option<&Found> {
        self.violations.first()
    }

    /// The greatest bound of which every schedule was run.
    #[must_use]
    pub fn complete_bound(&self) -> Option<u32> {
        self.sweeps.iter().filter(|sweep| sweep.complete).filter_map(|sweep| sweep.bound).max()
    }

    /// Schedules per second of the wall clock.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 schedules are run")]
    pub fn rate(&self) -> f64 {
        self.schedules as f64 / self.seconds.max(1e-9)
    }

    /// One report of all parts of an exploration, in any order: what the undivided exploration
    /// would have reported. Only `seconds` differs: it is the sum.
    ///
    /// Of a violation that several parts have found, the schedule with the fewest interruptions
    /// is kept, and among those the one of the first part.
    ///
    /// # Errors
    /// If a part is missing, comes twice, or belongs to another exploration.
    pub fn merge(parts: Vec<Report>) -> Result<Report, MergeError> {
        crate::merge::merge(parts)
    }
}

/// Why reports do not belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeError(pub(crate) String);

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MergeError {}

/// How far an exploration has come; see [`Explorer::progress`](crate::Explorer::progress).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// The bound of the present sweep, if the strategy is bounded.
    pub bound: Option<u32>,
    /// Schedules run so far, in all.
    pub schedules: u64,
}
