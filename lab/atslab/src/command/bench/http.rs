//! The workloads that a client on sockets brings: the port as `atslab serve`, the real server as it
//! is, and a bare loop of `writev`, each in a process of its own.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::Command;

use conformance::ats::live::{Answer, HttpArm, Job, LiveError, Server};

use super::writev::Like;
use crate::command::idle::keep_open;
use crate::error::Error;
use crate::http_client::load;
use crate::process::processor_time;

/// `atslab serve` with its generator.
pub(super) fn port(job: &Job) -> Result<HttpArm, LiveError> {
    let mut command = own()?;
    command.args(["serve", "--listen", "127.0.0.1:0", "--plugin", "generator"]);
    command.args(["--threads", &job.threads.to_string()]);
    // What it says about its start is of no use here.
    command.env("RUST_LOG", "warn");
    HttpArm::of_command("atslab serve", command)
}

/// The real server with its generator.
pub(super) fn server(server: &Server, job: &Job) -> Result<HttpArm, LiveError> {
    HttpArm::of_server(server, job.threads)
}

/// A bare loop that answers as the server at `address` does.
pub(super) fn bare(address: SocketAddr, job: &Job) -> Result<HttpArm, LiveError> {
    let mut command = own()?;
    command.args(["bench", "--arm", &Like { address, size: job.size }.to_string()]);
    HttpArm::of_command("a bare loop of writev", command)
}

/// This program, to be started again.
pub(super) fn own() -> Result<Command, LiveError> {
    let what = || "finding this program again".to_owned();
    let program =
        env::current_exe().map_err(|source| LiveError::System { what: what(), source })?;
    Ok(Command::new(program))
}

/// Does what the job says to a server, and tells what it took the server's process.
pub(super) fn perform(arm: &mut HttpArm, job: &Job) -> Result<Answer, Error> {
    let (address, pid) = (arm.address(), arm.id());
    if job.kind == Job::HTTP_IDLE {
        let memory = signed(keep_open(address, pid, job.many)?.grown());
        return Ok(Answer { callbacks: signed(job.many), memory, ..Answer::default() });
    }
    let before = processor_time(pid)?;
    let failed = |source: io::Error| Error::Server { address, source };
    let bytes = load(address, job.size, job.ops, job.many).map_err(failed)?;
    let time = processor_time(pid)? - before;
    Ok(Answer { time, callbacks: signed(job.ops), bytes: signed(bytes), memory: 0 })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
