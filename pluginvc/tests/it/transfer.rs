//! The data path: how many bytes move, where they wait, and which callbacks
//! come.

use iocore::IOBufferReader;
use pluginvc::{PVC_DEFAULT_MAX_BYTES, PluginVcOptions};
use testkit::{
    ACCEPT, Agent, Lab, MAX, Me, READ_COMPLETE, READ_READY, WRITE_COMPLETE, WRITE_READY, counting,
};

use crate::common::{connected, reading};

/// Has `agent` take all that comes and ask for more.
fn takes_all(agent: &Agent) {
    agent.on(READ_READY, |me| {
        me.take();
        me.reenable_read();
    });
    agent.on(READ_COMPLETE, |me| {
        me.take();
    });
}

/// The address of the first byte of a reader's block.
fn address(reader: &IOBufferReader, me: &Me<'_>) -> usize {
    reader.block_view(me.guard).as_ptr().addr()
}

#[test]
fn bytes_arrive_equal_and_in_order() {
    for len in [1, 127, 128, 129, 4095, 4096, 32767, 32768, 32769, 100_000, 1 << 20] {
        let lab = Lab::new();
        let (a, p) = lab.agents();
        p.on(ACCEPT, move |me| me.read(len));
        takes_all(&p);
        let core = lab.pair(&a, &p);
        let sent = counting(len as usize);
        a.with(|me| me.write_now(&sent));
        lab.settle();
        assert!(p.received() == sent, "{len} bytes");
        assert_eq!((a.write_vio().ndone(), p.read_vio().ndone()), (len, len));
        a.close();
        p.close();
        lab.settle();
        lab.expect_nothing_left(core);
    }
}

#[test]
fn bytes_of_both_directions_do_not_mix() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let (east, west) = (counting(70_000), counting(50_000).into_iter().rev().collect::<Vec<_>>());
    takes_all(&a);
    takes_all(&p);
    let there = west.clone();
    p.on(ACCEPT, move |me| {
        me.read(70_000);
        me.write_now(&there);
    });
    lab.pair(&a, &p);
    a.with(|me| {
        me.read(50_000);
        me.write_now(&east);
    });
    lab.settle();
    assert!(p.received() == east && a.received() == west);
}

#[test]
fn a_short_message_takes_these_steps() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(100));
    lab.pair(&a, &p);
    a.with(|me| me.write_now(&counting(100)));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_read 100
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
}

#[test]
fn pieces_below_128_bytes_are_copied_and_larger_ones_are_shared() {
    for (len, shared) in [(1, false), (127, false), (128, true), (129, true), (4096, true)] {
        let (lab, a, p, _) = reading();
        let from = a.with(|me| {
            me.write_now(&counting(len));
            address(&me.output().1, me)
        });
        lab.settle();
        let to = p.with(|me| address(&me.input().1, me));
        assert_eq!(from == to, shared, "{len} bytes");
    }
}

#[test]
fn many_small_pieces_become_one_block_and_many_large_ones_a_block_each() {
    let blocks_of = |len: usize| {
        let (lab, a, p, _) = reading();
        for _ in 0..10 {
            a.with(|me| me.write_now(&counting(len)));
            lab.settle();
        }
        p.with(|me| {
            assert_eq!(me.waiting(), 10 * len as i64);
            me.input().1.block_count(me.guard)
        })
    };
    // The first block of a new buffer is there from the start; blocks that come by
    // reference are put behind it.
    assert_eq!([1, 127, 128, 129].map(blocks_of), [1, 1, 11, 11]);
}

#[test]
fn a_piece_that_is_cut_by_a_block_is_copied_and_shared_in_part() {
    // 32,668 bytes leave room for 100 in the writer's first block. A transfer goes
    // block by block: 100 bytes of the first (copied), 200 of the second (shared).
    let (lab, a, p, _) = reading();
    p.on(READ_READY, |me| {
        me.take();
        me.reenable_read();
    });
    a.with(|me| me.write_now(&counting(32_668)));
    lab.settle();
    // From here on into a new buffer.
    let q = lab.agent_under("Q", p.mutex().clone());
    q.with(|me| {
        me.take_vc(p.vc());
        me.read(MAX);
    });
    lab.settle();
    let second = a.with(|me| {
        me.write_now(&counting(300));
        let (buffer, reader) = me.output();
        let mut blocks = Vec::new();
        buffer.with(me.guard, |b| {
            blocks.extend(b.blocks(reader.id()).map(|block| (block.len(), block.as_ptr().addr())));
        });
        assert_eq!(blocks.iter().map(|block| block.0).collect::<Vec<_>>(), [100, 200]);
        blocks[1].1
    });
    lab.settle();
    q.with(|me| {
        let (buffer, reader) = me.input();
        buffer.with(me.guard, |b| {
            let found: Vec<_> =
                b.blocks(reader.id()).map(|bl| (bl.len(), bl.as_ptr().addr() == second)).collect();
            assert_eq!(found, [(100, false), (200, true)]);
        });
        me.take();
    });
    assert!(q.received() == counting(300));
}

#[test]
fn the_core_buffer_takes_32_kib() {
    let (lab, a, _p, _) = connected();
    a.with(|me| me.write_now(&counting(100_000)));
    a.on(WRITE_READY, |me| me.reenable_write());
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 100000
         A event 1
         A write_side
         A write_act_on 100000
         A write_added 32768
         A write: WRITE_READY 32768/100000
         A reenable_write
         A event 1
         A write_side
         A write_act_on 67232
         A write_no_space",
    );
    assert_eq!(a.write_vio().ndone(), PVC_DEFAULT_MAX_BYTES);
}

#[test]
fn the_core_buffer_is_as_large_as_the_options_say() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let buffer_index = iocore::buffer::BUFFER_SIZE_INDEX_4K;
    lab.pair_with(&a, &p, PluginVcOptions { buffer_index, ..PluginVcOptions::default() });
    a.with(|me| me.write_now(&counting(100_000)));
    lab.settle();
    assert_eq!(a.write_vio().ndone(), 4096);
}

#[test]
fn the_read_buffer_takes_32_kib_or_its_water_mark_if_that_is_higher() {
    for (mark, held) in [
        (0, 32_768),
        (1, 32_768),
        (32_768, 32_768),
        (32_769, 32_769),
        (65_536, 65_536),
        (1 << 20, 1 << 20),
    ] {
        let lab = Lab::new();
        let (a, p) = lab.agents();
        p.on(ACCEPT, move |me| {
            me.input().0.set_water_mark(me.guard, mark);
            me.read(MAX);
        });
        p.on(READ_READY, |me| me.reenable_read());
        lab.pair(&a, &p);
        a.with(|me| me.write_now(&counting(2 << 20)));
        lab.settle();
        assert_eq!(p.with(|me| me.waiting()), held, "water mark {mark}");
        // Bytes that do not fit there wait in the core buffer, up to 32 KiB.
        assert_eq!(a.write_vio().ndone(), held + 32_768, "water mark {mark}");
        p.with(|me| {
            me.take_some(1);
            me.reenable_read();
        });
        lab.settle();
        assert_eq!(p.with(|me| me.waiting()), held, "one byte out, one byte in");
        assert_eq!(a.write_vio().ndone(), held + 32_769);
    }
}

#[test]
fn what_is_asked_for_beyond_the_bytes_at_hand_waits() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(100));
    lab.pair(&a, &p);
    a.with(|me| me.write(100));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_READY 0/100",
    );
    a.with(|me| {
        me.fill(&counting(60));
        me.reenable_write();
    });
    lab.settle();
    lab.expect_callbacks(
        "A write: WRITE_READY 60/100
         P read: READ_READY 60/100
         A write: WRITE_READY 60/100",
    );
}

#[test]
fn only_nbytes_are_written_whatever_the_buffer_holds() {
    let (lab, a, _p, _) = reading();
    a.with(|me| {
        me.fill(&counting(100));
        me.write(10);
    });
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 10/10
         P read: READ_READY 10/max",
    );
    assert_eq!(a.with(|me| me.output().1.read_avail(me.guard)), 90);
}

#[test]
fn only_nbytes_are_read_and_the_rest_waits_for_the_next_read() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(10));
    lab.pair(&a, &p);
    a.with(|me| me.write_now(&counting(100)));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 100/100
         P read: READ_COMPLETE 10/10",
    );
    p.with(|me| me.read(90));
    lab.settle();
    lab.expect_callbacks("P read: READ_COMPLETE 90/90");
    p.with(|me| me.take());
    assert_eq!(p.received(), counting(100));
}

#[test]
fn a_read_and_a_write_of_zero_bytes_say_nothing() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(0));
    lab.pair(&a, &p);
    a.with(|me| {
        me.fill(b"not to be sent");
        me.write(0);
    });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         P do_io_read 0
         A do_io_write 0
         P event 1
         P read_side
         A event 1
         A write_side",
    );
    // Not even an end.
    a.close();
    lab.settle();
    lab.expect_callbacks("");
}

#[test]
fn a_read_of_unknown_length_is_never_complete() {
    let (lab, a, p, _) = reading();
    takes_all(&p);
    a.with(|me| me.write(MAX));
    for _ in 0..3 {
        a.with(|me| {
            me.fill(&counting(10));
            me.reenable_write();
        });
        lab.settle();
    }
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_READY 10/max
         P read: READ_READY 10/max
         A write: WRITE_READY 10/max
         A write: WRITE_READY 20/max
         P read: READ_READY 20/max
         A write: WRITE_READY 20/max
         A write: WRITE_READY 30/max
         P read: READ_READY 30/max
         A write: WRITE_READY 30/max",
    );
    assert_eq!(p.read_vio().ntodo(), MAX - 30);
}

#[test]
fn a_writer_with_an_empty_buffer_is_asked_to_fill_it() {
    let (lab, a, _p, _) = connected();
    a.once(WRITE_READY, |me| {
        me.fill(&counting(30));
        me.reenable_write();
    });
    a.with(|me| me.write(30));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 30
         A event 1
         A write_side
         A write_act_on 0
         A write: WRITE_READY 0/30
         A reenable_write
         A event 1
         A write_side
         A write_act_on 30
         A write_added 30
         A write: WRITE_COMPLETE 30/30",
    );
}

#[test]
fn a_new_read_replaces_the_one_under_way() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(100));
    lab.pair(&a, &p);
    a.with(|me| me.write_now(&counting(40)));
    lab.settle();
    assert_eq!(p.read_vio().ndone(), 40);
    p.with(|me| me.read(5));
    assert_eq!((p.read_vio().ndone(), p.read_vio().nbytes()), (0, 5));
    a.with(|me| me.write_now(&counting(40)));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 40/40
         P read: READ_READY 40/100
         A write: WRITE_COMPLETE 40/40
         P read: READ_COMPLETE 5/5",
    );
}

#[test]
fn a_read_may_go_on_with_another_state_machine_under_another_mutex() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let q = lab.agent("Q");
    p.on(ACCEPT, |me| me.read(MAX));
    lab.pair(&a, &p);
    a.with(|me| me.write_now(b"for P"));
    lab.settle();
    // Both mutexes are held, so no other thread can be using the VIO.
    p.with(|old| {
        q.with(|new| {
            new.take_vc(old.vc());
            new.read(MAX);
        });
    });
    a.with(|me| me.write_now(b"for Q"));
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 5/5
         P read: READ_READY 5/max
         A write: WRITE_COMPLETE 5/5
         Q read: READ_READY 5/max",
    );
    q.with(|me| me.take());
    assert_eq!(q.received(), b"for Q");
}

#[test]
fn reenable_calls_back_on_another_stack_and_reenable_re_on_this_one() {
    let (lab, a, p, _) = reading();
    a.with(|me| me.write(MAX));
    lab.settle();
    lab.take();

    a.with(|me| {
        me.fill(b"one");
        me.reenable_write();
        me.note("back from reenable");
    });
    lab.settle();
    lab.expect_callbacks(
        "A note: back from reenable
         A write: WRITE_READY 3/max
         P read: READ_READY 3/max
         A write: WRITE_READY 3/max",
    );

    a.with(|me| {
        me.fill(b"two");
        me.reenable_re_write();
        me.note("back from reenable_re");
    });
    lab.expect_callbacks(
        "A write: WRITE_READY 6/max
         P read: READ_READY 6/max
         A note: back from reenable_re",
    );
    lab.settle();
    p.with(|me| me.take());
    assert_eq!(p.received(), b"onetwo");
}

#[test]
fn reenable_re_of_a_read_fetches_at_once_and_lets_the_writer_go_on() {
    let (lab, a, p, _) = reading();
    a.with(|me| me.write_now(&counting(70_000)));
    lab.settle();
    lab.take();
    p.with(|me| {
        me.take();
        me.reenable_re_read();
        assert_eq!(me.waiting(), 32_768);
    });
    lab.expect(
        "P reenable_re_read
         P read_side
         P read_act_on 32768
         P read_added 32768
         P read: READ_READY 65536/max
         A write_side
         A write_act_on 4464
         A write_added 4464
         A write: WRITE_COMPLETE 70000/70000
         P reenable_read",
    );
    lab.settle();
    p.with(|me| {
        me.take();
        me.reenable_read();
    });
    lab.settle();
    p.with(|me| me.take());
    assert!(p.received() == counting(70_000));
}

#[test]
fn reenable_re_inside_a_callback_calls_back_inside_it() {
    let (lab, a, _p, _) = connected();
    a.once(WRITE_READY, |me| {
        me.fill(&counting(10));
        me.note("in");
        me.reenable_re_write();
        me.note("out");
    });
    a.with(|me| me.write(MAX));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 9223372036854775807
         A event 1
         A write_side
         A write_act_on 0
         A write: WRITE_READY 0/max
         A note: in
         A reenable_re_write
         A write_side
         A write_act_on 10
         A write_added 10
         A write: WRITE_READY 10/max
         A note: out",
    );
}

#[test]
fn a_write_that_is_complete_is_done_with_until_the_next_one() {
    let (lab, a, _p, _) = connected();
    a.once(WRITE_COMPLETE, |me| me.reenable_write());
    a.with(|me| {
        me.fill(&counting(20));
        me.write(10);
    });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 10
         A event 1
         A write_side
         A write_act_on 10
         A write_added 10
         A write: WRITE_COMPLETE 10/10
         A reenable_write
         A event 1
         A write_side",
    );
}

#[test]
fn raising_nbytes_after_complete_goes_on_where_it_was() {
    let (lab, a, _p, _) = connected();
    a.once(WRITE_COMPLETE, |me| {
        me.write_vio().set_nbytes(me.guard, 20);
        me.reenable_write();
    });
    a.with(|me| {
        me.fill(&counting(20));
        me.write(10);
    });
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 10/10
         A write: WRITE_COMPLETE 20/20",
    );
}
