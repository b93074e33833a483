//! The two arms: each takes a program and gives what it did.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStderr, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use eventsys::Options;
use eventsys::steps::{Collector, Step, Steps};
use iocore::buffer::BUFFER_SIZE_INDEX_32K;

use super::error::LiveError;
use super::lines::{Heard, heard};
use super::probe::Probe;
use super::server::{Process, Server};
use crate::ats::epoch::Epoch;
use crate::ats::scenario::{self, Program, Seen, Taken, run_scenario, size_name};

/// What an arm did with a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Played {
    /// The steps; their times are nanoseconds since the run began.
    pub steps: Vec<Step>,
    /// What was in the users' buffers at the steps `sm_read` and `sm_write`, in
    /// their order.
    pub seen: Vec<Seen>,
    /// How it ended.
    pub finish: Finish,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finish {
    /// Nothing happened any more; what the two ends had taken off their buffers.
    Quiet([Taken; 2]),
    /// A reaction went on without end.
    Runaway([Taken; 2]),
    /// It went on until the longest time was over.
    TimeIsUp([Taken; 2]),
    /// It aborted or crashed: the assertion or the signal of the server, the
    /// text of the port's panic.
    Crashed(String),
    /// The server did not answer for a long time, and was killed.
    Hung,
}

/// How long a server may take for a scenario, in real time. Ten thousand times as
/// long as it needs: only one that hangs reaches it.
const PATIENCE: Duration = Duration::from_secs(30);
/// After so many programs a process is replaced by a new one: pairs that are
/// never freed stay in it.
const MOST_RUNS: u32 = 2000;

/// The real server, with the probe in it. Programs are performed one after the
/// other by one process; one that crashes or hangs is replaced.
#[derive(Debug)]
pub struct RealArm {
    server: Server,
    probe: Arc<Probe>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    heard: Receiver<Heard>,
    /// How many event threads it has.
    threads: u8,
    runs: u32,
}

impl RealArm {
    /// An arm of `server`; the server is started when it is needed.
    #[must_use]
    pub fn new(server: &Server, probe: &Arc<Probe>) -> RealArm {
        RealArm { server: server.clone(), probe: Arc::clone(probe), running: None }
    }

    /// Why the probe cannot perform `program`, if it cannot. It makes the ends' buffers
    /// by the plugin interface, whose `TSIOBufferSizedCreate` asserts that a block has
    /// 32 KiB at most; PluginVC itself takes any.
    #[must_use]
    pub fn why_not(program: &Program) -> Option<String> {
        let index = program.pair.buffer_index;
        (index.raw() > BUFFER_SIZE_INDEX_32K.raw()).then(|| {
            format!(
                "their plugin interface makes buffers with blocks of 32K at most, and \
                 buffer_index is {:?}; without --live the port runs it",
                size_name(index)
            )
        })
    }

    /// Performs `program`. After a crash or a hang it is performed again in a
    /// process of its own, so that no earlier program can be the cause.
    ///
    /// # Errors
    /// If the server does not run at all.
    pub fn play(&mut self, program: &Program) -> Result<Played, LiveError> {
        let was_fresh = self.running.is_none();
        let played = self.play_once(program)?;
        if matches!(played.finish, Finish::Crashed(_) | Finish::Hung) && !was_fresh {
            return self.play_once(program);
        }
        Ok(played)
    }

    fn play_once(&mut self, program: &Program) -> Result<Played, LiveError> {
        let threads = program.pair.threads;
        let mut running = match self.running.take() {
            Some(running) if running.threads == threads => running,
            _ => self.start(threads)?,
        };
        let text = format!("{program}end\n");
        let stdin = running.process.child.stdin.as_mut();
        // If the server has gone, its silence shows it.
        let _ = stdin.map(|stdin| stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()));
        let played = running.listen();
        running.runs += 1;
        if !matches!(played.finish, Finish::Crashed(_) | Finish::Hung) && running.runs < MOST_RUNS {
            self.running = Some(running);
        }
        Ok(played)
    }

    /// Starts a server and waits for the probe's own first run.
    fn start(&self, threads: u8) -> Result<Running, LiveError> {
        let mut process = self.server.start(&self.probe.path(), threads)?;
        let stderr = process.child.stderr.take();
        let (last, heard) =
            listen_to(stderr.ok_or_else(|| self.silent("has no standard error", ""))?, meaning);
        let mut running = Running { process, heard, threads, runs: 0 };
        match running.listen().finish {
            Finish::Quiet(_) => Ok(running),
            Finish::Hung => Err(self.silent("does not come up", &last())),
            _ => Err(self.silent("ends at once", &last())),
        }
    }

    fn silent(&self, what: &str, last: &str) -> LiveError {
        let (release, what) = (self.server.release(), what.to_owned());
        LiveError::Server { release, what, last: last.to_owned() }
    }
}

impl Running {
    /// Listens until the run or the server ends.
    fn listen(&mut self) -> Played {
        let (mut steps, mut seen) = (Vec::<Step>::new(), Vec::new());
        let mut taken = [Taken::default(); 2];
        let (mut pair, mut began) = (None, 0);
        let (mut why, mut fatal) = (String::new(), None);
        let finish = loop {
            match self.heard.recv_timeout(PATIENCE) {
                Ok(Heard::Begin(at)) => began = at,
                Ok(Heard::Step { mut step, pair: of, seen: what }) => {
                    seen.extend(what);
                    // An earlier run left this pair behind.
                    if of.is_none() || of == *pair.get_or_insert(of) {
                        step.at = since(began, step.at);
                        step.subject.number = 0;
                        steps.push(step);
                    }
                }
                Ok(Heard::Took(side, what)) => taken[side.index()] = what,
                Ok(Heard::Why(text)) => why = text,
                Ok(Heard::Assertion(text)) => fatal = Some(format!("failed assertion `{text}`")),
                // What follows a failed assertion says less.
                Ok(Heard::Fatal(text)) => fatal = fatal.or(Some(text)),
                Ok(Heard::Over) => {
                    break match &*why {
                        "runaway" => Finish::Runaway(taken),
                        "time" => Finish::TimeIsUp(taken),
                        _ => Finish::Quiet(taken),
                    };
                }
                Ok(Heard::Case(_) | Heard::Other) => {}
                Err(RecvTimeoutError::Timeout) => break Finish::Hung,
                Err(RecvTimeoutError::Disconnected) => break self.crashed(fatal),
            }
        };
        Played { steps, seen, finish }
    }

    fn crashed(&mut self, why: Option<String>) -> Finish {
        let status = self.process.child.wait();
        Finish::Crashed(end_of_server(
            status.map_or_else(|error| error.to_string(), status_text),
            why,
        ))
    }
}

/// How a server has ended on its own: why, if it has said so, and its status.
pub(crate) fn end_of_server(status: String, why: Option<String>) -> String {
    match why {
        Some(why) => format!("{why}; {status}"),
        None => format!("{status}; it has not said why"),
    }
}

/// `signal 6 (SIGABRT)`, or `exit status 70`.
pub(crate) fn status_text(status: ExitStatus) -> String {
    let text = status.to_string();
    text.trim_end_matches(" (core dumped)").replacen(": ", " ", 1)
}

/// The time from `began` to `at`, both times of the day.
fn since(began: i64, at: i64) -> i64 {
    const DAY: i64 = 86_400 * 1_000_000_000;
    (at - began).rem_euclid(DAY)
}

/// Reads a server's lines on a thread of its own, and gives what `read` makes of each; the first value
/// gives the last line that meant nothing.
pub(crate) fn listen_to<T: Send + 'static>(
    stderr: ChildStderr,
    read: impl Fn(&str) -> Option<T> + Send + 'static,
) -> (impl Fn() -> String, Receiver<T>) {
    let (sender, receiver) = channel();
    let last = Arc::new(std::sync::Mutex::new(String::new()));
    let kept = Arc::clone(&last);
    thread::spawn(move || {
        let mut reader = BufReader::with_capacity(1 << 16, stderr);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            let text = String::from_utf8_lossy(&line);
            match read(text.trim_end_matches('\n')) {
                None => {
                    if let Ok(mut last) = kept.lock() {
                        *last = text.trim_end().to_owned();
                    }
                }
                Some(told) => {
                    if sender.send(told).is_err() {
                        break;
                    }
                }
            }
            line.clear();
        }
    });
    (move || last.lock().map(|last| last.clone()).unwrap_or_default(), receiver)
}

/// What a line of the debug output says, if it says something.
pub(super) fn meaning(line: &str) -> Option<Heard> {
    match heard(line.trim_end()) {
        Heard::Other => None,
        heard => Some(heard),
    }
}

/// One of two that are compared with each other.
#[derive(Debug)]
pub enum Arm {
    /// A real server.
    Real(Box<RealArm>),
    /// The port.
    Port(PortArm),
}

impl Arm {
    /// Performs `program`.
    ///
    /// # Errors
    /// If a server does not run at all.
    pub fn play(&mut self, program: &Program) -> Result<Played, LiveError> {
        match self {
            Arm::Real(arm) => arm.play(program),
            Arm::Port(arm) => Ok(arm.play(program)),
        }
    }

    /// The epoch of its PluginVC.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        match self {
            Arm::Real(arm) => arm.server.epoch(),
            Arm::Port(arm) => arm.epoch,
        }
    }
}

/// The port of an epoch.
#[derive(Clone, Copy, Debug)]
pub struct PortArm {
    /// The epoch.
    pub epoch: Epoch,
}

impl PortArm {
    /// Performs `program`. If the port panics, that is a result, and the panic hook
    /// does not print it.
    #[must_use]
    pub fn play(self, program: &Program) -> Played {
        let collector = Collector::new();
        let options = Options { steps: Steps::to(collector.clone()), ..Options::default() };
        let report = run_scenario(program, self.epoch, options);
        let mut steps = collector.take();
        for step in &mut steps {
            step.at -= report.began;
            step.subject.number = 0;
        }
        let finish = match report.finish {
            scenario::Finish::Freed | scenario::Finish::Quiet => Finish::Quiet(report.taken),
            scenario::Finish::Runaway => Finish::Runaway(report.taken),
            scenario::Finish::TimeIsUp => Finish::TimeIsUp(report.taken),
            scenario::Finish::Panicked(text) => Finish::Crashed(text),
        };
        Played { steps, seen: report.seen, finish }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn the_end_of_a_server_is_told_with_its_status_and_why() {
        let told = |raw: i32, why: Option<&str>| {
            end_of_server(status_text(ExitStatus::from_raw(raw)), why.map(str::to_owned))
        };
        let why = Some("failed assertion `a`");
        assert_eq!(told(6, why), "failed assertion `a`; signal 6 (SIGABRT)");
        // With the bit of a core file.
        assert_eq!(told(6 | 0x80, why), "failed assertion `a`; signal 6 (SIGABRT)");
        assert_eq!(told(11, None), "signal 11 (SIGSEGV); it has not said why");
        assert_eq!(told(70 << 8, Some("FATAL: b")), "FATAL: b; exit status 70");
    }
}
