//! The arguments of `atslab bench`.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;
use conformance::Epoch;
use conformance::live::Release;
use pluginvc::ParseEpochError;

use crate::servers::ServersArg;

/// The arguments of `atslab bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_EXAMPLES)]
pub(crate) struct BenchArgs {
    /// Measure the real servers as well
    #[arg(long)]
    pub live: bool,

    /// Measure what a Rust user would take instead: tokio, crossbeam-channel, memcpy
    #[arg(long)]
    pub others: bool,

    /// Measure only workloads with this in their name; may be repeated
    #[arg(long, value_name = "NAME")]
    pub filter: Vec<String>,

    /// How often each workload is measured in each arm
    #[arg(long, value_name = "N", default_value = "9")]
    pub runs: NonZero<usize>,

    /// Do a hundredth of the work: to see that all arms do the same, not how fast
    #[arg(long)]
    pub quick: bool,

    /// Measure how the cost of a piece grows with the number of pairs, and nothing else
    #[arg(long)]
    pub growth: bool,

    /// Write every run to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Draw the result into this file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,

    /// Print the table in Markdown
    #[arg(long)]
    pub markdown: bool,

    /// Measure only this release: 8.1.11 or 9.2.9
    #[arg(long, value_name = "RELEASE")]
    pub ats: Option<Release>,

    #[command(flatten)]
    pub servers: ServersArg,

    /// Be the process that performs the jobs of an arm
    #[arg(long, hide = true, value_name = "EPOCH|others", value_parser = arm)]
    pub arm: Option<ArmArg>,
}

/// Whose jobs a process performs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ArmArg {
    /// The port's, in the steps of an epoch.
    Port(Epoch),
    /// Those of what a Rust user would take instead.
    Others,
}

impl ArmArg {
    /// Its name for what a Rust user would take instead.
    pub(crate) const OTHERS: &str = "others";
}

fn arm(text: &str) -> Result<ArmArg, ParseEpochError> {
    match text {
        ArmArg::OTHERS => Ok(ArmArg::Others),
        epoch => epoch.parse().map(ArmArg::Port),
    }
}

const BENCH_EXAMPLES: &str = "\
A workload is measured in all arms in turn, as often as --runs says, after one
run that does not count; shown are the median and the range of the quarters
around it. The port takes the steps of the release that it stands beside. Arms
that did not do the same work, counted in calls and bytes, are refused. The
book's chapter on the bench says what each workload does.

Examples:
  atslab bench
  atslab bench --live
  atslab bench --others
  atslab bench --live --filter pair_ --filter event_chain --runs 21
  atslab bench --live --others --markdown --json bench.json --plot bench.svg
  atslab bench --live --growth --plot growth.svg
  atslab bench --live --quick --runs 1

Exit status: 0 if everything has been measured, 1 if two arms did not do the
same work, 2 on errors.";
