//! What the calling contract says, and what a breach of it causes: a panic with
//! a clear text, never undefined behaviour.

use eventsys::{ContRef, EventCode, FreeContinuation, Outcome, ProxyMutex, call};
use eventsys::{Data, mutex::census};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{ShutdownHowTo, VConnection, VioOp};
use testkit::{Lab, MAX, READ_READY, on_foreign_thread, panic_text};

use crate::common::{connected, reading};

#[test]
fn a_guard_of_another_mutex_is_refused_by_do_io() {
    let (_lab, a, p, _) = connected();
    let vc = a.vc();
    let text = p.with(|other| panic_text(|| vc.do_io_read(other.guard, Some(a.cont()), 1, None)));
    assert!(text.contains("the guard is not of the mutex to bind to"), "{text}");
}

#[test]
fn a_guard_of_another_mutex_is_refused_by_reenable() {
    let (_lab, a, p, _) = connected();
    a.with(|me| me.write(MAX));
    let vio = a.write_vio();
    p.with(|other| {
        let text = "vio->mutex->thread_holding == this_ethread()";
        assert_eq!(panic_text(|| vio.reenable(other.guard)), text);
        assert_eq!(panic_text(|| vio.reenable_re(other.guard)), text);
    });
    assert_eq!(census::held(), []);
}

#[test]
fn a_vio_without_an_operation_cannot_be_reenabled() {
    let (_lab, a, _p, _) = connected();
    let vc = a.vc();
    a.with(|me| {
        let text = panic_text(|| vc.reenable(me.guard, VioOp::Write));
        assert_eq!(text, "vio->mutex->thread_holding == this_ethread()");
        let text = panic_text(|| vc.vio(VioOp::None));
        assert_eq!(text, "op == VIO::READ || op == VIO::WRITE");
    });
}

#[test]
fn a_buffer_that_is_bound_to_another_mutex_is_refused() {
    let (lab, a, _p, _) = connected();
    let foreign = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(&ProxyMutex::new());
    let vc = a.vc();
    a.with(|me| {
        let text = panic_text(|| vc.do_io_read(me.guard, Some(a.cont()), 1, Some(&foreign)));
        assert!(text.starts_with("the buffer is bound to"), "{text}");
    });
    // The call has started nothing.
    assert_eq!(vc.vio(VioOp::Read).op(), VioOp::None);
    lab.settle();
    assert_eq!(lab.take().len(), 2, "create and accept");
}

#[test]
fn a_vio_cannot_be_moved_to_another_mutex_without_the_old_one() {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    let b = lab.agent("B");
    lab.pair(&a, &p);
    a.with(|me| me.read(MAX));
    let vc = a.vc();
    b.with(|me| {
        me.take_vc(vc);
        let text = panic_text(|| me.read(MAX));
        assert!(text.contains("the thread must hold the old mutex too"), "{text}");
    });
    // A is not disturbed.
    p.with(|me| me.write_now(b"x"));
    lab.settle();
    assert_eq!((a.calls(), b.calls()), (1, 0));
}

#[test]
fn a_continuation_without_a_mutex_cannot_do_io() {
    let (_lab, _a, _p, core) = connected();
    let free: ContRef = FreeContinuation::new(|_, _, _| Outcome::Done);
    let guard = core.mutex().lock();
    let vc = core.active_vc().unwrap();
    let text = panic_text(|| vc.do_io_read(&guard, Some(free), 1, None));
    assert!(text.contains("a continuation that does I/O on a PluginVC has a mutex"), "{text}");
}

/// The debug assertions of the original: there, as here, a release build goes on.
#[cfg(debug_assertions)]
#[test]
fn every_use_after_the_close_is_an_assertion() {
    let (_lab, a, _p, _) = connected();
    a.with(|me| {
        me.read(MAX);
        me.write(MAX);
    });
    let (vc, read, write) = (a.vc(), a.read_vio(), a.write_vio());
    vc.do_io_close(None);
    a.with(|me| {
        let uses: [&dyn Fn(); 6] = [
            &|| me.read(1),
            &|| me.write(1),
            &|| read.reenable(me.guard),
            &|| write.reenable_re(me.guard),
            &|| vc.do_io_close(None),
            &|| vc.do_io_shutdown(ShutdownHowTo::Read),
        ];
        for (i, use_) in uses.iter().enumerate() {
            assert_eq!(panic_text(use_), "!closed", "use {i}");
        }
    });
}

/// In a release build a second close does nothing, as in the original.
#[cfg(not(debug_assertions))]
#[test]
fn a_second_close_does_nothing() {
    let (lab, a, p, core) = connected();
    a.vc().do_io_close(None);
    a.close();
    p.close();
    lab.settle();
    lab.expect_nothing_left(core);
}

#[test]
fn an_event_for_a_freed_pair_panics_with_the_originals_text() {
    let (lab, a, p, core) = connected();
    let vc = core.active_vc().unwrap();
    a.close();
    p.close();
    lab.settle();
    assert!(core.is_freed());
    let cont: ContRef = vc;
    let guard = core.mutex().lock();
    let text = panic_text(|| call(&cont, Some(&guard), EventCode::EVENT_IMMEDIATE, Data::None));
    assert_eq!(text, "magic == PLUGIN_VC_MAGIC_ALIVE");
}

#[test]
fn events_that_are_none_of_its_own_are_refused() {
    let (lab, _a, _p, core) = connected();
    let cont: ContRef = core.active_vc().unwrap();
    let guard = core.mutex().lock();
    let text = panic_text(|| call(&cont, Some(&guard), EventCode::EVENT_CALL, Data::None));
    assert_eq!(text, "event == EVENT_INTERVAL || event == EVENT_IMMEDIATE");
    let text = panic_text(|| call(&cont, Some(&guard), EventCode::EVENT_IMMEDIATE, Data::None));
    assert_eq!(text, "data != nullptr");
    drop(guard);
    // An event that other code has scheduled on the connection.
    lab.processor.schedule_imm(cont, eventsys::ET_CALL);
    assert_eq!(panic_text(|| lab.settle()), "call_event == core_lock_retry_event");
}

#[test]
fn an_end_is_not_called_without_the_core_mutex() {
    let (_lab, _a, _p, core) = connected();
    let cont: ContRef = core.active_vc().unwrap();
    let text = panic_text(|| call(&cont, None, EventCode::EVENT_IMMEDIATE, Data::None));
    assert_eq!(text, "!mutex || mutex->thread_holding == this_ethread()");
}

/// A user that still has an end of a freed pair, or a VIO of it, may drop it at
/// any time and on any thread.
#[test]
fn an_end_may_outlive_its_pair() {
    let (lab, a, p, core) = reading();
    p.on(READ_READY, |me| {
        me.take();
    });
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    let (vc, vio) = (a.vc(), p.read_vio());
    a.close();
    p.close();
    lab.settle();
    assert!(core.is_freed());
    drop(core);
    assert_eq!((vio.ndone(), vio.op()), (1, VioOp::Read));
    assert!(vc.get_local_addr().is_none());
    on_foreign_thread(move || drop((vc, vio)));
    lab.expect_quiet();
}
