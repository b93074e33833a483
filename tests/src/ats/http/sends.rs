//! [`Sends`]: the inputs of a client that lead to known differences.

use memchr::memmem;

use super::case::{Action, Case};

/// Something that a client sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sends {
    /// A field `Expect`.
    Expect,
    /// A field `Upgrade` that names WebSocket.
    Websocket,
    /// A length that does not fit in 63 bits.
    LongLength,
    /// A line that begins with a blank, behind a pause, which may part its CRLF.
    LateFold,
    /// A body in chunks, and more behind a pause.
    LateChunks,
    /// A body, and then the end of its side.
    BodyAndHalfClose,
    /// In several pieces, and for an origin server that shows it: a line with a blank at
    /// its end.
    BlankAtAnEnd,
    /// A body for an origin server that says `100 Continue` to a body under way.
    Interim,
}

impl Sends {
    /// All of them, each with the name that it has as the rule of a known difference.
    pub const ALL: [(&str, Sends); 8] = [
        ("expect", Sends::Expect),
        ("websocket", Sends::Websocket),
        ("long-length", Sends::LongLength),
        ("late-fold", Sends::LateFold),
        ("late-chunks", Sends::LateChunks),
        ("body-and-half-close", Sends::BodyAndHalfClose),
        ("blank-at-an-end", Sends::BlankAtAnEnd),
        ("interim", Sends::Interim),
    ];

    /// The one that has this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Sends> {
        Sends::ALL.iter().find(|(known, _)| *known == name).map(|(_, sends)| *sends)
    }

    /// True if `case` sends it on any of its connections.
    #[must_use]
    pub fn is_sent_by(self, case: &Case) -> bool {
        case.connections.iter().any(|actions| {
            let mut sent = Vec::new();
            for action in actions {
                if let Action::Send(bytes) = action {
                    sent.extend(bytes.to_ascii_lowercase());
                }
            }
            let has = |text: &[u8]| memmem::find(&sent, text).is_some();
            match self {
                Sends::Expect => has(b"expect"),
                Sends::Websocket => has(b"websocket"),
                Sends::LateFold => actions.windows(3).any(|three| {
                    let [Action::Send(before), Action::Pause, Action::Send(behind)] = three else {
                        return false;
                    };
                    let begins_blank = |text: &[u8]| matches!(text.first(), Some(b' ' | b'\t'));
                    let behind_cr = behind.strip_prefix(b"\n").filter(|_| before.ends_with(b"\r"));
                    (before.ends_with(b"\n") && begins_blank(behind))
                        || behind_cr.is_some_and(begins_blank)
                }),
                Sends::LateChunks => {
                    has(b"transfer-encoding") && has(b"chunked") && actions.contains(&Action::Pause)
                }
                Sends::BodyAndHalfClose => {
                    let body = has(b"content-length") || has(b"transfer-encoding");
                    body && actions.contains(&Action::HalfClose)
                }
                Sends::BlankAtAnEnd => {
                    let blank = has(b" \r\n") || has(b"\t\r\n");
                    blank && has(b"{mirror}") && actions.contains(&Action::Pause)
                }
                Sends::Interim => has(b"{mirror}/interim "),
                Sends::LongLength => has(b"content-length") && has_long_number(&sent),
            }
        })
    }
}

/// True if there is a number of more than 63 bits.
fn has_long_number(bytes: &[u8]) -> bool {
    bytes.split(|c| !c.is_ascii_digit()).any(|digits| {
        let number = digits
            .iter()
            .try_fold(0_i64, |n, digit| n.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
        number.is_none()
    })
}
