//! What an execution knows of itself.

use std::any::Any;
use std::rc::Rc;

use super::{Question, Wait, run};
use crate::digest::Digest;
use crate::frames;
use crate::objects::{ObjectId, Objects};
use crate::report::{Violation, kind};
use crate::schedule::{Segment, TaskId, letter};
use crate::strategy::Tasks;
use crate::task::Coroutine;
use crate::trace::{Operation, Place, Row, What};

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
    /// Its operations that were counted.
    pub(super) points: u32,
    /// How many objects it has made.
    made: u32,
    /// True if it has ignored its last yield, and no other task has run since.
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

/// What is written down of the operations.
pub(super) enum Record {
    Nothing,
    Digest(Digest),
    Rows(Vec<Row>, Vec<ObjectId>),
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
    passed: u32,
    /// True if the segment has begun with a choice, and its task has done nothing since that
    /// another one could notice.
    fresh: bool,
    /// The same for the moment before the operation that is about to be carried out.
    at_fresh: bool,
    pub(super) violation: Option<Violation>,
    pub(super) record: Record,
    /// Values of the whole execution.
    pub(super) globals: Locals,
    /// Names that the scene has given to objects.
    names: Vec<(ObjectId, String)>,
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
        if !pending.also.is_none() {
            self.objects.touch(current, pending.also, writes);
        }
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

    /// The current task has made another one: what could go on before is not all any more.
    pub(super) fn has_spawned(&mut self) {
        self.fresh = false;
    }

    pub(super) fn ignores_yield(&mut self) {
        self.task_mut().ignored_yield = true;
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

    /// No task can go on: the kind of the violation and its text.
    pub(super) fn stuck(&mut self) -> (&'static str, String) {
        let mut locked = false;
        let mut parts = Vec::new();
        for id in 0..self.tasks.len() {
            let Status::Waits(wait) = self.tasks[id].status else { continue };
            locked |= matches!(wait, Wait::Lock(..));
            let what = self.in_words(wait);
            parts.push(format!("{} waits for {what}", self.tasks[id].name));
            let frames = run::place(self.is_written_down() && id == usize::from(self.current));
            self.row(id as TaskId, What::WaitsForEver { what, frames });
        }
        let kind = if locked { kind::DEADLOCK } else { kind::LOST_WAKE_UP };
        (kind, parts.join("; "))
    }

    pub(super) fn name_object(&mut self, object: ObjectId, name: &str) {
        self.names.retain(|(known, _)| *known != object);
        self.names.push((object, name.to_owned()));
    }

    /// The name of an object, for a reader; empty for none.
    pub(super) fn name_of(&self, object: ObjectId) -> String {
        let given = self.names.iter().find(|(known, _)| *known == object);
        match given {
            Some((_, name)) => name.clone(),
            None if object.is_none() => String::new(),
            None => object.to_string(),
        }
    }

    fn in_words(&self, wait: Wait) -> String {
        let name = |task: TaskId| self.tasks[usize::from(task)].name.as_str();
        match wait {
            Wait::Lock(lock, holder) => {
                let is_named = self.names.iter().any(|(known, _)| *known == lock);
                let maker = lock.maker().filter(|_| !is_named).map(name);
                let mutex = self.name_of(lock);
                match (maker, holder.map(name)) {
                    (None, None) => mutex,
                    (None, Some(holder)) => format!("{mutex}, held by {holder}"),
                    (Some(maker), None) => format!("the mutex {mutex}, made by {maker}"),
                    (Some(maker), Some(holder)) => {
                        format!("the mutex {mutex}, made by {maker} and held by {holder}")
                    }
                }
            }
            Wait::WakeUp(object) => format!("a wake-up by {}", self.name_of(object)),
            Wait::End(task) => format!("the end of {}", name(task)),
            Wait::Others => "the others".to_owned(),
        }
    }

    pub(super) fn violate(&mut self, violation: Violation, frames: Vec<Place>) {
        if self.violation.is_none() {
            self.row(self.current, What::Violation { violation: violation.clone(), frames });
            self.violation = Some(violation);
        }
    }

    pub(super) fn is_written_down(&self) -> bool {
        matches!(self.record, Record::Rows(..))
    }

    /// Writes down the operation that the current task carries out now.
    #[cold]
    pub(super) fn watch(&mut self) {
        let Pending { operation, object, also } = self.task().pending;
        let current = self.current;
        match &mut self.record {
            Record::Nothing => (),
            Record::Digest(digest) => {
                digest.add(&[current, operation as u8]);
                digest.add(&object.digest().to_le_bytes());
                digest.add(&also.digest().to_le_bytes());
            }
            Record::Rows(..) => {
                let name = self.name_of(object);
                let (shared, before, after) = (false, None, None);
                let frames = frames::here();
                let what =
                    What::Operation { operation, object: name, shared, before, after, frames };
                self.row(current, what);
                if let Record::Rows(_, objects) = &mut self.record
                    && let Some(last) = objects.last_mut()
                {
                    *last = object;
                }
            }
        }
    }

    pub(super) fn values(&mut self, was: Option<String>, is: Option<String>) {
        let Record::Rows(rows, _) = &mut self.record else { return };
        let current = self.current;
        let last = rows.iter_mut().rev().find(|row| row.task == current);
        if let Some(Row { what: What::Operation { before, after, .. }, .. }) = last {
            (*before, *after) = (was, is);
        }
    }

    pub(super) fn note(&mut self, text: String) {
        self.row(self.current, What::Note(text));
    }

    fn row(&mut self, task: TaskId, what: What) {
        let (point, segment) = (self.tasks[usize::from(task)].points, self.segments.len());
        if let Record::Rows(rows, objects) = &mut self.record {
            rows.push(Row { task, point, segment, what });
            objects.push(ObjectId::NONE);
        }
    }

    /// The rows, each with the word whether its object is shared in this execution.
    pub(super) fn take_rows(&mut self) -> Vec<Row> {
        let Record::Rows(mut rows, objects) = std::mem::replace(&mut self.record, Record::Nothing)
        else {
            return Vec::new();
        };
        let mut seen = Objects::default();
        for (row, &object) in rows.iter().zip(&objects) {
            if let What::Operation { operation, .. } = &row.what {
                seen.touch(row.task, object, operation.writes());
            }
        }
        seen.freeze();
        for (row, &object) in rows.iter_mut().zip(&objects) {
            if let What::Operation { shared, .. } = &mut row.what {
                *shared = seen.is_conflicting(object);
            }
        }
        rows
    }
}

/// What a strategy may see.
pub(crate) struct View<'a>(pub(super) &'a State);

impl View<'_> {
    pub(crate) fn current(&self) -> TaskId {
        self.0.current
    }

    pub(crate) fn tasks(&self) -> usize {
        self.0.tasks.len()
    }

    pub(crate) fn runnable(&self) -> Tasks {
        self.0.runnable()
    }

    /// The counted operations of the segment, the one that is to come included.
    pub(crate) fn passed(&self) -> u32 {
        self.0.passed
    }

    /// True if to leave the current task here is the same as not to have let it in.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.0.at_fresh
    }

    pub(crate) fn pending(&self, task: TaskId) -> Pending {
        self.0.tasks[usize::from(task)].pending
    }

    /// True if a task may be interrupted before the operation that it is about to carry out.
    #[inline]
    pub(crate) fn is_conflicting(&self, task: TaskId) -> bool {
        let pending = self.pending(task);
        self.0.objects.is_conflicting(pending.object)
            || !pending.also.is_none() && self.0.objects.is_conflicting(pending.also)
    }

    pub(crate) fn task_name(&self, task: TaskId) -> &str {
        &self.0.tasks[usize::from(task)].name
    }

    /// The rows so far, if they are written down.
    pub(crate) fn rows(&self) -> &[Row] {
        match &self.0.record {
            Record::Rows(rows, _) => rows,
            _ => &[],
        }
    }

    pub(crate) fn name_of(&self, object: ObjectId) -> String {
        self.0.name_of(object)
    }

    pub(crate) fn is_interruption(&self) -> bool {
        self.0.task().status == Status::Runs
    }
}
