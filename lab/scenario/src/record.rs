//! [`Record`]: what happened in a run, in order, and not only the port's steps.
//!
//! A step says what PluginVC did. To read a run one needs what its users did, too:
//! which operation they carried out, what was in their buffers, which mutexes were held.
//! These are records of their own. The list of steps that is compared with a real
//! server stays as it is; [`steps_of`] takes it out of the records again.
//!
//! | view | made by |
//! |---|---|
//! | sentences, line by line | [`Story`](super::Story) |
//! | the bytes in every buffer after each record | [`Ledger`](super::Ledger) |
//! | the steps alone | [`steps_of`] |

use pluginvc::steps::Side;
use std::sync::{Arc, Mutex, PoisonError};

use eventsys::mutex::census;
use eventsys::steps::{HeldLocks, Step, StepSink};
use eventsys::{Clock, EThread, HrTime, Options};

use super::buffers::Seen;
use super::model::Trigger;
use super::op::{Op, Owner};
use super::program::Program;
use super::run::{ScenarioReport, run_recorded};
use pluginvc::Epoch;

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// When, in nanoseconds since the run began.
    pub at: HrTime,
    /// On which thread.
    pub thread: Thread,
    /// The mutexes that the thread held, outermost first.
    pub held: HeldLocks,
    /// What.
    pub what: What,
}

/// A thread of a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Thread {
    /// An event thread, by its number: 0, or 1 if there are two.
    Event(usize),
    /// A thread outside the event system.
    Foreign,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// The port took a step.
    Step(Step),
    /// What the called end has in its buffers; it follows each `sm_read` and `sm_write`.
    Seen(Called),
    /// A user has something to react to.
    Reaction {
        /// Whose user.
        side: Side,
        /// To what: the reaction that is carried out, or the event that has none.
        trigger: Trigger,
        /// False if the scenario has no reaction to it.
        is_there: bool,
    },
    /// A user carries out an operation. What comes of it follows; what it does to the
    /// user's own buffers has been done.
    Op(Performed),
    /// A foreign thread takes the mutex of an end's user, or the core's, or gives it back.
    Hold {
        /// Whose mutex.
        whose: Owner,
        /// What the thread does with it.
        change: HoldChange,
    },
}

/// The buffers of an end that is called back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Called {
    /// Whose.
    pub side: Side,
    /// The deputy is called, and these are its buffers.
    pub by_deputy: bool,
    /// What is in them.
    pub seen: Seen,
}

/// An operation, and what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Performed {
    /// Whose user carries it out.
    pub side: Side,
    /// The deputy has been called back: operations on buffers mean the deputy's.
    pub by_deputy: bool,
    /// Its index in [`Program::ops`].
    pub index: usize,
    /// What is carried out.
    pub op: Op,
    /// What becomes of it.
    pub effect: Effect,
}

/// What becomes of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It is carried out.
    Done,
    /// A `do_io` is issued again: its count begins anew.
    Again,
    /// A `consume` takes so many bytes: no more than there are.
    Took(i64),
    /// A copy shares so many bytes.
    Copied(i64),
    /// It is left out: the buffer or the reader is not there, or the release has no such function.
    NotThere,
    /// It is left out: the connection is not there yet.
    NotConnected,
    /// It is left out: the connection is closed.
    Closed,
    /// It is left out, and the run is stopped: the ends have written too much.
    TooMuch,
}

impl Effect {
    /// True if the operation has been left out.
    #[must_use]
    pub fn is_left_out(self) -> bool {
        matches!(self, Effect::NotConnected | Effect::Closed | Effect::TooMuch | Effect::NotThere)
    }
}

/// What a foreign thread does with a mutex.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldChange {
    /// It takes the mutex.
    Takes,
    /// It has the mutex already, and keeps it for a further time.
    KeepsOn,
    /// Its time is over: it gives the mutex back.
    GivesBack,
    /// An event thread is about to wait for the mutex, so it is given back early.
    GivesWay,
}

/// A run with all its records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// What happened, in order.
    pub records: Vec<Record>,
    /// How it ended.
    pub report: ScenarioReport,
}

/// Runs `program` on the port of `epoch` and records everything that happens.
#[must_use]
pub fn record_scenario(program: &Program, epoch: Epoch) -> Recorded {
    // Without a census no record knows which mutexes were held.
    let _census = census::start();
    let recorder = Arc::new(Recorder::default());
    let options = Options {
        steps: eventsys::steps::Steps::to(Arc::clone(&recorder) as Arc<dyn StepSink>),
        ..Options::default()
    };
    let report = run_recorded(program, epoch, options, Some(&recorder));
    let mut records = recorder.take();
    for record in &mut records {
        record.at -= report.began;
        if let What::Step(step) = &mut record.what {
            step.at -= report.began;
        }
    }
    Recorded { records, report }
}

/// The steps of a recorded run, as a comparison sees them.
#[must_use]
pub fn steps_of(records: &[Record]) -> Vec<Step> {
    let step = |record: &Record| match &record.what {
        What::Step(step) => Some(step.clone()),
        _ => None,
    };
    records.iter().filter_map(step).collect()
}

/// Takes the records of a run as they happen; the port's steps by being its sink.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<Record>>);

impl Recorder {
    /// Something happens now, on this thread.
    pub(super) fn note(&self, clock: &Clock, what: What) {
        self.push(clock.get_hrtime(), census::held_locks(), what);
    }

    fn push(&self, at: HrTime, held: HeldLocks, what: What) {
        let record = Record { at, thread: current(), held, what };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    pub(super) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StepSink for Recorder {
    fn step(&self, step: Step) {
        self.push(step.at, step.held, What::Step(step));
    }
}

fn current() -> Thread {
    EThread::with_current(|thread| match thread {
        Some(thread) => Thread::Event(thread.index()),
        None => Thread::Foreign,
    })
}
