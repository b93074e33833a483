//! One execution of a scene: its tasks, its operations, its end.
//!
//! An execution is on one thread of the system. Each task is a [`Coroutine`]; exactly one runs at
//! a time. Before each operation on an explored object (a *point*) the running task asks the
//! [`Strategy`], and may be left there for another one. So an execution is determined by the
//! answers, and can be repeated by repeating them.
//!
//! The order of files: this one has what a task does that must ask, wait or end; [`state`] is what
//! an execution knows, [`record`] what it writes down, [`view`] what a strategy sees of it;
//! [`calls`] is what tasks call, and [`run`] the loop that resumes them.

mod calls;
mod record;
mod run;
mod state;
mod view;

pub(crate) use calls::*;
pub(crate) use run::{Input, Outcome, Watch, execute};
pub(crate) use state::Pending;
pub(crate) use view::View;

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;

use crate::explorer::Hearing;
use crate::objects::ObjectId;
use crate::report::{Violation, kind};
use crate::schedule::TaskId;
use crate::strategy::{Strategy, Tasks};
use crate::task::suspend;
use crate::trace::Operation;
use state::{State, Status};

/// What a task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// A lock, held by this task.
    Lock(ObjectId, Option<TaskId>),
    /// A wake-up.
    WakeUp(ObjectId),
    /// The end of a task.
    End(TaskId),
    /// That no other task can go on.
    Others,
}

/// How many times time passes at most while the same tasks stall: without a limit, a task that
/// tries again every 10 ms what a stalled one prevents would never end.
const LONGEST_STALL: u32 = 100;

/// After how many operations a task that unwinds lets the others unwind first.
const POINTS_A_ROUND: u32 = 256;

/// The payload with which a task is left for ever when its execution ends early.
struct Ended;

thread_local! {
    static ENGINE: Engine = const { Engine::new() };
}

pub(crate) struct Engine {
    /// True inside of an execution.
    active: Cell<bool>,
    /// True while operations are counted and tasks may be interrupted.
    racing: Cell<bool>,
    /// True while operations are not counted because the scene has asked for that.
    held_back: Cell<bool>,
    /// True when the execution is over and the tasks that are left are unwound.
    ending: Cell<bool>,
    /// True if the operations are written down, or digested.
    watched: Cell<bool>,
    /// True if time may pass although a task could go on.
    stalls: Cell<bool>,
    /// How many times time has passed so since another task ran.
    stalled: Cell<u32>,
    /// Operations of the execution so far.
    points: Cell<u32>,
    max_points: Cell<u32>,
    /// How many tasks were left while they unwound. `std::thread::panicking` is of the thread,
    /// so it tells nothing about a task while there is one.
    left_unwinding: Cell<u32>,
    /// Objects made outside of an execution.
    made_outside: Cell<u32>,
    /// Which violations of observers count.
    hears: RefCell<Hearing>,
    state: RefCell<State>,
    strategy: RefCell<Option<Box<dyn Strategy>>>,
}

impl Engine {
    const fn new() -> Engine {
        Engine {
            active: Cell::new(false),
            racing: Cell::new(false),
            held_back: Cell::new(false),
            ending: Cell::new(false),
            watched: Cell::new(false),
            stalls: Cell::new(false),
            stalled: Cell::new(0),
            points: Cell::new(0),
            max_points: Cell::new(0),
            left_unwinding: Cell::new(0),
            made_outside: Cell::new(0),
            hears: RefCell::new(Hearing::All),
            state: RefCell::new(State::new()),
            strategy: RefCell::new(None),
        }
    }

    /// Asks the strategy. It must not be asked while the state is borrowed.
    fn ask<R>(&self, f: impl FnOnce(&mut dyn Strategy, &View<'_>) -> R) -> R {
        let state = self.state.borrow();
        let mut strategy = self.strategy.borrow_mut();
        f(strategy.as_deref_mut().expect("inside of an execution"), &View(&state))
    }

    /// True if the current task is unwinding, so that it may neither be interrupted nor panic.
    fn is_unwinding(&self) -> bool {
        if self.left_unwinding.get() == 0 {
            return std::thread::panicking();
        }
        self.state.borrow().task().unwinding
    }

    fn point(&self, operation: Operation, object: ObjectId, also: ObjectId) -> bool {
        if self.ending.get() {
            self.end_here(operation != Operation::Unlock);
            return false;
        }
        let points = self.points.get() + 1;
        self.points.set(points);
        if !self.racing.get() {
            if points > self.max_points.get() {
                self.livelock();
            }
            return false;
        }
        if self.is_unwinding() {
            self.state.borrow_mut().unwinds_through(Pending { operation, object, also });
            return false;
        }
        if points > self.max_points.get() {
            self.livelock();
        }
        {
            let mut state = self.state.borrow_mut();
            state.arrive(Pending { operation, object, also });
            state.stands_here();
        }
        let current = self.state.borrow().current;
        let chosen = if self.is_asked_outside() {
            self.state.borrow_mut().question = Some(Question::Point);
            suspend();
            self.state.borrow_mut().answer.take().unwrap_or(current)
        } else {
            self.ask(|strategy, view| strategy.at_point(view))
        };
        if chosen != current {
            self.switch(chosen, true, operation != Operation::Unlock);
        }
        let watched = self.watched.get();
        if watched {
            self.state.borrow_mut().watch();
        }
        watched
    }

    fn is_asked_outside(&self) -> bool {
        self.strategy.borrow().as_ref().is_some_and(|strategy| strategy.is_outside())
    }

    /// The task asks the strategy at the place where it is, on whichever stack that must be.
    fn choose(&self, question: Question) -> TaskId {
        if self.is_asked_outside() {
            self.state.borrow_mut().question = Some(question);
            suspend();
            if let Some(answer) = self.state.borrow_mut().answer.take() {
                return answer;
            }
        }
        self.ask(|strategy, view| question.put(strategy, view))
    }

    /// Leaves the current task for this one. If the execution ends meanwhile and it `may_leave`,
    /// it does not come back.
    fn switch(&self, to: TaskId, interrupted: bool, may_leave: bool) {
        {
            let mut state = self.state.borrow_mut();
            if self.racing.get() {
                state.end_segment(interrupted);
            }
            state.enters(to);
            state.next = Some(to);
        }
        self.leave(may_leave);
        self.stalled.set(0);
        self.state.borrow_mut().others_have_run();
    }

    /// Leaves the current task, until the loop resumes it; see [`Engine::switch`].
    fn leave(&self, may_leave: bool) {
        if self.is_unwinding() {
            self.leave_unwinding();
            return;
        }
        suspend();
        if self.ending.get() {
            self.end_here(may_leave);
        }
    }

    /// The execution is over: leaves the task by unwinding it, unless it unwinds already.
    /// Operations that give something back must not be left.
    fn end_here(&self, may_leave: bool) {
        if !may_leave {
            return;
        }
        if !self.is_unwinding() {
            self.state.borrow_mut().task_mut().unwinding = true;
            resume_unwind(Box::new(Ended));
        }
        // A destructor may try again and again what a task prevents that is not unwound yet.
        let points = self.points.get() + 1;
        self.points.set(points);
        if points.is_multiple_of(POINTS_A_ROUND) {
            self.leave_unwinding();
        }
    }

    /// Leaves a task that unwinds, so that the others unwind first.
    fn leave_unwinding(&self) {
        self.left_unwinding.set(self.left_unwinding.get() + 1);
        self.state.borrow_mut().task_mut().unwinding = true;
        suspend();
        self.left_unwinding.set(self.left_unwinding.get() - 1);
    }

    fn livelock(&self) {
        let points = self.max_points.get();
        self.violate(
            kind::LIVELOCK,
            format!("the execution has not ended after {points} operations"),
        );
    }

    /// Ends the execution with a violation, unless it has one already.
    fn violate(&self, kind: &str, text: String) {
        if !self.ending.get() {
            let violation = Violation { kind: kind.to_owned(), text };
            let frames = run::place(self.state.borrow().is_written_down());
            self.state.borrow_mut().violate(violation, frames);
        }
        self.ending.set(true);
        self.racing.set(false);
        self.end_here(true);
    }

    /// The current task waits.
    fn wait(&self, wait: Wait) {
        if self.ending.get() {
            self.end_here(true);
            // A task that unwinds waits for another one that does.
            self.leave(true);
            return;
        }
        let runnable = {
            let mut state = self.state.borrow_mut();
            state.task_mut().status = Status::Waits(wait);
            state.stands_here();
            state.runnable()
        };
        if runnable.is_empty() {
            let (kind, text) = self.state.borrow_mut().stuck();
            self.violate(kind, text);
            // Only a task that unwinds comes here.
            self.leave(true);
            return;
        }
        let current = self.state.borrow().current;
        if runnable == Tasks::one(current) {
            // It waited for the others, and none can go on.
            self.state.borrow_mut().wakes();
            return;
        }
        let next = if self.racing.get() {
            self.choose(Question::Block(runnable))
        } else {
            runnable.first()
        };
        self.switch(next, false, true);
        self.state.borrow_mut().wakes();
    }

    /// Time passes although other tasks can go on. False if it may not.
    fn stalls_on(&self) -> bool {
        let stalled = self.stalled.get() + 1;
        self.stalled.set(stalled);
        self.stalls.get() && stalled <= LONGEST_STALL
    }

    fn yields(&self) {
        if self.ending.get() {
            self.end_here(true);
            return;
        }
        if self.is_unwinding() {
            return;
        }
        let points = self.points.get() + 1;
        self.points.set(points);
        if points > self.max_points.get() {
            self.livelock();
        }
        let (current, others, may_stay) = {
            let state = self.state.borrow();
            let current = state.current;
            let others = state.runnable().without(current);
            (current, others, state.may_ignore_yield())
        };
        if others.is_empty() {
            return;
        }
        self.state.borrow_mut().stands_here();
        if !self.racing.get() {
            self.switch(others.first(), false, true);
            return;
        }
        let next = self.choose(Question::Yield(others, may_stay));
        self.state.borrow_mut().task_mut().pending.object = ObjectId::NONE;
        if next == current {
            let mut state = self.state.borrow_mut();
            // The next operation is the one before which the others are not let in.
            state.ignores_yield(may_stay);
            state.enters(current);
        } else {
            self.switch(next, false, true);
        }
    }
}

/// What a strategy is asked.
#[derive(Clone, Copy)]
enum Question {
    Point,
    Yield(Tasks, bool),
    Block(Tasks),
}

impl Question {
    fn put(self, strategy: &mut dyn Strategy, view: &View<'_>) -> TaskId {
        match self {
            Question::Point => strategy.at_point(view),
            Question::Yield(others, may_stay) => strategy.at_yield(view, others, may_stay),
            Question::Block(runnable) => strategy.at_block(view, runnable),
        }
    }
}
