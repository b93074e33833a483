//! Checked conversion between `i64`, the number type of the API, and `usize`, that of memory.

/// A length in memory, as the API states it.
#[inline]
pub(super) fn to_i64(bytes: usize) -> i64 {
    i64::try_from(bytes).expect("no piece of memory is longer than i64::MAX bytes")
}

/// A count of bytes that a caller gave. `what` names the argument.
///
/// # Panics
///
/// If it is negative, or larger than this machine can address.
#[inline]
#[track_caller]
pub(super) fn to_usize(bytes: i64, what: &str) -> usize {
    match usize::try_from(bytes) {
        Ok(bytes) => bytes,
        Err(_) => refuse(bytes, what),
    }
}

/// A limit that a caller gave: 0 when negative, and no more than memory can hold.
#[inline]
pub(super) fn to_limit(bytes: i64) -> usize {
    usize::try_from(bytes.max(0)).unwrap_or(usize::MAX)
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse(bytes: i64, what: &str) -> ! {
    panic!("{what} of {bytes} bytes is not a count of bytes in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_pass_unchanged() {
        assert_eq!(to_i64(7), 7);
        assert_eq!(to_usize(7, "offset"), 7);
        assert_eq!(to_limit(7), 7);
    }

    #[test]
    fn a_negative_limit_is_nothing() {
        assert_eq!(to_limit(i64::MIN), 0);
    }

    #[test]
    #[should_panic(expected = "offset of -1 bytes")]
    fn a_negative_count_is_refused() {
        to_usize(-1, "offset");
    }
}
