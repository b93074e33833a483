//! Real connections: made, used, closed, as one thread sees it.
//!
//! Proves `NetProcessor::accept` and `connect_re`, and of `UnixNetVConnection` the reading,
//! writing, half closing and closing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use crate::common::{Ask, Stage, machine};
use eventsys::{ContRef, EventCode};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, BUFFER_SIZE_INDEX_32K, BUFFER_SIZE_INDEX_128};
use iocore::net::{ActionResult, NetStats};
use iocore::{IoEvents, NetVCOptions, NetVConnectionContext, ShutdownHowTo, VioOp};
use testkit::counting;
use testkit::net::read_all;

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
    let mut pair = stage.accepted(|end, call| match call.event {
        ACCEPT => end.do_read(call, 5, BUFFER_SIZE_INDEX_4K, 0),
        COMPLETE => {
            end.take(call);
            end.do_write(call, 6, BUFFER_SIZE_INDEX_4K, b"world!");
        }
        WRITTEN => end.close(),
        _ => {}
    });
    let vc = pair.machine.with(|end| end.vc());
    assert_eq!(vc.get_remote_addr(), pair.peer.local_addr().ok());
    assert_eq!(vc.get_local_addr(), pair.peer.peer_addr().ok());
    assert_eq!(vc.net_base().context(), Some(NetVConnectionContext::In));
    drop(vc);
    pair.peer.write_all(b"hello").unwrap();
    stage.run_until(|| pair.machine.has(WRITTEN));
    assert_eq!(pair.machine.received(), b"hello");
    assert_eq!(pair.machine.log(), [ACCEPT, COMPLETE, WRITTEN]);
    assert_eq!(read_all(&mut pair.peer).unwrap(), b"world!");
    assert_nothing_open(&stage);
}

#[test]
fn who_connects_gets_the_connection_before_connect_re_returns() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = machine(|end, call| match call.event {
        OPEN => end.do_write(call, 3, BUFFER_SIZE_INDEX_4K, b"abc"),
        WRITTEN => end.close(),
        _ => {}
    });
    let cont: ContRef = client.clone();
    let target = listener.local_addr().unwrap();
    let result = stage.net.connect_re(&cont, target, &NetVCOptions::default());
    assert!(matches!(result, ActionResult::Done));
    assert_eq!(client.log(), [OPEN]);
    let vc = client.with(|end| end.vc());
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
    let pair = stage.accepted(|end, call| match call.event {
        ACCEPT => {
            end.do_read(call, N, BUFFER_SIZE_INDEX_4K, 4096);
            end.do_write(call, N, BUFFER_SIZE_INDEX_4K, b"");
            end.write.borrow().as_ref().unwrap().1.set_water_mark(call.guard, 4096);
        }
        READY | COMPLETE | WRITE_READY => {
            let (read, reader) = end.read.borrow().clone().unwrap();
            let (write, buffer) = end.write.borrow().clone().unwrap();
            let held = buffer.with(call.guard, |buffer| buffer.max_read_avail());
            let n = reader.read_avail(call.guard).min(8192 - held);
            assert!((0..=8192).contains(&n), "neither buffer is overfilled: {n}");
            if n > 0 {
                let mut bytes = vec![0; usize::try_from(n).unwrap()];
                reader.read(call.guard, &mut bytes);
                buffer.write(call.guard, &bytes);
                write.reenable(call.guard);
                if read.ntodo() > 0 {
                    read.reenable(call.guard);
                }
            }
        }
        WRITTEN => end.close(),
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
        move |end, call| match call.event {
            // 64 blocks of 128 bytes: four calls of sixteen blocks.
            ACCEPT => end.do_write(call, sent.len() as i64, BUFFER_SIZE_INDEX_128, &sent),
            WRITTEN => end.close(),
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
    let mut pair = stage.accepted(|end, call| {
        if call.event == ACCEPT {
            end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_128, 0);
            // A second block behind the first: there is space for 256 bytes.
            let (_, reader) = end.read.borrow().clone().unwrap();
            reader.buffer().with(call.guard, |buffer| buffer.add_block());
        }
    });
    pair.peer.write_all(&counting(1000)).unwrap();
    stage.run_until(|| pair.machine.has(READY));
    let reader = pair.machine.with(|end| end.read.borrow().as_ref().unwrap().1.clone());
    pair.machine.act(|_, call| assert_eq!(reader.read_avail(call.guard), 256));
    // The buffer is full: nothing more is read until the machine takes bytes off.
    stage.passes(2);
    assert_eq!(pair.machine.log(), [ACCEPT, READY]);
    assert_eq!(stage.net.stats().calls_to_read(), 1);
    pair.machine.act(|end, call| {
        reader.consume(call.guard, 256);
        end.read.borrow().as_ref().unwrap().0.reenable(call.guard);
    });
    stage.run_until(|| pair.machine.count(READY) == 2);
    pair.machine.act(|end, _| end.close());
    stage.passes(1);
    assert_nothing_open(&stage);
}

#[test]
fn the_peers_half_close_is_eos_and_we_can_still_write() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|end, call| match call.event {
        ACCEPT => end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
        READY => end.take(call),
        EOS => end.do_write(call, 4, BUFFER_SIZE_INDEX_4K, b"late"),
        WRITTEN => end.close(),
        _ => {}
    });
    pair.peer.write_all(b"first").unwrap();
    pair.peer.shutdown(Shutdown::Write).unwrap();
    stage.run_until(|| pair.machine.has(WRITTEN));
    assert_eq!(pair.machine.received(), b"first");
    assert_eq!(pair.machine.log(), [ACCEPT, READY, EOS, WRITTEN]);
    assert_eq!(read_all(&mut pair.peer).unwrap(), b"late");
    assert_nothing_open(&stage);
}

#[test]
fn our_half_close_ends_the_peers_stream_and_we_can_still_read() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|end, call| match call.event {
        ACCEPT => {
            end.do_read(call, 3, BUFFER_SIZE_INDEX_4K, 0);
            end.do_write(call, 2, BUFFER_SIZE_INDEX_4K, b"hi");
        }
        WRITTEN => end.shutdown(ShutdownHowTo::Write),
        COMPLETE => {
            end.take(call);
            end.close();
        }
        _ => {}
    });
    stage.run_until(|| pair.machine.has(WRITTEN));
    assert_eq!(read_all(&mut pair.peer).unwrap(), b"hi");
    pair.peer.write_all(b"ack").unwrap();
    stage.run_until(|| pair.machine.has(COMPLETE));
    assert_eq!(pair.machine.received(), b"ack");
    assert_eq!(pair.machine.log(), [ACCEPT, WRITTEN, COMPLETE]);
    assert_nothing_open(&stage);
}

#[test]
fn after_a_shutdown_for_reading_no_read_event_comes() {
    for by_the_rule in [true, false] {
        let stage = Stage::new();
        let mut pair = stage.accepted(move |end, call| {
            if call.event == ACCEPT {
                end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
                if by_the_rule {
                    end.shutdown(ShutdownHowTo::Read);
                }
            }
        });
        if !by_the_rule {
            // Without the state machine's mutex, as some do.
            let vc = pair.machine.with(|end| end.vc());
            vc.do_io_shutdown(ShutdownHowTo::Read);
        }
        let _ = pair.peer.write_all(b"unheard");
        pair.peer.shutdown(Shutdown::Write).unwrap();
        stage.passes(3);
        assert_eq!(pair.machine.log(), [ACCEPT]);
        pair.machine.act(|end, _| end.close());
        stage.passes(1);
        assert_nothing_open(&stage);
    }
}

#[test]
fn a_close_in_any_callback_is_the_last_that_is_heard() {
    for close_at in [ACCEPT, READY, WRITE_READY, COMPLETE, WRITTEN, EOS] {
        let stage = Stage::new();
        let mut pair = {
            let machine = machine(move |end, call| {
                if call.event == ACCEPT && close_at != ACCEPT {
                    end.do_read(call, 10, BUFFER_SIZE_INDEX_4K, 0);
                    let bytes: &[u8] = if close_at == WRITE_READY { b"" } else { b"12" };
                    end.do_write(call, 2, BUFFER_SIZE_INDEX_4K, bytes);
                }
                if call.event == close_at {
                    end.close();
                } else if call.event == READY {
                    end.take(call);
                }
            });
            let (action, address) = stage.accept(machine.clone());
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
        stage.run_until(|| pair.machine.log().contains(&close_at));
        stage.passes(2);
        assert_eq!(pair.machine.log().last(), Some(&close_at), "{close_at}");
        let _ = pair.peer.read(&mut [0; 16]);
        assert_nothing_open(&stage);
    }
}

#[test]
fn a_reset_is_the_end_of_the_stream_for_the_reader() {
    let stage = Stage::new();
    let pair = stage.accepted(|end, call| match call.event {
        ACCEPT => end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
        EOS | ERROR => end.close(),
        _ => {}
    });
    let peer = socket2::Socket::from(pair.peer);
    peer.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    stage.run_until(|| pair.machine.has(EOS));
    assert_eq!(pair.machine.log(), [ACCEPT, EOS]);
    assert_nothing_open(&stage);
}

#[test]
fn a_reset_that_the_read_itself_finds_is_the_end_of_the_stream_too() {
    use std::sync::{Arc, Mutex};
    // Otherwise the poll finds it first, and asking for the error takes it away.
    let stage = Stage::new();
    let peer = Arc::new(Mutex::new(None::<socket2::Socket>));
    let pair = stage.accepted({
        let peer = peer.clone();
        move |end, call| match call.event {
            ACCEPT => end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
            READY => {
                let (vio, _) = end.read.borrow().clone().unwrap();
                let peer = peer.lock().unwrap().take().unwrap();
                peer.set_linger(Some(Duration::ZERO)).unwrap();
                drop(peer);
                vio.reenable_re(call.guard);
                assert_eq!(*end.log.borrow(), [ACCEPT, READY, EOS]);
            }
            EOS | ERROR => end.close(),
            _ => {}
        }
    });
    (&pair.peer).write_all(b"x").unwrap();
    *peer.lock().unwrap() = Some(pair.peer.into());
    stage.run_until(|| pair.machine.has(EOS));
    assert_nothing_open(&stage);
}

#[test]
fn a_reset_that_the_write_itself_finds_is_an_error_with_its_number() {
    use std::sync::{Arc, Mutex};
    let stage = Stage::new();
    let peer = Arc::new(Mutex::new(None::<socket2::Socket>));
    let pair = stage.accepted({
        let peer = peer.clone();
        move |end, call| match call.event {
            ACCEPT => {
                end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
                end.do_write(call, i64::MAX, BUFFER_SIZE_INDEX_4K, b"1");
            }
            READY => {
                let (vio, buffer) = end.write.borrow().clone().unwrap();
                let peer = peer.lock().unwrap().take().unwrap();
                peer.set_linger(Some(Duration::ZERO)).unwrap();
                drop(peer);
                buffer.write(call.guard, b"2");
                vio.reenable_re(call.guard);
                assert!(end.log.borrow().ends_with(&[ERROR]));
            }
            ERROR => {
                *end.error.borrow_mut() = Some(end.vc().lerrno());
                end.close();
            }
            _ => {}
        }
    });
    stage.run_until(|| stage.net.stats().write_bytes() == 1);
    (&pair.peer).write_all(b"x").unwrap();
    *peer.lock().unwrap() = Some(pair.peer.into());
    stage.run_until(|| pair.machine.has(ERROR));
    let error = pair.machine.with(|end| *end.error.borrow());
    assert!(matches!(error, Some(libc::ECONNRESET | libc::EPIPE)), "{error:?}");
    assert_nothing_open(&stage);
}

#[test]
fn a_reset_is_an_error_with_its_number_for_the_writer() {
    let stage = Stage::new();
    let pair = stage.accepted(|end, call| match call.event {
        ACCEPT => end.do_write(call, i64::MAX, BUFFER_SIZE_INDEX_32K, &[7; 32768]),
        WRITE_READY => {
            let (vio, buffer) = end.write.borrow().clone().unwrap();
            if buffer.with(call.guard, |buffer| buffer.max_read_avail()) == 0 {
                buffer.write(call.guard, &[7; 32768]);
            }
            vio.reenable(call.guard);
        }
        ERROR => {
            *end.error.borrow_mut() = Some(end.vc().lerrno());
            end.close();
        }
        _ => {}
    });
    // The peer reads nothing, so the socket is full before it is reset.
    stage.run_until(|| stage.net.stats().calls_to_write_nodata() > 0);
    let peer = socket2::Socket::from(pair.peer);
    peer.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    stage.run_until(|| pair.machine.has(ERROR));
    let error = pair.machine.with(|end| *end.error.borrow());
    assert!(matches!(error, Some(libc::ECONNRESET | libc::EPIPE)), "{error:?}");
    assert_eq!(pair.machine.count(ERROR), 1);
    assert!(!pair.machine.has(EOS));
    assert_nothing_open(&stage);
}

#[test]
fn what_is_there_already_is_read_after_a_late_do_io_read() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|_, _| {});
    pair.peer.write_all(b"early").unwrap();
    stage.passes(2);
    assert_eq!(
        pair.machine.log(),
        [ACCEPT],
        "the edge has come, and the machine has asked for nothing"
    );
    pair.machine.act(|end, call| end.do_read(call, 5, BUFFER_SIZE_INDEX_4K, 0));
    stage.run_until(|| pair.machine.has(COMPLETE));
    pair.machine.act(|end, _| end.close());
    stage.passes(1);
    assert_nothing_open(&stage);
}

#[test]
fn bytes_that_come_while_the_state_machine_is_locked_are_read_afterwards() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|end, call| match call.event {
        ACCEPT => end.do_read(call, 5, BUFFER_SIZE_INDEX_4K, 0),
        COMPLETE => end.take(call),
        _ => {}
    });
    testkit::while_held(pair.machine.mutex(), || {
        pair.peer.write_all(b"12345").unwrap();
        // The edge comes now, and not again.
        stage.passes(3);
    });
    stage.run_until(|| pair.machine.has(COMPLETE));
    assert_eq!(pair.machine.received(), b"12345");
    pair.machine.act(|end, _| end.close());
    stage.passes(1);
}

#[test]
fn a_socket_that_has_said_it_is_empty_is_not_asked_again_until_an_edge() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|end, call| match call.event {
        ACCEPT => end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
        READY => end.take(call),
        _ => {}
    });
    pair.peer.write_all(b"x").unwrap();
    let stats = stage.net.stats().clone();
    stage.run_until(|| stats.calls_to_read_nodata() == 1);
    assert_eq!(stats.calls_to_read(), 2);
    // Taken back and issued again: it is not enabled, and then it is.
    pair.machine.act(|end, call| {
        let vc = end.vc();
        let own = vc.base().mutex().unwrap().lock();
        vc.do_io_read(&own, None, 0, None);
        end.do_read(call, 9, BUFFER_SIZE_INDEX_4K, 0);
    });
    stage.passes(2);
    assert_eq!(stats.calls_to_read(), 2);
    pair.peer.write_all(b"y").unwrap();
    stage.run_until(|| pair.machine.received() == b"xy");
    pair.machine.act(|end, _| end.close());
    stage.passes(1);
}

#[test]
fn reenable_re_moves_bytes_at_once_in_a_callback_of_the_thread() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|end, call| match call.event {
        ACCEPT => {
            end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            end.do_write(call, i64::MAX, BUFFER_SIZE_INDEX_4K, b"x");
        }
        READY => {
            let (_, reader) = end.read.borrow().clone().unwrap();
            let n = reader.read_avail(call.guard);
            reader.consume(call.guard, n);
            let (write, buffer) = end.write.borrow().clone().unwrap();
            buffer.write(call.guard, b"now");
            let before = write.ndone();
            write.reenable_re(call.guard);
            assert_eq!(write.ndone(), before + 3, "written before it returns");
        }
        _ => {}
    });
    stage.run_until(|| stage.net.stats().write_bytes() == 1);
    pair.peer.write_all(b"go").unwrap();
    stage.run_until(|| pair.machine.has(READY));
    pair.machine.act(|end, _| end.close());
    stage.passes(1);
    assert_eq!(read_all(&mut pair.peer).unwrap(), b"xnow");
    assert_nothing_open(&stage);
}

#[test]
fn an_operation_is_taken_back_with_no_continuation() {
    let stage = Stage::new();
    let mut pair = stage.accepted(|end, call| {
        if call.event == ACCEPT {
            end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
        }
    });
    pair.machine.act(|end, _| {
        let vc = end.vc();
        let own = vc.base().mutex().unwrap().clone();
        let vio = vc.do_io_read(&own.lock(), None, 0, None);
        assert_eq!((vio.op(), vio.nbytes()), (VioOp::Read, 0));
    });
    pair.peer.write_all(b"unheard").unwrap();
    stage.passes(3);
    assert_eq!(pair.machine.log(), [ACCEPT]);
    pair.machine.act(|end, _| end.close());
    stage.passes(1);
    assert_nothing_open(&stage);
}

#[test]
fn an_event_is_called_though_a_connection_always_has_bytes() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

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
        move |end, call| match call.event {
            ACCEPT => end.do_read(call, i64::MAX, BUFFER_SIZE_INDEX_4K, 0),
            READY => {
                end.take(call);
                if !called.load(Ordering::SeqCst) {
                    assert!(end.received.borrow().len() < 10_000, "the event is never called");
                    peer.lock().unwrap().as_mut().unwrap().write_all(b"x").unwrap();
                }
            }
            _ => {}
        }
    });
    *peer.lock().unwrap() = Some(pair.peer.try_clone().unwrap());
    stage.thread.schedule_in(event, eventsys::hrtime::mseconds(10));
    (&pair.peer).write_all(b"x").unwrap();
    stage.run_until(|| called.load(Ordering::SeqCst));
    pair.machine.act(|end, _| end.close());
    stage.passes(1);
}
