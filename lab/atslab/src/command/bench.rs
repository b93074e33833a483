//! `atslab bench`: how fast the port is, beside the real servers.
//!
//! | file | what it is for |
//! |---|---|
//! | `workloads` | what is measured |
//! | `baseline` | instruction counts in a file, and what has changed since |
//! | `measure` | the arms, in turn |
//! | `http` | the workloads that a client on sockets brings |
//! | `writev` | the least that they can cost: a bare loop |
//! | `work` and its folder | the port's arm: a process that performs workloads |
//! | `others` | what a Rust user would take instead |
//! | `figures`, `report`, `json`, `plot`, `machine` | medians, tables, drawings, the machine |

mod baseline;
mod figures;
mod http;
mod json;
mod machine;
mod measure;
mod others;
mod plot;
mod report;
mod work;
mod workloads;
mod writev;

use std::fs;
use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use conformance::ats::Epoch;
use conformance::ats::live::{Callgrind, LiveError, Probe, Release};
use conformance::input::file_name;

use self::baseline::Baseline;
use self::figures::Measured;
use self::machine::machine;
use self::measure::Arms;
use self::others::Other;
use self::report::Section;
use self::workloads::{Unit, Workload};
use self::writev::Like;
use crate::error::Error;
use crate::select::close_to;
use crate::servers::ServersArg;
use crate::ui::output::{Output, QUIET};
use crate::ui::progress::Progress;

/// The arguments of `atslab bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_EXAMPLES, mut_arg("servers", |arg| arg.requires("live")), mut_arg("server", |arg| arg.requires("live").conflicts_with("servers")))]
pub(crate) struct BenchArgs {
    /// Measure the real servers as well
    #[arg(long)]
    pub live: bool,

    /// Measure what a Rust user would take instead: tokio, crossbeam-channel, memcpy
    #[arg(long)]
    pub others: bool,

    /// Measure only workloads with this in their name; may be repeated
    #[arg(long, value_name = "NAME")]
    pub filter: Vec<String>,

    /// How often each workload is measured in each arm
    #[arg(long, value_name = "N", default_value = "9")]
    pub runs: NonZero<usize>,

    /// Do a hundredth of the work: to see that all arms do the same, not how fast
    #[arg(long)]
    pub quick: bool,

    /// Measure how the cost of a piece grows with the number of pairs, and nothing else
    #[arg(long)]
    pub growth: bool,

    /// Count instructions, with valgrind, in place of measuring time
    #[arg(long, conflicts_with_all = ["others", "runs", "quick", "growth"])]
    pub instructions: bool,

    /// Count instructions as well, after measuring time: a table of each
    #[arg(long, conflicts_with_all = ["instructions", "quick", "growth"])]
    pub both: bool,

    /// Tell which counts of the port differ by more than 3 % from those in this file
    #[arg(long, value_name = "FILE", requires = "instructions")]
    pub baseline: Option<PathBuf>,

    /// Write the counts of the port into this file, for --baseline
    #[arg(long, value_name = "FILE", requires = "instructions", conflicts_with = "baseline")]
    pub save_baseline: Option<PathBuf>,

    /// Write every run to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Draw the result into this file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,

    /// Print the table in Markdown
    #[arg(long)]
    pub markdown: bool,

    /// Measure only this release: 8.1.11 or 9.2.9
    #[arg(long, value_name = "RELEASE", conflicts_with = "server")]
    pub ats: Option<Release>,

    #[command(flatten)]
    pub servers: ServersArg,

    /// Be the process that performs the jobs of an arm
    #[arg(long, hide = true, value_name = "EPOCH|others|writev/ADDRESS/SIZE", value_parser = arm)]
    pub arm: Option<ArmArg>,
}

/// Which arm's jobs a process performs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ArmArg {
    /// The port's, in the steps of an epoch.
    Port(Epoch),
    /// Those of what a Rust user would take instead.
    Others,
    /// None: it answers clients with a bare loop.
    Writev(Like),
}

impl ArmArg {
    /// Its name for what a Rust user would take instead.
    pub(crate) const OTHERS: &str = "others";
}

fn arm(text: &str) -> Result<ArmArg, String> {
    match text {
        ArmArg::OTHERS => Ok(ArmArg::Others),
        like if like.contains('/') => match like.parse() {
            Ok(like) => Ok(ArmArg::Writev(like)),
            Err(error) => Err(error.to_string()),
        },
        epoch => epoch.parse().map(ArmArg::Port).map_err(|error| error.to_string()),
    }
}

const BENCH_EXAMPLES: &str = "\
All arms run a workload in turn, as often as --runs says, after one run that does
not count. The table shows the median and the range of the quarters around it. The
port takes the steps of the release beside it. Two arms are compared only if they
did the same work, counted in calls and bytes. With --live the table has the ratio
that is wanted (reach), and the releases beside which the port keeps to it (met).
The rows http_* are answers to clients on sockets: processor time of the server's
process, beside a bare loop of writev of the same bytes. The book's chapter on the
bench says what each workload does.

Examples:
  atslab bench
  atslab bench --live
  atslab bench --others
  atslab bench --live --filter pair_ --filter event_chain --runs 21
  atslab bench --live --others --markdown --json bench.json --plot bench.svg
  atslab bench --live --growth --plot growth.svg
  atslab bench --live --quick --runs 1
  atslab bench --live --both --markdown --plot bench.svg
  atslab bench --live --filter http_
  atslab bench --instructions --live
  atslab bench --instructions --save-baseline before.json
  atslab bench --instructions --baseline before.json

Exit status: 0 if everything has been measured, 1 if two arms did not do the
same work or a count differs from the baseline, 2 on errors.";

/// Memory does not vary as time does.
const MEMORY_RUNS: usize = 3;

pub(crate) fn bench(args: &BenchArgs, out: &mut Output) -> Result<ExitCode, Error> {
    match args.arm {
        Some(ArmArg::Port(epoch)) => return Ok(work::serve_jobs(epoch)),
        Some(ArmArg::Others) => return Ok(others::serve_jobs()),
        Some(ArmArg::Writev(like)) => return Ok(writev::serve(like)),
        None => {}
    }
    let workloads = chosen(args)?;
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose()?;
    let counter = (args.instructions || args.both).then(Callgrind::new).transpose()?;
    let releases = match args.ats {
        _ if args.servers.server.is_some() => {
            vec![args.servers.find(Release::RUNNABLE[0])?.release()]
        }
        Some(release) if Release::RUNNABLE.contains(&release) => vec![release],
        Some(release) => return Err(LiveError::NoPackage(release).into()),
        None => Release::RUNNABLE.to_vec(),
    };
    let (mut servers, mut probe) = (Vec::new(), None);
    if args.live {
        for &release in &releases {
            servers.push(args.servers.find(release)?);
        }
        // Only one of the packages has the headers.
        probe = Some(Probe::of_bench(&args.servers.with_headers(&servers))?);
    }
    let machine = machine();
    if cfg!(debug_assertions) {
        writeln!(out, "This is a debug build: the port's figures mean nothing.")?;
    }
    let others: &[Other] = if args.others { &Other::ALL } else { &[] };
    let mut arms = Arms::new(&releases, servers, probe.as_ref(), others);
    let runs_of = |workload: &Workload| match workload.unit {
        Unit::Time => args.runs.get(),
        Unit::Memory => args.runs.get().min(MEMORY_RUNS),
        // A second count gives the same number.
        Unit::Instructions => 1,
    };
    let total = workloads.iter().map(|one| runs_of(one) * arms.arms.len()).sum();
    if !args.quick && !args.instructions {
        say_how_long(&workloads, runs_of, arms.arms.len());
    }
    let progress = Progress::of_cases(total);
    let mut all = Vec::new();
    for workload in &workloads {
        let done = || progress.done_case(&workload.name);
        let runs = match &counter {
            Some(counter) if workload.unit == Unit::Instructions => {
                arms.count(workload, counter, done)?
            }
            _ => arms.measure(workload, runs_of(workload), done)?,
        };
        all.push(Measured::new(workload, arms.arms.iter().map(|arm| &arm.program).zip(&runs)));
    }
    drop((progress, arms));

    // Counts stand behind all times.
    let counts = all.iter().position(|one| one.workload.unit == Unit::Instructions);
    let (times, counts) = all.split_at(counts.unwrap_or(all.len()));
    let sections = [("Time and memory", times), ("Instructions", counts)]
        .map(|(title, all)| Section { title, all })
        .into_iter()
        .filter(|section| !section.all.is_empty())
        .collect::<Vec<_>>();
    if args.markdown {
        report::write_markdown(out, &machine, &sections)?;
    } else {
        writeln!(out, "{QUIET}{machine}{QUIET:#}")?;
        report::write_tables(out, &sections)?;
    }
    if let Some(file) = &args.plot {
        write(
            file,
            &if args.growth { plot::growth(&machine, &all) } else { plot::ratios(&machine, &all) },
        )?;
    }
    if let Some(file) = &args.json {
        let text = json::json(&machine, &all)
            .map_err(|error| Error::Unwritable { file: file_name(file), source: error.into() })?;
        write(file, &text)?;
    }
    if let Some(file) = &args.save_baseline {
        Baseline::of(&all).write(file)?;
    }
    let has_changed = match baseline {
        Some(baseline) => !baseline.tell_changes(&Baseline::of(&all), out)?,
        None => false,
    };
    let differs = all.iter().flat_map(|one| &one.releases).any(|one| one.difference.is_some());
    Ok(if differs || has_changed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The selected workloads: those that are counted behind those that are measured.
fn chosen(args: &BenchArgs) -> Result<Vec<Workload>, Error> {
    let mut all = match args {
        BenchArgs { growth: true, .. } => workloads::growth(args.quick),
        BenchArgs { instructions: true, .. } => Vec::new(),
        _ => workloads::workloads(args.quick),
    };
    if args.instructions || args.both {
        all.extend(workloads::counted());
    }
    if args.filter.is_empty() {
        return Ok(all);
    }
    for filter in &args.filter {
        if !all.iter().any(|one| one.name.contains(filter.as_str())) {
            // With --both most of them are there twice, the second time behind all others.
            let count = all.iter().filter(|one| !args.both || one.unit != Unit::Instructions);
            let names: Vec<String> = count.map(|one| one.name.clone()).collect();
            let close = close_to(filter, names.iter().map(String::as_str));
            return Err(Error::UnknownWorkload { name: filter.clone(), close, names });
        }
    }
    let is_meant = |one: &Workload| args.filter.iter().any(|name| one.name.contains(&**name));
    Ok(all.into_iter().filter(is_meant).collect())
}

/// Says on standard error how long this takes, roughly: workloads are made so that a run takes
/// about half a second, and valgrind takes some ten seconds for each count.
fn say_how_long(workloads: &[Workload], runs_of: impl Fn(&Workload) -> usize, arms: usize) {
    let half_seconds = |one: &Workload| match one.unit {
        Unit::Instructions => 20,
        // One run does not count.
        _ => 1 + runs_of(one),
    };
    let seconds = workloads.iter().map(half_seconds).sum::<usize>() * arms / 2;
    let time = match seconds {
        0..90 => format!("{} s", seconds.max(1)),
        _ => format!("{} min", seconds.div_ceil(60)),
    };
    let runs = workloads.iter().map(runs_of).sum::<usize>() * arms;
    // If standard error is gone, the work is done all the same.
    let _ = writeln!(
        anstream::stderr(),
        "workloads: {}, arms: {arms}, runs: {runs}; this takes about {time}",
        workloads.len()
    );
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    fs::write(file, text).map_err(|source| Error::Unwritable { file: file_name(file), source })
}
