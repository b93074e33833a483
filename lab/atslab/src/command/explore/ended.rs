//! [`Ended`]: what came out of an exploration, or of one schedule.

use explorer::{Found, Report, Schedule, Trace, Violation};

use super::subject::Subject;

/// What came out.
pub(super) struct Ended {
    pub(super) subject: Subject,
    /// None if one schedule was run.
    pub(super) report: Option<Report>,
    /// What was found, the first one first.
    pub(super) found: Vec<Shown>,
    /// The one schedule that was run.
    pub(super) trace: Option<Trace>,
}

/// A violation with its interleaving.
pub(super) struct Shown {
    pub(super) violation: Violation,
    pub(super) schedule: Schedule,
    pub(super) interruptions: u32,
    /// Whether it does not come with one interruption less; `None` if that was not tried.
    pub(super) is_minimal: Option<bool>,
    /// After how many schedules it was found, and how many led to it; `None` if one was run.
    pub(super) counts: Option<(u64, u64)>,
    pub(super) trace: Trace,
}

impl Ended {
    /// The end of an exploration: each violation is run again, and looked at.
    pub(super) fn of_report(subject: Subject, report: Report) -> Ended {
        let found = report.violations.iter().map(|found| Shown::new(&subject, found)).collect();
        Ended { subject, report: Some(report), found, trace: None }
    }

    /// The end of one schedule.
    pub(super) fn of_one(subject: Subject, trace: Trace) -> Ended {
        let found = trace.violation.clone().map(|violation| Shown {
            violation,
            schedule: trace.schedule.clone(),
            interruptions: trace.schedule.interruptions(),
            is_minimal: None,
            counts: None,
            trace: trace.clone(),
        });
        Ended { subject, report: None, found: found.into_iter().collect(), trace: Some(trace) }
    }
}

impl Shown {
    fn new(subject: &Subject, found: &Found) -> Shown {
        let explorer = subject.explorer();
        let trace = explorer.trace(&found.schedule, subject.scene());
        Shown {
            violation: found.violation.clone(),
            schedule: found.schedule.clone(),
            interruptions: found.interruptions,
            is_minimal: Some(explorer.is_minimal(found, subject.scene())),
            counts: Some((found.after, found.times)),
            trace: trace.unwrap_or_else(|error| panic!("it was found by this program: {error}")),
        }
    }
}
