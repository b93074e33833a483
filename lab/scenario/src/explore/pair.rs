//! The scene of a pair: made, raced, brought to rest, closed.
//!
//! Until the threads of the scenario begin there is one order of events, and no point. Then the
//! event thread makes passes until the threads have ended and nothing waits, or nothing has
//! happened for as long as the scenario's limits say. The observers look at what is there; what
//! is still open is closed; and they look at what is left.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsys::{
    AdoptedThread, Clock, ContRef, EThread, EventProcessor, HrTime, ProxyMutex, StateMachine,
    hrtime, observe,
};
use explorer::{name_task, race_from_here, race_later};
use pluginvc::PluginVcOptions;
use pluginvc::steps::Side;

use super::Scene;
use super::foreign::Foreign;
use super::observers;
use crate::act::Lock;
use crate::buffers::Flow;
use crate::end::End;
use crate::race::Begin;
use crate::run::Play;

/// How long the pair has to be freed after both ends were closed.
const TO_BE_FREED: HrTime = hrtime::seconds(10);

/// What all tasks of an execution know.
pub(super) struct Scenery {
    pub(super) play: Play,
    pub(super) scene: Arc<Scene>,
    /// The mutexes of the ends' deputies.
    deputies: [Arc<ProxyMutex>; 2],
}

impl Scenery {
    pub(super) fn end(&self, side: Side) -> &Arc<StateMachine<End>> {
        match side {
            Side::Active => &self.play.active,
            Side::Passive => &self.play.passive,
        }
    }

    pub(super) fn mutex(&self, lock: Lock) -> &Arc<ProxyMutex> {
        match lock {
            Lock::User(side) => self.end(side).mutex(),
            Lock::Core => self.play.core.mutex(),
            Lock::Deputy(side) => &self.deputies[side.index()],
        }
    }

    /// Names what a reader knows by its role. A deadlock names mutexes in any execution; the
    /// other objects are named only where they are shown.
    fn name_objects(&self) {
        self.play.core.mutex().set_name("core.mutex");
        for (side, its) in [(Side::Active, 'A'), (Side::Passive, 'P')] {
            self.end(side).mutex().set_name(&format!("{its}.mutex"));
            self.deputies[side.index()].set_name(&format!("{its}.deputy.mutex"));
        }
        if explorer::is_traced() {
            self.play.core.name_objects();
        }
    }

    /// What has come out of the buffers of an end and into them.
    pub(super) fn flow(&self, side: Side) -> Flow {
        let end = self.end(side);
        let guard = end.mutex().lock();
        end.state(&guard).flow(&guard)
    }

    /// The interpreter refers to the connections no more.
    pub(super) fn forget(&self) {
        self.play.stage.contract.forget();
        for side in Side::BOTH {
            let end = self.end(side);
            end.state(&end.mutex().lock()).forget();
        }
    }

    /// True if what happens is not judged: a user has broken its part of the contract, or a
    /// reaction goes on without end.
    pub(super) fn is_void(&self) -> bool {
        let stage = &self.play.stage;
        stage.contract.is_void() || stage.runaway.load(Ordering::Relaxed)
    }

    /// Calls `f`. A panic that is the users' own mistake goes no further, and no panic after it.
    pub(super) fn guarded(&self, f: impl FnOnce()) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(f)) else { return };
        // The explorer leaves a task with a payload of another type.
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let is_theirs = |text: &str| self.is_void() || self.play.stage.contract.is_mistake(text);
        if !text.is_some_and(is_theirs) {
            resume_unwind(panic);
        }
    }
}

/// No close ends a pair whose execution has ended early.
impl Drop for Scenery {
    fn drop(&mut self) {
        if explorer::is_ended_early() {
            self.play.abandon();
        }
    }
}

/// One execution.
pub(super) fn run(scene: &Arc<Scene>) {
    race_later();
    name_task("event thread");
    observe::watch_lateness(!scene.race.stalls);
    let processor = EventProcessor::with_options(Clock::new_virtual(), scene.options());
    let thread = processor.adopt_current_thread("ET_NET");
    let second = (scene.program.pair.threads == 2).then(|| Second::start(&processor));
    let threads =
        [thread.thread(), second.as_ref().map_or(thread.thread(), |second| &second.thread)];
    let of_pair = PluginVcOptions {
        epoch: scene.setup.epoch,
        corrections: scene.setup.corrections,
        ..PluginVcOptions::default()
    };
    let play = Play::new(&scene.program, of_pair, &processor, threads.map(Arc::clone), None);
    let deputies = [&play.active, &play.passive].map(|end| {
        let guard = end.mutex().lock();
        end.state(&guard).deputy_mutex()
    });
    let scenery = Arc::new(Scenery { play, scene: Arc::clone(scene), deputies });
    scenery.name_objects();
    let rest = Rest { scenery: &scenery, thread: &thread, second: second.as_ref() };

    scenery.guarded(|| {
        if scene.race.begin != Begin::Start {
            scenery.play.connect();
        }
        if scene.race.begin == Begin::Quiet {
            rest.until_nothing_is_due();
        }
        for side in Side::BOTH {
            let end = scenery.end(side);
            let this: ContRef = end.clone();
            let guard = end.mutex().lock();
            end.state(&guard).race(&guard, &this);
        }
    });
    let foreign =
        scene.race.threads.iter().map(|thread| Foreign::spawn(&scenery, thread)).collect();
    race_from_here();
    if scene.race.begin == Begin::Start && !scene.race.connects() {
        scenery.guarded(|| scenery.play.connect());
    }
    rest.after(foreign);
    if !scenery.is_void() {
        observers::at_rest(&scenery);
    }
    scenery.play.close_what_is_open();
    rest.until_freed();
    if let Some(second) = &second {
        second.stop(&thread);
    }
    if !scenery.is_void() {
        observers::after_the_end(&scenery, rest.nothing_waits());
    }
}

/// The way to a moment at which nothing happens any more.
struct Rest<'a> {
    scenery: &'a Arc<Scenery>,
    thread: &'a AdoptedThread,
    second: Option<&'a Second>,
}

impl Rest<'_> {
    fn pass(&self) {
        self.scenery.guarded(|| self.thread.run_pass());
        let stage = &self.scenery.play.stage;
        if stage.is_active.swap(false, Ordering::Relaxed) {
            stage.active_at.store(self.now(), Ordering::Relaxed);
        }
    }

    fn now(&self) -> HrTime {
        self.scenery.play.stage.processor.clock().get_hrtime_updated()
    }

    /// True if no event waits in any queue.
    fn nothing_waits(&self) -> bool {
        self.thread.has_no_events() && self.second.is_none_or(|second| second.is_empty())
    }

    /// Until nothing is left that is due at once: what is left are timers. A retry after a
    /// missed lock is no timer, and comes after 10 ms.
    fn until_nothing_is_due(&self) {
        loop {
            let before = self.now();
            self.pass();
            // The clock jumps only when all threads wait.
            if self.nothing_waits() || self.now() - before >= hrtime::mseconds(1) {
                return;
            }
        }
    }

    /// Until the threads of the scenario have ended, and nothing waits or nothing has happened for
    /// as long as the scenario's limits say.
    fn after(&self, foreign: Vec<Foreign>) {
        let stage = &self.scenery.play.stage;
        let patience = stage.program.limits.patience;
        let deadline = self.now() + stage.program.limits.longest;
        loop {
            let have_ended = foreign.iter().all(Foreign::has_ended);
            if have_ended && self.nothing_waits() {
                break;
            }
            let now = self.now();
            let silence = now - stage.active_at.load(Ordering::Relaxed);
            let is_over = have_ended && silence > patience;
            if is_over || stage.runaway.load(Ordering::Relaxed) || now > deadline {
                break;
            }
            if !have_ended && silence > patience {
                // A thread that does not go on although time passes waits for a mutex, or stalls.
                if silence > patience + TO_BE_FREED {
                    observers::locks::none_is_waited_for(&foreign);
                }
                explorer::sync::thread::yield_now();
            }
            self.pass();
        }
        if foreign.iter().all(Foreign::has_ended) {
            foreign.into_iter().for_each(Foreign::join);
        }
    }

    /// Until the pair is freed and nothing waits.
    fn until_freed(&self) {
        let deadline = self.now() + TO_BE_FREED;
        while !(self.scenery.play.core.is_freed() && self.nothing_waits()) && self.now() < deadline
        {
            self.pass();
        }
    }
}

/// A second event thread, which does not take turns with the first.
struct Second {
    thread: Arc<EThread>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    stops: AtomicBool,
    has_stopped: AtomicBool,
    /// No event waits in its queues, as it has seen after its last pass.
    is_empty: AtomicBool,
}

impl Second {
    fn start(processor: &Arc<EventProcessor>) -> Second {
        let state = Arc::new(State::default());
        let (its, processor) = (Arc::clone(&state), Arc::clone(processor));
        let (born, birth) = explorer::sync::mpsc::channel();
        drop(explorer::spawn("event thread 2", move || {
            let thread = processor.adopt_current_thread("ET_NET");
            // The other end waits for it.
            let _ = born.send(Arc::clone(thread.thread()));
            while !its.stops.load(Ordering::Relaxed) {
                thread.run_pass();
                its.is_empty.store(thread.has_no_events(), Ordering::Relaxed);
            }
            its.has_stopped.store(true, Ordering::Relaxed);
        }));
        Second { thread: birth.recv().expect("the thread says who it is"), state }
    }

    fn is_empty(&self) -> bool {
        self.state.is_empty.load(Ordering::Relaxed)
    }

    /// The first thread makes passes meanwhile: while it works, time stands still.
    fn stop(&self, first: &AdoptedThread) {
        self.state.stops.store(true, Ordering::Relaxed);
        while !self.state.has_stopped.load(Ordering::Relaxed) {
            first.run_pass();
        }
    }
}
