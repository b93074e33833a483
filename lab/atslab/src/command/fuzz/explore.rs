//! `atslab fuzz --explore`: random races, each under every schedule with one interruption.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use conformance::ats::live::generate_race;
use conformance::deviations::Deviations;
use conformance::input::file_name;
use conformance::pool;
use explorer::Found;

use super::{DIFFERS, FuzzArgs, progress_bar, write};
use crate::command::explore::Subject;
use crate::error::Error;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};

/// How many schedules of a race are run at most. A thread of three operations has some hundreds
/// with one interruption; a race with thousands is left unfinished, and counted.
const MOST_SCHEDULES: u64 = 3_000;

/// The epoch that is explored.
const EPOCH: &str = "C";

/// What came of a seed.
struct Explored {
    seed: u64,
    subject: Subject,
    schedules: u64,
    is_complete: bool,
    violations: Vec<Found>,
}

fn explore(seed: u64) -> Explored {
    let name = format!("race-seed-{seed}");
    let subject = Subject::plain(name, generate_race(seed).to_string(), EPOCH);
    let explorer = subject.explorer().bound(1).schedules(MOST_SCHEDULES).all(true).learning(10);
    let report = explorer.explore(subject.scene());
    Explored {
        seed,
        subject,
        schedules: report.schedules,
        is_complete: report.sweeps.last().is_some_and(|sweep| sweep.complete),
        violations: report.violations,
    }
}

/// Explores the races of a range of seeds, and tells what no register has.
pub(super) fn fuzz(args: &FuzzArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let seeds = args.seed..args.seed.saturating_add(args.count);
    let register = Deviations::races();
    let bar = progress_bar(args.count, 0);
    let (mut schedules, mut unfinished) = (0, 0);
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    let mut unknown: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let workers = vec![(); pool::size(args.jobs, usize::MAX)];
    let work = |(): &mut (), seed| Ok::<Explored, Error>(explore(seed));
    let played = pool::try_run(seeds, workers, work, |explored| {
        bar.inc(1);
        schedules += explored.schedules;
        unfinished += u64::from(!explored.is_complete);
        for found in &explored.violations {
            let text = found.violation.to_string();
            if let Some(entry) = register.deviation.iter().find(|entry| entry.fits("", &text)) {
                *known.entry(&entry.name).or_default() += 1;
                continue;
            }
            let seeds = unknown.entry(text).or_default();
            seeds.push(explored.seed);
            if seeds.len() == 1 {
                bar.suspend(|| keep(args, &explored, found, out))?;
            }
        }
        Ok::<(), Error>(())
    });
    bar.finish_and_clear();
    played?;
    let count = args.count;
    writeln!(out, "{TITLE}epoch {EPOCH}{TITLE:#}: {count} random races, {schedules} schedules")?;
    if unfinished > 0 {
        writeln!(
            out,
            "{unfinished} races have more than {MOST_SCHEDULES} schedules with one interruption, \
             and were not finished"
        )?;
    }
    for (name, count) in known {
        writeln!(out, "registered deviation {name}: {count} races")?;
    }
    writeln!(out, "unregistered violations: {}", unknown.len())?;
    for (text, seeds) in &unknown {
        let few: Vec<String> = seeds.iter().take(10).map(u64::to_string).collect();
        writeln!(out, "  {} × {text}; {QUIET}seeds {}{QUIET:#}", seeds.len(), few.join(", "))?;
    }
    Ok(if unknown.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// Writes the race into a file, and tells how to see it again.
fn keep(
    args: &FuzzArgs,
    explored: &Explored,
    found: &Found,
    out: &mut Output,
) -> Result<(), Error> {
    let Explored { seed, subject, .. } = explored;
    let file = args.findings.join(format!("race-seed-{seed}.toml"));
    let text = format!("# Found with seed {seed}: {}\n{}", found.violation, subject.toml());
    write(&file, &text)?;
    writeln!(out, "\n{FAULT}seed {seed}:{FAULT:#} {}", found.violation)?;
    writeln!(out, "  to see it again: atslab explore {} --bound 1", file_name(&file))?;
    Ok(out.flush()?)
}
