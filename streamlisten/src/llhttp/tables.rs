//! Classes of bytes, and the end of a run of one class.

/// Letters.
pub(super) const ALPHA: u8 = 1;
/// What may stand in a path or a query.
pub(super) const URL: u8 = 1 << 1;
/// What may stand before a host, and in it.
pub(super) const USERINFO: u8 = 1 << 2;
/// What may stand in a header's name.
pub(super) const TOKEN: u8 = 1 << 3;
/// What may stand in a header's value, or be quoted.
pub(super) const FIELD: u8 = 1 << 4;
/// The same without the comma.
pub(super) const CONNECTION: u8 = 1 << 5;
/// What may stand between quotes.
pub(super) const QUOTED: u8 = 1 << 6;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class(byte as u8);
        byte += 1;
    }
    classes
}

const fn class(byte: u8) -> u8 {
    let mut class = 0;
    if byte.is_ascii_alphabetic() {
        class |= ALPHA;
    }
    if byte.is_ascii_graphic() && byte != b'#' && byte != b'?' {
        class |= URL;
    }
    if byte.is_ascii_alphanumeric() || one_of(byte, b"-_.!~*'()%;:&=+$,") {
        class |= USERINFO;
    }
    if byte.is_ascii_alphanumeric() || one_of(byte, b"!#$%&'*+-.^_`|~") {
        class |= TOKEN;
    }
    if byte == b'\t' || (byte >= b' ' && byte != 0x7f) {
        class |= FIELD;
        if byte != b',' {
            class |= CONNECTION;
        }
        if byte != b'"' && byte != b'\\' {
            class |= QUOTED;
        }
    }
    class
}

const fn one_of(byte: u8, bytes: &[u8]) -> bool {
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

/// True if `byte` is of `class`.
#[inline]
pub(super) fn is(class: u8, byte: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// The place of the first byte from `from` on that is not of `class`.
#[inline]
pub(super) fn skip(class: u8, input: &[u8], from: usize) -> usize {
    let rest = &input[from..];
    rest.iter().position(|&byte| !is(class, byte)).map_or(input.len(), |n| from + n)
}

/// The value of a hexadecimal digit.
#[inline]
pub(super) fn hex(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some(u64::from(byte - b'0')),
        b'a'..=b'f' => Some(u64::from(byte - b'a') + 10),
        b'A'..=b'F' => Some(u64::from(byte - b'A') + 10),
        _ => None,
    }
}
