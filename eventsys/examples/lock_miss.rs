//! A missed lock, and the retries that follow.
//!
//! A thread that the event system does not own holds the mutex of a state
//! machine whose event is due. The event loop does not wait for the mutex: it
//! makes the event due again in `DELAY_FOR_RETRY` (10 ms) and goes on. It does
//! so as often as the try-lock misses. When the foreign thread has let go, the
//! next try succeeds.
//!
//! Two threads and a lock, and still every run prints the same: channels tell
//! the foreign thread when to take the mutex and when to give it back, and time
//! is virtual.
//!
//! Run it with `cargo run -p eventsys --example lock_miss`.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use eventsys::hrtime::HrTime;
use eventsys::{Clock, Due, EventProcessor, Outcome, ProxyMutex, StateMachine};

/// The state: a clock to look at, and whether the handler has been called.
struct State {
    clock: Arc<Clock>,
    start: HrTime,
    called: Cell<bool>,
}

fn main() {
    let processor = EventProcessor::new(Clock::new_virtual());
    let ethread = processor.adopt_current_thread("ET_NET");
    let clock = Arc::clone(processor.clock());
    let start = clock.get_hrtime_updated();
    let now = || millis(clock.get_hrtime() - start);

    let state = State { clock: Arc::clone(&clock), start, called: Cell::new(false) };
    let machine = StateMachine::new(ProxyMutex::new(), state, |state, _, event, _| {
        println!("{}: called with {event}", millis(state.clock.get_hrtime() - state.start));
        state.called.set(true);
        Outcome::Done
    });

    // ANCHOR: foreign
    // Two channels: "I have the mutex" and "give it back".
    let (taken, is_taken) = channel();
    let (release, is_to_release) = channel::<()>();
    let mutex = Arc::clone(machine.mutex());
    let foreign = thread::spawn(move || {
        let _guard = mutex.lock();
        taken.send(()).unwrap();
        is_to_release.recv().unwrap();
    });
    is_taken.recv().unwrap();
    println!("{}: a foreign thread holds the mutex", now());
    // ANCHOR_END: foreign

    // ANCHOR: miss
    let event = ethread.schedule_imm(Arc::clone(&machine));
    for pass in 1..=5 {
        ethread.run_pass();
        let Due::At(due) = event.due() else { panic!("a missed event becomes a timer") };
        println!("{}: pass {pass} is over, the event is due at {}", now(), millis(due - start));
    }
    // ANCHOR_END: miss

    // ANCHOR: retry
    release.send(()).unwrap();
    foreign.join().unwrap();
    println!("{}: the foreign thread has given the mutex back", now());
    ethread.run_until(|| !event.is_live());
    // ANCHOR_END: retry

    let guard = machine.mutex().lock();
    assert!(machine.state(&guard).called.get());
}

fn millis(span: HrTime) -> String {
    format!("{:6.3} ms", span as f64 / 1e6)
}
