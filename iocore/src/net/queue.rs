//! [`Queue`]: the lists that a thread keeps its connections on.
//!
//! In the original a connection holds a link for each list that it may be on
//! (`read.ready_link`, `cop_link`, `open_link` and so on), so a list finds, adds and
//! removes it in constant time. Here a connection has a number, its key in the
//! handler's [`slab::Slab`], and each queue keeps the links of all numbers in one
//! array. The costs are the same, and no link leads to a freed connection.

/// The number of a connection: its key in the table of its thread.
pub(super) type Slot = usize;

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Link {
    prev: u32,
    next: u32,
    linked: bool,
}

const UNLINKED: Link = Link { prev: NONE, next: NONE, linked: false };

/// A doubly linked queue of places. Mirrors `Que` and `DList` of
/// `include/tscore/List.h`.
pub(super) struct Queue {
    head: u32,
    tail: u32,
    len: usize,
    links: Vec<Link>,
}

impl Queue {
    pub(super) const fn new() -> Queue {
        Queue { head: NONE, tail: NONE, len: 0, links: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn contains(&self, slot: Slot) -> bool {
        self.links.get(slot).is_some_and(|link| link.linked)
    }

    /// The first one.
    pub(super) fn head(&self) -> Option<Slot> {
        slot_of(self.head)
    }

    /// The place behind `slot`, if `slot` is in the queue.
    pub(super) fn next(&self, slot: Slot) -> Option<Slot> {
        let link = self.links.get(slot).filter(|link| link.linked)?;
        slot_of(link.next)
    }

    /// Puts `slot` at the end, unless it is in the queue. Mirrors `in_or_enqueue`.
    pub(super) fn enqueue(&mut self, slot: Slot) {
        if self.contains(slot) {
            return;
        }
        let (tail, this) = (self.tail, number_of(slot));
        *self.link(slot) = Link { prev: tail, next: NONE, linked: true };
        match slot_of(tail) {
            Some(tail) => self.links[tail].next = this,
            None => self.head = this,
        }
        self.tail = this;
        self.len += 1;
    }

    /// Puts `slot` in front, unless it is in the queue. Mirrors `push`.
    pub(super) fn push(&mut self, slot: Slot) {
        if self.contains(slot) {
            return;
        }
        let (head, this) = (self.head, number_of(slot));
        *self.link(slot) = Link { prev: NONE, next: head, linked: true };
        match slot_of(head) {
            Some(head) => self.links[head].prev = this,
            None => self.tail = this,
        }
        self.head = this;
        self.len += 1;
    }

    /// Takes the first one out. Mirrors `dequeue` and `pop`.
    pub(super) fn dequeue(&mut self) -> Option<Slot> {
        let slot = self.head()?;
        self.remove(slot);
        Some(slot)
    }

    /// Takes `slot` out; false if it was not in the queue.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let Link { prev, next, .. } = std::mem::replace(&mut self.links[slot], UNLINKED);
        match slot_of(prev) {
            Some(prev) => self.links[prev].next = next,
            None => self.head = next,
        }
        match slot_of(next) {
            Some(next) => self.links[next].prev = prev,
            None => self.tail = prev,
        }
        self.len -= 1;
        true
    }

    fn link(&mut self, slot: Slot) -> &mut Link {
        if self.links.len() <= slot {
            self.links.resize(slot + 1, UNLINKED);
        }
        &mut self.links[slot]
    }
}

fn slot_of(number: u32) -> Option<Slot> {
    (number != NONE).then_some(number as usize)
}

fn number_of(slot: Slot) -> u32 {
    u32::try_from(slot).ok().filter(|&number| number != NONE).expect("fewer than 2^32 connections")
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_queue_does_what_a_plain_one_does(calls in prop::collection::vec((0..4_u8, 0..9_usize), 0..200)) {
            let (mut queue, mut model) = (Queue::new(), VecDeque::new());
            for (call, slot) in calls {
                match call {
                    0 => {
                        queue.enqueue(slot);
                        if !model.contains(&slot) { model.push_back(slot); }
                    }
                    1 => {
                        queue.push(slot);
                        if !model.contains(&slot) { model.push_front(slot); }
                    }
                    2 => prop_assert_eq!(queue.dequeue(), model.pop_front()),
                    _ => {
                        let at = model.iter().position(|&other| other == slot);
                        prop_assert_eq!(queue.remove(slot), at.is_some());
                        at.map(|at| model.remove(at));
                    }
                }
                let walked: Vec<_> =
                    std::iter::successors(queue.head(), |&slot| queue.next(slot)).collect();
                prop_assert_eq!(&walked, &Vec::from(model.clone()));
                prop_assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
                prop_assert!((0..9).all(|slot| queue.contains(slot) == model.contains(&slot)));
            }
        }
    }
}
