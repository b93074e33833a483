//! [`SecondThread`]: a second event thread that takes turns with the first.
//!
//! It is a thread of its own, but makes a pass only when it is told to, while the
//! first one waits: so a run with two event threads is as exact as one with one.
//!
//! Most passes find nothing to do. The first thread makes those in its place ([`Rest`]): the system
//! would switch threads twice for each.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use eventsys::sync::mpsc::{Receiver, Sender, channel};
use eventsys::sync::thread::{self, JoinHandle};
use eventsys::{EThread, EventProcessor, Rest, panics};

/// A thread that makes a pass when it is told to.
pub(super) struct SecondThread {
    thread: Arc<EThread>,
    /// Tells it to make a pass, and gives its rest back.
    turns: Option<Sender<Option<Rest>>>,
    passed: Receiver<Result<Option<Rest>, Box<dyn Any + Send>>>,
    /// Its next passes, if they find nothing to do.
    rest: RefCell<Option<Rest>>,
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
        let (turns, turn) = channel::<Option<Rest>>();
        let (pass, passed) = channel();
        let (born, birth) = channel();
        let processor = Arc::clone(processor);
        let handle = thread::spawn(panics::inherit(move || {
            let thread = processor.adopt_current_thread(pool);
            // An error in either means that the run is over.
            let _ = born.send(Arc::clone(thread.thread()));
            while let Ok(rest) = turn.recv() {
                let _ = pass.send(catch_unwind(AssertUnwindSafe(|| {
                    rest.into_iter().for_each(|rest| thread.resume(rest));
                    thread.run_pass();
                    thread.rest()
                })));
            }
        }));
        let (turns, rest) = (Some(turns), RefCell::default());
        let thread = birth.recv().expect("the thread sends its handle");
        SecondThread { thread, turns, passed, rest, handle: Some(handle) }
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
        let mut rest = self.rest.take();
        if rest.as_mut().is_some_and(Rest::skip_pass) {
            self.rest.replace(rest);
            return;
        }
        let told = self.turns.as_ref().is_some_and(|turns| turns.send(rest).is_ok());
        match told.then(|| self.passed.recv()) {
            Some(Ok(Ok(rest))) => drop(self.rest.replace(rest)),
            Some(Ok(Err(payload))) => resume_unwind(payload),
            // The thread has ended.
            Some(Err(_)) | None => {}
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
