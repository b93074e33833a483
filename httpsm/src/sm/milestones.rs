//! [`Milestone`]: when a transaction has come how far.
//!
//! Mirrors `TransactionMilestones` of `proxy/Milestones.h` and the places in `HttpSM.cc` that set them
//! (9.2.9).

use std::cell::Cell;

use eventsys::HrTime;

use super::{Run, Sm};

/// A point in the life of a transaction; [`HttpTxn::milestone`](crate::HttpTxn::milestone) gives its
/// time. Mirrors `TSMilestonesType`, without those of the cache, of DNS, of TLS and of plugins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Milestone {
    /// The session has a request for it (`TS_MILESTONE_UA_BEGIN`).
    UaBegin,
    /// The first bytes of the request have come.
    UaFirstRead,
    /// The head of the request is complete.
    UaReadHeaderDone,
    /// The plugins of [`SendResponseHdr`](crate::hooks::HttpHook::SendResponseHdr) are called; the answer
    /// follows.
    UaBeginWrite,
    /// The client has its answer, or has gone.
    UaClose,
    /// The first connection to the origin server begins.
    ServerFirstConnect,
    /// The last connection to the origin server begins.
    ServerConnect,
    /// The connection is there, or has failed.
    ServerConnectEnd,
    /// The head of the request goes to the origin server, or to the plugin in its place.
    ServerBeginWrite,
    /// The first bytes of the answer have come.
    ServerFirstRead,
    /// The head of the answer is complete.
    ServerReadHeaderDone,
    /// The origin server has sent its answer. A plugin in its place, which has no
    /// [`ServerConnect`](Milestone::ServerConnect), has none.
    ServerClose,
    /// The machine is made.
    SmStart,
    /// The machine ends.
    SmFinish,
}

const COUNT: usize = Milestone::SmFinish as usize + 1;

/// The times of those that have come.
#[derive(Default)]
pub(crate) struct Milestones([Cell<Option<HrTime>>; COUNT]);

impl Milestones {
    fn place(&self, milestone: Milestone) -> &Cell<Option<HrTime>> {
        &self.0[milestone as usize]
    }
}

impl Sm {
    /// When it came.
    pub(crate) fn milestone(&self, milestone: Milestone) -> Option<HrTime> {
        self.milestones.place(milestone).get()
    }
}

impl Run<'_> {
    /// It has come, if the proxy keeps milestones at all.
    pub(super) fn mark(self, milestone: Milestone) {
        if self.sm.proxy.keeps_milestones() {
            self.state.milestones.place(milestone).set(Some(self.sm.proxy.local_hrtime()));
        }
    }

    /// It will come once more.
    pub(super) fn forget(self, milestone: Milestone) {
        self.state.milestones.place(milestone).set(None);
    }

    /// As [`Run::mark`], unless it has come before.
    pub(super) fn mark_first(self, milestone: Milestone) {
        if self.state.milestone(milestone).is_none() {
            self.mark(milestone);
        }
    }
}
