//! For ThreadSanitizer: two threads count up the same number without a lock.

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

static mut NUMBER: u64 = 0;

#[inline(never)]
fn deliberate_race() {
    for _ in 0..1_000 {
        // SAFETY: none. Two threads are here at the same time.
        unsafe {
            let number = &raw mut NUMBER;
            number.write_volatile(number.read_volatile() + 1);
        }
    }
}

/// Nothing but the standard library stands below these threads.
#[test]
fn of_two_threads_that_the_standard_library_started() {
    let threads = [0, 1].map(|_| thread::spawn(deliberate_race));
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn of_such_a_thread_and_the_threads_of_the_test() {
    let thread = thread::spawn(deliberate_race);
    deliberate_race();
    thread.join().unwrap();
}

/// A value is freed after another thread has read it, but no lock or message orders
/// the two: a relaxed flag orders nothing else.
#[test]
fn of_a_thread_that_reads_and_one_that_frees() {
    static READ: AtomicBool = AtomicBool::new(false);

    #[inline(never)]
    fn deliberate_race(address: usize) {
        // SAFETY: none. Nothing keeps the value until it has been read.
        unsafe { ptr::with_exposed_provenance::<u64>(address).read_volatile() };
        READ.store(true, Ordering::Relaxed);
    }

    let value = Box::into_raw(Box::new(7_u64));
    let address = value.expose_provenance();
    let reader = thread::spawn(move || deliberate_race(address));
    while !READ.load(Ordering::Relaxed) {
        thread::yield_now();
    }
    // SAFETY: none, see above.
    drop(unsafe { Box::from_raw(value) });
    reader.join().unwrap();
}
