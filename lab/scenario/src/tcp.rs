//! Plays a program over TCP: its two users get the two ends of a connection of the loopback
//! address, two `NetVConnection`s with real sockets, in place of a PluginVC pair.
//!
//! A user cannot tell the two apart, so the same program, the same ends and the same records
//! serve for both ([`record_over_tcp`]). One net thread has both connections. Its clock is
//! virtual and jumps from timer to timer; before each jump the thread waits a moment of real
//! time for the sockets, so bytes that are under way come first.
//!
//! The kernel carries the bytes, so how many move in one step is its choice and not the port's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use eventsys::mutex::census;
use eventsys::steps::{StepSink, Steps, events};
use eventsys::{
    AdoptedThread, Clock, ContRef, EventProcessor, Options, ProxyMutex, StateMachine, panics,
};
use iocore::NetVCOptions;
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetHandler, NetProcessor, steps};
use pluginvc::Epoch;
use pluginvc::steps::Side;

use crate::calls::Interface;
use crate::end::{End, new_end};
use crate::held::{hold_now, new_holder, release_all};
use crate::op::{Op, OpCont, Owner};
use crate::program::Program;
use crate::record::{Record, Recorded, Recorder, What};
use crate::run::{Finish, LockKeys, PASSES_AFTER_CLOSE, ScenarioReport, connect_from_outside};
use crate::stage::{Between, Stage};

/// What a program does that has no meaning over TCP, if it does such a thing.
#[must_use]
pub fn why_not_over_tcp(program: &Program) -> Option<&'static str> {
    let any = |is: fn(&Op) -> bool| program.ops.iter().any(is);
    if program.pair.no_mutex != [false; 2] {
        Some("an end without a mutex: a TCP connection calls no such continuation")
    } else if program.pair.threads == 2 {
        Some("two event threads: both connections are on one")
    } else if any(|op| op.cont() == Some(OpCont::Absent)) {
        Some("an operation without a continuation: a TCP connection has no core mutex for it")
    } else if any(|op| matches!(op, Op::Hold(..))) {
        // The net thread tries a mutex again in each turn, and a turn takes a microsecond of
        // virtual time: it would try some hundred thousand times.
        Some("`hold`: the net thread would try the held mutex again without a pause")
    } else {
        None
    }
}

/// Plays `program` over TCP and records everything that happens. The steps of the connections
/// have the letters of the ends, `A net_write 10`.
///
/// # Panics
/// If no socket can listen on the loopback address, or [`why_not_over_tcp`] refuses the program.
#[must_use]
pub fn record_over_tcp(program: &Program) -> Recorded {
    assert_eq!(why_not_over_tcp(program), None, "a program for TCP");
    let _census = census::start();
    let recorder = Arc::new(Recorder::default());
    let steps = Steps::to(Arc::clone(&recorder) as Arc<dyn StepSink>);
    let options = Options { steps, trace_events: true, ..Options::default() };
    let processor = EventProcessor::with_options(Clock::new_virtual(), options);
    // Before the thread: it gets its net handler when it is adopted.
    let net = NetProcessor::init(&processor, NetConfig::default());
    let thread = processor.adopt_current_thread("ET_NET");
    let began = processor.clock().get_hrtime();
    let line = Line::new(program, &net, &thread, &recorder);
    let run = || catch_unwind(AssertUnwindSafe(|| (line.run(&thread), line.taken())));
    let (finish, taken) = panics::quietly(run).unwrap_or_else(|payload| {
        (Finish::Panicked(panics::text_of(&*payload)), Default::default())
    });
    release_all(&line.stage.holder);
    let mut seen = line.stage.seen.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = std::mem::take(&mut *seen);
    let report = ScenarioReport { finish, taken, seen, began, locks: line.lock_keys() };
    Recorded { records: named(recorder.take(), report.began), report }
}

/// The records without the event loop's own, with times since `began`, and with the ends' letters
/// in place of the connections' numbers.
fn named(mut records: Vec<Record>, began: eventsys::HrTime) -> Vec<Record> {
    let mut numbers = [None; 2];
    records.retain_mut(|record| {
        record.at -= began;
        let What::Step(step) = &mut record.what else { return true };
        step.at -= began;
        match step.kind {
            steps::NET_CONNECT => numbers[Side::Active.index()] = Some(step.subject.number),
            steps::NET_ACCEPT => numbers[Side::Passive.index()] = Some(step.subject.number),
            _ => {}
        }
        let number = Some(step.subject.number);
        if step.subject.what == 'N'
            && let Some(side) = Side::BOTH.into_iter().find(|side| numbers[side.index()] == number)
        {
            step.subject = side.of_pair(0);
        }
        !events::ALL.contains(&step.kind)
    });
    records
}

/// The connection, its two users, and the thread's handler.
struct Line {
    stage: Arc<Stage>,
    net: Arc<NetProcessor>,
    handler: Arc<NetHandler>,
    listening: Arc<NetAcceptAction>,
    active: Arc<StateMachine<End>>,
    passive: Arc<StateMachine<End>>,
}

impl Line {
    fn new(
        program: &Program,
        net: &Arc<NetProcessor>,
        thread: &AdoptedThread,
        recorder: &Arc<Recorder>,
    ) -> Line {
        let mutex = ProxyMutex::new();
        let other = if program.pair.shared_mutex { mutex.clone() } else { ProxyMutex::new() };
        let ends = [&mutex, &other].map(Arc::clone);
        let (active, passive) = (new_end(Side::Active, mutex), new_end(Side::Passive, other));
        let handler = net.net_handler(thread.thread()).expect("it is a net thread");
        let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
        let listening = net
            .accept(passive.clone(), &options)
            .unwrap_or_else(|error| panic!("the loopback cannot be listened on: {error}"));
        let processor = net.event_processor();
        let holder = new_holder(
            [&ends[0], &ends[1], handler.mutex()],
            Some((Arc::clone(recorder), Arc::clone(processor.clock()))),
        );
        let threads = [(); 2].map(|()| Arc::clone(thread.thread()));
        let core_mutex = Arc::clone(handler.mutex());
        let interface = Interface::of(Epoch::default());
        let between = Between { pair: 0, core_mutex, locks_shutdown: false, interface };
        let recorder = Some(Arc::clone(recorder));
        let stage = Stage::new(program, processor, threads, between, holder, recorder);
        stage.enter([&active, &passive]);
        Line { stage, net: Arc::clone(net), handler, listening, active, passive }
    }

    fn run(&self, thread: &AdoptedThread) -> Finish {
        let pair = &self.stage.program.pair;
        if pair.accept_after > 0 {
            let whose = Owner::User(Side::Passive);
            hold_now(&self.stage.holder, thread.thread(), whose, pair.accept_after);
        }
        if pair.foreign {
            connect_from_outside(|| self.connect());
        } else {
            self.connect();
        }
        let pass = || thread.run_pass();
        let is_freed = || self.net.stats().connections_currently_open() == 0;
        let finish = self.stage.pass_until_over(&pass, &is_freed);
        self.stage.close_what_is_open([&self.active, &self.passive]);
        self.listening.cancel();
        for _ in 0..PASSES_AFTER_CLOSE {
            pass();
        }
        finish
    }

    fn connect(&self) {
        let active: ContRef = self.active.clone();
        let address = self.listening.local_addr().expect("a socket that listens has an address");
        // The connection is made now, or by the net thread if another one asks for it.
        let _action = self.net.connect_re(&active, address, &NetVCOptions::default());
    }

    fn taken(&self) -> [crate::Taken; 2] {
        [&self.active, &self.passive].map(|end| {
            let guard = end.mutex().lock();
            end.state(&guard).taken(&guard)
        })
    }

    fn lock_keys(&self) -> LockKeys {
        let ends = [&self.active, &self.passive];
        LockKeys {
            core: self.handler.mutex().key(),
            core_name: LockKeys::HANDLER,
            users: ends.map(|end| end.mutex().key()),
            deputies: ends.map(|end| {
                let guard = end.mutex().lock();
                end.state(&guard).deputy_key()
            }),
        }
    }
}
