//! [`Stage`]: what all parts of a run know.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eventsys::{EThread, EventProcessor, HrTime};
use httpsm::HttpTxn;
use httpsm::hooks::HttpHook;

use super::heads::Heads;
use super::model::{HttpReaction, HttpScenario, When};
use super::op::{HttpOp, Move};
use super::seen::{HttpFinish, HttpReport};
use super::user::User;

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
    reactions: HashMap<(Who, When), Vec<Move>>,
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
    pub(super) active_at: HrTime,
    /// The run is over: nothing is noted any more, and no reaction is carried out.
    pub(super) ending: bool,
    /// Lists of hooks that go on later.
    pub(super) pending: usize,
    pub(super) txns: BTreeMap<u64, Txn>,
    pub(super) sessions: Vec<u64>,
    pub(super) open_sessions: usize,
    pub(super) hook_counts: BTreeMap<HttpHook, u32>,
    /// Hooks that have been called since the last pass.
    pub(super) moments: VecDeque<(HttpHook, u32)>,
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
            for HttpReaction { when, ops } in list {
                let moves = ops.iter().flat_map(HttpOp::moves).collect();
                reactions.insert((who, *when), moves);
            }
        };
        for (number, client) in scenario.clients.iter().enumerate() {
            enter(Who::Client(number), &client.reactions);
        }
        enter(Who::Origin, &scenario.origin.reactions);
        Arc::new(Stage {
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
        let now = self.now();
        let mut shared = self.shared();
        shared.active_at = now + self.began;
        if !shared.ending {
            shared.report.actor(who).events.push((now, what.into()));
        }
    }

    /// These bytes have come to `who`.
    pub(super) fn note_bytes(&self, who: &str, bytes: &[u8]) {
        let now = self.now();
        let mut shared = self.shared();
        shared.active_at = now + self.began;
        if !shared.ending {
            shared.report.actor(who).bytes.extend_from_slice(bytes);
        }
    }

    /// Something has been done that a run waits for.
    pub(super) fn note_activity(&self) {
        let now = self.processor.clock().get_hrtime_updated();
        self.shared().active_at = now;
    }

    /// How long nothing has happened, and how long the run has gone on.
    pub(super) fn silence(&self) -> (HrTime, HrTime) {
        let now = self.processor.clock().get_hrtime_updated();
        (now - self.shared().active_at, now - self.began)
    }

    /// What `who` does at this moment.
    pub(super) fn moves(&self, who: Who, when: When) -> Option<Vec<Move>> {
        if self.shared().ending {
            return None;
        }
        self.reactions.get(&(who, when)).cloned()
    }

    /// What `who` does when the `nth` head has come.
    pub(super) fn moves_at_head(&self, who: Who, nth: u32) -> Option<Vec<Move>> {
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

    /// The run is over; what each has seen.
    pub(super) fn end(&self, finish: HttpFinish) -> HttpReport {
        let mut shared = self.shared();
        shared.ending = true;
        let mut report = std::mem::take(&mut shared.report);
        report.finish = finish;
        report
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
        let (began, timers) = (stage.now(), stage.timers(who));
        Line { name, who, began, timers, heads: Heads::default() }
    }

    /// What is due now.
    pub(super) fn due(&mut self, stage: &Stage) -> Vec<Move> {
        let mut moves = Vec::new();
        while self.timers.last().is_some_and(|span| self.began + span <= stage.now()) {
            let when = self.timers.pop().map(When::After);
            moves.extend(when.and_then(|when| stage.moves(self.who, when)).unwrap_or_default());
        }
        moves
    }

    /// Bytes have come; what it does at them.
    pub(super) fn received(&mut self, stage: &Stage, bytes: &[u8]) -> Vec<Move> {
        stage.note_bytes(&self.name, bytes);
        let heads = self.heads.take(bytes);
        heads.filter_map(|nth| stage.moves_at_head(self.who, nth)).flatten().collect()
    }
}
