//! The arguments of `atslab run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::WhichArgs;
use crate::servers::ServersArg;

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
