//! `atslab idle`: what it costs a server to keep connections open after an answer.
//! `tests/live/idle` uses it.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

use clap::Args;

use crate::error::Error;
use crate::files;
use crate::http_client::ask;
use crate::process::resident;
use crate::ui::output::Output;

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

/// The size of the body of the one answer that each connection gets.
pub(crate) const BODY: usize = 1024;

/// Prints what [`keep_open`] finds.
pub(crate) fn idle(args: &IdleArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let kept = keep_open(args.server, args.pid, args.connections.into())?;
    let mib = |bytes: u64| bytes as f64 / f64::from(1024 * 1024);
    let each = kept.grown() as f64 / f64::from(args.connections) / 1024.0;
    writeln!(
        out,
        "{:.1} MiB with {} idle connections, {:.1} MiB before: {each:.2} KiB each",
        mib(kept.with),
        args.connections,
        mib(kept.before)
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A server's memory in bytes.
pub(crate) struct Kept {
    before: u64,
    /// While the connections were open.
    with: u64,
}

impl Kept {
    /// What the connections took.
    pub(crate) fn grown(&self) -> u64 {
        self.with.saturating_sub(self.before)
    }
}

/// Opens so many connections, gets one answer on each, and reads the memory of the server, which is
/// the process `pid`.
///
/// # Errors
/// If a connection cannot be made, or the process is not there.
pub(crate) fn keep_open(server: SocketAddr, pid: u32, connections: u64) -> Result<Kept, Error> {
    files::raise_limit();
    let answered = || ask(server, BODY).map(|asked| asked.stream);
    let failed = |source| Error::Server { address: server, source };
    // After this the server has what it needs only once.
    drop(answered().map_err(failed)?);
    let before = resident(pid)?;
    let open = (0..connections).map(|_| answered());
    let open: Vec<TcpStream> = open.collect::<io::Result<_>>().map_err(failed)?;
    let with = resident(pid)?;
    drop(open);
    Ok(Kept { before, with })
}
