//! A transaction and a session stay on one thread.
//!
//! Mirrors `setThreadAffinity` in `HttpSM::init` and `HttpSessionAccept::accept`,
//! and the question of `TSHttpTxnReenable` (9.2.9).

use std::sync::Arc;

use eventsys::{ContinuationBase, EThread, EventProcessor};

/// From now on events for `base` run on the calling thread, if that is an event
/// thread of `processor`. On any other thread the choice stays open: the first
/// thread that gets an event for `base` keeps it.
pub(crate) fn keep_to_this_thread(processor: &Arc<EventProcessor>, base: &ContinuationBase) {
    if let Some(index) = index_here(processor) {
        base.set_thread_affinity(index);
    }
}

/// True on the thread that `base` keeps to. Mirrors
/// `getThreadAffinity() == this_ethread()`.
pub(crate) fn is_home(processor: &Arc<EventProcessor>, base: &ContinuationBase) -> bool {
    let here = index_here(processor);
    here.is_some() && here == base.thread_affinity()
}

/// True on any event thread of `processor`.
pub(crate) fn is_on_thread_of(processor: &Arc<EventProcessor>) -> bool {
    index_here(processor).is_some()
}

/// The calling thread's index. Two processors count from 0 each, so the thread
/// must be of this one.
fn index_here(processor: &Arc<EventProcessor>) -> Option<usize> {
    EThread::with_current(|current| {
        let thread = current?;
        let of = thread.processor()?;
        Arc::ptr_eq(&of, processor).then(|| thread.index())
    })
}
