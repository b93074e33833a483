//! How fast the event system is: events scheduled and dispatched, timers
//! scheduled and cancelled, on one adopted thread with a real clock.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use eventsys::{
    AdoptedThread, Clock, EThread, EventProcessor, HrTime, Idle, LoopTailHandler, Outcome,
    ProxyMutex, StateMachine, hrtime,
};

/// Events in one measured round.
const EVENTS: u64 = 100_000;

fn main() {
    divan::main();
}

/// A thread that never waits, so the benchmark measures work only.
fn thread() -> AdoptedThread {
    let thread = EventProcessor::new(Clock::new_real()).adopt_current_thread("ET_NET");
    thread.set_tail_handler(Arc::new(NoWait));
    thread
}

struct NoWait;

impl LoopTailHandler for NoWait {
    fn wait_for_activity(&self, _: Idle<'_, '_>, _: HrTime) {}
    fn signal_activity(&self, _: &EThread) {}
}

/// One continuation that schedules itself again, as soon as possible: the chain
/// of immediate local events.
#[divan::bench]
fn immediate_chain(bencher: Bencher) {
    let thread = thread();
    let left = StateMachine::new(ProxyMutex::new(), Cell::new(0_u64), |left, call, _, _| {
        if left.get() > 0 {
            left.set(left.get() - 1);
            EThread::with_current(|thread| {
                thread.expect("on an EThread").schedule_imm_local(call.this().clone())
            });
        }
        Outcome::Done
    });
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        left.state(&left.mutex().lock()).set(EVENTS - 1);
        thread.schedule_imm_local(left.clone());
        thread.run_until(|| left.state(&left.mutex().lock()).get() == 0);
    });
}

/// A thousand continuations, each scheduled once a round.
#[divan::bench]
fn immediate_thousand_deep(bencher: Bencher) {
    let thread = thread();
    let conts: Vec<_> = (0..1000)
        .map(|_| {
            StateMachine::new(ProxyMutex::new(), Cell::new(0_u64), |count, _, _, _| {
                count.set(count.get() + 1);
                Outcome::Done
            })
        })
        .collect();
    bencher.counter(ItemsCount::new(1000_u64)).bench_local(|| {
        for cont in &conts {
            thread.schedule_imm_local(cont.clone());
        }
        thread.run_pass();
    });
}

/// Timers that are scheduled and cancelled at once; the loop frees them.
#[divan::bench]
fn timers_scheduled_and_cancelled(bencher: Bencher) {
    let thread = thread();
    let cont = StateMachine::new(ProxyMutex::new(), (), |_, _, _, _| Outcome::Done);
    bencher.counter(ItemsCount::new(1000_u64)).bench_local(|| {
        let guard = cont.mutex().lock();
        for _ in 0..1000 {
            black_box(thread.schedule_in_local(cont.clone(), hrtime::seconds(30))).cancel();
        }
        drop(guard);
        thread.run_pass();
    });
}
