//! [`Case`]: what a client sends.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::text::{escape, unescape};

/// The cases that come with the project.
const CASES: &str = include_str!("../../../http/cases.txt");

/// The setup of the servers for a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Setup {
    /// One rule, which leads everything to the generator plugin.
    #[default]
    Generator,
    /// A forward proxy without rules: it asks the server that the request names.
    Forward,
    /// As `Forward`, with limits of 1,000 bytes for a request line, 2,000 for a
    /// field and 5,000 for a head.
    Narrow,
}

impl Setup {
    /// All setups.
    pub const ALL: [Setup; 3] = [Setup::Generator, Setup::Forward, Setup::Narrow];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Setup::Generator => "generator",
            Setup::Forward => "forward",
            Setup::Narrow => "narrow",
        }
    }
}

/// One step of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Lets some time go by, so that what was sent before is read before.
    Pause,
    /// Ends its side of the connection.
    HalfClose,
    /// Closes the connection, without reading it to the end.
    Close,
    /// Ends the connection with a reset (`RST`): bytes that have come, and bytes under
    /// way, do not count any more.
    Reset,
}

/// A client, told step by step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// A name of its own, which begins with that of its group.
    pub name: String,
    /// What the servers are set up for.
    pub setup: Setup,
    /// Its connections, one after the other. All but the last are closed by the
    /// client; what comes on them is not compared.
    pub connections: Vec<Vec<Action>>,
}

impl Case {
    /// All cases.
    ///
    /// # Panics
    /// If the embedded file is at fault, which the tests of this crate rule out.
    #[must_use]
    pub fn all() -> Vec<Case> {
        Case::parse(CASES).unwrap_or_else(|fault| panic!("tests/http/cases.txt: {fault}"))
    }

    /// Reads cases. `#` begins a comment; every other line is a word and what
    /// belongs to it:
    ///
    /// | word | what |
    /// |---|---|
    /// | `setup NAME` | how the servers are set up, from here on |
    /// | `case NAME` | a case begins |
    /// | `send TEXT` | bytes are sent; `{origin}` and `{mirror}` are the addresses of [`Origins`](super::Origins) |
    /// | `pause` | time goes by |
    /// | `half-close`, `close` | the client ends its side, or closes |
    /// | `reset` | the connection will end with a reset |
    /// | `connect` | it connects anew |
    ///
    /// # Errors
    /// The number of the line at fault, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Vec<Case>, String> {
        let (mut cases, mut setup) = (Vec::<Case>::new(), Setup::default());
        let mut names = HashSet::new();
        for (line, number) in text.lines().zip(1..) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let fault = |what: &str| format!("line {number}: {what}: {line}");
            match word {
                "" | "#" => continue,
                "setup" => {
                    let named = Setup::ALL.into_iter().find(|setup| setup.name() == rest);
                    setup = named.ok_or_else(|| fault("no such setup"))?;
                    continue;
                }
                "case" => {
                    if !names.insert(rest) {
                        return Err(fault("a name that another case has"));
                    }
                    let connections = vec![Vec::new()];
                    cases.push(Case { name: rest.to_owned(), setup, connections });
                    continue;
                }
                _ => {}
            }
            let case = cases.last_mut().ok_or_else(|| fault("before the first case"))?;
            let action = match word {
                "send" => Action::Send(unescape(rest).ok_or_else(|| fault("a bad escape"))?),
                "pause" => Action::Pause,
                "half-close" => Action::HalfClose,
                "close" => Action::Close,
                "reset" => Action::Reset,
                "connect" => {
                    case.connections.push(Vec::new());
                    continue;
                }
                _ => return Err(fault("no such word")),
            };
            if let Some(connection) = case.connections.last_mut() {
                connection.push(action);
            }
        }
        Ok(cases)
    }

    /// The cases as text, which [`Case::parse`] reads.
    pub fn print<'a>(cases: impl IntoIterator<Item = &'a Case>) -> String {
        let (mut text, mut setup) = (String::new(), Setup::default());
        for case in cases {
            // Writing to a string cannot fail.
            if std::mem::replace(&mut setup, case.setup) != case.setup {
                let _ = writeln!(text, "setup {}\n", case.setup.name());
            }
            let _ = writeln!(text, "case {}", case.name);
            for (at, actions) in case.connections.iter().enumerate() {
                text += if at > 0 { "connect\n" } else { "" };
                for action in actions {
                    let _ = match action {
                        Action::Send(bytes) => writeln!(text, "send {}", escape(bytes)),
                        Action::Pause => writeln!(text, "pause"),
                        Action::HalfClose => writeln!(text, "half-close"),
                        Action::Close => writeln!(text, "close"),
                        Action::Reset => writeln!(text, "reset"),
                    };
                }
            }
            text.push('\n');
        }
        text
    }

    /// The part of the name before the first stroke.
    #[must_use]
    pub fn group(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_are_many_and_each_sends_something() {
        let cases = Case::all();
        assert!(cases.len() >= 200, "{}", cases.len());
        for case in cases {
            assert!(case.name.contains('/'), "{}", case.name);
            assert!(case.connections.iter().all(|actions| !actions.is_empty()), "{}", case.name);
        }
    }

    #[test]
    fn cases_are_read_as_they_were_written() {
        let cases = Case::all();
        assert_eq!(Case::parse(&Case::print(&cases)), Ok(cases));
        let odd = "setup narrow\n\ncase a/b\nsend  \\\\\\x00\\r\nreset\nconnect\npause\nclose\n\n";
        assert_eq!(Case::print(&Case::parse(odd).unwrap()), odd);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, fault) in [
            ("send x", "line 1: before the first case: send x"),
            ("case a/b\nsing x", "line 2: no such word: sing x"),
            ("case a/b\nsend \\q", "line 2: a bad escape: send \\q"),
            ("case a\ncase a", "line 2: a name that another case has: case a"),
            ("setup none", "line 1: no such setup: setup none"),
        ] {
            assert_eq!(Case::parse(text), Err(fault.to_owned()));
        }
    }
}
