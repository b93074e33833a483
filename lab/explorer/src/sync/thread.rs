//! Threads: tasks of the exploration, with the interface of the standard library.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

pub use std::thread::{Result, panicking};

use crate::engine;
use crate::schedule::TaskId;

/// Which thread it is, among those of its execution.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ThreadId(Option<TaskId>);

/// A thread of an execution.
#[derive(Clone, Debug)]
pub struct Thread {
    id: ThreadId,
    name: Option<String>,
}

impl Thread {
    /// Which thread it is.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        self.id
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// The calling thread.
#[must_use]
pub fn current() -> Thread {
    Thread { id: ThreadId(engine::current()), name: engine::task_name() }
}

/// Lets the other threads go first, if any can run. Both are explored: that another one goes on,
/// and that this one does. To go on twice in a row counts as an interruption, and without a bound
/// it is not tried; so a loop that waits for another thread ends.
pub fn yield_now() {
    engine::yields();
}

/// Waits for the end of a thread.
pub struct JoinHandle<T> {
    task: TaskId,
    name: Option<String>,
    result: Arc<Mutex<Option<T>>>,
}

impl<T> JoinHandle<T> {
    /// The thread.
    #[must_use]
    pub fn thread(&self) -> Thread {
        Thread { id: ThreadId(Some(self.task)), name: self.name.clone() }
    }

    /// Waits until it has ended, and returns what its function has returned.
    ///
    /// # Errors
    /// Never in an execution that goes on: a panic in a thread ends the execution.
    pub fn join(self) -> Result<T> {
        engine::join(self.task);
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.ok_or_else(|| Box::new("the thread has panicked") as _)
    }
}

/// Makes a thread.
///
/// # Panics
/// Outside of an exploration.
pub fn spawn<T, F>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn_named(None, f)
}

fn spawn_named<T, F>(name: Option<String>, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let result = Arc::new(Mutex::new(None));
    let its = Arc::clone(&result);
    let task = engine::spawn(name.clone(), move || {
        let value = f();
        *its.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    });
    JoinHandle { task, name, result }
}

/// Makes threads with names.
#[derive(Default, Debug)]
pub struct Builder {
    name: Option<String>,
}

impl Builder {
    /// No name yet.
    #[must_use]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The name of the thread, and of its column in a picture.
    #[must_use]
    pub fn name(mut self, name: String) -> Builder {
        self.name = Some(name);
        self
    }

    /// Makes the thread.
    ///
    /// # Errors
    /// If the name has a zero byte.
    ///
    /// # Panics
    /// Outside of an exploration.
    pub fn spawn<T, F>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if self.name.as_ref().is_some_and(|name| name.contains('\0')) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(spawn_named(self.name, f))
    }
}
