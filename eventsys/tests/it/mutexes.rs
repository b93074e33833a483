//! What a `ProxyMutex` says about itself: which thread holds it, and how often.
//!
//! The original reads `thread_holding` without the lock, in `PluginVC::main_handler`
//! and in `assign_affinity_by_type`, so each thread must see the same answer.

use eventsys::ProxyMutex;
use testkit::{Lab, on_foreign_thread};

#[test]
fn a_mutex_names_its_holder_to_every_thread_and_is_silent_when_free() {
    let mutex = ProxyMutex::new();
    assert_eq!(mutex.thread_holding(), None);
    let guard = mutex.lock();
    let me = mutex.thread_holding();
    assert!(me.is_some());
    assert_eq!(on_foreign_thread(|| mutex.thread_holding()), me);
    drop(guard);
    assert_eq!(mutex.thread_holding(), None);
    let other = on_foreign_thread(|| {
        let _guard = mutex.lock();
        mutex.thread_holding()
    });
    assert!(other.is_some() && other != me, "{other:?} and {me:?} are two threads");
}

/// `Thread::Thread` takes the mutex once and then adds `THREAD_MUTEX_THREAD_HOLDING`.
#[test]
fn a_threads_own_mutex_counts_from_far_below_zero() {
    let lab = Lab::new();
    let mutex = lab.thread.mutex();
    assert_eq!(mutex.nthread_holding(), 1 - 1024 * 1024);
    let guard = mutex.lock();
    assert_eq!(mutex.nthread_holding(), 2 - 1024 * 1024);
    drop(guard);
    assert_eq!(mutex.nthread_holding(), 1 - 1024 * 1024);
}
