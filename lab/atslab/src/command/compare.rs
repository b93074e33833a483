//! `atslab compare`: compares the port's steps with the real server's, which are
//! recorded or taken now.

mod http;
mod json;

use std::borrow::Cow;
use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use conformance::ats::live::Server;
use conformance::ats::{Epoch, Recording, Verdict};

use crate::cli::{Epochs, WhichArgs};
use crate::command::record::record_anew;
use crate::error::Error;
use crate::jobs::{Job, Outcome, run, run_all, run_each};
use crate::select::{Group, select};
use crate::servers::ServersArg;
use crate::ui::diff::write_difference;
use crate::ui::output::{Output, TITLE};
use crate::ui::progress::Progress;
use crate::ui::table::write_table;

/// The arguments of `atslab compare`.
#[derive(Debug, Default, Args)]
#[command(after_help = COMPARE_EXAMPLES, mut_arg("servers", |arg| arg.requires("live")), mut_arg("server", |arg| arg.requires("live").conflicts_with("servers")))]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub which: WhichArgs,

    /// Compare only this case; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,

    /// Compare the cases of this file, and not the built-in ones
    #[arg(long, value_name = "FILE.csv", requires = "recorded")]
    pub cases: Option<PathBuf>,

    /// What the real server did in the cases of --cases
    #[arg(long, value_name = "FILE.steps.gz", requires = "cases", group = "recorded")]
    pub recording: Option<PathBuf>,

    /// Compare HTTP scenarios with 9.2.9: these files or names of the gallery, or the whole gallery
    #[arg(long, value_name = "SCENARIO", num_args = 0.., conflicts_with_all = ["case", "cases", "recording", "jobs"])]
    pub http: Option<Vec<PathBuf>>,

    /// Compare scenarios of a NetVC with what a real server did: these files or names, or all
    #[arg(long, value_name = "SCENARIO", num_args = 0.., conflicts_with_all = ["case", "cases", "recording", "jobs", "http"])]
    pub net: Option<Vec<PathBuf>>,

    /// Compare with real servers, which perform the cases now
    #[arg(long, group = "recorded")]
    pub live: bool,

    #[command(flatten)]
    pub servers: ServersArg,

    /// Run cases on this many threads [default: one for each processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,

    /// Print the verdicts for tools
    #[arg(long, value_enum)]
    pub format: Option<CompareFormat>,
}

/// The ways to print verdicts for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    Json,
}

impl CompareArgs {
    /// What is compared when no command is given.
    pub(crate) fn of_the_default_epoch() -> CompareArgs {
        let epoch = Some(Epochs::One(Epoch::default()));
        let which = WhichArgs { epoch, ats: None };
        CompareArgs { which, ..CompareArgs::default() }
    }
}

const COMPARE_EXAMPLES: &str = "\
Without --epoch or --ats all epochs are compared; the cases of a file with
epoch C; with --live, both with all real servers that can run. Every case
runs in virtual time, so nothing waits. For a case that differs, the first
difference is shown with the steps around it. The inactivity events (\"event 2\")
that have no effect depend on the clock and are left out; with --live they are
not, because the servers are given the clock of the port. HTTP scenarios are compared
with what 9.2.9 did when it was recorded, or does now; a known difference is named.

Examples:
  atslab compare
  atslab compare --case eos --case werr
  atslab compare --ats 9.2.9
  atslab compare --epoch C --cases my.csv --recording my.steps.gz
  atslab compare --live --ats 9.2.9
  atslab compare --live --cases my.csv
  atslab compare --http
  atslab compare --live --http my.toml http-18-given-back-by-a-task
  atslab compare --net
  atslab compare --epoch C --format json

Exit status: 0 if every case is identical, 1 if one differs, 2 on errors.";

/// The status if a case differs.
const DIFFERS: u8 = 1;

/// Runs the cases, prints what was found, and gives the exit status.
pub(crate) fn compare(args: &CompareArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if let Some(files) = args.http.as_ref().or(args.net.as_ref()) {
        return http::compare(args, files, out);
    }
    let groups = groups(args)?;
    let recordings = recordings(args, &groups)?;
    let jobs = jobs(&groups, &recordings, args.live)?;

    let progress = Progress::of(&jobs);
    if args.format.is_some() {
        let outcomes = run_each(&jobs, args.jobs, |job| progress.done(job));
        drop(progress);
        return json::write(out, &jobs, &outcomes);
    }
    let outcomes = run_all(&jobs, args.jobs, |job| progress.done(job))?;
    drop(progress);

    write_table(out, &groups, &outcomes)?;
    for (job, outcome) in jobs.iter().zip(&outcomes) {
        write_difference(out, &name(job, args), &outcome.verdict)?;
    }
    if args.recording.is_some()
        && let Some(epoch) = other_epoch(&jobs, &outcomes)
    {
        writeln!(
            out,
            "\n{TITLE}This is what {} does{TITLE:#}: with --epoch {epoch} every case is identical.",
            epoch.release()
        )?;
    }
    write_summary(out, &outcomes)
}

/// The case's name, with the server if it may be one of several.
fn name(job: &Job<'_>, args: &CompareArgs) -> String {
    match args.cases.is_some() && !args.live {
        true => job.case.name.clone(),
        false => format!("{} on {}", job.case.name, job.epoch.release()),
    }
}

/// The epoch that takes the steps of every case, if cases differ and another one does. A
/// recording does not name its release.
fn other_epoch(jobs: &[Job<'_>], outcomes: &[Outcome]) -> Option<Epoch> {
    let mut order: Vec<(bool, Job<'_>)> =
        jobs.iter().zip(outcomes).map(|(job, one)| (one.verdict.is_identical(), *job)).collect();
    // Start with the cases that differ here: mostly one is enough to rule an epoch out.
    order.sort_by_key(|&(is_identical, _)| is_identical);
    let &(false, first) = order.first()? else { return None };
    let takes_all = |epoch: Epoch| {
        let as_recorded = |job: &Job<'_>| run(&Job { epoch, ..*job });
        order.iter().all(|(_, job)| as_recorded(job).is_ok_and(|one| one.verdict.is_identical()))
    };
    Epoch::ALL.iter().copied().find(|&epoch| epoch != first.epoch && takes_all(epoch))
}

/// The selected cases, for each selected epoch. Suites without a recording of the
/// epoch's server are left out, unless it performs them now.
fn groups(args: &CompareArgs) -> Result<Vec<Group>, Error> {
    let one = || Epochs::One(Epoch::default());
    let default = || if args.cases.is_some() { one() } else { Epochs::All };
    let servers = if args.live { args.servers.chosen(&args.which)? } else { Vec::new() };
    let own = servers.first().filter(|_| args.servers.server.is_some());
    let epochs: Vec<Epoch> = if args.live {
        servers.iter().map(Server::epoch).collect()
    } else {
        args.which.named().unwrap_or_else(default).epochs().collect()
    };
    let mut groups = Vec::new();
    for epoch in epochs {
        let mut of_epoch = select(args.cases.as_deref(), &args.case, epoch)?;
        of_epoch.retain(|group| {
            args.live || group.suite.is_none_or(|suite| suite.recording(epoch).is_some())
        });
        for group in of_epoch.iter_mut().filter(|group| args.live && group.suite.is_none()) {
            group.name = format!("{} {}", epoch.release(), group.name);
        }
        // A suite is named after the release that was recorded; this is another server.
        for (group, server) in of_epoch.iter_mut().filter_map(|group| Some((group, own?))) {
            let name = if group.suite.is_some() { group.name.clone() } else { file_of(args) };
            (group.name, group.suite) = (format!("{} {name}", server.name()), None);
        }
        groups.extend(of_epoch);
    }
    Ok(groups)
}

/// The name of the file of cases.
fn file_of(args: &CompareArgs) -> String {
    args.cases.as_deref().map(conformance::input::file_name).unwrap_or_default()
}

/// The recording that each group is compared with, in order.
fn recordings(args: &CompareArgs, groups: &[Group]) -> Result<Vec<Cow<'static, Recording>>, Error> {
    if args.live {
        let recorded = record_anew(groups, &args.servers)?.into_iter().zip(groups);
        let named = recorded.map(|(cases, group)| Recording::new(&group.title(), cases));
        return Ok(named.map(Cow::Owned).collect());
    }
    let mut recordings = Vec::new();
    for group in groups {
        let built_in = group.suite.and_then(|suite| suite.recording(group.epoch));
        recordings.extend(built_in.map(Cow::Borrowed));
        if let Some(path) = &args.recording {
            recordings.push(Cow::Owned(Recording::from_file(path)?));
        }
    }
    Ok(recordings)
}

/// Every case of every group with its recorded steps, in order.
fn jobs<'a>(
    groups: &'a [Group],
    recordings: &'a [Cow<'static, Recording>],
    live: bool,
) -> Result<Vec<Job<'a>>, Error> {
    let mut jobs = Vec::new();
    for (group, recording) in groups.iter().zip(recordings) {
        for case in &group.cases {
            let recorded = recording.case(&case.name).ok_or_else(|| Error::NotRecorded {
                recording: recording.file().to_owned(),
                name: case.name.clone(),
                cases: group.name.clone(),
            })?;
            jobs.push(Job { case, recorded, epoch: group.epoch, live });
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
