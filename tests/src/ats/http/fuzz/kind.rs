//! [`kind`]: which differences are of one kind.

use crate::ats::http::Difference;

/// A name for all differences that look alike: the first two lines that differ,
/// without their numbers, and without the values of fields that both have.
#[must_use]
pub fn kind(difference: &Difference) -> String {
    let (real, port) = first_parts(&difference.real, &difference.port);
    let (real, port) = (plain(&real), plain(&port));
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

/// The first answers that differ, of several on one line: a body without a line end is
/// followed at once by the next answer.
pub(in crate::ats::http) fn first_parts(real: &str, port: &str) -> (String, String) {
    const BEGIN: &str = "HTTP/1.";
    let parts = |line: &str| -> Vec<String> {
        let line = line.strip_prefix("| ").filter(|line| line.starts_with(BEGIN)).unwrap_or(line);
        let mut parts: Vec<String> = line.split(BEGIN).map(str::to_owned).collect();
        parts.iter_mut().skip(1).for_each(|part| part.insert_str(0, "| HTTP/1."));
        parts.retain(|part| !part.is_empty());
        parts
    };
    let (mut real, mut port) = (parts(real), parts(port));
    let length = real.len().max(port.len());
    for parts in [&mut real, &mut port] {
        parts.resize(length, "(nothing more)".to_owned());
    }
    let at = real.iter().zip(&port).position(|(a, b)| a != b).unwrap_or(0);
    (real.swap_remove(at), port.swap_remove(at))
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
        let glued = of("| bodyHTTP/1.1 200 OK", "| body");
        assert_eq!(glued, "| HTTP/1.1 200 OK / (nothing more)");
        assert_ne!(of("| A: 1", "| B: 1"), of("| A: 1", "| A: 1"));
    }
}
