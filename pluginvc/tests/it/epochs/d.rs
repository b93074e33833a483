//! Epoch D: no core buffer.

use std::sync::Arc;

use iocore::ShutdownHowTo::{Read, Write};
use iocore::VConnection;
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use pluginvc::{Epoch, PluginVcOptions};
use testkit::{Lab, MAX, READ_READY, WRITE_COMPLETE, WRITE_READY, counting, panic_text};

use super::{pair, reading, writes_while_the_reader_is_held};

#[test]
fn in_d_a_short_message_goes_straight_into_the_peers_buffer() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::D);
    p.with(|me| me.read(100));
    a.with(|me| me.write_now(&counting(100)));
    lab.settle();
    lab.expect(
        "P do_io_read 100
         A do_io_write 100
         P event 1
         P read_side
         A write_side
         A write_act_on 100
         A moved 100
         A write: WRITE_COMPLETE 100/100
         P read: READ_COMPLETE 100/100
         A reenable_write
         A event 1
         A write_side",
    );
    p.with(|me| me.take());
    assert_eq!(p.received(), counting(100));
}

#[test]
fn in_d_what_is_not_all_is_ready_on_both_ends() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::D);
    p.with(|me| me.read(MAX));
    a.with(|me| {
        me.fill(b"x");
        me.write(MAX);
    });
    lab.settle();
    lab.expect_callbacks(
        "A write: WRITE_READY 1/max
         P read: READ_READY 1/max
         A write: WRITE_READY 1/max",
    );
}

#[test]
fn in_d_the_writer_moves_no_more_than_either_end_has_asked_for() {
    for (write, read, moved) in [(10, MAX, 10), (MAX, 10, 10), (30, 20, 20), (20, 30, 20)] {
        let lab = Lab::new();
        let (a, p, _core) = pair(&lab, Epoch::D);
        p.with(|me| me.read(read));
        a.with(|me| {
            me.fill(&counting(50));
            me.write(write);
        });
        lab.settle();
        assert_eq!((a.write_vio().ndone(), p.read_vio().ndone()), (moved, moved));
    }
}

#[test]
fn in_d_a_write_before_the_peer_reads_is_an_error_and_the_read_fetches_the_bytes() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::D);
    a.with(|me| me.write_now(&counting(100)));
    lab.settle();
    lab.expect(
        "A do_io_write 100
         A event 1
         A write_side
         A write_act_on 100
         A write: ERROR 0/100",
    );
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.expect(
        "P do_io_read 9223372036854775807
         P event 1
         P read_side
         A write_side
         A write_act_on 100
         A moved 100
         A write: WRITE_COMPLETE 100/100
         P read: READ_READY 100/max
         A reenable_write
         A event 1
         A write_side",
    );
}

#[test]
fn in_d_a_peer_that_has_shut_its_read_side_is_an_error() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::D);
    p.with(|me| {
        me.read(MAX);
        me.shutdown(Read);
    });
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.expect(
        "P do_io_read 9223372036854775807
         A do_io_write 1
         P event 1
         P read_side
         A event 1
         A write_side
         A write_act_on 1
         A write: ERROR 0/1",
    );
}

#[test]
fn in_d_the_write_side_of_an_end_that_has_shut_it_does_nothing() {
    let lab = Lab::new();
    let (a, _p) = reading(&lab, Epoch::D);
    a.with(|me| {
        me.write_now(b"x");
        me.shutdown(Write);
    });
    lab.settle();
    lab.expect(
        "A do_io_write 1
         A event 1
         A write_side",
    );
}

#[test]
fn in_d_a_writer_with_an_empty_buffer_is_asked_to_fill_it() {
    let lab = Lab::new();
    let (a, _p) = reading(&lab, Epoch::D);
    a.with(|me| me.write(30));
    lab.settle();
    lab.expect(
        "A do_io_write 30
         A event 1
         A write_side
         A write_act_on 0
         A write: WRITE_READY 0/30",
    );
}

#[test]
fn in_d_the_end_of_the_stream_is_told_once_the_peer_has_shut_its_write_side_or_closed() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::D);
    a.with(|me| me.shutdown(Write));
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.expect(
        "P do_io_read 9223372036854775807
         P event 1
         P read_side
         P peer_write_gone
         P read: EOS 0/max",
    );
    a.close();
    lab.settle();
    lab.expect(
        "A do_io_close
         A event 1
         A process_close
         P event 1
         P read_side
         P peer_write_gone
         P read: EOS 0/max
         P write_side",
    );
}

#[test]
fn in_d_no_end_of_the_stream_comes_to_a_read_side_that_is_shut() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::D);
    p.with(|me| {
        me.read(MAX);
        me.shutdown(Read);
    });
    lab.settle();
    lab.take();
    a.close();
    lab.settle();
    lab.expect(
        "A do_io_close
         A event 1
         A process_close
         P event 1
         P read_side
         P write_side",
    );
}

#[test]
fn in_d_the_read_buffer_takes_32_kib_or_its_water_mark_and_no_core_buffer_more() {
    for (mark, held) in [(0, 32_768), (32_768, 32_768), (32_769, 32_769), (100_000, 100_000)] {
        let lab = Lab::new();
        let (a, p, _core) = pair(&lab, Epoch::D);
        p.with(|me| {
            me.input().0.set_water_mark(me.guard, mark);
            me.read(MAX);
        });
        a.with(|me| me.write_now(&counting(200_000)));
        lab.settle();
        assert_eq!((a.write_vio().ndone(), p.with(|me| me.waiting())), (held, held), "{mark}");
        // Bytes that are taken off make room for as many.
        p.with(|me| {
            me.take_some(1_000);
            me.reenable_read();
        });
        lab.settle();
        assert_eq!(p.with(|me| me.waiting()), held, "{mark}");
        assert_eq!(a.write_vio().ndone(), held + 1_000, "{mark}");
        assert!(lab.take().contains(&"A peer_no_space".to_owned()));
    }
}

/// A close in the writer's callback: the peer is still called back, and nothing is
/// reenabled.
#[test]
fn in_d_a_writer_that_closes_in_its_callback_is_not_reenabled() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::D);
    a.on(WRITE_COMPLETE, |me| me.close());
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.take();
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.expect(
        "A do_io_write 1
         A event 1
         A write_side
         A write_act_on 1
         A moved 1
         A write: WRITE_COMPLETE 1/1
         A do_io_close
         P read: READ_READY 1/max
         A process_close
         P event 1
         P read_side
         P peer_write_gone
         P read: EOS 1/max
         P write_side",
    );
}

#[test]
fn in_d_a_missed_mutex_of_the_reader_is_tried_again_by_the_core_event() {
    let lab = Lab::new();
    writes_while_the_reader_is_held(&lab, Epoch::D);
    lab.expect(
        "A do_io_write 1
         A event 1
         A write_side
         A write_act_on 1
         P read_lock_miss
         P event 2
         P read_side
         A write_side
         A write_act_on 1
         A moved 1
         A write: WRITE_COMPLETE 1/1
         P read: READ_READY 1/max
         A reenable_write
         A event 1
         A write_side",
    );
}

/// 9.2.9 tests the continuation of the end's own operation: a write or a read without one
/// does nothing, whatever the buffer holds and whatever happens to the peer.
#[test]
fn in_d_an_operation_without_a_continuation_does_nothing() {
    let lab = Lab::new();
    let (_a, p, core) = pair(&lab, Epoch::D);
    p.with(|me| me.read(MAX));
    lab.settle();
    lab.take();
    let vc = core.active_vc().unwrap();
    let guard = core.mutex().lock();
    let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(core.mutex());
    let reader = buffer.alloc_reader(&guard).unwrap();
    buffer.write(&guard, b"x");
    vc.do_io_write(&guard, None, MAX, Some(&reader));
    vc.do_io_read(&guard, None, MAX, Some(&buffer));
    drop(guard);
    lab.settle();
    lab.expect(
        "A do_io_write 9223372036854775807
         A do_io_read 9223372036854775807
         A event 1
         A read_side
         A write_side",
    );
    p.close();
    lab.settle();
    lab.expect(
        "P do_io_close
         P event 1
         P process_close
         A event 1
         A read_side
         A write_side",
    );
}

/// The peer's missing read buffer is not tested: 9.2.9 dereferences a null pointer.
#[test]
fn in_d_a_write_to_a_peer_that_reads_into_no_buffer_is_a_null_pointer() {
    let lab = Lab::new();
    let (a, _p, core) = pair(&lab, Epoch::D);
    let guard = core.mutex().lock();
    core.passive_vc().unwrap().do_io_read(&guard, None, MAX, None);
    drop(guard);
    a.with(|me| me.write_now(b"x"));
    let text = panic_text(|| lab.settle());
    assert!(text.starts_with("do_io_read without a buffer: "), "{text}");
}

#[test]
fn in_d_pieces_of_any_size_arrive_in_order() {
    let lab = Lab::new();
    let (a, p, _core) = pair(&lab, Epoch::D);
    p.on(READ_READY, |me| {
        me.take();
        me.reenable_read();
    });
    p.with(|me| me.read(MAX));
    lab.settle();
    let stream = counting(200_000);
    a.on(WRITE_READY, |me| me.reenable_write());
    a.with(|me| me.write_now(&stream));
    lab.settle();
    p.with(|me| me.take());
    assert!(p.received() == stream);
}

/// A state machine that has both ends may write from the buffer that it reads into: the
/// bytes go from its front to its end. Below 128 bytes they are copied there, from 128 on
/// they make a block of their own.
#[test]
fn in_d_bytes_go_from_the_front_of_a_buffer_to_its_end_if_both_ends_use_it() {
    for (len, write, blocks) in [(100, 30, 1), (200, 127, 1), (200, 128, 2), (300, 300, 1)] {
        let lab = Lab::new();
        let a = lab.agent("A");
        let p = lab.agent_under("P", Arc::clone(a.mutex()));
        let core = lab.pair_with(
            &a,
            &p,
            PluginVcOptions { epoch: Epoch::D, ..PluginVcOptions::default() },
        );
        let (active, passive) = (core.active_vc().unwrap(), core.passive_vc().unwrap());
        let bytes = counting(len);
        let (both, reader) = p.with(|me| {
            me.fill(&bytes);
            let (both, reader) = me.output();
            passive.do_io_read(me.guard, Some(p.cont()), MAX, Some(&both));
            active.do_io_write(me.guard, Some(a.cont()), write, Some(&reader));
            (both, reader)
        });
        lab.settle();
        let callbacks = lab.take_callbacks();
        assert_eq!(callbacks[1], format!("A write: WRITE_COMPLETE {write}/{write}"));
        assert_eq!(callbacks[2], format!("P read: READ_READY {write}/max"));
        let mut turned = bytes.clone();
        turned.rotate_left(usize::try_from(write).unwrap());
        p.with(|me| {
            assert_eq!(both.with(me.guard, |b| b.block_count(reader.id())), blocks);
            let mut found = vec![0; len + 1];
            assert_eq!(reader.read(me.guard, &mut found), i64::try_from(len).unwrap());
            assert_eq!(found[..len], turned);
        });
    }
}
