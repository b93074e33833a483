//! [`ShutdownState`]: whether an event system has begun to shut down, and why.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use crate::panics;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex};

/// The state of a processor's shutdown, shared with its threads.
pub(crate) struct ShutdownState {
    begun: AtomicBool,
    /// The first panic on a thread that the processor has started.
    panic: OnceLock<HandlerPanic>,
    /// A waiting thread holds it between its test and its wait, and a notifying
    /// thread between its change and its notification: so no notification is lost.
    asking: Mutex<()>,
    changed: Condvar,
}

impl ShutdownState {
    pub(super) fn new() -> ShutdownState {
        ShutdownState {
            begun: AtomicBool::new(false),
            panic: OnceLock::new(),
            asking: Mutex::new(()),
            changed: Condvar::new(),
        }
    }

    #[inline]
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    pub(super) fn begin(&self) {
        let asking = self.asking.lock();
        self.begun.store(true, Ordering::SeqCst);
        drop(asking);
        self.changed.notify_all();
    }

    /// The panic that ended the event system, if one did.
    pub(crate) fn panic(&self) -> Option<&HandlerPanic> {
        self.panic.get()
    }

    /// Notes a panic, if it is the first one.
    pub(super) fn note(&self, thread: &str, panic: &(dyn Any + Send)) {
        let panic = HandlerPanic { thread: thread.to_owned(), text: panics::text_of(panic) };
        let _ = self.panic.set(panic);
    }

    /// Waits until `done` is true; calls it again whenever a thread's work has changed.
    pub(super) fn wait_until(&self, done: impl Fn() -> bool) {
        let mut asking = self.asking.lock();
        while !done() {
            self.changed.wait(&mut asking);
        }
    }

    /// A thread's work has changed.
    pub(crate) fn tell(&self) {
        // Before the end begins, a waiting thread waits only for that
        // beginning.
        if self.has_begun() {
            drop(self.asking.lock());
            self.changed.notify_all();
        }
    }
}

/// A panic that has ended an event system; see [the crate's page](crate#panics).
///
/// ```
/// use eventsys::{Clock, EventProcessor, FreeContinuation};
///
/// let processor = EventProcessor::new(Clock::new_real());
/// let net = processor.spawn_event_threads("ET_NET", 1);
/// processor.schedule_imm(FreeContinuation::new(|_, _, _| panic!("a bug")), net);
/// let panic = loop {
///     match processor.handler_panic() {
///         Some(panic) => break panic,
///         None => std::thread::yield_now(),
///     }
/// };
/// assert_eq!((panic.thread(), panic.text()), ("[ET_NET 0]", "a bug"));
/// processor.shutdown();
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandlerPanic {
    thread: String,
    text: String,
}

impl HandlerPanic {
    /// The name of the thread on which it happened, as `[ET_NET 0]`.
    #[must_use]
    pub fn thread(&self) -> &str {
        &self.thread
    }

    /// The text of the panic.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for HandlerPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HandlerPanic { thread, text } = self;
        write!(f, "the event system has ended: a handler on {thread} has panicked: {text}")
    }
}

impl std::error::Error for HandlerPanic {}
