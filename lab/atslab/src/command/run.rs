//! `atslab run`: a scenario on the port.

mod json;
mod live;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::Style;
use clap::{Args, ValueEnum};
use conformance::ats::Epoch;
use conformance::ats::live::generate;
use conformance::ats::scenario::{
    Finish, Line, Mark, Program, Scenario, ScenarioReport, Story, record_scenario, run_scenario,
    scenario_from_file,
};
use eventsys::Options;
use eventsys::steps::{Collector, Step, Steps};

use crate::cli::{Epochs, WhichArgs};
use crate::error::Error;
use crate::servers::ServersArg;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};

/// The arguments of `atslab run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    /// The scenario, or several
    #[arg(value_name = "FILE.toml", required_unless_present = "seed")]
    pub file: Vec<PathBuf>,

    /// Run the random scenario of this seed of "atslab fuzz"
    #[arg(long, value_name = "N", conflicts_with = "file")]
    pub seed: Option<u64>,

    /// How many event threads the random scenario has
    #[arg(long, value_name = "N", requires = "seed", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub threads: u8,

    #[command(flatten)]
    pub which: WhichArgs,

    /// Tell what the users and PluginVC do, line by line, with buffers and locks
    #[arg(long)]
    pub explain: bool,

    /// How to print the run: the text of recordings, or JSON with all that --explain tells
    #[arg(long, value_enum, default_value_t, conflicts_with_all = ["explain", "live"])]
    pub format: RunFormat,

    /// Perform it in the real servers too, and compare
    #[arg(long, conflicts_with = "explain")]
    pub live: bool,

    #[command(flatten)]
    pub servers: ServersArg,
}

/// The ways to print a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunFormat {
    // No help for the values: it would make the help of all options long.
    #[default]
    Steps,
    Json,
}

const RUN_EXAMPLES: &str = "\
Without --epoch or --ats generation C runs; with --live those that can run as a
real server. A scenario says how the two ends of a pair react to events; the book's chapter
on scenarios has the format. It runs in virtual time, so nothing waits. The
steps are the text of recordings. Where the real server would abort or crash,
the last line is \"panic: \" and why.

Examples:
  atslab run tests/scenarios/01-ten-bytes.toml
  atslab run tests/scenarios/02-peer-reads-late.toml --epoch all --explain
  atslab run tests/scenarios/02-peer-reads-late.toml --ats 9.2.9 --live
  atslab run tests/scenarios/02-peer-reads-late.toml --epoch all --format json
  atslab run --seed 17 --ats 8.1.11 --live

Exit status: 0 if the scenario ran, however it ended, 1 if a real server took
other steps, 2 on errors.";

/// Runs each scenario in each epoch that is meant and prints the steps.
pub(crate) fn run(args: &RunArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let scenarios = scenarios(args)?;
    if args.live {
        return live::run(args, &scenarios, out);
    }
    for (name, scenario) in &scenarios {
        run_one(args, name, scenario, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run_one(args: &RunArgs, name: &str, scenario: &Scenario, out: &mut Output) -> Result<(), Error> {
    let program = scenario.compile();
    let epochs = args.which.named().unwrap_or(Epochs::One(Epoch::default()));
    let several = matches!(epochs, Epochs::All);
    if args.format == RunFormat::Json {
        return json::write(out, name, scenario, epochs.epochs());
    }
    if args.explain {
        write_head(out, scenario)?;
    }
    for epoch in epochs.epochs() {
        if args.explain {
            let recorded = record_scenario(&program, epoch);
            writeln!(out, "\n{TITLE}epoch {epoch} ({}){TITLE:#}", epoch.release())?;
            write_story(out, &Story::new(&recorded, &program.pair, epoch).lines())?;
            write_finish(out, &recorded.report.finish)?;
        } else {
            let (steps, report) = play(&program, epoch);
            let epoch = if several { format!("-{epoch}") } else { String::new() };
            writeln!(out, "case {name}{epoch}")?;
            steps.iter().try_for_each(|step| writeln!(out, "{step}"))?;
            write_fault(out, &report.finish)?;
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
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.replace(|c: char| c.is_whitespace() || c.is_control(), "-");
        Ok((name, scenario_from_file(file)?))
    };
    args.file.iter().map(read).collect()
}

fn play(program: &Program, epoch: Epoch) -> (Vec<Step>, ScenarioReport) {
    let collector = Collector::new();
    let options = Options { steps: Steps::to(collector.clone()), ..Options::default() };
    let report = run_scenario(program, epoch, options);
    (collector.take(), report)
}

fn write_head(out: &mut Output, scenario: &Scenario) -> io::Result<()> {
    writeln!(out, "{TITLE}{}{TITLE:#}", scenario.title)?;
    writeln!(out, "{}", scenario.teaches)
}

/// Each line with its sentence, what is in the buffers, and the locks; the time where it
/// changes.
fn write_story(out: &mut Output, lines: &[Line]) -> io::Result<()> {
    let width = lines.iter().map(|line| line.text.chars().count()).max().unwrap_or(0);
    let mut last = None;
    for Line { at, thread, mark, text, sentence, levels, locks } in lines {
        if last.replace(*at) != Some(*at) {
            writeln!(out, "{QUIET}after {} s{QUIET:#}", seconds(*at))?;
        }
        let thread = thread.as_ref().map_or(String::new(), |thread| format!("{thread:8}  "));
        let style = if *mark == Mark::Step { Style::new() } else { TITLE };
        write!(out, "  {QUIET}{thread}{QUIET:#}{style}{text:width$}{style:#}  {sentence} ")?;
        if !levels.is_empty() {
            write!(out, "({levels}) ")?;
        }
        writeln!(out, "{QUIET}[{locks}]{QUIET:#}")?;
    }
    Ok(())
}

/// How the run ended.
fn write_finish(out: &mut Output, finish: &Finish) -> io::Result<()> {
    write_fault(out, finish)?;
    match finish {
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

/// Nanoseconds as seconds, to the microsecond.
fn seconds(at: i64) -> String {
    format!("{}.{:06}", at / 1_000_000_000, at % 1_000_000_000 / 1_000)
}
