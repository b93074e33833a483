//! Similar work with what a user of Rust could take instead: tokio, crossbeam-channel,
//! and, as the limit, a bare copy of the bytes.
//!
//! They have no state machines, no water marks and no callbacks under a lock, so they
//! do not do the same work: the figures show what the same need costs there. All run
//! in one process, by the same jobs.

use std::hint::black_box;
use std::io::{BufRead, stdin};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use conformance::ats::live::bench::{Answer, Job, READY};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Barrier, oneshot};
use tokio::task::{JoinSet, yield_now};

use super::machine::resident;

/// What takes the port's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Other {
    /// The tasks, timers and byte streams of tokio, on one thread.
    Tokio,
    /// A channel of crossbeam-channel without a limit.
    Crossbeam,
    /// One copy of each piece.
    Memcpy,
}

impl Other {
    pub(super) const ALL: [Other; 3] = [Other::Tokio, Other::Crossbeam, Other::Memcpy];

    pub(super) fn name(self) -> &'static str {
        match self {
            Other::Tokio => "tokio",
            Other::Crossbeam => "crossbeam",
            Other::Memcpy => "memcpy",
        }
    }

    /// What it does in place of a workload; `None` if it has nothing like it.
    fn work(self, job: &Job) -> Option<fn(&Job) -> Answer> {
        match (self, &*job.kind) {
            (Other::Tokio, "chains") if job.many == 1 => Some(spawn_chain),
            (Other::Tokio, "chains") => Some(yields),
            (Other::Tokio, "timer_cancel") => Some(timer_cancel),
            (Other::Tokio, "timer_fire") if job.many == 0 => Some(timer_fire),
            (Other::Tokio, "pairs") if job.threads == 1 && !job.shared => Some(duplex_pairs),
            (Other::Tokio, "connections") => Some(connections),
            (Other::Tokio, "memory_idle") => Some(memory_idle),
            (Other::Crossbeam, "cross") => Some(cross),
            (Other::Memcpy, "copies") => Some(memcpy),
            (Other::Memcpy, "pairs") if job.many == 1 && job.threads == 1 && !job.shared => {
                Some(memcpy)
            }
            _ => None,
        }
    }

    /// True if it has something like the workload.
    pub(super) fn has(self, job: &Job) -> bool {
        self.work(job).is_some()
    }

    /// The job as it is sent to the process.
    pub(super) fn job(self, job: &Job) -> Job {
        Job { kind: format!("{}:{}", self.name(), job.kind), ..job.clone() }
    }
}

/// Performs the jobs of standard input until it ends.
pub(super) fn serve_jobs() -> ExitCode {
    eprintln!("{READY}");
    for line in stdin().lock().lines().map_while(Result::ok) {
        let answer = line.parse::<Job>().ok().and_then(|job| {
            let (whose, kind) = job.kind.split_once(':')?;
            let other = Other::ALL.into_iter().find(|other| other.name() == whose)?;
            let job = Job { kind: kind.to_owned(), ..job.clone() };
            Some(other.work(&job)?(&job))
        });
        match answer {
            Some(answer) => eprintln!("{answer}"),
            None => return ExitCode::from(2),
        }
    }
    ExitCode::SUCCESS
}

fn now(job: &Job) -> i64 {
    let time = clock_gettime(if job.cpu { ClockId::ThreadCPUTime } else { ClockId::Monotonic });
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// How long `what` takes.
fn timed(job: &Job, what: impl FnOnce()) -> Answer {
    let began = now(job);
    what();
    Answer { time: now(job) - began, ..Answer::default() }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("the system gives a runtime")
}

fn spawn_chain(job: &Job) -> Answer {
    fn link(left: u64, done: oneshot::Sender<()>) {
        tokio::spawn(async move {
            if left > 1 {
                link(left - 1, done);
            } else {
                // The runtime's main task waits for it.
                let _ = done.send(());
            }
        });
    }
    let runtime = runtime();
    timed(job, || {
        runtime.block_on(async {
            let (done, is_done) = oneshot::channel();
            link(job.ops, done);
            let _ = is_done.await;
        });
    })
}

fn yields(job: &Job) -> Answer {
    let (runtime, each) = (runtime(), job.ops / job.many);
    timed(job, || {
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..job.many {
                tasks.spawn(async move {
                    for _ in 0..each {
                        yield_now().await;
                    }
                });
            }
            tasks.join_all().await;
        });
    })
}

fn timer_cancel(job: &Job) -> Answer {
    let runtime = runtime();
    timed(job, || {
        runtime.block_on(async {
            for _ in 0..job.ops {
                // Polled once, it is registered; then it is dropped.
                let sleep = tokio::time::sleep(Duration::from_secs(30));
                tokio::select! {
                    biased;
                    () = sleep => {}
                    () = async {} => {}
                }
            }
        });
    })
}

fn timer_fire(job: &Job) -> Answer {
    let runtime = runtime();
    timed(job, || {
        runtime.block_on(async {
            for _ in 0..job.ops / 1000 {
                let mut tasks = JoinSet::new();
                for _ in 0..1000 {
                    tasks.spawn(tokio::time::sleep(Duration::from_millis(1)));
                }
                tasks.join_all().await;
            }
        });
    })
}

fn duplex_pairs(job: &Job) -> Answer {
    let runtime = runtime();
    let pieces = job.ops / job.many;
    let (size, capacity) = (job.size, 128_usize << job.index);
    let count = usize::try_from(job.many).unwrap_or(usize::MAX);
    let mut answer = Answer::default();
    runtime.block_on(async {
        let all_are_there = Arc::new(Barrier::new(2 * count + 1));
        let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
        for _ in 0..count {
            let (mut from, mut to) = duplex(capacity);
            let barrier = Arc::clone(&all_are_there);
            writers.spawn(async move {
                let piece = vec![b'x'; size];
                barrier.wait().await;
                for _ in 0..pieces {
                    from.write_all(&piece).await.expect("the reader is there");
                }
            });
            let barrier = Arc::clone(&all_are_there);
            readers.spawn(async move {
                let mut space = vec![0; capacity];
                let mut bytes = 0;
                barrier.wait().await;
                loop {
                    match to.read(&mut space).await.expect("it cannot fail") {
                        0 => return bytes,
                        n => bytes += n,
                    }
                }
            });
        }
        all_are_there.wait().await;
        let began = now(job);
        let bytes: usize = readers.join_all().await.into_iter().sum();
        answer.time = now(job) - began;
        answer.bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    });
    answer
}

fn connections(job: &Job) -> Answer {
    let (runtime, piece) = (runtime(), vec![b'x'; job.size]);
    let mut bytes = 0;
    let answer = timed(job, || {
        runtime.block_on(async {
            for _ in 0..job.ops {
                let (mut from, mut to) = duplex(128 << job.index);
                let size = job.size;
                let reader = tokio::spawn(async move {
                    let mut taken = Vec::with_capacity(size);
                    to.read_to_end(&mut taken).await.expect("it cannot fail")
                });
                from.write_all(&piece).await.expect("the reader is there");
                drop(from);
                bytes += reader.await.expect("it does not panic");
            }
        });
    });
    Answer { bytes: i64::try_from(bytes).unwrap_or(i64::MAX), ..answer }
}

fn cross(job: &Job) -> Answer {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let each = job.ops / job.many;
    timed(job, || {
        thread::scope(|scope| {
            for _ in 0..job.many {
                let sender = sender.clone();
                scope.spawn(move || {
                    for number in 0..each {
                        // The receiver stays until the last has come.
                        let _ = sender.send(number);
                    }
                });
            }
            for _ in 0..each * job.many {
                let _ = black_box(receiver.recv());
            }
        });
    })
}

fn memcpy(job: &Job) -> Answer {
    let (piece, mut space) = (vec![b'x'; job.size], vec![0; job.size]);
    timed(job, || {
        for _ in 0..job.ops {
            space.copy_from_slice(black_box(&piece));
            black_box(&mut space);
        }
    })
}

fn memory_idle(job: &Job) -> Answer {
    let before = resident();
    let pairs: Vec<(DuplexStream, DuplexStream)> =
        (0..job.many).map(|_| duplex(128 << job.index)).collect();
    let memory = resident() - before;
    drop(black_box(pairs));
    Answer { memory, ..Answer::default() }
}
