//! What is written down of an execution: its operations, its names, and how it ended.

use std::mem::take;

use super::state::{Pending, State, Status};
use super::{Wait, run};
use crate::digest::Digest;
use crate::frames;
use crate::objects::{ObjectId, Objects};
use crate::report::{Violation, kind};
use crate::schedule::TaskId;
use crate::trace::{Operation, Place, Row, What};

/// What is written down of the operations.
pub(super) enum Record {
    Nothing,
    Digest(Digest),
    Rows(Vec<Row>, Vec<ObjectId>),
}

impl State {
    /// No task can go on: the kind of the violation and its text.
    pub(super) fn stuck(&mut self) -> (&'static str, String) {
        let mut locked = false;
        let mut parts = Vec::new();
        for id in 0..self.tasks.len() {
            let Status::Waits(wait) = self.tasks[id].status else { continue };
            locked |= matches!(wait, Wait::Lock(..));
            let what = self.in_words(wait);
            parts.push(format!("{} waits for {what}", self.tasks[id].name));
            let frames = run::place(self.is_written_down() && id == usize::from(self.current));
            self.row(id as TaskId, What::WaitsForEver { what, frames });
        }
        let kind = if locked { kind::DEADLOCK } else { kind::LOST_WAKE_UP };
        (kind, parts.join("; "))
    }

    pub(super) fn name_object(&mut self, object: ObjectId, name: &str) {
        self.names.retain(|(known, _)| *known != object);
        self.names.push((object, name.to_owned()));
    }

    /// The name of an object, for a reader; empty for none.
    pub(super) fn name_of(&self, object: ObjectId) -> String {
        let given = self.names.iter().find(|(known, _)| *known == object);
        match given {
            Some((_, name)) => name.clone(),
            None if object.is_none() => String::new(),
            None => object.to_string(),
        }
    }

    fn in_words(&self, wait: Wait) -> String {
        let name = |task: TaskId| self.tasks[usize::from(task)].name.as_str();
        match wait {
            Wait::Lock(lock, holder) => {
                let is_named = self.names.iter().any(|(known, _)| *known == lock);
                let maker = lock.maker().filter(|_| !is_named).map(name);
                let mutex = self.name_of(lock);
                match (maker, holder.map(name)) {
                    (None, None) => mutex,
                    (None, Some(holder)) => format!("{mutex}, held by {holder}"),
                    (Some(maker), None) => format!("the mutex {mutex}, made by {maker}"),
                    (Some(maker), Some(holder)) => {
                        format!("the mutex {mutex}, made by {maker} and held by {holder}")
                    }
                }
            }
            Wait::WakeUp(object) => format!("a wake-up by {}", self.name_of(object)),
            Wait::End(task) => format!("the end of {}", name(task)),
            Wait::Others => "the others".to_owned(),
        }
    }

    pub(super) fn violate(&mut self, violation: Violation, frames: Vec<Place>) {
        if self.violation.is_none() {
            self.row(self.current, What::Violation { violation: violation.clone(), frames });
            self.violation = Some(violation);
        }
    }

    pub(super) fn is_written_down(&self) -> bool {
        matches!(self.record, Record::Rows(..))
    }

    /// Notes where the current task stands, for the row of its operation and for a user that chooses
    /// between the tasks.
    #[inline]
    pub(super) fn stands_here(&mut self) {
        if self.is_written_down() {
            self.task_mut().frames = frames::here();
        }
    }

    /// Writes down the operation that the current task carries out now.
    #[cold]
    pub(super) fn watch(&mut self) {
        let Pending { operation, object, also } = self.task().pending;
        let current = self.current;
        match &mut self.record {
            Record::Nothing => (),
            Record::Digest(digest) => {
                // Which task is waited for follows from the other operations.
                let object = if operation == Operation::Join { ObjectId::NONE } else { object };
                digest.add(&[current, operation as u8]);
                digest.add(&object.digest().to_le_bytes());
                digest.add(&also.digest().to_le_bytes());
            }
            Record::Rows(..) => {
                let name = self.name_of(object);
                let (shared, before, after) = (false, None, None);
                let frames = take(&mut self.task_mut().frames);
                let what =
                    What::Operation { operation, object: name, shared, before, after, frames };
                self.row(current, what);
                if let Record::Rows(_, objects) = &mut self.record
                    && let Some(last) = objects.last_mut()
                {
                    *last = object;
                }
            }
        }
    }

    pub(super) fn values(&mut self, was: Option<String>, is: Option<String>) {
        let Record::Rows(rows, _) = &mut self.record else { return };
        let current = self.current;
        let last = rows.iter_mut().rev().find(|row| row.task == current);
        if let Some(Row { what: What::Operation { before, after, .. }, .. }) = last {
            (*before, *after) = (was, is);
        }
    }

    pub(super) fn note(&mut self, text: String) {
        self.row(self.current, What::Note(text));
    }

    fn row(&mut self, task: TaskId, what: What) {
        let (point, segment) = (self.tasks[usize::from(task)].points, self.segments.len());
        if let Record::Rows(rows, objects) = &mut self.record {
            rows.push(Row { task, point, segment, what });
            objects.push(ObjectId::NONE);
        }
    }

    /// The rows, each with the word whether its object is shared in this execution.
    pub(super) fn take_rows(&mut self) -> Vec<Row> {
        let Record::Rows(mut rows, objects) = std::mem::replace(&mut self.record, Record::Nothing)
        else {
            return Vec::new();
        };
        let mut seen = Objects::default();
        for (row, &object) in rows.iter().zip(&objects) {
            if let What::Operation { operation, .. } = &row.what {
                seen.touch(row.task, object, operation.writes());
            }
        }
        seen.freeze();
        for (row, &object) in rows.iter_mut().zip(&objects) {
            if let What::Operation { shared, .. } = &mut row.what {
                *shared = seen.is_conflicting(object);
            }
        }
        rows
    }
}
