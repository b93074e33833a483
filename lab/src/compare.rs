//! `atslab compare`: the port's steps against the real server's.

use std::io::Write;
use std::process::ExitCode;

use conformance::{Epoch, Recording, Verdict};

use crate::cli::{CompareArgs, Epochs};
use crate::diff::write_difference;
use crate::error::Error;
use crate::output::Output;
use crate::progress::Progress;
use crate::run::{Job, Outcome, run_all};
use crate::select::{Group, select};
use crate::table::write_table;

/// The status if a case differs.
const DIFFERS: u8 = 1;

/// Runs the cases, prints what was found, and gives the exit status.
pub(crate) fn compare(args: &CompareArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let groups = groups(args)?;
    let recording = args.recording.as_deref().map(Recording::from_file).transpose()?;
    let jobs = jobs(&groups, recording.as_ref())?;

    let progress = Progress::of(&jobs);
    let outcomes = run_all(&jobs, args.jobs, |job| progress.done(job))?;
    drop(progress);

    write_table(out, &groups, &outcomes)?;
    for (job, outcome) in jobs.iter().zip(&outcomes) {
        write_difference(out, &job.case.name, &outcome.verdict)?;
    }
    write_summary(out, &outcomes)
}

/// The cases that are meant, for each epoch that is meant. Suites that the
/// epoch's server was not recorded in are left out.
fn groups(args: &CompareArgs) -> Result<Vec<Group>, Error> {
    let mut groups = Vec::new();
    let one = || Epochs::One(Epoch::default());
    let default = || if args.cases.is_some() { one() } else { Epochs::All };
    for epoch in args.which.named().unwrap_or_else(default).epochs() {
        let of_epoch = select(args.cases.as_deref(), &args.case, epoch)?;
        groups.extend(
            of_epoch
                .into_iter()
                .filter(|group| group.suite.is_none_or(|suite| suite.recording(epoch).is_some())),
        );
    }
    Ok(groups)
}

/// Every case of every group with its recorded steps, in order.
fn jobs<'a>(groups: &'a [Group], recording: Option<&'a Recording>) -> Result<Vec<Job<'a>>, Error> {
    let mut jobs = Vec::new();
    for group in groups {
        let built_in = || group.suite.and_then(|suite| suite.recording(group.epoch));
        let recording = recording.or_else(built_in);
        for case in &group.cases {
            let recorded = recording.and_then(|recording| recording.case(&case.name));
            let recorded = recorded.ok_or_else(|| Error::NotRecorded {
                recording: recording.map_or("--recording", Recording::file).to_owned(),
                name: case.name.clone(),
                cases: group.name.clone(),
            })?;
            jobs.push(Job { case, recorded, epoch: group.epoch });
        }
    }
    Ok(jobs)
}

fn write_summary(out: &mut Output, outcomes: &[Outcome]) -> Result<ExitCode, Error> {
    let (mut identical, mut compared) = (0, 0);
    for outcome in outcomes {
        if let Verdict::Identical { steps } = outcome.verdict {
            identical += 1;
            compared += steps;
        }
    }
    writeln!(out, "\nidentical: {identical} of {} cases, {compared} steps", outcomes.len())?;
    Ok(if identical == outcomes.len() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}
