//! Scenes for the remarks in the original's text about its own code.

use eventsys::sync::mpsc;
use explorer::{Access, name_task, note, point, spawn, violation};
use iocore::ShutdownHowTo::Read;
use iocore::{VConnection, VioOp};
use testkit::{ACCEPT, Lab, MAX, WRITE_COMPLETE, WRITE_READY};

use super::pair_options;
use crate::arms::Arms;

/// A issues a read without a buffer, which can do nothing; or, mended, issues none.
pub(super) fn an_operation_without_a_buffer(arms: &Arms) {
    name_task("event thread");
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let _core = lab.pair_with(&a, &p, pair_options(arms));
    lab.settle();
    drop(lab.take());
    if arms.mistake {
        a.with(|me| drop(me.vc().do_io_read(me.guard, Some(me.cont()), 0, None)));
    }
    lab.settle();
    if lab.take().iter().any(|step| step == "A read_side") {
        violation("needless pass", "a pass for nothing: the operation has no buffer");
    }
}

/// A writes to P. In A's callback, when the write side has found P's read side open, another
/// thread takes P's mutex, shuts the read side, and keeps the mutex. What follows need not miss
/// that mutex.
pub(super) fn a_side_that_is_shut_while_its_mutex_is_held(arms: &Arms) {
    name_task("event thread");
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let core = lab.pair_with(&a, &p, pair_options(arms));
    lab.settle();
    drop(lab.take());
    let (take_it, told) = mpsc::channel();
    let (tell, is_held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let (vc, mutex) = (core.passive_vc().expect("not freed"), p.mutex().clone());
    let reader = spawn("reader", move || {
        if told.recv().is_ok() {
            let _guard = mutex.lock();
            vc.do_io_shutdown(Read);
            note(|| "P has shut its read side, and has its mutex".to_owned());
            let _ = tell.send(());
            let _ = released.recv();
        }
    });
    let is_held = eventsys::sync::Mutex::new(is_held);
    a.once(WRITE_COMPLETE, move |_| {
        let _ = take_it.send(());
        let _ = is_held.lock().recv();
    });
    a.with(|me| me.write_now(b"x"));
    lab.passes(3);
    if lab.take().iter().any(|step| step == "P read_lock_miss") {
        violation("needless event", "a lock is missed for a side that is shut");
    }
    drop(release);
    reader.join().expect("it does not panic");
    lab.settle();
}

/// P reenables its read under its mutex while A writes to it. As long as P has its mutex, the flag
/// that this sets must stay.
pub(super) fn a_reenable_while_the_peer_writes(arms: &Arms) {
    name_task("event thread");
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let core = lab.pair_with(&a, &p, pair_options(arms));
    lab.settle();
    a.with(|me| me.write_now(b"x"));
    let vc = core.passive_vc().expect("not freed");
    let reader = spawn("reader", move || {
        p.with(|me| {
            me.reenable_read();
            note(|| "P has reenabled its read, and has its mutex".to_owned());
            if !vc.needs_process(VioOp::Read) {
                violation("lock table", "need_read_process is reset without the lock of the VIO");
            }
        });
    });
    lab.settle();
    reader.join().expect("it does not panic");
    lab.settle();
}

/// A issues a write of ten bytes and has none. When it is asked for them, it puts them into its
/// buffer; and, mended, says so.
pub(super) fn a_writer_that_fills_its_buffer_when_it_is_asked(arms: &Arms) {
    name_task("event thread");
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    let _core = lab.pair_with(&a, &p, pair_options(arms));
    lab.settle();
    let forgets = arms.mistake;
    a.once(WRITE_READY, move |me| {
        me.fill(b"0123456789");
        if !forgets {
            me.reenable_write();
        }
    });
    a.with(|me| me.write(10));
    lab.settle();
    point("bytes", Access::Read);
    let came = p.with(|me| me.take());
    if came != 10 {
        violation("bytes that stay", format!("{came} bytes of 10 have come: bytes that stay"));
    }
}
