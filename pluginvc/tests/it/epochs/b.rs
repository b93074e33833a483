//! Epoch B: each function takes the mutex itself.

use iocore::ShutdownHowTo::Write;
use pluginvc::Epoch;
use testkit::{Lab, MAX, READ_READY, counting};

use super::{pair, reading, writes_while_the_reader_is_held};

#[test]
fn in_b_a_short_message_takes_these_steps() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::B);
    p.with(|me| me.read(100));
    a.with(|me| me.write_now(&counting(100)));
    lab.settle();
    lab.expect(
        "P do_io_read 100
         A do_io_write 100
         P event 1
         P read_side
         P read_act_on 0
         A event 1
         A write_side
         A write_act_on 100
         A write_added 100
         A write: WRITE_COMPLETE 100/100
         P read_side
         P read_act_on 100
         P read_added 100
         P read: READ_COMPLETE 100/100
         A reenable_write
         A event 1
         A write_side",
    );
    p.with(|me| me.take());
    assert_eq!(p.received(), counting(100));
}

#[test]
fn in_b_a_read_that_comes_late_fetches_and_lets_the_writer_go_on() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::B);
    a.with(|me| me.write_now(&counting(40_000)));
    lab.settle();
    lab.take();
    p.with(|me| me.read(MAX));
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
         P reenable_read
         P event 1
         P read_side
         P read_act_on 7232
         P read_no_space",
    );
}

/// The flag is checked before the mutex is taken, so the pass is not even reported.
#[test]
fn in_b_the_write_side_of_an_end_that_has_shut_it_does_nothing() {
    let lab = Lab::new();
    let (a, _p) = reading(&lab, Epoch::B);
    a.with(|me| {
        me.write_now(b"x");
        me.shutdown(Write);
    });
    lab.settle();
    lab.expect(
        "A do_io_write 1
         A event 1",
    );
}

#[test]
fn in_b_a_missed_mutex_is_tried_again_by_the_core_event() {
    let lab = Lab::new();
    writes_while_the_reader_is_held(&lab, Epoch::B);
    lab.expect(
        "A do_io_write 1
         A event 1
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_COMPLETE 1/1
         P read_lock_miss
         P event 2
         P read_side
         P read_act_on 1
         P read_added 1
         P read: READ_READY 1/max
         A write_side",
    );
}

/// The process function takes the mutex itself, so it takes the operation's present one. C goes on
/// under the old one and asserts (`open_4` in `defects/moved.rs`).
#[test]
fn in_b_a_write_side_that_a_callback_moves_is_processed_under_its_new_mutex() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::B);
    let other = lab.agent("O");
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.take();
    p.once(READ_READY, move |me| {
        let vc = me.vc();
        other.with(|me| {
            me.take_vc(vc);
            me.write(1);
        });
    });
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.expect_callbacks(
        "P read: READ_READY 1/max
         O write: WRITE_READY 0/1",
    );
}
