//! `atslab idle`: what it costs a server to keep connections open after an answer.
//! `tests/live/idle` uses it.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::error::Error;
use crate::files;
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

const REQUEST: &[u8] = b"GET /nocache/1024/x HTTP/1.1\r\nHost: h\r\n\r\n";
const BODY: usize = 1024;

/// A server that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens all connections, gets one answer on each, and reads the server's memory.
pub(crate) fn idle(args: &IdleArgs, out: &mut Output) -> Result<ExitCode, Error> {
    files::raise_limit();
    let failed = |source| Error::Server { address: args.server, source };
    // After this the server has what it needs only once.
    drop(answered(args.server).map_err(failed)?);
    let before = resident(args.pid)?;
    let open = (0..args.connections).map(|_| answered(args.server));
    let open: Vec<TcpStream> = open.collect::<io::Result<_>>().map_err(failed)?;
    let with = resident(args.pid)?;
    let each = with.saturating_sub(before) as f64 / open.len() as f64;
    let mib = |kib: u64| kib as f64 / 1024.0;
    writeln!(
        out,
        "{:.1} MiB with {} idle connections, {:.1} MiB before: {each:.2} KiB each",
        mib(with),
        open.len(),
        mib(before)
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A connection that has had its answer.
fn answered(server: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut piece)?;
        answer.extend_from_slice(&piece[..n]);
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n");
        match head {
            Some(at) if answer.len() >= at + 4 + BODY => return Ok(stream),
            _ if n == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
    }
}

/// The resident memory of a process in KiB.
fn resident(pid: u32) -> Result<u64, Error> {
    let file = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&file).map_err(|source| {
        let file = file.clone();
        Error::Unreadable { file, source }
    })?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB")).map(str::parse);
    match number {
        Some(Ok(kib)) => Ok(kib),
        _ => Err(Error::Unreadable { file, source: io::ErrorKind::InvalidData.into() }),
    }
}
