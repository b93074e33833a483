//! Open in 9.1.3: an operation without a continuation or without a buffer is a null pointer.

use std::sync::Arc;

use eventsys::hrtime::mseconds;
use iocore::VConnection;
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use pluginvc::{Corrections, PluginVCCore};
use testkit::{Agent, Lab, MAX, panic_text};

fn null_write(lab: &Lab, corrections: Corrections) -> Arc<PluginVCCore> {
    let (a, p) = lab.agents();
    let core = lab.corrected_pair(&a, &p, corrections);
    let guard = core.mutex().lock();
    core.active_vc().unwrap().do_io_write(&guard, None, MAX, None);
    drop(guard);
    core
}

/// `do_io_write()` with its defaults has no continuation, no buffer and INT64_MAX
/// bytes to write; the first pass of the write side crashed.
#[test]
fn gh_11961_a_write_of_everything_from_nothing_is_a_null_pointer() {
    let lab = Lab::new();
    let _core = null_write(&lab, Corrections::default());
    let text = panic_text(|| lab.settle());
    assert!(text.starts_with("do_io_write without a reader: "), "{text}");
}

#[test]
fn gh_11961_corrected_it_does_nothing() {
    let lab = Lab::new();
    let core = null_write(&lab, Corrections { null_do_io: true, ..Corrections::default() });
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_write 9223372036854775807
         A event 1
         A write_side",
    );
    drop(core);
}

/// Corrected, an operation wants both: a continuation and a buffer.
#[test]
fn gh_11961_corrected_a_write_with_only_one_of_the_two_does_nothing_either() {
    for has_cont in [true, false] {
        let lab = Lab::new();
        let (a, p) = lab.agents();
        let correct = Corrections { null_do_io: true, ..Corrections::default() };
        let core = lab.corrected_pair(&a, &p, correct);
        let mutex = if has_cont { a.mutex() } else { core.mutex() };
        let guard = mutex.lock();
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(mutex);
        let reader = buffer.alloc_reader(&guard).unwrap();
        buffer.write(&guard, b"x");
        let (cont, reader) = if has_cont { (Some(a.cont()), None) } else { (None, Some(&reader)) };
        core.active_vc().unwrap().do_io_write(&guard, cont, MAX, reader);
        drop(guard);
        lab.settle();
        lab.expect(
            "- create
             P got: NET_EVENT_ACCEPT
             A do_io_write 9223372036854775807
             A event 1
             A write_side",
        );
    }
}

fn null_read(lab: &Lab, corrections: Corrections) -> (Agent, Arc<PluginVCCore>) {
    let (a, p) = lab.agents();
    let core = lab.corrected_pair(&a, &p, corrections);
    let guard = core.mutex().lock();
    core.active_vc().unwrap().do_io_read(&guard, None, MAX, None);
    drop(guard);
    (p, core)
}

/// The same for a read: it says nothing until bytes or a timeout come.
#[test]
fn gh_12561_a_timeout_of_a_read_without_a_continuation_is_a_null_pointer() {
    let lab = Lab::new();
    let (_p, core) = null_read(&lab, Corrections::default());
    lab.settle();
    use iocore::NetVConnection;
    core.active_vc().unwrap().set_active_timeout(mseconds(20));
    let text = panic_text(|| lab.settle());
    assert!(text.starts_with("do_io without a continuation: "), "{text}");
}

#[test]
fn gh_12561_bytes_for_a_read_without_a_buffer_are_a_null_pointer() {
    let lab = Lab::new();
    let (p, _core) = null_read(&lab, Corrections::default());
    p.with(|me| me.write_now(b"x"));
    let text = panic_text(|| lab.settle());
    assert!(text.starts_with("do_io_read without a buffer: "), "{text}");
}

#[test]
fn gh_12561_corrected_bytes_wait_and_the_timeout_is_dropped() {
    let lab = Lab::new();
    let (p, core) = null_read(&lab, Corrections { null_do_io: true, ..Corrections::default() });
    use iocore::NetVConnection;
    core.active_vc().unwrap().set_active_timeout(mseconds(20));
    p.with(|me| me.write_now(b"x"));
    lab.settle();
    lab.expect(
        "- create
         P got: NET_EVENT_ACCEPT
         A do_io_read 9223372036854775807
         P do_io_write 1
         A event 1
         A read_side
         A read_act_on 0
         P event 1
         P write_side
         P write_act_on 1
         P write_added 1
         P write: WRITE_COMPLETE 1/1
         A read_side
         A read_act_on 1
         A event 2",
    );
    lab.expect_quiet();
}
