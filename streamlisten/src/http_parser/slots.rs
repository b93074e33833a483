//! The callbacks of a parser, and their arguments.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::{HTTPParser, HeaderList, Place};
use crate::buf::Chunk;
use crate::env::Exception;

/// The arguments of `kOnHeadersComplete`.
/// The slot of that name in [`Slots`] gets it.
#[derive(Clone, Debug)]
pub struct HeadersComplete {
    /// The version, major and minor.
    pub version: (u8, u8),
    /// The headers, unless some were given to `kOnHeaders` before.
    pub headers: Option<HeaderList>,
    /// Of a request: the method's number.
    pub method: Option<u8>,
    /// Of a request: the target, unless it was given to `kOnHeaders` before.
    pub url: Option<Vec<u8>>,
    /// Of a response: the status.
    pub status_code: Option<u16>,
    /// Of a response: its reason.
    pub status_message: Option<Vec<u8>>,
    /// True if what follows is in another protocol.
    pub upgrade: bool,
    /// True if another message may follow.
    pub should_keep_alive: bool,
}

/// The result of a parse that threw no exception.
/// [`HTTPParser::execute`] returns it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExecuteResult {
    /// So many bytes were taken. After an upgrade an error only ends the count, and the
    /// place of an old error may be anywhere.
    Bytes(Place),
    /// An error.
    Error(ParseError),
}

/// An error of the parser. Mirrors the `Error` object that node makes of it.
/// Part of an [`ExecuteResult`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Its code, `HPE_…`.
    pub code: &'static str,
    /// Its reason.
    pub reason: &'static str,
    /// Where it was, counted from the start of the input.
    pub bytes_parsed: Place,
}

/// `CODE: reason`, as node prints its error.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

impl std::error::Error for ParseError {}

pub(super) type Slot<A, R> =
    RefCell<Option<Rc<dyn Fn(&Rc<HTTPParser>, A) -> Result<R, Exception>>>>;

/// The callbacks of a parser; an empty slot is not called. Mirrors the
/// properties `kOnMessageBegin` and so on of node's parser object.
/// The example of [`HTTPParser`] fills one.
#[derive(Default)]
pub struct Slots {
    /// A message begins.
    #[doc(alias = "kOnMessageBegin")]
    pub on_message_begin: Slot<(), ()>,
    /// Headers, before the head is complete, or trailers; and the target, once.
    #[doc(alias = "kOnHeaders")]
    pub on_headers: Slot<(HeaderList, Vec<u8>), ()>,
    /// The head is complete. 0 go on, 1 no body, 2 upgrade, see
    /// [`crate::llhttp::Event::HeadersComplete`].
    #[doc(alias = "kOnHeadersComplete")]
    pub on_headers_complete: Slot<HeadersComplete, i32>,
    /// A part of the body, copied.
    #[doc(alias = "kOnBody")]
    pub on_body: Slot<Chunk, ()>,
    /// The message is complete.
    #[doc(alias = "kOnMessageComplete")]
    pub on_message_complete: Slot<(), ()>,
    /// A read of a consumed stream has been parsed.
    #[doc(alias = "kOnExecute")]
    pub on_execute: Slot<ExecuteResult, ()>,
}
