//! Timeouts in virtual time: the sockets are real, the seconds are not.
//!
//! Proves the inactivity cop, `set_inactivity_timeout`, `set_active_timeout`,
//! `mainEvent` and the queues of idle and active connections.

use std::io::Write;

use crate::common::{Stage, machine, take};

use eventsys::hrtime::{HrTime, NEVER, mseconds, seconds};
use eventsys::{Clock, EventCode};
use iocore::buffer::BUFFER_SIZE_INDEX_4K;
use iocore::net::{DefaultInactivity, NetConfig};
use iocore::{IoEvents, NetVcRef};

const READY: EventCode = EventCode::VC_EVENT_READ_READY;
const INACTIVE: EventCode = EventCode::VC_EVENT_INACTIVITY_TIMEOUT;
const ACTIVE: EventCode = EventCode::VC_EVENT_ACTIVE_TIMEOUT;
const ACCEPT: EventCode = EventCode::NET_EVENT_ACCEPT;

#[test]
fn a_quiet_connection_is_told_once_and_late_by_two_seconds_at_most() {
    let stage = Stage::in_virtual_time();
    let pair = stage.accepted(|me| {
        if me.event == ACCEPT {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_inactivity_timeout(seconds(30));
        }
    });
    let start = stage.now();
    stage.run_until(|| pair.machine.has(INACTIVE));
    let late = stage.now() - start - seconds(30);
    assert!((0..=seconds(2) + mseconds(100)).contains(&late), "{late} ns late");
    stage.thread.run_for(seconds(60));
    assert_eq!(pair.machine.events(), [ACCEPT, INACTIVE], "and not again");
    pair.machine.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn the_timeout_begins_anew_with_every_byte() {
    let stage = Stage::in_virtual_time();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_inactivity_timeout(seconds(10));
        }
        READY => take(me),
        INACTIVE => me.close(),
        _ => {}
    });
    for n in 1..=5 {
        stage.thread.run_for(seconds(7));
        assert!(!pair.machine.has(INACTIVE), "after {n} bytes");
        pair.peer.write_all(b"x").unwrap();
        stage.run_until(|| pair.machine.count(READY) == n);
    }
    let start = stage.now();
    stage.run_until(|| pair.machine.has(INACTIVE));
    assert!((10..=12).contains(&stage.seconds_since(start)));
}

#[test]
fn an_active_timeout_comes_however_busy_the_connection_is() {
    let stage = Stage::in_virtual_time();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_inactivity_timeout(seconds(1000));
            me.vc().set_active_timeout(seconds(20));
        }
        READY => take(me),
        ACTIVE => me.close(),
        _ => {}
    });
    let start = stage.now();
    while !pair.machine.has(ACTIVE) {
        let _ = pair.peer.write_all(b"x");
        stage.thread.run_for(seconds(3));
        assert!(stage.seconds_since(start) < 30, "it is overdue");
    }
    assert!(stage.seconds_since(start) >= 20);
}

#[test]
fn the_cop_does_not_look_at_who_has_an_edge_in_every_second() {
    // As in the original: a triggered connection leaves the cop's list, so even its active timeout
    // waits for a quiet second.
    let stage = Stage::in_virtual_time();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_active_timeout(seconds(5));
        }
        READY => take(me),
        ACTIVE => me.close(),
        _ => {}
    });
    let start = stage.now();
    while stage.seconds_since(start) < 15 {
        pair.peer.write_all(b"x").unwrap();
        stage.thread.run_for(mseconds(200));
    }
    assert!(!pair.machine.has(ACTIVE));
    stage.run_until(|| pair.machine.has(ACTIVE));
    assert!(stage.seconds_since(start) <= 18);
}

#[test]
fn a_timeout_set_to_zero_is_taken_back_and_so_is_one_of_a_disabled_connection() {
    let stage = Stage::in_virtual_time();
    let pair = stage.accepted(|me| {
        if me.event == ACCEPT {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_inactivity_timeout(seconds(5));
            me.vc().set_active_timeout(seconds(6));
        }
    });
    pair.machine.with(|me| {
        me.vc().cancel_inactivity_timeout();
        me.vc().cancel_active_timeout();
    });
    stage.thread.run_for(seconds(60));
    assert_eq!(pair.machine.events(), [ACCEPT]);
    pair.machine.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn the_timeout_stands_still_while_nothing_is_wanted() {
    // read_disable: a machine that has read all its bytes has no timeout any more.
    let stage = Stage::in_virtual_time();
    let mut pair = stage.accepted(|me| {
        if me.event == ACCEPT {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_inactivity_timeout(seconds(5));
        }
    });
    // The buffer is full and the machine does not empty it.
    pair.peer.write_all(&[1; 8192]).unwrap();
    stage.run_until(|| pair.machine.has(READY));
    stage.thread.run_for(seconds(60));
    assert_eq!(pair.machine.events(), [ACCEPT, READY]);
    // After the next `reenable` the time counts from now.
    pair.machine.with(|me| {
        let (vio, (_, reader)) = (me.read_vio(), me.input());
        let n = reader.read_avail(me.guard);
        reader.consume(me.guard, n);
        vio.reenable(me.guard);
    });
    let start = stage.now();
    stage.run_until(|| pair.machine.count(READY) == 2);
    pair.machine.with(|me| {
        let (vio, (_, reader)) = (me.read_vio(), me.input());
        let n = reader.read_avail(me.guard);
        reader.consume(me.guard, n);
        vio.reenable(me.guard);
    });
    stage.run_until(|| pair.machine.has(INACTIVE));
    assert!((5..=8).contains(&stage.seconds_since(start)));
    pair.machine.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn who_reads_and_writes_is_told_once_and_two_are_told_both() {
    for two in [false, true] {
        let stage = Stage::in_virtual_time();
        let writer = machine(|_| {});
        let for_write = writer.clone();
        let pair = stage.accepted(move |me| {
            if me.event == ACCEPT {
                me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
                if two {
                    let vc = me.vc();
                    for_write.with(|me| {
                        me.take_vc(vc);
                        me.write_from(10, BUFFER_SIZE_INDEX_4K, b"");
                    });
                } else {
                    me.write_from(10, BUFFER_SIZE_INDEX_4K, b"");
                }
                me.vc().set_inactivity_timeout(seconds(5));
            }
        });
        stage.run_until(|| pair.machine.has(INACTIVE));
        stage.passes(3);
        assert_eq!(pair.machine.count(INACTIVE), 1);
        assert_eq!(writer.count(INACTIVE), usize::from(two));
        writer.with(|me| me.forget());
        pair.machine.with(|me| me.close());
        stage.passes(1);
    }
}

#[test]
fn a_connection_whose_mutex_is_taken_is_told_when_the_cop_comes_again() {
    let stage = Stage::in_virtual_time();
    let pair = stage.accepted(|me| {
        if me.event == ACCEPT {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_inactivity_timeout(seconds(5));
        }
    });
    let mutex = pair.machine.mutex().clone();
    testkit::while_held(&mutex, || stage.thread.run_for(seconds(20)));
    assert_eq!(pair.machine.events(), [ACCEPT], "no state machine could be told");
    let start = stage.now();
    stage.run_until(|| pair.machine.has(INACTIVE));
    assert!(stage.seconds_since(start) <= 2);
    pair.machine.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn who_sets_no_timeout_gets_the_default_one() {
    let config = NetConfig { default_inactivity_timeout: seconds(15), ..NetConfig::default() };
    let stage = Stage::with(Clock::new_virtual(), config);
    let pair = stage.accepted(|me| match me.event {
        ACCEPT => me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
        INACTIVE => {
            assert!(me.vc().is_default_inactivity_timeout());
            me.close();
        }
        _ => {}
    });
    let start = stage.now();
    stage.run_until(|| pair.machine.has(INACTIVE));
    // The cop has to come by before the time begins to run.
    assert!((15..=19).contains(&stage.seconds_since(start)));
    assert_eq!(stage.net.stats().default_inactivity_timeout_count(), 1);
}

/// When the inactivity timeout comes to a connection that sets a default one of 5 s, in a server
/// that has configured 15 s, and how often the cop has applied one.
fn own_default(default_inactivity: DefaultInactivity, own: HrTime) -> (i64, u64) {
    let default_inactivity_timeout = seconds(15);
    let config =
        NetConfig { default_inactivity_timeout, default_inactivity, ..NetConfig::default() };
    let stage = Stage::with(Clock::new_virtual(), config);
    let pair = stage.accepted(move |me| match me.event {
        ACCEPT => {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_default_inactivity_timeout(own);
        }
        INACTIVE => me.close(),
        _ => {}
    });
    let start = stage.now();
    stage.run_until(|| pair.machine.has(INACTIVE) || stage.seconds_since(start) > 60);
    let result =
        (stage.seconds_since(start), stage.net.stats().default_inactivity_timeout_applied());
    if !pair.machine.has(INACTIVE) {
        pair.machine.with(|me| me.close());
        stage.passes(1);
    }
    result
}

#[test]
fn a_default_timeout_of_a_connection_runs_from_the_call_in_9_2_9_and_from_the_cops_look_in_10_2_0()
{
    let (after, applied) = own_default(DefaultInactivity::OfAll, seconds(5));
    assert!((5..=7).contains(&after) && applied == 0, "{after} s, {applied}: the call has set it");
    let (after, applied) = own_default(DefaultInactivity::OfEachConnection, seconds(5));
    assert!((6..=9).contains(&after) && applied == 1, "{after} s, {applied}: the cop has set it");
    // A timeout of 0 ends the connection at once in 9.2.9. In 10.2.0 it switches the timeout off.
    let (after, applied) = own_default(DefaultInactivity::OfAll, 0);
    assert!(after <= 3 && applied == 0, "{after} s, {applied}");
    let (after, applied) = own_default(DefaultInactivity::OfEachConnection, 0);
    assert!(after > 60 && applied == 0, "{after} s, {applied}");
}

#[test]
fn a_timeout_without_a_continuation_closes_the_connection() {
    let stage = Stage::in_virtual_time();
    let pair = stage.accepted(|me| {
        if me.event == ACCEPT {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.vc().set_inactivity_timeout(seconds(5));
            // Taken back without a state machine, as a plugin may do.
            let own = me.vc().base().mutex().unwrap().clone();
            me.vc().do_io_read(&own.lock(), None, 0, None);
            me.forget_read();
        }
    });
    stage.thread.run_for(seconds(10));
    assert_eq!(stage.net.stats().connections_currently_open(), 0);
    assert_eq!(pair.machine.events(), [ACCEPT]);
    drop(pair.machine.with(|me| me.let_go()));
}

#[test]
fn idle_connections_go_when_there_are_too_many_the_longest_idle_first() {
    let config = NetConfig { max_connections_in: 2, ..NetConfig::default() };
    let stage = Stage::with(Clock::new_virtual(), config);
    let idle = |stage: &Stage| {
        let pair = stage.accepted(|me| match me.event {
            ACCEPT => {
                me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
                me.vc().set_inactivity_timeout(seconds(500));
            }
            INACTIVE => me.close(),
            _ => {}
        });
        pair.machine.with(|me| me.vc().add_to_keep_alive_queue());
        pair
    };
    let [first, second] = [idle(&stage), idle(&stage)];
    first.machine.with(|me| me.vc().add_to_keep_alive_queue());
    let third = idle(&stage);
    assert!(second.machine.has(INACTIVE), "the first has been used since");
    assert!(!first.machine.has(INACTIVE) && !third.machine.has(INACTIVE));
    // A connection with a request is not idle, and is not closed.
    assert!(first.machine.with(|me| me.vc().add_to_active_queue()));
    let fourth = idle(&stage);
    assert!(third.machine.has(INACTIVE) && !first.machine.has(INACTIVE));
    for pair in [&first, &fourth] {
        pair.machine.with(|me| me.close());
    }
    stage.passes(1);
}

#[test]
fn a_request_too_many_is_refused_unless_one_is_out_of_time() {
    let config = NetConfig { max_requests_in: 1, ..NetConfig::default() };
    let stage = Stage::with(Clock::new_virtual(), config);
    let connection = |stage: &Stage| {
        stage.accepted(|me| match me.event {
            ACCEPT => {
                me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
                me.vc().set_inactivity_timeout(seconds(100));
            }
            INACTIVE => me.close(),
            _ => {}
        })
    };
    let [first, second] = [connection(&stage), connection(&stage)];
    assert!(first.machine.with(|me| me.vc().add_to_active_queue()));
    assert!(first.machine.with(|me| me.vc().add_to_active_queue()), "it is in already");
    assert!(!second.machine.with(|me| me.vc().add_to_active_queue()));
    assert_eq!(stage.net.stats().requests_max_throttled_in(), 1);
    first.machine.with(|me| me.vc().remove_from_active_queue());
    assert!(second.machine.with(|me| me.vc().add_to_active_queue()));
    for pair in [&first, &second] {
        pair.machine.with(|me| me.close());
    }
    stage.passes(1);
}

/// Times saturate (`eventsys::hrtime`): the timeout that lies past the end of the range
/// does not come, in any function that sets one.
#[test]
fn a_timeout_of_never_does_not_come_and_one_below_zero_has_its_stated_meaning() {
    type Set = fn(&NetVcRef);
    /// The default timeout that is configured, what the connection sets, and which
    /// timeouts come in days of silence, and in days of silence after a byte.
    type Case = (HrTime, Set, &'static [EventCode], &'static [EventCode]);
    let cases: [Case; 9] = [
        (0, |vc| vc.set_inactivity_timeout(NEVER), &[], &[]),
        (0, |vc| vc.set_inactivity_timeout(NEVER - 1), &[], &[]),
        (0, |vc| vc.set_active_timeout(NEVER), &[], &[]),
        (0, |vc| vc.set_active_timeout(NEVER - 1), &[], &[]),
        (0, |vc| vc.set_default_inactivity_timeout(NEVER), &[], &[]),
        (NEVER, |_| (), &[], &[]),
        // Below 0 a timeout is taken back. But a byte sets an inactivity timeout to the present
        // plus its span, which has passed already. A default timeout below 0 has passed at once.
        (0, |vc| vc.set_active_timeout(HrTime::MIN), &[], &[]),
        (0, |vc| vc.set_inactivity_timeout(HrTime::MIN), &[], &[INACTIVE]),
        (0, |vc| vc.set_default_inactivity_timeout(HrTime::MIN), &[INACTIVE], &[]),
    ];
    for (n, (default_inactivity_timeout, set, silent, after_a_byte)) in
        cases.into_iter().enumerate()
    {
        let config = NetConfig { default_inactivity_timeout, ..NetConfig::default() };
        let stage = Stage::with(Clock::new_ticking(seconds(3_600)), config);
        let mut pair = stage.accepted(move |me| match me.event {
            ACCEPT => {
                me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
                set(&me.vc());
            }
            READY => take(me),
            _ => {}
        });
        stage.passes(100);
        assert_eq!(pair.machine.events(), [&[ACCEPT], silent].concat(), "case {n}");
        pair.peer.write_all(b"x").unwrap();
        stage.run_until(|| pair.machine.has(READY));
        stage.passes(100);
        let expected = [&[ACCEPT], silent, &[READY], after_a_byte].concat();
        assert_eq!(pair.machine.events(), expected, "case {n}");
        pair.machine.with(|me| me.close());
        stage.passes(1);
    }
}
