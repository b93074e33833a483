//! What tasks call: each finds the execution of its thread of the system, if there is one.

use std::rc::Rc;

use super::state::{Status, Task};
use super::{ENGINE, Wait, run};
use crate::objects::ObjectId;
use crate::report::Violation;
use crate::schedule::{MAX_TASKS, TaskId};
use crate::task::Coroutine;
use crate::trace::Operation;

/// A point before an operation on `object`. True if the operation is written down: then
/// [`values`] should be told what it has done.
#[inline]
pub(crate) fn point(operation: Operation, object: ObjectId) -> bool {
    point_on_two(operation, object, ObjectId::NONE)
}

/// The same for an operation that touches two objects in one step.
#[inline]
pub(crate) fn point_on_two(operation: Operation, object: ObjectId, also: ObjectId) -> bool {
    ENGINE.with(|engine| engine.active.get() && engine.point(operation, object, also))
}

/// The values of the object before and after the operation that was just written down.
#[cold]
pub(crate) fn values(before: Option<String>, after: Option<String>) {
    ENGINE.with(|engine| engine.state.borrow_mut().values(before, after));
}

/// The task cannot go on.
///
/// # Panics
/// Outside of an execution.
pub(crate) fn wait(wait: Wait) {
    ENGINE.with(|engine| {
        assert!(
            engine.active.get(),
            "outside of an exploration nothing can end this wait: {wait:?}"
        );
        engine.wait(wait);
    });
}

/// The tasks that wait for this lock may try again.
pub(crate) fn unlocked(lock: ObjectId) {
    ENGINE.with(|engine| {
        if engine.active.get() {
            engine.state.borrow_mut().unlocked(lock);
        }
    });
}

/// One of the tasks that wait for a wake-up of this object, or all, may go on.
pub(crate) fn wake(object: ObjectId, all: bool) {
    ENGINE.with(|engine| {
        if engine.active.get() {
            engine.state.borrow_mut().wake(object, all);
        }
    });
}

pub(crate) fn yields() {
    ENGINE.with(|engine| {
        if engine.active.get() {
            engine.yields();
        }
    });
}

/// A name for a new object of the current task.
pub(crate) fn new_object() -> ObjectId {
    ENGINE.with(|engine| {
        if engine.active.get() {
            engine.state.borrow_mut().new_object()
        } else {
            let number = engine.made_outside.get() + 1;
            engine.made_outside.set(number);
            ObjectId::outside(number)
        }
    })
}

/// The current task; `None` outside of an execution.
pub(crate) fn current() -> Option<TaskId> {
    ENGINE.with(|engine| engine.active.get().then(|| engine.state.borrow().current))
}

/// Makes a task.
///
/// # Panics
/// Outside of an execution, and if there are as many as there can be.
pub(crate) fn spawn(name: Option<String>, run: impl FnOnce() + 'static) -> TaskId {
    ENGINE.with(|engine| {
        assert!(engine.active.get(), "a thread is made outside of an exploration");
        if engine.ending.get() {
            engine.end_here(true);
        }
        let mut state = engine.state.borrow_mut();
        let id = state.tasks.len();
        assert!(id < MAX_TASKS, "more than {MAX_TASKS} tasks in one execution");
        let id = id as TaskId;
        state.tasks.push(Task::new(id, name, Coroutine::new(move || run::live(run))));
        state.changes_what_can_go_on();
        drop(state);
        engine.racing.set(!engine.ending.get() && !engine.held_back.get());
        id
    })
}

/// Waits for the end of a task.
pub(crate) fn join(task: TaskId) {
    point(Operation::Join, ObjectId::end_of(task));
    while !has_ended(task) {
        wait(Wait::End(task));
    }
}

fn has_ended(task: TaskId) -> bool {
    ENGINE.with(|engine| {
        let state = engine.state.borrow();
        state.tasks.get(usize::from(task)).is_none_or(|task| task.status == Status::Ended)
    })
}

/// The name of the current task.
pub(crate) fn task_name() -> Option<String> {
    ENGINE.with(|engine| engine.active.get().then(|| engine.state.borrow().task().name.clone()))
}

/// The name of an object in this execution.
pub(crate) fn name_object(object: ObjectId, name: &str) {
    ENGINE.with(|engine| {
        if engine.active.get() {
            engine.state.borrow_mut().name_object(object, name);
        }
    });
}

pub(crate) fn name_task(name: &str) {
    ENGINE.with(|engine| {
        if engine.active.get() {
            name.clone_into(&mut engine.state.borrow_mut().task_mut().name);
        }
    });
}

/// See [`crate::race_later`].
pub(crate) fn race_later() {
    ENGINE.with(|engine| {
        if engine.active.get() && !engine.ending.get() {
            engine.held_back.set(true);
            engine.racing.set(false);
        }
    });
}

/// See [`crate::race_from_here`].
pub(crate) fn race_from_here() {
    ENGINE.with(|engine| {
        if engine.active.get() && !engine.ending.get() {
            engine.held_back.set(false);
            let mut state = engine.state.borrow_mut();
            state.changes_what_can_go_on();
            engine.racing.set(state.tasks.len() > 1);
        }
    });
}

/// See [`crate::let_others_run`].
pub(crate) fn let_others_run() -> bool {
    let others = others_can_run();
    if others {
        ENGINE.with(|engine| engine.wait(Wait::Others));
    }
    others
}

/// See [`crate::others_can_run`].
pub(crate) fn others_can_run() -> bool {
    ENGINE.with(|engine| {
        engine.active.get()
            && !engine.ending.get()
            && !engine.is_unwinding()
            && {
                let state = engine.state.borrow();
                !state.runnable().without(state.current).is_empty()
            }
            && !engine.stalls_on()
    })
}

/// See [`crate::is_ended_early`].
pub(crate) fn is_ended_early() -> bool {
    ENGINE.with(|engine| engine.active.get() && (engine.ending.get() || engine.is_unwinding()))
}

/// See [`crate::note`].
pub(crate) fn note(text: impl FnOnce() -> String) {
    ENGINE.with(|engine| {
        if engine.active.get() && engine.watched.get() && !engine.ending.get() {
            let text = text();
            engine.state.borrow_mut().note(text);
        }
    });
}

/// See [`crate::violation`].
pub(crate) fn violation(kind: &str, text: String) {
    ENGINE.with(|engine| {
        if !engine.active.get() {
            return;
        }
        let violation = Violation { kind: kind.to_owned(), text };
        if engine.hears.borrow().counts(&violation) {
            engine.violate(&violation.kind, violation.text);
        }
    });
}

pub(crate) fn is_replay() -> bool {
    ENGINE.with(|engine| engine.active.get() && engine.watched.get())
}

/// A value of the current task, or of the whole execution; made on first use.
pub(crate) fn local(
    key: usize,
    whole: bool,
    make: impl FnOnce() -> Rc<dyn std::any::Any>,
) -> Option<Rc<dyn std::any::Any>> {
    let known = ENGINE.with(|engine| {
        let state = engine.state.borrow();
        state.locals(whole).iter().find(|local| local.0 == key).map(|local| local.1.clone())
    });
    if let Some(known) = known {
        return known;
    }
    // Made while nothing is borrowed: it may make other values.
    let value = make();
    ENGINE.with(|engine| {
        let mut state = engine.state.borrow_mut();
        state.locals_mut(whole).push((key, Some(Rc::clone(&value))));
    });
    Some(value)
}

/// True inside of an execution.
pub(crate) fn is_active() -> bool {
    ENGINE.with(|engine| engine.active.get())
}
