//! For AddressSanitizer: a value is read after it has been freed.

#[inline(never)]
fn deliberate_use_after_free() -> u64 {
    let value = Box::into_raw(Box::new(7_u64));
    // SAFETY: none. The read comes after the drop.
    unsafe {
        drop(Box::from_raw(value));
        value.read_volatile()
    }
}

#[test]
fn on_a_thread_that_the_standard_library_started() {
    std::thread::spawn(deliberate_use_after_free).join().unwrap();
}
