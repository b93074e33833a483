//! Mutexes that are inherited, forgotten or taken by threads of a plugin.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsys::hrtime::seconds;
use eventsys::sync::mpsc;
use eventsys::{Clock, Data, EventCode, EventProcessor, ProxyMutex, call, panics};
use explorer::{name_task, note, spawn, violation};

use super::{free, state_machine};
use crate::arms::Arms;

/// A continuation is scheduled on one event thread and then on another. Armed, it has no mutex, and
/// inherits that of the first thread, which that thread holds for life.
pub(super) fn a_mutex_inherited_from_a_thread(arms: &Arms) {
    name_task("B");
    let processor = EventProcessor::new(Clock::new_virtual());
    let b = processor.adopt_current_thread("ET_NET");
    let came = Arc::new(AtomicBool::new(false));
    let its = Arc::clone(&came);
    let handler = move || its.store(true, Ordering::Relaxed);
    let cont =
        if arms.mistake { free(handler) } else { state_machine(&ProxyMutex::new(), handler) };
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let on_a = Arc::clone(&cont);
    let a = spawn("A", move || {
        let processor = EventProcessor::new(Clock::new_real());
        let thread = processor.adopt_current_thread("ET_NET");
        thread.schedule_imm(on_a);
        let _ = tell.send(());
        let _ = ended.recv();
        drop(thread);
    });
    told.recv().expect("A lives");
    b.schedule_imm(cont);
    b.run_for(seconds(1));
    if !came.load(Ordering::Relaxed) {
        note(|| "a hundred misses, one every 10 ms".to_owned());
        violation("event that does not come", "in one second the mutex was missed each time");
    }
    drop(end);
    a.join().expect("it does not panic");
}

/// A handler is called without the mutex of its continuation.
pub(super) fn a_handler_called_without_its_lock(arms: &Arms) {
    let mutex = ProxyMutex::new();
    let machine = state_machine(&mutex, || ());
    let guard = (!arms.mistake).then(|| mutex.lock());
    call(&machine, guard.as_ref(), EventCode::EVENT_IMMEDIATE, Data::None);
}

/// Two threads of a plugin take one mutex. Each must be alone while it has it.
pub(super) fn two_foreign_threads_and_one_mutex(_: &Arms) {
    name_task("first");
    let mutex = ProxyMutex::new();
    let inside = Arc::new(AtomicBool::new(false));
    let goes_in = |mutex: Arc<ProxyMutex>, inside: Arc<AtomicBool>| {
        let _guard = mutex.lock();
        if inside.swap(true, Ordering::Relaxed) {
            violation("mutex", "two threads have one mutex");
        }
        explorer::point("inside", explorer::Access::Write);
        inside.store(false, Ordering::Relaxed);
    };
    let (its, seen) = (Arc::clone(&mutex), Arc::clone(&inside));
    let second = spawn("second", move || goes_in(its, seen));
    goes_in(mutex, inside);
    second.join().expect("it does not panic");
}

/// A thread schedules by the methods of another thread's own queue.
pub(super) fn another_threads_local_queue(arms: &Arms) {
    name_task("T2");
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    let (other, mistake) = (Arc::clone(thread.thread()), arms.mistake);
    let t1 = spawn("T1", move || {
        let cont = free(|| ());
        let schedule = || {
            if mistake {
                other.schedule_imm_local(cont);
            } else {
                other.schedule_imm(cont);
            }
        };
        let refused = panics::quietly(|| catch_unwind(AssertUnwindSafe(schedule))).err();
        refused.map(|panic| panics::text_of(&*panic))
    });
    thread.run_pass();
    let refused = t1.join().expect("its panic is caught");
    thread.run_until_idle();
    drop(thread);
    if let Some(text) = refused {
        violation("panic", text);
    }
}
