//! Real connections: made, used, closed, as one thread sees it.
//!
//! Proves `NetProcessor::accept` and `connect_re`, and of `UnixNetVConnection` the reading,
//! writing, half closing and closing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use crate::common::{Stage, machine, take};

use eventsys::{ContRef, EventCode, FreeContinuation, Outcome, ProxyMutex};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, BUFFER_SIZE_INDEX_32K, BUFFER_SIZE_INDEX_128};
use iocore::net::{ActionResult, NetStats};
use iocore::{
    IoData, IoEvents, NetVCOptions, NetVConnectionContext, OneWayTunnel, ShutdownHowTo,
    TunnelOptions, VioOp,
};
use testkit::counting;
use testkit::net::{NetLab, read_all};

const READY: EventCode = EventCode::VC_EVENT_READ_READY;
const COMPLETE: EventCode = EventCode::VC_EVENT_READ_COMPLETE;
const WRITE_READY: EventCode = EventCode::VC_EVENT_WRITE_READY;
const WRITTEN: EventCode = EventCode::VC_EVENT_WRITE_COMPLETE;
const EOS: EventCode = EventCode::VC_EVENT_EOS;
const ERROR: EventCode = EventCode::VC_EVENT_ERROR;
const ACCEPT: EventCode = EventCode::NET_EVENT_ACCEPT;
const OPEN: EventCode = EventCode::NET_EVENT_OPEN;

#[track_caller]
fn assert_nothing_open(stage: &Stage) {
    let stats: &NetStats = stage.net.stats();
    assert_eq!((stats.connections_currently_open(), stats.vcs_in_memory()), (0, 0));
}

#[test]
fn what_is_sent_is_read_and_what_is_written_arrives() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => me.read_into(5, BUFFER_SIZE_INDEX_4K, 0),
        COMPLETE => {
            take(me);
            me.write_from(6, BUFFER_SIZE_INDEX_4K, b"world!");
        }
        WRITTEN => me.close(),
        _ => {}
    });
    let vc = pair.machine.with(|me| me.vc());
    assert_eq!(vc.get_remote_addr(), pair.peer.local_addr().ok());
    assert_eq!(vc.get_local_addr(), pair.peer.peer_addr().ok());
    assert_eq!(vc.net_base().context(), Some(NetVConnectionContext::In));
    drop(vc);
    pair.peer.write_all(b"hello").unwrap();
    stage.run_until(|| pair.machine.has(WRITTEN));
    assert_eq!(pair.machine.received(), b"hello");
    assert_eq!(pair.machine.events(), [ACCEPT, COMPLETE, WRITTEN]);
    assert_eq!(read_all(&mut pair.peer).unwrap(), b"world!");
    assert_nothing_open(&stage);
}

#[test]
fn who_connects_gets_the_connection_before_connect_re_returns() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = machine(|me| match me.event {
        OPEN => me.write_from(3, BUFFER_SIZE_INDEX_4K, b"abc"),
        WRITTEN => me.close(),
        _ => {}
    });
    let cont: ContRef = client.cont();
    let target = listener.local_addr().unwrap();
    let result = stage.net.connect_re(&cont, target, &NetVCOptions::default());
    assert!(matches!(result, ActionResult::Done));
    assert_eq!(client.events(), [OPEN]);
    let vc = client.with(|me| me.vc());
    assert_eq!(vc.get_remote_addr(), Some(target));
    assert_eq!(vc.net_base().context(), Some(NetVConnectionContext::Out));
    drop(vc);
    let (mut peer, _) = listener.accept().unwrap();
    stage.run_until(|| client.has(WRITTEN));
    assert_eq!(read_all(&mut peer).unwrap(), b"abc");
    assert_nothing_open(&stage);
}

#[test]
fn ten_mebibytes_pass_through_small_buffers_and_water_marks() {
    const N: i64 = 10 << 20;
    let stage = Stage::new();
    // An echo whose buffers hold little: 4 KiB blocks, at most 8 KiB of them full.
    let pair = stage.accepted(|me| match me.event {
        ACCEPT => {
            me.read_into(N, BUFFER_SIZE_INDEX_4K, 4096);
            me.write_from(N, BUFFER_SIZE_INDEX_4K, b"");
            me.output().0.set_water_mark(me.guard, 4096);
        }
        READY | COMPLETE | WRITE_READY => {
            let (read, (_, reader)) = (me.read_vio(), me.input());
            let (write, (buffer, _)) = (me.write_vio(), me.output());
            let held = buffer.with(me.guard, |buffer| buffer.max_read_avail());
            let n = reader.read_avail(me.guard).min(8192 - held);
            assert!((0..=8192).contains(&n), "neither buffer is overfilled: {n}");
            if n > 0 {
                let mut bytes = vec![0; usize::try_from(n).unwrap()];
                reader.read(me.guard, &mut bytes);
                buffer.write(me.guard, &bytes);
                write.reenable(me.guard);
                if read.ntodo() > 0 {
                    read.reenable(me.guard);
                }
            }
        }
        WRITTEN => me.close(),
        _ => {}
    });
    let (peer, sent) = (pair.peer.try_clone().unwrap(), counting(N as usize));
    let sender = std::thread::spawn({
        let (mut peer, sent) = (peer, sent.clone());
        move || peer.write_all(&sent).unwrap()
    });
    let mut peer = pair.peer;
    let receiver = std::thread::spawn(move || read_all(&mut peer).unwrap());
    stage.run_until(|| pair.machine.has(WRITTEN));
    sender.join().unwrap();
    assert!(receiver.join().unwrap() == sent, "every byte, in its order");
    assert!(!pair.machine.has(EOS) && !pair.machine.has(ERROR));
    let stats = stage.net.stats();
    assert_eq!((stats.read_bytes(), stats.write_bytes()), (N as u64, N as u64));
    assert_nothing_open(&stage);
}

#[test]
fn a_buffer_of_many_blocks_goes_with_few_calls() {
    let stage = Stage::new();
    let sent = counting(128 * 64);
    let mut pair = stage.accepted({
        let sent = sent.clone();
        move |me| match me.event {
            // 64 blocks of 128 bytes: four calls of sixteen blocks.
            ACCEPT => me.write_from(sent.len() as i64, BUFFER_SIZE_INDEX_128, &sent),
            WRITTEN => me.close(),
            _ => {}
        }
    });
    stage.run_until(|| pair.machine.has(WRITTEN));
    assert_eq!(stage.net.stats().calls_to_write(), 4);
    assert_eq!(read_all(&mut pair.peer).unwrap(), sent);
}

#[test]
fn a_read_fills_both_blocks_with_one_call() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|me| {
        if me.event == ACCEPT {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_128, 0);
            // A second block behind the first: there is space for 256 bytes.
            let (_, reader) = me.input();
            reader.buffer().with(me.guard, |buffer| buffer.add_block());
        }
    });
    pair.peer.write_all(&counting(1000)).unwrap();
    stage.run_until(|| pair.machine.has(READY));
    let reader = pair.machine.with(|me| me.input().1);
    pair.machine.with(|me| assert_eq!(reader.read_avail(me.guard), 256));
    // The buffer is full: nothing more is read until the machine takes bytes off.
    stage.passes(2);
    assert_eq!(pair.machine.events(), [ACCEPT, READY]);
    assert_eq!(stage.net.stats().calls_to_read(), 1);
    pair.machine.with(|me| {
        reader.consume(me.guard, 256);
        me.reenable_read();
    });
    stage.run_until(|| pair.machine.count(READY) == 2);
    pair.machine.with(|me| me.close());
    stage.passes(1);
    assert_nothing_open(&stage);
}

#[test]
fn the_peers_half_close_is_eos_and_we_can_still_write() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
        READY => take(me),
        EOS => me.write_from(4, BUFFER_SIZE_INDEX_4K, b"late"),
        WRITTEN => me.close(),
        _ => {}
    });
    pair.peer.write_all(b"first").unwrap();
    pair.peer.shutdown(Shutdown::Write).unwrap();
    stage.run_until(|| pair.machine.has(WRITTEN));
    assert_eq!(pair.machine.received(), b"first");
    assert_eq!(pair.machine.events(), [ACCEPT, READY, EOS, WRITTEN]);
    assert_eq!(read_all(&mut pair.peer).unwrap(), b"late");
    assert_nothing_open(&stage);
}

#[test]
fn our_half_close_ends_the_peers_stream_and_we_can_still_read() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => {
            me.read_into(3, BUFFER_SIZE_INDEX_4K, 0);
            me.write_from(2, BUFFER_SIZE_INDEX_4K, b"hi");
        }
        WRITTEN => me.shutdown(ShutdownHowTo::Write),
        COMPLETE => {
            take(me);
            me.close();
        }
        _ => {}
    });
    stage.run_until(|| pair.machine.has(WRITTEN));
    assert_eq!(read_all(&mut pair.peer).unwrap(), b"hi");
    pair.peer.write_all(b"ack").unwrap();
    stage.run_until(|| pair.machine.has(COMPLETE));
    assert_eq!(pair.machine.received(), b"ack");
    assert_eq!(pair.machine.events(), [ACCEPT, WRITTEN, COMPLETE]);
    assert_nothing_open(&stage);
}

#[test]
fn after_a_shutdown_for_reading_no_read_event_comes() {
    for by_the_rule in [true, false] {
        let stage = Stage::new();
        let mut pair = stage.accepted(move |me| {
            if me.event == ACCEPT {
                me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
                if by_the_rule {
                    me.shutdown(ShutdownHowTo::Read);
                }
            }
        });
        if !by_the_rule {
            // Without the state machine's mutex, as some do.
            let vc = pair.machine.with(|me| me.vc());
            vc.do_io_shutdown(ShutdownHowTo::Read);
        }
        let _ = pair.peer.write_all(b"unheard");
        pair.peer.shutdown(Shutdown::Write).unwrap();
        stage.passes(3);
        assert_eq!(pair.machine.events(), [ACCEPT]);
        pair.machine.with(|me| me.close());
        stage.passes(1);
        assert_nothing_open(&stage);
    }
}

#[test]
fn a_close_in_any_callback_is_the_last_that_is_heard() {
    for close_at in [ACCEPT, READY, WRITE_READY, COMPLETE, WRITTEN, EOS] {
        let stage = Stage::new();
        let mut pair = {
            let machine = machine(move |me| {
                if me.event == ACCEPT && close_at != ACCEPT {
                    me.read_into(10, BUFFER_SIZE_INDEX_4K, 0);
                    let bytes: &[u8] = if close_at == WRITE_READY { b"" } else { b"12" };
                    me.write_from(2, BUFFER_SIZE_INDEX_4K, bytes);
                }
                if me.event == close_at {
                    me.close();
                } else if me.event == READY {
                    take(me);
                }
            });
            let (action, address) = stage.accept(machine.cont());
            let peer = std::net::TcpStream::connect(address).unwrap();
            stage.run_until(|| machine.has(ACCEPT));
            action.cancel();
            crate::common::Pair { machine, peer }
        };
        pair.peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The peer may find the connection closed; the test ignores that.
        let _ = pair.peer.write_all(b"12345");
        if close_at == COMPLETE {
            stage.run_until(|| pair.machine.has(READY));
            let _ = pair.peer.write_all(b"67890");
        }
        if close_at == EOS {
            stage.run_until(|| pair.machine.has(READY));
            pair.peer.shutdown(Shutdown::Write).unwrap();
        }
        stage.run_until(|| pair.machine.events().contains(&close_at));
        stage.passes(2);
        assert_eq!(pair.machine.events().last(), Some(&close_at), "{close_at}");
        let _ = pair.peer.read(&mut [0; 16]);
        assert_nothing_open(&stage);
    }
}

#[test]
fn a_reset_is_the_end_of_the_stream_for_the_reader() {
    let stage = Stage::new();
    let pair = stage.accepted(|me| match me.event {
        ACCEPT => me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
        EOS | ERROR => me.close(),
        _ => {}
    });
    let peer = socket2::Socket::from(pair.peer);
    peer.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    stage.run_until(|| pair.machine.has(EOS));
    assert_eq!(pair.machine.events(), [ACCEPT, EOS]);
    assert_nothing_open(&stage);
}

#[test]
fn a_reset_that_the_read_itself_finds_is_the_end_of_the_stream_too() {
    use eventsys::sync::Mutex;
    use std::sync::Arc;
    // Otherwise the poll finds it first, and asking for the error takes it away.
    let stage = Stage::new();
    let peer = Arc::new(Mutex::new(None::<socket2::Socket>));
    let pair = stage.accepted({
        let peer = peer.clone();
        move |me| match me.event {
            ACCEPT => me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
            READY => {
                let vio = me.read_vio();
                let peer = peer.lock().take().unwrap();
                peer.set_linger(Some(Duration::ZERO)).unwrap();
                drop(peer);
                vio.reenable_re(me.guard);
                assert_eq!(me.events(), [ACCEPT, READY, EOS]);
            }
            EOS | ERROR => me.close(),
            _ => {}
        }
    });
    (&pair.peer).write_all(b"x").unwrap();
    *peer.lock() = Some(pair.peer.into());
    stage.run_until(|| pair.machine.has(EOS));
    assert_nothing_open(&stage);
}

#[test]
fn a_reset_that_the_write_itself_finds_is_an_error_with_its_number() {
    use eventsys::sync::Mutex;
    use std::sync::Arc;
    let stage = Stage::new();
    let peer = Arc::new(Mutex::new(None::<socket2::Socket>));
    let pair = stage.accepted({
        let peer = peer.clone();
        move |me| match me.event {
            ACCEPT => {
                me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
                me.write_from(i64::MAX, BUFFER_SIZE_INDEX_4K, b"1");
            }
            READY => {
                let (vio, (buffer, _)) = (me.write_vio(), me.output());
                let peer = peer.lock().take().unwrap();
                peer.set_linger(Some(Duration::ZERO)).unwrap();
                drop(peer);
                buffer.write(me.guard, b"2");
                vio.reenable_re(me.guard);
                assert!(me.events().ends_with(&[ERROR]));
            }
            ERROR => {
                me.set_error(me.vc().lerrno());
                me.close();
            }
            _ => {}
        }
    });
    stage.run_until(|| stage.net.stats().write_bytes() == 1);
    (&pair.peer).write_all(b"x").unwrap();
    *peer.lock() = Some(pair.peer.into());
    stage.run_until(|| pair.machine.has(ERROR));
    let error = pair.machine.error();
    assert!(matches!(error, Some(libc::ECONNRESET | libc::EPIPE)), "{error:?}");
    assert_nothing_open(&stage);
}

#[test]
fn a_reset_is_an_error_with_its_number_for_the_writer() {
    let stage = Stage::new();
    let pair = stage.accepted(|me| match me.event {
        ACCEPT => me.write_from(i64::MAX, BUFFER_SIZE_INDEX_32K, &[7; 32768]),
        WRITE_READY => {
            let (vio, (buffer, _)) = (me.write_vio(), me.output());
            if buffer.with(me.guard, |buffer| buffer.max_read_avail()) == 0 {
                buffer.write(me.guard, &[7; 32768]);
            }
            vio.reenable(me.guard);
        }
        ERROR => {
            me.set_error(me.vc().lerrno());
            me.close();
        }
        _ => {}
    });
    // The peer reads nothing, so the socket is full before it is reset.
    stage.run_until(|| stage.net.stats().calls_to_write_nodata() > 0);
    let peer = socket2::Socket::from(pair.peer);
    peer.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    stage.run_until(|| pair.machine.has(ERROR));
    let error = pair.machine.error();
    assert!(matches!(error, Some(libc::ECONNRESET | libc::EPIPE)), "{error:?}");
    assert_eq!(pair.machine.count(ERROR), 1);
    assert!(!pair.machine.has(EOS));
    assert_nothing_open(&stage);
}

#[test]
fn what_is_there_already_is_read_after_a_late_do_io_read() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|_| {});
    pair.peer.write_all(b"early").unwrap();
    stage.passes(2);
    assert_eq!(
        pair.machine.events(),
        [ACCEPT],
        "the edge has come, and the machine has asked for nothing"
    );
    pair.machine.with(|me| me.read_into(5, BUFFER_SIZE_INDEX_4K, 0));
    stage.run_until(|| pair.machine.has(COMPLETE));
    pair.machine.with(|me| me.close());
    stage.passes(1);
    assert_nothing_open(&stage);
}

#[test]
fn bytes_that_come_while_the_state_machine_is_locked_are_read_afterwards() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => me.read_into(5, BUFFER_SIZE_INDEX_4K, 0),
        COMPLETE => take(me),
        _ => {}
    });
    testkit::while_held(pair.machine.mutex(), || {
        pair.peer.write_all(b"12345").unwrap();
        // The edge comes now, and not again.
        stage.passes(3);
    });
    stage.run_until(|| pair.machine.has(COMPLETE));
    assert_eq!(pair.machine.received(), b"12345");
    pair.machine.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn a_socket_that_has_said_it_is_empty_is_not_asked_again_until_an_edge() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
        READY => take(me),
        _ => {}
    });
    pair.peer.write_all(b"x").unwrap();
    let stats = stage.net.stats().clone();
    stage.run_until(|| stats.calls_to_read_nodata() == 1);
    assert_eq!(stats.calls_to_read(), 2);
    // Taken back and issued again: it is not enabled, and then it is.
    pair.machine.with(|me| {
        let vc = me.vc();
        let own = vc.base().mutex().unwrap().lock();
        vc.do_io_read(&own, None, 0, None);
        me.read_into(9, BUFFER_SIZE_INDEX_4K, 0);
    });
    stage.passes(2);
    assert_eq!(stats.calls_to_read(), 2);
    pair.peer.write_all(b"y").unwrap();
    stage.run_until(|| pair.machine.received() == b"xy");
    pair.machine.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn reenable_re_moves_bytes_at_once_in_a_callback_of_the_thread() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|me| match me.event {
        ACCEPT => {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.write_from(i64::MAX, BUFFER_SIZE_INDEX_4K, b"x");
        }
        READY => {
            let (_, reader) = me.input();
            let n = reader.read_avail(me.guard);
            reader.consume(me.guard, n);
            let (write, (buffer, _)) = (me.write_vio(), me.output());
            buffer.write(me.guard, b"now");
            let before = write.ndone();
            write.reenable_re(me.guard);
            assert_eq!(write.ndone(), before + 3, "written before it returns");
        }
        _ => {}
    });
    stage.run_until(|| stage.net.stats().write_bytes() == 1);
    pair.peer.write_all(b"go").unwrap();
    stage.run_until(|| pair.machine.has(READY));
    pair.machine.with(|me| me.close());
    stage.passes(1);
    assert_eq!(read_all(&mut pair.peer).unwrap(), b"xnow");
    assert_nothing_open(&stage);
}

#[test]
fn an_operation_is_taken_back_with_no_continuation() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|me| {
        if me.event == ACCEPT {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
        }
    });
    pair.machine.with(|me| {
        let vc = me.vc();
        let own = vc.base().mutex().unwrap().clone();
        let vio = vc.do_io_read(&own.lock(), None, 0, None);
        assert_eq!((vio.op(), vio.nbytes()), (VioOp::Read, 0));
    });
    pair.peer.write_all(b"unheard").unwrap();
    stage.passes(3);
    assert_eq!(pair.machine.events(), [ACCEPT]);
    pair.machine.with(|me| me.close());
    stage.passes(1);
    assert_nothing_open(&stage);
}

#[test]
fn an_event_is_called_though_a_connection_always_has_bytes() {
    use eventsys::sync::Mutex;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let stage = Stage::new();
    let called = Arc::new(AtomicBool::new(false));
    let event = eventsys::FreeContinuation::new({
        let called = called.clone();
        move |_, _, _| {
            called.store(true, Ordering::SeqCst);
            eventsys::Outcome::Done
        }
    });
    // Whenever a byte is read, the next one is on its way before the callback ends.
    let peer = Arc::new(Mutex::new(None::<std::net::TcpStream>));
    let pair = stage.accepted({
        let (peer, called) = (peer.clone(), called.clone());
        move |me| match me.event {
            ACCEPT => me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
            READY => {
                take(me);
                if !called.load(Ordering::SeqCst) {
                    assert!(me.received().len() < 10_000, "the event is never called");
                    peer.lock().as_mut().unwrap().write_all(b"x").unwrap();
                }
            }
            _ => {}
        }
    });
    *peer.lock() = Some(pair.peer.try_clone().unwrap());
    stage.thread.schedule_in(event, eventsys::hrtime::mseconds(10));
    (&pair.peer).write_all(b"x").unwrap();
    stage.run_until(|| called.load(Ordering::SeqCst));
    pair.machine.with(|me| me.close());
    stage.passes(1);
}

/// The exercise of the chapter on connections: an echo that cannot write takes no more than its
/// buffer holds, and asks neither direction of the socket again.
#[test]
fn an_echo_whose_client_reads_nothing_stops_with_its_buffer_full() {
    let stage = Stage::new();
    let echo = FreeContinuation::new(|_, event, data| {
        if let (ACCEPT, Some(vc)) = (event, data.net_vc()) {
            let options =
                TunnelOptions { size_estimate: 4096, close_source: false, ..Default::default() };
            OneWayTunnel::new(ProxyMutex::new()).start(&**vc, &**vc, options);
        }
        Outcome::Done
    });
    let (action, address) = stage.accept(echo);
    let mut client = NetLab::client(address);
    client.set_nonblocking(true).unwrap();
    let (sent, stats) = (counting(1 << 20), stage.net.stats().clone());
    // Until neither the kernel nor the echo takes a byte more.
    let (mut still, mut read) = (0, 0);
    stage.run_until(|| {
        let is_full = client.write(&sent).is_err();
        still = if is_full && stats.read_bytes() == read { still + 1 } else { 0 };
        read = stats.read_bytes();
        still == 5
    });
    let held = stats.read_bytes() - stats.write_bytes();
    assert!((4096..=2 * 4096).contains(&held), "{held} bytes are in the tunnel");
    // The write is not triggered, and the read is not enabled: no call is made for either.
    let calls = || (stats.calls_to_read(), stats.calls_to_write());
    let before = calls();
    stage.passes(5);
    assert_eq!(calls(), before);
    drop(client);
    action.cancel();
    stage.run_until(|| stage.has_no_connections());
}
