//! The arguments of `atslab http`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::servers::ServersArg;

/// The arguments of `atslab http`.
#[derive(Debug, Args)]
#[command(after_help = HTTP_EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct HttpArgs {
    /// What to do instead
    #[command(subcommand)]
    pub command: Option<HttpCommand>,

    /// Play the clients of this file, and not the built-in ones
    #[arg(long, value_name = "FILE", requires = "asked")]
    pub cases: Option<PathBuf>,

    /// What a real server answered to the clients of --cases
    #[arg(long, value_name = "FILE", requires = "cases", group = "asked")]
    pub recording: Option<PathBuf>,

    /// Compare only the cases with this in their names; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,

    /// Ask a real server 9.2.9 now, and not its recorded answers
    #[arg(long, group = "asked")]
    pub live: bool,

    /// Only ask a real server, and write its answers to this file
    #[arg(long, value_name = "FILE", group = "asked")]
    pub record: Option<PathBuf>,

    #[command(flatten)]
    pub servers: ServersArg,

    /// Play so many cases at the same time
    #[arg(long, short, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
}

/// What `atslab http` does besides comparing.
#[derive(Debug, Subcommand)]
pub(crate) enum HttpCommand {
    /// Compare the port with a real server on random clients
    Fuzz(HttpFuzzArgs),
}

/// The arguments of `atslab http fuzz`.
#[derive(Debug, Args)]
#[command(after_help = HTTP_FUZZ_EXAMPLES)]
pub(crate) struct HttpFuzzArgs {
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub count: u64,

    /// Where to begin; the same seed gives the same client
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Print the clients, and play none
    #[arg(long)]
    pub print: bool,

    /// Play so many clients at the same time
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=4000))]
    pub at_once: u16,

    #[command(flatten)]
    pub servers: ServersArg,
}

const HTTP_EXAMPLES: &str = "\
The same bytes go over TCP to a Traffic Server with its generator plugin and to
the port with its own: sizes, methods, kept connections, malformed heads, limits,
chunks, requests that try to smuggle another, timeouts, tunnels. Compared is all
that comes back, in its order, but for the values of dates and ages, and whether
the connection stays open. The cases are in tests/http/cases.txt. Known
differences are registered in tests/http/deviations.toml; one that does not show
any more is told. tests/live/install unpacks the server.

Examples:
  atslab http
  atslab http --live
  atslab http --filter chunked --filter smuggling/
  atslab http --cases mine.txt --live
  atslab http --cases mine.txt --record mine.answers
  atslab http --cases mine.txt --recording mine.answers
  atslab http fuzz --seed 7 --count 20000

Exit status: 0 if nothing differs but registered deviations, and each of them
shows; 1 if anything else does; 2 on errors.";

const HTTP_FUZZ_EXAMPLES: &str = "\
Makes up clients: heads by the grammar of HTTP and by changes to the built-in
clients, pipelines of good and bad requests, bodies, chunks, bytes cut in several
pieces, ends that are half closes or resets. Each goes to a running 9.2.9 and to
the port. What differs is played again, and counts only if it differs each time;
then it is made small and shown once for each kind of difference, in the form that
--cases of \"atslab http\" reads. tests/live/install unpacks the server.

Examples:
  atslab http fuzz
  atslab http fuzz --seed 100000 --count 20000
  atslab http fuzz --seed 4711 --count 1 --print

Exit status: 0 if nothing differs but registered deviations, 1 if anything else
does, 2 on errors.";
