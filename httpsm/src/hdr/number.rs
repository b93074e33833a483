//! Numbers in fields.
//!
//! Mirrors `mime_parse_int` and `mime_parse_int64` of `proxy/hdrs/MIME.cc` (9.2.9):
//! digits, after blanks and perhaps a minus, and 0 without digits. Text behind the
//! digits is ignored.

/// A number in 64 bits. Too large numbers wrap modulo 2^64, as in the
/// original's machine code.
pub(crate) fn mime_parse_int64(text: &[u8]) -> i64 {
    let (text, negative) = sign(text);
    let digits = digits(text).map(i64::from);
    let number = digits.fold(0_i64, |n, digit| n.wrapping_mul(10).wrapping_add(digit));
    if negative { number.wrapping_neg() } else { number }
}

/// A number in 32 bits. A too large number becomes the largest, or the smallest, but
/// only if the overflow shows: the last digit has made the wrapped number smaller.
/// (For 9999999999 it has not.)
pub(crate) fn mime_parse_int(text: &[u8]) -> i32 {
    let (text, negative) = sign(text);
    let mut number = 0_i32;
    for digit in digits(text).map(i32::from) {
        if number == if negative { i32::MIN } else { i32::MAX } {
            break;
        }
        let digit = if negative { -digit } else { digit };
        let next = number.wrapping_mul(10).wrapping_add(digit);
        number = match negative {
            false if next < number => i32::MAX,
            true if next > number => i32::MIN,
            _ => next,
        };
    }
    number
}

fn sign(text: &[u8]) -> (&[u8], bool) {
    let text = text.trim_ascii_start();
    text.strip_prefix(b"-").map_or((text, false), |text| (text, true))
}

fn digits(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().take_while(|c| c.is_ascii_digit()).map(|c| c - b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_64_bits_wrap() {
        for (text, number) in [
            ("5", 5),
            (" 12x", 12),
            ("-5", -5),
            ("- 5", 0),
            ("+5", 0),
            ("", 0),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775808", i64::MIN),
            ("18446744073709551621", 5),
            ("-18446744073709551621", -5),
        ] {
            assert_eq!(mime_parse_int64(text.as_bytes()), number, "{text}");
        }
    }

    #[test]
    fn numbers_of_32_bits_end_at_the_largest_if_it_shows() {
        for (text, number) in [
            ("7", 7),
            ("-7", -7),
            ("2147483647", i32::MAX),
            ("2147483648", i32::MAX),
            ("-2147483648", i32::MIN),
            ("-2147483649", i32::MIN),
            ("4294967301", i32::MAX),
            ("9999999999", 1_410_065_407),
        ] {
            assert_eq!(mime_parse_int(text.as_bytes()), number, "{text}");
        }
    }
}
