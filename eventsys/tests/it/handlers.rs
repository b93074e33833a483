//! The contract of handlers: which threads may call, what a handler gets, what
//! it may do.
//!
//! Proves `Continuation::handleEvent` with its release assertion (#4673), and
//! `SET_HANDLER`.

use std::cell::Cell;
use std::sync::Arc;

use eventsys::{
    ContRef, Continuation, Data, EventCode, FreeContinuation, Outcome, ProxyMutex, StateMachine,
    call,
};
use testkit::{Lab, on_foreign_thread, panic_of, while_held};

const NO_LOCK: &str = "!mutex || mutex->thread_holding == this_ethread()";

/// Counts its calls.
fn counter() -> Arc<StateMachine<Cell<u32>>> {
    StateMachine::new(ProxyMutex::new(), Cell::new(0), |count, _, _, _| {
        count.set(count.get() + 1);
        Outcome::Cont
    })
}

fn count(cont: &StateMachine<Cell<u32>>) -> u32 {
    cont.state(&cont.mutex().lock()).get()
}

#[test]
fn calling_without_the_lock_panics_in_the_words_of_the_original() {
    let cont = counter();
    let as_ref: ContRef = cont.clone();
    let called = || panic_of(|| call(&as_ref, None, EventCode(1), Data::None));
    assert_eq!(called(), NO_LOCK, "no one holds it");
    assert_eq!(while_held(cont.mutex(), called), NO_LOCK, "another thread holds it");
    assert_eq!(count(&cont), 0);
}

#[test]
fn a_guard_of_another_mutex_is_no_leave_to_call() {
    let cont = counter();
    let (as_ref, other): (ContRef, _) = (cont.clone(), ProxyMutex::new());
    let guard = other.lock();
    let text = panic_of(|| call(&as_ref, Some(&guard), EventCode(1), Data::None));
    assert_eq!((text.as_str(), count(&cont)), (NO_LOCK, 0));
}

#[test]
fn a_handler_gets_the_guard_of_its_mutex_if_it_has_one() {
    let lab = Lab::new();
    let machine = StateMachine::new(ProxyMutex::new(), Cell::new(None), |found, call, _, _| {
        let guard = call.try_guard();
        found.set(Some(guard.is_some_and(|guard| guard.is_of(call.mutex()))));
        Outcome::Done
    });
    lab.thread.schedule_imm(machine.clone());
    lab.passes(1);
    assert_eq!(machine.state(&machine.mutex().lock()).get(), Some(true));
    let free: ContRef = FreeContinuation::new(|call, _, _| {
        if call.try_guard().is_some() { Outcome::Cont } else { Outcome::Done }
    });
    assert_eq!(call(&free, None, EventCode(1), Data::None), Outcome::Done);
}

#[test]
fn a_thread_that_holds_the_lock_may_call_with_or_without_showing_the_guard() {
    let cont = counter();
    let (as_ref, other): (ContRef, _) = (cont.clone(), ProxyMutex::new());
    let (guard, wrong) = (cont.mutex().lock(), other.lock());
    for shown in [Some(&guard), None, Some(&wrong)] {
        assert_eq!(call(&as_ref, shown, EventCode(1), Data::None), Outcome::Cont);
    }
    assert_eq!(count(&cont), 3);
    assert_eq!(cont.mutex().nthread_holding(), 1, "what the calls took they gave back");
}

#[test]
fn a_continuation_without_a_mutex_may_be_called_by_anyone_and_gets_no_guard() {
    let cont: ContRef = FreeContinuation::new(|invocation, _, _| {
        assert!(invocation.try_guard().is_none());
        let _ = invocation.guard();
        Outcome::Done
    });
    let text = on_foreign_thread(|| panic_of(|| call(&cont, None, EventCode(1), Data::None)));
    assert_eq!(text, "this continuation has no mutex");
}

#[test]
fn a_handler_gets_itself_its_guard_and_the_data() {
    let cont: Arc<StateMachine<()>> =
        StateMachine::new(ProxyMutex::new(), (), |_, invocation, event, data| {
            let mutex = invocation.this().base().mutex();
            assert!(mutex.is_some_and(|mutex| invocation.guard().is_of(mutex)));
            match (event.0, data) {
                (1, Data::None) => Outcome::Done,
                (2, Data::Object(object)) if object.downcast_ref() == Some(&7_u8) => Outcome::Cont,
                (3, Data::Cookie(cookie)) if cookie.downcast_ref() == Some(&"x") => Outcome::Cont,
                (event, _) => panic!("event {event} with other data than it was sent with"),
            }
        });
    let (as_ref, guard): (ContRef, _) = (cont.clone(), cont.mutex().lock());
    let send = |event, data| call(&as_ref, Some(&guard), EventCode(event), data);
    assert_eq!(send(1, Data::None), Outcome::Done);
    assert_eq!(send(2, Data::Object(&7_u8)), Outcome::Cont);
    assert_eq!(send(3, Data::Cookie(&"x")), Outcome::Cont);
}

#[test]
fn a_new_handler_takes_the_next_event_even_one_that_is_queued_already() {
    let lab = Lab::new();
    struct Machine {
        trace: Arc<testkit::Trace>,
        this: Cell<Option<Arc<StateMachine<Machine>>>>,
    }
    let cont = StateMachine::new(
        ProxyMutex::new(),
        Machine { trace: Arc::clone(lab.trace()), this: Cell::new(None) },
        |machine, invocation, _, _| {
            let this = machine.this.take().expect("put in below, used once");
            this.set_handler(invocation.guard(), |machine, _, _, _| {
                machine.trace.note("second handler");
                Outcome::Done
            });
            machine.trace.note("first handler goes on");
            Outcome::Done
        },
    );
    cont.state(&cont.mutex().lock()).this.set(Some(Arc::clone(&cont)));
    lab.thread.schedule_imm(cont.clone());
    lab.thread.schedule_imm(cont.clone());
    lab.passes(1);
    assert_eq!(lab.take_names(), ["first handler goes on", "second handler"]);
}

#[test]
fn the_handler_and_the_state_are_out_of_reach_with_a_wrong_guard() {
    let (cont, other) = (counter(), ProxyMutex::new());
    let wrong = other.lock();
    let text = panic_of(|| cont.state(&wrong).get());
    assert!(text.starts_with("the guard is of ProxyMutex {"), "{text}");
    let text = panic_of(|| cont.set_handler(&wrong, |_, _, _, _| Outcome::Done));
    assert!(text.starts_with("the guard is of ProxyMutex {"), "{text}");
    let (as_ref, guard): (ContRef, _) = (cont.clone(), cont.mutex().lock());
    assert_eq!(call(&as_ref, Some(&guard), EventCode(1), Data::None), Outcome::Cont);
}

#[test]
fn a_handler_may_be_entered_again_while_it_runs() {
    let cont: Arc<StateMachine<Cell<u32>>> =
        StateMachine::new(ProxyMutex::new(), Cell::new(0), |depth, invocation, event, data| {
            let mine = depth.get() + 1;
            depth.set(mine);
            if mine < 5 {
                call(invocation.this(), Some(invocation.guard()), event, data);
                assert_eq!(depth.get(), 5, "what the inner call did is seen by the outer one");
            }
            Outcome::Done
        });
    let (as_ref, guard): (ContRef, _) = (cont.clone(), cont.mutex().lock());
    call(&as_ref, Some(&guard), EventCode(1), Data::None);
    assert_eq!(cont.state(&guard).get(), 5);
    assert_eq!(cont.mutex().nthread_holding(), 1);
}

#[test]
fn machines_that_share_a_mutex_may_call_each_other() {
    let lab = Lab::new();
    let mutex = ProxyMutex::new();
    let inner: ContRef = testkit::actor_under(&mutex, lab.trace(), |call| call.note("inner"));
    let outer = testkit::actor_under(&mutex, lab.trace(), move |outer| {
        outer.note("outer begins");
        call(&inner, Some(outer.guard()), EventCode(1), Data::None);
        outer.note("outer ends");
    });
    lab.thread.schedule_imm(outer);
    lab.passes(1);
    assert_eq!(lab.take_names(), ["outer begins", "inner", "outer ends"]);
}

#[test]
fn a_handler_that_panics_gives_its_mutex_back_and_the_thread_can_go_on() {
    let lab = Lab::new();
    let cont = lab.actor(|_| panic!("a handler's own"));
    lab.thread.schedule_imm(cont.clone());
    lab.thread.schedule_imm(lab.noting("next"));
    assert_eq!(panic_of(|| lab.passes(1)), "a handler's own");
    assert_eq!(cont.mutex().thread_holding(), None);
    lab.passes(1);
    assert_eq!(lab.take_names(), ["next"]);
}

#[test]
fn affinity_is_set_changed_and_cleared() {
    let cont = counter();
    let base = cont.base();
    assert_eq!(base.thread_affinity(), None);
    for index in [0, 511] {
        base.set_thread_affinity(index);
        assert_eq!(base.thread_affinity(), Some(index));
    }
    base.clear_thread_affinity();
    assert_eq!(base.thread_affinity(), None);
}
