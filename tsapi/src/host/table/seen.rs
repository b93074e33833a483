//! What a thread has looked up in its handlers.
//!
//! A plugin names the same few objects in one call after the other, and in one handler after the other.
//! To look one up in the table takes a lock and a count of references, four operations that lock the
//! bus. So a thread remembers what its handlers have found in the part of the table that belongs to it.
//!
//! # Why a stale handle is still recognised for certain
//! An object leaves the table in [`Table::take`](super::Table::take) alone. The thread that remembers it
//! forgets it there. Any other thread counts at the part (`taken_by_others`), and the count is compared
//! at each look: if it has changed, all is forgotten, and the table is asked.
//!
//! # How long what is remembered lives
//! As long as it is in the table. Only an object that another thread takes out lives longer: until the
//! next handler of this thread begins, or the thread ends.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use eventsys::sync::atomic::Ordering;

use super::{AnyObject, Handle, Object, PARTS, Refusal, SHARED, TABLE, part_of_this_thread};
/// So many objects are remembered: those of some tens of transactions at once.
const PLACES: usize = 1024;

/// The bits of one word of `used`.
const BITS: usize = u64::BITS as usize;

struct Seen {
    places: [Place; PLACES],
    /// A bit for each place that has something.
    used: [Cell<u64>; PLACES / BITS],
    /// `taken_by_others` of this thread's part, as it was when all of this was true.
    taken: Cell<u64>,
}

struct Place {
    handle: Cell<Handle>,
    /// None while a call uses it.
    object: Cell<Option<AnyObject>>,
}

/// No part: see [`OWN`].
const NONE: usize = usize::MAX;

thread_local! {
    /// The part of which this thread remembers objects: its own while it is in a handler, else none.
    static OWN: Cell<usize> = const { Cell::new(NONE) };
    static SEEN: Seen = const {
        Seen {
            places: [const {
                Place { handle: Cell::new(Handle::NULL), object: Cell::new(None) }
            }; PLACES],
            used: [const { Cell::new(0) }; PLACES / BITS],
            taken: Cell::new(0),
        }
    };
}

/// An object that a call uses.
pub(crate) struct Found<T: Object> {
    /// None only while it is dropped.
    object: Option<Arc<T>>,
    handle: Handle,
    /// A raw pointer is not `Send`: it belongs to the call, and so to its thread.
    stays: PhantomData<*const ()>,
}

impl<T: Object> Found<T> {
    /// The object, for those who keep it.
    pub(crate) fn kept(&self) -> Arc<T> {
        Arc::clone(self)
    }
}

impl<T: Object> Deref for Found<T> {
    type Target = Arc<T>;

    #[inline]
    fn deref(&self) -> &Arc<T> {
        self.object.as_ref().expect("there until it is dropped")
    }
}

impl<T: Object> Drop for Found<T> {
    #[inline]
    fn drop(&mut self) {
        let _ = SEEN.try_with(|seen| {
            let place = &seen.places[place_of(self.handle)];
            // Else it has been taken out of the table, or another one has got the place.
            if place.handle.get() == self.handle
                && let Some(object) = self.object.take()
            {
                place.object.set(Some(T::into_any(object)));
            }
        });
    }
}

/// Where an object is remembered. Those that one transaction makes have neighbouring numbers.
#[inline]
fn place_of(handle: Handle) -> usize {
    handle.index() / PARTS % PLACES
}

impl Seen {
    /// Forgets one place, and what is there.
    fn forget(&self, at: usize) {
        let used = &self.used[at / BITS];
        used.set(used.get() & !(1 << (at % BITS)));
        self.places[at].handle.set(Handle::NULL);
        drop(self.places[at].object.take());
    }

    /// The place of this object is its own from now on.
    fn takes_place(&self, handle: Handle) {
        let at = place_of(handle);
        if self.places[at].handle.get() != handle {
            self.forget(at);
            self.places[at].handle.set(handle);
            let used = &self.used[at / BITS];
            used.set(used.get() | 1 << (at % BITS));
        }
    }

    #[cold]
    #[inline(never)]
    fn forget_all(&self, taken: u64) {
        self.taken.set(taken);
        for (word, used) in self.used.iter().enumerate() {
            while used.get() != 0 {
                self.forget(word * BITS + used.get().trailing_zeros() as usize);
            }
        }
    }

    /// Forgets all if another thread has taken something out of this thread's part.
    #[inline]
    fn look_at_the_others(&self, part: usize) {
        let taken = TABLE.parts[part].taken_by_others.load(Ordering::Acquire);
        if taken != self.taken.get() {
            self.forget_all(taken);
        }
    }
}

/// The object behind a handle: from what this thread remembers, else from the table.
#[inline]
pub(super) fn find<T: Object>(handle: Handle) -> Result<Found<T>, Refusal> {
    let part = OWN.get();
    if handle.index() % PARTS != part {
        return look_up(handle);
    }
    let known = SEEN.try_with(|seen| {
        seen.look_at_the_others(part);
        let place = &seen.places[place_of(handle)];
        if place.handle.get() != handle || !handle.is_of(T::KIND) {
            return None;
        }
        T::from_any(place.object.take()?)
    });
    match known {
        Ok(Some(object)) => Ok(Found { object: Some(object), handle, stays: PhantomData }),
        _ => look_up_and_remember(handle),
    }
}

/// What is rare stands outside of [`find`], so that the usual look keeps little on the stack.
#[cold]
#[inline(never)]
fn look_up_and_remember<T: Object>(handle: Handle) -> Result<Found<T>, Refusal> {
    let found = look_up(handle)?;
    let _ = SEEN.try_with(|seen| seen.takes_place(handle));
    Ok(found)
}

/// This thread has just made the object: the plugin is going to use it.
#[inline]
pub(super) fn remember<T: Object>(handle: Handle, object: Arc<T>) {
    if handle.index() % PARTS != OWN.get() {
        return;
    }
    let _ = SEEN.try_with(|seen| {
        seen.takes_place(handle);
        seen.places[place_of(handle)].object.set(Some(T::into_any(object)));
    });
}

#[inline(never)]
fn look_up<T: Object>(handle: Handle) -> Result<Found<T>, Refusal> {
    TABLE.get(handle).map(|object| Found { object: Some(object), handle, stays: PhantomData })
}

/// The object behind this handle of this thread's part has been taken out of the table.
pub(super) fn forget(handle: Handle) {
    let _ = SEEN.try_with(|seen| {
        let at = place_of(handle);
        if seen.places[at].handle.get() == handle {
            seen.forget(at);
        }
    });
}

/// An outermost handler of this thread begins: what another thread has taken out since the last one
/// ends now.
#[inline]
pub(crate) fn a_handler_begins() {
    let part = part_of_this_thread();
    OWN.set(if part == SHARED { NONE } else { part });
    let _ = SEEN.try_with(|seen| seen.look_at_the_others(part));
}

/// It has ended.
#[inline]
pub(crate) fn a_handler_has_ended() {
    OWN.set(NONE);
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use crate::host::calls;

    struct Thing(Arc<()>);

    super::super::object::object_of_test!(Uuid = Thing);

    fn ended(handle: Handle) -> bool {
        find::<Thing>(handle).is_err()
    }

    fn make() -> (Handle, Arc<()>) {
        let inner = Arc::new(());
        (TABLE.insert(Thing(inner.clone())), inner)
    }

    #[test]
    fn what_is_remembered_ends_with_the_object() {
        let (handle, inner) = make();
        calls::inside_handler("test", 0, || {
            for _ in 0..2 {
                assert!(Arc::ptr_eq(&find::<Thing>(handle).expect("there").0, &inner));
            }
            let used = find::<Thing>(handle).expect("there");
            assert!(find::<Thing>(handle).is_ok(), "also while a call uses it");
            assert!(find::<Thing>(handle.as_kind(Kind::File)).is_err(), "this is another kind");
            drop(used);
            let (other, gone) = make();
            let used = find::<Thing>(other).expect("there");
            assert!(TABLE.take::<Thing>(other, "gone").is_ok());
            assert!(ended(other));
            drop(used);
            assert!(ended(other));
            assert_eq!(Arc::strong_count(&gone), 1, "it is freed at once");
        });
        calls::inside_handler("test", 0, || {
            assert!(Arc::ptr_eq(&find::<Thing>(handle).expect("there").0, &inner));
        });
        assert!(TABLE.take::<Thing>(handle, "gone").is_ok());
        assert_eq!(Arc::strong_count(&inner), 1);
        assert!(ended(handle));
    }

    #[test]
    fn another_thread_takes_it_out() {
        let (handle, inner) = make();
        calls::inside_handler("test", 0, || {
            assert!(find::<Thing>(handle).is_ok());
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Whatever part this thread has, it is not that of the other.
                    assert!(TABLE.take::<Thing>(handle, "gone").is_ok());
                });
            });
            assert!(ended(handle));
        });
        assert_eq!(Arc::strong_count(&inner), 1);
    }

    #[test]
    fn what_another_thread_takes_out_between_two_handlers_ends_with_the_next_one() {
        let (handle, inner) = make();
        calls::inside_handler("test", 0, || assert!(find::<Thing>(handle).is_ok()));
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(TABLE.take::<Thing>(handle, "gone").is_ok()));
        });
        assert!(ended(handle), "also outside of a handler");
        assert_eq!(Arc::strong_count(&inner), 2, "it is remembered");
        calls::inside_handler("test", 0, || assert_eq!(Arc::strong_count(&inner), 1));
    }
}
