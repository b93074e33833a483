//! Running a program that may not end.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// What a program has left.
pub(super) struct Ended {
    /// Its status; `None` if it did not end in time and was killed.
    pub status: Option<ExitStatus>,
    /// Its standard output.
    pub out: String,
}

/// How long a judge waits for the student's code. A right solution takes some seconds; this is
/// for a lock that never comes and a loop that never ends.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long it waits for code that is not written: a thread may wait for what a hole should do.
pub(super) const LITTLE_PATIENCE: Duration = Duration::from_secs(5);

/// How much of its output is read. The steps of a long case are some megabytes; a program that
/// prints for ever is killed there.
const MOST_OUTPUT: u64 = 64 << 20;

/// Runs a program, and kills it if it does not end.
pub(super) fn run(command: &mut Command) -> io::Result<Ended> {
    run_for(command, PATIENCE)
}

/// Runs a program, and kills it if it does not end within this time.
pub(super) fn run_for(command: &mut Command, patience: Duration) -> io::Result<Ended> {
    let mut child = quiet(command).spawn()?;
    let out = child.stdout.take().expect("it is piped");
    let (tell, told) = channel();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth telling.
        let _ = out.take(MOST_OUTPUT).read_to_end(&mut bytes);
        let _ = tell.send(bytes.len() as u64 == MOST_OUTPUT);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let status = match told.recv_timeout(patience) {
        Err(RecvTimeoutError::Timeout) | Ok(true) => {
            kill(&mut child);
            None
        }
        _ => Some(child.wait()?),
    };
    Ok(Ended { status, out: reader.join().unwrap_or_default() })
}

fn kill(child: &mut Child) {
    // It may have ended just now.
    let _ = child.kill();
    let _ = child.wait();
}

/// Without colours and backtraces, whatever the student has set.
fn quiet(command: &mut Command) -> &mut Command {
    command
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
}
