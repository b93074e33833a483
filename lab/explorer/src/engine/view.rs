//! [`View`]: what a strategy sees of an execution.

use super::Wait;
use super::record::Record;
use super::state::{Pending, State, Status};
use crate::objects::ObjectId;
use crate::schedule::TaskId;
use crate::strategy::Tasks;
use crate::trace::{Operation, Place, Row};

/// What a strategy may see.
pub(crate) struct View<'a>(pub(super) &'a State);

impl View<'_> {
    pub(crate) fn current(&self) -> TaskId {
        self.0.current
    }

    pub(crate) fn tasks(&self) -> usize {
        self.0.tasks.len()
    }

    pub(crate) fn runnable(&self) -> Tasks {
        self.0.runnable()
    }

    /// The counted operations of the segment, the one that is to come included.
    pub(crate) fn passed(&self) -> u32 {
        self.0.passed
    }

    /// True if to leave the current task here is the same as not to have let it in.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.0.at_fresh
    }

    pub(crate) fn pending(&self, task: TaskId) -> Pending {
        self.0.tasks[usize::from(task)].pending
    }

    /// What the task does first when it goes on, and on which object. The current task has yielded
    /// if another one is the `default`.
    pub(crate) fn next(&self, task: TaskId, default: TaskId) -> (Operation, ObjectId) {
        let Pending { operation, object, .. } = self.pending(task);
        let has_yielded = task == self.current() && task != default
            || self.0.tasks[usize::from(task)].status == Status::Waits(Wait::Others)
            || operation != Operation::Begin && object.is_none();
        if has_yielded { (Operation::Yield, ObjectId::NONE) } else { (operation, object) }
    }

    /// The calls that led to the place where the task stands, if rows are written down.
    pub(crate) fn frames(&self, task: TaskId) -> &[Place] {
        &self.0.tasks[usize::from(task)].frames
    }

    /// True if a task may be interrupted before the operation that it is about to carry out.
    #[inline]
    pub(crate) fn is_conflicting(&self, task: TaskId) -> bool {
        let pending = self.pending(task);
        self.0.objects.is_conflicting(pending.object)
            || !pending.also.is_none() && self.0.objects.is_conflicting(pending.also)
    }

    pub(crate) fn task_name(&self, task: TaskId) -> &str {
        &self.0.tasks[usize::from(task)].name
    }

    /// The rows so far, if they are written down.
    pub(crate) fn rows(&self) -> &[Row] {
        match &self.0.record {
            Record::Rows(rows, _) => rows,
            _ => &[],
        }
    }

    pub(crate) fn name_of(&self, object: ObjectId) -> String {
        self.0.name_of(object)
    }

    pub(crate) fn is_interruption(&self) -> bool {
        self.0.task().status == Status::Runs
    }
}
