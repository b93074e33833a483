//! Runs a program with several threads under every schedule with few interruptions, and names the
//! one that breaks it.
//!
//! [`Explorer::explore`] takes a *scene*: a function that makes threads, lets them race, and looks
//! at the end whether all is well. Its threads, locks and atomics are those of [`sync`]. Each
//! operation on one of them is a *point*: before it the explorer may leave the thread and let
//! another one go on. The [`Report`] says which schedules were run, and the first [`Violation`]:
//! a panic, a deadlock, a lost wake-up, an execution that does not end, or what an observer in the
//! scene has told [`violation`]. The [`Schedule`] of a violation is a short text; it is run again
//! by [`Explorer::replay`], and shown operation by operation by [`Explorer::trace`].
//!
//! ```
//! use std::sync::Arc;
//! use explorer::sync::{Mutex, thread};
//! use explorer::{Explorer, kind};
//!
//! let scene = || {
//!     let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
//!     let (c, d) = (Arc::clone(&a), Arc::clone(&b));
//!     let other = thread::spawn(move || drop((d.lock(), c.lock())));
//!     drop((a.lock(), b.lock()));
//!     other.join().unwrap();
//! };
//! let report = Explorer::new().explore(scene);
//! let found = report.first().unwrap();
//! assert_eq!(found.violation.kind, kind::DEADLOCK);
//! // Main was interrupted before its second operation, which takes the second mutex.
//! assert!(found.schedule.to_string().ends_with(":a2.b*.a*"));
//! let again = Explorer::new().replay(&found.schedule, scene).unwrap();
//! assert_eq!(again.violation.as_ref(), Some(&found.violation));
//! ```
//!
//! # What a clean report says
//!
//! [`Strategy::Bounded`] goes through *all* schedules with at most so many interruptions. If the
//! report has the sweep of a bound as complete, no schedule with so many interruptions leads to a
//! violation. It is so whatever the number of [jobs](Explorer::jobs), whatever was known of the
//! shared objects at the start, and for [parts](Explorer::shard) that [`Report::merge`] accepts; a
//! sweep that a limit has cut is not complete.
//!
//! An *interruption* is a change of threads before an operation of the thread that runs, although
//! it could go on. Changes where a thread blocks, yields or ends are gone through as well and cost
//! nothing. A thread that yields may go on itself: the second time in a row that is an interruption,
//! too (without a bound it is not tried).
//!
//! Threads are interrupted only at objects that several of them use, one of them writing; all other
//! schedules are equal to one of these, operation by operation. Another object that turns out to be
//! used by several begins the sweep anew. [`Explorer::everywhere`] leaves this reduction out. Two
//! tests judge it: random programs have the same outcomes as on a model that knows nothing of the
//! explorer, and each room of the museum shows the same with and without it.
//!
//! Outside of the statement is what the schedules do not contain. Memory is sequentially
//! consistent: what only weaker orderings allow is not found. No lock or exchange fails spuriously,
//! no wait times out. A thread that unwinds from a panic is not interrupted. Nothing outside of
//! [`sync`] is a point: where threads learn something from each other by other means (a
//! standard-library atomic, the count of an `Arc`), two schedules may count as equal that are not.
//!
//! # Observers
//!
//! What an observer sees must be a point, or the schedules that differ only in what it sees count
//! as equal: [`point`] is an operation on an object that has a name. [`note`] puts a line into the
//! trace. Standard-library atomics are no points: an observer may count with them.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod digest;
mod engine;
mod explorer;
mod frames;
mod hook;
mod merge;
mod objects;
mod play;
mod report;
mod schedule;
mod search;
mod shrink;
mod strategy;
pub mod sync;
mod task;
mod trace;

pub use explorer::{Explorer, Outcomes, Replay, Strategy, WrongProgram};
pub use play::{Choice, Moment};
pub use report::{Found, MergeError, Progress, Report, Sweep, Violation, kind};
pub use schedule::{CheckWord, MAX_TASKS, ParseScheduleError, Schedule, Segment, TaskId, letter};
pub use trace::{Operation, Place, Row, Trace, What};

use objects::ObjectId;

/// How an observer uses an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It looks: two looks may change places.
    Read,
    /// It notes something that others look at.
    Write,
}

/// An operation of an observer on the object of this name: a scheduling point, as any other
/// operation. The same name is the same object. Outside of an exploration nothing happens.
///
/// ```
/// # use explorer::{Access, point};
/// // In a callback, before it looks whether its connection was closed:
/// point("contract of the active end", Access::Read);
/// // After `do_io_close` has returned:
/// point("contract of the active end", Access::Write);
/// ```
pub fn point(object: &str, access: Access) {
    if engine::is_active() {
        Object::named(object).point(access);
    }
}

/// An object of an observer, for many operations on it: finding it by name takes a lock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Object(ObjectId);

impl Object {
    /// The object of this name.
    #[must_use]
    pub fn named(name: &str) -> Object {
        Object(ObjectId::named(name))
    }

    /// As [`point`].
    pub fn point(self, access: Access) {
        let operation = match access {
            Access::Read => Operation::Look,
            Access::Write => Operation::Mark,
        };
        engine::point(operation, self.0);
    }
}

/// Ends the execution with a violation. For observers: it is called in the task that has seen
/// it, and does not return, unless the task unwinds already. Outside of an exploration nothing
/// happens.
///
/// `text` must be the same in each execution of the same schedule: no addresses.
pub fn violation(kind: &str, text: impl Into<String>) {
    engine::violation(kind, text.into());
}

/// A line in the trace, if one is made; it is no scheduling point. `text` is called only then.
pub fn note(text: impl FnOnce() -> String) {
    engine::note(text);
}

/// True if a trace of this execution is made. What only a trace shows, as the names of atomics, is
/// worth its time only then.
#[must_use]
pub fn is_traced() -> bool {
    engine::is_replay()
}

/// From here on no task is interrupted, and operations are not counted, until
/// [`race_from_here`]. A scene calls it first if what its threads do at the beginning is of no
/// interest.
pub fn race_later() {
    engine::race_later();
}

/// From here on operations are counted, and tasks may be interrupted. Without [`race_later`]
/// before it, this is so from the moment at which two tasks exist.
pub fn race_from_here() {
    engine::race_from_here();
}

/// The calling task goes on when no other one can. A clock calls it before time passes: so time
/// does not pass a task that can go on, unless [`Explorer::stalls`] allows it. True if another
/// task has run. Outside of an exploration nothing happens.
pub fn let_others_run() -> bool {
    engine::let_others_run()
}

/// True if [`let_others_run`] would wait now.
#[must_use]
pub fn others_can_run() -> bool {
    engine::others_can_run()
}

/// Gives the calling task a name: that of its column in a picture.
pub fn name_task(name: &str) {
    engine::name_task(name);
}

/// Makes a task with this name; [`sync::thread::Builder`] does the same.
///
/// # Panics
/// Outside of an exploration.
pub fn spawn<T: Send + 'static>(
    name: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> sync::thread::JoinHandle<T> {
    let builder = sync::thread::Builder::new().name(name.to_owned());
    builder.spawn(f).expect("the name of a task has no zero byte")
}

/// The number of the calling task; `None` outside of an exploration.
#[must_use]
pub fn current_task() -> Option<TaskId> {
    engine::current()
}

/// True while an execution is ended early, by a violation or because no task can go on: its tasks
/// unwind where they are. What they refer to in a circle is lost unless someone cuts the circle; a
/// scene does that in a `Drop`, or a search over many violations takes memory for each.
#[must_use]
pub fn is_ended_early() -> bool {
    engine::is_ended_early()
}

/// True inside of an exploration.
#[must_use]
pub fn is_exploring() -> bool {
    engine::is_active()
}
