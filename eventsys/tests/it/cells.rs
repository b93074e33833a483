//! Cells that a mutex protects: a wrong proof is a panic, never a race.
//!
//! Proves `Guarded` and `Rebindable` from the outside. What the compiler forbids
//! (a guard or a reference that leaves its thread or outlives its proof) has no
//! test here: such code does not compile.

use std::cell::Cell;
use std::sync::Arc;

use eventsys::{Guarded, ProxyMutex, Rebindable};
use testkit::{panic_of, while_held};

fn is_wrong_guard(text: &str) -> bool {
    text.starts_with("the guard is of ProxyMutex {") && text.contains("but the value is protected")
}

#[test]
fn a_guarded_value_is_reached_with_any_guard_of_its_mutex_and_no_other() {
    let (mine, other) = (ProxyMutex::new(), ProxyMutex::new());
    let mut value = Guarded::new(Arc::clone(&mine), Cell::new(1));
    assert!(Arc::ptr_eq(value.mutex(), &mine));
    let (first, wrong) = (mine.lock(), other.lock());
    let second = first.again();
    value.get(&first).set(2);
    drop(first);
    assert_eq!(value.get(&second).get(), 2);
    let text = panic_of(|| value.get(&wrong).set(3));
    assert!(is_wrong_guard(&text), "{text}");
    assert_eq!(value.get_mut().get(), 2, "exclusive access to the cell needs no guard");
}

#[test]
fn an_unbound_value_cannot_be_reached() {
    let (value, mutex) = (Rebindable::unbound(Cell::new(1)), ProxyMutex::new());
    let guard = mutex.lock();
    assert!(value.mutex().is_none() && !value.is_bound_to(&mutex));
    let text = panic_of(|| value.with(&guard, Cell::get));
    assert!(is_wrong_guard(&text), "{text}");
}

#[test]
fn a_bound_value_is_reached_with_a_guard_of_the_mutex_it_is_bound_to_now() {
    let (value, a, b) = (Rebindable::unbound(Cell::new(1)), ProxyMutex::new(), ProxyMutex::new());
    let (guard_a, guard_b) = (a.lock(), b.lock());
    value.rebind(&guard_a, &a);
    assert!(value.is_bound_to(&a) && value.mutex().is_some_and(|now| Arc::ptr_eq(&now, &a)));
    value.with(&guard_a, |value| value.set(2));
    value.rebind(&guard_b, &b);
    assert_eq!(value.with(&guard_b, Cell::get), 2);
    let text = panic_of(|| value.with(&guard_a, Cell::get));
    assert!(is_wrong_guard(&text), "the old mutex has lost its power: {text}");
}

#[test]
fn binding_needs_a_guard_of_the_mutex_to_bind_to() {
    let (value, a, b) = (Rebindable::unbound(()), ProxyMutex::new(), ProxyMutex::new());
    let guard_a = a.lock();
    let text = panic_of(|| value.rebind(&guard_a, &b));
    assert_eq!(text, "the guard is not of the mutex to bind to");
    assert!(value.mutex().is_none());
}

#[test]
fn rebinding_needs_the_old_mutex_too() {
    let (value, a, b) = (Rebindable::unbound(()), ProxyMutex::new(), ProxyMutex::new());
    value.rebind(&a.lock(), &a);
    let guard_b = b.lock();
    let rebind = || panic_of(|| value.rebind(&guard_b, &b));
    // Free or held by another thread, which may be using the value right now: both
    // are refused.
    for text in [rebind(), while_held(&a, rebind)] {
        assert!(text.starts_with("cannot move the value from ProxyMutex {"), "{text}");
        assert!(text.ends_with("the thread must hold the old mutex too"), "{text}");
    }
    assert!(value.is_bound_to(&a));
    let _guard_a = a.lock();
    assert_eq!(rebind(), "no panic");
    assert!(value.is_bound_to(&b));
}

#[test]
fn binding_to_the_same_mutex_again_changes_nothing() {
    let (value, a) = (Rebindable::unbound(Cell::new(1)), ProxyMutex::new());
    let guard = a.lock();
    value.rebind(&guard, &a);
    value.with(&guard, |inner| {
        value.rebind(&guard, &a); // even while it is in use
        inner.set(2);
    });
    assert_eq!(value.with(&guard, Cell::get), 2);
}

#[test]
fn a_value_in_use_cannot_be_rebound() {
    let (value, a, b) = (Rebindable::unbound(Cell::new(1)), ProxyMutex::new(), ProxyMutex::new());
    let (guard_a, guard_b) = (a.lock(), b.lock());
    value.rebind(&guard_a, &a);
    let text = value.with(&guard_a, |_| {
        value.with(&guard_a, |_| ()); // a use that has ended does not count
        panic_of(|| value.rebind(&guard_b, &b))
    });
    assert!(text.contains("the value is in use"), "{text}");
    assert!(value.is_bound_to(&a));
    // A use that ends by a panic has ended.
    assert_eq!(panic_of(|| value.with(&guard_a, |_| panic!("a user's own"))), "a user's own");
    value.rebind(&guard_b, &b);
    assert!(value.is_bound_to(&b));
}
