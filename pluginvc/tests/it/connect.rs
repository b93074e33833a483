//! Connecting, accepting, and giving up: `connect`, `connect_re`,
//! `kill_no_connect`, the acceptor's mutex, and when the pair is freed.

use std::any::TypeId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eventsys::{ContRef, EventCode, FreeContinuation, Outcome};
use iocore::{IoData, IoEvents};
use pluginvc::{Active, Passive, PluginVC, PluginVCCore};
use testkit::{ACCEPT, Agent, Lab, MAX, OPEN, hold, on_foreign_thread, panic_text};

use crate::common::connected;

#[test]
fn connect_gives_the_passive_end_to_the_acceptor_before_it_returns() {
    let (lab, a, p, core) = connected();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT",
    );
    let (active, passive) = (core.active_vc().unwrap(), core.passive_vc().unwrap());
    assert!(Arc::ptr_eq(&active.get_other_side().unwrap(), &passive));
    assert!(Arc::ptr_eq(&passive.get_other_side().unwrap(), &active));
    // The ends are views of the pair: their types tell them apart, and not their addresses.
    assert!(std::ptr::addr_eq(Arc::as_ptr(&p.vc()), Arc::as_ptr(&core)));
    assert!(std::ptr::addr_eq(Arc::as_ptr(&a.vc()), Arc::as_ptr(&core)));
    let of = |agent: &Agent| (*agent.vc()).type_id();
    assert_eq!(of(&p), TypeId::of::<PluginVC<Passive>>());
    assert_eq!(of(&a), TypeId::of::<PluginVC<Active>>());
}

#[test]
fn a_pair_is_freed_when_both_ends_have_processed_their_close() {
    let (lab, a, p, core) = connected();
    a.close();
    lab.settle();
    assert!(!core.is_freed(), "the passive end is still open");
    p.close();
    assert!(!core.is_freed(), "the close is put off to an event");
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_close
         A event 1
         A process_close
         P event 1
         P read_side
         P write_side
         P do_io_close
         P event 1
         P process_close
         - destroy",
    );
    lab.expect_nothing_left(core);
}

#[test]
fn an_acceptor_may_close_inside_the_accept() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.close());
    let core = lab.pair(&a, &p);
    assert!(!core.is_freed());
    a.close();
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_close
         A do_io_close
         P event 1
         P process_close
         A event 1
         A process_close
         - destroy",
    );
    lab.expect_nothing_left(core);
}

#[test]
fn an_acceptor_may_read_and_write_inside_the_accept() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| {
        me.read(MAX);
        me.write_now(b"hello");
    });
    let core = lab.pair(&a, &p);
    a.with(|me| me.read(5));
    a.on(testkit::READ_COMPLETE, |me| {
        me.take();
    });
    lab.settle();
    assert_eq!(a.received(), b"hello");
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_read 9223372036854775807
         P do_io_write 5
         A do_io_read 5
         P event 1
         P read_side
         P read_act_on 0
         P write_side
         P write_act_on 5
         P write_added 5
         P write: WRITE_COMPLETE 5/5
         A read_side
         A read_act_on 5
         A read_added 5
         A read: READ_COMPLETE 5/5
         P reenable_write
         A event 1
         P event 1
         P write_side",
    );
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn a_busy_acceptor_is_tried_again_until_its_mutex_is_free() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let busy = hold(p.mutex());
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    let vc = core.connect();
    a.with(|me| me.take_vc(vc));
    lab.run_ms(35);
    assert_eq!(lab.take(), ["- create"], "nothing but tries");
    busy.release();
    lab.run_ms(10);
    // Each try is put off by 10 ms and, like every timer, comes up to 5 ms early
    // (the first bucket of PriorityEventQueue). A try takes two passes of 1 µs:
    // one that queues the timer, one that fires it.
    lab.expect_timed("35014 P got: NET_EVENT_ACCEPT");
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn an_acceptor_without_a_mutex_is_called_without_one() {
    let lab = Lab::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let acceptor: ContRef = FreeContinuation::new(move |call, event, data| {
        assert_eq!(event, EventCode::NET_EVENT_ACCEPT);
        assert!(call.try_guard().is_none());
        data.net_vc().expect("a connection").do_io_close(None);
        counter.fetch_add(1, Ordering::Relaxed);
        Outcome::Done
    });
    let core = PluginVCCore::alloc(&lab.processor, acceptor);
    let active = core.connect();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    active.do_io_close(None);
    drop(active);
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn connect_re_sends_the_accept_first_and_then_the_open_under_the_core_mutex() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    let mutex = Arc::clone(core.mutex());
    p.on(ACCEPT, {
        let mutex = Arc::clone(&mutex);
        move |_| assert!(mutex.is_held())
    });
    a.on(OPEN, move |me| {
        assert!(mutex.is_held());
        me.write_now(b"x");
    });
    a.with(|me| core.connect_re(me.guard, &a.cont()));
    assert_eq!(core.mutex().thread_holding(), None);
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A got: NET_EVENT_OPEN
         A do_io_write 1",
    );
    lab.settle();
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn connect_re_from_a_thread_that_does_not_hold_the_state_machine_panics() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    lab.tidies(&core);
    let text = p.with(|other| panic_text(|| core.connect_re(other.guard, &a.cont())));
    assert_eq!(text, "!mutex || mutex->thread_holding == this_ethread()");
}

#[test]
fn closing_inside_the_open_frees_the_pair_when_the_other_end_closes() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    a.on(OPEN, |me| me.close());
    a.with(|me| core.connect_re(me.guard, &a.cont()));
    lab.settle();
    assert!(!core.is_freed());
    p.close();
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A got: NET_EVENT_OPEN
         A do_io_close
         A event 1
         A process_close
         P event 1
         P read_side
         P write_side
         P do_io_close
         P event 1
         P process_close
         - destroy",
    );
    lab.expect_nothing_left(core);
}

#[test]
fn a_pair_that_is_given_up_tells_the_acceptor_and_is_freed() {
    let lab = Lab::new();
    let p = lab.agent("P");
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    core.kill_no_connect();
    lab.settle();
    lab.expect(
        "- create
         A do_io_close
         A event 1
         A process_close
         P got: NET_EVENT_ACCEPT_FAILED
         - destroy",
    );
    lab.expect_nothing_left(core);
}

#[test]
fn a_pair_that_is_given_up_waits_for_a_busy_acceptor() {
    let lab = Lab::new();
    let p = lab.agent("P");
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    let busy = hold(p.mutex());
    core.kill_no_connect();
    lab.run_ms(15);
    assert!(!core.is_freed());
    busy.release();
    lab.run_ms(10);
    lab.expect_timed(
        "0 - create
         0 A do_io_close
         1 A event 1
         1 A process_close
         15006 P got: NET_EVENT_ACCEPT_FAILED
         15006 - destroy",
    );
    lab.expect_nothing_left(core);
}

#[test]
fn a_pair_may_be_given_up_by_a_foreign_thread() {
    let lab = Lab::new();
    let p = lab.agent("P");
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    on_foreign_thread(|| core.kill_no_connect());
    assert!(!core.is_freed());
    lab.settle();
    lab.expect(
        "- create
         A do_io_close
         A event 1
         A process_close
         P got: NET_EVENT_ACCEPT_FAILED
         - destroy",
    );
    lab.expect_nothing_left(core);
}

#[test]
fn a_freed_pair_cannot_be_connected() {
    let lab = Lab::new();
    let p = lab.agent("P");
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    core.kill_no_connect();
    lab.settle();
    assert_eq!(panic_text(|| core.connect()), "connect_to != nullptr");
}

#[test]
fn a_pair_may_be_connected_and_closed_by_a_foreign_thread() {
    let lab = Lab::new();
    let p = lab.agent("P");
    p.on(ACCEPT, |me| me.read(MAX));
    p.on(testkit::EOS, |me| me.close());
    let core = PluginVCCore::alloc(&lab.processor, p.cont());
    on_foreign_thread(|| core.connect().do_io_close(None));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_read 9223372036854775807
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
