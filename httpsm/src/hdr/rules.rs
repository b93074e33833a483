//! Which characters may stand where.
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

/// What separates words in a field. Mirrors `is_mime_sep`.
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
pub(crate) const fn is_token(c: u8) -> bool {
    c.is_ascii_graphic() && !is_mime_sep(c) && !matches!(c, b':' | b'=')
}

/// Part of the name of a field that is not well known. Mirrors `is_http_field_name`.
pub(crate) const fn is_http_field_name(c: u8) -> bool {
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

/// `bytes` without what `is` says at both ends.
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
