//! [`Trace`]: one execution, operation by operation, each with its place in the source.

use serde::{Deserialize, Serialize};

use crate::report::Violation;
use crate::schedule::{Schedule, TaskId};

/// One execution, operation by operation: the data of a picture with one column a task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trace {
    /// The names of the tasks, by [`TaskId`]. The scene itself is `main` if it has not called
    /// [`name_task`](crate::name_task).
    pub tasks: Vec<String>,
    /// What the tasks did, in order, from the moment at which operations are counted.
    pub rows: Vec<Row>,
    /// The schedule that was followed, with its check word.
    pub schedule: Schedule,
    /// How the execution ended.
    pub violation: Option<Violation>,
}

/// One thing that a task did.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The task.
    pub task: TaskId,
    /// How many of its operations were counted before: the number of this operation in its task,
    /// from 1; for a [`What::Note`], of the one before it.
    pub point: u32,
    /// The index of the segment of [`Trace::schedule`] that the row belongs to, where the
    /// schedule has that many. Where it changes, another task goes on.
    pub segment: usize,
    /// What it did.
    pub what: What,
}

/// What a task did.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An operation on an object that several tasks may use.
    Operation {
        /// Its kind.
        operation: Operation,
        /// The object: a name that was given to it, or a number such as `a17`: the
        /// seventeenth object that task `a` has made.
        object: String,
        /// True if several tasks use the object in this execution and one of them changes it:
        /// only such rows are of interest in a picture.
        shared: bool,
        /// The value before, if the object has one that can be shown.
        before: Option<String>,
        /// The value after.
        after: Option<String>,
        /// The calls that led here, the innermost first, those of the explorer and of the
        /// crates outside of this project left out.
        frames: Vec<Place>,
    },
    /// What [`note`](crate::note) was told.
    Note(String),
    /// The violation: the last row of all.
    Violation {
        /// What happened.
        violation: Violation,
        /// The calls that led here.
        frames: Vec<Place>,
    },
    /// The task waits, and will for ever: the execution ends with a deadlock or lost wake-up.
    WaitsForEver {
        /// For what, in words.
        what: String,
        /// The calls that led here.
        frames: Vec<Place>,
    },
}

/// A place in the source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The file, from the root of the project: `pluginvc/src/vc.rs`.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The function, with its path.
    pub function: String,
}

/// The kinds of operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A task begins.
    Begin,
    /// An atomic is read.
    Load,
    /// An atomic is written.
    Store,
    /// An atomic is read and written in one step.
    Update,
    /// A mutex is taken, after a wait if need be.
    Lock,
    /// A mutex is taken if it is free.
    TryLock,
    /// A mutex is given back.
    Unlock,
    /// A mutex is given back, and the task begins to wait for a wake-up, in one step.
    Wait,
    /// A wake-up is sent.
    Notify,
    /// The task lets the others go first.
    Yield,
    /// The task waits for the end of another one.
    Join,
    /// The task makes another one.
    Spawn,
    /// An observer looks at something; see [`point`](crate::point).
    Look,
    /// An observer notes something that others look at.
    Mark,
}

impl Operation {
    /// True if the order of this operation and any other one on the same object matters.
    #[must_use]
    pub fn writes(self) -> bool {
        use Operation::{Lock, Mark, Notify, Store, TryLock, Unlock, Update, Wait};
        matches!(self, Store | Update | Lock | TryLock | Unlock | Wait | Notify | Mark)
    }
}

impl Trace {
    /// The source line of a place, without the spaces around it, if the source is there.
    #[must_use]
    pub fn source_line(place: &Place) -> Option<String> {
        crate::frames::source_line(place)
    }
}
