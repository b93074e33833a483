//! An execution leaves nothing behind.

use std::sync::Arc;

use explorer::Explorer;
use explorer::sync::atomic::{AtomicU32, Ordering::SeqCst};
use explorer::sync::{Mutex, thread};

explorer::thread_local! {
    static OF_A_THREAD: Vec<u8> = vec![0; 100_000];
}

explorer::global! {
    static OF_AN_EXECUTION: Mutex<Vec<u8>> = Mutex::new(vec![0; 100_000]);
}

/// Threads, values of threads and of the execution; every second schedule ends in a violation.
fn scene() {
    let count = Arc::new(AtomicU32::new(0));
    let work = |count: &AtomicU32| {
        OF_A_THREAD.with(Vec::len);
        OF_AN_EXECUTION.with(|value| value.lock().push(1));
        count.store(count.load(SeqCst) + 1, SeqCst);
    };
    let its = Arc::clone(&count);
    let other = thread::spawn(move || work(&its));
    work(&count);
    assert_eq!(count.load(SeqCst) % 2, 1);
    other.join().unwrap();
}

/// The memory of this process that is in use, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn run(schedules: u64) -> u64 {
    let explorer = Explorer::new().strategy(explorer::Strategy::Random).all(true);
    let report = explorer.schedules(schedules).explore(scene);
    assert_eq!(report.schedules, schedules);
    resident()
}

/// `cargo test --release -p explorations --test explorer memory -- --ignored`: half a minute.
#[test]
#[ignore = "a million executions"]
fn a_million_executions_need_no_more_memory_than_a_thousand() {
    let (few, many) = (run(1_000), run(1_000_000));
    println!("after 1,000: {few} KiB, after 1,001,000: {many} KiB");
    assert!(many < few + 50 * 1024, "{few} KiB, then {many} KiB");
}

#[test]
fn a_value_of_a_thread_or_of_an_execution_is_dropped_with_it() {
    static ALIVE: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);
    struct Counted;
    impl Counted {
        fn new() -> Counted {
            ALIVE.fetch_add(1, SeqCst);
            Counted
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, SeqCst);
        }
    }
    explorer::thread_local! {
        static LOCAL: Counted = Counted::new();
    }
    explorer::global! {
        static GLOBAL: Counted = Counted::new();
    }
    let use_both = || {
        LOCAL.with(|_| ());
        GLOBAL.with(|_| ());
    };
    let report = Explorer::new().bound(1).all(true).explore(move || {
        let other = thread::spawn(use_both);
        use_both();
        other.join().unwrap();
        assert_eq!(ALIVE.load(SeqCst), 2, "that of this thread, and that of the execution");
        explorer::violation("end", "also a thread that is left drops its value");
    });
    assert_eq!(report.violations.len(), 1);
    assert_eq!(ALIVE.load(SeqCst), 0);
}
