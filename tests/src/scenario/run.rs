//! Runs a program on the port, in virtual time.
//!
//! One event thread does everything. The run ends when the pair is freed, when
//! nothing is scheduled any more, or after a minute of virtual time; what is
//! still open then is closed, and those steps are reported too.
//!
//! Where the original asserts or dereferences a null pointer, the port panics;
//! that is a result and not a fault ([`Finish::Panicked`]).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use eventsys::steps::Side;
use eventsys::{
    AdoptedThread, Clock, ContRef, EventProcessor, HrTime, Options, ProxyMutex, StateMachine,
    hrtime,
};
use pluginvc::{PluginVCCore, PluginVCOptions};

use super::end::{End, Stage, new_end};
use super::held::{new_holder, release_all};
use super::program::Program;
use crate::epoch::Epoch;

/// How long a scenario may last, in virtual time.
const LONGEST: HrTime = hrtime::seconds(60);
/// How many passes of the event loop a scenario may take.
const MOST_PASSES: u32 = 1_000_000;

/// How a scenario ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioEnd {
    /// Why it ended.
    pub finish: Finish,
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
    /// Nothing was scheduled any more, and an end was open.
    Quiet,
    /// A minute of virtual time was over.
    TimeIsUp,
    /// A reaction called itself back again and again, or wrote without end.
    Runaway,
    /// The port panicked with this text.
    Panicked(String),
}

/// The keys of the three mutexes of a pair and its users.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockKeys {
    core: usize,
    active: usize,
    passive: usize,
}

impl LockKeys {
    /// Whose mutex has this key.
    #[must_use]
    pub fn name(&self, key: usize) -> &'static str {
        match key {
            key if key == self.core => "core",
            key if key == self.active && key == self.passive => "shared",
            key if key == self.active => "active's",
            key if key == self.passive => "passive's",
            _ => "another",
        }
    }
}

/// Runs `program` on the port of `epoch`, on an event processor with `options`,
/// whose `steps` get every step.
#[must_use]
pub fn run_scenario(program: &Program, epoch: Epoch, options: Options) -> ScenarioEnd {
    let processor = EventProcessor::with_options(Clock::new_virtual(), options);
    let began = processor.clock().get_hrtime();
    let thread = processor.adopt_current_thread("ET_NET");
    let play = Play::new(program, epoch, &processor);
    let finish = catch_unwind(AssertUnwindSafe(|| play.run(&thread)))
        .unwrap_or_else(|payload| Finish::Panicked(text_of(&*payload)));
    release_all(&play.stage.holder);
    ScenarioEnd { finish, began, locks: play.lock_keys() }
}

/// What takes part in a run.
struct Play {
    stage: Arc<Stage>,
    core: Arc<PluginVCCore>,
    active: Arc<StateMachine<End>>,
    passive: Arc<StateMachine<End>>,
}

impl Play {
    fn new(program: &Program, epoch: Epoch, processor: &Arc<EventProcessor>) -> Play {
        let mutex = ProxyMutex::new();
        let other = if program.pair.shared_mutex { mutex.clone() } else { ProxyMutex::new() };
        let holder = new_holder(&mutex, &other);
        let (active, passive) = (new_end(Side::Active, mutex), new_end(Side::Passive, other));
        let options = PluginVCOptions { epoch, ..PluginVCOptions::default() };
        let core = PluginVCCore::alloc_with(processor, passive.clone(), options);
        let stage = Arc::new(Stage {
            program: program.clone(),
            processor: Arc::clone(processor),
            pair: core.id(),
            core_mutex: Arc::clone(core.mutex()),
            holder,
            calls: AtomicU32::new(0),
            written: AtomicI64::new(0),
            runaway: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        });
        for end in [&active, &passive] {
            let guard = end.mutex().lock();
            end.state(&guard).enter(&guard, &stage);
        }
        Play { stage, core, active, passive }
    }

    fn lock_keys(&self) -> LockKeys {
        LockKeys {
            core: self.core.mutex().key(),
            active: self.active.mutex().key(),
            passive: self.passive.mutex().key(),
        }
    }

    fn run(&self, thread: &AdoptedThread) -> Finish {
        self.connect();
        let finish = self.pass_until_over(thread);
        if finish != Finish::Freed {
            self.close_what_is_open();
            self.pass_until_over(thread);
        }
        finish
    }

    fn connect(&self) {
        let active: ContRef = self.active.clone();
        if self.stage.program.pair.connect_re {
            self.core.connect_re(&self.active.mutex().lock(), &active);
        } else {
            let vc = self.core.connect();
            let guard = self.active.mutex().lock();
            self.active.state(&guard).connected(&guard, &active, &vc);
        }
    }

    fn pass_until_over(&self, thread: &AdoptedThread) -> Finish {
        let clock = self.stage.processor.clock();
        let deadline = clock.get_hrtime_updated() + LONGEST;
        let mut finish = Finish::Freed;
        let mut passes = 0;
        thread.run_until(|| {
            passes += 1;
            finish = if self.core.is_freed() {
                Finish::Freed
            } else if self.stage.runaway.swap(false, Ordering::Relaxed) || passes > MOST_PASSES {
                Finish::Runaway
            } else if thread.has_no_events() {
                Finish::Quiet
            } else if clock.get_hrtime() > deadline {
                Finish::TimeIsUp
            } else {
                return false;
            };
            true
        });
        finish
    }

    fn close_what_is_open(&self) {
        self.stage.ending.store(true, Ordering::Relaxed);
        release_all(&self.stage.holder);
        for end in [&self.active, &self.passive] {
            end.state(&end.mutex().lock()).close();
        }
    }
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}
