//! `atslab plugin`: compiled plugins, the `.so` files that a real server loads, on the port.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::error::Error;
use crate::servers::FolderArg;
use crate::ui::output::Output;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod compare;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod event_names;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) mod laboratory;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod list;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) mod place;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod run;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) mod serving;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod sweep;

/// The arguments of `atslab plugin`.
#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    #[command(subcommand)]
    pub what: PluginCommand,
}

/// What can be done with a plugin.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// List the plugins of the real server, and how many of their functions the port has
    List(PluginListArgs),
    /// Run a plugin on the port in virtual time, and tell what it does wrong
    Run(PluginRunArgs),
    /// Run a plugin in the real server and on the port, and compare each of its calls
    Compare(PluginCompareArgs),
}

/// The arguments of `atslab plugin list`.
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct PluginListArgs {
    /// Only plugins with this in their name
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Run each in its set-up in the real server and on the port, and compare the calls
    #[arg(long)]
    pub compare: bool,

    /// Print it for tools
    #[arg(long, value_enum)]
    pub format: Option<PluginFormat>,

    #[command(flatten)]
    pub servers: FolderArg,
}

/// What `run` and `compare` have in common.
#[derive(Debug, Args)]
pub(crate) struct WhatToRun {
    /// The plugin and its arguments; a name without a folder is a plugin of the real server
    #[arg(value_name = "PATH ARGS")]
    pub plugin: String,

    /// The requests, a file; "-" is standard input
    #[arg(long, value_name = "FILE")]
    pub requests: PathBuf,

    /// Use it as the plugin of a rule, if it can be both
    #[arg(long)]
    pub rule: bool,

    /// Load this plugin too, for all transactions; may be repeated
    #[arg(long, value_name = "PATH ARGS")]
    pub with: Vec<String>,

    /// Print it for tools
    #[arg(long, value_enum)]
    pub format: Option<PluginFormat>,

    #[command(flatten)]
    pub servers: FolderArg,
}

/// The arguments of `atslab plugin run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct PluginRunArgs {
    #[command(flatten)]
    pub what: WhatToRun,

    /// End at the first mistake of the plugin; without it the run goes on where the real server does
    #[arg(long)]
    pub strict: bool,

    /// Print each call of the plugin; needs a C compiler
    #[arg(long, conflicts_with = "format")]
    pub trace: bool,

    /// The folder that the plugin gets as the server's configuration
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub config_dir: PathBuf,

    /// This process is the one that the plugin may crash
    #[arg(long, hide = true)]
    pub in_this_process: bool,
}

/// The arguments of `atslab plugin compare`.
#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(crate) struct PluginCompareArgs {
    #[command(flatten)]
    pub what: WhatToRun,

    /// Print what is masked, and why
    #[arg(long, conflicts_with = "format")]
    pub masks: bool,

    /// Write the calls in the real server to this file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// Compare with the calls in this file instead of a real server
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub recording: Option<PathBuf>,
}

/// The ways to print for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginFormat {
    /// One JSON object
    Json,
}

const LIST_EXAMPLES: &str = "\
A plugin can be linked to functions that it never calls, so one with functions that
are missing may run all the same: \"atslab plugin run\" tells.

--compare needs a C compiler and some minutes; the set-ups are in tests/plugins/setups.toml.
A plugin that makes no call in its set-up is not counted as identical; \"unused\" names what
the plugin is made for and its set-up does not reach.

Examples:
  atslab plugin list
  atslab plugin list generator
  atslab plugin list --compare
  atslab plugin list --format json

Exit status: 0, 1 if a comparison finds a difference, 2 on errors.";

const RUN_EXAMPLES: &str = "\
The plugin is the file that a real server loads. It runs in a process of its own, which
it may crash: that is a result, too.

A file of requests:
  # a comment
  GET /nocache/10/x
  Generator-Delay: 120

  POST /nocache/7/x
  = the body

Examples:
  atslab plugin run generator.so --requests requests.txt
  atslab plugin run \"statichit.so --file-path=$PWD/x.txt --mime-type=text/plain\" --requests r.txt
  atslab plugin run ./mine.so --requests r.txt --strict
  atslab plugin run hook-trace.so --with generator.so --requests r.txt --trace

Exit status: 0 if the plugin did nothing wrong, 1 if it did or has crashed, 2 on errors.";

const COMPARE_EXAMPLES: &str = "\
Both hosts get the same plugin, the same tracer (a plugin, built by the C compiler) and
the same requests. The first call that differs is shown with the calls around it.

Examples:
  atslab plugin compare generator.so --requests requests.txt
  atslab plugin compare generator.so --rule --requests requests.txt
  atslab plugin compare hook-trace.so --with generator.so --requests r.txt
  atslab plugin compare generator.so --requests r.txt --record generator.calls

Exit status: 0 if calls and answers are identical, 1 if they differ, 2 on errors.";

/// Does what the user wants with a plugin.
pub(crate) fn plugin(args: &PluginArgs, out: &mut Output) -> Result<ExitCode, Error> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    return match &args.what {
        PluginCommand::List(args) if args.compare => sweep::compare_all(args, out),
        PluginCommand::List(args) => list::list(args, out),
        PluginCommand::Run(args) => run::run(args, out),
        PluginCommand::Compare(args) => compare::compare(args, out),
    };
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    {
        let _ = (args, out);
        Err(Error::NoPlugins)
    }
}
