//! [`ProtectedQueue`]: through it any thread gives events to an event thread, and on it that
//! thread sleeps while it has nothing to do.
//!
//! Mirrors `ProtectedQueue` of `iocore/eventsystem/I_ProtectedQueue.h` and
//! `ProtectedQueue.cc` (9.1.3), except for its `localQueue`, which belongs to the owner alone and
//! is kept with the owner's other state.
//!
//! Any thread pushes; the owner takes everything at once, in the order in which
//! it came. Only a push onto an *empty* queue, by a thread other than the owner,
//! wakes the owner: a thread that pushes onto a queue that is not empty relies on the wake-up of
//! the push before.
#![allow(unsafe_code)] // The lock-free list of events.

use std::ptr;
use std::time::Duration;

use crate::defects::{planted, rearmed};
use crate::event::{Event, EventList, Place};
use crate::hrtime::HrTime;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::thread_id::ThreadId;

/// How a thread is woken that may be going to sleep just now.
///
/// ```
/// use eventsys::{Clock, EventProcessor, Options, WakePolicy};
///
/// let options = Options { wake: WakePolicy::TryLock, ..Options::default() };
/// let as_in_9_0 = EventProcessor::with_options(Clock::new_virtual(), options);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WakePolicy {
    /// The signaller waits for the sleeper's lock. No wake-up is lost. As in 8.1,
    /// and the default, although 9.1.3 does the other: the net threads of 9.1.3 are woken through
    /// an eventfd, so they lose no wake-ups either.
    #[default]
    Blocking,
    /// The sleeper holds its lock for as long as it is awake. A signaller that cannot take the lock
    /// takes the sleeper for busy and gives up. As in 9.0 and later (#4721).
    ///
    /// **A wake-up can be lost**: between the sleeper's test for an empty queue
    /// and its wait the lock is held, so the signaller gives up; and the next
    /// one finds a queue that is not empty and does not signal either. All
    /// events then wait until the sleep times out.
    TryLock,
}

/// Where an event goes that a thread schedules on itself, other than by the
/// `schedule_*_local` methods, which always take the local queue.
///
/// ```
/// use eventsys::{Clock, EventProcessor, Options, OwnEvents};
///
/// let options = Options { own_events: OwnEvents::ExternalQueue, ..Options::default() };
/// let as_in_8_1 = EventProcessor::with_options(Clock::new_virtual(), options);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OwnEvents {
    /// Its local queue: the event comes in the same pass if that is still
    /// emptying the queue. As in 9.0 and later.
    #[default]
    LocalQueue,
    /// Its external queue, like the events of all other threads: the event comes
    /// in the next pass, and after what was scheduled locally meanwhile. As in
    /// 8.1.
    ExternalQueue,
}

/// The external queue of one EThread.
pub(crate) struct ProtectedQueue {
    /// A stack linked through the events, newest first. Mirrors `al`.
    head: AtomicPtr<Event>,
    policy: WakePolicy,
    /// Mirrors `lock`.
    sleep: Mutex<()>,
    /// Mirrors `might_have_data`.
    might_have_data: Condvar,
}

/// The result of a push.
pub(crate) enum Pushed {
    /// The queue was empty: its owner must be woken.
    OnEmpty,
    OnOthers,
    /// The queue is closed; the event is still the caller's.
    Closed,
}

/// The head of a closed queue: an address at which no event can be.
const CLOSED: *mut Event = ptr::without_provenance_mut(1);

impl ProtectedQueue {
    pub(crate) fn new(policy: WakePolicy) -> ProtectedQueue {
        ProtectedQueue {
            head: AtomicPtr::new(ptr::null_mut()),
            policy,
            sleep: Mutex::new(()),
            might_have_data: Condvar::new(),
        }
    }

    /// Pushes `event`, which belongs to `owner` from then on. `OnEmpty` if the queue was
    /// empty: the caller must then wake the owner, unless it is the owner.
    ///
    /// # Safety
    /// The calling thread must own `event`, which must be in no queue.
    pub(crate) unsafe fn push(&self, event: &'static Event, owner: ThreadId) -> Pushed {
        // SAFETY: owned, says the caller. The link is written while the event is
        // already `owner`'s, but no thread can reach it there before the exchange below has
        // succeeded.
        // course: 3 begin push "put an event on the stack"
        let next = unsafe {
            event.body().place.set(Place::Protected);
            let next = event.link();
            event.hand_to(owner);
            next
        };
        let new = ptr::from_ref(event).cast_mut();
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            if head == CLOSED {
                // SAFETY: no other thread has reached the event: it was never linked, and no
                // reference to it has been given out.
                unsafe {
                    event.take_over();
                    event.body().place.set(Place::Nowhere);
                }
                return Pushed::Closed;
            }
            // SAFETY: every other pointer here was made from a `&'static Event`; the
            // acquiring loads make its first initialization visible.
            next.set(unsafe { head.as_ref() });
            match self.head.compare_exchange_weak(head, new, Ordering::SeqCst, Ordering::Acquire) {
                Ok(_) if head.is_null() => return Pushed::OnEmpty,
                Ok(_) => return Pushed::OnOthers,
                Err(now) => head = now,
            }
        }
        // course: 3 stub let _ = (event, owner);
        // course: 3 stub todo!("lesson 3: push")
        // course: 3 end
    }

    /// Moves everything into `local`, oldest first; what is cancelled goes to `dead`.
    /// Mirrors `dequeue_external`.
    ///
    /// # Safety
    /// The calling thread must be the owner, or have taken over from it.
    pub(crate) unsafe fn drain(&self, local: &EventList, dead: &EventList) {
        if self.is_empty() {
            return;
        }
        // Taking all at once is what makes the stack safe from ABA.
        // SAFETY: as the caller says.
        unsafe { self.take(ptr::null_mut(), local, dead) }
    }

    /// As [`ProtectedQueue::drain`], for everything, and no push succeeds from now on.
    ///
    /// # Safety
    /// As for [`ProtectedQueue::drain`]; no `drain` afterwards (it would find the queue
    /// empty).
    pub(crate) unsafe fn close(&self, local: &EventList) {
        // SAFETY: as the caller says.
        unsafe { self.take(CLOSED, local, local) }
    }

    unsafe fn take(&self, leave: *mut Event, local: &EventList, dead: &EventList) {
        let mut newest = if rearmed(&planted::DRAIN) {
            let newest = self.head.load(Ordering::SeqCst);
            self.head.store(leave, Ordering::SeqCst);
            newest
        } else {
            self.head.swap(leave, Ordering::SeqCst)
        };
        if newest == CLOSED {
            return;
        }
        // course: 3 begin take "hand the events over, oldest first"
        let mut oldest: Option<&'static Event> = None;
        // SAFETY: only this thread reaches the events that came out of the swap.
        unsafe {
            while let Some(event) = newest.as_ref() {
                let link = event.link();
                newest = link.get().map_or(ptr::null_mut(), |e| ptr::from_ref(e).cast_mut());
                link.set(oldest);
                oldest = Some(event);
            }
            while let Some(event) = oldest {
                oldest = event.link().get();
                if event.is_cancelled() { dead.enqueue(event) } else { local.enqueue(event) }
            }
        }
        // course: 3 stub let _ = (&mut newest, local, dead);
        // course: 3 stub todo!("lesson 3: take")
        // course: 3 end
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::SeqCst);
        head.is_null() || head == CLOSED
    }

    /// The lock that the owner holds while it is awake; see [`WakePolicy::TryLock`].
    pub(crate) fn stay_awake(&self) -> Option<MutexGuard<'_, ()>> {
        (self.policy == WakePolicy::TryLock).then(|| self.sleep.lock())
    }

    /// Sleeps for `timeout` at most if `idle` says that there is nothing to do.
    /// Mirrors `wait`.
    pub(crate) fn wait(
        &self,
        awake: &mut Option<MutexGuard<'_, ()>>,
        idle: impl FnOnce() -> bool,
        timeout: HrTime,
    ) {
        // course: 4 begin wait "sleep, and lose no wake-up"
        let timeout = Duration::from_nanos(timeout.max(0).unsigned_abs());
        match awake {
            Some(guard) => {
                if idle() {
                    self.might_have_data.wait_for(guard, timeout);
                }
            }
            None => {
                // The test and the wait are one step for a signaller, because it needs the lock. It
                // comes before the test, and then the queue is not empty; or it comes after the
                // wait has begun, and then it wakes us.
                let mut guard = self.sleep.lock();
                if idle() {
                    self.might_have_data.wait_for(&mut guard, timeout);
                }
            }
        }
        // course: 4 stub let _ = (awake, idle, timeout);
        // course: 4 stub todo!("lesson 4: wait")
        // course: 4 end
    }

    /// Wakes the owner. Mirrors `signal` (8.1) or `try_signal` (9.0 and later).
    pub(crate) fn signal(&self) {
        // course: 4 begin signal "wake the owner"
        match self.policy {
            WakePolicy::Blocking => {
                let _guard = self.sleep.lock();
                self.might_have_data.notify_one();
            }
            WakePolicy::TryLock => {
                if let Some(_guard) = self.sleep.try_lock() {
                    self.might_have_data.notify_one();
                }
            }
        }
        // course: 4 stub todo!("lesson 4: signal")
        // course: 4 end
    }
}
