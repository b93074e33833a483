//! The user is the scheduler: what a user is asked.

use crate::engine::View;
use crate::schedule::TaskId;
use crate::strategy::Tasks;
use crate::trace::{Operation, Place, Row};

/// Chooses one of the options of a moment. Any other answer counts as [`Moment::default`].
pub(crate) type Chooser = Box<dyn FnMut(&Moment<'_>) -> TaskId>;

/// A moment at which several tasks could go on, and it matters which one does.
#[derive(Debug)]
pub struct Moment<'a> {
    /// The tasks that can go on, in the order of their numbers.
    pub options: Vec<Choice>,
    /// The task that goes on if no task is interrupted.
    pub default: TaskId,
    /// True if any other choice is an interruption; false if the task that ran has blocked,
    /// ended or let the others go first.
    pub interrupts: bool,
    /// What has happened so far.
    pub rows: &'a [Row],
}

/// A task that can go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The task.
    pub task: TaskId,
    /// Its name.
    pub name: String,
    /// The operation that it would carry out next. [`Operation::Yield`]: it has let the others
    /// go first, and goes on behind that.
    pub operation: Operation,
    /// The object of that operation, empty if it has none.
    pub object: String,
    /// The calls that led there, the innermost first; empty before its begin.
    pub frames: Vec<Place>,
}

impl<'a> Moment<'a> {
    pub(crate) fn of(view: &'a View<'_>, options: Tasks, default: TaskId) -> Moment<'a> {
        let choice = |task| {
            let (operation, object) = view.next(task, default);
            Choice {
                task,
                name: view.task_name(task).to_owned(),
                operation,
                object: view.name_of(object),
                frames: view.frames(task).to_vec(),
            }
        };
        Moment {
            options: options.iter().map(choice).collect(),
            default,
            interrupts: view.is_interruption() && default == view.current(),
            rows: view.rows(),
        }
    }
}
