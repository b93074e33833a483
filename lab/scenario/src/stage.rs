//! [`Stage`]: what all parts of a run know.

use pluginvc::steps::Side;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use eventsys::{EThread, EventProcessor, Guard, ProxyMutex, StateMachine};
use iocore::NetVcRef;

use super::buffers::Seen;
use super::calls::Interface;
use super::contract::Contract;
use super::end::End;
use super::held::{Holder, give_way, release_all};
use super::model::Trigger;
use super::op::Owner;
use super::program::Program;
use super::record::{Recorder, What};
use super::run::{Finish, PASS, PASSES_AFTER_CLOSE};

/// What is between the two ends.
pub(super) struct Between {
    /// The number of the pair, for the steps.
    pub(super) pair: u32,
    pub(super) core_mutex: Arc<ProxyMutex>,
    /// A shutdown takes the core's mutex.
    pub(super) locks_shutdown: bool,
    /// The functions of the plugin interface that the users call.
    pub(super) interface: Interface,
}

/// What all parts of a run know.
pub(super) struct Stage {
    pub(super) program: Program,
    /// Where each reaction stands in the program.
    pub(super) reactions: HashMap<(Side, Trigger), usize>,
    pub(super) processor: Arc<EventProcessor>,
    /// The event threads; the first one twice if there is only one.
    pub(super) threads: [Arc<EThread>; 2],
    pub(super) between: Between,
    pub(super) holder: Arc<Holder>,
    pub(super) calls: AtomicU32,
    pub(super) written: AtomicI64,
    /// Which ends have been closed.
    pub(super) closed: [AtomicBool; 2],
    /// What PluginVC owes the users, and they to it.
    pub(super) contract: Contract,
    /// When an end was last called back or did something.
    pub(super) active_at: AtomicI64,
    /// An end has been called back or has done something since the last pass.
    #[cfg(feature = "explore")]
    pub(super) is_active: AtomicBool,
    /// What was in the buffers at each callback.
    pub(super) seen: Mutex<Vec<Seen>>,
    /// A reaction has gone on for too long.
    pub(super) runaway: AtomicBool,
    /// Takes the records of the run, if anyone wants them.
    pub(super) recorder: Option<Arc<Recorder>>,
    /// The scenario is over: no reaction is carried out any more, and an end that gets
    /// a connection now closes it.
    pub(super) ending: AtomicBool,
}

impl Stage {
    /// A stage of this program on an event thread, or two.
    pub(super) fn new(
        program: &Program,
        processor: &Arc<EventProcessor>,
        threads: [Arc<EThread>; 2],
        between: Between,
        holder: Arc<Holder>,
        recorder: Option<Arc<Recorder>>,
    ) -> Arc<Stage> {
        Arc::new(Stage {
            program: program.clone(),
            reactions: program.index(),
            processor: Arc::clone(processor),
            threads,
            between,
            holder,
            recorder,
            calls: AtomicU32::new(0),
            written: AtomicI64::new(0),
            #[cfg(feature = "explore")]
            is_active: AtomicBool::new(false),
            seen: Mutex::default(),
            closed: Default::default(),
            contract: Contract::new(),
            active_at: AtomicI64::new(processor.clock().get_hrtime()),
            runaway: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        })
    }

    /// Tells both ends where they play.
    pub(super) fn enter(self: &Arc<Self>, ends: [&Arc<StateMachine<End>>; 2]) {
        for end in ends {
            let guard = end.mutex().lock();
            end.state(&guard).enter(&guard, end, self);
        }
    }

    /// Makes passes until the run is over; `is_freed` says whether what is between the ends is
    /// freed.
    pub(super) fn pass_until_over(&self, pass: &dyn Fn(), is_freed: &dyn Fn() -> bool) -> Finish {
        let clock = self.processor.clock();
        let limits = self.program.limits;
        let deadline = clock.get_hrtime_updated() + limits.longest;
        loop {
            pass();
            let now = clock.get_hrtime_updated();
            let silence = now - self.active_at.load(Ordering::Relaxed);
            let is_closed = self.is_closed();
            if self.runaway.load(Ordering::Relaxed) {
                return Finish::Runaway;
            } else if is_closed && silence > PASSES_AFTER_CLOSE * PASS || silence > limits.patience
            {
                return if is_freed() { Finish::Freed } else { Finish::Quiet };
            } else if now > deadline {
                return Finish::TimeIsUp;
            }
        }
    }

    /// Ends the run: no reaction is carried out any more, and open ends are closed.
    pub(super) fn close_what_is_open(&self, ends: [&Arc<StateMachine<End>>; 2]) {
        self.ending.store(true, Ordering::Relaxed);
        release_all(&self.holder);
        for end in ends {
            end.state(&end.mutex().lock()).close();
        }
    }

    /// Something happens now that a run waits for.
    #[cfg(not(feature = "explore"))]
    pub(super) fn note_activity(&self) {
        self.active_at.store(self.processor.clock().get_hrtime_updated(), Ordering::Relaxed);
    }

    /// The same, without a look at the clock: the clock is an object that threads share, and a
    /// look of the interpreter would be a point that no server has. The event thread sets the time
    /// after its pass.
    #[cfg(feature = "explore")]
    pub(super) fn note_activity(&self) {
        self.is_active.store(true, Ordering::Relaxed);
    }

    /// Records that this happens now, if anyone wants to know.
    pub(super) fn note(&self, what: What) {
        if let Some(recorder) = &self.recorder {
            recorder.note(self.processor.clock(), what);
        }
    }

    /// Takes the core's mutex, from a foreign thread if need be.
    pub(super) fn lock_core(&self) -> Guard<'_> {
        give_way(&self.holder, Owner::Core);
        self.between.core_mutex.lock()
    }

    /// Closes the connection of this end, unless that has been done.
    pub(super) fn close(&self, side: Side, vc: &NetVcRef) {
        if !self.closed[side.index()].swap(true, Ordering::Relaxed) {
            self.contract.closes(side, || vc.do_io_close(None));
        }
    }

    /// True if both ends have been closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.iter().all(|closed| closed.load(Ordering::Relaxed))
    }

    /// True if no reaction is carried out any more.
    pub(super) fn is_over(&self) -> bool {
        self.ending.load(Ordering::Relaxed) || self.runaway.load(Ordering::Relaxed)
    }
}
