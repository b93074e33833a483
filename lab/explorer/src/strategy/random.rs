//! Strategies that draw random numbers. Each schedule has a seed of its own, so that it does not
//! depend on the schedules before it.

use fastrand::Rng;

use super::{Strategy, Tasks};
use crate::engine::View;
use crate::schedule::TaskId;

fn pick(rng: &mut Rng, tasks: Tasks) -> TaskId {
    let n = rng.usize(..tasks.len());
    tasks.iter().nth(n).expect("fewer than there are")
}

fn with(tasks: Tasks, task: TaskId, may: bool) -> Tasks {
    if may { Tasks(tasks.0 | Tasks::one(task).0) } else { tasks }
}

/// No task is interrupted.
pub(crate) struct Serial;

impl Strategy for Serial {
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        view.current()
    }

    fn at_yield(&mut self, _: &View<'_>, others: Tasks, _: bool) -> TaskId {
        others.first()
    }

    fn at_block(&mut self, _: &View<'_>, runnable: Tasks) -> TaskId {
        runnable.first()
    }
}

/// Before each operation on a shared object, any of the tasks that can run.
pub(crate) struct RandomWalk {
    pub(crate) rng: Rng,
    /// Before each operation of all, not only on shared objects: for learning which are shared.
    pub(crate) everywhere: bool,
}

impl Strategy for RandomWalk {
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        if !self.everywhere && !view.is_conflicting(view.current()) {
            return view.current();
        }
        pick(&mut self.rng, view.runnable())
    }

    fn at_yield(&mut self, view: &View<'_>, others: Tasks, may_stay: bool) -> TaskId {
        pick(&mut self.rng, with(others, view.current(), may_stay))
    }

    fn at_block(&mut self, _: &View<'_>, runnable: Tasks) -> TaskId {
        pick(&mut self.rng, runnable)
    }
}

/// Random priorities, and so many operations less one at which the running task gets the lowest
/// priority of all (Burckhardt and others, ASPLOS 2010).
pub(crate) struct Pct {
    rng: Rng,
    priorities: Vec<i64>,
    lowest: i64,
    steps: u64,
    /// The operations at which the priority changes.
    changes: Vec<u64>,
    everywhere: bool,
}

impl Pct {
    /// For executions of about `length` operations.
    pub(crate) fn new(mut rng: Rng, depth: u32, length: u64, everywhere: bool) -> Pct {
        let changes = (1..depth).map(|_| rng.u64(1..=length.max(1))).collect();
        Pct { rng, priorities: Vec::new(), lowest: 0, steps: 0, changes, everywhere }
    }

    fn best(&mut self, view: &View<'_>, tasks: Tasks) -> TaskId {
        while self.priorities.len() < view.tasks() {
            self.priorities.push(self.rng.i64(1..1 << 40));
        }
        let best = tasks.iter().max_by_key(|&task| self.priorities[usize::from(task)]);
        best.expect("a task that can run")
    }

    fn lower(&mut self, task: TaskId) {
        self.lowest -= 1;
        self.priorities[usize::from(task)] = self.lowest;
    }
}

impl Strategy for Pct {
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        let current = view.current();
        if !self.everywhere && !view.is_conflicting(current) {
            return current;
        }
        self.steps += 1;
        let runnable = view.runnable();
        let best = self.best(view, runnable);
        if !self.changes.contains(&self.steps) {
            return best;
        }
        self.lower(current);
        self.best(view, runnable)
    }

    fn at_yield(&mut self, view: &View<'_>, others: Tasks, _: bool) -> TaskId {
        self.best(view, others);
        self.lower(view.current());
        self.best(view, others)
    }

    fn at_block(&mut self, view: &View<'_>, runnable: Tasks) -> TaskId {
        self.best(view, runnable)
    }
}

/// Partial order sampling (Yuan, Yang and Gu, CAV 2018): each operation that is to come has a
/// random priority, which is drawn anew when it conflicts with the one that is carried out.
pub(crate) struct Pos {
    rng: Rng,
    priorities: Vec<Option<u64>>,
}

impl Pos {
    pub(crate) fn new(rng: Rng) -> Pos {
        Pos { rng, priorities: Vec::new() }
    }
}

impl Strategy for Pos {
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        let current = view.current();
        // What touches nothing shared comes first: its place does not matter.
        if !view.is_conflicting(current) {
            return current;
        }
        let runnable = view.runnable();
        self.priorities.resize(view.tasks(), None);
        let mut best = (true, u64::MAX, current);
        for task in runnable.iter() {
            let rng = &mut self.rng;
            let priority = *self.priorities[usize::from(task)].get_or_insert_with(|| rng.u64(..));
            best = best.min((view.is_conflicting(task), priority, task));
        }
        let next = best.2;
        let done = view.pending(next);
        for task in runnable.iter() {
            let pending = view.pending(task);
            let conflicts = pending.object == done.object
                && !done.object.is_none()
                && (pending.operation.writes() || done.operation.writes());
            if task == next || conflicts {
                self.priorities[usize::from(task)] = None;
            }
        }
        next
    }

    fn at_yield(&mut self, view: &View<'_>, others: Tasks, may_stay: bool) -> TaskId {
        pick(&mut self.rng, with(others, view.current(), may_stay))
    }

    fn at_block(&mut self, _: &View<'_>, runnable: Tasks) -> TaskId {
        pick(&mut self.rng, runnable)
    }
}
