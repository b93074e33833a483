//! Exact outcomes: runs a program under all schedules of a bound, and keeps with each outcome the
//! first schedule that led to it.
//!
//! An assertion about outcomes that fails shows these schedules, and a program that panics or
//! deadlocks names its own. Each of them can be run again, alone:
//!
//! ```text
//! EXPLORE_REPLAY=a12.b*.a* cargo test -p explorations NAME
//! ```
//!
//! How to read a schedule, see [`explorer::Schedule`].

use std::collections::BTreeSet;
use std::fmt;

use explorer::{Explorer, Report, Schedule};

/// The outcomes of a program, each with the first schedule that led to it. Equal to a set of
/// outcomes if it has the same outcomes.
pub struct Outcomes<T>(explorer::Outcomes<T>);

/// The outcomes of `program` under the schedules of `explorer`, or under the one of
/// `EXPLORE_REPLAY` if it is set.
///
/// # Panics
/// If a schedule leads to a violation, or if not every schedule of the bound was run.
pub fn explore<T: Ord + Send + 'static>(
    explorer: &Explorer,
    program: impl Fn() -> T + Send + Sync + 'static,
) -> Outcomes<T> {
    let outcomes = explore_all(explorer, program);
    let report = outcomes.report();
    if let Some(found) = report.first() {
        panic!("{}\nthe schedule under which it fails: {}", found.violation, found.schedule);
    }
    assert!(!report.out_of_time && report.sweeps.iter().all(|sweep| sweep.complete), "{report:?}");
    outcomes
}

/// The same for a program of which some executions fail: those are in the report.
///
/// # Panics
/// If `EXPLORE_REPLAY` is no schedule.
pub fn explore_all<T: Ord + Send + 'static>(
    explorer: &Explorer,
    program: impl Fn() -> T + Send + Sync + 'static,
) -> Outcomes<T> {
    match std::env::var("EXPLORE_REPLAY") {
        Err(_) => Outcomes(explorer.outcomes(program)),
        Ok(text) => {
            let schedule: Schedule = text.parse().unwrap_or_else(|error| panic!("{error}"));
            Outcomes(explorer.outcome_of(&schedule, program))
        }
    }
}

/// The outcome of `program` under one schedule.
pub fn replay<T: Ord + Send + 'static>(
    explorer: &Explorer,
    schedule: &Schedule,
    program: impl Fn() -> T + Send + Sync + 'static,
) -> Outcomes<T> {
    Outcomes(explorer.outcome_of(schedule, program))
}

impl<T: Ord + fmt::Debug> Outcomes<T> {
    /// The first schedule that led to this outcome.
    ///
    /// # Panics
    /// If no schedule did.
    #[must_use]
    pub fn schedule_of(&self, outcome: &T) -> &Schedule {
        let schedule = self.0.schedules.get(outcome);
        schedule.unwrap_or_else(|| panic!("{outcome:?} is not among {self:?}"))
    }
}

impl<T> Outcomes<T> {
    /// Which schedules were run, and what they violated.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.0.report
    }

    /// The outcomes with their schedules, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&T, &Schedule)> {
        self.0.schedules.iter()
    }
}

impl<T: PartialEq> PartialEq<BTreeSet<T>> for Outcomes<T> {
    fn eq(&self, other: &BTreeSet<T>) -> bool {
        self.0.schedules.keys().eq(other)
    }
}

impl<const N: usize> PartialEq<[&str; N]> for Outcomes<String> {
    fn eq(&self, other: &[&str; N]) -> bool {
        self.0.schedules.keys().eq(other)
    }
}

impl<T: fmt::Debug> fmt::Debug for Outcomes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(outcome, schedule)| {
            write!(f, "\n  {outcome:?}\n    first under the schedule {schedule}")
        })
    }
}
