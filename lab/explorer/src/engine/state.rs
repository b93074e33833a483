//! What an execution knows of itself.

use std::any::Any;
use std::rc::Rc;

use super::record::Record;
use super::{Question, Wait};
use crate::objects::{ObjectId, Objects};
use crate::report::Violation;
use crate::schedule::{Segment, TaskId, letter};
use crate::strategy::Tasks;
use crate::task::Coroutine;
use crate::trace::{Operation, Place};

/// An operation that a task is about to carry out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pending {
    pub(crate) operation: Operation,
    pub(crate) object: ObjectId,
    /// A second object that it touches, or none.
    pub(crate) also: ObjectId,
}

/// Values by the address of the static that stands for them. `None`: the value is destroyed.
pub(super) type Locals = Vec<(usize, Option<Rc<dyn Any>>)>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Runs,
    Waits(Wait),
    Ended,
}

pub(super) struct Task {
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) pending: Pending,
    /// The calls that led to the place where it stands, while rows are written down; empty
    /// before its begin.
    pub(super) frames: Vec<Place>,
    /// Its operations that were counted.
    pub(super) points: u32,
    /// How many objects it has made.
    made: u32,
    /// True if it has gone on at its last yield for free, and no other task was let in since.
    ignored_yield: bool,
    /// True if it was left, or is left for ever, while it unwinds.
    pub(super) unwinding: bool,
    pub(super) coroutine: Option<Coroutine>,
    pub(super) locals: Locals,
}

impl Task {
    pub(super) fn new(id: TaskId, name: Option<String>, coroutine: Coroutine) -> Task {
        let begin =
            Pending { operation: Operation::Begin, object: ObjectId::NONE, also: ObjectId::NONE };
        Task {
            name: name.unwrap_or_else(|| {
                if id == 0 { "main".to_owned() } else { format!("{}", letter(id)) }
            }),
            status: Status::Runs,
            pending: begin,
            frames: Vec::new(),
            points: 0,
            made: 0,
            ignored_yield: false,
            unwinding: false,
            coroutine: Some(coroutine),
            locals: Vec::new(),
        }
    }
}

impl Task {
    /// It can go on, and will at once do something on `object`.
    fn goes_on_with(&mut self, operation: Operation, object: ObjectId) {
        self.status = Status::Runs;
        self.pending = Pending { operation, object, also: ObjectId::NONE };
    }
}

pub(super) struct State {
    pub(super) tasks: Vec<Task>,
    pub(super) current: TaskId,
    /// The task that the loop resumes next.
    pub(super) next: Option<TaskId>,
    pub(super) question: Option<Question>,
    pub(super) answer: Option<TaskId>,
    pub(super) objects: Objects,
    /// Wake-ups that were sent to one of several tasks, in the order in which they were
    /// sent. The first of these tasks that goes on takes it.
    wake_ups: Vec<(ObjectId, Tasks)>,
    pub(super) segments: Vec<Segment>,
    /// The counted operations of the segment.
    pub(super) passed: u32,
    /// True if the segment has begun with a choice, and its task has done nothing since that
    /// another one could notice.
    fresh: bool,
    /// The same for the moment before the operation that is about to be carried out.
    pub(super) at_fresh: bool,
    pub(super) violation: Option<Violation>,
    pub(super) record: Record,
    /// Values of the whole execution.
    pub(super) globals: Locals,
    /// Names that the scene has given to objects.
    pub(super) names: Vec<(ObjectId, String)>,
}

impl State {
    pub(super) const fn new() -> State {
        State {
            tasks: Vec::new(),
            current: 0,
            next: None,
            question: None,
            answer: None,
            objects: Objects::new(),
            wake_ups: Vec::new(),
            segments: Vec::new(),
            passed: 0,
            fresh: false,
            at_fresh: false,
            violation: None,
            record: Record::Nothing,
            globals: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Everything as before the first execution, except what is known of the objects.
    pub(super) fn begin(&mut self, record: Record) {
        let objects = std::mem::take(&mut self.objects);
        *self = State { objects, record, ..State::new() };
    }

    pub(super) fn task(&self) -> &Task {
        &self.tasks[usize::from(self.current)]
    }

    pub(super) fn task_mut(&mut self) -> &mut Task {
        &mut self.tasks[usize::from(self.current)]
    }

    /// The current task is before an operation that is counted.
    #[inline]
    pub(super) fn arrive(&mut self, pending: Pending) {
        let current = self.current;
        let task = self.task_mut();
        task.pending = pending;
        task.points += 1;
        self.passed += 1;
        self.at_fresh = self.fresh;
        if self.objects.is_conflicting(pending.object) || self.objects.is_conflicting(pending.also)
        {
            self.fresh = false;
        }
        let writes = pending.operation.writes();
        self.objects.touch(current, pending.object, writes);
        self.objects.touch(current, pending.also, writes);
    }

    pub(super) fn end_segment(&mut self, interrupted: bool) {
        let points = interrupted.then_some(self.passed);
        self.segments.push(Segment { task: self.current, points });
        self.passed = 0;
    }

    /// The tasks that can go on. A task that waits for the others can if no other one can.
    pub(super) fn runnable(&self) -> Tasks {
        let mut runnable = Tasks::default();
        let mut patient = Tasks::default();
        for (id, task) in self.tasks.iter().enumerate() {
            let one = Tasks::one(id as TaskId);
            match task.status {
                Status::Runs => runnable.0 |= one.0,
                Status::Waits(Wait::Others) => patient.0 |= one.0,
                Status::Waits(Wait::WakeUp(object)) => {
                    let sent =
                        |&(to, tasks): &(ObjectId, Tasks)| to == object && tasks.has(id as TaskId);
                    if self.wake_ups.iter().any(sent) {
                        runnable.0 |= one.0;
                    }
                }
                Status::Waits(_) | Status::Ended => (),
            }
        }
        if runnable.is_empty() { patient } else { runnable }
    }

    /// The current task goes on after a wait. It takes the oldest wake-up that was sent to it.
    pub(super) fn wakes(&mut self) {
        let current = self.current;
        if let Status::Waits(Wait::WakeUp(object)) = self.task().status {
            let its = |&(to, tasks): &(ObjectId, Tasks)| to == object && tasks.has(current);
            if let Some(at) = self.wake_ups.iter().position(its) {
                self.wake_ups.remove(at);
            }
            for (to, tasks) in &mut self.wake_ups {
                if *to == object {
                    *tasks = tasks.without(current);
                }
            }
        }
        self.task_mut().status = Status::Runs;
    }

    pub(super) fn unlocked(&mut self, lock: ObjectId) {
        for task in &mut self.tasks {
            if matches!(task.status, Status::Waits(Wait::Lock(waits_for, _)) if waits_for == lock) {
                task.goes_on_with(Operation::Lock, lock);
            }
        }
    }

    pub(super) fn wake(&mut self, object: ObjectId, all: bool) {
        let mut waiting = Tasks::default();
        for (id, task) in self.tasks.iter_mut().enumerate() {
            if task.status == Status::Waits(Wait::WakeUp(object)) {
                waiting.0 |= Tasks::one(id as TaskId).0;
                if all {
                    task.goes_on_with(Operation::Wait, object);
                }
            }
        }
        if all {
            self.wake_ups.retain(|&(to, _)| to != object);
            return;
        }
        let sent = self.wake_ups.iter().filter(|&&(to, _)| to == object).count();
        if waiting.len() > sent {
            self.wake_ups.push((object, waiting));
        }
    }

    /// The current task has ended.
    pub(super) fn ends(&mut self) {
        let current = self.current;
        self.task_mut().status = Status::Ended;
        for task in &mut self.tasks {
            if task.status == Status::Waits(Wait::End(current)) {
                task.status = Status::Runs;
            }
        }
    }

    pub(super) fn may_ignore_yield(&self) -> bool {
        !self.task().ignored_yield
    }

    /// The current task goes on after others have run.
    pub(super) fn others_have_run(&mut self) {
        self.task_mut().ignored_yield = false;
    }

    /// The current task is left for this one. If that one is not in the midst of an operation,
    /// it does nothing before its next one.
    pub(super) fn enters(&mut self, task: TaskId) {
        let task = &self.tasks[usize::from(task)];
        let is_idle = match task.status {
            Status::Runs => task.pending.object.is_none(),
            Status::Waits(wait) => matches!(wait, Wait::End(_) | Wait::Others),
            Status::Ended => false,
        };
        self.fresh = is_idle;
    }

    /// The current task has made another one, or begun the race: what could be let in before is
    /// not all any more.
    pub(super) fn changes_what_can_go_on(&mut self) {
        self.fresh = false;
    }

    /// The current task carries out an operation while it unwinds, and cannot be interrupted
    /// there. If others notice it, an interruption before its last operation that was counted
    /// leads to something else than one after it.
    pub(super) fn unwinds_through(&mut self, pending: Pending) {
        let current = self.current;
        let writes = pending.operation.writes();
        self.objects.touch(current, pending.object, writes);
        self.objects.touch(current, pending.also, writes);
        if self.objects.is_conflicting(pending.object) || self.objects.is_conflicting(pending.also)
        {
            self.fresh = false;
            let last = self.task().pending.object;
            self.objects.touch_by_several(last);
        }
    }

    /// The current task goes on at a yield. That is free once; the second time in a row it is
    /// an interruption, as if another task were let in and interrupted at once, and after such a
    /// one it is free again.
    pub(super) fn ignores_yield(&mut self, is_free: bool) {
        if !is_free {
            self.passed += 1;
        }
        self.end_segment(!is_free);
        self.task_mut().ignored_yield = is_free;
    }

    pub(super) fn new_object(&mut self) -> ObjectId {
        let current = self.current;
        let task = self.task_mut();
        task.made += 1;
        ObjectId::made_by(current, task.made)
    }

    pub(super) fn locals(&self, whole: bool) -> &Locals {
        if whole { &self.globals } else { &self.task().locals }
    }

    pub(super) fn locals_mut(&mut self, whole: bool) -> &mut Locals {
        if whole { &mut self.globals } else { &mut self.task_mut().locals }
    }
}
