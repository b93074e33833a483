//! `atslab explore`: a scenario under every thread schedule with few interruptions.

mod columns;
mod ended;
mod json;
mod page;
mod play;
mod rows;
mod statement;
mod subject;

use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use conformance::pool;
use explorer::{Explorer, Progress, Schedule, Strategy};
use indicatif::ProgressBar;

pub(crate) use self::columns::{Columns, write_columns};
use self::ended::Ended;
pub(crate) use self::subject::{BLOCKING_SIGNAL, Subject};
use crate::cli::WhichArgs;
use crate::error::Error;
use crate::ui::output::{Output, QUIET, TITLE};
use crate::ui::progress;
use crate::ui::wrap::width_of_stdout;

/// The exit status if a schedule violates something.
const FOUND: u8 = 1;

/// The arguments of `atslab explore`.
#[derive(Debug, Args)]
#[command(after_help = EXPLORE_EXAMPLES)]
pub(crate) struct ExploreArgs {
    /// The scenario: a file, or a name of the gallery ("atslab list races")
    #[arg(value_name = "FILE.toml", required_unless_present = "merge")]
    pub file: Option<PathBuf>,

    #[command(flatten)]
    pub which: WhichArgs,

    /// Put a historical defect back ("atslab list defects")
    #[arg(long, value_name = "NAME")]
    pub rearm: Vec<String>,

    /// Switch a bug of the release off ("atslab list corrections")
    #[arg(long, value_name = "NAME")]
    pub correct: Vec<String>,

    /// Try every schedule with so many interruptions at most [default: the file's, or 2]
    #[arg(long, value_name = "N", conflicts_with = "strategy")]
    pub bound: Option<u32>,

    /// Which schedules are tried
    #[arg(long, value_enum, default_value_t)]
    pub strategy: Strategies,

    /// Try so many schedules at most [default: all, or 10,000 of a random strategy]
    #[arg(long, value_name = "N")]
    pub schedules: Option<u64>,

    /// The seed of a random strategy
    #[arg(long, value_name = "N", requires = "strategy", default_value_t = 1)]
    pub seed: u64,

    /// Run this one schedule, as an exploration has printed it
    #[arg(long, value_name = "SCHEDULE", conflicts_with_all = ["bound", "strategy", "schedules", "seed", "play", "all", "jobs", "limit", "shard"])]
    pub schedule: Option<Schedule>,

    /// Be the scheduler: at each place that matters you are asked which thread goes on
    #[arg(long, conflicts_with_all = ["bound", "strategy", "schedules", "seed", "all", "jobs", "limit", "shard", "format"])]
    pub play: bool,

    /// Go on after the first violation, and list all distinct ones
    #[arg(long)]
    pub all: bool,

    /// Print for people, or JSON for tools
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Write a page with a column for each thread into this file: of the first violation, or of
    /// the schedule
    #[arg(long, value_name = "OUT.html", conflicts_with = "play")]
    pub html: Option<PathBuf>,

    /// Name places without line numbers, for a text that outlives a change of the sources
    #[arg(long, conflicts_with = "format")]
    pub no_numbers: bool,

    /// Explore with so many threads [default: one for each processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,

    /// Take so long at most, like 60s or 10m
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub limit: Option<Duration>,

    /// Explore part I of N; --merge puts the parts together
    #[arg(long, value_name = "I/N", value_parser = part, conflicts_with = "all")]
    pub shard: Option<(u32, u32)>,

    /// Explore nothing, and put these parts together, printed by --format json
    #[arg(long, value_name = "PART.json", num_args = 1.., conflicts_with_all = ["file", "epoch", "ats", "rearm", "correct", "bound", "strategy", "schedules", "seed", "schedule", "play", "all", "jobs", "limit", "shard"])]
    pub merge: Vec<PathBuf>,
}

/// The strategies of the explorer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategies {
    // No help for the values: it would make the help of all options long.
    #[default]
    Bounded,
    Every,
    Pos,
    Pct,
    Random,
}

/// The ways to print a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // No help for the values: it would say what their names say.
    #[default]
    Text,
    Json,
}

const EXPLORE_EXAMPLES: &str = "\
A scenario may have threads that race with the event threads; the book's chapter
\"Find the interleaving\" has the format. The strategy \"bounded\" tries every schedule
without an interruption, then every one with one, and so on: what it finds first has as
few as possible, and if it finds nothing, no schedule with so many violates anything.
\"every\" has no bound; pos, pct and random draw from a seed. Observers look at the
original's assertions, the use of freed memory, callbacks after a close or a shutdown,
locks that stay held, deadlocks, lost wake-ups, leaks, bytes and late events.

Examples:
  atslab explore reader-shuts-read
  atslab explore reader-shuts-read --rearm ts-3339
  atslab explore set-active-timeout --correct timeouts-take-core-lock --bound 3
  atslab explore deadlock-over-m2 --play
  atslab explore deadlock-over-m2 --html deadlock.html
  atslab explore my.toml --strategy pct --schedules 100000 --seed 7
  atslab explore my.toml --bound 3 --shard 1/3 --format json > 1.json
  atslab explore --merge 1.json 2.json 3.json

Exit status: 0 if no schedule violates anything, 1 if one does, 2 on errors.";

/// Explores the scenario, runs one schedule of it, or puts reports together.
pub(crate) fn explore(args: &ExploreArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if !args.merge.is_empty() {
        let ended = json::merge(&args.merge)?;
        let status = write(args, &ended, out)?;
        show(args, &[ended], out)?;
        return Ok(status);
    }
    let mut has_found = false;
    let mut all = Vec::new();
    for subject in Subject::all(args)? {
        if args.play {
            has_found |= play::play(&subject, args, out)?;
            continue;
        }
        let ended = match &args.schedule {
            Some(schedule) => run_one(subject, schedule)?,
            None => search(args, subject),
        };
        has_found |= write(args, &ended, out)? != ExitCode::SUCCESS;
        all.push(ended);
    }
    show(args, &all, out)?;
    Ok(if has_found { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

/// Runs one schedule of the subject.
fn run_one(subject: Subject, schedule: &Schedule) -> Result<Ended, Error> {
    let trace = subject.explorer().trace(schedule, subject.scene());
    let trace = trace.map_err(|error| Error::Line {
        place: "--schedule".to_owned(),
        fault: error.to_string(),
    })?;
    Ok(Ended::of_one(subject, trace))
}

/// Explores the subject.
fn search(args: &ExploreArgs, subject: Subject) -> Ended {
    let strategy = match args.strategy {
        Strategies::Bounded => Strategy::Bounded { bound: args.bound.unwrap_or(subject.bound()) },
        Strategies::Every => Strategy::Every,
        Strategies::Pos => Strategy::Pos,
        Strategies::Pct => Strategy::Pct { depth: 3 },
        Strategies::Random => Strategy::Random,
    };
    let bar = progress_bar();
    let shown = bar.clone();
    let mut explorer: Explorer = subject
        .explorer()
        .strategy(strategy)
        .seed(args.seed)
        .all(args.all)
        .jobs(pool::size(args.jobs, usize::MAX))
        .progress(move |progress: Progress| {
            let bound = progress.bound.map_or(String::new(), |bound| format!("≤{bound}"));
            shown.set_position(progress.schedules);
            shown.set_message(bound);
        });
    if let Some(schedules) = args.schedules {
        explorer = explorer.schedules(schedules);
    }
    if let Some(limit) = args.limit {
        explorer = explorer.time_limit(limit);
    }
    if let Some((number, of)) = args.shard {
        explorer = explorer.shard(number, of);
    }
    let report = explorer.explore(subject.scene());
    bar.finish_and_clear();
    Ended::of_report(subject, report)
}

fn progress_bar() -> ProgressBar {
    let bar = progress::bar(u64::MAX, "{spinner} {human_pos} schedules  {per_sec}  {msg}");
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Prints what came out.
fn write(args: &ExploreArgs, ended: &Ended, out: &mut Output) -> Result<ExitCode, Error> {
    if args.format == Format::Json {
        json::write(ended, out)?;
    } else {
        statement::write_head(out, &ended.subject)?;
        if let Some(report) = &ended.report {
            statement::write_sweeps(out, report)?;
        }
        let columns = Columns { width: width_of_stdout(), numbers: !args.no_numbers };
        for found in &ended.found {
            writeln!(out)?;
            statement::write_found(out, &ended.subject, found)?;
            write_columns(out, &found.trace, columns)?;
        }
        if ended.found.is_empty()
            && let Some(trace) = &ended.trace
        {
            writeln!(out, "{TITLE}no violation{TITLE:#}")?;
            write_columns(out, trace, columns)?;
        }
    }
    let is_clean = ended.found.is_empty();
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// Writes the page of everything that has an interleaving to show.
fn show(args: &ExploreArgs, all: &[Ended], out: &mut Output) -> Result<(), Error> {
    let Some(file) = &args.html else { return Ok(()) };
    let is_there = page::write(file, all)?;
    if !is_there && args.format == Format::Text {
        writeln!(out, "{QUIET}no page: there is no interleaving to show{QUIET:#}")?;
    }
    Ok(())
}

/// A span like `60s`, `10m` or `500ms`.
fn time(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let span = milliseconds.and_then(|unit| number.parse::<u64>().ok()?.checked_mul(unit));
    span.filter(|&span| span > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "expected a time (like 500ms, 60s, 10m)".to_owned())
}

/// A part like `2/3`.
fn part(text: &str) -> Result<(u32, u32), String> {
    let numbers = text.split_once('/');
    let numbers = numbers.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    numbers
        .filter(|&(number, of): &(u32, u32)| 1 <= number && number <= of)
        .ok_or_else(|| "expected a part and their number (like 1/3)".to_owned())
}
