//! [`BenchArm`]: a process that performs jobs of `atslab bench` and tells how long
//! they took.
//!
//! The real server with the bench plugin (`tests/probe/bench.cc`) in it is one; so is
//! the port, in a process of its own (`atslab bench --arm`). Both speak the same
//! lines: a [`Job`] in, an [`Answer`] out. An [`HttpArm`] is for the workloads that a client
//! brings: it answers requests.

mod callgrind;
mod http;

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

pub use self::callgrind::Callgrind;
pub use self::http::HttpArm;
use super::error::LiveError;
use super::probe::Probe;
use super::server::{Process, Server};
use crate::outside::Child;

/// How long one job may take. The longest takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many event threads every arm has.
pub const THREADS: u8 = 2;

/// What an arm says when it takes jobs.
pub const READY: &str = "bench: ready";

/// One run of a workload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// What is done; the book's chapter on the bench has the list.
    pub kind: String,
    /// How many operations.
    pub ops: u64,
    /// How many continuations, producers, pending timers, pairs or connections.
    pub many: u64,
    /// Bytes of a piece.
    pub size: usize,
    /// The size index of the state machines' buffers.
    pub index: u8,
    /// The two ends of a pair have one mutex.
    pub shared: bool,
    /// Where the pairs are: 1 on the first event thread, 2 each end on a thread of
    /// its own, 3 half of the pairs on each thread.
    pub threads: u8,
    /// Measured by the processor time of the event thread, which other processes do
    /// not disturb, and not by the clock.
    pub cpu: bool,
}

impl Job {
    /// The kind of a job that a client brings to an [`HttpArm`]: `many` connections ask for `ops`
    /// answers with bodies of `size` bytes.
    pub const HTTP: &str = "http";

    /// As [`HTTP`](Job::HTTP): `many` connections have had an answer and stay open.
    pub const HTTP_IDLE: &str = "http_idle";
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job { kind, ops, many, size, index, shared, threads, cpu } = self;
        let [shared, cpu] = [shared, cpu].map(|flag| u8::from(*flag));
        write!(f, "job {kind} ops {ops} many {many} size {size} index {index} ")?;
        write!(f, "shared {shared} threads {threads} cpu {cpu}")
    }
}

/// A line of a benchmark's report that has another form.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a line of the benchmark's report has an unknown form")]
pub struct UnknownLine;

impl FromStr for Job {
    type Err = UnknownLine;

    fn from_str(line: &str) -> Result<Job, UnknownLine> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let names = ["job", "ops", "many", "size", "index", "shared", "threads", "cpu"];
        if words.len() != 2 * names.len()
            || !names.iter().enumerate().all(|(i, n)| words[2 * i] == *n)
        {
            return Err(UnknownLine);
        }
        fn value<T: FromStr>(words: &[&str], name: usize) -> Result<T, UnknownLine> {
            words[2 * name + 1].parse().map_err(|_| UnknownLine)
        }
        Ok(Job {
            kind: words[1].to_owned(),
            ops: value(&words, 1)?,
            many: value(&words, 2)?,
            size: value(&words, 3)?,
            index: value(&words, 4)?,
            shared: value::<u8>(&words, 5)? != 0,
            threads: value(&words, 6)?,
            cpu: value::<u8>(&words, 7)? != 0,
        })
    }
}

/// The result of a finished job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    /// Nanoseconds for all operations.
    pub time: i64,
    /// How often the state machines were called.
    pub callbacks: i64,
    /// How many bytes they received.
    pub bytes: i64,
    /// By how many bytes the process has grown.
    pub memory: i64,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answer { time, callbacks, bytes, memory } = self;
        write!(f, "bench: answer time {time} callbacks {callbacks} bytes {bytes} memory {memory}")
    }
}

impl FromStr for Answer {
    type Err = UnknownLine;

    fn from_str(line: &str) -> Result<Answer, UnknownLine> {
        let rest = line.strip_prefix("bench: answer ").ok_or(UnknownLine)?;
        let mut words = rest.split(' ');
        let mut value = |name: &str| match (words.next(), words.next()) {
            (Some(word), Some(value)) if word == name => value.parse().map_err(|_| UnknownLine),
            _ => Err(UnknownLine),
        };
        Ok(Answer {
            time: value("time")?,
            callbacks: value("callbacks")?,
            bytes: value("bytes")?,
            memory: value("memory")?,
        })
    }
}

/// A process that performs jobs. It ends when this is dropped.
#[derive(Debug)]
pub struct BenchArm {
    name: String,
    running: Running,
    lines: Receiver<String>,
    last: String,
}

#[derive(Debug)]
enum Running {
    Server(Process),
    Own(Child),
}

impl Running {
    fn child(&mut self) -> &mut Child {
        match self {
            Running::Server(process) => &mut process.child,
            Running::Own(child) => child,
        }
    }
}

impl BenchArm {
    /// A process of `server`, with the bench plugin in it; its instructions are counted if there is
    /// something that counts them.
    ///
    /// # Errors
    /// If the server does not come up.
    pub fn of_server(
        server: &Server,
        probe: &Probe,
        counter: Option<&Callgrind>,
    ) -> Result<BenchArm, LiveError> {
        let process = server.start_plainly(&probe.path(), THREADS, counter)?;
        BenchArm::begin(server.release().to_string(), Running::Server(process))
    }

    /// The process that `command` starts; `name` is for messages.
    ///
    /// # Errors
    /// If it does not start, or does not say that it is ready.
    pub fn of_command(name: &str, mut command: Command) -> Result<BenchArm, LiveError> {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child =
            Child::start(&mut command).map_err(LiveError::at(format!("starting {name}")))?;
        BenchArm::begin(name.to_owned(), Running::Own(child))
    }

    fn begin(name: String, mut running: Running) -> Result<BenchArm, LiveError> {
        let stderr = running.child().stderr.take();
        let lines = lines_of(stderr);
        let mut arm = BenchArm { name, running, lines, last: String::new() };
        arm.listen(|line| (line == READY).then_some(()))?;
        Ok(arm)
    }

    /// Ends the process and waits for its end. Dropping the arm kills it.
    ///
    /// # Errors
    /// If it does not end.
    pub fn end(mut self) -> Result<(), LiveError> {
        // An arm ends when there are no more jobs.
        drop(self.running.child().stdin.take());
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.last = line,
                Err(RecvTimeoutError::Timeout) => return Err(self.error("does not end")),
                // Its standard error is closed.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let ended = self.running.child().wait();
        ended.map(drop).map_err(LiveError::at(format!("waiting for {}", self.name)))
    }

    /// The number of the process.
    pub fn id(&mut self) -> u32 {
        self.running.child().id()
    }

    /// Performs a job.
    ///
    /// # Errors
    /// If the process ends or does not answer.
    pub fn perform(&mut self, job: &Job) -> Result<Answer, LiveError> {
        let stdin = self.running.child().stdin.as_mut();
        // If the process has gone, its silence shows it.
        let _ = stdin.map(|stdin| writeln!(stdin, "{job}").and_then(|()| stdin.flush()));
        self.listen(|line| line.parse().ok())
    }

    fn listen<T>(&mut self, meant: impl Fn(&str) -> Option<T>) -> Result<T, LiveError> {
        loop {
            let what = match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => match meant(&line) {
                    Some(value) => return Ok(value),
                    None => {
                        self.last = line;
                        continue;
                    }
                },
                Err(RecvTimeoutError::Timeout) => "does not answer",
                Err(RecvTimeoutError::Disconnected) => "has ended",
            };
            return Err(self.error(what));
        }
    }

    fn error(&self, what: &str) -> LiveError {
        let (name, last) = (self.name.clone(), self.last.clone());
        LiveError::Bench { name, what: what.to_owned(), last }
    }
}

/// The lines of a process's output, read on a thread of its own.
fn lines_of(output: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(output) = output {
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_can_be_read_again() {
        let kind = "pairs".to_owned();
        let (shared, cpu) = (true, false);
        let job = Job { kind, ops: 7, many: 2, size: 50, index: 8, shared, threads: 3, cpu };
        assert_eq!(job.to_string().parse(), Ok(job));
        let answer = Answer { time: 5, callbacks: 4, bytes: 3, memory: -2 };
        assert_eq!(answer.to_string().parse(), Ok(answer));
        for line in ["", "bench: answer", "bench: answer time x callbacks 1 bytes 1 memory 1"] {
            assert_eq!(line.parse::<Answer>(), Err(UnknownLine), "{line}");
        }
        assert_eq!("job pairs ops 1".parse::<Job>(), Err(UnknownLine));
    }
}
