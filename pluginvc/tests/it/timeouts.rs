//! The active timeout, which comes once, and the inactivity timeout, which a
//! periodic event looks for once a second.
//!
//! Times are in virtual microseconds. The periodic event comes up to 5 ms early
//! (the first bucket of `PriorityEventQueue`).

use eventsys::HrTime;
use eventsys::hrtime::{NEVER, mseconds, seconds};
use iocore::NetVcRef;
use iocore::ShutdownHowTo::{Read, Write};
use testkit::{ACCEPT, ACTIVE, EOS, INACTIVITY, Lab, MAX, READ_READY, hold};

use crate::common::{connected, reading};

const CALLBACKS: &[&str] = &[": "];

#[test]
fn the_active_timeout_comes_once() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(250));
    });
    lab.run_ms(2_000);
    lab.expect_timed(
        "0 - create
         0 P got: NET_EVENT_ACCEPT
         0 A do_io_read 9223372036854775807
         1 A event 1
         1 A read_side
         1 A read_act_on 0
         245007 A event 2
         245007 A read: ACTIVE_TIMEOUT 0/max",
    );
    assert_eq!(a.vc().get_active_timeout(), mseconds(250));
    lab.expect_quiet();
}

#[test]
fn the_active_timeout_comes_even_while_bytes_move() {
    let (lab, a, p, _) = reading();
    p.on(READ_READY, |me| {
        me.take();
    });
    a.with(|me| {
        me.write(MAX);
        me.vc().set_active_timeout(mseconds(25));
    });
    for _ in 0..5 {
        a.with(|me| {
            me.fill(b"x");
            me.reenable_write();
        });
        lab.run_ms(10);
    }
    lab.expect_timed_lines(&["TIMEOUT"], "20002 A write: ACTIVE_TIMEOUT 2/max");
}

#[test]
fn the_inactivity_timeout_comes_at_the_first_look_after_its_time() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(mseconds(2_500));
    });
    lab.run_ms(6_000);
    // Looks once a second; the third one finds the time passed; no look after it.
    lab.expect_timed(
        "0 - create
         0 P got: NET_EVENT_ACCEPT
         0 A do_io_read 9223372036854775807
         1 A event 1
         1 A read_side
         1 A read_act_on 0
         995020 A event 2
         1990040 A event 2
         3010058 A event 2
         3010058 A read: INACTIVITY_TIMEOUT 0/max",
    );
    lab.expect_quiet();
}

#[test]
fn bytes_that_move_put_the_inactivity_timeout_off_on_both_ends() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(mseconds(1_500));
    });
    p.on(READ_READY, |me| {
        me.take();
    });
    lab.pair(&a, &p);
    a.with(|me| {
        me.write(MAX);
        me.vc().set_inactivity_timeout(mseconds(1_500));
    });
    for _ in 0..6 {
        lab.run_ms(900);
        a.with(|me| {
            me.fill(b"x");
            me.reenable_write();
        });
    }
    lab.expect_timed_lines(&["TIMEOUT"], "");
    lab.run_ms(5_000);
    lab.expect_timed_lines(
        CALLBACKS,
        "5540108 A write: WRITE_READY 6/max
         5540108 P read: READ_READY 6/max
         5540108 A write: WRITE_READY 6/max
         8010156 P read: INACTIVITY_TIMEOUT 6/max
         8010156 A write: INACTIVITY_TIMEOUT 6/max",
    );
}

#[test]
fn asking_without_moving_a_byte_does_not_put_it_off() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.write(MAX);
        me.vc().set_inactivity_timeout(mseconds(1_500));
    });
    for _ in 0..4 {
        lab.run_ms(500);
        a.with(|me| me.reenable_write());
    }
    lab.expect_timed_lines(&["TIMEOUT"], "1990040 A write: INACTIVITY_TIMEOUT 0/max");
}

#[test]
fn a_timeout_goes_to_the_read_side_if_a_read_is_under_way() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.write(MAX);
        me.vc().set_active_timeout(mseconds(20));
    });
    lab.run_ms(100);
    lab.expect_timed_lines(&["TIMEOUT"], "15003 A read: ACTIVE_TIMEOUT 0/max");
}

#[test]
fn a_timeout_goes_to_the_write_side_if_no_read_is_under_way() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        // The write is complete before it begins.
        me.read(0);
        me.write(MAX);
        me.vc().set_active_timeout(mseconds(20));
    });
    lab.run_ms(100);
    lab.expect_timed_lines(&["TIMEOUT"], "15003 A write: ACTIVE_TIMEOUT 0/max");
}

#[test]
fn a_timeout_goes_to_the_write_side_after_the_read_side_is_shut() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.write(MAX);
        me.shutdown(Read);
        me.vc().set_inactivity_timeout(mseconds(500));
    });
    lab.run_ms(3_000);
    lab.expect_timed_lines(&["TIMEOUT"], "995020 A write: INACTIVITY_TIMEOUT 0/max");
}

#[test]
fn no_timeout_comes_when_both_sides_are_shut_and_the_event_is_gone() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.write(MAX);
        me.shutdown(Read);
        me.shutdown(Write);
        me.vc().set_inactivity_timeout(mseconds(500));
        me.vc().set_active_timeout(mseconds(500));
    });
    lab.run_ms(3_000);
    lab.expect_timed_lines(&["TIMEOUT"], "");
    lab.expect_quiet();
}

#[test]
fn no_timeout_comes_when_nothing_is_under_way() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.vc().set_inactivity_timeout(mseconds(500));
        me.vc().set_active_timeout(mseconds(500));
    });
    lab.run_ms(3_000);
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A event 2
         A event 2",
    );
    lab.expect_quiet();
}

#[test]
fn a_timeout_that_is_taken_back_does_not_come() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(mseconds(500));
        me.vc().set_active_timeout(mseconds(500));
    });
    lab.run_ms(100);
    lab.take();
    a.with(|me| {
        me.vc().cancel_inactivity_timeout();
        me.vc().cancel_active_timeout();
    });
    let vc = a.vc();
    assert_eq!((vc.get_active_timeout(), vc.get_inactivity_timeout()), (0, 0));
    lab.run_ms(3_000);
    lab.expect("");
    lab.expect_quiet();
}

#[test]
fn a_timeout_that_is_set_anew_counts_from_then() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(100));
    });
    lab.run_ms(80);
    a.with(|me| me.vc().set_active_timeout(mseconds(100)));
    lab.run_ms(200);
    lab.expect_timed_lines(
        &["event 2", "TIMEOUT"],
        "215007 A event 2
         215007 A read: ACTIVE_TIMEOUT 0/max",
    );
}

#[test]
fn the_default_inactivity_timeout_is_an_inactivity_timeout() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_default_inactivity_timeout(seconds(1));
    });
    assert!(!a.vc().is_default_inactivity_timeout());
    lab.run_ms(3_000);
    lab.expect_timed_lines(&["TIMEOUT"], "1990040 A read: INACTIVITY_TIMEOUT 0/max");
}

#[test]
fn the_active_timeout_is_tried_again_while_the_state_machine_is_busy() {
    let (lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(20));
    });
    lab.run_ms(10);
    lab.take();
    let busy = hold(a.mutex());
    lab.run_ms(15);
    busy.release();
    lab.run_ms(10);
    lab.expect_timed(
        "15003 A event 2
         20005 A event 2
         25007 A event 2
         25007 A read: ACTIVE_TIMEOUT 0/max",
    );
    lab.expect_quiet();
}

#[test]
fn after_a_timeout_bytes_still_move() {
    let (lab, a, p, core) = reading();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(seconds(1));
    });
    lab.run_ms(3_000);
    p.with(|me| me.write_now(b"late"));
    lab.run_ms(3_000);
    lab.expect_timed_lines(
        CALLBACKS,
        "0 P got: NET_EVENT_ACCEPT
         1990040 A read: INACTIVITY_TIMEOUT 0/max
         3010058 P write: WRITE_COMPLETE 4/4
         3010058 A read: READ_READY 4/max",
    );
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn a_timeout_of_one_end_is_nothing_to_the_other() {
    let (lab, a, p, core) = reading();
    p.on(EOS, |me| me.close());
    a.on(ACTIVE, |me| me.close());
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(50));
    });
    lab.run_ms(1_000);
    lab.expect_timed_lines(
        CALLBACKS,
        "0 P got: NET_EVENT_ACCEPT
         45003 A read: ACTIVE_TIMEOUT 0/max
         45004 P read: EOS 0/max",
    );
    lab.expect_nothing_left(core);
}

/// What `set_inactivity_timeout` inside its own callback does; see #4074 in
/// `defects.rs` for what it used to do.
#[test]
fn the_inactivity_timeout_may_be_set_anew_inside_its_own_callback() {
    let (lab, a, _p, _) = connected();
    a.on(INACTIVITY, |me| me.vc().set_inactivity_timeout(mseconds(1_500)));
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(mseconds(1_500));
    });
    lab.run_ms(7_000);
    lab.expect_timed_lines(
        &["event 2", "TIMEOUT"],
        "995020 A event 2
         1990040 A event 2
         1990040 A read: INACTIVITY_TIMEOUT 0/max
         3010058 A event 2
         4005078 A event 2
         4005078 A read: INACTIVITY_TIMEOUT 0/max
         5000098 A event 2
         5995118 A event 2
         5995118 A read: INACTIVITY_TIMEOUT 0/max",
    );
}

#[test]
fn the_active_timeout_may_be_set_anew_inside_its_own_callback() {
    let (lab, a, _p, _) = connected();
    a.once(ACTIVE, |me| me.vc().set_active_timeout(mseconds(30)));
    a.with(|me| {
        me.read(MAX);
        me.vc().set_active_timeout(mseconds(30));
    });
    lab.run_ms(1_000);
    lab.expect_timed_lines(
        &["event 2", "TIMEOUT"],
        "25003 A event 2
         25003 A read: ACTIVE_TIMEOUT 0/max
         50006 A event 2
         50006 A read: ACTIVE_TIMEOUT 0/max",
    );
    lab.expect_quiet();
}

/// There is one periodic event, however often the timeout is set.
#[test]
fn an_inactivity_timeout_that_is_set_twice_is_looked_for_once_a_second() {
    let (lab, a, p, core) = connected();
    a.with(|me| {
        me.read(MAX);
        me.vc().set_inactivity_timeout(seconds(5));
        me.vc().set_inactivity_timeout(seconds(60));
    });
    assert_eq!(a.vc().get_inactivity_timeout(), seconds(60));
    lab.run_ms(2_000);
    lab.expect_timed_lines(
        &["event 2"],
        "995020 A event 2
         1990040 A event 2",
    );
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

/// A timeout has passed only after its time, not at it: a check at exactly that nanosecond finds
/// nothing.
#[test]
fn an_inactivity_timeout_is_over_after_its_time_and_not_at_its_time() {
    for (timeout, came) in [
        (mseconds(995) - 1, "995000 A event 2\n995000 A read: INACTIVITY_TIMEOUT 0/max"),
        (
            mseconds(995),
            "995000 A event 2\n1990000 A event 2\n1990000 A read: INACTIVITY_TIMEOUT 0/max",
        ),
    ] {
        let lab = Lab::ticking(mseconds(5));
        let (a, p) = lab.agents();
        lab.pair(&a, &p);
        a.with(|me| {
            me.read(MAX);
            me.vc().set_inactivity_timeout(timeout);
        });
        lab.passes(500);
        lab.expect_timed_lines(&["event 2", "TIMEOUT"], came);
    }
}

/// Times saturate (`eventsys::hrtime`): a timeout that lies past the end of the range
/// does not come, and no timeout makes an event that the handler does not know.
#[test]
fn a_timeout_of_never_does_not_come_and_one_below_zero_has_its_stated_meaning() {
    let now = Lab::new().processor.clock().get_hrtime();
    let over = "A read: INACTIVITY_TIMEOUT 0/max";
    type Set = fn(&NetVcRef, HrTime);
    let active: Set = |vc, timeout| vc.set_active_timeout(timeout);
    let inactivity: Set = |vc, timeout| vc.set_inactivity_timeout(timeout);
    let default: Set = |vc, timeout| vc.set_default_inactivity_timeout(timeout);
    // Below 0 an active timeout is taken back; an inactivity timeout has passed, however far the
    // sum lies before the present.
    let cases: [(Set, HrTime, &str); 12] = [
        (active, NEVER, ""),
        (active, NEVER - 1, ""),
        (active, NEVER - now, ""),
        (active, -1, ""),
        (active, HrTime::MIN, ""),
        (inactivity, NEVER, ""),
        (inactivity, NEVER - 1, ""),
        (inactivity, NEVER - now, ""),
        (inactivity, -1, over),
        (inactivity, -now, over),
        (inactivity, HrTime::MIN, over),
        (default, NEVER, ""),
    ];
    for (n, (set, timeout, expected)) in cases.into_iter().enumerate() {
        let lab = Lab::ticking(seconds(3_600));
        let (a, p) = lab.agents();
        let core = lab.pair(&a, &p);
        a.with(|me| {
            me.read(MAX);
            set(&me.vc(), timeout);
        });
        // Days of silence, a byte, and days of silence.
        lab.passes(100);
        assert_eq!(lab.take_callbacks()[1..], expected.lines().collect::<Vec<_>>(), "case {n}");
        p.with(|me| me.write_now(b"x"));
        lab.passes(100);
        let moved = ["P write: WRITE_COMPLETE 1/1", "A read: READ_READY 1/max"];
        assert_eq!(lab.take_callbacks(), moved, "case {n}");
        a.close();
        p.close();
        lab.passes(5);
        assert!(core.is_freed(), "case {n}");
    }
}
