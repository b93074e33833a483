//! The arguments of `atslab soak`.

use clap::Args;

/// The arguments of `atslab soak`.
#[derive(Debug, Args)]
#[command(after_help = SOAK_EXAMPLES)]
pub(crate) struct SoakArgs {
    /// How long clients ask, in seconds
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,

    /// How many clients ask at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,

    /// What the clients do follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// How many net threads the server has
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
}

const SOAK_EXAMPLES: &str = "\
The server of \"atslab serve\" and its clients run in this one process. A client
asks for bodies of many sizes, sends bodies, asks twice at once, sends nonsense,
and goes away in the middle of everything, with and without a reset. Every answer
is checked. When the clients have gone the server drains, and what is left of
events, connections, PluginVC pairs, sessions and blocks is counted: it must be
nothing.

Each client draws its acts from the seed and its own number. How far an answer
has come when it goes away depends on the machine.

Examples:
  atslab soak
  atslab soak --seconds 5 --connections 16 --seed 1 --threads 2

Exit status: 0 if nothing is left and every answer was right, 1 if not, 2 on
errors.";
