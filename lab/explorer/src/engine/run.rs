//! The loop that resumes the tasks of an execution, and its end.

use std::cell::Cell;
use std::mem::{forget, take};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::record::Record;
use super::state::{Status, Task};
use super::{ENGINE, Ended, Engine, Question};
use crate::digest::Digest;
use crate::explorer::Hearing;
use crate::objects::Objects;
use crate::report::{Violation, kind};
use crate::schedule::Segment;
use crate::strategy::Strategy;
use crate::task::Coroutine;
use crate::trace::Row;
use crate::{frames, hook};

/// How many times the tasks that are left are resumed so that they unwind.
const ROUNDS_OF_UNWINDING: usize = 100;

/// What is written down of an execution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Watch {
    Nothing,
    /// A digest of the operations.
    Digest,
    /// The operations, with their places in the source.
    Rows,
}

/// What an execution needs.
pub(crate) struct Input<'a> {
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) objects: &'a mut Objects,
    pub(crate) watch: Watch,
    pub(crate) max_points: u32,
    pub(crate) stalls: bool,
    pub(crate) hears: Hearing,
}

/// What an execution has led to.
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) points: u32,
    pub(crate) digest: u64,
    pub(crate) rows: Vec<Row>,
    /// The names of the tasks; empty unless rows were asked for.
    pub(crate) tasks: Vec<String>,
}

thread_local! {
    /// True if a task was left for ever while it unwinds.
    static LOST: Cell<bool> = const { Cell::new(false) };
}

/// The whole life of a task.
pub(super) fn live(run: impl FnOnce()) {
    let ending = ENGINE.with(|engine| engine.ending.get());
    let result = if ending {
        catch_unwind(AssertUnwindSafe(|| drop(run)))
    } else {
        catch_unwind(AssertUnwindSafe(run))
    };
    if let Err(payload) = result
        && !payload.is::<Ended>()
    {
        let text = hook::text_of(&*payload);
        let frames = hook::take_frames();
        ENGINE.with(|engine| {
            if !engine.ending.replace(true) {
                engine.racing.set(false);
                let violation = Violation { kind: kind::PANIC.to_owned(), text };
                engine.state.borrow_mut().violate(violation, frames);
            }
        });
    }
    destroy_locals();
}

/// The values of the task, the last made first. A destructor may use the values made before.
fn destroy_locals() {
    loop {
        let last = ENGINE.with(|engine| {
            let mut state = engine.state.borrow_mut();
            state.locals_mut(false).iter_mut().rev().find_map(|local| local.1.take())
        });
        let Some(last) = last else { return };
        let _ = catch_unwind(AssertUnwindSafe(|| drop(last)));
    }
}

/// Runs `scene` once.
///
/// # Panics
/// Inside of an execution, and after one whose tasks could not be unwound.
pub(crate) fn execute(input: Input<'_>, scene: &Arc<dyn Fn() + Send + Sync>) -> Outcome {
    hook::install();
    ENGINE.with(|engine| {
        assert!(!engine.active.get(), "an exploration inside of another one");
        assert!(
            !LOST.with(Cell::get),
            "after a violation two tasks could not be unwound, because a destructor of each waits for the other: explore this scene until its first violation only"
        );
        engine.begin(&input);
        *engine.strategy.borrow_mut() = Some(input.strategy);
        engine.state.borrow_mut().objects = take(input.objects);
        engine.active.set(true);
        let scene = Arc::clone(scene);
        let main = Coroutine::new(move || live(move || scene()));
        engine.state.borrow_mut().tasks.push(Task::new(0, None, main));
        engine.run();
        engine.unwind_rest();
        engine.active.set(false);
        *input.objects = take(&mut engine.state.borrow_mut().objects);
        *engine.strategy.borrow_mut() = None;
        engine.take_outcome()
    })
}

impl Engine {
    fn begin(&self, input: &Input<'_>) {
        self.racing.set(false);
        self.held_back.set(false);
        self.ending.set(false);
        self.watched.set(input.watch != Watch::Nothing);
        self.stalls.set(input.stalls);
        self.hears.replace(input.hears.clone());
        self.stalled.set(0);
        self.points.set(0);
        self.max_points.set(input.max_points);
        self.left_unwinding.set(0);
        self.state.borrow_mut().begin(match input.watch {
            Watch::Nothing => Record::Nothing,
            Watch::Digest => Record::Digest(Digest::default()),
            Watch::Rows => Record::Rows(Vec::new(), Vec::new()),
        });
    }

    fn run(&self) {
        loop {
            let mut coroutine = {
                let mut state = self.state.borrow_mut();
                state.task_mut().coroutine.take().expect("the chosen task has not ended")
            };
            let ended = coroutine.resume();
            if !ended {
                self.state.borrow_mut().task_mut().coroutine = Some(coroutine);
                if self.ending.get() {
                    return;
                }
                let question = self.state.borrow_mut().question.take();
                if let Some(question) = question {
                    let answer = self.ask(|strategy, view| question.put(strategy, view));
                    self.state.borrow_mut().answer = Some(answer);
                } else {
                    let mut state = self.state.borrow_mut();
                    state.current = state.next.take().expect("a task names its successor");
                }
                continue;
            }
            coroutine.recycle();
            if !self.goes_on_after_an_end() {
                return;
            }
        }
    }

    /// The current task has ended. True if another one goes on.
    fn goes_on_after_an_end(&self) -> bool {
        let runnable = {
            let mut state = self.state.borrow_mut();
            state.ends();
            if self.racing.get() || self.ending.get() {
                state.end_segment(false);
            }
            if self.ending.get() || state.tasks.iter().all(|task| task.status == Status::Ended) {
                return false;
            }
            state.runnable()
        };
        if runnable.is_empty() {
            let mut state = self.state.borrow_mut();
            let (kind, text) = state.stuck();
            state.violate(Violation { kind: kind.to_owned(), text }, Vec::new());
            return false;
        }
        let next = if self.racing.get() {
            self.ask(|strategy, view| Question::Block(runnable).put(strategy, view))
        } else {
            runnable.first()
        };
        let mut state = self.state.borrow_mut();
        state.enters(next);
        state.current = next;
        true
    }

    /// Unwinds the tasks that are left. One may wait for a lock that another one gives back when
    /// it unwinds; so they are resumed in turn. Two that wait for each other even so are left
    /// for ever: their memory is lost.
    fn unwind_rest(&self) {
        self.ending.set(true);
        self.racing.set(false);
        for _ in 0..ROUNDS_OF_UNWINDING {
            let mut left = false;
            let tasks = self.state.borrow().tasks.len();
            for id in 0..tasks {
                let coroutine = {
                    let mut state = self.state.borrow_mut();
                    state.current = id as u8;
                    state.task_mut().coroutine.take()
                };
                let Some(mut coroutine) = coroutine else { continue };
                let ended = coroutine.resume();
                let mut state = self.state.borrow_mut();
                if ended {
                    coroutine.recycle();
                    state.ends();
                } else {
                    left = true;
                    state.task_mut().coroutine = Some(coroutine);
                }
            }
            if !left {
                break;
            }
        }
        for task in &mut self.state.borrow_mut().tasks {
            if let Some(coroutine) = task.coroutine.take() {
                forget(coroutine);
                // The thread of the system counts as unwinding from now on.
                LOST.with(|lost| lost.set(true));
            }
        }
    }

    fn take_outcome(&self) -> Outcome {
        let (outcome, tasks, mut globals) = {
            let mut state = self.state.borrow_mut();
            let digest = match &state.record {
                Record::Digest(digest) => digest.value(),
                _ => 0,
            };
            let with_rows = matches!(state.record, Record::Rows(..));
            let names = state.tasks.iter().filter(|_| with_rows).map(|task| task.name.clone());
            let outcome = Outcome {
                tasks: names.collect(),
                violation: state.violation.take(),
                segments: take(&mut state.segments),
                points: self.points.get(),
                digest,
                rows: state.take_rows(),
            };
            (outcome, take(&mut state.tasks), take(&mut state.globals))
        };
        // Outside of the execution: their destructors are no part of it.
        drop(tasks);
        while let Some(last) = globals.pop() {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(last)));
        }
        outcome
    }
}

/// Where the current task is, if rows are written down.
pub(super) fn place(watched: bool) -> Vec<crate::trace::Place> {
    if watched { frames::here() } else { Vec::new() }
}
