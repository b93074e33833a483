//! `atslab run`: a scenario on the port.

mod http;
mod json;
mod live;
mod several;

pub(crate) use self::http::mirrored;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstyle::Style;
use clap::{Args, ValueEnum};
use conformance::ats::http_scenario::{generate_net, http_named, http_names, is_http_name};
use conformance::ats::live::{generate, generate_with_calls};
use conformance::ats::scenario::http::{HttpScenario, is_http_scenario};
use conformance::ats::scenario::input::{MOST_OF_A_SCENARIO, read_file};
use conformance::ats::scenario::{
    Finish, Line, Mark, Outcome, Recorded, Scenario, ScenarioFault, Story, record_scenario,
    scenario_from_bytes, steps_of,
};
use conformance::ats::{Epoch, gallery};
use conformance::input::file_name;

use eventsys::steps::excerpt;

use crate::cli::{Epochs, WhichArgs};
use crate::error::Error;
use crate::select::close_to;
use crate::servers::ServersArg;
use crate::ui::output::{FAULT, Output, QUIET, TITLE};
use crate::ui::wrap::{width_of_stdout, write_wrapped};

/// The exit status if a run does not do what its scenario expects.
const UNMET: u8 = 1;

/// The arguments of `atslab run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES, mut_arg("servers", |arg| arg.requires("live")), mut_arg("server", |arg| arg.requires("live").conflicts_with("servers")))]
pub(crate) struct RunArgs {
    /// The scenario, or several: files, or names of the gallery ("atslab list scenarios http")
    #[arg(value_name = "FILE.toml", required_unless_present = "seed")]
    pub file: Vec<PathBuf>,

    /// Run the random scenario of this seed of "atslab fuzz"
    #[arg(long, value_name = "N", conflicts_with = "file")]
    pub seed: Option<u64>,

    /// The seed is one of "atslab fuzz --net"
    #[arg(long, requires = "seed", conflicts_with_all = ["file", "threads", "buffers"])]
    pub net: bool,

    /// How many event threads the random scenario has
    #[arg(long, value_name = "N", requires = "seed", conflicts_with = "file", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub threads: u8,

    /// The random scenario of "atslab fuzz --buffers"
    #[arg(long, requires = "seed", conflicts_with = "file")]
    pub buffers: bool,

    #[command(flatten)]
    pub which: WhichArgs,

    /// Tell what the users and PluginVC do, line by line, with buffers and locks
    #[arg(long)]
    pub explain: bool,

    /// So many columns for --explain [default: the terminal's, or 100]
    #[arg(long, value_name = "N", requires = "explain", conflicts_with_all = ["format", "live"], value_parser = clap::value_parser!(u16).range(60..=1000))]
    pub width: Option<u16>,

    /// Print the run for tools: the text of recordings, or JSON with all that --explain tells
    #[arg(long, value_enum, conflicts_with_all = ["explain", "live"])]
    pub format: Option<RunFormat>,

    /// Perform it in the real servers too, and compare
    #[arg(long, conflicts_with = "explain")]
    pub live: bool,

    #[command(flatten)]
    pub servers: ServersArg,
}

impl RunArgs {
    /// How wide the story of --explain is, if the user wants it.
    fn story_width(&self) -> Option<usize> {
        self.explain.then(|| self.width.map_or_else(width_of_stdout, usize::from))
    }
}

/// The ways to print a run for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunFormat {
    // No help for the values: it would make the help of all options long.
    Steps,
    Json,
}

const RUN_EXAMPLES: &str = "\
Without --epoch or --ats, epoch C runs; with --live, each that exists as a real
server. A scenario says how the two ends of a pair react to events; the book's chapter
on scenarios has the format. It runs in virtual time, so nothing waits. The steps come
first, then what became of the bytes and the pair. With --epoch all, epochs with
the same steps share one list, and differences are shown side by side. Where the real
server would abort or crash, a line says \"panic: \" and why. A scenario may say under
[expect] what must happen.

Examples:
  atslab run 01-ten-bytes
  atslab run my.toml
  atslab run 02-peer-reads-late --explain
  atslab run 02-peer-reads-late --epoch all
  atslab run 02-peer-reads-late --ats 9.2.9 --live
  atslab run 02-peer-reads-late --epoch all --format json
  atslab run --seed 17 --ats 8.1.11 --live
  atslab run http-15-held-beyond-the-timeout    clients, hooks and an origin server
  atslab run http-15-held-beyond-the-timeout --explain
  atslab run http-18-given-back-by-a-task --live
  atslab run net-02-busy-and-the-active-timeout --ats 8.1.11 --live

Exit status: 0 if the scenario ran as it expects, 1 if not, or if it panicked and
does not expect that, or if a real server took other steps, 2 on errors.";

/// Runs each scenario in each selected epoch and prints the steps.
pub(crate) fn run(args: &RunArgs, out: &mut Output) -> Result<ExitCode, Error> {
    if let (Some(seed), true) = (args.seed, args.net) {
        return http::run(args, &[(format!("net-seed-{seed}"), generate_net(seed))], out);
    }
    let first = args.file.first().map(|file| Text::of(file)).transpose()?;
    if first.as_ref().is_some_and(Text::is_http) {
        let scenarios = each(&args.file, first, http::named_or_read)?;
        return http::run(args, &scenarios, out);
    }
    let scenarios = match args.seed {
        // A name without spaces.
        Some(seed) => {
            let make = if args.buffers { generate_with_calls } else { generate };
            vec![(format!("seed-{seed}"), make(seed, args.threads))]
        }
        None => each(&args.file, first, named_or_read)?,
    };
    if args.live {
        return live::run(args, &scenarios, out);
    }
    let mut all_met = true;
    for (name, scenario) in &scenarios {
        all_met &= run_one(args, name, scenario, out)?;
    }
    Ok(if all_met { ExitCode::SUCCESS } else { ExitCode::from(UNMET) })
}

/// Runs one scenario, and tells whether all that it expects has come.
fn run_one(
    args: &RunArgs,
    name: &str,
    scenario: &Scenario,
    out: &mut Output,
) -> Result<bool, Error> {
    let epochs = args.which.named().unwrap_or(Epochs::One(Epoch::default()));
    let runs: Vec<Run> = epochs.epochs().map(|epoch| Run::new(scenario, epoch)).collect();
    match args.format {
        Some(RunFormat::Json) => json::write(out, name, scenario, &runs)?,
        Some(RunFormat::Steps) => write_steps(out, name, &runs)?,
        None if runs.len() > 1 => several::write(out, name, scenario, &runs, args.story_width())?,
        None => write_alone(out, name, scenario, &runs[0], args.story_width())?,
    }
    let unmet = runs.iter().flat_map(|run| run.unmet.iter().map(move |text| (run.epoch, text)));
    for (epoch, text) in unmet.clone().filter(|_| args.format.is_none()) {
        writeln!(out, "{FAULT}{name}, epoch {epoch}:{FAULT:#} {text}")?;
    }
    Ok(unmet.count() == 0)
}

/// A run of a scenario in one epoch.
struct Run {
    epoch: Epoch,
    recorded: Recorded,
    outcome: Outcome,
    /// What was expected and did not come, a sentence each.
    unmet: Vec<String>,
}

impl Run {
    fn new(scenario: &Scenario, epoch: Epoch) -> Run {
        let recorded = record_scenario(&scenario.compile(), epoch);
        let outcome = Outcome::new(&recorded, &scenario.pair);
        let unmet = scenario.expect.unmet(epoch, &outcome);
        Run { epoch, recorded, outcome, unmet }
    }

    /// The steps as in a recording, and the panic if there was one.
    fn lines(&self) -> Vec<String> {
        let steps = steps_of(&self.recorded.records);
        let steps = steps.iter().map(ToString::to_string);
        steps.chain(fault_of(&self.recorded.report.finish)).collect()
    }

    fn story(&self, scenario: &Scenario) -> Vec<Line> {
        Story::new(&self.recorded, &scenario.pair, self.epoch).lines()
    }
}

/// The text of recordings, a case for each run.
fn write_steps(out: &mut Output, name: &str, runs: &[Run]) -> io::Result<()> {
    for run in runs {
        let epoch = if runs.len() > 1 { format!("-{}", run.epoch) } else { String::new() };
        writeln!(out, "case {name}{epoch}")?;
        run.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(())
}

fn write_alone(
    out: &mut Output,
    name: &str,
    scenario: &Scenario,
    run: &Run,
    story: Option<usize>,
) -> io::Result<()> {
    if let Some(width) = story {
        write_head(out, &scenario.title, &scenario.teaches, width)?;
        writeln!(out, "\n{TITLE}epoch {} ({}){TITLE:#}", run.epoch, run.epoch.release())?;
        write_story(out, &run.story(scenario), width)?;
        write_fault(out, &run.outcome.finish)?;
    } else {
        writeln!(out, "case {name}")?;
        let steps = steps_of(&run.recorded.records);
        steps.iter().try_for_each(|step| writeln!(out, "{step}"))?;
        write_fault(out, &run.outcome.finish)?;
    }
    write_outcome(out, &run.outcome)
}

/// What became of the bytes, the users and the pair, and why the run ended.
fn write_outcome(out: &mut Output, outcome: &Outcome) -> io::Result<()> {
    writeln!(out)?;
    writeln!(out, "{}", finish_of(&outcome.finish))?;
    write!(out, "{outcome}")
}

/// What `atslab run` has been told to run: a name of the gallery, or a text.
enum Text<'a> {
    Name(&'a str),
    /// Of this file. It is read once: a pipe has nothing for a second reader.
    Read(&'a Path, Vec<u8>),
}

impl Text<'_> {
    /// The text of `file`, or the name, if no file of the user has it.
    fn of(file: &Path) -> Result<Text<'_>, Error> {
        let is_name =
            |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match file.to_str().filter(is_name).filter(|_| !file.exists()) {
            Some(name) => Ok(Text::Name(name)),
            None => Ok(Text::Read(file, read_file::<ScenarioFault>(file, MOST_OF_A_SCENARIO)?)),
        }
    }

    /// True if it is an HTTP scenario, or would be.
    fn is_http(&self) -> bool {
        match self {
            Text::Name(name) => is_http_name(name),
            Text::Read(_, bytes) => is_http_scenario(bytes),
        }
    }
}

/// Each scenario of `files`, of which the first has been looked at.
fn each<'a, T>(
    files: &'a [PathBuf],
    mut first: Option<Text<'a>>,
    read: impl Fn(Text<'a>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    files.iter().map(|file| read(first.take().map_or_else(|| Text::of(file), Ok)?)).collect()
}

/// The scenario in `file` or of that name, with a name without spaces.
pub(crate) fn named_or_file(file: &Path) -> Result<(String, Scenario), Error> {
    named_or_read(Text::of(file)?)
}

/// The same of an HTTP scenario.
pub(crate) fn http_named_or_file(file: &Path) -> Result<(String, HttpScenario), Error> {
    http::named_or_read(Text::of(file)?)
}

/// The HTTP scenarios of `files`, or of the whole gallery if there are none.
pub(crate) fn http_files_or_gallery(
    files: &[PathBuf],
) -> Result<Vec<(String, HttpScenario)>, Error> {
    if files.is_empty() {
        return Ok(http_names()
            .filter_map(|name| Some((name.clone(), http_named(&name)?)))
            .collect());
    }
    files.iter().map(|file| http_named_or_file(file)).collect()
}

/// True if `file` is an HTTP scenario, or would be: a file with a `[client]`, or a name of the gallery.
/// A pipe is no regular file: it has nothing for a second reader.
pub(crate) fn is_http(file: &Path) -> Result<bool, Error> {
    Ok((file.is_file() || !file.exists()) && Text::of(file)?.is_http())
}

fn named_or_read(text: Text<'_>) -> Result<(String, Scenario), Error> {
    let (file, bytes) = match text {
        Text::Name(name) => {
            let unknown = || unknown("file and no scenario of the gallery", name, gallery::names());
            return gallery::named(name)
                .map(|scenario| (name.to_owned(), scenario))
                .ok_or_else(unknown);
        }
        Text::Read(file, bytes) => (file, bytes),
    };
    let scenario = scenario_from_bytes(&file_name(file), &bytes)?;
    match scenario.race {
        Some(_) => Err(Error::Race { name: file_name(file) }),
        None => Ok((name_of(file), scenario)),
    }
}

/// The name of a scenario in a file, without spaces.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    stem.replace(|c: char| c.is_whitespace() || c.is_control(), "-")
}

fn unknown<'a>(kind: &'static str, name: &str, names: impl Iterator<Item = &'a str>) -> Error {
    let close = close_to(name, names);
    Error::Unknown { place: "run".to_owned(), kind, name: excerpt(name), close }
}

fn write_head(out: &mut Output, title: &str, teaches: &str, width: usize) -> io::Result<()> {
    writeln!(out, "{TITLE}{title}{TITLE:#}")?;
    let words = teaches.split_whitespace();
    write_wrapped(out, 0, width, words.map(|word| (Style::new(), word)))
}

/// Each line with its sentence, what is in the buffers, and the locks (of a hook its thread); the
/// time where it changes. A sentence that is too long for `width` goes on below its beginning.
fn write_story(out: &mut Output, lines: &[Line], width: usize) -> io::Result<()> {
    let column = lines.iter().map(|line| line.text.chars().count()).max().unwrap_or(0);
    let mut last = None;
    for Line { at, thread, mark, text, sentence, levels, locks } in lines {
        if last.replace(*at) != Some(*at) {
            writeln!(out, "{QUIET}after {} s{QUIET:#}", seconds(*at))?;
        }
        let thread = thread.as_ref().map_or(String::new(), |thread| format!("{thread:8}  "));
        let style = if *mark == Mark::Step { Style::new() } else { TITLE };
        write!(out, "  {QUIET}{thread}{QUIET:#}{style}{text:column$}{style:#}  ")?;
        let begin = 2 + thread.chars().count() + column + 2;
        let levels = if levels.is_empty() { String::new() } else { format!("({levels})") };
        let locks = if locks.is_empty() { String::new() } else { format!("[{locks}]") };
        let parts = [(Style::new(), sentence), (Style::new(), &levels), (QUIET, &locks)];
        let words = parts
            .iter()
            .flat_map(|(style, part)| part.split_whitespace().map(move |word| (*style, word)));
        write_wrapped(out, begin, width, words)?;
    }
    Ok(())
}

/// Why the run ended.
fn finish_of(finish: &Finish) -> &'static str {
    match finish {
        Finish::Freed => "Both ends were closed.",
        Finish::Quiet => "Nothing was scheduled any more; what was open was closed.",
        Finish::TimeIsUp => "Two minutes were over; what was open was closed.",
        Finish::Runaway => "What was open was closed.",
        Finish::Panicked(_) => "There the real server aborts, or worse.",
    }
}

fn write_fault(out: &mut Output, finish: &Finish) -> io::Result<()> {
    let Some(fault) = fault_of(finish) else { return Ok(()) };
    let (word, text) = fault.split_once(' ').unwrap_or((&fault, ""));
    writeln!(out, "{FAULT}{word}{FAULT:#} {text}")
}

/// The line of a run that did not end by itself.
fn fault_of(finish: &Finish) -> Option<String> {
    match finish {
        Finish::Panicked(text) => Some(format!("panic: {text}")),
        Finish::Runaway => Some("stopped: a reaction went on without end".to_owned()),
        Finish::Freed | Finish::Quiet | Finish::TimeIsUp => None,
    }
}

/// Nanoseconds as seconds, to the microsecond.
fn seconds(at: i64) -> String {
    format!("{}.{:06}", at / 1_000_000_000, at % 1_000_000_000 / 1_000)
}
