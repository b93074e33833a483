//! The arguments, as clap reads them.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use conformance::Epoch;

use crate::output::ColorWhen;

/// Compare the port with recordings of the real Traffic Server.
///
/// Without a command, atslab runs "compare" on every case.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// When to use colours; "auto" respects NO_COLOR and CLICOLOR
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        global = true,
        display_order = 100
    )]
    pub color: ColorWhen,
}

const EXAMPLES: &str = "\
Examples:
  atslab                         compare every case
  atslab compare --case basic    compare one case
  atslab steps --case basic      print what the port does in it
  atslab run my.toml --explain   run a scenario and tell what happens

Exit status: 0 if all is well, 1 if a case differs, 2 on errors.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run cases on the port and compare its steps with the real server's
    Compare(CompareArgs),
    /// Run cases on the port and print its steps
    Steps(StepsArgs),
    /// Run a scenario, told in TOML, on the port and print its steps
    Run(RunArgs),
    /// Node's stream layer: compare with the real node, fuzz, see who eats the data
    Node(NodeArgs),
}

/// The arguments of `atslab compare`.
#[derive(Debug, Default, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(crate) struct CompareArgs {
    /// The generation of the server, or all of them
    #[arg(long, default_value_t, value_parser = epochs_or_all())]
    pub epoch: Epochs,

    /// Compare only this case; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,

    /// Compare the cases of this file, and not the built-in ones
    #[arg(long, value_name = "FILE.csv", requires = "recording")]
    pub cases: Option<PathBuf>,

    /// What the real server did in the cases of --cases
    #[arg(long, value_name = "FILE.steps.gz", requires = "cases")]
    pub recording: Option<PathBuf>,

    /// Run cases on this many threads [default: one for each processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,
}

const COMPARE_EXAMPLES: &str = "\
Every case runs in virtual time, so nothing waits. For a case that differs, the
first difference is shown with the steps around it. The inactivity events
(\"event 2\") that have no effect depend on the clock and are left out.

Examples:
  atslab compare
  atslab compare --case eos --case werr
  atslab compare --epoch all
  atslab compare --cases my.csv --recording my.steps.gz

Exit status: 0 if every case is identical, 1 if one differs, 2 on errors.";

/// One epoch or all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Epochs {
    /// This one.
    One(Epoch),
    /// Every one.
    All,
}

impl Epochs {
    /// The epochs that are meant, from the oldest to the newest.
    pub(crate) fn epochs(self) -> impl Iterator<Item = Epoch> {
        let is_meant = move |epoch: &Epoch| match self {
            Epochs::One(one) => *epoch == one,
            Epochs::All => true,
        };
        Epoch::ALL.iter().copied().filter(is_meant)
    }
}

impl Default for Epochs {
    fn default() -> Epochs {
        Epochs::One(Epoch::default())
    }
}

impl fmt::Display for Epochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Epochs::One(epoch) => epoch.fmt(f),
            Epochs::All => f.write_str(ALL),
        }
    }
}

const ALL: &str = "all";

/// The arguments of `atslab steps`.
#[derive(Debug, Args)]
#[command(after_help = STEPS_EXAMPLES, group = which_cases())]
#[group(skip)]
pub(crate) struct StepsArgs {
    /// The generation of the server
    #[arg(long, default_value_t, value_parser = epochs())]
    pub epoch: Epoch,

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
Examples:
  atslab steps --case basic | less
  atslab steps --cases my.csv | gzip > my.steps.gz
  atslab steps --case eos --format json | jq 'select(.step == \"sm_read\")'
  RUST_LOG=event,pvc_event atslab steps --case eos --format log";

/// The arguments of `atslab run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    /// The scenario
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,

    /// The generation of the server, or all of them
    #[arg(long, default_value_t, value_parser = epochs_or_all())]
    pub epoch: Epochs,

    /// Tell each step in a sentence, with its time and the locks held
    #[arg(long)]
    pub explain: bool,
}

const RUN_EXAMPLES: &str = "\
A scenario says how the two ends of a pair react to events; the book's chapter
on scenarios has the format. It runs in virtual time, so nothing waits. The
steps are the text of recordings. Where the real server would abort or crash,
the last line is \"panic: \" and why.

Examples:
  atslab run tests/scenarios/01-ten-bytes.toml
  atslab run tests/scenarios/02-peer-reads-late.toml --epoch all --explain

Exit status: 0 if the scenario ran, however it ended, 2 on errors.";

/// The arguments of `atslab node`.
#[derive(Debug, Args)]
#[command(after_help = NODE_EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(arg_required_else_help = true)]
pub(crate) struct NodeArgs {
    /// What to do instead of --check
    #[command(subcommand)]
    pub command: Option<NodeCommand>,

    /// Run the scenarios of this file and compare with what they expect
    #[arg(long, value_name = "FILE.jsonl")]
    pub check: Option<PathBuf>,

    /// Run them on this machine's node too, and compare with that
    #[arg(long, requires = "check")]
    pub live: bool,

    /// Print the scenarios with what the port tells (or node, with --live) as what they expect
    #[arg(long, requires = "check")]
    pub record: bool,
}

/// What `atslab node` does besides comparing.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Compare the port with this machine's node on random scenarios
    Fuzz(FuzzArgs),
    /// Tell who gets a connection's bytes, with and without consumption
    Eats(EatsArgs),
}

/// The arguments of `atslab node fuzz`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct FuzzArgs {
    /// How many scenarios
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub count: usize,

    /// Where to begin; the same seed gives the same scenarios
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Print the scenarios, and run none
    #[arg(long)]
    pub print: bool,
}

/// The arguments of `atslab node eats`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct EatsArgs {
    /// Whether the parser consumes the connection
    #[arg(long, value_enum, default_value_t)]
    pub consume: Consume,
}

/// Whether the parser consumes the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Consume {
    /// As node does it
    #[default]
    On,
    /// The socket's data event feeds the parser
    Off,
    /// Until somebody listens for data
    Taken,
}

const NODE_EXAMPLES: &str = "\
A scenario is a JSON object a line; the book's chapter on node has the format.
With --live, a \"node\" must be in the path; without, nothing but this program is
needed.

Examples:
  atslab node --check streamlisten/tests/data/public.jsonl
  atslab node --check my.jsonl --live
  atslab node --check my.jsonl --live --record > recorded.jsonl
  atslab node fuzz --count 20000 --seed 7
  atslab node eats --consume off

Exit status: 0 if every scenario is the same, 1 if one differs, 2 on errors.";

/// Without this, `atslab steps` would print a million lines.
fn which_cases() -> ArgGroup {
    ArgGroup::new("which").args(["case", "cases"]).required(true).multiple(true)
}

fn epochs() -> impl TypedValueParser<Value = Epoch> {
    PossibleValuesParser::new(Epoch::ALL.iter().map(|epoch| epoch.name()))
        .try_map(|name| name.parse::<Epoch>())
}

fn epochs_or_all() -> impl TypedValueParser<Value = Epochs> {
    let names = Epoch::ALL.iter().map(|epoch| epoch.name()).chain([ALL]);
    PossibleValuesParser::new(names).try_map(|name| match name.as_str() {
        ALL => Ok(Epochs::All),
        name => name.parse().map(Epochs::One),
    })
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
