//! What an exploration has found or excluded, in sentences.

use std::io::{self, Write};

use explorer::{Report, Sweep};

use super::ended::Shown;
use super::subject::Subject;
use crate::ui::output::{FAULT, QUIET, TITLE};

/// The scenario, the epoch and the threads.
pub(super) fn write_head(out: &mut impl Write, subject: &Subject) -> io::Result<()> {
    let scenario = subject.scenario();
    let epoch = subject.epoch();
    writeln!(out, "{TITLE}{}{TITLE:#}", scenario.title)?;
    write!(out, "epoch {epoch} ({})", epoch.release())?;
    for (what, names) in [("with", &subject.rearmed), ("corrected:", &subject.corrected)] {
        if !names.is_empty() {
            write!(out, ", {what} {}", names.join(", "))?;
        }
    }
    let race = scenario.race.unwrap_or_default();
    let names: Vec<&str> = race.threads.iter().map(|thread| &*thread.name).collect();
    match names.as_slice() {
        [] => writeln!(out),
        [only] => writeln!(out, ", thread {only}"),
        names => writeln!(out, ", threads {}", names.join(", ")),
    }
}

/// How many schedules were run, and what follows if nothing was found.
pub(super) fn write_sweeps(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for sweep in &report.sweeps {
        let bound = match sweep.bound {
            Some(bound) => format!("≤{bound} interruptions"),
            None => "any interruptions".to_owned(),
        };
        let count = counted(sweep.schedules);
        writeln!(
            out,
            "{bound:18} {count:>21}{}",
            if is_cut(report, sweep) { ", not all" } else { "" }
        )?;
    }
    if report.sweeps.is_empty() {
        let (strategy, seed) = (&report.strategy, report.seed);
        writeln!(out, "{strategy} from seed {seed}: {}", counted(report.schedules))?;
    }
    if report.shard.1 > 1 {
        let (number, of) = report.shard;
        writeln!(out, "{QUIET}part {number} of {of}{QUIET:#}")?;
    }
    if report.out_of_time {
        writeln!(out, "{FAULT}the time was over before all schedules were run{FAULT:#}")?;
    }
    if report.violations.is_empty() {
        writeln!(out, "{TITLE}none of them violates anything{TITLE:#}  {:.2} s", report.seconds)?;
    }
    Ok(())
}

/// A sweep that ended with what it found needs no remark.
fn is_cut(report: &Report, sweep: &Sweep) -> bool {
    !sweep.complete && report.violations.is_empty()
}

fn counted(schedules: u64) -> String {
    match schedules {
        1 => "1 schedule ".to_owned(),
        schedules => format!("{schedules} schedules"),
    }
}

/// A violation, its schedule, and how to see it again.
pub(super) fn write_found(
    out: &mut impl Write,
    subject: &Subject,
    shown: &Shown,
) -> io::Result<()> {
    writeln!(out, "{FAULT}violation:{FAULT:#} {}", shown.violation)?;
    let interruptions = match shown.interruptions {
        0 => "no interruption".to_owned(),
        1 => "1 interruption".to_owned(),
        many => format!("{many} interruptions"),
    };
    let minimal = match (shown.is_minimal, shown.interruptions) {
        (Some(true), 1..) => "; with one less it does not come",
        (Some(false), _) => "; one less leads to it, too",
        _ => "",
    };
    writeln!(out, "{interruptions}{minimal}")?;
    if let Some((after, times)) = shown.counts
        && times > 1
    {
        writeln!(out, "found after {after} schedules; {times} lead to it")?;
    }
    let name = &subject.name;
    let options = subject.options();
    let schedule = &shown.schedule;
    writeln!(out, "{QUIET}replay: atslab explore {name} {options}--schedule {schedule}{QUIET:#}")
}
