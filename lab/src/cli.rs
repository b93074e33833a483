//! The arguments, as clap reads them.

mod bench;
mod http;
mod idle;
mod node;
mod run;
mod serve;
mod soak;

use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use conformance::live::Release;
use conformance::{Epoch, Suite};

pub(crate) use self::bench::*;
pub(crate) use self::http::*;
pub(crate) use self::idle::*;
pub(crate) use self::node::*;
pub(crate) use self::run::*;
pub(crate) use self::serve::*;
pub(crate) use self::soak::*;
use crate::output::ColorWhen;
use crate::servers::ServersArg;

/// Compare the port with recordings of the real Traffic Server.
///
/// Without a command, atslab runs "compare --epoch C": 109 cases of 9.1.3.
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
  atslab                         compare the cases of 9.1.3
  atslab compare                 compare the cases of all generations
  atslab compare --case basic    compare one case
  atslab steps --case basic      print what the port does in it
  atslab run my.toml --explain   run a scenario and tell what happens
  atslab run my.toml --live      run it in the real servers as well
  atslab fuzz --ats 9.2.9        compare 10,000 random scenarios

Exit status: 0 if all is well, 1 if anything differs, 2 on errors.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run cases on the port and compare its steps with the real server's
    Compare(CompareArgs),
    /// Run cases on the port and print its steps
    Steps(StepsArgs),
    /// Run a scenario, told in TOML, on the port and print its steps
    Run(RunArgs),
    /// Play random scenarios on the port and in a real server, and compare
    Fuzz(FuzzArgs),
    /// Have a real server perform cases and write what it does
    Record(RecordArgs),
    /// Node's stream layer: compare with the real node, fuzz, see who eats the data
    Node(NodeArgs),
    /// Serve HTTP: the port's state machine and plugins, on real sockets
    Serve(ServeArgs),
    /// Load the server with clients that go away, and count what is left of it
    Soak(SoakArgs),
    /// Keep connections to a server open, and tell what they cost it
    #[command(hide = true)]
    Idle(IdleArgs),
    /// Measure the port's speed beside the real servers
    Bench(BenchArgs),
    /// Compare what the port answers to HTTP requests with the real server
    Http(HttpArgs),
}

/// The arguments of `atslab compare`.
#[derive(Debug, Default, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub which: WhichArgs,

    /// Compare only this case; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,

    /// Compare the cases of this file, and not the built-in ones
    #[arg(long, value_name = "FILE.csv", requires = "recorded")]
    pub cases: Option<PathBuf>,

    /// What the real server did in the cases of --cases
    #[arg(long, value_name = "FILE.steps.gz", requires = "cases", group = "recorded")]
    pub recording: Option<PathBuf>,

    /// Compare with real servers, which perform the cases now
    #[arg(long, group = "recorded")]
    pub live: bool,

    #[command(flatten)]
    pub servers: ServersArg,

    /// Run cases on this many threads [default: one for each processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,
}

impl CompareArgs {
    /// What is compared when no command is given.
    pub(crate) fn of_the_default_epoch() -> CompareArgs {
        let epoch = Some(Epochs::One(Epoch::default()));
        let which = WhichArgs { epoch, ats: None };
        CompareArgs { which, ..CompareArgs::default() }
    }
}

const COMPARE_EXAMPLES: &str = "\
Without --epoch or --ats all generations are compared; the cases of a file with
generation C; with --live, both with all real servers that can run. Every case
runs in virtual time, so nothing waits. For a case that differs, the first
difference is shown with the steps around it. The inactivity events (\"event 2\")
that have no effect depend on the clock and are left out; with --live they are
not, because the servers are given the clock of the port.

Examples:
  atslab compare
  atslab compare --case eos --case werr
  atslab compare --ats 9.2.9
  atslab compare --epoch C --cases my.csv --recording my.steps.gz
  atslab compare --live --ats 9.2.9
  atslab compare --live --cases my.csv

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

/// Which generations of the server are meant.
#[derive(Debug, Default, Args)]
pub(crate) struct WhichArgs {
    /// The generation of the server, or all of them
    #[arg(long, value_parser = epochs_or_all())]
    pub epoch: Option<Epochs>,

    /// The same by release: 8.1.11, 9.1.3 or 9.2.9
    #[arg(long, value_name = "RELEASE", conflicts_with = "epoch")]
    pub ats: Option<Release>,
}

impl WhichArgs {
    /// The epochs that are meant, if any are named.
    pub(crate) fn named(&self) -> Option<Epochs> {
        self.ats.map(|release| Epochs::One(release.epoch())).or(self.epoch)
    }

    /// The real servers that are meant: all that can run, unless one is named.
    pub(crate) fn releases(&self) -> Vec<Release> {
        match self.named() {
            None | Some(Epochs::All) => Release::RUNNABLE.to_vec(),
            Some(Epochs::One(epoch)) => vec![epoch.into()],
        }
    }
}

/// The arguments of `atslab fuzz`.
#[derive(Debug, Args)]
#[command(after_help = FUZZ_EXAMPLES)]
pub(crate) struct FuzzArgs {
    /// The real server: 8.1.11 or 9.2.9
    #[arg(long, value_name = "RELEASE", default_value = "9.2.9")]
    pub ats: Release,

    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub count: u64,

    /// How many event threads the scenarios have; they take turns
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub threads: u8,

    /// Run so many server processes [default: one for each processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,

    /// Note what has been played in this file, and do not play it again
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Put the scenarios that differ into this folder
    #[arg(long, value_name = "FOLDER", default_value = "findings")]
    pub findings: PathBuf,

    /// Play nothing, and sum up these reports
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["report", "seed"])]
    pub merge: Vec<PathBuf>,

    #[command(flatten)]
    pub servers: ServersArg,
}

const FUZZ_EXAMPLES: &str = "\
Each seed is a scenario. Both arms have one clock, so every step is compared,
with its time; so are the bytes that were read. A scenario that differs is made
as small as it can be and put into a file. A crash or a hang of the server is a
result like any other. tests/live/install unpacks the servers.

Examples:
  atslab fuzz --ats 9.2.9
  atslab fuzz --ats 8.1.11 --count 500 --jobs 2
  atslab fuzz --ats 9.2.9 --threads 2
  atslab fuzz --seed 10000 --report b.jsonl    on one machine of several
  atslab fuzz --merge a.jsonl b.jsonl          and all of them together

Exit status: 0 if nothing differs but registered deviations, 1 if anything
does, 2 on errors.";

/// The arguments of `atslab record`.
#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLES)]
pub(crate) struct RecordArgs {
    /// The release of the real server: 8.1.11 or 9.2.9
    #[arg(long, value_name = "RELEASE")]
    pub ats: Release,

    /// Record this suite of the built-in cases; may be repeated [default: both]
    #[arg(long, value_parser = suites(), conflicts_with = "cases")]
    pub suite: Vec<Suite>,

    /// Record only this case; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,

    /// Record the cases of this file, and not the built-in ones
    #[arg(long, value_name = "FILE.csv")]
    pub cases: Option<PathBuf>,

    /// Where the recording goes
    #[arg(long, short, value_name = "FILE.steps.gz")]
    pub output: PathBuf,

    /// Overwrite the file if it is there
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub servers: ServersArg,
}

const RECORD_EXAMPLES: &str = "\
The server performs the cases with its own regression test. It is given its
clock, so nothing waits, and two recordings of a case are the same. The real
servers come from tests/live/install; a C++ compiler has to be there.

Examples:
  atslab record --ats 9.2.9 --suite regression --output 9.2.9.steps.gz
  atslab record --ats 8.1.11 --case eos --output eos.steps.gz --force
  atslab record --ats 9.2.9 --cases my.csv --output my.steps.gz

Exit status: 0 if the file has been written, 2 on errors.";

fn suites() -> impl TypedValueParser<Value = Suite> {
    PossibleValuesParser::new(Suite::ALL.iter().map(|suite| suite.name())).map(|name| {
        let named = Suite::ALL.iter().copied().find(|suite| suite.name() == name);
        named.unwrap_or(Suite::Regression)
    })
}

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
