//! The time of day that a plugin gets: the proxy's, which may be virtual.
//!
//! The executable stands before libc where names are looked up, so a plugin that calls `time` gets
//! this one.

use crate::host;

/// `time` of libc.
///
/// # Safety
/// As C has it: `place` must be null, or a place for the time.
#[unsafe(no_mangle)]
unsafe extern "C" fn time(place: *mut i64) -> i64 {
    let now = host::local_time();
    if !place.is_null() {
        // SAFETY: it is a place for the time, says the caller.
        unsafe { place.write(now) }
    }
    now
}
