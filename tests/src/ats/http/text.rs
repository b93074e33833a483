//! Writes bytes as a line of text and reads them back, for the files of clients and of
//! recorded answers. Nothing is lost: a byte that cannot be printed is escaped, and a byte
//! that comes many times is counted (`\{x*10485760}`).

pub(super) use scenario::http::escape;

/// The bytes of `text`; `None` if it is not an escaped text. A whole piece of text may be
/// counted, too: `\{ab\r\n*3}`.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let kind = rest.chars().next()?;
        rest = &rest[kind.len_utf8()..];
        match kind {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '\\' => bytes.push(b'\\'),
            'x' => {
                bytes.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
                rest = &rest[2..];
            }
            '{' => {
                let (run, behind) = rest.split_once('}')?;
                let (what, count) = run.rsplit_once('*')?;
                bytes.extend(unescape(what)?.repeat(count.parse().ok()?));
                rest = behind;
            }
            _ => return None,
        }
    }
    Some(bytes)
}

/// What differs between two runs of one server, replaced: dates, ages, and the
/// version that a server gives for itself.
pub(crate) fn normal(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (mask, len) = if let Some(len) = date(rest) {
            (DATE, len)
        } else if let Some(len) = uuid(rest) {
            (UUID, len)
        } else {
            out.push(c);
            (" ", c.len_utf8())
        };
        if mask != " " {
            out += mask;
        }
        rest = &rest[len..];
    }
    match out.strip_prefix("Age: ") {
        Some(age) if age.parse::<u32>().is_ok() => format!("Age: {AGE}"),
        _ => out,
    }
}

const DATE: &str = "%DATE%";
const UUID: &str = "%UUID%";
const AGE: &str = "%AGE%";

/// About how many bytes stand behind normal text.
pub(super) fn raw_len(normal: &str) -> usize {
    let raw =
        normal.replace(DATE, &"d".repeat(29)).replace(UUID, &"u".repeat(36)).replace(AGE, "0");
    unescape(&raw).map_or(0, |bytes| bytes.len())
}

/// The length of the date that `text` begins with: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<usize> {
    const SHAPE: &str = "aaa, 00 aaa 0000 00:00:00 GMT";
    has_shape(text, SHAPE).then_some(SHAPE.len())
}

/// The length of the number that `text` begins with.
fn uuid(text: &str) -> Option<usize> {
    const SHAPE: &str = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    has_shape(text, SHAPE).then_some(SHAPE.len())
}

/// Where a status line begins within `text`, but not at its start.
pub(super) fn later_status_line(text: &str) -> Option<usize> {
    let mut places = text.match_indices("HTTP/1.").map(|(at, _)| at);
    places.find(|&at| at > 0 && has_shape(&text[at..], "HTTP/1.0 000"))
}

/// True if `text` begins as `shape` says: `a` is a letter, `0` a digit, `h` one of
/// sixteen digits, all else is itself.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'a' => byte.is_ascii_alphabetic(),
            b'0' => byte.is_ascii_digit(),
            b'h' => byte.is_ascii_hexdigit(),
            _ => byte == shape,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        let text = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(normal(text), "Date: %DATE%");
        assert_eq!(raw_len(&normal(text)), text.len());
        assert_eq!(normal("Age: 3"), "Age: %AGE%");
        assert_eq!(normal("Age: soon"), "Age: soon");
        assert_eq!(normal("Sun, 6 Nov 1994 08:49:37 GMT é"), "Sun, 6 Nov 1994 08:49:37 GMT é");
        let via = "http/1.1 h[6c2b1d0e-0a1b-2c3d-4e5f-00112233aabb] (A)";
        assert_eq!(normal(via), "http/1.1 h[%UUID%] (A)");
    }

    #[test]
    fn equal_bytes_are_counted() {
        assert_eq!(escape(&[b'x'; 31]), "x".repeat(31));
        assert_eq!(escape(&[0; 1024]), "\\{\\x00*1024}");
        assert_eq!(unescape(&escape(&[b'}'; 40])), Some(vec![b'}'; 40]));
        assert_eq!(unescape("a\\{b\\r\\n*2}c"), Some(b"ab\r\nb\r\nc".to_vec()));
        for nonsense in ["\\", "\\q", "\\x1", "\\{x*}", "\\{x}", "\\{x*3"] {
            assert_eq!(unescape(nonsense), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(pieces: Vec<(u8, u8)>) {
            let bytes: Vec<u8> =
                pieces.iter().flat_map(|&(byte, n)| vec![byte; usize::from(n) % 40]).collect();
            prop_assert_eq!(unescape(&escape(&bytes)), Some(bytes));
        }
    }
}
