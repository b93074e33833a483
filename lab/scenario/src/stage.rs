//! [`Stage`]: what all parts of a run know.

use pluginvc::steps::Side;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use eventsys::{EThread, EventProcessor, Guard, ProxyMutex};

use super::buffers::Seen;
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
    /// How many ends are open, or may yet be.
    pub(super) open: AtomicU32,
    /// When an end was last called back or did something.
    pub(super) active_at: AtomicI64,
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
    pub(super) fn note_activity(&self) {
        self.active_at.store(self.processor.clock().get_hrtime_updated(), Ordering::Relaxed);
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

    /// True if no reaction is carried out any more.
    pub(super) fn is_over(&self) -> bool {
        self.ending.load(Ordering::Relaxed) || self.runaway.load(Ordering::Relaxed)
    }
}
