//! The state that the handlers of all threads, the acceptors and the
//! connections share.

use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use eventsys::steps::Steps;
use eventsys::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use eventsys::sync::{Condvar, Mutex};
use eventsys::{Clock, ContRef, EThread, EventProcessor, HrTime};

use super::config::NetConfig;
use super::cop::InactivityCop;
use super::handler::NetHandler;
use super::stats::NetStats;

/// The least time between two warnings of a transient error of `accept`, in
/// nanoseconds. Mirrors `TRANSIENT_ACCEPT_ERROR_MESSAGE_EVERY`.
const TRANSIENT_ACCEPT_ERROR_MESSAGE_EVERY: HrTime = eventsys::hrtime::seconds(24 * 3600);

/// How long a thread that was just made may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// The state that the threads' handlers, the acceptors and the connections
/// share.
pub(super) struct Shared {
    pub(super) config: NetConfig,
    pub(super) stats: Arc<NetStats>,
    pub(super) clock: Arc<Clock>,
    pub(super) steps: Steps,
    /// The same, if the steps of the event loop are reported too.
    pub(super) trace: Steps,
    /// The number of the connection made last. Mirrors `net_connection_number`.
    net_connection_number: AtomicU32,
    /// Indexed by the number of the thread. The threads own them, as their tail
    /// handlers.
    handlers: Mutex<Vec<Option<Weak<NetHandler>>>>,
    /// Notified when a thread has got its handler.
    started: Condvar,
    last_transient_accept_error: AtomicI64,
}

impl Shared {
    pub(super) fn new(config: NetConfig, processor: &EventProcessor) -> Arc<Shared> {
        Arc::new(Shared {
            config,
            stats: Arc::default(),
            clock: Arc::clone(processor.clock()),
            steps: processor.steps().clone(),
            trace: processor.trace().clone(),
            net_connection_number: AtomicU32::new(0),
            handlers: Mutex::default(),
            started: Condvar::new(),
            last_transient_accept_error: AtomicI64::new(0),
        })
    }

    pub(super) fn handler(&self, thread: &EThread) -> Option<Arc<NetHandler>> {
        self.handlers.lock().get(thread.index())?.as_ref()?.upgrade()
    }

    /// The handler of a net thread, once that has started; `None` if it has ended.
    ///
    /// # Panics
    /// If it does not get one: it was made before `NetProcessor::init`.
    pub(super) fn handler_when_started(&self, thread: &EThread) -> Option<Arc<NetHandler>> {
        let index = thread.index();
        let deadline = Instant::now() + PATIENCE;
        let mut handlers = self.handlers.lock();
        while handlers.get(index).is_none_or(Option::is_none) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.started.wait_for(&mut handlers, left) {
                break;
            }
        }
        let handler = handlers.get(index).cloned().flatten();
        // Not under the lock: a panic hook is user code.
        drop(handlers);
        match handler {
            Some(handler) => handler.upgrade(),
            None if thread.has_ended() => None,
            None => panic!("NetProcessor::init is called before the threads are made"),
        }
    }

    /// The number of the next connection; never 0. Mirrors
    /// `net_next_connection_number`.
    pub(super) fn net_next_connection_number(&self) -> u32 {
        loop {
            let number = self.net_connection_number.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if number != 0 {
                return number;
            }
        }
    }

    /// Mirrors `check_transient_accept_error`.
    pub(super) fn warn_of_accept_error(&self, error: i32) {
        let now = self.clock.get_hrtime();
        let last = self.last_transient_accept_error.load(Ordering::Relaxed);
        if last == 0 || now - last > TRANSIENT_ACCEPT_ERROR_MESSAGE_EVERY {
            self.last_transient_accept_error.store(now, Ordering::Relaxed);
            let text = io::Error::from_raw_os_error(error);
            log::warn!(target: "iocore_net", "accept received a transient error: {text}");
        }
    }

    /// Gives the calling thread its handler. Mirrors `initialize_thread_for_net`.
    pub(super) fn initialize_thread(self: &Arc<Self>, thread: &Arc<EThread>) {
        let nh = NetHandler::new(self, thread).expect("the system lets sockets be watched");
        let mut handlers = self.handlers.lock();
        if handlers.len() <= thread.index() {
            handlers.resize(thread.index() + 1, None);
        }
        handlers[thread.index()] = Some(Arc::downgrade(&nh));
        drop(handlers);
        let frequency = self.config.inactivity_check_frequency;
        thread.schedule_every(InactivityCop::new(&nh) as ContRef, frequency);
        thread.set_tail_handler(nh);
        self.started.notify_all();
    }
}
