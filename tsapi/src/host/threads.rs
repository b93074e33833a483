//! `TSThreadCreate`: a thread of a plugin's own.

use std::cell::Cell;
use std::thread;

use eventsys::EThread;

use super::{Handle, calls, findings, locks, table, virtual_time};
use crate::abi::callbacks::ThreadFunction;
use crate::abi::place_of;

thread_local! {
    static ORIGIN: Cell<Origin> = const { Cell::new(Origin::Foreign) };
}

/// Where a thread comes from that is no event thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A plugin has made it without the interface.
    Foreign,
    /// `TSThreadCreate` has made it.
    Plugins,
    /// It loads the plugins. In the original it is an event thread, whose loop begins later.
    Main,
}

/// True on the threads that the original calls an `EThread`: those of the event system, those of
/// `TSThreadCreate`, and the main thread. On others `this_ethread()` is null.
pub(crate) fn is_known() -> bool {
    ORIGIN.get() != Origin::Foreign || EThread::with_current(|thread| thread.is_some())
}

/// True on the thread that loads the plugins.
pub(crate) fn is_main() -> bool {
    ORIGIN.get() == Origin::Main
}

/// From now on the calling thread counts as the main thread.
pub(crate) fn this_is_main() {
    ORIGIN.set(Origin::Main);
}

/// A thread that runs a plugin's function.
pub(crate) struct PluginThread;

/// `TSThreadCreate`. The thread is one that the event system does not own; it may lock, schedule and
/// reenable. In virtual time the clock stands still while it works.
pub(crate) fn create(function: ThreadFunction, data: usize) -> Handle {
    let plugin = calls::plugin();
    let place = place_of(function.address());
    let part = virtual_time::part_for_new_thread();
    let run = move || {
        ORIGIN.set(Origin::Plugins);
        virtual_time::take_part(part);
        calls::inside(place, || function.call(data));
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
