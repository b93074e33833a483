//! A scenario as a scene of the schedule explorer.
//!
//! The event thread is the scene itself; each `[thread.NAME]` is a task beside it, and with
//! `threads = 2` there is a second event thread. Time is virtual and jumps: it does not pass a
//! task that can go on, unless the scenario has `stalls`.
//!
//! | module | what it is for |
//! |---|---|
//! | `pair` | the scene: made, raced, brought to rest, closed |
//! | `foreign` | a thread that the event system does not own |
//! | `queue` | the scene of a file that only schedules events |
//! | `observers` | what is looked at when all is quiet, and after the end |
//! | `contract` | what is looked at at each callback |

mod foreign;
mod observers;
mod pair;
mod queue;

use std::sync::Arc;

use eventsys::defects::{Defect, arm};
use eventsys::{Options, WakePolicy};
use pluginvc::{Corrections, Epoch};

use super::model::Scenario;
use super::op::{Op, OpCont};
use super::race::Race;
use super::release::of_release;

/// The kinds of violation that the observers of a scenario report, beside those of
/// [`explorer::kind`].
pub mod kind {
    /// Freed memory would be used: an event that is freed is touched, or a freed state machine
    /// called back.
    pub const USE_AFTER_FREE: &str = eventsys::observe::USE_AFTER_FREE;
    /// An event comes later than it may.
    pub const LATE: &str = eventsys::observe::LATE;
    /// PluginVC breaks its contract with a user.
    pub const CONTRACT: &str = "contract";
    /// A mutex is held although no thread is doing anything.
    pub const HELD: &str = "held lock";
    /// Work is pending, and nothing is scheduled that would do it.
    pub const PENDING: &str = "lost wake-up";
    /// Something is left that should have been freed.
    pub const LEAK: &str = "leak";
    /// Bytes are lost, invented or changed.
    pub const BYTES: &str = "bytes";
}

/// What a scenario is explored in.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The epoch.
    pub epoch: Epoch,
    /// Bugs of the release that are switched off.
    pub corrections: Corrections,
    /// Historical defects that are put back.
    pub rearmed: &'static [&'static Defect],
    /// How sleeping event threads are woken; `None`: as the scenario says.
    pub wake: Option<WakePolicy>,
}

impl Setup {
    /// The port as it is, in this epoch.
    #[must_use]
    pub fn new(epoch: Epoch) -> Setup {
        let corrections = Corrections::default();
        Setup { epoch, corrections, rearmed: &[], wake: None }
    }
}

/// `scenario` as a function that one execution of the explorer calls.
pub fn scene(scenario: &Scenario, setup: &Setup) -> impl Fn() + Send + Sync + 'static + use<> {
    let scene = Arc::new(Scene::new(scenario, setup));
    move || {
        let _armed = arm(scene.setup.rearmed);
        if scene.race.schedules() > 0 {
            queue::run(&scene);
        } else {
            pair::run(&scene);
        }
    }
}

/// What all executions share.
struct Scene {
    program: super::program::Program,
    race: Race,
    setup: Setup,
    /// True if each buffer is known: an operation without a continuation has one of its own.
    watches_bytes: bool,
    /// True if all bytes of an end come out of one buffer: then they count up at the other end.
    counts_up: bool,
}

impl Scene {
    fn new(scenario: &Scenario, setup: &Setup) -> Scene {
        let mut race = scenario.race.clone().unwrap_or_default();
        if scenario.pair.foreign {
            race.threads.insert(0, foreign::connector());
            race.begin = super::race::Begin::Start;
        }
        let program = scenario.compile();
        let has = |cont| program.ops.iter().any(|op| op.cont() == Some(cont));
        // A user that calls the buffers itself puts other bytes there, or takes some away.
        let has_calls = program.ops.iter().any(|op| matches!(op, Op::Buffer(_)));
        let watches_bytes = !has(OpCont::Absent) && !has_calls;
        let counts_up = !has(OpCont::Deputy) && !has_calls;
        Scene { program, race, setup: setup.clone(), watches_bytes, counts_up }
    }

    fn options(&self) -> Options {
        let wake = self.setup.wake.unwrap_or(self.race.wake);
        of_release(self.setup.epoch, Options { wake, ..Options::default() })
    }
}
