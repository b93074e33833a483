//! [`kind`]: which differences are of one kind.

use crate::ats::http::Difference;

/// A name for all differences that look alike: the first two parts that differ,
/// without their numbers, and without the values of fields that both have.
#[must_use]
pub fn kind(difference: &Difference) -> String {
    let (real, port) = (plain(&difference.real), plain(&difference.port));
    let name = |line: &str| {
        line.strip_prefix("| ")
            .and_then(|line| line.split_once(": "))
            .map(|(name, _)| name.to_owned())
    };
    match (name(&real), name(&port)) {
        (Some(a), Some(b)) if a == b => format!("{a}: {} / {}", value(&real), value(&port)),
        _ => format!("{real} / {port}"),
    }
}

fn value(line: &str) -> &str {
    line.split_once(": ").map_or("", |(_, value)| value)
}

/// The line without its numbers, but for that of a status line.
fn plain(line: &str) -> String {
    const LONGEST: usize = 60;
    if line.starts_with("| HTTP/") {
        return line.to_owned();
    }
    let mut out = String::new();
    for c in line.chars().take(LONGEST) {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_that_look_alike_are_of_one_kind() {
        let of = |real: &str, port: &str| {
            kind(&Difference { index: 0, real: real.into(), port: port.into() })
        };
        assert_eq!(of("| Content-Length: 10", "| Content-Length: 7"), "Content-Length: # / #");
        assert_eq!(
            of("| HTTP/1.1 200 OK", "| HTTP/1.1 400 X"),
            "| HTTP/1.1 200 OK / | HTTP/1.1 400 X"
        );
        assert_ne!(of("| A: 1", "| B: 1"), of("| A: 1", "| A: 1"));
    }
}
