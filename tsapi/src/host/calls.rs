//! Calls: which function a plugin is in, how often each has been called, and from which callback.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::Arc;

use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicU64, Ordering};

use super::findings;

/// How often one function has been called. Each function has its own, so that threads that call
/// different ones do not wait for each other.
pub(crate) struct Counter {
    name: &'static str,
    times: AtomicU64,
}

impl Counter {
    pub(crate) const fn new(name: &'static str) -> Counter {
        Counter { name, times: AtomicU64::new(0) }
    }
}

/// The counters of the functions that have been called.
static COUNTERS: Mutex<Vec<&'static Counter>> = Mutex::new(Vec::new());

/// The functions that have been called and are not written.
static LEFT_OUT: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// The function that the plugin is in.
    static FUNCTION: Cell<&'static str> = const { Cell::new("") };
    /// The callbacks that this thread is in, the innermost last.
    static CALLBACKS: RefCell<Vec<Callback>> = const { RefCell::new(Vec::new()) };
}

/// One callback of a plugin.
#[derive(Clone)]
struct Callback {
    place: Arc<str>,
    event: c_int,
}

/// A call of a function, until it is dropped.
pub(crate) struct Call {
    outer: &'static str,
}

/// A plugin calls the function of this counter.
pub(crate) fn enter(counter: &'static Counter) -> Call {
    if counter.times.fetch_add(1, Ordering::Relaxed) == 0 {
        COUNTERS.lock().push(counter);
    }
    Call { outer: FUNCTION.replace(counter.name) }
}

/// A call of the function with this name, as [`enter`].
macro_rules! entered {
    ($name:expr) => {{
        static COUNTER: $crate::host::calls::Counter = $crate::host::calls::Counter::new($name);
        $crate::host::calls::enter(&COUNTER)
    }};
}

pub(crate) use entered;

impl Drop for Call {
    fn drop(&mut self) {
        FUNCTION.set(self.outer);
    }
}

/// A plugin calls a function that is not written. Nothing that could be returned would be true.
pub(crate) fn left_out(name: &'static str) -> ! {
    *LEFT_OUT.lock().entry(name).or_default() += 1;
    let _call = Call { outer: FUNCTION.replace(name) };
    findings::end_without_finding(format!("{name} is left out: the port does not model it"))
}

/// Notes that something of the interface is not modelled, and goes on as if it were not there.
pub(crate) fn note_left_out(what: &'static str) {
    let first = {
        let mut all = LEFT_OUT.lock();
        let times = all.entry(what).or_default();
        *times += 1;
        *times == 1
    };
    if first {
        log::warn!(target: "plugin", "{what} is left out: the port does not model it");
    }
}

/// Runs a callback of a plugin, at `place`, for `event`.
pub(crate) fn inside<R>(place: &str, event: c_int, callback: impl FnOnce() -> R) -> R {
    inside_shared(&Arc::from(place), event, callback)
}

/// As [`inside`], without a copy of the place.
pub(crate) fn inside_shared<R>(place: &Arc<str>, event: c_int, callback: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            CALLBACKS.with(|all| all.borrow_mut().pop());
        }
    }
    CALLBACKS.with(|all| all.borrow_mut().push(Callback { place: place.clone(), event }));
    let _leave = Leave;
    callback()
}

/// How many callbacks this thread is in.
pub(crate) fn depth() -> usize {
    CALLBACKS.with(|all| all.borrow().len())
}

/// The function that the plugin is in.
pub(crate) fn function() -> &'static str {
    FUNCTION.get()
}

/// The place and the event of the callback that the plugin is in.
pub(crate) fn callback() -> Option<(Arc<str>, c_int)> {
    CALLBACKS.with(|all| all.borrow().last().map(|one| (one.place.clone(), one.event)))
}

/// The plugin whose code this thread is in.
pub(crate) fn plugin() -> String {
    let place = callback().map(|(place, _)| place);
    place.as_deref().and_then(|place| place.split(':').next()).unwrap_or("plugin").to_owned()
}

/// Names, each with how often.
pub(crate) type Counted = Vec<(&'static str, u64)>;

/// How often each function has been called, and what was left out.
pub(crate) fn counts() -> (Counted, Counted) {
    let times = |counter: &&Counter| (counter.name, counter.times.load(Ordering::Relaxed));
    let mut called: Counted = COUNTERS.lock().iter().map(times).collect();
    called.sort_unstable();
    (called, LEFT_OUT.lock().iter().map(|(name, times)| (*name, *times)).collect())
}
