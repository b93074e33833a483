//! Dispatch under the continuation's mutex: missed locks and their retries, and
//! continuations without a mutex.
//!
//! Proves `EThread::process_event` and the way an event takes after a miss:
//! through the local queue into the priority queue, due in `DELAY_FOR_RETRY`. A
//! timer may be up to 5 ms early, so that the tries are some 5 ms apart, here
//! and in the original. Every try writes the next deadline into the event, which
//! makes the tries countable.

use std::cell::Cell;
use std::sync::{Arc, mpsc};

use eventsys::hrtime::{mseconds, useconds};
use eventsys::{
    AdoptedThread, Clock, ContRef, DELAY_FOR_RETRY, Due, EventCode, EventProcessor, EventRef,
    ProxyMutex,
};
use testkit::{Lab, must_end, on_foreign_thread, while_held};

/// When the last try was, in microseconds: it made the event due 10 ms later.
fn last_try(lab: &Lab, event: EventRef) -> i64 {
    match event.due() {
        Due::At(at) => (at - DELAY_FOR_RETRY - lab.at(0)) / useconds(1),
        other => panic!("no try yet: {other:?}"),
    }
}

#[test]
fn an_event_whose_lock_is_missed_is_tried_again_until_the_lock_is_free() {
    let lab = Lab::new();
    let cont = lab.noting("called");
    let event = lab.thread.schedule_imm(cont.clone());
    let tries = while_held(cont.mutex(), || {
        let mut tries = Vec::new();
        for _ in 0..7 {
            lab.passes(1);
            tries.push(last_try(&lab, event));
        }
        tries
    });
    // An immediate event that misses is still met by the same emptying of the local
    // queue, goes to the bucket of 10 ms, and the thread sleeps half of that. From
    // the second try on it is a timer: it waits in the local queue at the end of
    // its pass, so there is no sleep, and the next pass puts it into the bucket.
    assert_eq!(tries, [1, 5_002, 5_002, 10_004, 10_004, 15_006, 15_006]);
    assert_eq!(lab.take_notes(), []);
    lab.thread.run_until_idle();
    assert_eq!(lab.take_notes(), [(20_008, "called")]);
}

#[test]
fn an_event_keeps_its_code_while_it_is_tried_again() {
    let lab = Lab::new();
    let cont = lab.actor(|call| {
        assert_eq!(call.code, EventCode::EVENT_IMMEDIATE);
        call.note("called");
    });
    lab.thread.schedule_imm(cont.clone());
    while_held(cont.mutex(), || lab.passes(2));
    lab.thread.run_until_idle();
    assert_eq!(lab.take_names(), ["called"]);
}

#[test]
fn a_missed_lock_puts_off_neither_other_events_nor_other_machines() {
    let lab = Lab::new();
    let (blocked, free) = (lab.noting("blocked"), lab.noting("free"));
    lab.thread.schedule_imm(blocked.clone());
    lab.thread.schedule_imm(free.clone());
    lab.thread.schedule_in(free, mseconds(1));
    while_held(blocked.mutex(), || lab.passes(1));
    assert_eq!(lab.take_notes(), [(1, "free"), (1, "free")]);
    lab.thread.run_until_idle();
    assert_eq!(lab.take_notes(), [(5_002, "blocked")]);
}

#[test]
fn a_later_event_of_the_same_machine_may_overtake_one_that_missed() {
    let lab = Lab::new();
    let mutex = ProxyMutex::new();
    let first = testkit::actor_under(&mutex, lab.trace(), |call| call.note("first"));
    let second = testkit::actor_under(&mutex, lab.trace(), |call| call.note("second"));
    lab.thread.schedule_imm(first);
    while_held(&mutex, || lab.passes(1));
    lab.thread.schedule_imm(second);
    lab.thread.run_until_idle();
    assert_eq!(lab.take_notes(), [(5_002, "second"), (5_002, "first")]);
}

#[test]
fn a_periodic_event_keeps_its_period_over_a_missed_lock() {
    let lab = Lab::new();
    let cont = lab.noting("tick");
    let event = lab.thread.schedule_every(cont.clone(), mseconds(20));
    while_held(cont.mutex(), || {
        lab.thread.run_for(mseconds(16));
        assert_eq!((last_try(&lab, event), event.period()), (15_003, mseconds(20)));
    });
    lab.thread.run_for(mseconds(20));
    // The next period begins when the handler has run, not when it should have.
    assert_eq!(lab.take_notes(), [(20_005, "tick"), (35_008, "tick")]);
}

#[test]
fn a_poll_event_whose_lock_is_missed_comes_once_as_an_interval() {
    // The retry is a timer, and a timer is sent with the event's own code.
    let lab = Lab::new();
    let cont = lab.actor(|call| {
        call.note(if call.code == EventCode::EVENT_POLL { "EVENT_POLL" } else { "EVENT_INTERVAL" });
    });
    lab.thread.schedule_every(cont.clone(), -1);
    while_held(cont.mutex(), || lab.passes(1));
    lab.passes(4);
    // As there was no live poll event in the pass of the timer, the one that the
    // timer has become again waits for the next pass.
    assert_eq!(
        lab.take_notes(),
        [(5_003, "EVENT_INTERVAL"), (5_004, "EVENT_POLL"), (5_005, "EVENT_POLL")]
    );
}

#[test]
fn an_event_that_is_cancelled_between_two_tries_does_not_run() {
    let lab = Lab::new();
    let cont = lab.noting("never");
    let event = lab.thread.schedule_imm(cont.clone());
    while_held(cont.mutex(), || {
        lab.passes(1);
        event.cancel();
    });
    lab.thread.run_until_idle();
    assert_eq!((lab.take_notes(), Arc::strong_count(&cont)), (vec![], 1));
}

#[test]
fn a_lock_that_the_thread_itself_holds_is_not_missed() {
    let lab = Lab::new();
    let cont = lab.noting("called");
    let guard = cont.mutex().lock();
    lab.thread.schedule_imm(cont.clone());
    lab.passes(1);
    drop(guard);
    assert_eq!(lab.take_notes(), [(1, "called")]);
}

#[test]
fn the_mutex_is_held_once_while_the_handler_runs_and_free_afterwards() {
    let lab = Lab::new();
    let cont = lab.actor(|call| {
        let mutex = call.guard().mutex();
        assert_eq!((mutex.is_held(), mutex.nthread_holding()), (true, 1));
        assert!(on_foreign_thread(|| mutex.try_lock().is_none()));
        call.note("called");
    });
    lab.thread.schedule_imm(cont.clone());
    lab.passes(1);
    assert_eq!(lab.take_names(), ["called"]);
    assert_eq!((cont.mutex().thread_holding(), cont.mutex().nthread_holding()), (None, 0));
}

#[test]
fn a_continuation_without_a_mutex_gets_that_of_the_thread_it_is_scheduled_on_for_life() {
    let lab = Lab::new();
    let cont = lab.free_actor(|call| {
        assert!(call.invocation.guard().is_of(call.thread().mutex()));
        call.note("called");
    });
    lab.thread.schedule_imm(Arc::clone(&cont));
    let inherited = cont.base().mutex().expect("given by schedule_imm");
    assert!(Arc::ptr_eq(inherited, lab.thread.mutex()));
    lab.passes(1);
    assert_eq!(lab.take_names(), ["called"]);
    assert!(cont.base().mutex().is_some(), "for life");
}

#[test]
fn a_continuation_without_a_mutex_stays_so_if_scheduled_locally_or_by_the_processor() {
    let lab = Lab::new();
    let cont = lab.free_actor(|call| {
        assert!(call.invocation.try_guard().is_none());
        call.note("called");
    });
    lab.thread.schedule_imm_local(Arc::clone(&cont));
    assert!(lab.processor.schedule_imm(Arc::clone(&cont), eventsys::ET_CALL).is_some());
    lab.passes(1);
    assert_eq!(lab.take_names(), ["called", "called"]);
    assert!(cont.base().mutex().is_none());
}

/// Has `f` run while another EThread exists, on a thread of its own.
fn beside_another_thread<R>(f: impl FnOnce(&Arc<eventsys::EThread>) -> R) -> R {
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let other = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
            let _ = tell.send(Arc::clone(AdoptedThread::thread(&other)));
            let _ = ended.recv();
        });
        let result = f(&told.recv().expect("the other thread lives"));
        drop(end);
        result
    })
}

#[test]
fn a_mutex_inherited_from_one_thread_is_missed_on_every_other_thread_until_that_one_ends() {
    must_end(|| {
        // TS-4387: thread A holds its own mutex for life, so B never gets it meanwhile. In
        // the original, threads do not end before the process.
        let lab = Lab::new();
        let cont = lab.free_actor(|call| call.note("called"));
        let event = beside_another_thread(|a| {
            a.schedule_imm(Arc::clone(&cont));
            let event = lab.thread.schedule_imm(Arc::clone(&cont));
            lab.passes(9);
            assert_eq!(last_try(&lab, event), 4 * 5_002, "five misses, the first one at 1");
            let (misses, last) = (Cell::new(0), Cell::new(last_try(&lab, event)));
            lab.thread.run_until(|| {
                let now = last_try(&lab, event);
                if last.replace(now) != now {
                    misses.set(misses.get() + 1);
                }
                misses.get() == 1000
            });
            assert_eq!(last.get(), 1004 * 5_002, "a thousand more, one every 5,002 us");
            event
        });
        // A has ended by now, and has given its mutex back.
        lab.thread.run_until_idle();
        assert_eq!(lab.take_notes(), [(1005 * 5_002, "called")]);
        assert!(!event.is_live());
        let cont: ContRef = cont;
        assert_eq!(Arc::strong_count(&cont), 1);
    });
}
