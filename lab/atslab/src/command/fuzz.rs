//! `atslab fuzz`: random scenarios, on the port and in a real server.
//!
//! The seeds are taken in chunks by several workers, each with a server process
//! of its own. The report has a line for each chunk that is done: a run can be
//! resumed from it, and reports of several machines can be merged.

mod explore;
mod http;
mod report;
mod worker;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use conformance::ats::live::{Probe, Release, generate, generate_with_calls};
use conformance::input::file_name;
use conformance::pool;
use indicatif::ProgressBar;

use self::report::{Report, Tally};
use self::worker::{Done, Finding, Make, Worker};
use crate::error::Error;
use crate::servers::ServersArg;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};
use crate::ui::progress;

/// The arguments of `atslab fuzz`.
#[derive(Debug, Args)]
#[command(after_help = FUZZ_EXAMPLES)]
pub(crate) struct FuzzArgs {
    /// The real server: 8.1.11 or 9.2.9
    #[arg(long, value_name = "RELEASE", default_value = "9.2.9", conflicts_with = "server")]
    pub ats: Release,

    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub count: u64,

    /// Explore random races instead, with one foreign thread each, under every schedule with one
    /// interruption; no real server takes part
    #[arg(long, conflicts_with_all = ["ats", "threads", "report", "merge", "servers", "server"])]
    pub explore: bool,

    /// Add calls of the plugin interface's buffers: blocks, readers, copies, consuming beyond the end
    #[arg(long, conflicts_with_all = ["explore", "http", "report", "merge"])]
    pub buffers: bool,

    /// Play random HTTP scenarios instead: clients, hooks and an origin server around the proxy
    #[arg(long, conflicts_with_all = ["explore", "threads", "report", "merge"])]
    pub http: bool,

    /// Play random scenarios of a NetVC instead: its user, and a socket at the other end
    #[arg(long, conflicts_with_all = ["explore", "http", "buffers", "threads", "report", "merge"])]
    pub net: bool,

    /// How many event threads the scenarios have; they take turns
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub threads: u8,

    /// Run so many server processes [default: one for each processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,

    /// Note what has been played in this file, and do not play it again
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Put the scenarios that differ into this folder
    #[arg(long, value_name = "FOLDER", default_value = "findings")]
    pub findings: PathBuf,

    /// Play nothing, and sum up these reports
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["report", "seed", "count", "ats", "threads", "jobs", "findings", "servers", "server"])]
    pub merge: Vec<PathBuf>,

    #[command(flatten)]
    pub servers: ServersArg,
}

const FUZZ_EXAMPLES: &str = "\
Each seed is a scenario. Both arms have one clock, so every step is compared,
with its time; so are the bytes that were read. A scenario that differs is made
as small as it can be and put into a file. The first of each kind is shown: a
kind is what both arms do where they first differ. A crash or a hang of the server is a
result like any other. tests/live/install unpacks the servers.

Examples:
  atslab fuzz --ats 9.2.9
  atslab fuzz --ats 8.1.11 --count 500 --jobs 2
  atslab fuzz --ats 9.2.9 --threads 2
  atslab fuzz --buffers --count 2000           with calls on buffers among the operations
  atslab fuzz --server /opt/ats                a build of your own
  atslab fuzz --seed 10000 --report b.jsonl    on one machine of several
  atslab fuzz --merge a.jsonl b.jsonl          and all of them together
  atslab fuzz --explore --count 1000           races of threads, without a real server
  atslab fuzz --http --count 1000              HTTP: clients, hooks, an origin server
  atslab fuzz --net --count 1000               a NetVC on a socket

Exit status: 0 if nothing differs but registered deviations, 1 if anything
does, 2 on errors.";

/// The status if there is a divergence.
const DIFFERS: u8 = 1;
/// How many seeds a chunk has, which begins at a multiple of it.
pub(crate) const CHUNK: u64 = 100;

/// Plays the scenarios of a range of seeds on both arms.
pub(crate) fn fuzz(args: &FuzzArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if !args.merge.is_empty() {
        let merged = Report::merge(&args.merge)?;
        return write_summary(out, &merged);
    }
    if args.explore {
        return explore::fuzz(args, out);
    }
    if args.http || args.net {
        return http::fuzz(args, out);
    }
    let release = args.ats;
    let server = args.servers.find(release)?;
    let release = server.release();
    let own = args.servers.with_headers(std::slice::from_ref(&server));
    let probe = Arc::new(Probe::build(&own)?);
    let mut report = Report::open(args.report.as_deref(), release, args.threads)?;
    let seeds = args.seed..args.seed.saturating_add(args.count);
    let known = report.played_of(&seeds);
    if known > 0 {
        writeln!(out, "{QUIET}{known} of {} seeds are in the report{QUIET:#}", args.count)?;
    }

    let missing = report.missing(seeds.clone());
    let bar = progress_bar(args.count, known);
    let chunks = usize::try_from((seeds.end - seeds.start) / CHUNK + 2).unwrap_or(usize::MAX);
    let make: Make = if args.buffers { generate_with_calls } else { generate };
    let worker = |_| Worker::new(&server, args.threads, make, &probe);
    let mut shown = BTreeSet::new();
    let workers = (0..pool::size(args.jobs, chunks)).map(worker).collect();
    let played = pool::try_run(missing, workers, Worker::play, |(chunk, tally, findings): Done| {
        bar.inc(chunk.end - chunk.start);
        for finding in &findings {
            let file = keep(finding, &args.findings, release)?;
            if shown.insert(finding.divergence.kind.clone()) {
                bar.suspend(|| show(finding, &file, release, out))?;
            }
        }
        report.add(chunk, tally)?;
        let total = report.total();
        bar.set_message(found_so_far(total.divergences.len(), total.kinds.len()));
        Ok::<(), Error>(())
    });
    bar.finish_and_clear();
    played?;
    write_summary(out, &report)
}

fn progress_bar(count: u64, known: u64) -> ProgressBar {
    let template = "{bar:30} {pos} of {len} scenarios, {per_sec}, {eta} to go; {wide_msg}";
    let bar = progress::bar(count, template).with_position(known);
    bar.set_message(found_so_far(0, 0));
    bar.reset_eta();
    bar
}

fn found_so_far(count: usize, kinds: usize) -> String {
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    match count {
        0 => "no divergence".to_owned(),
        n => format!("{n} divergence{} of {kinds} kind{}", plural(n), plural(kinds)),
    }
}

/// Writes a finding to a file of its own.
fn keep(finding: &Finding, folder: &Path, release: Release) -> Result<PathBuf, Error> {
    let file = file_of(folder, release, finding.seed);
    let text = format!(
        "# Found with seed {} on {release}, shrunk to {} operations.\n{}",
        finding.seed, finding.operations, finding.scenario
    );
    write(&file, &text)?;
    Ok(file)
}

/// Writes a finding to a file of its own, and makes the folder first.
fn write(file: &Path, text: &str) -> Result<(), Error> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new("")))
        .and_then(|()| fs::write(file, text))
        .map_err(|source| Error::Unwritable { file: file_name(file), source })
}

/// Shows a finding, the first of its kind, and tells how to see it again.
fn show(finding: &Finding, file: &Path, release: Release, out: &mut Output) -> Result<(), Error> {
    writeln!(
        out,
        "\n{FAULT}seed {}:{FAULT:#} the port differs from {release} after {} steps",
        finding.seed, finding.divergence.index
    )?;
    write!(out, "{}", finding.divergence)?;
    writeln!(out, "  {} operations are left; to see it again:", finding.operations)?;
    writeln!(out, "  atslab run {} --ats {release} --live", file_name(file))?;
    Ok(out.flush()?)
}

fn file_of(folder: &Path, release: Release, seed: u64) -> PathBuf {
    folder.join(format!("{release}-seed-{seed}.toml"))
}

fn write_summary(out: &mut Output, report: &Report) -> Result<ExitCode, Error> {
    let total = report.total();
    let Tally { scenarios, steps, crashes, hangs, runaways, .. } = *total;
    writeln!(
        out,
        "{TITLE}{}{TITLE:#}: {scenarios} scenarios, {steps} steps of the real server",
        report.subject()
    )?;
    writeln!(out, "in both arms alike: {crashes} crashes, {hangs} hangs, {runaways} without end")?;
    for (name, count) in &total.deviations {
        writeln!(out, "registered deviation {name}: {count}")?;
    }
    let kinds = total.kinds();
    let (count, of) = (total.divergences.len(), kinds.len());
    match of {
        0 => writeln!(out, "divergences: 0")?,
        1 => writeln!(out, "divergences: {count}, of 1 kind")?,
        of => writeln!(out, "divergences: {count}, of {of} kinds")?,
    }
    for (kind, seeds) in &kinds {
        let count = seeds.len();
        let seeds: Vec<_> = seeds.iter().map(u64::to_string).collect();
        writeln!(out, "  {count} × {kind}; {QUIET}seeds {}{QUIET:#}", seeds.join(", "))?;
    }
    Ok(if kinds.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}
