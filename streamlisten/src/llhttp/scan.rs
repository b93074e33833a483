//! How far a run of harmless bytes goes, eight bytes at a time.
//!
//! A word holds eight bytes, the first of them lowest. Each test sets the high bit
//! of every byte that ends the run; bits above the lowest one that is set may be
//! wrong, and no one looks at them.

use super::tables::{FIELD, TOKEN, URL, is, skip};

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// Past everything that may stand in a header's value.
#[inline]
pub(super) fn skip_field(input: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        at = skip_words(input, at, |word| below(word, b' ') | equal(word, 0x7f));
        // A tab is below a space, and may stand there.
        match input.get(at) {
            Some(&byte) if is(FIELD, byte) => at += 1,
            _ => return at,
        }
    }
}

/// Past everything that may stand in a path or a query.
#[inline]
pub(super) fn skip_url(input: &[u8], from: usize) -> usize {
    let at = skip_words(input, from, |word| {
        below(word, b'!') | equal(word, b'#') | equal(word, b'?') | equal(word, 0x7f) | word
    });
    skip(URL, input, at)
}

/// Past everything that may stand in a header's name. Most have only letters and
/// dashes.
#[inline]
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

/// Goes on until `ends` sets a high bit, or fewer than eight bytes are left.
#[inline]
fn skip_words(input: &[u8], from: usize, ends: impl Fn(u64) -> u64) -> usize {
    let mut rest = &input[from..];
    while let Some((word, further)) = rest.split_first_chunk() {
        let ends = ends(u64::from_le_bytes(*word)) & HIGH;
        if ends != 0 {
            return input.len() - rest.len() + ends.trailing_zeros() as usize / 8;
        }
        rest = further;
    }
    input.len() - rest.len()
}

/// Bytes that are less than `byte`, which is at most 0x80.
#[inline]
fn below(word: u64, byte: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(byte)) & !word
}

/// Bytes that are `byte`.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
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
