//! Every schedule with at most so many interruptions, depth first.
//!
//! After CHESS (Musuvathi and Qadeer, PLDI 2007). A task is interrupted only before an operation
//! on an object that another task uses too, one of them writing: to interrupt it before any other
//! operation leads to nothing that an interruption before the next such one does not lead to.
//! Which task goes on when one blocks, yields or ends is gone through as well and free of charge.

use super::{Strategy, Tasks};
use crate::engine::View;
use crate::schedule::TaskId;

/// Any number of interruptions.
pub(crate) const NO_BOUND: u32 = u32::MAX;

/// A choice that was made: the options in their order, and which one of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Decision {
    /// The task that goes on by default; the others follow in the order of their numbers.
    default: TaskId,
    options: Tasks,
    chosen: u8,
    /// The options that are an interruption; never the default.
    paid: Tasks,
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
        u32::from(self.paid.has(self.task()))
    }

    /// The next option that costs as much at most; `None` if there is none.
    fn next(&self, most: u32) -> Option<Decision> {
        (usize::from(self.chosen) + 1..self.options.len())
            .map(|chosen| Decision { chosen: chosen as u8, ..self.clone() })
            .find(|next| next.cost() <= most)
    }
}

/// A part of the tree of all choices, and the way through it.
pub(crate) struct Bounded {
    bound: u32,
    /// Interrupt before each operation, without the reduction to shared objects.
    everywhere: bool,
    /// The choices of the present execution. The first `fixed` ones belong to the part and
    /// are not varied.
    path: Vec<Decision>,
    fixed: usize,
    at: usize,
    used: u32,
    /// The choices that the present execution must come to: those of the path that it repeats.
    repeats: usize,
    /// True if the program has not offered the choices of the path again: it is not
    /// deterministic.
    strayed: bool,
}

impl Bounded {
    /// The tree below this path, which is not varied.
    pub(crate) fn below(path: Vec<Decision>, bound: u32, everywhere: bool) -> Bounded {
        let (fixed, repeats) = (path.len(), path.len());
        Bounded { bound, everywhere, fixed, path, at: 0, used: 0, repeats, strayed: false }
    }

    /// Begins an execution.
    pub(crate) fn begin(&mut self) {
        (self.at, self.used, self.repeats) = (0, 0, self.path.len());
    }

    /// Goes to the next path of the part; false if there is none.
    pub(crate) fn advance(&mut self) -> bool {
        self.path.truncate(self.at.max(self.fixed));
        while self.path.len() > self.fixed {
            let used: u32 = self.path.iter().map(Decision::cost).sum();
            let last = self.path.pop().expect("longer than the fixed part");
            if let Some(next) = last.next(self.bound - (used - last.cost())) {
                self.path.push(next);
                return true;
            }
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
        self.strayed || self.at < self.repeats
    }

    fn decide(&mut self, default: TaskId, options: Tasks, paid: Tasks) -> TaskId {
        if options.len() == 1 {
            return default;
        }
        if self.at == self.path.len() {
            self.path.push(Decision { default, options, chosen: 0, paid });
        }
        let decision = &self.path[self.at];
        if (decision.default, decision.options, decision.paid) != (default, options, paid) {
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
        let mut next = decision.next(bound);
        while let Some(decision) = next {
            next = decision.next(bound);
            let path = default[..at].iter().cloned().chain([decision]);
            parts.push(path.collect());
        }
    }
    parts
}

impl Strategy for Bounded {
    fn at_point(&mut self, view: &View<'_>) -> TaskId {
        let current = view.current();
        // To leave a task that was just let in, and has done nothing yet, leads to what another
        // choice there leads to.
        let matters = self.everywhere || view.is_conflicting(current) && !view.is_fresh();
        if self.used >= self.bound || !matters {
            return current;
        }
        let options = view.runnable();
        self.decide(current, options, options.without(current))
    }

    fn at_yield(&mut self, view: &View<'_>, others: Tasks, may_stay: bool) -> TaskId {
        let stay = Tasks::one(view.current());
        // To go on twice in a row is an interruption of the others. Without a bound it would
        // have no end.
        let paid = if may_stay { Tasks::default() } else { stay };
        let is_option = may_stay || self.used < self.bound && self.bound != NO_BOUND;
        let options = if is_option { Tasks(others.0 | stay.0) } else { others };
        self.decide(others.first(), options, paid)
    }

    fn at_block(&mut self, _: &View<'_>, runnable: Tasks) -> TaskId {
        self.decide(runnable.first(), runnable, Tasks::default())
    }
}
