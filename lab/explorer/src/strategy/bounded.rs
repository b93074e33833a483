//! Every schedule with at most so many interruptions, depth first.
//!
//! After CHESS (Musuvathi and Qadeer, PLDI 2007). A task is interrupted only before an operation
//! on an object that another task uses too, one of them writing: to interrupt it before any other
//! operation leads to nothing that an interruption before the next such one does not lead to.
//! Which task goes on when one blocks, yields or ends is gone through as well and free of charge.

use super::{Strategy, Tasks};
use crate::engine::View;
use crate::schedule::TaskId;

/// A choice that was made: the options in their order, and which one of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Decision {
    /// The task that goes on by default; the others follow in the order of their numbers.
    default: TaskId,
    options: Tasks,
    chosen: u8,
    /// True if a choice other than the default is an interruption.
    costs: bool,
}

impl Decision {
    fn task(&self) -> TaskId {
        match self.chosen {
            0 => self.default,
            n => {
                let mut others = self.options.without(self.default).iter();
                others.nth(usize::from(n) - 1).expect("the choice is one of the options")
            }
        }
    }

    fn cost(&self) -> u32 {
        u32::from(self.costs && self.chosen > 0)
    }
}

/// A part of the tree of all choices, and the way through it.
pub(crate) struct Bounded {
    bound: u32,
    /// The choices of the present execution. The first `fixed` ones belong to the part and
    /// are not varied.
    path: Vec<Decision>,
    fixed: usize,
    at: usize,
    used: u32,
    /// True if the program has not offered the choices of the path again: it is not
    /// deterministic.
    strayed: bool,
}

impl Bounded {
    /// The tree below this path, which is not varied.
    pub(crate) fn below(path: Vec<Decision>, bound: u32) -> Bounded {
        Bounded { bound, fixed: path.len(), path, at: 0, used: 0, strayed: false }
    }

    /// Begins an execution.
    pub(crate) fn begin(&mut self) {
        (self.at, self.used) = (0, 0);
    }

    /// Goes to the next path of the part; false if there is none.
    pub(crate) fn advance(&mut self) -> bool {
        self.path.truncate(self.at.max(self.fixed));
        while self.path.len() > self.fixed {
            let used: u32 = self.path.iter().map(Decision::cost).sum();
            let last = self.path.last_mut().expect("longer than the fixed part");
            let cost = used - last.cost() + u32::from(last.costs);
            if usize::from(last.chosen) + 1 < last.options.len() && cost <= self.bound {
                last.chosen += 1;
                return true;
            }
            self.path.pop();
        }
        false
    }

    /// The choices of the last execution.
    pub(crate) fn path(&self) -> &[Decision] {
        &self.path[..self.at.min(self.path.len())]
    }

    /// True if the last execution has not followed its path, because the program is not
    /// deterministic.
    pub(crate) fn has_strayed(&self) -> bool {
        self.strayed || self.at < self.fixed
    }

    fn decide(&mut self, default: TaskId, options: Tasks, costs: bool) -> TaskId {
        if options.len() == 1 {
            return default;
        }
        if self.at == self.path.len() {
            self.path.push(Decision { default, options, chosen: 0, costs });
        }
        let decision = &self.path[self.at];
        if (decision.default, decision.options, decision.costs) != (default, options, costs) {
            self.strayed = true;
            return default;
        }
        self.at += 1;
        self.used += decision.cost();
        decision.task()
    }
}

/// The parts of the tree: for each choice on the default path, from the last to the first, and each
/// other option that it has, the tree below. With the default path itself these are all schedules
/// of this bound, each once.
pub(crate) fn parts(default: &[Decision], bound: u32) -> Vec<Vec<Decision>> {
    let mut parts = Vec::new();
    for (at, decision) in default.iter().enumerate().rev() {
        if decision.costs && bound == 0 {
            continue;
        }
        for chosen in 1..decision.options.len() {
            let mut path = default[..at].to_vec();
            path.push(Decision { chosen: chosen as u8, ..decision.clone() });
            parts.push(path);
        }
    }
    parts
}

impl Strategy for Bounded {
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        let current = view.current();
        // To leave a task that was just let in, and has done nothing yet, leads to what another
        // choice there leads to.
        if self.used >= self.bound || !view.is_conflicting(current) || view.is_fresh() {
            return current;
        }
        let options = view.runnable();
        self.decide(current, options, true)
    }

    fn at_yield(&mut self, view: &View<'_>, others: Tasks, may_stay: bool) -> TaskId {
        let stay = if may_stay { Tasks::one(view.current()).0 } else { 0 };
        self.decide(others.first(), Tasks(others.0 | stay), false)
    }

    fn at_block(&mut self, _: &View<'_>, runnable: Tasks) -> TaskId {
        self.decide(runnable.first(), runnable, false)
    }
}
