//! Names of explored objects, and which of them several tasks use.

use std::sync::{Mutex, PoisonError};

use crate::schedule::{TaskId, letter};

/// The name of an explored object: the task that has made it, and the how many-th of its objects
/// it is. It is the same object in each execution as long as that task makes the same ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct ObjectId(u32);

const NUMBER_BITS: u32 = 24;
/// Objects that were made outside of an execution.
const OUTSIDE: u32 = 0;
/// Objects that have a name.
const NAMED: u32 = 255;

impl ObjectId {
    /// Stands for "no object": two operations on it never conflict.
    pub(crate) const NONE: ObjectId = ObjectId(0);

    pub(crate) fn made_by(task: TaskId, number: u32) -> ObjectId {
        ObjectId::new(u32::from(task) + 1, number)
    }

    /// The end of a task: what others wait for.
    pub(crate) fn end_of(task: TaskId) -> ObjectId {
        ObjectId::made_by(task, 0)
    }

    pub(crate) fn outside(number: u32) -> ObjectId {
        ObjectId::new(OUTSIDE, number)
    }

    /// The object of this name: the same one for the same name, in the whole process.
    pub(crate) fn named(name: &str) -> ObjectId {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        ObjectId::new(NAMED, u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn new(space: u32, number: u32) -> ObjectId {
        assert!(number < 1 << NUMBER_BITS, "a task makes fewer than 2^24 objects");
        ObjectId(space << NUMBER_BITS | number)
    }

    fn space(self) -> usize {
        (self.0 >> NUMBER_BITS) as usize
    }

    fn number(self) -> usize {
        (self.0 & ((1 << NUMBER_BITS) - 1)) as usize
    }

    /// The task that has made it; `None` of an object that was made outside of an execution, or
    /// that an observer has named.
    pub(crate) fn maker(self) -> Option<TaskId> {
        let space = self.space() as u32;
        (space != OUTSIDE && space != NAMED).then(|| (space - 1) as TaskId)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> ObjectId {
        ObjectId(bits)
    }

    pub(crate) fn is_none(self) -> bool {
        self == ObjectId::NONE
    }

    /// A number that is the same in each process: of a named object, a digest of the name.
    pub(crate) fn digest(self) -> u64 {
        match self.space() as u32 {
            NAMED => crate::digest::of(self.to_string().as_bytes()),
            _ => u64::from(self.0),
        }
    }
}

static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.space() as u32 {
            OUTSIDE => write!(f, "outside {}", self.number()),
            NAMED => {
                let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
                f.write_str(names.get(self.number()).map_or("", String::as_str))
            }
            space => write!(f, "{}{}", letter((space - 1) as TaskId), self.number()),
        }
    }
}

/// Which tasks have read and written an object: a bit a task.
#[derive(Clone, Copy, Default)]
struct Use {
    reads: u32,
    writes: u32,
}

impl Use {
    fn is_shared(self) -> bool {
        self.writes != 0 && (self.reads | self.writes).count_ones() > 1
    }
}

/// A table by object.
#[derive(Clone, Default)]
struct Table<T>(Vec<Vec<T>>);

impl<T: Copy + Default> Table<T> {
    #[inline]
    fn get(&self, object: ObjectId) -> T {
        let space = self.0.get(object.space());
        space.and_then(|space| space.get(object.number())).copied().unwrap_or_default()
    }

    #[inline]
    fn at(&mut self, object: ObjectId) -> &mut T {
        let (space, number) = (object.space(), object.number());
        if self.0.len() <= space {
            self.0.resize(space + 1, Vec::new());
        }
        let space = &mut self.0[space];
        if space.len() <= number {
            space.resize(number + 64, T::default());
        }
        &mut space[number]
    }

    fn objects(&self) -> impl Iterator<Item = (ObjectId, T)> + '_ {
        self.0.iter().enumerate().flat_map(|(space, values)| {
            values.iter().enumerate().map(move |(number, &value)| {
                (ObjectId((space as u32) << NUMBER_BITS | number as u32), value)
            })
        })
    }
}

/// What is known of the objects of a scene from all executions so far.
#[derive(Clone, Default)]
pub(crate) struct Objects {
    used: Table<Use>,
    /// The objects at which a task may be interrupted: those that were known to be shared when
    /// the sweep began. Frozen during a sweep, or its schedules could not be counted.
    conflicts: Table<bool>,
    /// True if another object has turned out to be shared since.
    grown: bool,
}

impl Objects {
    pub(crate) const fn new() -> Objects {
        Objects { used: Table(Vec::new()), conflicts: Table(Vec::new()), grown: false }
    }

    /// Notes that `task` performs an operation on `object`.
    #[inline]
    pub(crate) fn touch(&mut self, task: TaskId, object: ObjectId, writes: bool) {
        if object.is_none() {
            return;
        }
        let bit = 1 << task;
        let known = self.used.at(object);
        let bits = if writes { &mut known.writes } else { &mut known.reads };
        if *bits & bit != 0 {
            return;
        }
        *bits |= bit;
        if known.is_shared() && !self.conflicts.get(object) {
            self.grown = true;
        }
    }

    /// As if several tasks changed it.
    pub(crate) fn touch_by_several(&mut self, object: ObjectId) {
        self.touch(0, object, true);
        self.touch(1, object, true);
    }

    /// True if a task may be interrupted before an operation on it.
    #[inline]
    pub(crate) fn is_conflicting(&self, object: ObjectId) -> bool {
        self.conflicts.get(object)
    }

    pub(crate) fn has_grown(&self) -> bool {
        self.grown
    }

    /// Makes what is known the set for the next sweep.
    pub(crate) fn freeze(&mut self) {
        let shared: Vec<_> = self.shared().collect();
        shared.into_iter().for_each(|object| *self.conflicts.at(object) = true);
        self.grown = false;
    }

    /// Adds what another worker knows.
    pub(crate) fn join(&mut self, other: &Objects) {
        for (object, seen) in other.used.objects() {
            if seen.reads | seen.writes != 0 {
                let known = self.used.at(object);
                known.reads |= seen.reads;
                known.writes |= seen.writes;
            }
        }
        self.grown |= other.grown;
    }

    fn shared(&self) -> impl Iterator<Item = ObjectId> + '_ {
        let shared = self.used.objects().filter(|(_, seen)| seen.is_shared());
        shared.map(|(object, _)| object)
    }

    /// A digest of the set, the same in each process.
    pub(crate) fn digest(&self) -> u64 {
        let conflicts = self.conflicts.objects().filter(|&(_, conflicts)| conflicts);
        conflicts.fold(0, |sum: u64, (object, _)| {
            sum.wrapping_add(crate::digest::of(&object.digest().to_le_bytes()))
        })
    }
}
