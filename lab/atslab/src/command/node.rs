//! `atslab node`: scenarios of node's stream layer, on the port and on the real
//! node.

mod check;
mod eats;
mod fuzz;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use conformance::node::{Fault, Transport};
use indicatif::ProgressBar;

use crate::error::Error;
use crate::ui::output::Output;
use crate::ui::progress;

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

    /// Run the connections of the port's scenarios over real sockets on the loopback
    #[arg(long, requires = "check")]
    pub sockets: bool,

    /// Print the scenarios; their expected events are the port's (or node's, with --live)
    #[arg(long, requires = "check")]
    pub record: bool,
}

/// What `atslab node` does besides comparing.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Compare the port with this machine's node on random scenarios
    Fuzz(NodeFuzzArgs),
    /// Show which listener gets a connection's bytes, with and without consumption
    Eats(EatsArgs),
}

/// The arguments of `atslab node fuzz`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct NodeFuzzArgs {
    /// How many scenarios
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub count: usize,

    /// Where to begin; the same seed gives the same scenarios
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Make at most so many kinds of differences small, and show them
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub shown: usize,

    /// Break the port on purpose, to see that the difference is found: lost-continue,
    /// lost-end, reset-as-end, lost-close-in-hook or lost-pause-in-hook
    #[arg(long, value_name = "FAULT")]
    pub plant: Option<Fault>,

    /// Print the scenarios, and run none
    #[arg(long, conflicts_with_all = ["shown", "plant"])]
    pub print: bool,

    /// Print how often each action occurs in the scenarios, and run none
    #[arg(long, conflicts_with_all = ["print", "shown", "plant"])]
    pub statistics: bool,
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
    /// Until the user listens for data
    Taken,
}

const NODE_EXAMPLES: &str = "\
A scenario is a JSON object a line; the book's chapter on node has the format.
With --live, a \"node\" must be in the path; without, nothing but this program is
needed.

Examples:
  atslab node --check tests/node/public.jsonl
  atslab node --check my.jsonl --live
  atslab node --check my.jsonl --sockets
  atslab node --check my.jsonl --live --record > recorded.jsonl
  atslab node fuzz --count 20000 --seed 7
  atslab node fuzz --count 20000 --seed 7 --statistics
  atslab node fuzz --count 400 --plant reset-as-end
  atslab node eats --consume off

Exit status: 0 if every scenario is the same, 1 if one differs, 2 on errors.";

/// Does what the arguments say, and gives the exit status.
pub(crate) fn node(args: &NodeArgs, out: &mut Output) -> Result<ExitCode, Error> {
    match (&args.command, &args.check) {
        (Some(NodeCommand::Fuzz(args)), _) => fuzz::fuzz(args, out),
        (Some(NodeCommand::Eats(args)), _) => eats::eats(args, out),
        (None, Some(_)) if args.live && args.record && args.sockets => Err(Error::Ignored {
            option: "--sockets",
            others: "--live and --record",
            reason: "node's events are recorded, and the port does not run",
        }),
        (None, Some(file)) => {
            let transport = if args.sockets { Transport::Sockets } else { Transport::PluginVc };
            let how = check::How { on_node: args.live, record: args.record, transport };
            check::check(file, how, out)
        }
        (None, None) => Ok(ExitCode::SUCCESS), // clap shows the help instead.
    }
}

/// A bar on standard error, if that is a terminal.
fn bar(total: usize) -> ProgressBar {
    progress::bar(total as u64, "{bar:30} {pos} of {len}  {elapsed}  {wide_msg}")
}
