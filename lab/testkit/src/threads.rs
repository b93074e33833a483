//! Threads that the event system does not own, and threads that it does.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use eventsys::steps::Steps;
use eventsys::{Clock, EventProcessor, FreeContinuation, Options, Outcome, ProxyMutex};

/// A mutex that a foreign thread holds until this value is dropped. See [`hold`].
#[derive(Debug)]
pub struct Held {
    release: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Has a foreign thread take `mutex`; returns when that thread has it.
///
/// ```
/// use eventsys::ProxyMutex;
///
/// let mutex = ProxyMutex::new();
/// let held = testkit::hold(&mutex);
/// assert!(mutex.try_lock().is_none());
/// held.release();
/// assert!(mutex.try_lock().is_some());
/// ```
///
/// # Panics
/// If the system gives no thread.
#[must_use]
pub fn hold(mutex: &Arc<ProxyMutex>) -> Held {
    let (has_it, wait) = channel();
    let (release, released) = channel();
    let mutex = Arc::clone(mutex);
    let thread = std::thread::spawn(move || {
        let _guard = mutex.lock();
        // If the waiting side has gone, the message is not needed.
        let _ = has_it.send(());
        // An error means that `Held` has been dropped, which is the signal too.
        let _ = released.recv();
    });
    wait.recv().expect("the thread takes the mutex");
    Held { release: Some(release), thread: Some(thread) }
}

impl Held {
    /// Gives the mutex back; returns when it is free.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs `f` on a thread that the event system does not own, and waits for its end. A
/// panic of `f` goes on here.
pub fn on_foreign_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    let mut result = None;
    run_beside(Box::new(|| result = Some(f())));
    result.expect("it ended without a panic")
}

// Not generic: the compiler makes it once, not for each call in a test.
fn run_beside(f: Box<dyn FnOnce() + Send + '_>) {
    std::thread::scope(|scope| {
        if let Err(panic) = scope.spawn(f).join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A processor in real time whose `threads` event threads run by themselves. Ends with
/// [`EventProcessor::shutdown`].
#[must_use]
pub fn real_processor(threads: usize) -> Arc<EventProcessor> {
    let options = Options { steps: Steps::none(), ..Options::default() };
    let processor = EventProcessor::with_options(Clock::new_real(), options);
    processor.spawn_event_threads("ET_NET", threads);
    processor
}

/// Lets `us` microseconds of virtual time pass while the calling thread works: another
/// event thread runs that many passes, none of which sleeps, because a poll event
/// keeps its local queue from being empty.
pub fn let_time_pass(clock: &Arc<Clock>, us: i64) {
    on_foreign_thread(|| {
        let other = EventProcessor::new(Arc::clone(clock)).adopt_current_thread("ET_NET");
        let poll = FreeContinuation::new(|_, _, _| Outcome::Cont);
        other.schedule_every_local(poll, -1);
        (0..us).for_each(|_| other.run_pass());
    });
}

/// Calls `f` while a foreign thread holds `mutex`.
pub fn while_held<R>(mutex: &Arc<ProxyMutex>, f: impl FnOnce() -> R) -> R {
    let _held = hold(mutex);
    f()
}

/// Calls `f` while other threads are event threads of these groups, made in this
/// order. Their clock must not be one that waits for them.
pub fn beside<R>(processor: &Arc<EventProcessor>, groups: &[&str], f: impl FnOnce() -> R) -> R {
    std::thread::scope(|scope| {
        let (tell, told) = channel();
        let adopt = |group: &&str| {
            let (leave, left) = channel::<()>();
            let (tell, group) = (tell.clone(), (*group).to_owned());
            scope.spawn(move || {
                let _thread = processor.adopt_current_thread(&group);
                let _ = tell.send(());
                // Ends when `leave` is dropped, even by a panic of `f`.
                let _ = left.recv();
            });
            told.recv().expect("the thread is adopted");
            leave
        };
        let _stay: Vec<_> = groups.iter().map(adopt).collect();
        f()
    })
}

/// Yields until `done` is true, by what other threads do. It has no limit of its own; [`must_end`]
/// has one.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// let done = AtomicBool::new(false);
/// std::thread::scope(|scope| {
///     scope.spawn(|| done.store(true, Ordering::SeqCst));
///     testkit::wait_for(|| done.load(Ordering::SeqCst));
/// });
/// ```
pub fn wait_for(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}

/// Runs `f` on another thread, and fails the test if `f` does not end. The thirty seconds are for a
/// program that hangs; a correct one ends before.
///
/// # Panics
/// If `f` does not end, or with the panic of `f`.
#[track_caller]
pub fn must_end<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    // No channel: it would be compiled for each type of result.
    let result = Arc::new(Mutex::new(None));
    let its = Arc::clone(&result);
    run_to_its_end(Box::new(move || {
        let ended = f();
        *its.lock().expect("no panic under the lock") = Some(ended);
    }));
    let result = result.lock().expect("no panic under the lock").take();
    result.expect("it ended without a panic")
}

// Not generic: the compiler makes it once, not for each call in a test.
#[track_caller]
fn run_to_its_end(f: Box<dyn FnOnce() + Send>) {
    let (end, ended) = channel::<()>();
    let runs = std::thread::spawn(move || {
        // Dropped at the end of `f`, and by its panic.
        let _end = end;
        f();
    });
    let waited = ended.recv_timeout(Duration::from_secs(30));
    assert_ne!(waited, Err(RecvTimeoutError::Timeout), "it does not end");
    if let Err(panic) = runs.join() {
        std::panic::resume_unwind(panic);
    }
}
