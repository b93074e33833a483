//! The retry events: the task of each of the four events, and the effect of a missed lock. Foreign
//! threads hold the locks; time is virtual.
//!
//! A retry is put off by 10 ms. Timers come up to 5 ms early (the first bucket of
//! `PriorityEventQueue`), so in the traces the tries are 5 ms and two passes of
//! 1 µs apart.

use std::sync::Arc;

use eventsys::hrtime::{mseconds, seconds};
use eventsys::sync::Mutex;
use eventsys::{Clock, EventProcessor};
use testkit::{
    ACCEPT, Lab, MAX, READ_READY, WRITE_COMPLETE, WRITE_READY, counting, hold, on_foreign_thread,
};

use crate::common::{connected, reading};

#[test]
fn one_event_serves_many_reenables() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.write(MAX);
        me.read(MAX);
        for _ in 0..5 {
            me.reenable_write();
            me.reenable_read();
        }
    });
    lab.settle();
    assert_eq!(lab.take().iter().filter(|line| *line == "A event 1").count(), 1);
}

#[test]
fn a_reenable_after_the_event_has_fired_sets_up_another() {
    let (lab, a, _p, _) = connected();
    a.once(WRITE_READY, |me| me.reenable_write());
    a.with(|me| me.write(MAX));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 9223372036854775807
         A event 1
         A write_side
         A write_act_on 0
         A write: WRITE_READY 0/max
         A reenable_write
         A event 1
         A write_side
         A write_act_on 0
         A write: WRITE_READY 0/max",
    );
}

#[test]
fn main_handler_tries_again_while_the_read_mutex_is_held() {
    let (lab, _a, p, _) = reading();
    let busy = hold(p.mutex());
    lab.run_ms(22);
    busy.release();
    lab.run_ms(10);
    lab.expect_timed(
        "0 - create
         0 P got: NET_EVENT_ACCEPT
         0 P do_io_read 9223372036854775807
         1 P event 1
         5002 P event 2
         10004 P event 2
         15006 P event 2
         20008 P event 2
         25010 P event 2
         25010 P read_side
         25010 P read_act_on 0",
    );
}

#[test]
fn main_handler_tries_again_while_the_write_mutex_is_held() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let w = lab.agent("W");
    lab.pair(&a, &p);
    // Reads under A's mutex, writes under W's.
    a.with(|me| me.read(MAX));
    w.with(|me| {
        me.take_vc(a.vc());
        me.write(MAX);
    });
    let busy = hold(w.mutex());
    lab.run_ms(12);
    assert_eq!(a.mutex().thread_holding(), None, "what was taken is given back");
    busy.release();
    lab.run_ms(10);
    lab.expect_timed(
        "0 - create
         0 P got: NET_EVENT_ACCEPT
         0 A do_io_read 9223372036854775807
         0 A do_io_write 9223372036854775807
         1 A event 1
         5002 A event 2
         10004 A event 2
         15006 A event 2
         15006 A read_side
         15006 A read_act_on 0
         15006 A write_side
         15006 A write_act_on 0
         15006 W write: WRITE_READY 0/max",
    );
}

#[test]
fn a_missed_read_side_is_retried_by_the_core_event() {
    let (lab, a, p, _) = reading();
    lab.settle();
    lab.take();
    let busy = hold(p.mutex());
    a.with(|me| me.write_now(b"x"));
    lab.run_ms(3);
    lab.expect_timed(
        "60001 A do_io_write 1
         60002 A event 1
         60002 A write_side
         60002 A write_act_on 1
         60002 A write_added 1
         60002 A write: WRITE_COMPLETE 1/1
         60002 P read_lock_miss",
    );
    busy.release();
    lab.run_ms(10);
    lab.expect_timed(
        "65003 P event 2
         65003 P read_side
         65003 P read_act_on 1
         65003 P read_added 1
         65003 P read: READ_READY 1/max
         65003 A write_side",
    );
}

#[test]
fn a_missed_write_side_is_retried_by_the_core_event() {
    let (lab, a, p, _) = connected();
    a.with(|me| me.write_now(&counting(40_000)));
    lab.settle();
    lab.take();
    let busy = hold(a.mutex());
    p.with(|me| me.read(MAX));
    lab.run_ms(3);
    lab.expect_timed(
        "60001 P do_io_read 9223372036854775807
         60002 P event 1
         60002 P read_side
         60002 P read_act_on 32768
         60002 P read_added 32768
         60002 P read: READ_READY 32768/max
         60002 A write_lock_miss",
    );
    busy.release();
    lab.run_ms(10);
    lab.expect_timed(
        "65003 A event 2
         65003 A write_side
         65003 A write_act_on 7232
         65003 A write_added 7232
         65003 A write: WRITE_COMPLETE 40000/40000
         65003 P read_side
         65003 P read_act_on 7232
         65003 P read_no_space",
    );
}

#[test]
fn many_misses_of_a_side_share_one_core_event() {
    let (lab, a, p, _) = reading();
    a.with(|me| me.write(MAX));
    lab.settle();
    lab.take();
    let busy = hold(p.mutex());
    for _ in 0..3 {
        a.with(|me| {
            me.fill(b"x");
            me.reenable_re_write();
        });
    }
    busy.release();
    lab.run_ms(12);
    let steps = lab.take();
    assert_eq!(steps.iter().filter(|line| *line == "P read_lock_miss").count(), 3);
    assert_eq!(steps.iter().filter(|line| line.starts_with("P event")).count(), 1);
    assert_eq!(p.read_vio().ndone(), 3);
}

#[test]
fn nothing_is_retried_for_a_peer_that_does_not_read() {
    let (lab, a, p, _) = connected();
    let busy = hold(p.mutex());
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 1
         A event 1
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_COMPLETE 1/1",
    );
    busy.release();
    lab.expect_quiet();
}

#[test]
fn a_core_that_another_thread_holds_is_waited_for_by_the_event_system() {
    let (lab, a, _p, core) = connected();
    let busy = hold(core.mutex());
    a.with(|me| me.write(MAX));
    lab.run_ms(12);
    assert_eq!(a.calls(), 0);
    busy.release();
    lab.run_ms(10);
    // The handler is not even entered without C.
    lab.expect_timed_lines(
        &["event", "WRITE"],
        "15006 A event 1
         15006 A write: WRITE_READY 0/max",
    );
}

#[test]
fn a_close_is_retried_until_the_state_machine_can_be_had() {
    let (lab, a, p, core) = connected();
    a.with(|me| me.read(MAX));
    lab.settle();
    p.close();
    a.close();
    lab.take();
    let busy = hold(a.mutex());
    lab.run_ms(7);
    assert!(!core.is_freed());
    busy.release();
    lab.run_ms(10);
    lab.expect_timed(
        "60002 P event 1
         60002 P process_close
         60002 A event 1
         65003 A event 2
         70005 A event 2
         70005 A process_close
         70005 - destroy",
    );
    lab.expect_nothing_left(core);
}

#[test]
fn the_periodic_event_stays_periodic_when_its_lock_is_missed() {
    let (lab, a, p, core) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(seconds(100));
    });
    lab.run_ms(500);
    lab.take();
    let busy = hold(a.mutex());
    lab.run_ms(2_000);
    busy.release();
    lab.run_ms(2_000);
    // Once a second, missed or not: nothing in between, nothing lost.
    lab.expect_timed(
        "995020 A event 2
         1990040 A event 2
         3010058 A event 2
         4005078 A event 2",
    );
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn what_a_foreign_thread_asks_for_is_done_by_the_event_thread() {
    let (lab, a, p, _) = reading();
    p.on(READ_READY, |me| me.note(&format!("{}", std::thread::current().name().is_some())));
    on_foreign_thread(|| {
        a.with(|me| {
            me.fill(b"x");
            me.write(MAX);
            me.reenable_write();
        });
        // No EThread, so no local queue: the steps so far are its own.
        assert_eq!(p.calls(), 1);
    });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_read 9223372036854775807
         A do_io_write 9223372036854775807
         A reenable_write
         P event 1
         P read_side
         P read_act_on 0
         A event 1
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_READY 1/max
         P read_side
         P read_act_on 1
         P read_added 1
         P read: READ_READY 1/max
         P note: true
         A reenable_write
         A event 1
         A write_side
         A write_act_on 0
         A write: WRITE_READY 1/max",
    );
}

/// The peer's callback moves the operation to another state machine. It is then reenabled under its
/// new mutex, which the pair takes for that, and in the end the new state machine is called back.
/// (The open deadlock comes from this lock; see `defects/moved.rs`.)
#[test]
fn a_write_that_the_peers_callback_moves_is_reenabled_under_its_new_mutex() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let o = lab.agent("O");
    p.on(ACCEPT, |me| me.read(MAX));
    lab.pair(&a, &p);
    lab.settle();
    let (vc, new) = (a.vc(), o.clone());
    p.once(READ_READY, move |_| {
        new.with(|me| {
            me.take_vc(vc.clone());
            me.write_now(b"yz");
        });
    });
    lab.take();
    a.with(|me| me.write_now(b"x"));
    let is_held = Arc::new(Mutex::new(Vec::new()));
    let (mutex, seen) = (Arc::clone(o.mutex()), Arc::clone(&is_held));
    lab.at_step("A reenable_write", move || {
        seen.lock().push(mutex.try_lock().is_none());
    });
    lab.settle();
    lab.expect(
        "A do_io_write 1
         A event 1
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_COMPLETE 1/1
         P read_side
         P read_act_on 1
         P read_added 1
         P read: READ_READY 1/max
         A do_io_write 2
         A reenable_write
         A event 1
         A write_side
         A write_act_on 2
         A write_added 2
         O write: WRITE_COMPLETE 2/2
         P read_side
         P read_act_on 2
         P read_added 2
         P read: READ_READY 3/max
         A reenable_write
         A event 1
         A write_side",
    );
    assert_eq!(*is_held.lock(), [true]);
}

/// The same for a read that the writer's callback moves.
#[test]
fn a_read_that_the_peers_callback_moves_is_reenabled_under_its_new_mutex() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let o = lab.agent("O");
    lab.pair(&a, &p);
    a.with(|me| me.write_now(&counting(40_000)));
    lab.settle();
    let (vc, new) = (p.vc(), o.clone());
    a.once(WRITE_COMPLETE, move |_| {
        new.with(|me| {
            me.take_vc(vc.clone());
            me.read(MAX);
        });
    });
    lab.take();
    p.with(|me| me.read(MAX));
    let is_held = Arc::new(Mutex::new(Vec::new()));
    let (mutex, seen) = (Arc::clone(o.mutex()), Arc::clone(&is_held));
    lab.at_step("P reenable_read", move || {
        seen.lock().push(mutex.try_lock().is_none());
    });
    lab.settle();
    lab.expect(
        "P do_io_read 9223372036854775807
         P event 1
         P read_side
         P read_act_on 32768
         P read_added 32768
         P read: READ_READY 32768/max
         A write_side
         A write_act_on 7232
         A write_added 7232
         A write: WRITE_COMPLETE 40000/40000
         P do_io_read 9223372036854775807
         P reenable_read
         P event 1
         P read_side
         P read_act_on 7232
         P read_added 7232
         O read: READ_READY 7232/max
         A write_side",
    );
    assert_eq!(*is_held.lock(), [true]);
}

/// The events of a pair run on the threads of its own event processor, whichever thread asks for
/// them. On a thread of another processor, even with the same clock, they would be lost when that
/// one ends.
#[test]
fn what_a_thread_of_another_processor_asks_for_is_done_by_the_pairs_own() {
    let lab = Lab::new();
    for same_clock in [false, true] {
        let (a, p) = lab.agents();
        let core = lab.pair(&a, &p);
        let clock = if same_clock { lab.processor.clock().clone() } else { Clock::new_virtual() };
        lab.take();
        on_foreign_thread(|| {
            let other = EventProcessor::new(clock).adopt_current_thread("ET_NET");
            a.with(|me| me.read(MAX));
            assert!(other.has_no_events());
        });
        lab.settle();
        lab.expect(
            "A do_io_read 9223372036854775807
             A event 1
             A read_side
             A read_act_on 0",
        );
        a.close();
        p.close();
        lab.settle();
        lab.expect_nothing_left(core);
    }
}

/// An event thread keeps the events that it asks for itself, also for an end that belongs to
/// another thread: the timeout has bound it to that thread.
#[test]
fn what_an_event_thread_asks_for_stays_on_that_thread() {
    let lab = Lab::ticking(mseconds(1));
    let (a, p) = lab.agents();
    lab.pair(&a, &p);
    a.vc().set_active_timeout(seconds(100));
    lab.passes(1);
    lab.take();
    let processor = &lab.processor;
    let reader = a.clone();
    on_foreign_thread(move || {
        let second = processor.adopt_current_thread("ET_NET");
        reader.with(|me| me.read(MAX));
        assert!(!second.has_no_events());
        second.run_pass();
        assert!(second.has_no_events());
    });
    lab.expect(
        "A do_io_read 9223372036854775807
         A event 1
         A read_side
         A read_act_on 0",
    );
}
