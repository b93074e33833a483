//! `atslab completions` and `atslab man`: for shells, and for readers of manual pages.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use eventsys::steps::excerpt;

use crate::cli::Cli;
use crate::error::Error;
use crate::select::close_to;
use crate::ui::output::Output;

/// The arguments of `atslab completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  atslab completions bash > ~/.local/share/bash-completion/completions/atslab
  atslab completions zsh > ~/.zfunc/_atslab
  atslab completions fish > ~/.config/fish/completions/atslab.fish";

/// The arguments of `atslab man`.
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(crate) struct ManArgs {
    /// The page of this command, and not that of the program
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

const MAN_EXAMPLES: &str = "\
Examples:
  atslab man | man -l -
  atslab man run > atslab-run.1";

/// Prints the script that completes the arguments in a shell.
pub(crate) fn completions(args: &CompletionsArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "atslab", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a manual page.
pub(crate) fn man(args: &ManArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let mut program = Cli::command();
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => {
            let shown = || program.get_subcommands().filter(|command| !command.is_hide_set());
            let Some(found) = shown().find(|command| command.get_name() == name) else {
                return Err(Error::Unknown {
                    place: "man".to_owned(),
                    kind: "command",
                    name: excerpt(name),
                    close: close_to(name, shown().map(clap::Command::get_name)),
                });
            };
            found.clone().display_name(format!("atslab-{name}"))
        }
    };
    clap_mangen::Man::new(page).render(&mut *out)?;
    Ok(ExitCode::SUCCESS)
}
