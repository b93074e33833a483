//! `atslab bench`: how fast the port is, beside the real servers.
//!
//! | file | what it is for |
//! |---|---|
//! | `workloads` | what is measured |
//! | `measure` | the arms, in turn |
//! | `work` and its folder | the port's arm: a process that performs workloads |
//! | `others` | what a Rust user would take instead |
//! | `figures`, `report`, `plot`, `machine` | medians, tables, drawings, and on what they were measured |

mod figures;
mod machine;
mod measure;
mod others;
mod plot;
mod report;
mod work;
mod workloads;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use conformance::input::file_name;
use conformance::live::{LiveError, Probe, Release};

use self::figures::Measured;
use self::machine::machine;
use self::measure::Arms;
use self::others::Other;
use self::workloads::{Unit, Workload};
use crate::cli::{ArmArg, BenchArgs};
use crate::error::Error;
use crate::output::{Output, QUIET};
use crate::progress::Progress;

/// Memory does not vary as time does.
const MEMORY_RUNS: usize = 3;

pub(crate) fn bench(args: &BenchArgs, out: &mut Output) -> Result<ExitCode, Error> {
    match args.arm {
        Some(ArmArg::Port(epoch)) => return Ok(work::serve_jobs(epoch)),
        Some(ArmArg::Others) => return Ok(others::serve_jobs()),
        None => {}
    }
    let workloads = chosen(args)?;
    let releases = match args.ats {
        Some(release) if Release::RUNNABLE.contains(&release) => vec![release],
        Some(release) => return Err(LiveError::NoPackage(release).into()),
        None => Release::RUNNABLE.to_vec(),
    };
    let (mut servers, mut probe) = (Vec::new(), None);
    if args.live {
        for &release in &releases {
            servers.push(args.servers.find(release)?);
        }
        // The headers come with one of the packages only.
        probe = Some(Probe::of_bench(&args.servers.installed())?);
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
    };
    let total = workloads.iter().map(|one| runs_of(one) * arms.arms.len()).sum();
    let progress = Progress::of_cases(total);
    let mut all = Vec::new();
    for workload in &workloads {
        let done = || progress.done_case(&workload.name);
        let runs = arms.measure(workload, runs_of(workload), done)?;
        all.push(Measured::new(workload, arms.arms.iter().map(|arm| &arm.who).zip(&runs)));
    }
    drop((progress, arms));

    if args.markdown {
        report::write_markdown(out, &machine, &all)?;
    } else {
        writeln!(out, "{QUIET}{machine}{QUIET:#}")?;
        report::write_table(out, &all)?;
    }
    if let Some(file) = &args.plot {
        write(
            file,
            &if args.growth { plot::growth(&machine, &all) } else { plot::ratios(&machine, &all) },
        )?;
    }
    if let Some(file) = &args.json {
        let text = report::json(&machine, &all)
            .map_err(|error| Error::Unwritable { file: file_name(file), source: error.into() })?;
        write(file, &text)?;
    }
    let differs = all.iter().flat_map(|one| &one.releases).any(|one| one.difference.is_some());
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The workloads that are meant.
fn chosen(args: &BenchArgs) -> Result<Vec<Workload>, Error> {
    let all =
        if args.growth { workloads::growth(args.quick) } else { workloads::workloads(args.quick) };
    if args.filter.is_empty() {
        return Ok(all);
    }
    for filter in &args.filter {
        if !all.iter().any(|one| one.name.contains(filter.as_str())) {
            let names = all.iter().map(|one| one.name.clone()).collect();
            return Err(Error::UnknownWorkload { name: filter.clone(), names });
        }
    }
    let is_meant = |one: &Workload| args.filter.iter().any(|name| one.name.contains(&**name));
    Ok(all.into_iter().filter(is_meant).collect())
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    fs::write(file, text).map_err(|source| Error::Unwritable { file: file_name(file), source })
}
