//! Open in 9.1.3: a callback moves an operation to another mutex.
//!
//! Of the deadlock of a write callback that moves its VIO to another mutex M2, only
//! the correction is here: `process_write_side` ends in `vio.reenable()`, which waits
//! for M2 with C held, and a thread that holds M2 and closes waits for C. The port
//! has it too (`Half::reenable_caller`), and a test of it would not end.

use eventsys::sync::Mutex;
use std::sync::Arc;

use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use pluginvc::{Corrections, PluginVCCore};
use testkit::{ACCEPT, Lab, MAX, READ_READY, panic_text};

/// The reader's callback moves A's write to O, whose mutex another thread takes at once. The
/// original waits for it with the core mutex held; a thread that has O's mutex and closes would
/// wait for the core mutex. With the try-lock the write goes on 10 ms later.
#[test]
fn open_5_corrected_a_write_that_the_peers_callback_moves_is_tried_again_later() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let o = lab.agent("O");
    p.on(ACCEPT, |me| me.read(MAX));
    let correct = Corrections { reenable_tries: true, ..Corrections::default() };
    lab.corrected_pair(&a, &p, correct);
    lab.settle();
    let held = Arc::new(Mutex::new(None));
    let (vc, new, busy) = (a.vc(), o.clone(), Arc::clone(&held));
    p.once(READ_READY, move |_| {
        new.with(|me| {
            me.take_vc(vc.clone());
            me.write_now(b"yz");
        });
        *busy.lock() = Some(testkit::hold(new.mutex()));
    });
    lab.take();
    a.with(|me| me.write_now(b"x"));
    lab.run_ms(5);
    lab.expect_callbacks("A write: WRITE_COMPLETE 1/1\nP read: READ_READY 1/max");
    drop(held.lock().take());
    lab.settle();
    lab.expect_callbacks("O write: WRITE_COMPLETE 2/2\nP read: READ_READY 3/max");
}

/// The passive end reads, and its callback issues a write for another state machine, under another
/// mutex than the one that the handler has taken for the write side.
fn write_side_changes_hands(lab: &Lab, corrections: Corrections) -> Arc<PluginVCCore> {
    let (a, p) = lab.agents();
    let other = lab.agent("O");
    let core = lab.corrected_pair(&a, &p, corrections);
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    p.once(READ_READY, move |me| {
        let guard = other.mutex().lock();
        let empty = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(other.mutex());
        let reader = empty.alloc_reader(&guard).unwrap();
        me.vc().do_io_write(&guard, Some(other.cont()), 1, Some(&reader));
    });
    p.with(|me| me.read(MAX));
    core
}

/// Open in every release since PR #4746: the handler does not look again at the
/// mutex of the write side, and calls back without it.
#[test]
fn open_4_a_callback_that_moves_the_write_side_to_another_mutex_is_an_assertion() {
    let lab = Lab::new();
    let _core = write_side_changes_hands(&lab, Corrections::default());
    let text = panic_text(|| lab.settle());
    assert_eq!(text, "!mutex || mutex->thread_holding == this_ethread()");
}

#[test]
fn open_4_corrected_the_new_mutex_is_taken() {
    let lab = Lab::new();
    let correct = Corrections { look_again: true, ..Corrections::default() };
    let _core = write_side_changes_hands(&lab, correct);
    lab.settle();
    lab.expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 1/1
         P read: READ_READY 1/max
         O write: WRITE_READY 0/1",
    );
}

/// The same where the write side was the reader's own before: the guard that the handler
/// has taken for it is not the operation's any more.
#[test]
fn open_4_corrected_the_mutex_that_the_write_side_had_is_not_used_any_more() {
    for look_again in [false, true] {
        let lab = Lab::new();
        let (a, p) = lab.agents();
        let other = lab.agent("O");
        let corrections = Corrections { look_again, ..Corrections::default() };
        lab.corrected_pair(&a, &p, corrections);
        a.with(|me| me.write_now(b"x"));
        p.with(|me| me.write(MAX));
        lab.settle();
        lab.take();
        p.once(READ_READY, move |me| {
            let vc = me.vc();
            other.with(|me| {
                me.take_vc(vc);
                me.write(1);
            });
        });
        p.with(|me| {
            me.read(MAX);
            me.reenable_write();
        });
        if look_again {
            lab.settle();
            lab.expect_callbacks(
                "P read: READ_READY 1/max
                 O write: WRITE_READY 0/1",
            );
        } else {
            let text = panic_text(|| lab.settle());
            assert_eq!(text, "!mutex || mutex->thread_holding == this_ethread()");
        }
    }
}
