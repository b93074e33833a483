//! `TSThreadCreate`: a thread of a plugin's own.

use std::thread;

use super::{Handle, Kind, Object, calls, findings, locks, table};
use crate::abi::callbacks::ThreadFunction;
use crate::abi::place_of;

/// A thread that runs a plugin's function.
pub(crate) struct PluginThread;

impl Object for PluginThread {
    const KIND: Kind = Kind::Thread;
}

/// `TSThreadCreate`. The thread is one that the event system does not own; it may lock, schedule and
/// reenable. A run in virtual time does not wait for it.
pub(crate) fn create(function: ThreadFunction, data: usize) -> Handle {
    let plugin = calls::plugin();
    let place = place_of(function.address());
    let run = move || {
        calls::inside(&place, 0, || function.call(data));
        locks::thread_ends();
    };
    match thread::Builder::new().name(plugin).spawn(run) {
        Ok(_) => table().insert(PluginThread),
        Err(error) => {
            findings::note(format!("the system gives no thread: {error}"));
            Handle::NULL
        }
    }
}
