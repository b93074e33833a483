//! A progress bar for long work, on standard error, if that is a terminal.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::jobs::Job;

/// A bar of indicatif's `template`; a hidden one where standard error is no terminal.
pub(crate) fn bar(total: u64, template: &str) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Shows how much of the work is done: counted in recorded steps where there are
/// any, because one case can be a thousand times as long as another.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Work with fewer steps than this is over before a bar could be read.
    const LONG: u64 = 500_000;

    /// A bar for these jobs, or a hidden one.
    pub(crate) fn of(jobs: &[Job<'_>]) -> Progress {
        let total = jobs.iter().map(weight).sum();
        Progress::shown(total, total >= Progress::LONG)
    }

    /// A bar for so many cases that a real server performs.
    pub(crate) fn of_cases(total: usize) -> Progress {
        Progress::shown(total as u64, true)
    }

    fn shown(total: u64, is_long: bool) -> Progress {
        Progress(match is_long {
            true => bar(total, "{bar:30} {percent:>3} %  {wide_msg}"),
            false => ProgressBar::hidden(),
        })
    }

    /// Counts a job as done.
    pub(crate) fn done(&self, job: &Job<'_>) {
        self.0.set_message(job.case.name.clone());
        self.0.inc(weight(job));
    }

    /// Counts a case as done.
    pub(crate) fn done_case(&self, name: &str) {
        self.0.set_message(name.to_owned());
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn weight(job: &Job<'_>) -> u64 {
    job.recorded.steps.len() as u64
}
