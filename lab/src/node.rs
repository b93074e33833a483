//! `atslab node`: scenarios of node's stream layer, on the port and on the real
//! node.

mod check;
mod deviations;
mod eats;
mod fuzz;
mod generate;
mod live;
mod shape;
mod shrink;

use std::process::ExitCode;

use indicatif::ProgressBar;

use streamlisten::scenario::Transport;

use crate::cli::{NodeArgs, NodeCommand};
use crate::error::Error;
use crate::output::Output;
use crate::progress;

/// Does what the arguments say, and gives the exit status.
pub(crate) fn node(args: &NodeArgs, out: &mut Output) -> Result<ExitCode, Error> {
    match (&args.command, &args.check) {
        (Some(NodeCommand::Fuzz(args)), _) => fuzz::fuzz(args, out),
        (Some(NodeCommand::Eats(args)), _) => eats::eats(args, out),
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
