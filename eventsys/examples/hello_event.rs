//! The smallest complete program: one state machine, called back twice.
//!
//! It is scheduled for "now" and for "in 10 ms", on a clock that is virtual:
//! the program takes no time to run, and prints the same lines every time.
//!
//! Look at the time of the second call. Timers are kept in buckets, the first
//! bucket is 5 ms wide, and the loop calls everything in it: a timer may come
//! up to 5 ms early. Look at the time at the end, too: having found nothing
//! more to do, the loop slept for its longest sleep, the heartbeat of 60 ms.
//! Both are as in the real server.
//!
//! Run it with `cargo run -p eventsys --example hello_event`.

use std::cell::Cell;
use std::sync::Arc;

use eventsys::hrtime::{HrTime, mseconds};
use eventsys::{Clock, EventProcessor, Outcome, ProxyMutex, StateMachine};

// ANCHOR: state
/// The state of the machine. A handler may be entered again while it runs, so
/// it gets its state by shared reference, and what changes is a `Cell`.
struct Hello {
    clock: Arc<Clock>,
    /// The start of the program, by that clock.
    start: HrTime,
    /// How often the handler has been called.
    calls: Cell<u32>,
}
// ANCHOR_END: state

fn main() {
    // ANCHOR: thread
    // A processor owns threads and has a clock. Its only thread here is this
    // one, adopted, so that the program itself says when the loop runs.
    let processor = EventProcessor::new(Clock::new_virtual());
    let thread = processor.adopt_current_thread("ET_NET");
    // ANCHOR_END: thread

    // ANCHOR: machine
    let clock = Arc::clone(processor.clock());
    let start = clock.get_hrtime_updated();
    let state = Hello { clock: Arc::clone(&clock), start, calls: Cell::new(0) };
    let hello = StateMachine::new(ProxyMutex::new(), state, |hello, call, event, _data| {
        // The guard is the proof that the state machine's mutex is held.
        assert!(call.guard().mutex().is_held());
        hello.calls.set(hello.calls.get() + 1);
        println!("{}: {event}, call {}", since(&hello.clock, hello.start), hello.calls.get());
        Outcome::Done
    });
    // ANCHOR_END: machine

    // ANCHOR: schedule
    thread.schedule_in(hello.clone(), mseconds(10));
    thread.schedule_imm(hello.clone());
    println!("{}: two events are scheduled, none has run", since(&clock, start));
    thread.run_until_idle();
    // ANCHOR_END: schedule

    // ANCHOR: look
    // From outside, the state can be reached only with a guard of its mutex.
    let guard = hello.mutex().lock();
    println!("{}: {} calls, nothing waits", since(&clock, start), hello.state(&guard).calls.get());
    // ANCHOR_END: look
}

/// The virtual time since `start`, for printing.
fn since(clock: &Clock, start: HrTime) -> String {
    format!("{:6.3} ms", (clock.get_hrtime_updated() - start) as f64 / 1e6)
}
