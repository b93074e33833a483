//! The port's arm: a process that performs jobs.
//!
//! The book's chapter on the bench says what a workload does; `tests/probe/bench*.cc`
//! do the same inside a real server. Read the two side by side, file by file.

mod buffers;
mod connections;
mod events;
mod memory;
mod pairs;
mod timers;

use std::io::{BufRead, stdin};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use conformance::ats::Epoch;
use conformance::ats::live::bench::{Answer, Job, READY, THREADS};
use conformance::ats::runner::of_release;
use eventsys::{
    Clock, ContRef, ET_NET, EThread, EventProcessor, FreeContinuation, HrTime, Options, Outcome,
    ProxyMutex, StateMachine, hrtime,
};
use iocore::buffer::{MIOBuffer, SizeIndex};
use iocore::net::{NetConfig, NetProcessor};
use rustix::time::{ClockId, clock_gettime};

/// How long a workload waits for what is still under way after its last operation.
const SETTLE: HrTime = hrtime::mseconds(30);

/// Starts a workload on the first event thread; the workload tells the stage when it
/// is done.
type Begin = Box<dyn FnOnce() + Send>;

/// What all workloads use.
struct Stage {
    processor: Arc<EventProcessor>,
    epoch: Epoch,
    threads: [Arc<EThread>; 2],
    /// Threads outside the event loop, which do what they are told.
    producers: OnceLock<Vec<Sender<Begin>>>,
    /// Timers that will not be due in this process's life.
    pending: Count,
    answers: Sender<Answer>,
}

impl Stage {
    /// Nanoseconds on the clock that measures the job.
    fn now(&self, job: &Job) -> i64 {
        let clock = if job.cpu { ClockId::ThreadCPUTime } else { ClockId::Monotonic };
        let time = clock_gettime(clock);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    /// The first event thread.
    fn thread(&self) -> &EThread {
        &self.threads[0]
    }

    /// The job is done; from any thread.
    fn finish(&self, answer: Answer) {
        // An error means that the receiver has gone.
        let _ = self.answers.send(answer);
    }

    /// Has a thread outside the event loop do `what`.
    fn produce(&self, number: usize, what: impl FnOnce() + Send + 'static) {
        let producers = self
            .producers
            .get_or_init(|| (0..3).map(|number| producer(&self.processor, number)).collect());
        let _ = producers[number].send(Box::new(what));
    }
}

fn producer(processor: &Arc<EventProcessor>, number: usize) -> Sender<Begin> {
    let (sender, receiver) = channel::<Begin>();
    let work = StateMachine::new(ProxyMutex::new(), receiver, |receiver, _, _, _| {
        receiver.iter().for_each(|what| what());
        Outcome::Done
    });
    processor.spawn_thread(work, &format!("[PRODUCER {number}]"));
    sender
}

/// A number that one thread at a time changes: as fast as any integer.
#[derive(Default)]
struct Count(AtomicI64);

impl Count {
    fn new(value: i64) -> Count {
        Count(AtomicI64::new(value))
    }

    fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds, and gives the new value.
    fn add(&self, value: i64) -> i64 {
        let new = self.get() + value;
        self.set(new);
        new
    }
}

/// Performs the jobs of standard input until it ends.
pub(super) fn serve_jobs(epoch: Epoch) -> ExitCode {
    let (stage, answers) = set_up(epoch);
    eprintln!("{READY}");
    for line in stdin().lock().lines().map_while(Result::ok) {
        let Ok(job) = line.parse::<Job>() else {
            eprintln!("bench: this line is not a job: {line}");
            return ExitCode::from(2);
        };
        let Some(begin) = begin_of(&stage, &job) else {
            eprintln!("bench: no workload is of the kind {}", job.kind);
            return ExitCode::from(2);
        };
        let begin = Mutex::new(Some(begin));
        let beginner = FreeContinuation::new(move |_, _, _| {
            let begin = begin.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(begin) = begin {
                begin();
            }
            Outcome::Done
        });
        stage.thread().schedule_imm(beginner as ContRef);
        match answers.recv() {
            Ok(answer) => eprintln!("{answer}"),
            Err(_) => return ExitCode::from(2),
        }
    }
    // What the workloads have left behind goes with the process.
    std::process::exit(0)
}

/// Event threads as `atslab serve` has them, with the event system of the release
/// that the epoch stands for.
fn set_up(epoch: Epoch) -> (Arc<Stage>, Receiver<Answer>) {
    let processor =
        EventProcessor::with_options(Clock::new_real(), of_release(epoch, Options::default()));
    // The handlers of the threads keep what they need of it.
    let _net = NetProcessor::init(&processor, NetConfig::default());
    processor.spawn_event_threads("ET_NET", usize::from(THREADS));
    let threads = processor.active_group_threads(ET_NET);
    let threads = [Arc::clone(&threads[0]), Arc::clone(&threads[1])];
    let (answers, receiver) = channel();
    let stage = Stage {
        processor,
        epoch,
        threads,
        producers: OnceLock::new(),
        pending: Count::default(),
        answers,
    };
    (Arc::new(stage), receiver)
}

fn begin_of(stage: &Arc<Stage>, job: &Job) -> Option<Begin> {
    Some(match &*job.kind {
        "chains" => events::chains(stage, job),
        "cross" => events::cross(stage, job),
        "timer_cancel" => timers::cancel(stage, job),
        "timer_fire" => timers::fire(stage, job),
        "lock_miss" => timers::lock_miss(stage, job),
        "pairs" => pairs::pairs(stage, job),
        "connections" => connections::connections(stage, job),
        "copies" => buffers::buffers(stage, job, false),
        "clones" => buffers::buffers(stage, job, true),
        "memory_idle" | "memory_full" | "memory_event" => memory::memory(stage, job),
        _ => return None,
    })
}

/// A buffer with blocks of this size index.
fn new_buffer(index: u8) -> MIOBuffer {
    MIOBuffer::new(SizeIndex::from_raw(index.into()))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
