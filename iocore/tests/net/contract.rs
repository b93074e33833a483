//! What a `UnixNetVConnection` refuses, and what it accepts.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::Stage;

use eventsys::{EThread, EventCode, HrTime, Idle, LoopTailHandler, ProxyMutex};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::net::NetHandler;
use iocore::{ApiData, DataId, IoEvents, NetVCOptions, VioOp};
use testkit::net::read_all;
use testkit::panic_text;

const READY: EventCode = EventCode::VC_EVENT_READ_READY;
const WRITE_READY: EventCode = EventCode::VC_EVENT_WRITE_READY;
const ERROR: EventCode = EventCode::VC_EVENT_ERROR;
const ACCEPT: EventCode = EventCode::NET_EVENT_ACCEPT;

#[test]
fn a_closed_connection_takes_no_operation_and_refuses_a_reenable() {
    let stage = Stage::new();
    let pair = stage.accepted(|_| {});
    let vc = pair.machine.with(|me| me.vc());
    pair.machine.with(|me| {
        me.read_into(10, BUFFER_SIZE_INDEX_4K, 0);
        let vio = me.read_vio();
        vc.do_io_close(Some(libc::ECONNABORTED));
        assert_eq!((vio.op(), vio.nbytes()), (VioOp::None, 0));
        assert!(vio.continuation(me.guard).is_none(), "it is let go of at once");
        assert_eq!(vc.lerrno(), libc::ECONNABORTED);
        assert!(matches!(vc.get_data(DataId::Closed), Some(ApiData::Closed(true))));
        let text = panic_text(|| vio.reenable(me.guard));
        assert_eq!(text, "!closed");
        // A second close, and an operation, do nothing.
        vc.do_io_close(None);
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(pair.machine.mutex());
        let this = Some(me.cont());
        let vio = vc.do_io_read(me.guard, this, 5, Some(&buffer));
        assert_eq!(vio.op(), VioOp::None);
        me.forget_read();
    });
    stage.run_until(|| stage.net.stats().connections_currently_open() == 0);
    vc.do_io_close(None);
    stage.passes(2);
    assert_eq!(vc.get_local_addr(), None, "there is no socket to ask");
    drop(pair.machine.with(|me| me.let_go()));
}

#[test]
fn an_operation_asks_for_the_guard_of_its_state_machine() {
    let stage = Stage::new();
    let pair = stage.accepted(|_| {});
    let other = ProxyMutex::new();
    let vc = pair.machine.with(|me| me.vc());
    pair.machine.with(|me| {
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(pair.machine.mutex());
        let this = Some(me.cont());
        panic_text(|| vc.do_io_read(&other.lock(), this, 5, Some(&buffer)));
        me.read_into(10, BUFFER_SIZE_INDEX_4K, 0);
        let vio = me.read_vio();
        let text = panic_text(|| vio.reenable(&other.lock()));
        assert_eq!(text, "vio->mutex->thread_holding == this_ethread()");
        panic_text(|| vio.reenable_re(&other.lock()));
        me.close();
    });
    stage.passes(1);
}

#[test]
fn the_queues_are_touched_only_on_the_connections_own_thread() {
    let stage = Stage::new();
    let pair = stage.accepted(|_| {});
    let vc = pair.machine.with(|me| me.vc());
    let text = std::thread::scope(|scope| {
        scope.spawn(|| panic_text(|| vc.add_to_keep_alive_queue())).join().unwrap()
    });
    assert!(text.starts_with("BUG: It must have acquired the NetHandler's lock"), "{text}");
    vc.add_to_keep_alive_queue();
    pair.machine.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn what_closes_in_another_connections_callback_is_closed_before_it_returns() {
    let stage = Stage::new();
    let victim = stage.accepted(|_| {});
    let target = victim.machine.clone();
    let net = stage.net.clone();
    let mut pair = stage.accepted(move |me| match me.event {
        ACCEPT => me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
        READY => {
            let before = net.stats().connections_currently_open();
            target.with(|me| me.close());
            assert_eq!(net.stats().connections_currently_open(), before - 1);
            // The machine's own connection closes when the callback has returned.
            me.close();
            assert_eq!(net.stats().connections_currently_open(), before - 1);
        }
        _ => {}
    });
    pair.peer.write_all(b"x").unwrap();
    stage.run_until(|| pair.machine.has(READY));
    assert_eq!(stage.net.stats().connections_currently_open(), 0);
}

#[test]
fn a_close_without_the_mutex_lets_go_of_the_state_machine_as_soon_as_it_can() {
    // The machine keeps the connection, by its read, and the connection keeps the machine: what
    // the close does not drop stays for ever.
    for held_elsewhere in [false, true] {
        let stage = Stage::new();
        let pair = stage.accepted(|me| {
            if me.event == ACCEPT {
                me.read_into(10, BUFFER_SIZE_INDEX_4K, 0);
            }
        });
        let vc = pair.machine.with(|me| me.let_go()).expect("there is a connection");
        let free = || {
            vc.do_io_close(None);
            stage.run_until(|| stage.net.stats().connections_currently_open() == 0);
        };
        if held_elsewhere {
            testkit::while_held(pair.machine.mutex(), free);
            stage.passes(1);
        } else {
            free();
        }
        let guard = pair.machine.mutex().lock();
        assert!(vc.vio(VioOp::Read).continuation(&guard).is_none());
    }
}

/// A net handler whose signals are counted.
struct Counting {
    handler: Arc<NetHandler>,
    signals: AtomicUsize,
}

impl LoopTailHandler for Counting {
    fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
        self.handler.wait_for_activity(idle, timeout);
    }

    fn signal_activity(&self, thread: &EThread) {
        self.signals.fetch_add(1, Ordering::SeqCst);
        self.handler.signal_activity(thread);
    }
}

#[test]
fn who_misses_the_handlers_mutex_leaves_the_connection_and_wakes_the_thread() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|_| {});
    let handler = stage.net.net_handler(&stage.thread).expect("it is a net thread");
    let tail = Arc::new(Counting { handler: handler.clone(), signals: AtomicUsize::new(0) });
    stage.thread.set_tail_handler(tail.clone());
    pair.peer.write_all(b"12345").unwrap();
    stage.passes(1);
    {
        // As the thread does while it polls.
        let _h = handler.mutex().lock();
        let machine = pair.machine.clone();
        let foreign = move || {
            machine.with(|me| me.read_into(5, BUFFER_SIZE_INDEX_4K, 0));
        };
        std::thread::spawn(foreign).join().unwrap();
        assert_eq!(tail.signals.load(Ordering::SeqCst), 1);
    }
    stage.run_until(|| pair.machine.has(EventCode::VC_EVENT_READ_COMPLETE));
    // The thread that releases a block counts it, so this thread must release them.
    let _kept = pair.machine.with(|me| (me.read_vio(), me.input()));
    {
        let _h = handler.mutex().lock();
        let machine = pair.machine.clone();
        std::thread::spawn(move || machine.with(|me| me.close())).join().unwrap();
        assert_eq!(tail.signals.load(Ordering::SeqCst), 2);
    }
    assert_eq!(stage.net.stats().connections_currently_open(), 1);
    stage.passes(1);
    assert_eq!(stage.net.stats().connections_currently_open(), 0);
}

#[test]
fn a_trap_tells_that_the_write_buffer_is_empty_when_nothing_else_would() {
    for trap in [false, true] {
        let stage = Stage::new();
        let pair = stage.accepted(move |me| match me.event {
            ACCEPT => {
                // The write has more bytes than the buffer: the machine is asked
                // for more at once. Then the water is high, so it is not asked
                // again when those are written.
                me.write_from(100, BUFFER_SIZE_INDEX_4K, b"");
                if trap {
                    me.vc().trap_write_buffer_empty(EventCode(4242));
                }
            }
            WRITE_READY if me.events().len() == 2 => {
                let (vio, (buffer, _)) = (me.write_vio(), me.output());
                buffer.write(me.guard, b"1234567890");
                // A mark below zero is exceeded even by nothing.
                buffer.set_water_mark(me.guard, -1);
                vio.reenable(me.guard);
            }
            _ => {}
        });
        stage.run_until(|| stage.net.stats().write_bytes() == 10);
        stage.passes(2);
        let told = [ACCEPT, WRITE_READY, EventCode(4242)];
        assert_eq!(pair.machine.events(), told[..if trap { 3 } else { 2 }]);
        pair.machine.with(|me| me.close());
        stage.passes(1);
    }
}

#[test]
fn options_are_carried_out_on_the_socket() {
    let stage = Stage::new();
    let pair = stage.accepted(|_| {});
    let vc = pair.machine.with(|me| me.vc());
    vc.net_base().set_options(NetVCOptions {
        sockopt_flags: NetVCOptions::SOCK_OPT_LINGER_ON,
        ..NetVCOptions::default()
    });
    vc.apply_options();
    drop(vc);
    // Lingering for no time is a reset.
    pair.machine.with(|me| me.close());
    stage.passes(2);
    let mut peer = pair.peer;
    let error = read_all(&mut peer).expect_err("not an orderly end");
    assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
}

#[test]
fn a_writer_is_asked_before_anything_is_written_if_there_is_less_than_it_wants() {
    let stage = Stage::new();
    let pair = stage.accepted(|me| match me.event {
        ACCEPT => me.write_from(6, BUFFER_SIZE_INDEX_32K, b""),
        WRITE_READY if me.write_vio().ndone() == 0 => {
            let (buffer, _) = me.output();
            buffer.write(me.guard, b"123456");
        }
        EventCode::VC_EVENT_WRITE_COMPLETE => me.close(),
        _ => {}
    });
    stage.run_until(|| pair.machine.has(EventCode::VC_EVENT_WRITE_COMPLETE));
    // Filled in the callback, it is written with the same turn's call.
    let told = [ACCEPT, WRITE_READY, EventCode::VC_EVENT_WRITE_COMPLETE];
    assert_eq!(pair.machine.events(), told);
    assert_eq!(stage.net.stats().calls_to_write(), 1);
    assert!(!pair.machine.has(ERROR));
}
