//! The parts of a field's value, between commas, as plugins get and change them.
//!
//! Mirrors `mime_field_value_get_comma_val` and its kin of `proxy/hdrs/MIME.cc`, and the flags of
//! `HdrToken.cc` (9.2.9). A change takes the value apart with its quotes and puts it together with
//! `, ` between the parts, so the spacing of the others changes, too.

use super::is_name;
use super::list::{parse_tok_list, tok_list};

/// True if commas separate the values of a field with this name. A well-known field without that
/// flag, such as `Date` or `Set-Cookie`, is one value whatever is in it. Mirrors `supports_commas`.
#[must_use]
pub fn supports_commas(name: &[u8]) -> bool {
    !ONE_VALUE.iter().any(|one| is_name(name, one.as_bytes()))
}

/// The well-known fields without `HTIF_COMMAS`.
const ONE_VALUE: [&str; 49] = [
    "Age",
    "Approved",
    "Authorization",
    "Bytes",
    "Client-ip",
    "Content-Base",
    "Content-Length",
    "Content-Location",
    "Content-MD5",
    "Content-Range",
    "Content-Type",
    "Control",
    "Cookie",
    "Date",
    "Distribution",
    "Etag",
    "Expires",
    "Followup-To",
    "From",
    "Host",
    "If-Modified-Since",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Keywords",
    "Last-Modified",
    "Lines",
    "Location",
    "Max-Forwards",
    "Message-ID",
    "Newsgroups",
    "Organization",
    "Path",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "References",
    "Referer",
    "Reply-To",
    "Retry-After",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sender",
    "Server",
    "Set-Cookie",
    "Strict-Transport-Security",
    "Subject",
    "Summary",
    "User-Agent",
    "Www-Authenticate",
];

/// How many parts a value has; an empty value of a list counts as one, as in the original.
///
/// ```
/// use httpsm::hdr::values;
///
/// assert_eq!(values::count(b"Accept", b"a, \"b, c\""), 2);
/// assert_eq!(values::count(b"Date", b"Mon, 01 Jan 2024 00:00:00 GMT"), 1);
/// ```
#[must_use]
pub fn count(name: &[u8], value: &[u8]) -> usize {
    match supports_commas(name) {
        true => tok_list(value, b',').len(),
        false => usize::from(!value.is_empty()),
    }
}

/// The part with this number, from 0, without quotes around it.
#[must_use]
pub fn get<'v>(name: &[u8], value: &'v [u8], nth: usize) -> Option<&'v [u8]> {
    match supports_commas(name) {
        true => tok_list(value, b',').get(nth).copied(),
        false => (nth == 0).then_some(value),
    }
}

/// The value with another part at this place; unchanged without such a part.
#[must_use]
pub fn set(value: &[u8], nth: usize, part: &[u8]) -> Vec<u8> {
    change(value, |parts| {
        let old = parts.get_mut(nth)?;
        *old = part;
        Some(())
    })
}

/// The value with a new part before the one at this place, or at the end without a place; unchanged
/// if there are fewer parts.
#[must_use]
pub fn insert(value: &[u8], nth: Option<usize>, part: &[u8]) -> Vec<u8> {
    change(value, |parts| {
        let at = nth.unwrap_or(parts.len());
        (at <= parts.len()).then(|| parts.insert(at, part))
    })
}

/// The value without the part at this place; unchanged without such a part.
#[must_use]
pub fn delete(value: &[u8], nth: usize) -> Vec<u8> {
    change(value, |parts| {
        (nth < parts.len()).then(|| {
            parts.remove(nth);
        })
    })
}

/// The value with `more` behind the part at this place, inside its quotes if it has some.
#[must_use]
pub fn extend(value: &[u8], nth: usize, more: &[u8]) -> Vec<u8> {
    let parts = parse_tok_list(value, b',', false);
    let Some(part) = parts.get(nth) else { return value.to_vec() };
    let longer = match part {
        [b'"', inside @ .., b'"'] => [b"\"", inside, more, b"\""].concat(),
        part => [part, more].concat(),
    };
    set(value, nth, &longer)
}

fn change<'v>(value: &'v [u8], f: impl FnOnce(&mut Vec<&'v [u8]>) -> Option<()>) -> Vec<u8> {
    // A field that has no value has no parts.
    let mut parts = match value {
        [] => Vec::new(),
        value => parse_tok_list(value, b',', false),
    };
    match f(&mut parts) {
        Some(()) => parts.join(&b", "[..]),
        None => value.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_quotes_and_puts_a_blank_behind_each_comma() {
        let value = b"a,\"b, c\" ,d";
        assert_eq!(get(b"X", value, 1), Some(&b"b, c"[..]));
        assert_eq!(get(b"X", value, 3), None);
        assert_eq!(set(value, 0, b"x"), b"x, \"b, c\", d");
        assert_eq!(set(value, 3, b"x"), value);
        assert_eq!(insert(value, None, b"x"), b"a, \"b, c\", d, x");
        assert_eq!(insert(value, Some(1), b"x"), b"a, x, \"b, c\", d");
        assert_eq!(insert(value, Some(4), b"x"), value);
        assert_eq!(insert(b"", None, b"x"), b"x");
        assert_eq!(delete(value, 1), b"a, d");
        assert_eq!(delete(b"a", 0), b"");
        assert_eq!(extend(value, 1, b"!"), b"a, \"b, c!\", d");
        assert_eq!(extend(value, 2, b"!"), b"a, \"b, c\", d!");
    }

    #[test]
    fn some_fields_are_one_value_whatever_is_in_it() {
        let date = b"Mon, 01 Jan 2024 00:00:00 GMT";
        assert_eq!((get(b"date", date, 0), get(b"Date", date, 1)), (Some(&date[..]), None));
        assert_eq!((count(b"Host", b""), count(b"X-Other", b"a,b")), (0, 2));
    }
}
