//! A panic on a thread of the server ends the server.
//!
//! The connections of an event thread that has gone would wait for ever, and so
//! would whoever started the server; better it ends, and says why.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::iterator::Handle;

/// Whether a thread has panicked.
#[derive(Clone)]
pub(super) struct Panics(Arc<AtomicBool>);

impl Panics {
    /// From now on a panic of another thread is noted, behind its message, and ends
    /// the waiting for signals.
    pub(super) fn watch(signals: Handle) -> Panics {
        let panics = Panics(Arc::default());
        let (noted, me) = (Arc::clone(&panics.0), thread::current().id());
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            tell(info);
            if thread::current().id() != me {
                noted.store(true, Ordering::SeqCst);
                signals.close();
            }
        }));
        panics
    }

    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
