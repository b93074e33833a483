//! Calls: which function a plugin is in, how often each has been called, and from which callback.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;

use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::{findings, table};

/// One function that plugins call.
pub(crate) struct Counter {
    name: &'static str,
    /// Its place in [`Times`], from its first call on; 0 before.
    number: AtomicUsize,
}

impl Counter {
    pub(crate) const fn new(name: &'static str) -> Counter {
        Counter { name, number: AtomicUsize::new(0) }
    }

    /// Its first call in this process.
    #[cold]
    fn assign(&'static self) -> usize {
        let mut counters = COUNTERS.lock();
        // Another thread may have been first.
        if self.number.load(Ordering::Relaxed) == 0 {
            counters.push(self);
            assert!(counters.len() < FUNCTIONS, "the interface has fewer functions");
            self.number.store(counters.len(), Ordering::Relaxed);
        }
        self.number.load(Ordering::Relaxed)
    }
}

/// More than the interface has functions.
const FUNCTIONS: usize = 640;

/// The place of the callbacks in [`Times`]: the numbers of functions begin behind it.
const CALLBACKS: usize = 0;

/// How often one thread has called each function. Only that thread writes, so a count needs no
/// operation that locks the bus; others read.
struct Times([AtomicU64; FUNCTIONS]);

/// The functions that have been called, in the order of their numbers, which begin at 1.
static COUNTERS: Mutex<Vec<&'static Counter>> = Mutex::new(Vec::new());

/// The counts of all threads. One that has ended leaves its own to the next new thread.
static TIMES: Mutex<AllTimes> = Mutex::new(AllTimes { all: Vec::new(), free: Vec::new() });

struct AllTimes {
    all: Vec<&'static Times>,
    free: Vec<&'static Times>,
}

/// The functions that have been called and are not written.
static LEFT_OUT: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

thread_local! {
    static HERE: Here = const {
        Here {
            function: Cell::new(""),
            times: Cell::new(None),
            handlers: Cell::new(0),
            callback: Cell::new(None),
            depth: Cell::new(0),
        }
    };
    /// Gives the counts back when the thread ends.
    static GIVES_BACK: GivesBack = const { GivesBack };
}

/// What is asked for at each call. Nothing here is dropped, so the access needs no look at whether the
/// thread is ending.
struct Here {
    /// The function that the plugin is in.
    function: Cell<&'static str>,
    times: Cell<Option<&'static Times>>,
    /// How many handlers of plugins this thread is in.
    handlers: Cell<u32>,
    /// The innermost callback that this thread is in. Each one keeps the one around it.
    callback: Cell<Option<Callback>>,
    /// How many callbacks this thread is in.
    depth: Cell<usize>,
}

impl Here {
    #[inline]
    fn times(&self) -> &'static Times {
        self.times.get().unwrap_or_else(|| self.first_call())
    }

    /// The first call on this thread.
    #[cold]
    fn first_call(&self) -> &'static Times {
        let mut times = TIMES.lock();
        let mine = times.free.pop().unwrap_or_else(|| {
            let made: &'static Times =
                Box::leak(Box::new(Times([const { AtomicU64::new(0) }; FUNCTIONS])));
            times.all.push(made);
            made
        });
        drop(times);
        self.times.set(Some(mine));
        let _ = GIVES_BACK.try_with(|_| ());
        mine
    }
}

struct GivesBack;

impl Drop for GivesBack {
    fn drop(&mut self) {
        // A call of a later destructor takes others.
        let mine = HERE.with(|here| here.times.take());
        TIMES.lock().free.extend(mine);
    }
}

/// One callback of a plugin.
#[derive(Clone, Copy)]
struct Callback {
    place: &'static str,
    event: c_int,
}

/// A call of a function, until it is dropped.
pub(crate) struct Call {
    outer: &'static str,
}

/// A plugin calls the function of this counter.
#[inline]
pub(crate) fn enter(counter: &'static Counter) -> Call {
    let number = match counter.number.load(Ordering::Relaxed) {
        0 => counter.assign(),
        number => number,
    };
    HERE.with(|here| {
        let times = &here.times().0[number];
        times.store(times.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Call { outer: here.function.replace(counter.name) }
    })
}

/// The event of a continuation calls a handler of a plugin.
#[inline]
pub(crate) fn count_callback() {
    HERE.with(|here| {
        let times = &here.times().0[CALLBACKS];
        times.store(times.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    });
}

/// How often a handler of a plugin was called.
pub(crate) fn callbacks() -> u64 {
    let threads = TIMES.lock().all.clone();
    threads.iter().map(|one| one.0[CALLBACKS].load(Ordering::Relaxed)).sum()
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
    #[inline]
    fn drop(&mut self) {
        HERE.with(|here| here.function.set(self.outer));
    }
}

/// A plugin calls a function that is not written. Nothing that could be returned would be true.
pub(crate) fn left_out(name: &'static str) -> ! {
    *LEFT_OUT.lock().entry(name).or_default() += 1;
    let _call = Call { outer: HERE.with(|here| here.function.replace(name)) };
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

/// A text that is kept for ever, once: the places of a plugin's code, which is never unloaded.
pub(crate) fn kept(text: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock();
    if let Some(same) = kept.get(text) {
        return same;
    }
    let text: &'static str = Box::leak(text.into());
    kept.insert(text);
    text
}

struct Leave {
    outer: Option<Callback>,
}

impl Leave {
    fn behind(place: &'static str, event: c_int) -> Leave {
        HERE.with(|here| {
            here.depth.set(here.depth.get() + 1);
            Leave { outer: here.callback.replace(Some(Callback { place, event })) }
        })
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        HERE.with(|here| {
            here.depth.set(here.depth.get() - 1);
            here.callback.set(self.outer);
        });
    }
}

/// Runs code of a plugin that is no handler, at `place`: an entry point, or a thread.
pub(crate) fn inside<R>(place: &'static str, callback: impl FnOnce() -> R) -> R {
    let _leave = Leave::behind(place, 0);
    callback()
}

/// Runs a handler of a plugin, at `place`, for `event`. What it looks up is remembered.
pub(crate) fn inside_handler<R>(
    place: &'static str,
    event: c_int,
    callback: impl FnOnce() -> R,
) -> R {
    struct LeaveHandler(#[allow(dead_code)] Leave);
    impl Drop for LeaveHandler {
        fn drop(&mut self) {
            let outer = HERE.with(|here| {
                here.handlers.set(here.handlers.get() - 1);
                here.handlers.get()
            });
            if outer == 0 {
                table::a_handler_has_ended();
            }
        }
    }
    let outer = HERE.with(|here| here.handlers.replace(here.handlers.get() + 1));
    if outer == 0 {
        table::a_handler_begins();
    }
    let _leave = LeaveHandler(Leave::behind(place, event));
    callback()
}

/// How many callbacks this thread is in.
pub(crate) fn depth() -> usize {
    HERE.with(|here| here.depth.get())
}

/// The function that the plugin is in.
#[inline]
pub(crate) fn function() -> &'static str {
    HERE.with(|here| here.function.get())
}

/// The place and the event of the callback that the plugin is in.
pub(crate) fn callback() -> Option<(&'static str, c_int)> {
    HERE.with(|here| here.callback.get()).map(|one| (one.place, one.event))
}

/// The plugin whose code this thread is in.
pub(crate) fn plugin() -> String {
    let place = callback().map(|(place, _)| place);
    place.and_then(|place| place.split(':').next()).unwrap_or("plugin").to_owned()
}

/// Names, each with how often.
pub(crate) type Counted = Vec<(&'static str, u64)>;

/// How often each function has been called, and what was left out.
pub(crate) fn counts() -> (Counted, Counted) {
    let counters = COUNTERS.lock().clone();
    let threads = TIMES.lock().all.clone();
    let times = |at: usize| -> u64 {
        threads.iter().map(|one| one.0[at + 1].load(Ordering::Relaxed)).sum()
    };
    let mut called: Counted =
        counters.iter().enumerate().map(|(at, counter)| (counter.name, times(at))).collect();
    called.sort_unstable();
    (called, LEFT_OUT.lock().iter().map(|(name, times)| (*name, *times)).collect())
}
