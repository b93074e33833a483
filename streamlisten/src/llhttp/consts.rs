//! Kinds of message, flags, methods. Mirrors `src/llhttp/constants.ts`.

use std::ops::BitOr;

/// The kind of message that a machine reads.
/// For [`Machine::new`](super::Machine::new).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum MessageType {
    /// Either kind: the first message decides.
    Both = 0,
    /// Requests.
    Request = 1,
    /// Responses.
    Response = 2,
}

/// What the end of the input would mean now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finish {
    /// Nothing: no message is under way.
    Safe,
    /// The end of the message, whose body lasts until the end of the input.
    SafeWithCallback,
    /// An error: a message is under way.
    Unsafe,
}

/// What a lenient machine accepts. Mirrors `llhttp_lenient_flags`, whose
/// numbers are also those of node's `kLenient…` constants.
///
/// ```
/// use streamlisten::llhttp::Lenient;
///
/// let bits = Lenient::from_bits(1);
/// assert!(bits.has(bits) && !Lenient::default().has(bits));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lenient(u16);

impl Lenient {
    /// Nothing.
    pub const NONE: Lenient = Lenient(0);
    /// Odd bytes in header values, spaces before the colon, folded lines.
    pub const HEADERS: Lenient = Lenient(1);
    /// Content-Length together with Transfer-Encoding.
    pub const CHUNKED_LENGTH: Lenient = Lenient(1 << 1);
    /// Further messages after `Connection: close`.
    pub const KEEP_ALIVE: Lenient = Lenient(1 << 2);
    /// Anything after `chunked`.
    pub const TRANSFER_ENCODING: Lenient = Lenient(1 << 3);
    /// Versions that do not exist.
    pub const VERSION: Lenient = Lenient(1 << 4);
    /// Data after `Connection: close`, thrown away.
    pub const DATA_AFTER_CLOSE: Lenient = Lenient(1 << 5);
    /// A CR without LF.
    pub const OPTIONAL_LF_AFTER_CR: Lenient = Lenient(1 << 6);
    /// No CRLF after a chunk.
    pub const OPTIONAL_CRLF_AFTER_CHUNK: Lenient = Lenient(1 << 7);
    /// A LF without CR.
    pub const OPTIONAL_CR_BEFORE_LF: Lenient = Lenient(1 << 8);
    /// Spaces after a chunk's size.
    pub const SPACES_AFTER_CHUNK_SIZE: Lenient = Lenient(1 << 9);

    /// The flags with these bits; bits without a meaning are dropped.
    #[must_use]
    pub fn from_bits(bits: u32) -> Lenient {
        Lenient((bits & 0x3ff) as u16)
    }

    /// True if all of `other` is set.
    #[inline]
    #[must_use]
    pub fn has(self, other: Lenient) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Lenient {
    type Output = Lenient;

    fn bitor(self, other: Lenient) -> Lenient {
        Lenient(self.0 | other.0)
    }
}

/// Facts about the message that is being read. Mirrors `llhttp_flags`.
pub(super) mod flag {
    pub(crate) const CONNECTION_KEEP_ALIVE: u16 = 1;
    pub(crate) const CONNECTION_CLOSE: u16 = 1 << 1;
    pub(crate) const CONNECTION_UPGRADE: u16 = 1 << 2;
    pub(crate) const CHUNKED: u16 = 1 << 3;
    pub(crate) const UPGRADE: u16 = 1 << 4;
    pub(crate) const CONTENT_LENGTH: u16 = 1 << 5;
    pub(crate) const SKIPBODY: u16 = 1 << 6;
    pub(crate) const TRAILING: u16 = 1 << 7;
    pub(crate) const TRANSFER_ENCODING: u16 = 1 << 9;
}

/// Which header is being read, of those that the machine needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HeaderState {
    General,
    Connection,
    ContentLength,
    TransferEncoding,
    Upgrade,
    ConnectionKeepAlive,
    ConnectionClose,
    ConnectionUpgrade,
    TransferEncodingChunked,
}

pub(super) const METHOD_HEAD: u8 = 2;
pub(super) const METHOD_CONNECT: u8 = 5;
pub(super) const METHOD_SOURCE: u8 = 33;
pub(super) const METHOD_PRI: u8 = 34;

/// The names of the methods; the place in the list is the method's number.
/// Mirrors `HTTP_ALL_METHOD_MAP`, which node shows as `allMethods`.
pub const METHOD_NAMES: [&str; 47] = [
    "DELETE",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "BIND",
    "REBIND",
    "UNBIND",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PATCH",
    "PURGE",
    "MKCALENDAR",
    "LINK",
    "UNLINK",
    "SOURCE",
    "PRI",
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "REDIRECT",
    "RECORD",
    "FLUSH",
    "QUERY",
];

/// True if `method` may stand before `HTTP/`.
pub(super) fn is_http_method(method: u8) -> bool {
    method <= METHOD_PRI || method == 46
}

/// True if `method` may stand before `RTSP/`.
pub(super) fn is_rtsp_method(method: u8) -> bool {
    matches!(method, 1 | 3 | 6 | 35..=45)
}
