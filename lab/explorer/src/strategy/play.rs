//! The user is the scheduler.

use super::{Strategy, Tasks};
use crate::engine::View;
use crate::play::{Chooser, Moment};
use crate::schedule::TaskId;

/// Asks wherever there is a choice that matters.
pub(crate) struct Play {
    pub(crate) chooser: Chooser,
}

impl Play {
    fn ask(&mut self, view: &View<'_>, options: Tasks, default: TaskId) -> TaskId {
        if options.len() < 2 {
            return default;
        }
        let moment = Moment::of(view, options, default);
        let chosen = (self.chooser)(&moment);
        if options.has(chosen) { chosen } else { default }
    }
}

impl Strategy for Play {
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        let current = view.current();
        if !view.is_conflicting(current) {
            return current;
        }
        self.ask(view, view.runnable(), current)
    }

    fn at_yield(&mut self, view: &View<'_>, others: Tasks, may_stay: bool) -> TaskId {
        let stay = if may_stay { Tasks::one(view.current()).0 } else { 0 };
        self.ask(view, Tasks(others.0 | stay), others.first())
    }

    fn at_block(&mut self, view: &View<'_>, runnable: Tasks) -> TaskId {
        self.ask(view, runnable, runnable.first())
    }

    fn is_outside(&self) -> bool {
        true
    }
}
