//! One given schedule.

use super::{Strategy, Tasks};
use crate::engine::View;
use crate::schedule::{Segment, TaskId};

/// Follows the segments, then interrupts no task any more.
pub(crate) struct Follow {
    segments: Vec<Segment>,
    at: usize,
}

impl Follow {
    pub(crate) fn new(segments: Vec<Segment>) -> Follow {
        Follow { segments, at: 0 }
    }

    /// The task of the next segment, if it can run.
    fn next(&mut self, options: Tasks) -> Option<TaskId> {
        self.at += 1;
        let segment = self.segments.get(self.at);
        segment.map(|segment| segment.task).filter(|&task| options.has(task))
    }
}

impl Strategy for Follow {
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        let points = self.segments.get(self.at).and_then(|segment| segment.points);
        match points {
            Some(points) if view.passed() >= points => {
                self.next(view.runnable()).unwrap_or(view.current())
            }
            _ => view.current(),
        }
    }

    fn at_yield(&mut self, view: &View<'_>, others: Tasks, may_stay: bool) -> TaskId {
        // A yield ends the segment of a task that stays, too: the next one is of the same task.
        // Where that is an interruption, the segment is written as an interrupted one.
        let is_interrupted = self.segments.get(self.at).is_some_and(|it| it.points.is_some());
        let may_stay = may_stay || is_interrupted;
        let stay = if may_stay { Tasks::one(view.current()).0 } else { 0 };
        self.next(Tasks(others.0 | stay)).unwrap_or(others.first())
    }

    fn at_block(&mut self, _: &View<'_>, runnable: Tasks) -> TaskId {
        self.next(runnable).unwrap_or(runnable.first())
    }
}
