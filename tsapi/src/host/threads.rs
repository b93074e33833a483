//! `TSThreadCreate`: a thread of a plugin's own.

use std::thread;

use super::{Handle, Kind, Object, calls, findings, locks, table, virtual_time};
use crate::abi::callbacks::ThreadFunction;
use crate::abi::place_of;

/// A thread that runs a plugin's function.
pub(crate) struct PluginThread;

impl Object for PluginThread {
    const KIND: Kind = Kind::Thread;
}

/// `TSThreadCreate`. The thread is one that the event system does not own; it may lock, schedule and
/// reenable. In virtual time the clock stands still while it works.
pub(crate) fn create(function: ThreadFunction, data: usize) -> Handle {
    let plugin = calls::plugin();
    let place = place_of(function.address());
    let part = virtual_time::part_for_new_thread();
    let run = move || {
        virtual_time::take_part(part);
        calls::inside(&place, 0, || function.call(data));
        locks::thread_ends();
        virtual_time::take_part(None);
    };
    match thread::Builder::new().name(plugin).spawn(run) {
        Ok(_) => table().insert(PluginThread),
        Err(error) => {
            findings::note(format!("the system gives no thread: {error}"));
            Handle::NULL
        }
    }
}
