//! [`HttpReport`]: what each participant has seen in a run.

use std::fmt;

use eventsys::{HrTime, hrtime};
use memchr::memmem;

use super::escape::escape;

/// What happened in a run, told for each participant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpReport {
    /// Clients, connections of the origin server, transactions and sessions, in the order in which
    /// each was first heard of.
    pub actors: Vec<Seen>,
    /// How the run ended.
    pub finish: HttpFinish,
}

/// What a participant has seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// `client`, `client a`, `origin 1`, `txn 1`, `session 1`.
    pub name: String,
    /// The bytes that have come to it.
    pub bytes: Vec<u8>,
    /// What else it has seen, with nanoseconds since the run began.
    pub events: Vec<(HrTime, String)>,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HttpFinish {
    /// Nothing happened any more.
    Quiet,
    /// It went on until the longest time was over.
    TimeIsUp,
    /// It aborted or crashed: the assertion or the signal of the server, the text of the port's
    /// panic.
    Crashed(String),
    /// The server did not answer for a long time, and was killed.
    Hung,
}

impl fmt::Display for HttpFinish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpFinish::Quiet => f.write_str("Nothing happened any more."),
            HttpFinish::TimeIsUp => f.write_str("A minute was over."),
            HttpFinish::Crashed(text) => write!(f, "The server aborts: {text}"),
            HttpFinish::Hung => f.write_str("The server hangs."),
        }
    }
}

impl HttpReport {
    /// The actor of this name, which is made at its first use.
    pub fn actor(&mut self, name: &str) -> &mut Seen {
        let at = self.actors.iter().position(|actor| actor.name == name).unwrap_or_else(|| {
            self.actors.push(Seen { name: name.to_owned(), ..Seen::default() });
            self.actors.len() - 1
        });
        &mut self.actors[at]
    }

    /// Puts `{origin}` in place of the origin server's address, whose port differs from run to run.
    pub fn mask_origin(&mut self, port: u16) {
        self.mask(&address_at(port), ORIGIN);
    }

    /// Puts `mask` in place of `text`, unless a further digit follows.
    pub fn mask(&mut self, text: &str, mask: &str) {
        for actor in &mut self.actors {
            for (_, what) in &mut actor.events {
                let masked = masked(what.as_bytes(), text.as_bytes(), mask.as_bytes());
                *what = String::from_utf8_lossy(&masked).into_owned();
            }
            actor.bytes = masked(&actor.bytes, text.as_bytes(), mask.as_bytes());
        }
    }
}

/// The same as [`HttpReport::mask_origin`] in a text.
pub(super) fn masked_text(text: &str, port: u16) -> String {
    let masked = masked(text.as_bytes(), address_at(port).as_bytes(), ORIGIN.as_bytes());
    String::from_utf8_lossy(&masked).into_owned()
}

fn address_at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

const ORIGIN: &str = "{origin}";

fn masked(bytes: &[u8], text: &[u8], mask: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some(at) = memmem::find(rest, text) {
        let behind = &rest[at + text.len()..];
        out.extend_from_slice(&rest[..at]);
        // With one digit more it is another number.
        let is_other = behind.first().is_some_and(u8::is_ascii_digit);
        out.extend_from_slice(if is_other { text } else { mask });
        rest = behind;
    }
    out.extend_from_slice(rest);
    out
}

impl Default for HttpReport {
    fn default() -> HttpReport {
        HttpReport { actors: Vec::new(), finish: HttpFinish::Quiet }
    }
}

/// A block for each participant: what has come, then what else it has seen, with
/// seconds since the run began; with `{:#}` to the millisecond.
impl fmt::Display for HttpReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for actor in &self.actors {
            writeln!(f, "{}", actor.name)?;
            lines_of(&actor.bytes).iter().try_for_each(|line| writeln!(f, "    {line}"))?;
            for (at, what) in &actor.events {
                let at = if f.alternate() { seconds(*at) } else { tenths(*at) };
                writeln!(f, "  {at:>7} s  {what}")?;
            }
        }
        writeln!(f, "{}", self.finish)
    }
}

/// Nanoseconds as seconds, to the millisecond.
fn seconds(at: HrTime) -> String {
    format!("{}.{:03}", at / hrtime::SECOND, at % hrtime::SECOND / hrtime::MSECOND)
}

/// Nanoseconds as seconds, to the next tenth.
fn tenths(at: HrTime) -> String {
    let tenths = (at + hrtime::mseconds(50)) / hrtime::mseconds(100);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The bytes as lines: `| ` and a line that has ended, or `+ ` and a piece without a line's end. A
/// byte that cannot be printed is escaped, and one that comes many times is counted.
#[must_use]
pub fn lines_of(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some(at) = memmem::find(rest, b"\r\n") {
        let blank = if at == 0 { "" } else { " " };
        lines.push(format!("|{blank}{}", escape(&rest[..at])));
        rest = &rest[at + 2..];
    }
    if !rest.is_empty() {
        lines.push(format!("+ {}", escape(rest)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A blank at a line's end is a byte as any other.
    #[test]
    fn no_byte_of_a_line_is_lost() {
        assert_eq!(lines_of(b" a \r\n\r\n \r\n b "), ["|  a ", "|", "|  ", "+  b "]);
    }

    #[test]
    fn the_origin_is_masked_and_no_other_port() {
        let mut report = HttpReport::default();
        let text = "127.0.0.1:1 127.0.0.1:12 é 127.0.0.1:1";
        report.actor("txn 1").events.push((0, text.to_owned()));
        report.actor("client").bytes = text.as_bytes().to_vec();
        report.mask_origin(1);
        let expected = "{origin} 127.0.0.1:12 é {origin}";
        assert_eq!(report.actors[0].events[0].1, expected);
        assert_eq!(report.actors[1].bytes, expected.as_bytes());
    }
}
