//! [`SecondThread`]: a second event thread that takes turns with the first.
//!
//! It is a thread of its own, but makes a pass only when it is told to, while the
//! first one waits: so a run with two event threads is as exact as one with one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use eventsys::sync::mpsc::{Receiver, Sender, channel};
use eventsys::sync::thread::{self, JoinHandle};
use eventsys::{EThread, EventProcessor, panics};

/// A thread that makes a pass when it is told to.
pub(super) struct SecondThread {
    thread: Arc<EThread>,
    turns: Option<Sender<()>>,
    passed: Receiver<Result<(), Box<dyn Any + Send>>>,
    handle: Option<JoinHandle<()>>,
}

impl SecondThread {
    /// A second thread of `processor`.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub(super) fn new(processor: &Arc<EventProcessor>) -> SecondThread {
        SecondThread::of(processor, "ET_NET")
    }

    /// A further thread of `processor`, in this pool.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub(super) fn of(processor: &Arc<EventProcessor>, pool: &'static str) -> SecondThread {
        let (turns, turn) = channel();
        let (pass, passed) = channel();
        let (born, birth) = channel();
        let processor = Arc::clone(processor);
        let handle = thread::spawn(panics::inherit(move || {
            let thread = processor.adopt_current_thread(pool);
            // An error in either means that the run is over.
            let _ = born.send(Arc::clone(thread.thread()));
            while let Ok(()) = turn.recv() {
                let _ = pass.send(catch_unwind(AssertUnwindSafe(|| thread.run_pass())));
            }
        }));
        let thread = birth.recv().expect("the thread sends its handle");
        SecondThread { thread, turns: Some(turns), passed, handle: Some(handle) }
    }

    /// The thread.
    pub(super) fn thread(&self) -> &Arc<EThread> {
        &self.thread
    }

    /// Has it make a pass, and waits.
    ///
    /// # Panics
    /// If the pass does, with the same.
    pub(super) fn run_pass(&self) {
        let told = self.turns.as_ref().is_some_and(|turns| turns.send(()).is_ok());
        if let (true, Ok(Err(payload))) = (told, self.passed.recv()) {
            resume_unwind(payload);
        }
    }
}

impl Drop for SecondThread {
    fn drop(&mut self) {
        drop(self.turns.take());
        // Its panics have been passed on.
        let _ = self.handle.take().map(JoinHandle::join);
    }
}
