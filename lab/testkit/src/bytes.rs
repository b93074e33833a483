//! Test data.

/// `len` bytes that count up, so that a lost, doubled or moved byte shows.
///
/// ```
/// let bytes = testkit::counting(70_000);
/// assert_eq!(&bytes[..3], [0, 1, 2]);
/// assert_ne!(bytes[..256], bytes[256..512], "a block of 256 bytes does not repeat");
/// ```
#[must_use]
#[allow(clippy::cast_possible_truncation)] // Each byte is the low end of a number.
pub fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}
