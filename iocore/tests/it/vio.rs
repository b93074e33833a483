//! `VIO`: issuing an operation, moving it to another mutex, and the guard that
//! each part needs as a proof.

use std::sync::{Arc, Weak};

use eventsys::{ContRef, FreeContinuation, Guard, Outcome, ProxyMutex, StateMachine};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, MIOBufferAccessor, VIO, VioOp};
use testkit::panic_text;

fn machine(mutex: &Arc<ProxyMutex>) -> ContRef {
    StateMachine::new(Arc::clone(mutex), (), |_, _, _, _| Outcome::Done)
}

fn buffer(mutex: &Arc<ProxyMutex>) -> BoundBuffer {
    MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(mutex)
}

/// A VIO that writes `nbytes` bytes from a buffer that holds five.
fn writing(mutex: &Arc<ProxyMutex>, guard: &Guard<'_>, nbytes: i64) -> (VIO, IOBufferReader) {
    let (vio, buffer) = (VIO::new(), buffer(mutex));
    let reader = buffer.alloc_reader(guard).unwrap();
    buffer.write(guard, b"12345");
    let accessor = MIOBufferAccessor::Reader(reader.clone());
    vio.issue(guard, mutex, VioOp::Write, Some(machine(mutex)), nbytes, accessor);
    (vio, reader)
}

#[test]
fn a_new_vio_does_nothing_and_is_bound_to_nothing() {
    let vio = VIO::new();
    assert_eq!((vio.op(), vio.nbytes(), vio.ndone(), vio.ntodo()), (VioOp::None, 0, 0, 0));
    assert!(vio.mutex().is_none() && !vio.is_disabled());
    let mutex = ProxyMutex::new();
    let guard = mutex.lock();
    assert!(!vio.is_bound_to(&mutex));
    assert!(panic_text(|| vio.continuation(&guard)).contains("protected by"));
}

#[test]
fn issuing_sets_everything_and_begins_at_nothing_done() {
    let mutex = ProxyMutex::new();
    let guard = mutex.lock();
    let (vio, reader) = writing(&mutex, &guard, 100);
    vio.add_ndone(&guard, 40);
    assert_eq!((vio.op(), vio.nbytes(), vio.ndone(), vio.ntodo()), (VioOp::Write, 100, 40, 60));
    assert!(vio.is_bound_to(&mutex) && Arc::ptr_eq(&vio.mutex().unwrap(), &mutex));
    assert!(vio.continuation(&guard).is_some());
    assert_eq!(vio.reader(&guard).unwrap().id(), reader.id());
    assert!(vio.writer(&guard).unwrap().is(reader.buffer()));

    let again = buffer(&mutex);
    vio.issue(&guard, &mutex, VioOp::Read, None, 7, MIOBufferAccessor::Writer(again.clone()));
    assert_eq!((vio.op(), vio.nbytes(), vio.ndone()), (VioOp::Read, 7, 0));
    assert!(vio.continuation(&guard).is_none());
    assert!(vio.reader(&guard).is_none(), "a read has no reader");
    assert!(vio.writer(&guard).unwrap().is(&again));
}

#[test]
fn what_is_left_of_an_unknown_length_does_not_overflow() {
    let mutex = ProxyMutex::new();
    let guard = mutex.lock();
    let (vio, _) = writing(&mutex, &guard, i64::MAX);
    assert_eq!(vio.ntodo(), i64::MAX);
    vio.add_ndone(&guard, 1);
    assert_eq!(vio.ntodo(), i64::MAX - 1);
    vio.set_ndone(&guard, 5);
    vio.add_ndone(&guard, 1);
    assert_eq!((vio.ndone(), vio.ntodo()), (6, i64::MAX - 6));
    vio.set_ndone(&guard, 1);
    vio.set_nbytes(&guard, 0);
    assert_eq!(vio.ntodo(), -1, "the user may ask for less than is done");
}

#[test]
fn done_means_that_what_the_buffer_holds_is_all() {
    let mutex = ProxyMutex::new();
    let guard = mutex.lock();
    let (vio, reader) = writing(&mutex, &guard, i64::MAX);
    vio.add_ndone(&guard, 10);
    vio.done(&guard);
    assert_eq!((vio.nbytes(), vio.ntodo()), (15, 5));
    reader.consume(&guard, 5);
    vio.done(&guard);
    assert_eq!((vio.nbytes(), vio.ntodo()), (10, 0));
    // Without a reader there is nothing left to do.
    vio.issue(&guard, &mutex, VioOp::Read, None, 7, MIOBufferAccessor::Writer(buffer(&mutex)));
    vio.add_ndone(&guard, 3);
    vio.done(&guard);
    assert_eq!(vio.nbytes(), 3);
}

#[test]
fn the_guard_must_be_of_the_mutex_to_bind_to() {
    let (mutex, other) = (ProxyMutex::new(), ProxyMutex::new());
    let wrong = other.lock();
    let vio = VIO::new();
    let text =
        panic_text(|| vio.issue(&wrong, &mutex, VioOp::Read, None, 1, MIOBufferAccessor::None));
    assert!(text.contains("the guard is not of the mutex to bind to"), "{text}");
    assert_eq!(vio.op(), VioOp::None);
}

#[test]
fn moving_to_another_mutex_takes_both() {
    let (old, new) = (ProxyMutex::new(), ProxyMutex::new());
    let old_guard = old.lock();
    let (vio, _) = writing(&old, &old_guard, 1);
    let new_guard = new.lock();
    // With both held the VIO moves, and the old guard is no proof any more.
    vio.issue(&new_guard, &new, VioOp::Write, Some(machine(&new)), 2, MIOBufferAccessor::None);
    assert!(vio.is_bound_to(&new) && !vio.is_bound_to(&old));
    assert!(panic_text(|| vio.continuation(&old_guard)).contains("protected by"));
    drop(new_guard);
    // Back again without the new one: refused, and nothing changes.
    let text =
        panic_text(|| vio.issue(&old_guard, &old, VioOp::Read, None, 3, MIOBufferAccessor::None));
    assert!(text.contains("the thread must hold the old mutex too"), "{text}");
    assert_eq!((vio.op(), vio.nbytes()), (VioOp::Write, 2));
    assert!(vio.continuation(&new.lock()).is_some());
}

#[test]
fn a_buffer_of_another_mutex_is_refused_before_anything_changes() {
    let (mutex, other) = (ProxyMutex::new(), ProxyMutex::new());
    let guard = mutex.lock();
    let (vio, _) = writing(&mutex, &guard, 9);
    let foreign = buffer(&other);
    let accessor = MIOBufferAccessor::Writer(foreign.clone());
    let text = panic_text(|| vio.issue(&guard, &mutex, VioOp::Read, None, 1, accessor));
    assert!(text.starts_with("the buffer is bound to"), "{text}");
    assert!(panic_text(|| vio.set_writer(&guard, &foreign)).starts_with("the buffer is bound"));
    let reader = foreign.alloc_reader(&other.lock()).unwrap();
    assert!(panic_text(|| vio.set_reader(&guard, &reader)).starts_with("the buffer is bound"));
    assert_eq!((vio.op(), vio.nbytes()), (VioOp::Write, 9));
    assert!(vio.reader(&guard).is_some());
}

#[test]
fn the_buffer_may_be_changed_while_the_operation_is_under_way() {
    let mutex = ProxyMutex::new();
    let guard = mutex.lock();
    let (vio, _) = writing(&mutex, &guard, 9);
    let other = buffer(&mutex);
    let reader = other.alloc_reader(&guard).unwrap();
    vio.set_reader(&guard, &reader);
    assert!(vio.reader(&guard).unwrap().buffer().is(&other));
    vio.set_writer(&guard, &other);
    assert!(vio.reader(&guard).is_none() && vio.writer(&guard).unwrap().is(&other));
    assert_eq!((vio.nbytes(), vio.ndone()), (9, 0));
}

#[test]
fn set_continuation_moves_the_vio_to_its_mutex() {
    let (old, new) = (ProxyMutex::new(), ProxyMutex::new());
    let vio = VIO::new();
    let old_guard = old.lock();
    vio.issue(&old_guard, &old, VioOp::Read, Some(machine(&old)), 5, MIOBufferAccessor::None);
    let next = machine(&new);
    let new_guard = new.lock();
    vio.set_continuation(&new_guard, Arc::clone(&next));
    assert!(vio.is_bound_to(&new));
    assert!(Arc::ptr_eq(&vio.continuation(&new_guard).unwrap(), &next));
    assert_eq!((vio.op(), vio.nbytes()), (VioOp::Read, 5));
}

#[test]
fn set_continuation_refuses_what_do_io_would_refuse() {
    let (old, new) = (ProxyMutex::new(), ProxyMutex::new());
    let old_guard = old.lock();
    let (vio, _) = writing(&old, &old_guard, 5);
    let new_guard = new.lock();
    // Its buffer stays under the old mutex.
    let text = panic_text(|| vio.set_continuation(&new_guard, machine(&new)));
    assert!(text.starts_with("the buffer is bound to"), "{text}");
    let free: ContRef = FreeContinuation::new(|_, _, _| Outcome::Done);
    let text = panic_text(|| vio.set_continuation(&new_guard, free));
    assert_eq!(text, "a VIO's continuation has a mutex");
    assert!(vio.is_bound_to(&old) && vio.continuation(&old_guard).is_some());
}

#[test]
fn every_change_asks_for_a_guard_of_the_bound_mutex() {
    let (mutex, other) = (ProxyMutex::new(), ProxyMutex::new());
    let guard = mutex.lock();
    let (vio, _) = writing(&mutex, &guard, 5);
    let wrong = other.lock();
    let numbers: [&dyn Fn(); 3] =
        [&|| vio.check(&wrong), &|| vio.set_nbytes(&wrong, 1), &|| vio.add_ndone(&wrong, 1)];
    for (i, wrong_use) in numbers.iter().enumerate() {
        let text = panic_text(wrong_use);
        assert_eq!(text, "vio->mutex->thread_holding == this_ethread()", "use {i}");
    }
    let references: [&dyn Fn(); 5] = [
        &|| vio.done(&wrong),
        &|| drop(vio.continuation(&wrong)),
        &|| drop(vio.writer(&wrong)),
        &|| drop(vio.reader(&wrong)),
        &|| vio.release(&wrong),
    ];
    for (i, wrong_use) in references.iter().enumerate() {
        assert!(panic_text(wrong_use).starts_with("the guard is of"), "use {i}");
    }
    vio.check(&guard);
    assert_eq!((vio.nbytes(), vio.ndone()), (5, 0));
}

#[test]
fn releasing_lets_go_of_continuation_and_buffer_and_keeps_the_numbers() {
    let mutex = ProxyMutex::new();
    let guard = mutex.lock();
    let (vio, _) = writing(&mutex, &guard, 5);
    vio.add_ndone(&guard, 2);
    let cont: Weak<_> = Arc::downgrade(&vio.continuation(&guard).unwrap());
    vio.release(&guard);
    assert_eq!(cont.strong_count(), 0, "the VIO kept its state machine");
    assert!(vio.continuation(&guard).is_none() && vio.writer(&guard).is_none());
    assert_eq!((vio.op(), vio.nbytes(), vio.ndone()), (VioOp::Write, 5, 2));
    assert!(vio.is_bound_to(&mutex));
}

#[test]
fn who_is_called_back_stays_alive_for_the_call_and_no_longer() {
    let mutex = ProxyMutex::new();
    let guard = mutex.lock();
    let (vio, _) = writing(&mutex, &guard, 5);
    let cont: Weak<_> = Arc::downgrade(&vio.continuation(&guard).unwrap());
    for _ in 0..3 {
        // An inner callback gets a reference of its own.
        vio.with_continuation(&guard, |outer| {
            vio.with_continuation(&guard, |inner| {
                assert!(Arc::ptr_eq(outer.unwrap(), inner.unwrap()));
            });
        });
        assert_eq!(cont.strong_count(), 2, "one for the VIO, one to lend");
    }
    let next = machine(&mutex);
    vio.with_continuation(&guard, |called| {
        vio.issue(&guard, &mutex, VioOp::Write, Some(next.clone()), 5, MIOBufferAccessor::None);
        assert_eq!(cont.strong_count(), 1, "the call has the last reference");
        assert!(called.unwrap().base().mutex().is_some());
    });
    assert_eq!(cont.strong_count(), 0);
    vio.with_continuation(&guard, |called| assert!(Arc::ptr_eq(called.unwrap(), &next)));
    let calls = vio.with_continuation(&guard, |called| {
        vio.release(&guard);
        called.is_some()
    });
    assert!(calls && Arc::strong_count(&next) == 1, "the VIO has let go of it");
    assert!(vio.with_continuation(&guard, |called| called.is_none()));
}

#[test]
fn a_callback_may_move_the_vio_to_another_mutex() {
    let (old, new) = (ProxyMutex::new(), ProxyMutex::new());
    let old_guard = old.lock();
    let (vio, _) = writing(&old, &old_guard, 5);
    let cont: Weak<_> = Arc::downgrade(&vio.continuation(&old_guard).unwrap());
    let new_guard = new.lock();
    vio.with_continuation(&old_guard, |_| {
        vio.issue(&new_guard, &new, VioOp::Write, Some(machine(&new)), 5, MIOBufferAccessor::None);
    });
    assert_eq!(cont.strong_count(), 0, "what was lent is not given back to another's VIO");
}

#[test]
fn issuing_anew_drops_the_old_state_machine_outside() {
    // Its `drop` may use the VIO: it must not run while the VIO is in use.
    struct UsesVioWhenDropped(Arc<VIO>, Arc<ProxyMutex>);
    impl Drop for UsesVioWhenDropped {
        fn drop(&mut self) {
            assert!(self.0.continuation(&self.1.lock()).is_none());
        }
    }
    let mutex = ProxyMutex::new();
    let guard = mutex.lock();
    let vio = Arc::new(VIO::new());
    let state = UsesVioWhenDropped(Arc::clone(&vio), Arc::clone(&mutex));
    let cont: ContRef = StateMachine::new(Arc::clone(&mutex), state, |_, _, _, _| Outcome::Done);
    vio.issue(&guard, &mutex, VioOp::Read, Some(cont), 1, MIOBufferAccessor::None);
    vio.issue(&guard, &mutex, VioOp::Read, None, 1, MIOBufferAccessor::None);
    assert_eq!(Arc::strong_count(&vio), 1);
}

#[test]
fn the_disabled_mark_is_only_a_mark() {
    let vio = VIO::new();
    vio.disable();
    assert!(vio.is_disabled());
}
