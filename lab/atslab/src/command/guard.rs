//! `atslab __guard`: the processes that end real servers and remove temporary folders
//! when the atslab that they guard is gone.

use std::env;
use std::io;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use conformance::outside;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Error;

/// The arguments of `atslab __guard`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct GuardArgs {
    /// The process group to end; without it, lead one
    pub group: Option<i32>,
}

/// Has this program, in other processes, guard this one if it starts real servers.
pub(crate) fn have_a_guard() {
    outside::guard_with(command);
}

/// Runs as a guard.
pub(crate) fn guard(args: GuardArgs) -> Result<ExitCode, Error> {
    // A signal to the guarded process may reach this one too, which must do its work then.
    let ignored = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&ignored)).map_err(Error::Signals)?;
    }
    let guarded = command().and_then(|keeper| outside::be_guard(args.group, keeper));
    guarded.map_err(Error::Guard)?;
    Ok(ExitCode::SUCCESS)
}

fn command() -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("__guard");
    Ok(command)
}
