//! [`HttpReport`]: what each of those that take part has seen in a run.

use std::fmt;

use eventsys::{HrTime, hrtime};

/// What happened in a run, told for each of those that take part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpReport {
    /// Clients, connections of the origin server, transactions and sessions, in the order in which
    /// each was first heard of.
    pub actors: Vec<Seen>,
    /// How the run ended.
    pub finish: HttpFinish,
}

/// What one of them has seen.
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
        let address = format!("127.0.0.1:{port}");
        for actor in &mut self.actors {
            for (_, what) in &mut actor.events {
                *what = what.replace(&address, ORIGIN);
            }
            actor.bytes = replaced(&actor.bytes, address.as_bytes(), ORIGIN.as_bytes());
        }
    }
}

const ORIGIN: &str = "{origin}";

fn replaced(bytes: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some(at) = rest.windows(what.len()).position(|window| window == what) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(by);
        rest = &rest[at + what.len()..];
    }
    out.extend_from_slice(rest);
    out
}

impl Default for HttpReport {
    fn default() -> HttpReport {
        HttpReport { actors: Vec::new(), finish: HttpFinish::Quiet }
    }
}

/// A block for each of those that take part: what has come, then what else it has seen, with
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

/// From how many equal bytes on they are counted.
const RUN: usize = 32;

/// The bytes as lines: `| ` and a line that has ended, or `+ ` and a piece without a line's end. A
/// byte that cannot be printed is escaped, and one that comes many times is counted.
#[must_use]
pub fn lines_of(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(format!("| {}", shown(&rest[..at])).trim_end().to_owned());
        rest = &rest[at + 2..];
    }
    if !rest.is_empty() {
        lines.push(format!("+ {}", shown(rest)));
    }
    lines
}

fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        let one = match run[0] {
            b'\r' => "\\r".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'\\' => "\\\\".to_owned(),
            byte @ b' '..=b'~' => char::from(byte).to_string(),
            byte => format!("\\x{byte:02x}"),
        };
        match run.len() {
            len if len < RUN => text += &one.repeat(len),
            len => text += &format!("\\{{{one}*{len}}}"),
        }
    }
    text
}
