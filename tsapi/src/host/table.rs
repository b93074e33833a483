//! Handles, and the table of the objects behind them.
//!
//! A handle is a number: 8 bits of kind, 24 bits of generation, 24 bits of index. No such number is
//! an address that a process can have, so a plugin that looked behind one would fault at once. The
//! table owns the objects; a call that ends one (`TSContDestroy`, `TSIOBufferDestroy` …) takes it out
//! and leaves the reason, which the finding about a later use tells.

mod object;
mod seen;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use eventsys::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use eventsys::sync::{Mutex, MutexGuard};

pub(crate) use self::object::{AnyObject, Object};
pub(crate) use self::seen::{Found, a_handler_begins, a_handler_has_ended};
use super::{calls, findings};

/// What a plugin holds: a `TSCont`, a `TSVConn`, a `TSMLoc` …
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(transparent)]
pub(crate) struct Handle(u64);

/// What a handle stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    Continuation = 1,
    Mutex,
    Connection,
    ReadVio,
    WriteVio,
    Buffer,
    Reader,
    Block,
    MBuffer,
    Head,
    Url,
    Field,
    Transaction,
    Session,
    Action,
    Parser,
    File,
    Thread,
    /// The event that an action is for, as a handler gets it.
    Event,
    Fetch,
    /// The head of a fetched answer, as the event that brings it has it.
    FetchedHead,
    Uuid,
    TextLog,
    /// An operation on a file, as the event that tells of its end has it.
    Aio,
}

impl Kind {
    /// In the order of their numbers.
    pub(crate) const ALL: [Kind; 24] = [
        Kind::Continuation,
        Kind::Mutex,
        Kind::Connection,
        Kind::ReadVio,
        Kind::WriteVio,
        Kind::Buffer,
        Kind::Reader,
        Kind::Block,
        Kind::MBuffer,
        Kind::Head,
        Kind::Url,
        Kind::Field,
        Kind::Transaction,
        Kind::Session,
        Kind::Action,
        Kind::Parser,
        Kind::File,
        Kind::Thread,
        Kind::Event,
        Kind::Fetch,
        Kind::FetchedHead,
        Kind::Uuid,
        Kind::TextLog,
        Kind::Aio,
    ];

    /// Its type in `ts/ts.h`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Continuation => "TSCont",
            Kind::Mutex => "TSMutex",
            Kind::Connection => "TSVConn",
            Kind::ReadVio | Kind::WriteVio => "TSVIO",
            Kind::Buffer => "TSIOBuffer",
            Kind::Reader => "TSIOBufferReader",
            Kind::Block => "TSIOBufferBlock",
            Kind::MBuffer => "TSMBuffer",
            Kind::Head => "TSMLoc of a head",
            Kind::Url => "TSMLoc of a URL",
            Kind::Field => "TSMLoc of a field",
            Kind::Transaction => "TSHttpTxn",
            Kind::Session => "TSHttpSsn",
            Kind::Action | Kind::Event => "TSAction",
            Kind::Parser => "TSHttpParser",
            Kind::File => "TSFile",
            Kind::Thread => "TSThread",
            Kind::Fetch => "TSFetchSM",
            Kind::FetchedHead => "head of a fetched answer",
            Kind::Uuid => "TSUuid",
            Kind::TextLog => "TSTextLogObject",
            Kind::Aio => "TSAIOCallback",
        }
    }
}

/// A handle that is set once, or none yet.
#[derive(Default)]
pub(crate) struct HandleCell(AtomicU64);

impl HandleCell {
    /// `NULL` before the first one.
    pub(crate) fn get(&self) -> Handle {
        Handle(self.0.load(Ordering::Acquire))
    }

    /// Puts a new handle in the place of `old`. Else another thread was first, with the handle that is
    /// returned.
    pub(crate) fn replace(&self, old: Handle, new: Handle) -> Result<(), Handle> {
        let replaced = self.0.compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Acquire);
        replaced.map(drop).map_err(Handle)
    }
}

const BITS: u32 = 24;
const MASK: u64 = (1 << BITS) - 1;

impl Handle {
    pub(crate) const NULL: Handle = Handle(0);
    /// `NULL` with the mark of a plugin's action.
    pub(crate) const MARKED_NULL: Handle = Handle(1);
    /// `ACTION_RESULT_DONE`: the call was done at once.
    pub(crate) const DONE: Handle = Handle(3);

    fn new(kind: Kind, generation: u32, index: usize) -> Handle {
        Handle((kind as u64) << (2 * BITS) | u64::from(generation) << BITS | index as u64)
    }

    pub(crate) fn kind(self) -> Option<Kind> {
        let number = usize::try_from(self.0 >> (2 * BITS)).ok()?;
        Kind::ALL.get(number.checked_sub(1)?).copied()
    }

    fn is_of(self, kind: Kind) -> bool {
        self.0 >> (2 * BITS) == kind as u64
    }

    /// Another view of the same object: the VIO of a connection.
    pub(crate) fn as_kind(self, kind: Kind) -> Handle {
        Handle(self.0 & ((1 << (2 * BITS)) - 1) | (kind as u64) << (2 * BITS))
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == 0
    }

    /// As the data of an event.
    pub(crate) fn as_data(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    fn index(self) -> usize {
        (self.0 & MASK) as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> BITS & MASK) as u32
    }
}

/// Why a handle is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    Null(Kind),
    Foreign { wanted: Kind },
    Other { found: Kind, wanted: Kind },
    Ended { kind: Kind, why: &'static str },
    Reused(Kind),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Null(kind) => write!(f, "the {} is NULL", kind.name()),
            Refusal::Foreign { wanted } => {
                write!(f, "this is no handle; expected a {}", wanted.name())
            }
            Refusal::Other { found, wanted } => {
                write!(f, "this is a {}; expected a {}", found.name(), wanted.name())
            }
            Refusal::Ended { kind, why } => {
                write!(f, "the {} is not alive any more: {why}", kind.name())
            }
            Refusal::Reused(kind) => {
                write!(f, "the {} is not alive any more, for a long time", kind.name())
            }
        }
    }
}

struct Slot {
    generation: u32,
    kind: Kind,
    object: Option<AnyObject>,
    maker: Maker,
}

impl Slot {
    const EMPTY: Slot = Slot {
        generation: 0,
        kind: Kind::Continuation,
        object: None,
        maker: Maker { function: "", place: None, event: 0 },
    };
}

/// The call that made an object, and the callback that it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Maker {
    pub(crate) function: &'static str,
    pub(crate) place: Option<&'static str>,
    pub(crate) event: i32,
}

impl Maker {
    fn of_this_call() -> Maker {
        let (place, event) = calls::callback().unzip();
        Maker { function: calls::function(), place, event: event.unwrap_or(0) }
    }
}

/// All objects that plugins hold. A call looks an object up in the part that its handle names, so
/// threads with objects of their own do not wait for each other. What a thread has found in its own
/// part it remembers (`seen`).
pub(crate) struct Table {
    parts: [Part; PARTS],
}

struct Part {
    slots: Mutex<Slots>,
    /// How many objects threads have taken out to which the part does not belong. What its own thread
    /// remembers may have ended if this has changed.
    taken_by_others: AtomicU64,
}

impl Part {
    const fn new() -> Part {
        Part { slots: Mutex::new(Slots::EMPTY), taken_by_others: AtomicU64::new(0) }
    }
}

struct Slots {
    all: Vec<Slot>,
    /// Those without an object. The one that was freed last is used first: it is in the processor's
    /// cache.
    free: Vec<usize>,
    ended: Ended,
}

/// How many parts the table has; a thread makes objects in one of them. All but the last belong to one
/// thread each.
const PARTS: usize = 16;

/// The part of the threads that have none of their own.
const SHARED: usize = PARTS - 1;

/// A slot whose object has this generation is never used again, so no two objects have the same
/// handle.
const LAST_GENERATION: u32 = MASK as u32;

impl Slots {
    const EMPTY: Slots = Slots { all: Vec::new(), free: Vec::new(), ended: Ended::EMPTY };

    /// The slot with the object of this handle.
    fn find(&mut self, handle: Handle, wanted: Kind) -> Result<&mut Slot, Refusal> {
        let at = handle.index() / PARTS;
        let Some(slot) = self.all.get_mut(at) else { return Err(Refusal::Foreign { wanted }) };
        let is_alive =
            slot.kind == wanted && slot.generation == handle.generation() && slot.object.is_some();
        match is_alive {
            true => Ok(slot),
            false => Err(match self.ended.why(handle) {
                Some(why) => Refusal::Ended { kind: wanted, why },
                None => Refusal::Reused(wanted),
            }),
        }
    }
}

/// Why the last objects of a part have ended.
struct Ended {
    /// Full, the oldest is overwritten.
    last: Vec<(Handle, &'static str)>,
    next: usize,
}

impl Ended {
    const EMPTY: Ended = Ended { last: Vec::new(), next: 0 };

    /// So many reasons are known.
    const MOST: usize = 4096;

    fn add(&mut self, handle: Handle, why: &'static str) {
        match self.last.get_mut(self.next) {
            Some(oldest) => *oldest = (handle, why),
            None => self.last.push((handle, why)),
        }
        self.next = (self.next + 1) % Ended::MOST;
    }

    fn why(&self, handle: Handle) -> Option<&'static str> {
        // The latest first: those that are asked for have mostly just ended.
        let (latest, before) = self.last.split_at(self.next.min(self.last.len()));
        let mut all = latest.iter().rev().chain(before.iter().rev());
        all.find(|(other, _)| *other == handle).map(|(_, why)| *why)
    }
}

static TABLE: Table = Table::new();

/// The table of the process.
pub(crate) fn table() -> &'static Table {
    &TABLE
}

/// Removes from `known` the handles whose objects are of interest no longer, as `is_over` says, and
/// returns them. The objects stay in the table.
pub(crate) fn remove_if<T: Object>(
    known: &Mutex<BTreeMap<u64, Handle>>,
    is_over: impl Fn(&T) -> bool,
) -> Vec<Handle> {
    let mut removed = Vec::new();
    known.lock().retain(|_, handle| {
        let is_over = table().get::<T>(*handle).is_ok_and(|object| is_over(&object));
        removed.extend(is_over.then_some(*handle));
        !is_over
    });
    removed
}

/// The object behind a handle that a plugin has passed. Ends the run if there is none: the real
/// server would use freed memory.
#[track_caller]
#[inline]
pub(crate) fn want<T: Object>(handle: Handle) -> Found<T> {
    seen::find(handle).unwrap_or_else(|refusal| refused(refusal))
}

#[cold]
#[inline(never)]
#[track_caller]
fn refused(refusal: Refusal) -> ! {
    findings::end(refusal.to_string())
}

/// Takes out an object that a plugin ends, as [`want`] finds it: with one look-up instead of two.
#[track_caller]
pub(crate) fn take_out<T: Object>(handle: Handle, why: &'static str) -> Arc<T> {
    table().take(handle, why).unwrap_or_else(|refusal| refused(refusal))
}

/// As [`want`], for a caller that has its own words for a refusal.
#[inline]
pub(crate) fn find<T: Object>(handle: Handle) -> Result<Found<T>, Refusal> {
    seen::find(handle)
}

/// The part in which this thread makes objects.
#[inline]
fn part_of_this_thread() -> usize {
    const NONE: usize = usize::MAX;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PART: Cell<usize> = const { Cell::new(NONE) };
    }
    #[cold]
    #[inline(never)]
    fn assign(part: &Cell<usize>) -> usize {
        part.set(NEXT.fetch_add(1, Ordering::Relaxed).min(SHARED));
        part.get()
    }
    PART.with(|part| match part.get() {
        NONE => assign(part),
        known => known,
    })
}

impl Table {
    const fn new() -> Table {
        Table { parts: [const { Part::new() }; PARTS] }
    }

    /// Owns the object that `make` makes, which may keep its handle. `make` must not use the table.
    #[inline]
    fn own<T: Object>(&self, make: impl FnOnce(Handle) -> T) -> (Handle, Arc<T>) {
        let part = part_of_this_thread();
        let maker = Maker::of_this_call();
        let mut slots = self.parts[part].slots.lock();
        let at = slots.free.pop().unwrap_or_else(|| {
            slots.all.push(Slot::EMPTY);
            slots.all.len() - 1
        });
        let slot = &mut slots.all[at];
        slot.generation += 1;
        slot.kind = T::KIND;
        slot.maker = maker;
        let handle = Handle::new(T::KIND, slot.generation, at * PARTS + part);
        let object = Arc::new(make(handle));
        slot.object = Some(T::into_any(object.clone()));
        (handle, object)
    }

    /// This thread has just made the object: the plugin is going to use it.
    #[inline]
    fn remember<T: Object>(&self, handle: Handle, object: Arc<T>) {
        if std::ptr::eq(self, &TABLE) {
            seen::remember(handle, object);
        }
    }

    /// Owns the object that `make` makes, which may keep its handle. `make` must not use the table.
    #[inline]
    pub(crate) fn insert_with<T: Object>(
        &self,
        make: impl FnOnce(Handle) -> T,
    ) -> (Handle, Arc<T>) {
        let (handle, object) = self.own(make);
        self.remember(handle, object.clone());
        (handle, object)
    }

    /// As [`Table::insert_with`], for a caller that needs the handle alone.
    #[inline]
    pub(crate) fn insert_made<T: Object>(&self, make: impl FnOnce(Handle) -> T) -> Handle {
        let (handle, object) = self.own(make);
        self.remember(handle, object);
        handle
    }

    /// Owns an object.
    #[inline]
    pub(crate) fn insert<T: Object>(&self, object: T) -> Handle {
        self.insert_made(|_| object)
    }

    /// The object behind a handle.
    pub(crate) fn get<T: Object>(&self, handle: Handle) -> Result<Arc<T>, Refusal> {
        let mut slots = self.part_of::<T>(handle)?;
        let object = slots.find(handle, T::KIND)?.object.clone();
        drop(slots);
        object.and_then(T::from_any).ok_or(Refusal::Foreign { wanted: T::KIND })
    }

    /// Takes an object out; later uses of its handle are refused with this reason.
    pub(crate) fn take<T: Object>(
        &self,
        handle: Handle,
        why: &'static str,
    ) -> Result<Arc<T>, Refusal> {
        let mut slots = self.part_of::<T>(handle)?;
        let slot = slots.find(handle, T::KIND)?;
        let object = slot.object.take();
        let part = handle.index() % PARTS;
        match part == part_of_this_thread() {
            true => seen::forget(handle),
            false => {
                self.parts[part].taken_by_others.fetch_add(1, Ordering::Release);
            }
        }
        let is_last = slot.generation == LAST_GENERATION;
        slots.ended.add(handle, why);
        if !is_last {
            slots.free.push(handle.index() / PARTS);
        }
        drop(slots);
        // Outside of the lock: what is freed may free others.
        object.and_then(T::from_any).ok_or(Refusal::Foreign { wanted: T::KIND })
    }

    /// The part that has a handle of this kind.
    fn part_of<T: Object>(&self, handle: Handle) -> Result<MutexGuard<'_, Slots>, Refusal> {
        let wanted = T::KIND;
        if !handle.is_of(wanted) {
            return Err(match handle.kind() {
                _ if handle.is_null() => Refusal::Null(wanted),
                Some(found) => Refusal::Other { found, wanted },
                None => Refusal::Foreign { wanted },
            });
        }
        Ok(self.parts[handle.index() % PARTS].slots.lock())
    }

    /// The objects of these kinds, by the call that made them, and how many each has made.
    pub(crate) fn made(&self, kinds: &[Kind]) -> BTreeMap<(Kind, Maker), u64> {
        let mut all = BTreeMap::new();
        for part in &self.parts {
            let slots = part.slots.lock();
            let there = slots.all.iter().filter(|slot| slot.object.is_some());
            for slot in there.filter(|slot| kinds.contains(&slot.kind)) {
                *all.entry((slot.kind, slot.maker)).or_default() += 1;
            }
        }
        all
    }

    /// How many objects of each kind there are.
    pub(crate) fn census(&self) -> Vec<(Kind, usize)> {
        let mut counts = [0; 256];
        for part in &self.parts {
            for slot in part.slots.lock().all.iter().filter(|slot| slot.object.is_some()) {
                counts[slot.kind as usize] += 1;
            }
        }
        Kind::ALL
            .into_iter()
            .map(|kind| (kind, counts[kind as usize]))
            .filter(|(_, n)| *n > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(#[allow(dead_code)] u8);

    object::object_of_test!(Buffer = Thing);

    struct Gone;

    object::object_of_test!(Aio = Gone);

    struct Other;

    object::object_of_test!(Mutex = Other);

    #[test]
    fn a_handle_is_recognised_for_certain() {
        let table = Table::new();
        let buffer = table.insert(Thing(1));
        let mutex = table.insert(Other);
        assert_eq!(table.get::<Thing>(buffer).map(|thing| thing.0), Ok(1));
        assert_eq!(buffer.kind(), Some(Kind::Buffer));
        let refused = |handle| table.get::<Thing>(handle).err().map(|refusal| refusal.to_string());
        let says = |text: &str| Some(text.to_owned());
        assert_eq!(refused(Handle::NULL), says("the TSIOBuffer is NULL"));
        assert_eq!(refused(mutex), says("this is a TSMutex; expected a TSIOBuffer"));
        for foreign in [Handle(7), Handle(0x7fff_1234_5678), Handle(u64::MAX)] {
            assert_eq!(refused(foreign), says("this is no handle; expected a TSIOBuffer"));
        }
        assert!(table.take::<Thing>(buffer, "TSIOBufferDestroy was called").is_ok());
        let ended = says("the TSIOBuffer is not alive any more: TSIOBufferDestroy was called");
        assert_eq!(refused(buffer), ended);
        assert!(table.take::<Thing>(buffer, "again").is_err());
        assert_eq!(refused(buffer), ended, "the first reason stays");
        assert_eq!(table.census(), [(Kind::Mutex, 1)]);
    }

    #[test]
    fn a_slot_that_is_used_again_has_another_generation() {
        let table = Table::new();
        let first = table.insert(Thing(0));
        let _ = table.take::<Thing>(first, "gone");
        let again = table.insert(Thing(9));
        assert_eq!(again.index(), first.index());
        let ended = Refusal::Ended { kind: Kind::Buffer, why: "gone" };
        assert_eq!(table.get::<Thing>(first).err(), Some(ended), "the reason is still known");
        assert_eq!(table.take::<Thing>(first, "again").err(), Some(ended));
        assert_eq!(table.get::<Thing>(again).map(|thing| thing.0), Ok(9));
        for n in 0..Ended::MOST {
            let handle = table.insert(Thing(n as u8));
            let _ = table.take::<Thing>(handle, "gone");
        }
        assert_eq!(table.get::<Thing>(first).err(), Some(Refusal::Reused(Kind::Buffer)));
    }

    #[test]
    fn a_slot_is_not_used_again_behind_its_last_generation() {
        let table = Table::new();
        let first = table.insert(Thing(0));
        let _ = table.take::<Thing>(first, "gone");
        let part = part_of_this_thread();
        table.parts[part].slots.lock().all[0].generation = LAST_GENERATION - 1;
        let last = table.insert(Thing(1));
        assert_eq!((last.index(), last.generation()), (first.index(), LAST_GENERATION));
        let _ = table.take::<Thing>(last, "gone");
        assert_ne!(table.insert(Thing(2)).index(), first.index());
    }

    #[test]
    fn the_first_handle_of_a_cell_stays_until_it_is_replaced() {
        let cell = HandleCell::default();
        assert_eq!(cell.get(), Handle::NULL);
        let [first, second] = [1, 2].map(|index| Handle::new(Kind::Url, 1, index));
        assert_eq!(cell.replace(Handle::NULL, first), Ok(()));
        assert_eq!(cell.replace(Handle::NULL, second), Err(first), "another one was first");
        assert_eq!(cell.get(), first);
        assert_eq!(cell.replace(first, second), Ok(()), "the first one has ended");
        assert_eq!(cell.get(), second);
    }

    #[test]
    fn an_object_is_taken_out_once() {
        let handle = table().insert(Gone);
        assert_eq!(Arc::strong_count(&take_out::<Gone>(handle, "gone")), 1);
        let refusal = table().get::<Gone>(handle).err();
        assert_eq!(refusal, Some(Refusal::Ended { kind: Kind::Aio, why: "gone" }));
    }

    #[test]
    fn kinds_stand_in_the_order_of_their_numbers() {
        for kind in Kind::ALL {
            assert_eq!(Handle::new(kind, 1, 2).kind(), Some(kind));
        }
        assert_eq!(Handle(0).kind(), None);
        assert_eq!(Handle(u64::MAX).kind(), None);
    }
}
