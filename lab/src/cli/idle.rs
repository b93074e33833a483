//! The arguments of `atslab idle`.

use std::net::SocketAddr;

use clap::Args;

/// The arguments of `atslab idle`.
#[derive(Debug, Args)]
pub(crate) struct IdleArgs {
    /// The server, which has a generator plugin
    #[arg(value_name = "ADDRESS:PORT")]
    pub server: SocketAddr,

    /// How many connections to keep open
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,

    /// The server's process, whose memory is looked at
    #[arg(long, value_name = "PID")]
    pub pid: u32,
}
