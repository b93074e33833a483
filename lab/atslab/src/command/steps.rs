//! `atslab steps`: what the port does in a case.

use std::env;
use std::io::{self, Stdout, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::{AutoStream, ColorChoice};
use clap::{ArgGroup, Args, ValueEnum};
use conformance::ats::vocabulary::driver;
use conformance::ats::{Case, Epoch};
use env_logger::{Env, Target, WriteStyle};
use eventsys::Options;
use eventsys::mutex::census;
use eventsys::steps::{Collector, LockNames, LogSink, Step, Steps, json_line};

use crate::cli::{Epochs, WhichArgs};
use crate::error::Error;
use crate::jobs::{run_on_port, run_on_port_with};
use crate::select::select;
use crate::ui::output::Output;

/// The arguments of `atslab steps`.
#[derive(Debug, Args)]
#[command(after_help = STEPS_EXAMPLES, group = which_cases())]
#[group(skip)]
pub(crate) struct StepsArgs {
    #[command(flatten)]
    pub which: WhichArgs,

    /// Run this case; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,

    /// Run the cases of this file, and not the built-in ones
    #[arg(long, value_name = "FILE.csv")]
    pub cases: Option<PathBuf>,

    /// How to print the steps
    #[arg(long, value_enum, default_value_t)]
    pub format: StepsFormat,
}

/// The ways to print steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StepsFormat {
    /// The text of recordings; packed with gzip, it is one
    #[default]
    Steps,
    /// A JSON object a line, for tools
    Json,
    /// Log lines under pvc, pvc_event, pvc_test and event; RUST_LOG chooses
    Log,
}

const STEPS_EXAMPLES: &str = "\
Without --epoch or --ats epoch C runs; with --epoch all each case runs in each
epoch, which is named behind the case.

Examples:
  atslab steps --case basic | less
  atslab steps --cases my.csv | gzip > my.steps.gz
  atslab steps --case eos --format json | jq 'select(.step == \"sm_read\")'
  RUST_LOG=event,pvc_event atslab steps --case eos --format log";

/// Without this, `atslab steps` would print a million lines.
fn which_cases() -> ArgGroup {
    ArgGroup::new("which").args(["case", "cases"]).required(true).multiple(true)
}

/// Runs the cases, one after the other, and prints the port's steps.
pub(crate) fn steps(args: &StepsArgs, out: &mut Output) -> Result<ExitCode, Error> {
    // Only JSON shows which locks were held.
    let _census = (args.format == StepsFormat::Json).then(census::start);
    let epochs = args.which.named().unwrap_or(Epochs::One(Epoch::default()));
    let epochs: Vec<Epoch> = epochs.epochs().collect();
    let groups = select(args.cases.as_deref(), &args.case, Epoch::default())?;
    if args.format == StepsFormat::Log {
        start_log();
    }
    for case in groups.iter().flat_map(|group| &group.cases) {
        for &epoch in &epochs {
            let name = match epochs.len() {
                1 => case.name.clone(),
                _ => format!("{}-{epoch}", case.name),
            };
            match args.format {
                StepsFormat::Steps => write_text(out, &name, &collect(case, epoch)?)?,
                StepsFormat::Json => write_json(out, &name, &collect(case, epoch)?)?,
                StepsFormat::Log => log_steps(&name, case, epoch)?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn collect(case: &Case, epoch: Epoch) -> Result<Vec<Step>, Error> {
    let collector = Collector::new();
    run_on_port(case, epoch, collector.clone())?;
    Ok(collector.take())
}

fn write_text(out: &mut impl Write, name: &str, steps: &[Step]) -> io::Result<()> {
    writeln!(out, "case {name}")?;
    steps.iter().try_for_each(|step| writeln!(out, "{step}"))
}

/// The objects of [`json_line`], with the name of the case in front.
fn write_json(out: &mut impl Write, name: &str, steps: &[Step]) -> io::Result<()> {
    let name = serde_json::to_string(name)?;
    let mut locks = LockNames::default();
    for step in steps {
        let object = json_line(step, &mut locks);
        let fields = object.strip_prefix('{').unwrap_or(&object);
        writeln!(out, "{{\"case\":{name},{fields}")?;
    }
    Ok(())
}

/// The steps go to the log while they are taken, so that the port's other log lines
/// stand between them.
fn log_steps(name: &str, case: &Case, epoch: Epoch) -> Result<(), Error> {
    log::debug!(target: driver::SM_READ.target(), "case {name}");
    let steps = Steps::to(Arc::new(LogSink));
    let options = Options { steps, trace_events: true, ..Options::default() };
    run_on_port_with(case, epoch, options).map(drop)
}

fn start_log() {
    let mut builder = env_logger::Builder::from_env(
        Env::default().default_filter_or("pvc=debug,pvc_event=debug,pvc_test=debug"),
    );
    // The logger cannot see where a pipe leads to.
    if env::var_os("RUST_LOG_STYLE").is_none_or(|style| style == "auto") {
        builder.write_style(match AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => WriteStyle::Never,
            _ => WriteStyle::Always,
        });
    }
    builder
        .target(Target::Pipe(Box::new(Log(io::stdout()))))
        // The cases run in virtual time: the time of day would say nothing.
        .format_timestamp(None)
        .init();
}

/// Standard output for the log. A logger passes over the errors of its output; without this, a
/// case would run to its end although the reader of its log has gone away.
struct Log(Stdout);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).inspect_err(end_without_a_reader)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().inspect_err(end_without_a_reader)
    }
}

/// Ends the command with the status that it has everywhere when its reader goes away.
fn end_without_a_reader(error: &io::Error) {
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
}
