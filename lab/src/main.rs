//! `atslab`: replays cases on the port, compares them with the real server,
//! prints the port's steps, and runs scenarios.
//!
//! | file | what it is for |
//! |---|---|
//! | `cli` | the arguments |
//! | `select` | which cases are meant |
//! | `compare`, `run` | `atslab compare`: what it does, and its jobs |
//! | `pool`, `progress` | jobs for several threads; the progress bar |
//! | `table`, `diff` | how its results look |
//! | `steps` | `atslab steps` |
//! | `record` | `atslab record` |
//! | `run_scenario` | `atslab run` |
//! | `fuzz` | `atslab fuzz` |
//! | `servers` | where the real servers are |
//! | `node` and its folder | `atslab node`: the check, the live node, the fuzzer |
//! | `serve` and its folder | `atslab serve`: the HTTP picture on real sockets |
//! | `bench` and its folder | `atslab bench`: speed, beside the real servers |
//! | `http` | `atslab http`: the same bytes to the real server and to the port |
//! | `soak` and its folder | `atslab soak`: the same under load, and what is left of it |
//! | `idle`, `files` | what idle connections cost; how many files may be open |
//! | `output`, `error` | standard output and colours; what can go wrong |

#![forbid(unsafe_code)]

mod bench;
mod cli;
mod compare;
mod diff;
mod error;
mod files;
mod fuzz;
mod http;
mod idle;
mod node;
mod output;
mod pool;
mod progress;
mod record;
mod run;
mod run_scenario;
mod select;
mod serve;
mod servers;
mod soak;
mod steps;
mod table;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, CompareArgs};
use crate::error::Error;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.color.apply();
    execute(&cli).unwrap_or_else(|error| error.report())
}

fn execute(cli: &Cli) -> Result<ExitCode, Error> {
    let mut out = Output::stdout();
    let code = match &cli.command {
        None => compare::compare(&CompareArgs::of_the_default_epoch(), &mut out)?,
        Some(Command::Compare(args)) => compare::compare(args, &mut out)?,
        Some(Command::Steps(args)) => steps::steps(args, &mut out)?,
        Some(Command::Record(args)) => record::record(args, &mut out)?,
        Some(Command::Run(args)) => run_scenario::run(args, &mut out)?,
        Some(Command::Fuzz(args)) => fuzz::fuzz(args, &mut out)?,
        Some(Command::Node(args)) => node::node(args, &mut out)?,
        Some(Command::Serve(args)) => serve::serve(args, &mut out)?,
        Some(Command::Soak(args)) => soak::soak(args, &mut out)?,
        Some(Command::Idle(args)) => idle::idle(args, &mut out)?,
        Some(Command::Bench(args)) => bench::bench(args, &mut out)?,
        Some(Command::Http(args)) => http::http(args, &mut out)?,
    };
    out.flush()?;
    Ok(code)
}
