//! Allocation of events: a table that only grows, and two kinds of free list.
//!
//! Mirrors `eventAllocator`, `THREAD_ALLOC` and `THREAD_FREE`. Each EThread keeps
//! a list of its own, used last in, first out, without a lock; what exceeds
//! [`LOCAL_MAX`] goes to the global list, where threads that are not EThreads
//! take theirs from. Events are never given back to the system, as in the
//! original: the table keeps the high-water mark.
#![allow(unsafe_code)] // Ownership of an event begins and ends here.

#[cfg(all(feature = "explore", not(feature = "shuttle")))]
mod recycled;

use std::cell::Cell;
use std::sync::OnceLock;

use super::{Event, Place};
use crate::continuation::ContRef;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, global};
use crate::thread_id::ThreadId;

/// The most events that an EThread keeps for itself.
const LOCAL_MAX: usize = 1024;

/// The first chunk of the table; each further chunk is twice the one before.
/// Small under exploration, where every execution makes a table of its own.
const FIRST_CHUNK: usize = if cfg!(feature = "explore") { 8 } else { 256 };

const CHUNKS: usize = 24;

global! {
    static POOL: Pool = Pool::new();
}

struct Pool {
    /// Chunk `k` has `FIRST_CHUNK << k` events. Chunks are leaked on purpose:
    /// an event lives as long as the process.
    chunks: [OnceLock<&'static [Event]>; CHUNKS],
    free: Mutex<Vec<&'static Event>>,
    made: AtomicUsize,
}

impl Pool {
    fn new() -> Pool {
        Pool {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::new(Vec::new()),
            made: AtomicUsize::new(0),
        }
    }

    fn grow(&self, free: &mut Vec<&'static Event>) {
        let made = self.made.load(Ordering::Relaxed);
        let (chunk, offset) = place_of(made);
        assert_eq!(offset, 0, "the table grows by whole chunks");
        let first = u32::try_from(made).expect("fewer than 2^32 events");
        let size = u32::try_from(FIRST_CHUNK << chunk).expect("fewer than 2^32 events");
        let events = chunk_of(chunk, first..first + size);
        assert!(self.chunks[chunk].set(events).is_ok(), "the pool's lock is held");
        free.extend(events.iter().rev());
        self.made.store(made + events.len(), Ordering::Relaxed);
    }
}

#[cfg(not(all(feature = "explore", not(feature = "shuttle"))))]
fn chunk_of(_: usize, indices: std::ops::Range<u32>) -> &'static [Event] {
    Box::leak(indices.map(Event::new).collect::<Box<[Event]>>())
}

#[cfg(all(feature = "explore", not(feature = "shuttle")))]
use recycled::chunk_of;

/// Chunk and offset of the event with this index: chunk `k` begins at
/// `FIRST_CHUNK * (2^k - 1)`.
fn place_of(index: usize) -> (usize, usize) {
    let chunk = (index / FIRST_CHUNK + 1).ilog2() as usize;
    (chunk, index - FIRST_CHUNK * ((1 << chunk) - 1))
}

/// The event with this index.
///
/// # Panics
/// If there is no such event.
pub(super) fn event_at(index: u32) -> &'static Event {
    let (chunk, offset) = place_of(index as usize);
    POOL.with(|pool| &pool.chunks[chunk].get().expect("an index comes from an event")[offset])
}

/// An event from the global list, now owned by the calling thread.
pub(crate) fn allocate() -> &'static Event {
    let event = POOL.with(|pool| {
        let mut free = pool.free.lock();
        if free.is_empty() {
            pool.grow(&mut free);
        }
        free.pop().expect("the pool has grown")
    });
    event.owner.store(ThreadId::current().as_u64(), Ordering::Release);
    event
}

/// The free list of one EThread, linked through the events as the original's is.
#[derive(Default)]
pub(crate) struct FreeEvents {
    /// The event that was freed last.
    top: Cell<Option<&'static Event>>,
    len: Cell<usize>,
}

impl FreeEvents {
    pub(crate) const fn new() -> FreeEvents {
        FreeEvents { top: Cell::new(None), len: Cell::new(0) }
    }

    /// An event, owned by the calling thread, which is the list's.
    #[inline]
    pub(crate) fn allocate(&self) -> &'static Event {
        self.pop().unwrap_or_else(allocate)
    }

    /// Frees an event: from now on every [`EventRef`](super::EventRef) to it is
    /// stale. Mirrors `EThread::free_event`.
    ///
    /// # Safety
    /// The calling thread must own `event`, which must be in no queue.
    #[inline]
    pub(crate) unsafe fn free(&self, event: &'static Event) {
        // SAFETY: owned, says the caller.
        let cont = unsafe { event.body() }.cont.take();
        // SAFETY: as the caller says.
        unsafe { self.free_dispatched(event, cont) };
    }

    /// As [`FreeEvents::free`], for an event whose continuation has been taken out.
    ///
    /// # Safety
    /// As for [`FreeEvents::free`].
    #[inline(always)]
    pub(crate) unsafe fn free_dispatched(&self, event: &'static Event, cont: Option<ContRef>) {
        // SAFETY: owned, says the caller.
        let body = unsafe { event.body() };
        debug_assert_eq!(body.place.get(), Place::Nowhere);
        #[cfg(feature = "explore")]
        body.missed.set(0);
        let cookie = body.cookie.take();
        let generation = event.state.load(Ordering::Relaxed) >> 1;
        event.state.store((generation + 1) << 1, Ordering::Release);
        // An `EventRef` keeps 32 bits of the generation, so no generation may
        // come twice: an event that has used all of them is retired.
        if generation < u64::from(u32::MAX) {
            body.next.set(self.top.replace(Some(event)));
            self.len.set(self.len.get() + 1);
        }
        if self.len.get() > LOCAL_MAX {
            self.give_back_oldest(LOCAL_MAX / 2);
        }
        // Last, because a user's `drop` may schedule events.
        drop((cont, cookie));
    }

    /// Gives every event to the global list; the thread is ending.
    pub(crate) fn give_back_all(&self) {
        self.give_back_oldest(self.len.get());
    }

    /// The event that was freed last, if there is one.
    #[inline]
    fn pop(&self) -> Option<&'static Event> {
        let event = self.top.get()?;
        // SAFETY: what is in the list belongs to the list's thread, which is the calling one.
        self.top.set(unsafe { event.body() }.next.get());
        self.len.set(self.len.get() - 1);
        Some(event)
    }

    /// Gives the `count` events that were freed first to the global list.
    #[cold]
    fn give_back_oldest(&self, count: usize) {
        let mut all: Vec<_> = std::iter::from_fn(|| self.pop()).collect();
        let oldest = all.split_off(all.len() - count);
        for event in all.into_iter().rev() {
            // SAFETY: as above; it has just been taken out.
            unsafe { event.body() }.next.set(self.top.replace(Some(event)));
            self.len.set(self.len.get() + 1);
        }
        give_back(oldest.into_iter().rev());
    }
}

/// Puts events into the global list, from which the last one is taken first.
fn give_back(events: impl Iterator<Item = &'static Event>) {
    POOL.with(|pool| {
        let mut free = pool.free.lock();
        free.extend(events.inspect(|event| event.owner.store(0, Ordering::Release)));
    });
}

/// How many events there are, in the whole process.
///
/// ```
/// let census = eventsys::event_census();
/// assert!(census.free <= census.made, "the rest is in use");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventCensus {
    /// Events ever made.
    pub made: usize,
    /// Events in the global free list.
    pub free: usize,
}

/// Counts the events of the process. Those in the free lists of running EThreads
/// count as not free.
#[must_use]
pub fn event_census() -> EventCensus {
    POOL.with(|pool| {
        let free = pool.free.lock();
        EventCensus { made: pool.made.load(Ordering::Relaxed), free: free.len() }
    })
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use super::*;
    use crate::event::index_of;

    #[test]
    fn every_index_leads_back_to_its_event() {
        let events: Vec<_> = (0..1000).map(|_| allocate()).collect();
        for event in &events {
            assert!(std::ptr::eq(event_at(index_of(event.number).unwrap()), *event));
        }
        assert_eq!(place_of(0), (0, 0));
        assert_eq!(place_of(FIRST_CHUNK - 1), (0, FIRST_CHUNK - 1));
        assert_eq!(place_of(FIRST_CHUNK), (1, 0));
        assert_eq!(place_of(3 * FIRST_CHUNK), (2, 0));
        give_back(events.into_iter());
    }

    #[test]
    fn freeing_makes_references_stale_and_reuses_the_address() {
        let list = FreeEvents::new();
        let event = list.allocate();
        let first = event.reference();
        assert!(first.is_live());
        // SAFETY: allocated by this thread and queued nowhere.
        unsafe { list.free(event) };
        assert!(!first.is_live());
        assert_eq!(first.try_cancel(), Err(super::super::StaleEvent));
        let again = list.allocate();
        assert!(std::ptr::eq(event, again), "last freed, first used");
        assert_ne!(again.reference(), first);
        // SAFETY: allocated by this thread and queued nowhere.
        unsafe { list.free(again) };
        list.give_back_all();
    }
}
