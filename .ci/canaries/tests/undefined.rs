//! For Miri: what no sanitizer sees, because the machine does nothing wrong.

use std::mem::MaybeUninit;

#[inline(never)]
fn deliberate_read_of_nothing() -> u64 {
    let value = MaybeUninit::<u64>::uninit();
    // SAFETY: none. The value was never written.
    unsafe { value.assume_init() }
}

#[inline(never)]
fn deliberate_alias() -> u64 {
    let mut value = 7_u64;
    let place = &raw mut value;
    // SAFETY: none. Two exclusive references to one value.
    let (one, other) = unsafe { (&mut *place, &mut *place) };
    *one = 8;
    *other
}

#[test]
fn a_value_that_was_never_written() {
    std::thread::spawn(deliberate_read_of_nothing).join().unwrap();
}

#[test]
fn two_exclusive_references_to_one_value() {
    std::thread::spawn(deliberate_alias).join().unwrap();
}
