//! Which task makes the next step: the strategies behind one interface.

mod bounded;
mod follow;
mod play;
mod random;

pub(crate) use bounded::{Bounded, NO_BOUND, parts};
pub(crate) use follow::Follow;
pub(crate) use play::Play;
pub(crate) use random::{Pct, Pos, RandomWalk, Serial};

use crate::engine::View;
use crate::schedule::TaskId;

/// Tasks in a set: a bit a task.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tasks(pub(crate) u32);

impl Tasks {
    pub(crate) fn one(task: TaskId) -> Tasks {
        Tasks(1 << task)
    }

    pub(crate) fn has(self, task: TaskId) -> bool {
        self.0 >> task & 1 != 0
    }

    pub(crate) fn without(self, task: TaskId) -> Tasks {
        Tasks(self.0 & !(1 << task))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(crate) fn first(self) -> TaskId {
        debug_assert!(!self.is_empty());
        self.0.trailing_zeros() as TaskId
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = TaskId> {
        let mut left = self;
        std::iter::from_fn(move || {
            let first = (!left.is_empty()).then(|| left.first())?;
            left = left.without(first);
            Some(first)
        })
    }
}

/// Chooses the task that makes the next step of one execution.
pub(crate) trait Strategy {
    /// The current task is before its next operation and could carry it out. It goes on if it is
    /// chosen; otherwise it is interrupted.
    fn at_point(&mut self, view: &View<'_>) -> TaskId;

    /// The current task lets others go first. If not `may_stay`, it has gone on at its last yield
    /// as well, and to go on once more is an interruption.
    fn at_yield(&mut self, view: &View<'_>, others: Tasks, may_stay: bool) -> TaskId;

    /// The current task cannot go on. `runnable` is not empty.
    fn at_block(&mut self, view: &View<'_>, runnable: Tasks) -> TaskId;

    /// True if it must be asked outside of the coroutines, because it runs code of a user.
    fn is_outside(&self) -> bool {
        false
    }
}

/// A strategy that its owner looks at between two executions.
impl<S: Strategy> Strategy for std::rc::Rc<std::cell::RefCell<S>> {
    #[inline]
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        self.borrow_mut().at_point(view)
    }

    fn at_yield(&mut self, view: &View<'_>, others: Tasks, may_stay: bool) -> TaskId {
        self.borrow_mut().at_yield(view, others, may_stay)
    }

    fn at_block(&mut self, view: &View<'_>, runnable: Tasks) -> TaskId {
        self.borrow_mut().at_block(view, runnable)
    }
}
