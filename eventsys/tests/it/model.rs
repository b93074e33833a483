//! Random programs on one event thread, against a naive model of its queues.
//!
//! A program is what the driver does between passes and what each actor does when
//! it is called. The model below is `process_queue`, `execute_regular` and
//! `PriorityEventQueue` once more, with plain vectors, straight from the original;
//! the two must call the same actors in the same order at the same nanosecond, and
//! agree on what every `cancel` found.

use std::collections::VecDeque;
use std::sync::Arc;

use eventsys::hrtime::{HrTime, mseconds, useconds};
use eventsys::sync::{Mutex, MutexGuard};
use eventsys::{EventRef, When};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use testkit::{Actor, Lab, on_foreign_thread};

const ACTORS: usize = 3;
const EVENT_POLL: i32 = 5;

/// One step of a program. Events are named by the order of their scheduling.
#[derive(Clone, Copy, Debug)]
enum Op {
    Schedule(usize, Span),
    /// By a thread that is no EThread; from the driver only.
    ScheduleForeign(usize, Span),
    Cancel(usize),
    Reschedule(usize, Span),
}

/// When, as a program says it; in microseconds.
#[derive(Clone, Copy, Debug)]
enum Span {
    Imm,
    In(i64),
    Every(i64),
    Poll(i64),
}

#[derive(Clone, Debug)]
struct Program {
    /// What the driver does before each pass.
    driver: Vec<Vec<Op>>,
    /// What each actor does in each of its first calls.
    scripts: Vec<Vec<Op>>,
}

/// The visible results of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Seen {
    /// This actor was called with this code, that many ns after the start.
    Call(usize, i32, HrTime),
    /// A cancel found the event live (true), cancelled before, or freed (`None`).
    Cancel(Option<bool>),
    /// A pass has ended at this time.
    Pass(HrTime),
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        3 => Just(Span::Imm),
        4 => (0..60_000_i64).prop_map(Span::In),
        1 => (60_000..3_000_000_i64).prop_map(Span::In),
        2 => (1..50_000_i64).prop_map(Span::Every),
        1 => (1..4_i64).prop_map(Span::Poll),
    ]
}

fn op(foreign: bool) -> impl Strategy<Value = Op> {
    let by = move |is_foreign| {
        move |(actor, span)| {
            if is_foreign { Op::ScheduleForeign(actor, span) } else { Op::Schedule(actor, span) }
        }
    };
    prop_oneof![
        3 => (0..ACTORS, span()).prop_map(by(false)),
        2 => (0..ACTORS, span()).prop_map(by(foreign)),
        2 => (0..20_usize).prop_map(Op::Cancel),
        2 => (0..20_usize, span()).prop_map(|(event, span)| Op::Reschedule(event, span)),
    ]
}

fn program() -> impl Strategy<Value = Program> {
    let driver = prop::collection::vec(prop::collection::vec(op(true), 0..4), 1..30);
    let script = prop::collection::vec(op(false), 0..8);
    (driver, prop::collection::vec(script, ACTORS))
        .prop_map(|(driver, scripts)| Program { driver, scripts })
}

// ---- the real thing ----

#[derive(Default)]
struct Run {
    scripts: Vec<VecDeque<Op>>,
    actors: Vec<Arc<Actor>>,
    events: Vec<EventRef>,
    seen: Vec<Seen>,
}

type SharedRun = Arc<Mutex<Run>>;

fn lock(run: &SharedRun) -> MutexGuard<'_, Run> {
    run.lock()
}

fn when(span: Span) -> When {
    match span {
        Span::Imm => When::Imm,
        Span::In(us) => When::In(useconds(us)),
        Span::Every(us) => When::Every(useconds(us)),
        Span::Poll(order) => When::Every(-order),
    }
}

fn schedule(thread: &eventsys::EThread, actor: Arc<Actor>, span: Span) -> EventRef {
    match when(span) {
        When::Imm => thread.schedule_imm(actor),
        When::At(at) => thread.schedule_at(actor, at),
        When::In(span) => thread.schedule_in(actor, span),
        When::Every(period) => thread.schedule_every(actor, period),
    }
}

fn perform(run: &SharedRun, thread: &Arc<eventsys::EThread>, op: Op) {
    let run = &mut *lock(run);
    match op {
        Op::Schedule(actor, span) => {
            run.events.push(schedule(thread, run.actors[actor].clone(), span));
        }
        Op::ScheduleForeign(actor, span) => {
            let actor = run.actors[actor].clone();
            run.events.push(on_foreign_thread(|| schedule(thread, actor, span)));
        }
        Op::Cancel(event) => {
            if let Some(event) = run.events.get(event) {
                run.seen.push(Seen::Cancel(event.try_cancel().ok()));
            }
        }
        Op::Reschedule(event, span) => {
            if let Some(event) = run.events.get(event).filter(|event| event.is_live()) {
                let code = if matches!(span, Span::Imm) { 1 } else { 2 };
                event.reschedule(when(span), eventsys::EventCode(code));
            }
        }
    }
}

fn run_real(program: &Program) -> Vec<Seen> {
    let lab = Lab::new();
    let start = lab.at(0);
    let run = SharedRun::default();
    lock(&run).scripts = program.scripts.iter().map(|ops| ops.iter().copied().collect()).collect();
    for me in 0..ACTORS {
        let shared = Arc::clone(&run);
        let actor = lab.actor(move |call| {
            let thread = call.thread();
            let now = thread.clock().get_hrtime_updated() - start;
            let next = {
                let run = &mut *lock(&shared);
                run.seen.push(Seen::Call(me, call.code.0, now));
                run.scripts[me].pop_front()
            };
            if let Some(op) = next {
                perform(&shared, &thread, op);
            }
        });
        lock(&run).actors.push(actor);
    }
    for ops in &program.driver {
        for &op in ops {
            perform(&run, lab.thread.thread(), op);
        }
        lab.passes(1);
        let now = lab.thread.clock().get_hrtime_updated() - start;
        lock(&run).seen.push(Seen::Pass(now));
    }
    let run = std::mem::take(&mut *lock(&run));
    run.seen
}

// ---- the model ----

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Nowhere,
    Queued,
    Bucket,
    Negative,
    Freed,
}

struct ModelEvent {
    actor: usize,
    code: i32,
    /// As in the original: 0 immediate, above 0 when it is due, below 0 poll.
    timeout_at: HrTime,
    period: HrTime,
    cancelled: bool,
    place: Place,
}

struct Model {
    scripts: Vec<VecDeque<Op>>,
    events: Vec<ModelEvent>,
    external: Vec<usize>,
    local: VecDeque<usize>,
    negative: Vec<usize>,
    after: Vec<Vec<usize>>,
    last_check_time: HrTime,
    now: HrTime,
    seen: Vec<Seen>,
}

const BUCKET: HrTime = mseconds(5);
/// The times of the model begin on a boundary of all buckets, away from 0, which
/// means "immediate".
const START: HrTime = BUCKET << 20;

impl Model {
    fn set(&mut self, id: usize, span: Span) {
        let (timeout_at, period) = match span {
            Span::Imm => (0, 0),
            Span::In(us) => (self.now + useconds(us), 0),
            Span::Every(us) => (self.now + useconds(us), useconds(us)),
            Span::Poll(order) => (-order, -order),
        };
        let event = &mut self.events[id];
        event.code = if matches!(span, Span::Imm) { 1 } else { 2 };
        (event.timeout_at, event.period) = (timeout_at, period);
    }

    fn perform(&mut self, op: Op) {
        match op {
            Op::Schedule(actor, span) | Op::ScheduleForeign(actor, span) => {
                let id = self.events.len();
                let place = Place::Queued;
                self.events.push(ModelEvent {
                    actor,
                    code: 0,
                    timeout_at: 0,
                    period: 0,
                    cancelled: false,
                    place,
                });
                self.set(id, span);
                match op {
                    Op::ScheduleForeign(..) => self.external.push(id),
                    _ => self.local.push_back(id),
                }
            }
            Op::Cancel(id) => {
                if let Some(event) = self.events.get_mut(id) {
                    let live = !std::mem::replace(&mut event.cancelled, true);
                    let found = (event.place != Place::Freed).then_some(live);
                    self.seen.push(Seen::Cancel(found));
                }
            }
            Op::Reschedule(id, span) => {
                let Some(event) = self.events.get(id) else { return };
                if event.cancelled || event.place == Place::Freed {
                    return;
                }
                let event_place = event.place;
                if event_place == Place::Bucket {
                    self.after.iter_mut().for_each(|bucket| bucket.retain(|&other| other != id));
                    self.events[id].place = Place::Nowhere;
                }
                if event_place == Place::Negative {
                    self.negative.retain(|&other| other != id);
                    self.events[id].place = Place::Nowhere;
                }
                self.set(id, span);
                self.enqueue_local_unless_queued(id);
            }
        }
    }

    fn enqueue_local_unless_queued(&mut self, id: usize) {
        if self.events[id].place == Place::Nowhere {
            self.events[id].place = Place::Queued;
            self.local.push_back(id);
        }
    }

    fn process_event(&mut self, id: usize, code: i32) {
        self.events[id].place = Place::Nowhere;
        if self.events[id].cancelled {
            self.events[id].place = Place::Freed;
            return;
        }
        let actor = self.events[id].actor;
        self.seen.push(Seen::Call(actor, code, self.now - START));
        if let Some(op) = self.scripts[actor].pop_front() {
            self.perform(op);
        }
        let event = &mut self.events[id];
        match (event.place, event.period) {
            (Place::Nowhere, 0) => event.place = Place::Freed,
            (Place::Nowhere, period) => {
                event.timeout_at = if period < 0 { period } else { self.now + period };
                self.enqueue_local_unless_queued(id);
            }
            _ => {}
        }
    }

    fn process_queue(&mut self) {
        for id in std::mem::take(&mut self.external) {
            if self.events[id].cancelled {
                self.events[id].place = Place::Freed;
            } else {
                self.local.push_back(id);
            }
        }
        while let Some(id) = self.local.pop_front() {
            let timeout_at = self.events[id].timeout_at;
            if self.events[id].cancelled {
                self.events[id].place = Place::Freed;
            } else if timeout_at == 0 {
                self.process_event(id, self.events[id].code);
            } else if timeout_at > 0 {
                self.events[id].place = Place::Bucket;
                let bucket = (0..9).find(|i| timeout_at - self.now <= BUCKET << i).unwrap_or(9);
                self.after[bucket].push(id);
            } else {
                let greater = |&&other: &&usize| self.events[other].timeout_at > timeout_at;
                let at = self.negative.iter().take_while(greater).count();
                self.negative.insert(at, id);
                self.events[id].place = Place::Negative;
            }
        }
    }

    fn check_ready(&mut self) {
        let changed = (self.now / BUCKET) ^ (self.last_check_time / BUCKET);
        self.last_check_time = self.now;
        let changed = changed & 0x1ff;
        let buckets = (0..10).rev().find(|&k| k == 0 || changed >> (k - 1) & 1 == 1).unwrap_or(0);
        for i in 1..=buckets {
            for id in std::mem::take(&mut self.after[i]) {
                if self.events[id].cancelled {
                    self.events[id].place = Place::Freed;
                    continue;
                }
                let left = self.events[id].timeout_at - self.now;
                let bucket = (0..i).find(|&j| left <= BUCKET << j).unwrap_or(i);
                self.after[bucket].push(id);
            }
        }
    }

    fn pass(&mut self) {
        self.now += useconds(1);
        self.process_queue();
        loop {
            let mut done_one = false;
            self.check_ready();
            while !self.after[0].is_empty() {
                let id = self.after[0].remove(0);
                if self.events[id].cancelled {
                    self.events[id].place = Place::Freed;
                } else {
                    done_one = true;
                    self.process_event(id, self.events[id].code);
                }
            }
            if !done_one {
                break;
            }
        }
        if !self.negative.is_empty() {
            self.process_queue();
            while !self.negative.is_empty() {
                let id = self.negative.remove(0);
                self.process_event(id, EVENT_POLL);
            }
        }
        // `ProtectedQueue::wait` does not sleep if the local queue is not empty.
        if self.local.is_empty() {
            let half = (0..10).find(|&i| !self.after[i].is_empty()).map(|i| (BUCKET << i) / 2);
            self.now += half.unwrap_or(mseconds(60)).min(mseconds(60));
        }
        self.seen.push(Seen::Pass(self.now - START));
    }
}

fn run_model(program: &Program) -> Vec<Seen> {
    let mut model = Model {
        scripts: program.scripts.iter().map(|ops| ops.iter().copied().collect()).collect(),
        events: Vec::new(),
        external: Vec::new(),
        local: VecDeque::new(),
        negative: Vec::new(),
        after: vec![Vec::new(); 10],
        last_check_time: START,
        now: START,
        seen: Vec::new(),
    };
    for ops in &program.driver {
        for &op in ops {
            model.perform(op);
        }
        model.pass();
    }
    model.seen
}

fn config() -> ProptestConfig {
    // A fixed seed: the same programs each time. `PROPTEST_RNG_SEED` and
    // `PROPTEST_CASES` change them.
    let default = ProptestConfig::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(913),
        given => given,
    };
    ProptestConfig { rng_seed, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_thread_does_what_the_model_does(program in program()) {
        prop_assert_eq!(run_real(&program), run_model(&program));
    }
}
