// Scenes that both explorers run. Included twice: `sys` is the event system of one of them.

use std::cell::Cell;
use std::sync::Arc;

use sys::hrtime::mseconds;
use sys::sync::atomic::{AtomicU32, Ordering};
use sys::sync::thread;
use sys::{
    AtomicEvent, Clock, EventProcessor, FreeContinuation, Guarded, Outcome, ProxyMutex,
    StateMachine,
};

fn on_two_threads<R: Send + 'static>(f: impl Fn(u32) -> R + Send + Sync + 'static) -> [R; 2] {
    let f = Arc::new(f);
    let threads = [1, 2].map(|id| {
        let f = Arc::clone(&f);
        thread::spawn(move || f(id))
    });
    threads.map(|thread| thread.join().expect("no panic"))
}

/// `ProxyMutex`: which of two is in first.
pub(super) fn order_of_two_locks() -> String {
    let order = Arc::new(Guarded::new(ProxyMutex::new(), Cell::new(0)));
    let shared = Arc::clone(&order);
    on_two_threads(move |id| {
        let guard = shared.mutex().lock();
        let order = shared.get(&guard);
        order.set(order.get() * 10 + id);
    });
    let guard = order.mutex().lock();
    order.get(&guard).get().to_string()
}

/// `ProxyMutex`: who gets it by a try-lock, and what the other sees.
pub(super) fn two_try_locks() -> String {
    let mutex = ProxyMutex::new();
    let got = on_two_threads(move |_| {
        let guard = mutex.try_lock();
        thread::yield_now();
        guard.is_some()
    });
    format!("{got:?}")
}

/// `ProtectedQueue`: two events of a foreign thread, while their thread makes one pass.
pub(super) fn two_events_and_one_pass() -> String {
    let ran = Arc::new(AtomicU32::new(0));
    let processor = EventProcessor::new(Clock::new_virtual());
    let adopted = processor.adopt_current_thread("ET_NET");
    let event_thread = Arc::clone(adopted.thread());
    let its = Arc::clone(&ran);
    let cont = FreeContinuation::new(move |_, _, _| {
        its.fetch_add(1, Ordering::SeqCst);
        Outcome::Done
    });
    let producer = thread::spawn(move || {
        event_thread.schedule_imm(cont.clone());
        event_thread.schedule_imm(cont);
    });
    adopted.run_pass();
    let in_time = ran.load(Ordering::SeqCst);
    producer.join().expect("no panic");
    adopted.run_until_idle();
    format!("{in_time} in time, {} in all", ran.load(Ordering::SeqCst))
}

/// Timers: a foreign thread cancels, under the mutex, an event that comes in 10 ms.
pub(super) fn a_timer_and_its_cancelling() -> String {
    let ran = Arc::new(AtomicU32::new(0));
    let cont = StateMachine::new(ProxyMutex::new(), Arc::clone(&ran), |ran, _, _, _| {
        ran.fetch_add(1, Ordering::SeqCst);
        Outcome::Done
    });
    let processor = EventProcessor::new(Clock::new_virtual());
    let adopted = processor.adopt_current_thread("ET_NET");
    adopted.run_pass();
    let timer = Arc::new(AtomicEvent::none());
    timer.store(Some(adopted.schedule_in(cont.clone(), mseconds(10))));
    let before = Arc::clone(&ran);
    let canceller = thread::spawn(move || {
        let _guard = cont.mutex().lock();
        let before = before.load(Ordering::SeqCst);
        let event = timer.take().expect("it was stored");
        format!("ran {before} times before, cancelled: {}", event.try_cancel().is_ok())
    });
    for _ in 0..4 {
        adopted.run_pass();
    }
    let cancelled = canceller.join().expect("no panic");
    adopted.run_until_idle();
    format!("{cancelled}, ran {} times", ran.load(Ordering::SeqCst))
}
