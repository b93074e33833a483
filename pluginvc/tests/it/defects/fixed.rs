//! Defects that a release has mended, by the number of the issue: they must not come back.

use eventsys::sync::Mutex;
use std::sync::Arc;

use eventsys::hrtime::{mseconds, seconds};
use iocore::ShutdownHowTo::{Read, Write};
use iocore::VConnection;
use testkit::{
    ACTIVE, INACTIVITY, MAX, READ_READY, WRITE_COMPLETE, counting, hold, on_foreign_thread,
};

use crate::common::{connected, reading};

/// `setup_event_cb` did not store the event that it scheduled, so a second `do_io` scheduled a
/// second one; the first matched no pointer, and the handler asserted.
#[test]
fn ts_867_the_event_is_stored_so_two_do_io_share_one() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.write(MAX);
    });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_read 9223372036854775807
         A do_io_write 9223372036854775807
         A event 1
         A read_side
         A read_act_on 0
         A write_side
         A write_act_on 0
         A write: WRITE_READY 0/max",
    );
}

/// Every transfer cancelled the inactivity event and made a new one. Now one periodic event looks
/// at a time, and moving bytes only moves the time.
#[test]
fn ts_1427_moving_bytes_makes_no_timer_events() {
    let (lab, a, p, _) = reading();
    p.on(READ_READY, |me| {
        me.take();
    });
    a.with(|me| {
        me.write(MAX);
        me.vc().set_inactivity_timeout(seconds(5));
    });
    // A pass waits for 60 ms at most.
    for _ in 0..55 {
        lab.run_ms(60);
        a.with(|me| {
            me.fill(b"x");
            me.reenable_write();
        });
    }
    let looks = lab.take().iter().filter(|line| *line == "A event 2").count();
    assert_eq!(p.read_vio().ndone(), 54, "the last one is on its way");
    assert_eq!(looks, 3, "one a second in three seconds");
}

/// `main_handler` returned early on a closed connection and gave neither mutex
/// back: the state machine's next try-lock missed for ever.
#[test]
fn ts_2317_the_mutex_is_free_after_a_close_that_was_put_off() {
    let (lab, a, p, core) = connected();
    a.with(|me| {
        me.read(MAX);
        me.write(MAX);
    });
    lab.settle();
    let busy = hold(a.mutex());
    core.active_vc().unwrap().do_io_close(None);
    lab.run_ms(3);
    busy.release();
    lab.run_ms(10);
    assert!(lab.take().contains(&"A process_close".to_owned()));
    for mutex in [a.mutex(), p.mutex(), core.mutex()] {
        assert_eq!((mutex.thread_holding(), mutex.nthread_holding()), (None, 0));
    }
    assert!(on_foreign_thread(|| a.mutex().try_lock().is_some()));
}

/// A lock miss rescheduled the periodic event; this made it one-shot, and it was freed after it had
/// fired; the close then cancelled a freed event.
#[test]
fn ts_2253_a_missed_lock_leaves_the_periodic_event_periodic() {
    let (lab, a, p, core) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(seconds(100));
    });
    lab.run_ms(100);
    let busy = hold(a.mutex());
    lab.run_ms(1_200);
    busy.release();
    lab.take();
    lab.run_ms(3_000);
    assert_eq!(lab.take(), ["A event 2", "A event 2", "A event 2"]);
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

/// The peer tested `shutdown` before it had the reader's lock. The reader, holding
/// it, shut its read side and freed its buffer; the peer then wrote into that.
#[test]
fn ts_3339_no_read_event_comes_after_a_shutdown_under_the_readers_lock() {
    let (lab, a, p, core) = reading();
    lab.settle();
    lab.take();
    let busy = hold(p.mutex());
    a.with(|me| me.write_now(b"x"));
    lab.run_ms(3);
    core.passive_vc().unwrap().do_io_shutdown(Read);
    busy.release();
    lab.run_ms(20);
    lab.expect(
        "A do_io_write 1
         A event 1
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_COMPLETE 1/1
         P read_lock_miss
         P event 2
         P read_side",
    );
}

/// A wrong fix, taken back the same day, sent EOS to an end whose *own* write side
/// was shut: a client that had sent its request never saw the reply.
#[test]
fn ts_3404_shutting_ones_own_write_side_is_no_end_of_the_stream() {
    let (lab, a, p, _) = reading();
    a.on(WRITE_COMPLETE, |me| me.shutdown(Write));
    a.with(|me| {
        me.read(MAX);
        me.write_now(b"request");
    });
    lab.settle();
    // An empty pass of the read side.
    a.with(|me| me.reenable_read());
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 7/7
         P read: READ_READY 7/max",
    );
    p.with(|me| me.write_now(b"reply"));
    lab.settle();
    lab.expect_callbacks(
        "P write: WRITE_COMPLETE 5/5
         A read: READ_READY 5/max",
    );
}

/// `do_io_read(NULL, …)` and `do_io_write(NULL, …)` took the mutex from the
/// missing continuation. They fall back to the connection's own.
#[test]
fn ts_3522_do_io_without_a_continuation_uses_the_core_mutex() {
    let (lab, _a, _p, core) = connected();
    let vc = core.active_vc().unwrap();
    let guard = core.mutex().lock();
    let read = vc.do_io_read(&guard, None, 0, None);
    let write = vc.do_io_write(&guard, None, 0, None);
    assert!(read.is_bound_to(core.mutex()) && write.is_bound_to(core.mutex()));
    drop((guard, read, write));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_read 0
         A do_io_write 0
         A event 1
         A read_side
         A write_side",
    );
}

/// `closed` was set between `main_handler`'s test and the timeout, whose callback
/// then went into a state machine that was gone.
#[test]
fn ts_3949_no_timeout_comes_to_a_closed_connection() {
    let (lab, a, p, core) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(20));
        me.vc().set_inactivity_timeout(mseconds(20));
    });
    lab.run_ms(10);
    // Both timeouts become due while another thread holds the lock.
    let busy = hold(a.mutex());
    lab.run_ms(1_500);
    core.active_vc().unwrap().do_io_close(None);
    busy.release();
    lab.run_ms(3_000);
    lab.expect_callbacks("P got: NET_EVENT_ACCEPT");
    p.close();
    a.with(|me| me.forget());
    lab.settle();
    lab.expect_nothing_left(core);
}

/// A plugin's own thread closed without a lock: the event that was just firing passed for one still
/// to come, and no event ever processed the close.
#[test]
fn ts_3235_a_foreign_thread_that_closes_at_any_step_gets_the_pair_freed() {
    // C is held at each of these steps, so the closer waits for the handler to
    // leave, in a thread of its own.
    for step in ["A event 1", "A write_side", "A write_act_on 1", "A write_added 1"] {
        let (lab, a, p, core) = reading();
        p.on(testkit::EOS, |me| me.close());
        let closer = Arc::new(Mutex::new(None));
        lab.at_step(step, {
            let (vc, closer) = (a.vc(), Arc::clone(&closer));
            move || {
                let thread = std::thread::spawn(move || vc.do_io_close(None));
                *closer.lock() = Some(thread);
            }
        });
        a.with(|me| {
            me.fill(b"x");
            me.write(MAX);
        });
        lab.thread.run_pass();
        closer.lock().take().expect("the step was taken").join().unwrap();
        a.with(|me| me.forget());
        lab.settle();
        lab.expect_nothing_left(core);
    }
}

/// A reenable by a foreign thread that held neither lock was lost in the same way; a thread that
/// holds its state machine's mutex cannot lose it.
#[test]
fn ts_3235_what_a_foreign_thread_reenables_is_not_lost() {
    let (lab, a, p, _) = reading();
    a.with(|me| me.write(MAX));
    lab.settle();
    for round in 1..=3 {
        on_foreign_thread(|| {
            a.with(|me| {
                me.fill(b"x");
                me.reenable_write();
            });
        });
        lab.settle();
        assert_eq!(p.read_vio().ndone(), round);
    }
}

/// The timeout's own lock miss rescheduled the periodic event and its caller then
/// cancelled it: the pointer to it dangled, and a later event at the same address was taken for it.
/// Here the event outlives any number of misses and ends at the close.
#[test]
fn gh_1333_the_periodic_event_survives_misses_and_ends_with_the_connection() {
    let (lab, a, p, core) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(mseconds(100));
    });
    let busy = hold(a.mutex());
    lab.run_ms(3_500);
    busy.release();
    lab.take();
    // The address of a freed event is used again by the next one scheduled: this reenable would be
    // lost if its event were taken for the timeout's.
    a.with(|me| me.write_now(b"x"));
    lab.run_ms(1_000);
    lab.expect_callbacks(
        "A write: WRITE_COMPLETE 1/1
         A read: INACTIVITY_TIMEOUT 0/max",
    );
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

/// The timeout's callback set the timeout again; because of a null test the old periodic event
/// stayed. It fired a second later and was stored nowhere.
#[test]
fn gh_4074_a_timeout_set_anew_in_its_own_callback_leaves_one_event() {
    let (lab, a, p, core) = connected();
    a.on(INACTIVITY, |me| me.vc().set_inactivity_timeout(seconds(10)));
    a.on(ACTIVE, |me| me.vc().set_active_timeout(seconds(10)));
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(mseconds(500));
        me.vc().set_active_timeout(mseconds(500));
    });
    lab.run_ms(1_100);
    lab.take();
    lab.run_ms(3_000);
    assert_eq!(lab.take(), ["A event 2", "A event 2", "A event 2"], "one look a second");
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

/// TS-3339's race on the write side: the reader's end tested the writer's state without the
/// writer's lock, and called WRITE_READY after the shutdown.
#[test]
fn gh_4746_no_write_event_comes_after_a_shutdown_under_the_writers_lock() {
    let (lab, a, p, core) = connected();
    a.with(|me| me.write_now(&counting(40_000)));
    lab.settle();
    lab.take();
    let busy = hold(a.mutex());
    p.with(|me| me.read(MAX));
    lab.run_ms(3);
    core.active_vc().unwrap().do_io_shutdown(Write);
    busy.release();
    lab.run_ms(20);
    lab.expect(
        "P do_io_read 9223372036854775807
         P event 1
         P read_side
         P read_act_on 32768
         P read_added 32768
         P read: READ_READY 32768/max
         A write_lock_miss
         A event 2
         A write_side",
    );
}

/// And `need_*` was cleared without the lock: a request of the other side during a lock miss must
/// still be there when the lock is taken.
#[test]
fn gh_4746_what_was_asked_for_during_a_miss_is_not_forgotten() {
    let (lab, a, p, _) = reading();
    a.with(|me| me.write(MAX));
    lab.settle();
    let busy = hold(p.mutex());
    for _ in 0..3 {
        a.with(|me| {
            me.fill(b"x");
            me.reenable_write();
        });
        lab.run_ms(3);
    }
    busy.release();
    lab.run_ms(20);
    assert_eq!(p.read_vio().ndone(), 3);
}
