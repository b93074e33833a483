//! Base64 and percent encoding.
//!
//! Mirrors `ats_base64_encode` and `ats_base64_decode` of `src/tscore/ink_base64.cc`,
//! `LogUtils::pure_escapify_url` and `unescape_str` of `src/tscore/ink_string.cc` as `InkAPI.cc` calls
//! them (9.2.9).

const CODES: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `TSBase64Encode`: none if the place is too small for the longest text of this length and a NUL.
pub(crate) fn base64_encode(from: &[u8], room: usize) -> Option<Vec<u8>> {
    if room < from.len().div_ceil(3) * 4 + 1 {
        return None;
    }
    let mut text = Vec::with_capacity(room);
    for piece in from.chunks(3) {
        let at = |n: usize| piece.get(n).copied().unwrap_or(0);
        let bits = u32::from(at(0)) << 16 | u32::from(at(1)) << 8 | u32::from(at(2));
        for (n, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let code = CODES[(bits >> shift & 63) as usize];
            text.push(if n > piece.len() { b'=' } else { code });
        }
    }
    Some(text)
}

/// The six bits of a character; 64 for a character outside of the alphabet. The alphabet of URLs is understood, too.
fn six_bits(c: u8) -> u8 {
    match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => 64,
    }
}

/// `TSBase64Decode`; `None` if the place is too small. The text ends before its first character
/// outside of the alphabet.
pub(crate) fn base64_decode(from: &[u8], room: usize) -> Option<Vec<u8>> {
    if room < from.len().div_ceil(4) * 3 + 1 {
        return None;
    }
    let length = from.iter().take_while(|c| six_bits(**c) < 64).count();
    let mut bytes = Vec::with_capacity(room);
    for at in (0..length).step_by(4) {
        let bits = |n: usize| from.get(at + n).map_or(64, |c| six_bits(*c));
        bytes.push(bits(0) << 2 | bits(1) >> 4);
        bytes.push(bits(1) << 4 | bits(2) >> 2);
        bytes.push(bits(2) << 6 | bits(3));
    }
    // The original looks two characters before the end of the last four, whatever they are.
    if !length.is_multiple_of(4) {
        let third = from.get(length.next_multiple_of(4) - 2).map_or(64, |c| six_bits(*c));
        bytes.truncate(bytes.len() - if third > 63 { 2 } else { 1 });
    }
    Some(bytes)
}

/// The characters that are escaped without a map of the plugin's own: a bit for each, the highest
/// first.
const CODES_TO_ESCAPE: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xb4, 0, 0, 0x0a, 0, 0, 0, 0x1e, 0x80, 0, 0, 0x1f, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// `TSStringPercentEncode`: none if the place is too small for the text and a NUL.
pub(crate) fn percent_encode(from: &[u8], map: Option<&[u8]>, room: usize) -> Option<Vec<u8>> {
    let map = map.unwrap_or(&CODES_TO_ESCAPE);
    let is_escaped = |c: u8| map[usize::from(c / 8)] & 1 << (7 - c % 8) != 0;
    let mut text = Vec::with_capacity(from.len());
    for &c in from {
        if is_escaped(c) {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            text.extend([b'%', DIGITS[usize::from(c >> 4)], DIGITS[usize::from(c & 15)]]);
        } else {
            text.push(c);
        }
    }
    (room > text.len()).then_some(text)
}

/// `TSStringPercentDecode`. What is no escape stays as it is; one that the end cuts off is dropped, as
/// in the original.
pub(crate) fn percent_decode(from: &[u8], room: usize) -> Vec<u8> {
    let digit = |c: Option<&u8>| c.and_then(|c| char::from(*c).to_digit(16));
    let mut text = Vec::with_capacity(from.len());
    let mut at = 0;
    while at < from.len() && text.len() < room {
        match (from[at], digit(from.get(at + 1)), digit(from.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                text.push((high << 4 | low) as u8);
                at += 3;
            }
            (b'%', ..) if at + 1 == from.len() => break,
            (b'%', Some(_), _) if at + 2 == from.len() => break,
            (c, ..) => {
                text.push(c);
                at += 1;
            }
        }
    }
    text.truncate(room.saturating_sub(1));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_there_and_back() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64_encode(bytes, 64).unwrap(), text.as_bytes());
            assert_eq!(base64_decode(text.as_bytes(), 64).unwrap(), bytes);
        }
        assert_eq!(base64_encode(b"foo", 4), None, "no room for the NUL");
        assert_eq!(base64_decode(b"Zm9v", 3), None);
        // The alphabet of URLs; no padding; a character outside of the alphabet.
        assert_eq!(base64_decode(b"-_-_", 64).unwrap(), [0xfb, 0xff, 0xbf]);
        assert_eq!(base64_decode(b"Zm8", 64).unwrap(), b"fo");
        assert_eq!(base64_decode(b"Zm9v!Zm9v", 64).unwrap(), b"foo");
    }

    #[test]
    fn percent_encoding_goes_there_and_back() {
        assert_eq!(percent_encode(b"a b~%/", None, 64).unwrap(), b"a%20b%7E%25/");
        assert_eq!(percent_encode(b"a b", None, 5), None);
        let only_a = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40];
        let mut map = [0; 32];
        map[..only_a.len()].copy_from_slice(&only_a);
        assert_eq!(percent_encode(b"a b", Some(&map), 64).unwrap(), b"%61 b");
        assert_eq!(percent_decode(b"a%20b%7e%zz%", 64), b"a b~%zz");
        assert_eq!(percent_decode(b"a%1z%2", 64), b"a%1z");
        assert_eq!(percent_decode(b"abcdef", 4), b"abc");
    }
}
