//! [`Stage`]: what all parts of a run know.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eventsys::{EThread, EventProcessor, HrTime, hrtime};
use httpsm::HttpTxn;
use httpsm::hooks::HttpHook;

use super::heads::Heads;
use super::model::{HttpReaction, HttpScenario, When};
use super::op::{Begun, Deed};
use super::record::{HttpRecord, HttpRecorded, HttpWhat, current_thread};
use super::seen::{HttpFinish, HttpReport};
use super::user::User;

/// How long nothing must happen when all is over. Longer than the real server takes to close a
/// connection that was closed outside the turn of its net thread: two looks at all connections.
const SILENCE: HrTime = hrtime::mseconds(2300);

/// Something that a thread does between two passes.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// Whose reactions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Who {
    /// Those of the client with this number.
    Client(usize),
    /// Those of the origin server.
    Origin,
}

/// What all parts of a run know.
pub(super) struct Stage {
    pub(super) scenario: HttpScenario,
    /// The longest time that something may be waited for.
    patience: HrTime,
    reactions: HashMap<(Who, When), Vec<Deed>>,
    pub(super) processor: Arc<EventProcessor>,
    began: HrTime,
    pub(super) threads: OnceLock<Threads>,
    shared: Mutex<Shared>,
}

/// The threads on which the list of a hook can go on.
pub(super) struct Threads {
    pub(super) net: Vec<Arc<EThread>>,
    pub(super) task: Arc<EThread>,
}

/// What changes.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) report: HttpReport,
    records: Vec<HttpRecord>,
    pub(super) active_at: HrTime,
    /// The run is over: nothing is noted any more, and no reaction is carried out.
    pub(super) ending: bool,
    /// Lists of hooks that go on later.
    pub(super) pending: usize,
    pub(super) txns: BTreeMap<u64, Txn>,
    pub(super) sessions: Vec<u64>,
    pub(super) open_sessions: usize,
    pub(super) hook_counts: BTreeMap<HttpHook, u32>,
    /// What sockets wait for and what has come since the last pass: calls of hooks, and of the user of
    /// a NetVC.
    pub(super) moments: VecDeque<When>,
    pub(super) foreign: Vec<Job>,
    /// The thread of `ET_TASK` has something to do.
    pub(super) has_tasks: bool,
    pub(super) users: Vec<Arc<User>>,
    origins: usize,
}

/// A transaction.
pub(super) struct Txn {
    pub(super) number: usize,
    /// The index of the thread that called its first hook.
    pub(super) home: usize,
    /// A hook has it, and has not given it back.
    pub(super) held: Option<HttpTxn>,
    pub(super) is_intercepted: bool,
    /// `TXN_CLOSE` has been called.
    pub(super) is_closed: bool,
}

impl Stage {
    pub(super) fn new(scenario: &HttpScenario, processor: &Arc<EventProcessor>) -> Arc<Stage> {
        let began = processor.clock().get_hrtime_updated();
        let mut reactions = HashMap::new();
        let mut enter = |who, list: &[HttpReaction]| {
            for reaction in list {
                reactions.insert((who, reaction.when), Deed::all(reaction));
            }
        };
        for (number, client) in scenario.clients.iter().enumerate() {
            enter(Who::Client(number), &client.reactions);
        }
        enter(Who::Origin, &scenario.origin.reactions);
        Arc::new(Stage {
            patience: scenario.patience(),
            scenario: scenario.clone(),
            reactions,
            processor: Arc::clone(processor),
            began,
            threads: OnceLock::new(),
            shared: Mutex::new(Shared { active_at: began, ..Shared::default() }),
        })
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds since the run began.
    pub(super) fn now(&self) -> HrTime {
        self.processor.clock().get_hrtime_updated() - self.began
    }

    /// `who` has seen this.
    pub(super) fn note(&self, who: &str, what: impl Into<String>) {
        let what = what.into();
        self.note_as(who, &what, HttpWhat::Event(what.clone()));
    }

    /// The report tells this of `who`, and the records tell it as `record`.
    pub(super) fn note_as(&self, who: &str, what: &str, record: HttpWhat) {
        let now = self.now();
        self.record_at(now, who, record);
        let mut shared = self.shared();
        shared.active_at = now + self.began;
        if !shared.ending {
            shared.report.actor(who).events.push((now, what.to_owned()));
        }
    }

    /// These bytes have come to `who`.
    pub(super) fn note_bytes(&self, who: &str, bytes: &[u8]) {
        let now = self.now();
        if !bytes.is_empty() {
            self.record_at(now, who, HttpWhat::Gets { bytes: bytes.len(), heads: Vec::new() });
        }
        let mut shared = self.shared();
        shared.active_at = now + self.began;
        if !shared.ending {
            shared.report.actor(who).bytes.extend_from_slice(bytes);
        }
    }

    /// `who` does this, which the report does not tell.
    pub(super) fn record(&self, who: &str, what: HttpWhat) {
        self.record_at(self.now(), who, what);
    }

    /// `who` begins with an operation, if it is one that begins here.
    pub(super) fn record_op(&self, who: &str, begun: Option<Begun>) {
        if let Some(Begun { when, index, op }) = begun {
            self.record(who, HttpWhat::Op { when, index, op });
        }
    }

    fn record_at(&self, at: HrTime, who: &str, what: HttpWhat) {
        // What a socket does, it does between the passes of all threads.
        let is_of_proxy = who.starts_with("txn ") || who.starts_with("session ");
        let thread = is_of_proxy.then(current_thread);
        let mut shared = self.shared();
        if !shared.ending {
            shared.records.push(HttpRecord { at, thread, who: who.to_owned(), what });
        }
    }

    /// Something has been done that a run waits for.
    pub(super) fn note_activity(&self) {
        let now = self.processor.clock().get_hrtime_updated();
        self.shared().active_at = now;
    }

    /// How long nothing has happened, and how long the run has gone on.
    fn silence(&self) -> (HrTime, HrTime) {
        let now = self.processor.clock().get_hrtime_updated();
        (now - self.shared().active_at, now - self.began)
    }

    /// How the run has ended, once it has: nothing happens for so long that no timer is left, or for a
    /// while behind the end of all (`is_over`), or it goes on for too long.
    pub(super) fn finish(&self, is_over: impl FnOnce() -> bool) -> Option<HttpFinish> {
        let (silence, span) = self.silence();
        if silence > self.patience || (silence > SILENCE && is_over()) {
            return Some(HttpFinish::Quiet);
        }
        (span > HttpScenario::LONGEST).then_some(HttpFinish::TimeIsUp)
    }

    /// What `who` does at this moment.
    pub(super) fn moves(&self, who: Who, when: When) -> Option<Vec<Deed>> {
        if self.shared().ending {
            return None;
        }
        self.reactions.get(&(who, when)).cloned()
    }

    /// What `who` does when the `nth` head has come.
    pub(super) fn moves_at_head(&self, who: Who, nth: u32) -> Option<Vec<Deed>> {
        self.moves(who, When::Head(nth)).or_else(|| self.moves(who, When::Head(0)))
    }

    /// The times at which `who` does something, the first one last.
    pub(super) fn timers(&self, who: Who) -> Vec<HrTime> {
        let spans = self.reactions.keys().filter_map(|(of, when)| match when {
            When::After(span) if *of == who => Some(*span),
            _ => None,
        });
        let mut spans: Vec<HrTime> = spans.collect();
        spans.sort_unstable_by(|a, b| b.cmp(a));
        spans
    }

    /// The name of a client.
    pub(super) fn client_name(&self, number: usize) -> String {
        self.scenario.clients[number].actor()
    }

    /// The name of a new connection of the origin server.
    pub(super) fn next_origin_name(&self) -> String {
        let mut shared = self.shared();
        shared.origins += 1;
        format!("origin {}", shared.origins)
    }

    /// Lets go of all that refers to the stage in turn. After a crash no one else would.
    pub(super) fn let_go(&self) {
        let mut shared = self.shared();
        let (txns, foreign) =
            (std::mem::take(&mut shared.txns), std::mem::take(&mut shared.foreign));
        let users = std::mem::take(&mut shared.users);
        // What goes with them may look at the stage.
        drop(shared);
        users.iter().for_each(|user| user.leave());
        drop((txns, foreign, users));
    }

    /// The run is over; what happened in it.
    pub(super) fn end(&self, finish: HttpFinish) -> HttpRecorded {
        let mut shared = self.shared();
        shared.ending = true;
        let mut report = std::mem::take(&mut shared.report);
        let records = std::mem::take(&mut shared.records);
        drop(shared);
        report.finish = finish;
        HttpRecorded::new(records, report)
    }
}

/// A connection of a client or of the origin server: what has come, and what it will do.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) who: Who,
    began: HrTime,
    timers: Vec<HrTime>,
    heads: Heads,
}

impl Line {
    /// The connection is there.
    pub(super) fn new(stage: &Stage, name: String, who: Who) -> Line {
        stage.note_bytes(&name, b"");
        stage.record(&name, HttpWhat::Moment(When::Start));
        let (began, timers) = (stage.now(), stage.timers(who));
        Line { name, who, began, timers, heads: Heads::default() }
    }

    /// What is due now.
    pub(super) fn due(&mut self, stage: &Stage) -> Vec<Deed> {
        let mut moves = Vec::new();
        while self.timers.last().is_some_and(|span| self.began + span <= stage.now()) {
            let Some(when) = self.timers.pop().map(When::After) else { break };
            moves.extend(self.at(stage, when));
        }
        moves
    }

    /// A moment that only the records tell; what it does at it.
    pub(super) fn at(&self, stage: &Stage, when: When) -> Vec<Deed> {
        let Some(moves) = stage.moves(self.who, when) else { return Vec::new() };
        stage.record(&self.name, HttpWhat::Moment(when));
        moves
    }

    /// Bytes have come; what it does at them.
    pub(super) fn received(&mut self, stage: &Stage, bytes: &[u8]) -> Vec<Deed> {
        stage.note_bytes(&self.name, bytes);
        let heads = self.heads.take(bytes);
        heads.filter_map(|nth| stage.moves_at_head(self.who, nth)).flatten().collect()
    }
}
