//! `atslab run`: a scenario on the port.

mod live;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use conformance::Epoch;
use conformance::live::generate;
use conformance::scenario::{
    Finish, LockKeys, Program, Scenario, ScenarioEnd, explain, run_scenario, scenario_from_file,
};
use eventsys::Options;
use eventsys::mutex::census;
use eventsys::steps::{Collector, Step, Steps};

use crate::cli::{Epochs, RunArgs};
use crate::error::Error;
use crate::output::{FAULT, Output, QUIET, TITLE};

/// Runs each scenario in each epoch that is meant and prints the steps.
pub(crate) fn run(args: &RunArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let scenarios = scenarios(args)?;
    if args.live {
        return live::run(args, &scenarios, out);
    }
    // Only the explanation shows which locks were held.
    let _census = args.explain.then(census::start);
    for (name, scenario) in &scenarios {
        run_one(args, name, scenario, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run_one(args: &RunArgs, name: &str, scenario: &Scenario, out: &mut Output) -> Result<(), Error> {
    let program = scenario.compile();
    let epochs = args.which.named().unwrap_or(Epochs::One(Epoch::default()));
    let several = matches!(epochs, Epochs::All);
    if args.explain {
        write_head(out, scenario)?;
    }
    for epoch in epochs.epochs() {
        let (steps, end) = play(&program, epoch);
        if args.explain {
            writeln!(out, "\n{TITLE}epoch {epoch} ({}){TITLE:#}", epoch.release())?;
            write_explained(out, &steps, &end, epoch)?;
        } else {
            let epoch = if several { format!("-{epoch}") } else { String::new() };
            writeln!(out, "case {name}{epoch}")?;
            steps.iter().try_for_each(|step| writeln!(out, "{step}"))?;
            write_fault(out, &end.finish)?;
        }
    }
    Ok(())
}

/// The scenarios that are meant, each with a name without spaces.
fn scenarios(args: &RunArgs) -> Result<Vec<(String, Scenario)>, Error> {
    if let Some(seed) = args.seed {
        return Ok(vec![(format!("seed-{seed}"), generate(seed, args.threads))]);
    }
    let read = |file: &PathBuf| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().replace(' ', "-");
        Ok((name, scenario_from_file(file)?))
    };
    args.file.iter().map(read).collect()
}

fn play(program: &Program, epoch: Epoch) -> (Vec<Step>, ScenarioEnd) {
    let collector = Collector::new();
    let options = Options { steps: Steps::to(collector.clone()), ..Options::default() };
    let end = run_scenario(program, epoch, options);
    (collector.take(), end)
}

fn write_head(out: &mut Output, scenario: &Scenario) -> io::Result<()> {
    writeln!(out, "{TITLE}{}{TITLE:#}", scenario.title)?;
    writeln!(out, "{}", scenario.teaches)
}

/// Each step with its time, its sentence and the locks under which it was taken.
fn write_explained(
    out: &mut Output,
    steps: &[Step],
    end: &ScenarioEnd,
    epoch: Epoch,
) -> io::Result<()> {
    let width = steps.iter().map(|step| step.to_string().len()).max().unwrap_or(0);
    let mut last = None;
    for step in steps {
        let at = step.at - end.began;
        if last.replace(at) != Some(at) {
            writeln!(out, "{QUIET}after {} s{QUIET:#}", seconds(at))?;
        }
        let text = step.to_string();
        let locks = locks(step, &end.locks);
        writeln!(out, "  {text:width$}  {} {QUIET}[{locks}]{QUIET:#}", explain(step, epoch))?;
    }
    write_fault(out, &end.finish)?;
    match end.finish {
        Finish::Freed => writeln!(out, "Both ends were closed."),
        Finish::Quiet => {
            writeln!(out, "Nothing was scheduled any more; what was open was closed.")
        }
        Finish::TimeIsUp => writeln!(out, "Two minutes were over; what was open was closed."),
        Finish::Runaway => writeln!(out, "What was open was closed."),
        Finish::Panicked(_) => writeln!(out, "There the real server aborts, or worse."),
    }
}

fn write_fault(out: &mut Output, finish: &Finish) -> io::Result<()> {
    match finish {
        Finish::Panicked(text) => writeln!(out, "{FAULT}panic:{FAULT:#} {text}"),
        Finish::Runaway => {
            writeln!(out, "{FAULT}stopped:{FAULT:#} a reaction went on without end")
        }
        Finish::Freed | Finish::Quiet | Finish::TimeIsUp => Ok(()),
    }
}

/// The locks by name, outermost first, each once.
fn locks(step: &Step, keys: &LockKeys) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in step.held.iter().map(|key| keys.name(key)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "no lock".to_owned() } else { names.join(", ") }
}

/// Nanoseconds as seconds, to the microsecond.
fn seconds(at: i64) -> String {
    format!("{}.{:06}", at / 1_000_000_000, at % 1_000_000_000 / 1_000)
}
