//! `atslab`: replays cases on the port, compares them with the real server,
//! prints the port's steps, and runs scenarios.
//!
//! | file or folder | what it is for |
//! |---|---|
//! | `cli` | the program's options, and the arguments that several commands share |
//! | `command` | a file for each command: its arguments, then its work |
//! | `view` | the page of `atslab view`, its figures and traces |
//! | `ui` | standard output and colours, tables, differences, progress |
//! | `select`, `jobs` | which cases the user means; running them on the port |
//! | `servers`, `files` | where the real servers are; files and how many may be open |
//! | `http_client`, `process` | a client of a generator plugin; the memory and the time of a process |
//! | `error` | what can go wrong, and the sentence for it |

#![forbid(unsafe_code)]

mod cli;
mod command;
mod error;
mod files;
mod http_client;
mod jobs;
mod process;
mod select;
mod servers;
mod ui;
mod view;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::command::Command;
use crate::error::Error;
use crate::ui::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.color.apply();
    command::have_a_guard();
    execute(cli).unwrap_or_else(|error| error.report())
}

fn execute(cli: Cli) -> Result<ExitCode, Error> {
    let mut out = Output::stdout();
    let code = cli.command.unwrap_or_else(Command::by_default).execute(&mut out)?;
    out.flush()?;
    Ok(code)
}
