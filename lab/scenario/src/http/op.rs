//! [`HttpOp`]: what a client or an origin server can do.

use std::fmt;

use super::model::{HttpReaction, When};
use crate::amount::Bytes;
use crate::fault::ScenarioFault;
use crate::words::{Parsed, Words};

/// One operation of a client or an origin server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HttpOp {
    /// A request without a body for this path.
    Get(String),
    /// A request with a body of so many bytes.
    Post(String, i64),
    /// An answer with this status and a body of so many bytes.
    Answer(u16, i64),
    /// These bytes.
    Send(String),
    /// So many bytes `x`.
    Body(i64),
    /// A chunk of so many bytes `x`; the last chunk if there are none.
    Chunk(i64),
    /// Ends its side of the stream, and goes on reading.
    End,
    /// Closes when all has been sent.
    Finish,
    /// Closes at once. On a socket this is the same as [`HttpOp::Finish`]: the system sends the rest.
    Close,
    /// Closes with a reset; on a pair with an error.
    Reset,
    /// Takes no bytes any more, or takes them again.
    Read(bool),
}

/// A step of a connection: what an operation comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Move {
    /// Sends these bytes,
    Send(Vec<u8>),
    /// so many bytes `x`.
    Fill(i64),
    /// As [`HttpOp::End`].
    End,
    /// As [`HttpOp::Finish`].
    Finish,
    /// As [`HttpOp::Close`].
    Close,
    /// As [`HttpOp::Reset`].
    Reset,
    /// As [`HttpOp::Read`].
    Read(bool),
}

/// A step of a connection, and the operation that begins with it.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) begins: Option<Begun>,
    pub(super) step: Move,
}

/// An operation: of which reaction, and which one of it.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) when: When,
    pub(super) index: usize,
    pub(super) op: HttpOp,
}

impl Deed {
    /// What the operations of a reaction come to.
    pub(super) fn all(reaction: &HttpReaction) -> Vec<Deed> {
        let when = reaction.when;
        let of_one = |(index, op): (usize, &HttpOp)| {
            let mut begins = Some(Begun { when, index, op: op.clone() });
            op.moves().into_iter().map(move |step| Deed { begins: begins.take(), step })
        };
        reaction.ops.iter().enumerate().flat_map(of_one).collect()
    }
}

const NAMES: &str =
    "get, post, answer, send, body, chunk, end, finish, close, reset, read off or read on";

impl HttpOp {
    /// Reads an operation; a fault comes with the byte at which it begins.
    ///
    /// # Errors
    /// If `text` is no operation.
    pub fn parse(text: &str) -> Result<HttpOp, (usize, ScenarioFault)> {
        let mut words = Words::new(text);
        let op = match words.next() {
            "get" => HttpOp::Get(path(&mut words)?),
            "post" => HttpOp::Post(path(&mut words)?, words.piece()?),
            "answer" => HttpOp::Answer(status(&mut words)?, words.piece()?),
            "body" => HttpOp::Body(words.piece()?),
            "chunk" => HttpOp::Chunk(words.piece()?),
            "send" => return sent(text),
            "end" => HttpOp::End,
            "finish" => HttpOp::Finish,
            "close" => HttpOp::Close,
            "reset" => HttpOp::Reset,
            "read" => HttpOp::Read(match words.next() {
                "on" => true,
                "off" => false,
                other => return Err(words.fault(other, "on or off")),
            }),
            other => return Err(words.fault(other, format!("an operation ({NAMES})"))),
        };
        words.end()?;
        Ok(op)
    }

    /// What it comes to.
    #[must_use]
    pub fn moves(&self) -> Vec<Move> {
        let text = |text: String| Move::Send(text.into_bytes());
        match self {
            HttpOp::Get(path) => vec![text(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"))],
            HttpOp::Post(path, n) => {
                let head =
                    format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {n}\r\n\r\n");
                vec![text(head), Move::Fill(*n)]
            }
            HttpOp::Answer(status, n) => {
                let head = format!("HTTP/1.1 {status} A\r\nContent-Length: {n}\r\n\r\n");
                vec![text(head), Move::Fill(*n)]
            }
            HttpOp::Send(bytes) => vec![text(bytes.clone())],
            HttpOp::Body(n) => vec![Move::Fill(*n)],
            HttpOp::Chunk(0) => vec![text("0\r\n\r\n".to_owned())],
            HttpOp::Chunk(n) => {
                vec![text(format!("{n:x}\r\n")), Move::Fill(*n), text("\r\n".to_owned())]
            }
            HttpOp::End => vec![Move::End],
            HttpOp::Finish => vec![Move::Finish],
            HttpOp::Close => vec![Move::Close],
            HttpOp::Reset => vec![Move::Reset],
            HttpOp::Read(on) => vec![Move::Read(*on)],
        }
    }
}

fn path(words: &mut Words<'_>) -> Parsed<String> {
    let word = words.next();
    match word.starts_with('/') {
        true => Ok(word.to_owned()),
        false => Err(words.fault(word, "a path (like /a)")),
    }
}

/// The next word is a status of an answer.
pub(super) fn status(words: &mut Words<'_>) -> Parsed<u16> {
    let word = words.next();
    let status = word.parse().ok().filter(|status| (100..=999).contains(status));
    status.ok_or_else(|| words.fault(word, "a status (like 200)"))
}

/// Everything behind the first blank is sent, as it is.
fn sent(text: &str) -> Parsed<HttpOp> {
    let rest = text.trim_start().strip_prefix("send").and_then(|rest| rest.strip_prefix(' '));
    match rest.filter(|rest| !rest.is_empty()) {
        Some(rest) => Ok(HttpOp::Send(rest.to_owned())),
        None => Err((text.len(), ScenarioFault::expected("what is sent, behind one blank", ""))),
    }
}

/// As a scenario writes it.
impl fmt::Display for HttpOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpOp::Get(path) => write!(f, "get {path}"),
            HttpOp::Post(path, n) => write!(f, "post {path} {}", Bytes(*n)),
            HttpOp::Answer(status, n) => write!(f, "answer {status} {}", Bytes(*n)),
            HttpOp::Send(text) => write!(f, "send {text}"),
            HttpOp::Body(n) => write!(f, "body {}", Bytes(*n)),
            HttpOp::Chunk(n) => write!(f, "chunk {}", Bytes(*n)),
            HttpOp::End => f.write_str("end"),
            HttpOp::Finish => f.write_str("finish"),
            HttpOp::Close => f.write_str("close"),
            HttpOp::Reset => f.write_str("reset"),
            HttpOp::Read(true) => f.write_str("read on"),
            HttpOp::Read(false) => f.write_str("read off"),
        }
    }
}
