//! The life of an EThread: how a thread becomes an EThread, and how it ends.
//!
//! State machines, cookies and the tail handler end with their thread, and their `drop`
//! is user code: it may close a connection, schedule, reschedule, lock, shut the
//! processor down, or panic. So the thread is marked as ended first, and takes no event
//! from then on; and every `drop` is called, whatever the ones before it have done.
#![allow(unsafe_code)] // Queues of events that the thread owns.

use std::rc::Rc;
use std::sync::Arc;
use std::thread::Result;

use super::{CURRENT, EThread, Local};
use crate::contain::contain;
use crate::event::{Event, Place};
use crate::sync::atomic::Ordering;

impl EThread {
    /// Asked before an EThread is made for the calling thread: a refusal leaves
    /// nothing behind.
    ///
    /// # Panics
    /// If an EThread runs on the calling thread, or that thread is past the end of its
    /// thread-locals.
    pub(crate) fn check_that_none_runs_here() {
        match CURRENT.try_with(|current| current.borrow().is_some()) {
            Ok(false) => {}
            Ok(true) => panic!("an EThread already runs on this thread"),
            Err(_) => panic!("no EThread can begin on a thread that is ending"),
        }
    }

    /// Makes a new thread of the system this one.
    pub(crate) fn adopt_os_thread(self: &Arc<EThread>) {
        self.thread_id.adopt();
        self.begin();
    }

    /// Makes the calling thread, whose number this EThread already has and on which no
    /// other one runs, this one.
    pub(crate) fn begin(self: &Arc<EThread>) {
        let this = Some(Rc::new(Arc::clone(self)));
        let before = CURRENT.with(|current| current.replace(this));
        debug_assert!(before.is_none(), "asked before the thread was made");
        self.mutex.lock_for_life();
    }

    /// True once the thread has run its last event. An event that is scheduled on it then is freed
    /// at once: its [`EventRef`](crate::EventRef) is stale.
    #[inline]
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// The thread has run its last event: frees what is still queued, without
    /// calling a handler, and lets the calling thread be an ordinary one again.
    ///
    /// # Errors
    /// The first panic of a `drop`, after all of them have been called.
    pub(crate) fn end(&self) -> Result<()> {
        self.ended.store(true, Ordering::SeqCst);
        let local = self.local();
        let mut result = Ok(());
        // SAFETY: `local` and what is in its queues belong to the calling thread.
        // From here on a pusher keeps its event, and frees it.
        unsafe { self.external.close(&local.queue) };
        while let Some(event) = local.take_any() {
            // SAFETY: this thread's event, and in no queue.
            result = result.and(contain(|| unsafe { local.free.free(event) }));
        }
        // With it go the connections of a net thread.
        let tail = self.tail.lock().take();
        result = result.and(contain(|| drop(tail)));
        local.free.give_back_all();
        // It is gone already if the thread is past the end of its thread-locals.
        let current = CURRENT.try_with(|current| current.take());
        drop(current);
        // Last, so that the mutex is held during every `drop` of the thread's values. From now on
        // other threads can call the continuations that have inherited it.
        self.mutex.unlock_for_life();
        result
    }
}

impl Local {
    /// Any event, whatever its queue; the thread is ending.
    fn take_any(&self) -> Option<&'static Event> {
        // SAFETY: the queues belong to the calling thread, which alone reaches `Local`.
        unsafe {
            let first = [&self.dead, &self.queue, &self.negative].into_iter();
            let event = first.filter_map(|list| list.dequeue()).next();
            let event = event.or_else(|| self.priority.dequeue_any())?;
            event.body().place.set(Place::Nowhere);
            Some(event)
        }
    }

    /// Frees the events that were found cancelled. If a `drop` panics, the events
    /// behind it stay in the list for the next time.
    #[inline]
    pub(super) fn free_dead(&self) {
        // SAFETY: as above; an event that was dequeued is in no queue.
        unsafe {
            while let Some(event) = self.dead.dequeue() {
                event.body().place.set(Place::Nowhere);
                self.free.free(event);
            }
        }
    }
}
