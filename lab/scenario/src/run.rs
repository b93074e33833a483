//! Runs a program on the port, in virtual time.
//!
//! One event thread does everything, or two take turns. A pass of its loop takes
//! a millisecond of virtual time, whatever it does: a real server can be given
//! the same clock from outside, and then takes the same steps at the same times.
//!
//! Between two passes the interpreter decides whether the run is over: both ends were
//! closed a while ago, or nothing has happened for as long as the scenario's
//! [`Limits`](super::Limits) say, or a reaction goes on without end. What is
//! still open then is closed, and those steps are reported too.
//!
//! Where the original asserts or dereferences a null pointer, the port panics;
//! that is a result and not a fault ([`Finish::Panicked`]).

use pluginvc::steps::Side;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use eventsys::{
    Clock, ContRef, EThread, EventProcessor, HrTime, Options, ProxyMutex, StateMachine, hrtime,
    panics,
};
use pluginvc::{PluginVCCore, PluginVcOptions};

use super::buffers::{Seen, Taken};
use super::calls::Interface;
use super::end::{End, cont_of, new_end};
use super::held::{hold_now, new_holder, release_all};
use super::op::Owner;
use super::program::Program;
use super::record::Recorder;
use super::second::SecondThread;
use super::stage::{Between, Stage};
use crate::release::of_release;
use pluginvc::Epoch;

/// What a pass of the event loop takes in virtual time.
pub(super) const PASS: HrTime = hrtime::mseconds(1);
/// How many passes both ends stay closed before a run is over, and how many are
/// made after what was open has been closed.
pub(super) const PASSES_AFTER_CLOSE: i64 = 50;

/// How a scenario ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioReport {
    /// Why it ended.
    pub finish: Finish,
    /// What the two ends have taken off their read buffers, the active one's
    /// first; nothing if the port panicked.
    pub taken: [Taken; 2],
    /// What was in the buffers at each `sm_read` and `sm_write`.
    pub seen: Vec<Seen>,
    /// When it began, by the clock of the steps.
    pub began: HrTime,
    /// The mutexes, to name those that a step was taken under.
    pub locks: LockKeys,
}

/// Why a scenario ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finish {
    /// Both ends were closed and the pair was freed.
    Freed,
    /// Nothing happened any more, and an end was open.
    Quiet,
    /// It went on until the longest time was over.
    TimeIsUp,
    /// A reaction called itself back again and again, or wrote without end.
    Runaway,
    /// The port panicked with this text.
    Panicked(String),
}

/// The keys of the mutexes of a pair, its users and their deputies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockKeys {
    /// The mutex between the ends, and its name.
    pub(super) core: usize,
    pub(super) core_name: &'static str,
    /// The active end's user's and its passive one's, perhaps the same.
    pub(super) users: [usize; 2],
    pub(super) deputies: [usize; 2],
}

impl LockKeys {
    /// The key of no mutex.
    const NONE: usize = usize::MAX;

    /// The name of a mutex that is not the pair's.
    pub const ANOTHER: &str = "another";

    /// The name of the mutex of a net thread's handler, which is between two ends over TCP.
    pub const HANDLER: &str = "handler's";

    /// The name of the mutex of `whose`.
    #[must_use]
    pub fn of(&self, whose: Owner) -> &'static str {
        match whose {
            Owner::User(side) => self.name(self.users[side.index()]),
            Owner::Core => self.name(self.core),
        }
    }

    /// Whose mutex has this key.
    #[must_use]
    pub fn name(&self, key: usize) -> &'static str {
        match key {
            key if key == self.core => self.core_name,
            key if self.users == [key, key] && key != LockKeys::NONE => "shared",
            key if key == self.users[0] => "active's",
            key if key == self.users[1] => "passive's",
            key if key == self.deputies[0] => "active's deputy's",
            key if key == self.deputies[1] => "passive's deputy's",
            _ => LockKeys::ANOTHER,
        }
    }
}

/// Runs `program` on the port of `epoch`, on an event processor with `options`,
/// whose `steps` get every step. A panic of the port is a result: the panic hook does
/// not print it.
#[must_use]
pub fn run_scenario(program: &Program, epoch: Epoch, options: Options) -> ScenarioReport {
    run_recorded(program, epoch, options, None)
}

/// As [`run_scenario`]; what else happens goes to `recorder`.
pub(super) fn run_recorded(
    program: &Program,
    epoch: Epoch,
    options: Options,
    recorder: Option<&Arc<Recorder>>,
) -> ScenarioReport {
    let options = of_release(epoch, options);
    let processor = EventProcessor::with_options(Clock::new_ticking(PASS), options);
    let began = processor.clock().get_hrtime();
    let thread = processor.adopt_current_thread("ET_NET");
    // Its panics are results, as those of this thread are.
    let second = || panics::quietly(|| SecondThread::new(&processor));
    let second = (program.pair.threads == 2).then(second);
    let threads = [thread.thread(), second.as_ref().map_or(thread.thread(), SecondThread::thread)];
    let of_pair = PluginVcOptions { epoch, ..PluginVcOptions::default() };
    let play = Play::new(program, of_pair, &processor, threads.map(Arc::clone), recorder);
    let pass = || {
        thread.run_pass();
        second.iter().for_each(SecondThread::run_pass);
    };
    let run = || catch_unwind(AssertUnwindSafe(|| (play.run(&pass), play.taken())));
    let (finish, taken) = panics::quietly(run).unwrap_or_else(|payload| {
        (Finish::Panicked(panics::text_of(&*payload)), Default::default())
    });
    release_all(&play.stage.holder);
    let mut seen = play.stage.seen.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = std::mem::take(&mut *seen);
    let locks = play.lock_keys();
    if matches!(finish, Finish::Panicked(_)) {
        play.abandon();
    }
    ScenarioReport { finish, taken, seen, began, locks }
}

/// What takes part in a run.
pub(super) struct Play {
    pub(super) stage: Arc<Stage>,
    pub(super) core: Arc<PluginVCCore>,
    pub(super) active: Arc<StateMachine<End>>,
    pub(super) passive: Arc<StateMachine<End>>,
    /// What the pair calls back; an end without a mutex has a continuation before its state.
    conts: [ContRef; 2],
}

impl Play {
    pub(super) fn new(
        program: &Program,
        options: PluginVcOptions,
        processor: &Arc<EventProcessor>,
        threads: [Arc<EThread>; 2],
        recorder: Option<&Arc<Recorder>>,
    ) -> Play {
        let mutex = ProxyMutex::new();
        let other = if program.pair.shared_mutex { mutex.clone() } else { ProxyMutex::new() };
        let ends = [&mutex, &other].map(Arc::clone);
        let (active, passive) = (new_end(Side::Active, mutex), new_end(Side::Passive, other));
        let locks_shutdown = options.locks_shutdown();
        let interface = Interface::of(options.epoch);
        let [of_active, of_passive] = program.pair.no_mutex;
        let conts = [cont_of(&active, of_active), cont_of(&passive, of_passive)];
        let core = PluginVCCore::alloc_with(processor, Arc::clone(&conts[1]), options);
        let recorder = recorder.map(Arc::clone);
        let holder = new_holder(
            [&ends[0], &ends[1], core.mutex()],
            recorder.clone().zip(Some(Arc::clone(processor.clock()))),
        );
        let (pair, core_mutex) = (core.id(), Arc::clone(core.mutex()));
        let between = Between { pair, core_mutex, locks_shutdown, interface };
        let stage = Stage::new(program, processor, threads, between, holder, recorder);
        stage.enter([&active, &passive]);
        Play { stage, core, active, passive, conts }
    }

    fn lock_keys(&self) -> LockKeys {
        LockKeys {
            core: self.core.mutex().key(),
            core_name: "core",
            users: [0, 1].map(|end| match self.stage.program.pair.no_mutex[end] {
                true => LockKeys::NONE,
                false => [&self.active, &self.passive][end].mutex().key(),
            }),
            deputies: [&self.active, &self.passive].map(|end| {
                let guard = end.mutex().lock();
                end.state(&guard).deputy_key()
            }),
        }
    }

    fn taken(&self) -> [Taken; 2] {
        [&self.active, &self.passive].map(|end| {
            let guard = end.mutex().lock();
            end.state(&guard).taken(&guard)
        })
    }

    /// Frees what a run that has ended early leaves: the pair and its users refer to each other.
    pub(super) fn abandon(&self) {
        #[cfg(feature = "explore")]
        self.stage.contract.forget();
        for end in [&self.active, &self.passive] {
            // Another thread may hold the mutex for ever; then this run stays in memory.
            if let Some(guard) = end.mutex().try_lock() {
                end.state(&guard).leave();
            }
        }
        self.core.abandon();
    }

    fn run(&self, pass: &dyn Fn()) -> Finish {
        let span = self.stage.program.pair.accept_after;
        if span > 0 {
            hold_now(&self.stage.holder, &self.stage.threads[0], Owner::User(Side::Passive), span);
        }
        if self.stage.program.pair.foreign {
            connect_from_outside(|| self.connect());
        } else {
            self.connect();
        }
        let finish = self.stage.pass_until_over(pass, &|| self.core.is_freed());
        self.close_what_is_open();
        for _ in 0..PASSES_AFTER_CLOSE {
            pass();
        }
        finish
    }

    pub(super) fn connect(&self) {
        let active = Arc::clone(&self.conts[0]);
        if self.stage.program.pair.connect_re {
            self.core.connect_re(&self.active.mutex().lock(), &active);
        } else {
            let vc = self.core.connect();
            let guard = self.active.mutex().lock();
            self.active.state(&guard).connected(&guard, &active, &vc);
        }
    }

    pub(super) fn close_what_is_open(&self) {
        self.stage.close_what_is_open([&self.active, &self.passive]);
    }
}

/// Has a foreign thread make the connection, and waits for it; passes a panic on.
pub(super) fn connect_from_outside(connect: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let connecting = scope.spawn(panics::inherit(connect));
        if let Err(payload) = connecting.join() {
            std::panic::resume_unwind(payload);
        }
    });
}
