//! Resolves names on threads of its own, because the system's answer may take
//! long, and an event thread must not wait for it.
//!
//! The original has a resolver of its own (`iocore/dns`, `iocore/hostdb`); this is
//! a stand-in for it, with the system's resolver and without a cache.

use std::collections::VecDeque;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use eventsys::sync::Mutex;
use eventsys::{Clock, Participant};

use super::errors::ENET_CONNECT_FAILED;

/// How many names are resolved at a time; the others wait.
const MOST_THREADS: usize = 4;

/// The function that gets the answer: an address, or an error number above
/// zero.
type Answer = Box<dyn FnOnce(Result<SocketAddr, i32>) + Send>;

/// The resolver: a queue of names and its threads.
#[derive(Default)]
pub(super) struct Resolver(Arc<Mutex<Work>>);

#[derive(Default)]
struct Work {
    waiting: VecDeque<Question>,
    threads: usize,
}

struct Question {
    name: String,
    port: u16,
    answer: Answer,
    /// Virtual time stands still until there is an answer.
    _clock: Option<Participant>,
}

impl Resolver {
    /// Asks for the first address of `name`, and gives it to `answer` on another
    /// thread.
    pub(super) fn resolve(&self, clock: &Arc<Clock>, name: String, port: u16, answer: Answer) {
        let question = Question { name, port, answer, _clock: clock.participate() };
        let mut work = self.0.lock();
        work.waiting.push_back(question);
        if work.threads == MOST_THREADS {
            return;
        }
        let shared = Arc::clone(&self.0);
        let spawned =
            thread::Builder::new().name("[RESOLVE]".to_owned()).spawn(move || answer_all(&shared));
        match spawned {
            Ok(_) => work.threads += 1,
            // Another thread will come to it.
            Err(_) if work.threads > 0 => {}
            Err(error) => {
                let question = work.waiting.pop_back();
                drop(work);
                log::warn!(target: "iocore_net", "no thread to resolve a name: {error}");
                if let Some(question) = question {
                    (question.answer)(Err(ENET_CONNECT_FAILED));
                }
            }
        }
    }
}

/// Answers questions until none waits.
fn answer_all(shared: &Mutex<Work>) {
    loop {
        let mut work = shared.lock();
        let Some(Question { name, port, answer, _clock }) = work.waiting.pop_front() else {
            work.threads -= 1;
            return;
        };
        drop(work);
        let found = (name.as_str(), port).to_socket_addrs();
        let first = found.map(|mut addresses| addresses.next());
        let address = match first {
            Ok(Some(address)) => Ok(address),
            Ok(None) => Err(ENET_CONNECT_FAILED),
            Err(error) => {
                log::debug!(target: "iocore_net", "{name} has no address: {error}");
                Err(ENET_CONNECT_FAILED)
            }
        };
        // It may call a listener to steps, which is user code. The panic hook reports its
        // panic; the other questions are answered all the same.
        let _ = catch_unwind(AssertUnwindSafe(|| answer(address)));
    }
}
