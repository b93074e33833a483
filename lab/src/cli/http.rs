//! The arguments of `atslab http`.

use std::path::PathBuf;

use clap::Args;

use crate::servers::ServersArg;

/// The arguments of `atslab http`.
#[derive(Debug, Args)]
#[command(after_help = HTTP_EXAMPLES)]
pub(crate) struct HttpArgs {
    /// Compare only the cases with this in their names; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,

    /// Ask a real server 9.2.9 now, and not its recorded answers
    #[arg(long)]
    pub live: bool,

    /// Only ask a real server, and write its answers to this file
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    pub record: Option<PathBuf>,

    #[command(flatten)]
    pub servers: ServersArg,

    /// Play so many cases at the same time
    #[arg(long, short, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
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

Exit status: 0 if nothing differs but registered deviations, and each of them
shows; 1 if anything else does; 2 on errors.";
