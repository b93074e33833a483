//! Runs cases on the port, several at a time.

use std::any::Any;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conformance::ats::{
    Case, CaseEnd, Epoch, RecordedCase, Verdict, compare, compare_exactly, run_case_with,
};
use conformance::pool;
use eventsys::Options;
use eventsys::steps::{Collector, StepSink, Steps};

use crate::error::Error;

/// A case and what the real server did in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    /// The case.
    pub case: &'a Case,
    /// What the real server did.
    pub recorded: &'a RecordedCase,
    /// Which epoch of the port must take the same steps.
    pub epoch: Epoch,
    /// Whether the server had the port's clock, so that all steps are compared.
    pub live: bool,
}

/// What became of a job.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the comparison found.
    pub verdict: Verdict,
    /// How long the port took.
    pub took: Duration,
}

/// As [`run_each`]; the first job that has no verdict is the error.
pub(crate) fn run_all(
    jobs: &[Job<'_>],
    threads: Option<NonZero<usize>>,
    done: impl FnMut(&Job<'_>),
) -> Result<Vec<Outcome>, Error> {
    run_each(jobs, threads, done).into_iter().collect()
}

/// Runs and compares every job on `threads` threads and gives the outcomes in
/// the order of the jobs. Calls `done` for each as soon as it is done.
pub(crate) fn run_each(
    jobs: &[Job<'_>],
    threads: Option<NonZero<usize>>,
    mut done: impl FnMut(&Job<'_>),
) -> Vec<Result<Outcome, Error>> {
    let workers = vec![(); pool::size(threads, jobs.len())];
    let mut outcomes: Vec<(usize, Result<Outcome, Error>)> = Vec::new();
    let work = |_: &mut (), index: usize| (index, run(&jobs[index]));
    pool::run(0..jobs.len(), workers, work, |(index, outcome)| {
        done(&jobs[index]);
        outcomes.push((index, outcome));
        ControlFlow::Continue(())
    });

    outcomes.sort_by_key(|&(index, _)| index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Runs and compares one job.
pub(crate) fn run(job: &Job<'_>) -> Result<Outcome, Error> {
    let started = Instant::now();
    let collector = Collector::new();
    run_on_port(job.case, job.epoch, collector.clone())
        .map_err(|error| error.after(collector.take().len()))?;
    let took = started.elapsed();
    let compare = if job.live { compare_exactly } else { compare };
    Ok(Outcome { verdict: compare(job.recorded, &collector.take()), took })
}

/// Runs `case` on the port and gives its steps to `sink`.
pub(crate) fn run_on_port(
    case: &Case,
    epoch: Epoch,
    sink: Arc<dyn StepSink>,
) -> Result<CaseEnd, Error> {
    let options = Options { steps: Steps::to(sink), ..Options::default() };
    run_on_port_with(case, epoch, options)
}

/// As [`run_on_port`], on an event processor with these options.
pub(crate) fn run_on_port_with(
    case: &Case,
    epoch: Epoch,
    options: Options,
) -> Result<CaseEnd, Error> {
    // A panic is a fault of the port. It has printed its message already; what
    // it cannot say is the name of the case. Nothing of the run is used after it.
    let end = catch_unwind(AssertUnwindSafe(|| run_case_with(case, epoch, options))).map_err(
        |payload| Error::Panicked { name: case.name.clone(), text: text_of(&*payload), after: 0 },
    )?;
    match end.is_cut_off() {
        true => Err(Error::Endless { name: case.name.clone() }),
        false => Ok(end),
    }
}

/// The message of a panic.
fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use conformance::ats::{Epoch, Suite};
    use eventsys::steps::{Step, StepSink};

    use super::run_on_port;

    struct Panics;

    impl StepSink for Panics {
        fn step(&self, step: Step) {
            panic!("no one expected {step}");
        }
    }

    #[test]
    fn a_panic_of_the_port_is_an_error_with_the_name_of_the_case() {
        let case = &Suite::Regression.cases()[0];
        let error = run_on_port(case, Epoch::C, Arc::new(Panics)).unwrap_err().to_string();
        assert_eq!(error, "the port panicked in case basic; its message stands above");
    }
}
