//! The length of a run of ordinary bytes, eight bytes at a time and more.
//!
//! A word holds eight bytes, the first of them lowest. Each test sets the high bit
//! of every byte that ends the run; only the lowest set bit is reliable, and only that
//! one is used.
//!
//! The scans are not inlined: their loops need all registers.

use super::tables::{FIELD, TOKEN, URL, skip};

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// Past everything that may stand in a header's value.
#[inline(never)]
pub(super) fn skip_field(input: &[u8], from: usize) -> usize {
    let at = skip_blocks(input, from, |byte| byte < b' ' || byte == 0x7f);
    let at = skip_words(input, at, |word| {
        let del = word ^ (ONES * 0x7f);
        (word.wrapping_sub(ONES * u64::from(b' ')) | del.wrapping_sub(ONES)) & !word
    });
    // A tab is below a space, and may stand there; values seldom have one.
    skip(FIELD, input, at)
}

/// Past everything that may stand in a path or a query.
#[inline(never)]
pub(super) fn skip_url(input: &[u8], from: usize) -> usize {
    let at = skip_words(input, from, |word| {
        let hash = word ^ (ONES * u64::from(b'#'));
        let query = word ^ (ONES * u64::from(b'?'));
        let low = word.wrapping_sub(ONES * u64::from(b'!'));
        // Bytes from 0x80 on end it too, so this needs no distinction between them.
        let high = word | word.wrapping_add(ONES);
        low | hash.wrapping_sub(ONES) | query.wrapping_sub(ONES) | high
    });
    skip(URL, input, at)
}

/// Past everything that may stand in a header's name. Most have only letters and
/// dashes.
#[inline(never)]
pub(super) fn skip_token(input: &[u8], from: usize) -> usize {
    let at = skip_words(input, from, |word| {
        let seven = word & !HIGH;
        let small = seven | (ONES << 5);
        let from_a = small + ONES * u64::from(0x80 - b'a');
        let past_z = small + ONES * u64::from(0x80 - b'z' - 1);
        let other = (seven ^ (ONES * u64::from(b'-'))) + ONES * 0x7f;
        word | ((!from_a | past_z) & other)
    });
    skip(TOKEN, input, at)
}

/// Goes on, sixteen bytes at a time, until one of them `ends` the run. The
/// compiler looks at all sixteen at once.
#[inline]
fn skip_blocks(input: &[u8], from: usize, ends: impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = input[from..].as_chunks::<16>();
    let one_ends = |block: &[u8; 16]| block.iter().fold(false, |any, &byte| any | ends(byte));
    from + 16 * blocks.iter().position(one_ends).unwrap_or(blocks.len())
}

/// Goes on until `ends` sets a high bit, or fewer than eight bytes are left.
#[inline]
fn skip_words(input: &[u8], from: usize, ends: impl Fn(u64) -> u64) -> usize {
    let (words, _) = input[from..].as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let ends = ends(u64::from_le_bytes(*word)) & HIGH;
        if ends != 0 {
            return from + 8 * n + ends.trailing_zeros() as usize / 8;
        }
    }
    from + 8 * words.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Scan = fn(&[u8], usize) -> usize;

    /// Every byte at every place of a word, among bytes that go on.
    #[test]
    fn eight_at_a_time_come_as_far_as_one_at_a_time() {
        let scans: [(Scan, u8); 3] = [(skip_field, FIELD), (skip_url, URL), (skip_token, TOKEN)];
        for (scan, class) in scans {
            for filler in [b'a', b'-', b'_', b'Z'] {
                for byte in 0..=255 {
                    for place in 0..17 {
                        let mut input = [filler; 20];
                        input[place] = byte;
                        input[19] = byte;
                        for from in 0..4 {
                            assert_eq!(scan(&input, from), skip(class, &input, from));
                        }
                    }
                }
            }
        }
    }
}
