//! Classes of characters.
//!
//! Mirrors the classes of `include/tscore/ParseRules.h` and `is_host_char` of
//! `proxy/hdrs/URL.cc` (9.2.9) that the parsers ask for.

/// Blank or tab. Mirrors `is_ws`.
pub(crate) const fn is_ws(c: u8) -> bool {
    matches!(c, b' ' | b'\t')
}

/// Blank, tab, CR or LF. Mirrors `is_wslfcr`.
pub(crate) const fn is_wslfcr(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\r' | b'\n')
}

/// A control character other than tab. Mirrors `is_control`.
pub(crate) const fn is_control(c: u8) -> bool {
    (c < 0x20 && c != b'\t') || c == 0x7f
}

/// A separator of words in a field. Mirrors `is_mime_sep`.
const fn is_mime_sep(c: u8) -> bool {
    matches!(
        c,
        b'(' | b')'
            | b'<'
            | b'>'
            | b'@'
            | b','
            | b';'
            | b'\\'
            | b'"'
            | b'/'
            | b'['
            | b']'
            | b'?'
            | b'{'
            | b'}'
            | b' '
            | b'\t'
    )
}

/// Part of a method, and the first character of a field's name. Mirrors `is_token`.
#[inline]
pub(crate) fn is_token(c: u8) -> bool {
    CLASSES[usize::from(c)] & TOKEN != 0
}

/// Part of the name of a field that is not well known. Mirrors `is_http_field_name`.
#[inline]
pub(crate) fn is_http_field_name(c: u8) -> bool {
    CLASSES[usize::from(c)] & FIELD_NAME != 0
}

const TOKEN: u8 = 1;
const FIELD_NAME: u8 = 2;

/// One table for all classes, so that a test is one look into a table, as the
/// original does it (`parseRulesCType`).
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut c = 0;
    while c < 256 {
        // Below 256, so it fits.
        let of = c as u8;
        classes[c] = (TOKEN * token(of) as u8) | (FIELD_NAME * field_name(of) as u8);
        c += 1;
    }
    classes
};

const fn token(c: u8) -> bool {
    c.is_ascii_graphic() && !is_mime_sep(c) && !matches!(c, b':' | b'=')
}

const fn field_name(c: u8) -> bool {
    c.is_ascii() && !is_control(c) && (!is_mime_sep(c) || c == b'@') && !matches!(c, b'=' | b':')
}

/// Part of a host. Mirrors `is_host_char`.
pub(crate) const fn is_host_char(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'[' | b']' | b'_' | b':' | b'~' | b'%')
}

/// `bytes` without blanks and tabs at both ends.
pub(crate) fn trim_ws(bytes: &[u8]) -> &[u8] {
    trim(bytes, is_ws)
}

/// `bytes` without those bytes at both ends for which `is` is true.
pub(crate) fn trim(mut bytes: &[u8], is: fn(u8) -> bool) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is(*last)
    {
        bytes = rest;
    }
    bytes
}
