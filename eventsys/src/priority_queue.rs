//! [`PriorityEventQueue`]: timers in ten buckets.
//!
//! Mirrors `iocore/eventsystem/I_PriorityEventQueue.h` and `PQ-List.cc` (9.1.3).
//!
//! Bucket `i` takes events due within `5 ms << i`; the last takes the rest. Time
//! is counted in units of 5 ms: each time a bit of that count changes, the
//! buckets up to it are sorted again ([`PriorityEventQueue::check_ready`]).
//! Three things follow that a user can see, and all are the original's: a timer
//! may fire up to 5 ms early, as soon as it has come to the first bucket; the
//! thread sleeps for half a bucket at most, not until the next deadline; and on
//! an idle thread a timer may be late by a part of that sleep, because its
//! bucket is looked at only when the thread wakes.
#![allow(unsafe_code)] // Lists of events that the queue's thread owns.

use crate::event::{Due, Event, EventList, Place};
use crate::hrtime::{FOREVER, HrTime, NEVER, after, mseconds};
use std::cell::Cell;

/// How many buckets there are. Mirrors `N_PQ_LIST`.
pub(crate) const N_PQ_LIST: usize = 10;

/// The span that bucket `i` covers, in nanoseconds. Mirrors `PQ_BUCKET_TIME`.
pub(crate) const fn bucket_time(i: usize) -> HrTime {
    mseconds(5) << i
}

/// The timers of one EThread. Every event in it belongs to that thread.
pub(crate) struct PriorityEventQueue {
    after: [EventList; N_PQ_LIST],
    last_check_time: Cell<HrTime>,
    /// `last_check_time` in units of the first bucket; 32 bits, as in the original.
    last_check_buckets: Cell<u32>,
}

impl PriorityEventQueue {
    pub(crate) fn new(now: HrTime) -> PriorityEventQueue {
        PriorityEventQueue {
            after: [const { EventList::new() }; N_PQ_LIST],
            last_check_time: Cell::new(now),
            last_check_buckets: Cell::new(in_buckets(now)),
        }
    }

    /// Takes a timer in.
    ///
    /// # Safety
    /// The calling thread must own `event`, which must be in no queue, and the
    /// queue must be that thread's.
    pub(crate) unsafe fn enqueue(&self, event: &'static Event, now: HrTime) {
        // SAFETY: owned, says the caller.
        let body = unsafe { event.body() };
        let Due::At(at) = body.due.get() else { unreachable!("only timers come here") };
        // course: 5 begin enqueue "choose the bucket"
        let left = until(at, now);
        let bucket = (0..N_PQ_LIST - 1).find(|&i| left <= bucket_time(i)).unwrap_or(N_PQ_LIST - 1);
        // SAFETY: as the caller says.
        unsafe { self.put(event, bucket) }
        // course: 5 stub let _ = (at, now);
        // course: 5 stub todo!("lesson 5: enqueue")
        // course: 5 end
    }

    /// Takes a timer out again before it is due.
    ///
    /// # Safety
    /// The calling thread must own `event`, and the queue must be that thread's.
    pub(crate) unsafe fn remove(&self, event: &'static Event) {
        // SAFETY: owned, says the caller.
        let body = unsafe { event.body() };
        let Place::Bucket(bucket) = body.place.replace(Place::Nowhere) else {
            panic!("in_the_priority_queue");
        };
        // SAFETY: the bucket stands in the event, so the event is in it.
        unsafe { self.after[usize::from(bucket)].remove(event) }
    }

    /// The next event of the first bucket. It need not be due yet; see the head
    /// of this module.
    ///
    /// # Safety
    /// The queue must be the calling thread's.
    #[inline]
    pub(crate) unsafe fn dequeue_ready(&self) -> Option<&'static Event> {
        // SAFETY: a queue holds only events of its own thread.
        let event = unsafe { self.after[0].dequeue() }?;
        // SAFETY: as above.
        unsafe { event.body() }.place.set(Place::Nowhere);
        Some(event)
    }

    /// Sorts the buckets whose time has come again. Cancelled events go to `dead`, whose
    /// owner frees them when the sorting is over: a `drop` may reschedule events that
    /// wait here.
    ///
    /// # Safety
    /// The queue must be the calling thread's.
    pub(crate) unsafe fn check_ready(&self, now: HrTime, dead: &EventList) {
        // course: 5 begin check_ready "sort the buckets whose time has come again"
        let check_buckets = in_buckets(now);
        let changed = check_buckets ^ self.last_check_buckets.replace(check_buckets);
        self.last_check_time.set(now);
        // The highest bit that has changed says how many buckets to look at.
        let changed = changed & ((1 << (N_PQ_LIST - 1)) - 1);
        let highest = (u32::BITS - changed.leading_zeros()) as usize;
        for i in 1..=highest {
            let waiting = self.after[i].take_all();
            // SAFETY: a queue holds only events of its own thread, and an event
            // that was dequeued is in no list.
            unsafe {
                while let Some(event) = waiting.dequeue() {
                    if event.is_cancelled() {
                        // The value of `place` that `reschedule` leaves alone.
                        event.body().place.set(Place::Protected);
                        dead.enqueue(event);
                        continue;
                    }
                    let Due::At(at) = event.body().due.get() else { unreachable!() };
                    let left = until(at, now);
                    let mut bucket = i;
                    while bucket > 0 && left <= bucket_time(bucket - 1) {
                        bucket -= 1;
                    }
                    self.put(event, bucket);
                }
            }
        }
        // course: 5 stub let _ = (now, dead);
        // course: 5 stub todo!("lesson 5: check_ready")
        // course: 5 end
    }

    /// When to look again at the latest: half a bucket after the last check.
    pub(crate) fn earliest_timeout(&self) -> HrTime {
        let first = self.after.iter().position(|list| !list.is_empty());
        after(self.last_check_time.get(), first.map_or(FOREVER, |i| bucket_time(i) / 2))
    }

    /// When [`PriorityEventQueue::check_ready`] next looks at a bucket with a timer in it;
    /// [`NEVER`] if there is no timer, and `None` if one is ready.
    pub(crate) fn sorts_next(&self) -> Option<HrTime> {
        let Some(first) = self.after.iter().position(|list| !list.is_empty()) else {
            return Some(NEVER);
        };
        // Bucket `i` is sorted when bit `i - 1` of the count changes.
        let span = bucket_time(first.checked_sub(1)?);
        Some((self.last_check_time.get() / span + 1) * span)
    }

    /// What [`PriorityEventQueue::check_ready`] does at `now`, before [`PriorityEventQueue::sorts_next`].
    pub(crate) fn skip_to(&self, now: HrTime) {
        debug_assert!(self.sorts_next().is_some_and(|next| now < next));
        self.last_check_time.set(now);
        self.last_check_buckets.set(in_buckets(now));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.after.iter().all(EventList::is_empty)
    }

    /// Every event, whatever its bucket; the thread is ending.
    ///
    /// # Safety
    /// The queue must be the calling thread's.
    pub(crate) unsafe fn dequeue_any(&self) -> Option<&'static Event> {
        self.after.iter().find_map(|list| {
            // SAFETY: a queue holds only events of its own thread.
            let event = unsafe { list.dequeue() }?;
            // SAFETY: as above.
            unsafe { event.body() }.place.set(Place::Nowhere);
            Some(event)
        })
    }

    /// # Safety
    /// As for [`PriorityEventQueue::enqueue`].
    unsafe fn put(&self, event: &'static Event, bucket: usize) {
        let number = u8::try_from(bucket).expect("ten buckets");
        // SAFETY: as the caller says.
        unsafe {
            event.body().place.set(Place::Bucket(number));
            self.after[bucket].enqueue(event);
        }
    }
}

/// The time from `now` to `at`; for [`NEVER`] always the longest possible.
#[inline]
const fn until(at: HrTime, now: HrTime) -> HrTime {
    if at == NEVER { NEVER } else { at - now }
}

/// `now` in units of the first bucket, cut to 32 bits.
fn in_buckets(now: HrTime) -> u32 {
    (now / bucket_time(0)) as u32
}

#[cfg(all(test, not(feature = "explore")))]
mod tests {
    use super::*;
    use crate::event::FreeEvents;
    use crate::hrtime::MSECOND;

    fn timer(free: &FreeEvents, at: HrTime) -> &'static Event {
        let event = free.allocate();
        // SAFETY: allocated by this thread.
        unsafe { event.body() }.due.set(Due::At(at));
        event
    }

    /// When each of the timers comes out if the queue is checked every `step`.
    fn fires_at(deadlines: &[HrTime], step: HrTime, until: HrTime) -> Vec<(HrTime, HrTime)> {
        let free = FreeEvents::new();
        let queue = PriorityEventQueue::new(0);
        let mut fired = Vec::new();
        // SAFETY: one thread, which allocates every event that it queues.
        unsafe {
            for &at in deadlines {
                queue.enqueue(timer(&free, at), 0);
            }
            for now in (0..=until).step_by(usize::try_from(step).unwrap()) {
                queue.check_ready(now, &EventList::new());
                while let Some(event) = queue.dequeue_ready() {
                    let Due::At(at) = event.body().due.get() else { unreachable!() };
                    fired.push((at / MSECOND, now / MSECOND));
                    free.free(event);
                }
            }
        }
        fired
    }

    #[test]
    fn timers_fire_up_to_one_bucket_early() {
        let deadlines = [5, 6, 10, 11, 40, 700, 9000].map(mseconds);
        assert_eq!(
            fires_at(&deadlines, mseconds(5), mseconds(10_000)),
            // 6 and 10 come at 5, when what is left of them fits the first bucket.
            [(5, 0), (6, 5), (10, 5), (11, 10), (40, 35), (700, 695), (9000, 8995)]
        );
    }

    #[test]
    fn the_sleep_is_half_a_bucket() {
        let free = FreeEvents::new();
        let queue = PriorityEventQueue::new(mseconds(100));
        assert_eq!(queue.earliest_timeout(), mseconds(100) + FOREVER);
        // SAFETY: one thread, which allocates every event that it queues.
        unsafe {
            queue.enqueue(timer(&free, mseconds(100 + 41)), mseconds(100));
            assert_eq!(queue.earliest_timeout(), mseconds(100 + 40));
            let soon = timer(&free, mseconds(100 + 5));
            queue.enqueue(soon, mseconds(100));
            assert_eq!(queue.earliest_timeout(), mseconds(100) + mseconds(5) / 2);
            queue.remove(soon);
            assert_eq!(queue.earliest_timeout(), mseconds(100 + 40));
        }
    }

    #[test]
    fn cancelled_timers_are_dead_when_met() {
        let free = FreeEvents::new();
        let queue = PriorityEventQueue::new(0);
        // SAFETY: one thread, which allocates every event that it queues.
        unsafe {
            let event = timer(&free, mseconds(30));
            queue.enqueue(event, 0);
            event.reference().cancel();
            let dead = EventList::new();
            queue.check_ready(mseconds(5), &dead);
            assert!(dead.is_empty(), "its bucket has not been looked at yet");
            queue.check_ready(mseconds(20), &dead);
            assert!(queue.is_empty() && dead.dequeue().is_some_and(|met| std::ptr::eq(met, event)));
            assert_eq!(event.body().place.get(), Place::Protected, "`reschedule` leaves it alone");
        }
    }

    #[test]
    fn a_check_that_is_skipped_would_find_nothing() {
        let free = FreeEvents::new();
        let (all, some) = (PriorityEventQueue::new(0), PriorityEventQueue::new(0));
        let mut skipped = 0;
        let numbers = |queue: &PriorityEventQueue| {
            (queue.last_check_time.get(), queue.last_check_buckets.get())
        };
        // SAFETY: one thread, which allocates every event that it queues.
        unsafe {
            for now in (0..20_000).map(mseconds) {
                if now % mseconds(3_000) == 0 {
                    let at = now + now / 2;
                    for queue in [&all, &some] {
                        queue.enqueue(timer(&free, at), now);
                    }
                }
                all.check_ready(now, &EventList::new());
                if some.sorts_next().is_some_and(|next| now < next) {
                    some.skip_to(now);
                    skipped += 1;
                } else {
                    some.check_ready(now, &EventList::new());
                }
                assert_eq!(numbers(&some), numbers(&all));
                let [in_some, in_all] = [&some, &all].map(|queue| queue.dequeue_ready().is_some());
                assert_eq!(in_some, in_all, "at {} ms", now / MSECOND);
            }
        }
        assert!(skipped > 15_000, "{skipped}");
    }
}
