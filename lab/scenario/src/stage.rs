//! [`Stage`]: what all parts of a run know.

use pluginvc::steps::Side;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use eventsys::{EThread, EventProcessor, Guard, ProxyMutex};
use iocore::NetVcRef;

use super::buffers::Seen;
use super::contract::Contract;
use super::held::{Holder, give_way};
use super::model::Trigger;
use super::op::Owner;
use super::program::Program;
use super::record::{Recorder, What};

/// What all parts of a run know.
pub(super) struct Stage {
    pub(super) program: Program,
    /// Where each reaction stands in the program.
    pub(super) reactions: HashMap<(Side, Trigger), usize>,
    pub(super) processor: Arc<EventProcessor>,
    /// The event threads; the first one twice if there is only one.
    pub(super) threads: [Arc<EThread>; 2],
    /// The number of the pair, for the steps.
    pub(super) pair: u32,
    pub(super) core_mutex: Arc<ProxyMutex>,
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
        self.core_mutex.lock()
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
