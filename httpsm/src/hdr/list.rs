//! Lists in fields, and quotes around their parts.
//!
//! Mirrors `HdrCsvIter::find_csv` of `proxy/hdrs/HdrUtils.cc`,
//! `HttpCompat::parse_tok_list` of `HttpCompat.cc`, and `http_parse_te` with
//! `http_parse_qvalue` of `HTTP.cc` (9.2.9). The two ways to read a list differ: the first skips
//! empty parts and understands a backslash before a quote, the second does neither.

use super::rules::{is_ws, trim_ws};

/// The parts between commas. A comma inside quotes separates nothing. Blanks around a part are
/// removed, then a quote at its beginning and one at its end; a part that is empty then is skipped.
pub(crate) fn csv_parts(mut value: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !value.is_empty() {
            let end = csv_end(value);
            let part = trim_ws(&value[..end]);
            value = value.get(end + 1..).unwrap_or_default();
            let part = part.strip_prefix(b"\"").unwrap_or(part);
            let part = part.strip_suffix(b"\"").unwrap_or(part);
            if !part.is_empty() {
                return Some(part);
            }
        }
        None
    })
}

/// Where the first part ends: at a comma outside quotes, or with the value.
fn csv_end(value: &[u8]) -> usize {
    let mut in_quote = false;
    for (at, &c) in value.iter().enumerate() {
        match c {
            // A quote after a backslash does not end a quotation, but it can begin one.
            b'"' if in_quote => in_quote = value[at - 1] == b'\\',
            b'"' => in_quote = true,
            b',' if !in_quote => return at,
            _ => {}
        }
    }
    value.len()
}

/// The parts between `separator`s, also empty ones, without quotes around them.
pub(crate) fn tok_list(value: &[u8], separator: u8) -> Vec<&[u8]> {
    parse_tok_list(value, separator, true)
}

/// As [`tok_list`]; without `trim_quotes` a part keeps its quotes.
pub(crate) fn parse_tok_list(value: &[u8], separator: u8, trim_quotes: bool) -> Vec<&[u8]> {
    let mut list = Vec::new();
    let (mut rest, mut hit_separator) = (value, false);
    loop {
        let blanks = rest.iter().take_while(|&&c| is_ws(c)).count();
        let text = &rest[blanks..];
        let Some(&first) = text.first() else { break };
        if first == separator {
            list.push(&rest[..0]);
            (rest, hit_separator) = (&text[1..], true);
            continue;
        }
        let quoted = first == b'"';
        let mut in_quote = quoted;
        let mut end = usize::from(quoted);
        while end < text.len() && (in_quote || text[end] != separator) {
            in_quote ^= text[end] == b'"';
            end += 1;
        }
        hit_separator = end < text.len();
        rest = text.get(end + 1..).unwrap_or_default();
        let mut part = &text[usize::from(quoted && trim_quotes)..end];
        while let [before @ .., last] = part
            && is_ws(*last)
        {
            part = before;
        }
        let trimmed = part.strip_suffix(b"\"").filter(|_| trim_quotes);
        list.push(trimmed.unwrap_or(part));
    }
    if hit_separator || list.is_empty() {
        list.push(b"");
    }
    list
}

/// True for a part of `TE` that forbids an unencoded answer: `identity` with a quality of 0.
pub(crate) fn refuses_identity(part: &[u8]) -> bool {
    let end = part.iter().position(|&c| c == b';').unwrap_or(part.len());
    part[..end].eq_ignore_ascii_case(b"identity") && quality(&part[end..]) <= 0.0
}

/// The quality behind a coding: 1 without one. The last one counts.
fn quality(text: &[u8]) -> f64 {
    let mut value = 1.0;
    let Some(mut rest) = text.strip_prefix(b";") else { return value };
    while !rest.is_empty() {
        rest = trim_start(rest);
        let Some(behind) = rest.strip_prefix(b"q") else {
            // To the next parameter.
            let next = rest.iter().position(|&c| c == b';').map_or(rest.len(), |at| at + 1);
            rest = &rest[next..];
            continue;
        };
        rest = trim_start(behind);
        let Some(behind) = rest.strip_prefix(b"=") else { continue };
        rest = trim_start(behind);
        let mut number = 0.0;
        while let [c @ b'0'..=b'9', behind @ ..] = rest {
            number = number * 10.0 + f64::from(c - b'0');
            rest = behind;
        }
        if let Some(behind) = rest.strip_prefix(b".") {
            rest = behind;
            let mut place = 10.0;
            while let [c @ b'0'..=b'9', behind @ ..] = rest {
                number += f64::from(c - b'0') / place;
                place *= 10.0;
                rest = behind;
            }
        }
        value = number;
        // Any other character at the place of the semicolon begins the next parameter.
        if rest.first().is_some_and(|&c| c == b'q') {
            continue;
        }
    }
    value
}

fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&c| is_ws(c)).count();
    &text[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<&'a str> {
        parts.into_iter().map(|part| std::str::from_utf8(part).unwrap()).collect()
    }

    #[test]
    fn quotes_around_a_token_are_stripped_and_a_comma_inside_them_is_none() {
        for (value, parts) in [
            ("a, b ,c", &["a", "b", "c"][..]),
            ("\"close\"", &["close"]),
            ("\"close", &["close"]),
            ("close\"", &["close"]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"a\\\",b\",c", &["a\\\",b", "c"]),
            ("a\\\",b", &["a\\\",b"]),
            (",, \"\" ,a,", &["a"]),
            ("\"\"a\"\"", &["\"a\""]),
            ("", &[]),
        ] {
            assert_eq!(texts(csv_parts(value.as_bytes())), parts, "{value}");
        }
    }

    #[test]
    fn the_other_list_has_empty_parts() {
        for (value, parts) in [
            ("a, b ,c", &["a", "b", "c"][..]),
            ("\"Upgrade\"", &["Upgrade"]),
            ("a,,b", &["a", "", "b"]),
            ("a,", &["a", ""]),
            ("", &[""]),
            (" ", &[""]),
            ("\"a,b\" , c", &["a,b", "c"]),
            ("a\"b,c\",d", &["a\"b,c", "d"]),
        ] {
            assert_eq!(texts(tok_list(value.as_bytes(), b',')), parts, "{value}");
        }
    }

    #[test]
    fn a_quality_of_nothing_refuses() {
        for part in ["identity;q=0", "Identity; q = 0.000", "identity;x;q=0", "identity;q=1;q=0"] {
            assert!(refuses_identity(part.as_bytes()), "{part}");
        }
        for part in ["identity", "identity;q=0.001", "identity ;q=0", "gzip;q=0", "identity;Q=0"] {
            assert!(!refuses_identity(part.as_bytes()), "{part}");
        }
    }
}
