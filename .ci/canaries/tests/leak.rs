//! For leak detection: memory to which no pointer is left.

use std::hint::black_box;

#[inline(never)]
fn deliberate_leak() {
    for _ in 0..100 {
        black_box(Box::into_raw(Box::new(black_box([7_u8; 4096]))));
    }
}

#[test]
fn on_a_thread_that_the_standard_library_started() {
    std::thread::spawn(deliberate_leak).join().unwrap();
}
