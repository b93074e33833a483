//! Ends: half closes, EOS, errors, and closing inside each callback.

use eventsys::EventCode;
use eventsys::hrtime::seconds;
use iocore::ShutdownHowTo::{Read, ReadWrite, Write};
use testkit::{
    ACCEPT, ACTIVE, Agent, EOS, ERROR, INACTIVITY, Lab, MAX, READ_COMPLETE, READ_READY,
    WRITE_COMPLETE, WRITE_READY, counting, on_foreign_thread,
};

use crate::common::{connected, reading};

fn takes_all(agent: &Agent) {
    agent.on(READ_READY, |me| {
        me.take();
        me.reenable_read();
    });
}

#[test]
fn shutting_the_write_side_sends_eos_after_the_rest() {
    let (lab, a, p, _) = reading();
    takes_all(&p);
    a.once(WRITE_COMPLETE, |me| me.shutdown(Write));
    a.with(|me| me.write_now(&counting(50_000)));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_READY 32768/50000
         P read: READ_READY 32768/max
         A write: WRITE_COMPLETE 50000/50000
         P read: READ_READY 50000/max
         P read: EOS 50000/max",
    );
    assert!(p.received() == counting(50_000));
}

#[test]
fn after_a_half_close_the_answer_still_comes() {
    let (lab, a, p, _) = reading();
    takes_all(&p);
    p.on(EOS, |me| {
        me.write_now(b"answer");
    });
    p.on(WRITE_COMPLETE, |me| me.close());
    a.on(WRITE_COMPLETE, |me| me.shutdown(Write));
    takes_all(&a);
    a.with(|me| {
        me.read(MAX);
        me.write_now(b"question");
    });
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 8/8
         P read: READ_READY 8/max
         P read: EOS 8/max
         P write: WRITE_COMPLETE 6/6
         A read: READ_READY 6/max
         A read: EOS 6/max",
    );
    assert_eq!((&*p.received(), &*a.received()), (&b"question"[..], &b"answer"[..]));
}

#[test]
fn shutting_the_read_side_is_an_error_for_the_writer() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| {
        me.read(MAX);
        me.shutdown(Read);
    });
    lab.pair(&a, &p);
    a.with(|me| me.write_now(b"this is not read!"));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_read 9223372036854775807
         A do_io_write 17
         P event 1
         P read_side
         A event 1
         A write_side
         A write_act_on 17
         A write: ERROR 0/17",
    );
    assert_eq!(a.write_vio().ndone(), 0);
}

#[test]
fn a_closed_peer_is_an_error_for_the_writer_and_eos_for_the_reader() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.close());
    let core = lab.pair(&a, &p);
    a.with(|me| {
        me.read(MAX);
        me.write_now(b"x");
    });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_close
         A do_io_read 9223372036854775807
         A do_io_write 1
         P event 1
         P process_close
         A event 1
         A read_side
         A read_act_on 0
         A read: EOS 0/max
         A write_side
         A write_act_on 1
         A write: ERROR 0/1
         A event 1",
    );
    a.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn bytes_written_before_the_close_still_arrive_and_eos_comes_after_them() {
    let (lab, a, p, _) = connected();
    a.once(WRITE_COMPLETE, |me| me.close());
    a.with(|me| me.write_now(b"last words"));
    lab.settle();
    takes_all(&p);
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 10/10
         P read: READ_READY 10/max
         P read: EOS 10/max",
    );
    assert_eq!(p.received(), b"last words");
}

#[test]
fn eos_is_sent_again_for_each_time_that_the_reader_asks() {
    let (lab, a, p, _) = reading();
    a.close();
    lab.settle();
    p.with(|me| me.reenable_read());
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         P read: EOS 0/max
         P read: EOS 0/max
         P read: EOS 0/max",
    );
}

#[test]
fn no_read_event_comes_after_the_read_side_is_shut() {
    let (lab, a, p, _) = reading();
    p.once(READ_READY, |me| me.shutdown(Read));
    a.with(|me| {
        me.fill(b"1");
        me.write(MAX);
    });
    lab.settle();
    a.with(|me| {
        me.fill(b"2");
        me.reenable_write();
    });
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_READY 1/max
         P read: READ_READY 1/max
         A write: ERROR 1/max
         A write: ERROR 1/max",
    );
}

#[test]
fn no_write_event_comes_after_the_write_side_is_shut() {
    let (lab, a, _p, _) = reading();
    a.once(WRITE_READY, |me| me.shutdown(Write));
    a.with(|me| me.write(MAX));
    lab.settle();
    a.with(|me| {
        me.fill(b"not sent");
        me.reenable_write();
    });
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_READY 0/max",
    );
    assert_eq!(a.write_vio().ndone(), 0);
}

#[test]
fn shutting_both_sides_is_not_closing() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| {
        me.read(MAX);
        me.write(MAX);
    });
    let core = lab.pair(&a, &p);
    lab.settle();
    a.shutdown(ReadWrite);
    p.with(|me| {
        me.fill(b"x");
        me.reenable_read();
        me.reenable_write();
    });
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         P write: WRITE_READY 0/max
         P read: EOS 0/max
         P write: ERROR 0/max",
    );
    p.close();
    lab.settle();
    assert!(!core.is_freed());
    a.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

/// A pair in which `P` reads and `A` does what `start` says. One of the two closes
/// on its first `event`; three seconds later the other one closes too, and then
/// the pair must be gone.
#[track_caller]
fn closes_inside(lab: &Lab, passive_closes: bool, event: EventCode, start: impl FnOnce(&Agent)) {
    let (a, p) = lab.agents();
    p.on(ACCEPT, move |me| {
        me.read(if event == READ_COMPLETE { 2 } else { MAX });
        if event == INACTIVITY {
            me.vc().set_inactivity_timeout(seconds(1));
        }
    });
    let (closer, other) = if passive_closes { (&p, &a) } else { (&a, &p) };
    let core = lab.pair(&a, &p);
    lab.take();
    closer.on(event, |me| {
        me.close();
        me.note("closed");
    });
    start(&a);
    lab.run_ms(3_000);
    let calls = closer.calls();
    other.close();
    lab.settle();
    assert_eq!(closer.calls(), calls, "no event after the close");
    lab.expect_nothing_left(core);
}

#[test]
fn closing_inside_read_ready() {
    let lab = Lab::new();
    closes_inside(&lab, true, READ_READY, |a| {
        a.with(|me| {
            me.fill(b"x");
            me.write(MAX);
        })
    });
    lab.expect(
        "A do_io_write 9223372036854775807
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
         P do_io_close
         P note: closed
         A reenable_write
         P event 1
         P process_close
         A event 1
         A read_side
         A write_side
         A write_act_on 0
         A write: ERROR 1/max
         A event 1
         A do_io_close
         A event 1
         A process_close
         - destroy",
    );
}

#[test]
fn closing_inside_read_complete() {
    let lab = Lab::new();
    closes_inside(&lab, true, READ_COMPLETE, |a| {
        a.with(|me| {
            me.fill(b"xyz");
            me.write(MAX);
        });
    });
    lab.expect(
        "A do_io_write 9223372036854775807
         P event 1
         P read_side
         P read_act_on 0
         A event 1
         A write_side
         A write_act_on 3
         A write_added 3
         A write: WRITE_READY 3/max
         P read_side
         P read_act_on 2
         P read_added 2
         P read: READ_COMPLETE 2/2
         P do_io_close
         P note: closed
         A reenable_write
         P event 1
         P process_close
         A event 1
         A read_side
         A write_side
         A write_act_on 0
         A write: ERROR 3/max
         A event 1
         A do_io_close
         A event 1
         A process_close
         - destroy",
    );
}

#[test]
fn closing_inside_write_ready() {
    let lab = Lab::new();
    closes_inside(&lab, false, WRITE_READY, |a| {
        a.with(|me| {
            me.fill(b"x");
            me.write(MAX);
        });
    });
    lab.expect(
        "A do_io_write 9223372036854775807
         P event 1
         P read_side
         P read_act_on 0
         A event 1
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_READY 1/max
         A do_io_close
         A note: closed
         P read_side
         P read_act_on 1
         P read_added 1
         P read: READ_READY 1/max
         A process_close
         P event 1
         P read_side
         P read_act_on 0
         P read: EOS 1/max
         P write_side
         P do_io_close
         P event 1
         P process_close
         - destroy",
    );
}

#[test]
fn closing_inside_write_complete() {
    let lab = Lab::new();
    closes_inside(&lab, false, WRITE_COMPLETE, |a| a.with(|me| me.write_now(b"x")));
    lab.expect(
        "A do_io_write 1
         P event 1
         P read_side
         P read_act_on 0
         A event 1
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_COMPLETE 1/1
         A do_io_close
         A note: closed
         P read_side
         P read_act_on 1
         P read_added 1
         P read: READ_READY 1/max
         A process_close
         P event 1
         P read_side
         P read_act_on 0
         P read: EOS 1/max
         P write_side
         P do_io_close
         P event 1
         P process_close
         - destroy",
    );
}

#[test]
fn closing_inside_eos() {
    let lab = Lab::new();
    closes_inside(&lab, true, EOS, |a| a.shutdown(Write));
    lab.expect(
        "P event 1
         P read_side
         P read_act_on 0
         P read: EOS 0/max
         P do_io_close
         P note: closed
         P process_close
         A event 1
         A read_side
         A write_side
         A do_io_close
         A event 1
         A process_close
         - destroy",
    );
}

#[test]
fn closing_inside_error() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.shutdown(Read));
    let core = lab.pair(&a, &p);
    a.on(ERROR, |me| me.close());
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 1
         A event 1
         A write_side
         A write_act_on 1
         A write: ERROR 0/1
         A do_io_close
         A process_close
         P event 1
         P read_side
         P write_side",
    );
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn closing_inside_the_inactivity_timeout() {
    let lab = Lab::new();
    closes_inside(&lab, true, INACTIVITY, |_| ());
    lab.expect(
        "P event 1
         P read_side
         P read_act_on 0
         P event 2
         P event 2
         P read: INACTIVITY_TIMEOUT 0/max
         P do_io_close
         P note: closed
         P process_close
         A event 1
         A read_side
         A write_side
         A do_io_close
         A event 1
         A process_close
         - destroy",
    );
}

#[test]
fn closing_inside_the_active_timeout() {
    let lab = Lab::new();
    closes_inside(&lab, false, ACTIVE, |a| {
        a.with(|me| {
            me.read(MAX);
            me.vc().set_active_timeout(seconds(1));
            me.vc().set_inactivity_timeout(seconds(1));
        });
    });
    lab.expect(
        "A do_io_read 9223372036854775807
         P event 1
         P read_side
         P read_act_on 0
         A event 1
         A read_side
         A read_act_on 0
         A event 2
         A read: ACTIVE_TIMEOUT 0/max
         A do_io_close
         A note: closed
         A process_close
         P event 1
         P read_side
         P read_act_on 0
         P read: EOS 0/max
         P write_side
         P do_io_close
         P event 1
         P process_close
         - destroy",
    );
}

#[test]
fn closing_inside_a_callback_of_reenable_re_is_processed_by_an_event() {
    let (lab, a, p, core) = connected();
    a.with(|me| me.write(MAX));
    lab.settle();
    lab.take();
    a.on(WRITE_READY, |me| me.close());
    a.with(|me| {
        me.fill(b"x");
        me.reenable_re_write();
    });
    // The rest needs locks that this stack cannot take: it is done on another
    // stack.
    lab.expect(
        "A reenable_re_write
         A write_side
         A write_act_on 1
         A write_added 1
         A write: WRITE_READY 1/max
         A do_io_close",
    );
    lab.settle();
    lab.expect(
        "A event 1
         A process_close
         P event 1
         P read_side
         P write_side",
    );
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn a_reader_that_closes_in_its_callback_is_not_called_for_its_write_side() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| {
        me.read(MAX);
        me.write(MAX);
    });
    p.on(EOS, |me| me.close());
    let core = lab.pair(&a, &p);
    a.close();
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_read 9223372036854775807
         P do_io_write 9223372036854775807
         A do_io_close
         P event 1
         P read_side
         P read_act_on 0
         P read: EOS 0/max
         P do_io_close
         P process_close
         A event 1
         A process_close
         - destroy",
    );
    lab.expect_nothing_left(core);
}

#[test]
fn a_close_puts_nothing_on_the_stack_of_the_closer() {
    let (lab, a, _p, _) = reading();
    lab.settle();
    lab.take();
    a.close();
    lab.expect("A do_io_close");
}

#[test]
fn a_foreign_thread_may_close_both_ends() {
    let (lab, a, p, core) = reading();
    lab.settle();
    on_foreign_thread(|| {
        a.close();
        p.close();
    });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_read 9223372036854775807
         P event 1
         P read_side
         P read_act_on 0
         A do_io_close
         P do_io_close
         A event 1
         A process_close
         P event 1
         P process_close
         - destroy",
    );
    lab.expect_nothing_left(core);
}

/// The first write is issued where most servers issue it: in a callback of the
/// read. `main_handler` then goes on with the write side on the same stack.
#[test]
fn a_write_that_is_issued_in_the_callback_of_a_read_is_carried_out_at_once() {
    let (lab, a, p, _) = connected();
    a.with(|me| me.write_now(b"question"));
    lab.settle();
    lab.take();
    p.on(READ_COMPLETE, |me| me.write_now(b"answer"));
    p.with(|me| me.read(8));
    lab.settle();
    lab.expect(
        "P do_io_read 8
         P event 1
         P read_side
         P read_act_on 8
         P read_added 8
         P read: READ_COMPLETE 8/8
         P do_io_write 6
         A write_side
         P write_side
         P write_act_on 6
         P write_added 6
         P write: WRITE_COMPLETE 6/6
         P event 1",
    );
}

/// As above, and the write runs under a third mutex, which the thread no longer
/// holds when the callback returns.
#[test]
fn a_write_may_be_issued_for_another_state_machine_in_the_callback_of_a_read() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let q = lab.agent("Q");
    p.on(ACCEPT, |me| {
        me.read(8);
        me.write(MAX);
    });
    p.on(READ_COMPLETE, move |me| {
        let vc = me.vc();
        q.with(|q| {
            q.take_vc(vc);
            q.write_now(b"answer");
        });
    });
    lab.pair(&a, &p);
    a.with(|me| {
        me.read(6);
        me.write_now(b"question");
    });
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         P write: WRITE_READY 0/max
         A write: WRITE_COMPLETE 8/8
         P read: READ_COMPLETE 8/8
         Q write: WRITE_COMPLETE 6/6
         A read: READ_COMPLETE 6/6",
    );
}

/// A state machine that keeps its connection and its handles for ever: once the
/// pair is freed, they must not keep the state machine in turn.
#[test]
fn a_freed_pair_keeps_no_state_machine_alive() {
    let (lab, a, p, core) = connected();
    p.on(READ_COMPLETE, |me| {
        me.write_now(b"answer");
        me.vc().do_io_close(None);
    });
    a.with(|me| me.write_now(b"question"));
    lab.settle();
    p.with(|me| me.read(8));
    lab.settle();
    a.with(|me| me.vc().do_io_close(None));
    lab.settle();
    assert!(core.is_freed());
    let (weak_a, weak_p) = (a.downgrade(), p.downgrade());
    drop((a, p, core));
    assert!(weak_a.upgrade().is_none(), "A is kept");
    assert!(weak_p.upgrade().is_none(), "P is kept");
}

/// The reader's end does not call a write side that will write no more: there is no
/// pass.
#[test]
fn what_is_left_of_a_write_side_that_is_shut_is_fetched_without_a_pass_of_it() {
    let (lab, a, p, _) = connected();
    a.once(WRITE_COMPLETE, |me| me.shutdown(Write));
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.take();
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.expect(
        "P do_io_read 9223372036854775807
         P event 1
         P read_side
         P read_act_on 1
         P read_added 1
         P read: READ_READY 1/max",
    );
}
