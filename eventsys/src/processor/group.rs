//! Thread groups: names for the kinds of work that threads do.
//!
//! Mirrors `EventProcessor::ThreadGroupDescriptor` of `I_EventProcessor.h`.

use std::sync::{Arc, OnceLock};

use crate::continuation::ContRef;
use crate::defects::{ROUND_ROBIN, STARTED_TWICE, rearmed};
use crate::ethread::EThread;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// How many groups there can be. Mirrors `MAX_EVENT_TYPES`.
pub(super) const MAX_EVENT_TYPES: usize = 8;

/// A thread group, by number. Mirrors `EventType`.
///
/// ```
/// use eventsys::{Clock, ET_NET, EventProcessor};
///
/// let processor = EventProcessor::new(Clock::new_virtual());
/// let tasks = processor.register_event_type("ET_TASK");
/// assert_ne!(tasks, ET_NET);
/// assert_eq!(processor.event_type("ET_TASK"), Some(tasks));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EventType(pub(crate) u8);

/// The default group. Mirrors `ET_CALL`.
pub const ET_CALL: EventType = EventType(0);

/// The group that serves connections: the same threads as [`ET_CALL`], as in the
/// original. Mirrors `ET_NET`.
pub const ET_NET: EventType = EventType(0);

/// A function to be called when every thread of a group runs.
pub(super) type AfterStart = Box<dyn FnOnce() + Send>;

/// Where the counter of the round robin begins if it is signed: at its greatest value, so that
/// the next assignment is the one that fails.
const SIGNED_MAX: usize = i32::MAX as usize;

pub(super) struct ThreadGroup {
    name: String,
    threads: Mutex<Vec<Arc<EThread>>>,
    next_round_robin: AtomicUsize,
    /// How many threads run. Counted up by each thread with one atomic step, and
    /// compared with what that step returns: a count and a separate compare ran
    /// the callback twice (db5f9232d0).
    started: AtomicUsize,
    pub(super) spawn_queue: Mutex<Vec<ContRef>>,
    after_start: Mutex<Option<AfterStart>>,
}

impl ThreadGroup {
    fn new(name: &str) -> ThreadGroup {
        ThreadGroup {
            name: name.to_owned(),
            threads: Mutex::new(Vec::new()),
            next_round_robin: AtomicUsize::new(if rearmed(&ROUND_ROBIN) { SIGNED_MAX } else { 0 }),
            started: AtomicUsize::new(0),
            spawn_queue: Mutex::new(Vec::new()),
            after_start: Mutex::new(None),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The threads that have not ended.
    pub(super) fn threads(&self) -> Vec<Arc<EThread>> {
        self.threads.lock().iter().filter(|thread| !thread.has_ended()).cloned().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.threads.lock().len()
    }

    pub(super) fn add(&self, thread: Arc<EThread>) {
        self.threads.lock().push(thread);
    }

    pub(super) fn on_all_started(&self, callback: AfterStart) {
        let old = self.after_start.lock().replace(callback);
        // Not under the lock: its `drop` is user code.
        drop(old);
    }

    /// One more thread runs. Mirrors `thread_started`.
    pub(super) fn thread_started(&self) {
        let mut started = self.started.fetch_add(1, Ordering::AcqRel) + 1;
        if rearmed(&STARTED_TWICE) {
            started = self.started.load(Ordering::Acquire);
        }
        if started == self.len() {
            let callback = self.after_start.lock().take();
            match callback {
                Some(callback) => callback(),
                // A callback of the port can be called once only.
                None if rearmed(&STARTED_TWICE) => panic!("_afterStartCallback is called twice"),
                None => {}
            }
        }
    }

    pub(super) fn has_started(&self) -> bool {
        self.started.load(Ordering::Acquire) == self.len()
    }

    /// The next thread that has not ended, if there is one.
    pub(super) fn assign(&self) -> Option<Arc<EThread>> {
        let threads = self.threads.lock();
        let next = match threads.len() {
            0 | 1 => 0,
            n if rearmed(&ROUND_ROBIN) => self.next_signed(n),
            n => (self.next_round_robin.fetch_add(1, Ordering::Relaxed).wrapping_add(1)) % n,
        };
        let (before, from_next) = threads.split_at(next);
        from_next.iter().chain(before).find(|thread| !thread.has_ended()).cloned()
    }

    /// The next index, by a signed counter (2d3e9d7366).
    fn next_signed(&self, n: usize) -> usize {
        let n = i32::try_from(n).expect("fewer threads than that");
        let count = self.next_round_robin.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let next = (count as u32 as i32) % n;
        usize::try_from(next).unwrap_or_else(|_| panic!("the index of the next thread is {next}"))
    }

    /// An event needs a thread of the group, but the group has no thread.
    #[cold]
    pub(super) fn refuse(&self) -> ! {
        panic!("no thread runs in group {}", self.name)
    }
}

/// All groups of a processor, in the order of their numbers.
pub(super) struct Groups {
    slots: [OnceLock<ThreadGroup>; MAX_EVENT_TYPES],
    registering: Mutex<()>,
}

impl Groups {
    pub(super) fn new() -> Groups {
        let slots = [const { OnceLock::new() }; MAX_EVENT_TYPES];
        let first = slots[0].set(ThreadGroup::new("ET_NET"));
        debug_assert!(first.is_ok());
        Groups { slots, registering: Mutex::new(()) }
    }

    pub(super) fn register(&self, name: &str) -> EventType {
        // Not under the lock: a panic hook is user code.
        self.try_register(name).unwrap_or_else(|| panic!("n_thread_groups <= MAX_EVENT_TYPES"))
    }

    fn try_register(&self, name: &str) -> Option<EventType> {
        let _registering = self.registering.lock();
        self.find(name).or_else(|| {
            let number = self.slots.iter().position(|slot| slot.get().is_none())?;
            let new = self.slots[number].set(ThreadGroup::new(name));
            debug_assert!(new.is_ok());
            Some(number_of(number))
        })
    }

    pub(super) fn find(&self, name: &str) -> Option<EventType> {
        let name = if name == "ET_CALL" { "ET_NET" } else { name };
        self.iter().position(|group| group.name() == name).map(number_of)
    }

    pub(super) fn get(&self, et: EventType) -> &ThreadGroup {
        self.slots[usize::from(et.0)].get().expect("a type comes from a registration")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ThreadGroup> {
        self.slots.iter().map_while(OnceLock::get)
    }
}

fn number_of(slot: usize) -> EventType {
    EventType(u8::try_from(slot).expect("eight groups"))
}
