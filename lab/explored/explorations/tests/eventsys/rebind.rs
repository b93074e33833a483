//! `Rebindable`: a VIO's mutex changes while others read it without a lock.
//!
//! The protocol is that of `PluginVC::main_handler`: read which mutex it is, take
//! that mutex, look again.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use eventsys::sync::thread;
use eventsys::{ProxyMutex, Rebindable};

use crate::interrupted;
use explorations::explore_all;
use explorer::Explorer;

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Read {
    /// Under the mutex that the value was bound to, this value.
    Value(u32),
    /// The mutex was another one when it had been taken.
    Stale,
}

/// A value of 1 under mutex A; one thread binds it to B and makes it 2 there, the
/// other one reads it, and looks again after taking the lock if it is `careful`.
fn read_while_rebinding(careful: bool) -> Read {
    let (a, b) = (ProxyMutex::new(), ProxyMutex::new());
    let vio = Arc::new(Rebindable::unbound(Cell::new(1)));
    vio.rebind(&a.lock(), &a);
    let shared = Arc::clone(&vio);
    let rebinder = thread::spawn(move || {
        let (_old, new) = (a.lock(), b.lock());
        shared.rebind(&new, &b);
        shared.with(&new, |value| value.set(2));
    });
    let mutex = vio.mutex().expect("it is always bound");
    let guard = mutex.lock();
    let read = if careful && !vio.is_bound_to(&mutex) {
        Read::Stale
    } else {
        Read::Value(vio.with(&guard, Cell::get))
    };
    drop(guard);
    rebinder.join().expect("no panic");
    read
}

#[test]
fn a_thread_that_looks_again_after_locking_always_notices_a_stale_mutex() {
    assert_eq!(
        interrupted(2, || read_while_rebinding(true)),
        BTreeSet::from([
            Read::Value(1), // A, and it stays A while the reader holds it
            Read::Value(2), // B, after the change
            Read::Stale,    // A was read, then it changed, then A was taken
        ])
    );
}

#[test]
fn a_thread_that_does_not_look_again_is_refused_and_never_races() {
    let found = explore_all(&Explorer::new(), || read_while_rebinding(false));
    assert_eq!(found, BTreeSet::from([Read::Value(1), Read::Value(2)]));
    // A refusal is a panic.
    assert!(!found.report().violations.is_empty(), "it is refused in some schedules");
    for refused in &found.report().violations {
        let text = &refused.violation.text;
        assert!(text.contains("the guard is of ProxyMutex"), "{text}");
    }
}

#[test]
fn of_two_who_rebind_the_second_finds_it_bound_to_a_mutex_it_does_not_hold() {
    let outcomes = interrupted(2, || {
        let a = ProxyMutex::new();
        let vio = Arc::new(Rebindable::unbound(()));
        vio.rebind(&a.lock(), &a);
        let threads = [(); 2].map(|()| {
            let (vio, a) = (Arc::clone(&vio), Arc::clone(&a));
            thread::spawn(move || {
                let mine = ProxyMutex::new();
                let (_old, new) = (a.lock(), mine.lock());
                let is_bound = vio.is_bound_to(&a);
                if is_bound {
                    vio.rebind(&new, &mine);
                }
                is_bound
            })
        });
        threads.map(|thread| thread.join().expect("no panic"))
    });
    // Both hold A in turn, and only the first of them while the value is A's.
    assert_eq!(outcomes, BTreeSet::from([[true, false], [false, true]]));
}
