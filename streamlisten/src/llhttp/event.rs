//! What the machine reports.

use super::errno::Errno;

/// A piece of the input that means something. One name or value comes as
/// several if the input is cut inside it.
/// Part of an [`Event`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Span {
    /// `HTTP`, `RTSP` or `ICE` (`on_protocol`).
    Protocol,
    /// The method (`on_method`).
    Method,
    /// The request target (`on_url`).
    Url,
    /// The version (`on_version`).
    Version,
    /// The reason of a status line (`on_status`).
    Status,
    /// The name of a header (`on_header_field`).
    HeaderField,
    /// The value of a header (`on_header_value`).
    HeaderValue,
    /// The name of a chunk extension (`on_chunk_extension_name`).
    ChunkExtensionName,
    /// The value of a chunk extension (`on_chunk_extension_value`).
    ChunkExtensionValue,
    /// A part of the body (`on_body`).
    Body,
}

impl Span {
    /// What llhttp says when the callback answers -1.
    pub(super) fn failure(self) -> &'static str {
        match self {
            Span::Protocol => "Span callback error in on_protocol",
            Span::Method => "Span callback error in on_method",
            Span::Url => "Span callback error in on_url",
            Span::Version => "Span callback error in on_version",
            Span::Status => "Span callback error in on_status",
            Span::HeaderField => "Span callback error in on_header_field",
            Span::HeaderValue => "Span callback error in on_header_value",
            Span::ChunkExtensionName => "Span callback error in on_chunk_extension_name",
            Span::ChunkExtensionValue => "Span callback error in on_chunk_extension_value",
            Span::Body => "Span callback error in on_body",
        }
    }
}

macro_rules! notices {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $errno:ident;)*) => {
        /// A notice: something is complete.
        ///
        /// ```
        /// use streamlisten::llhttp::{Event, Lenient, Machine, MessageType, Notice, Step, Wanted};
        ///
        /// let input = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        /// let heard = |wanted| {
        ///     let mut machine = Machine::new(MessageType::Request, Lenient::NONE, wanted);
        ///     let (mut run, mut notices) = (machine.begin(), Vec::new());
        ///     while let Step::Event(event) = machine.step(&mut run, input) {
        ///         match event {
        ///             Event::Notice(notice) => notices.push(notice),
        ///             Event::HeadersComplete => machine.reply(&mut run, 0),
        ///             Event::Span { .. } => {}
        ///         }
        ///     }
        ///     notices
        /// };
        /// assert_eq!(heard(Wanted::NODE), [Notice::MessageBegin, Notice::MessageComplete]);
        /// assert_eq!(heard(Wanted::ALL)[1..3], [Notice::MethodComplete, Notice::UrlComplete]);
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Notice {
            $($(#[$doc])* $name = $number,)*
        }

        impl Notice {
            /// The error if the callback fails, and its reason.
            pub(super) fn failure(self) -> (Errno, &'static str) {
                match self {
                    $(Notice::$name => (Errno::$errno, concat!("`", $text, "` callback error")),)*
                }
            }

            /// The reason if the callback pauses.
            pub(super) fn pause(self) -> &'static str {
                match self {
                    $(Notice::$name => concat!($text, " pause"),)*
                }
            }
        }
    };
}

notices! {
    /// The first byte of a message is there.
    MessageBegin = 16, "on_message_begin", CbMessageBegin;
    /// The protocol has been read.
    ProtocolComplete = 17, "on_protocol_complete", CbProtocolComplete;
    /// The method has been read.
    MethodComplete = 18, "on_method_complete", CbMethodComplete;
    /// The request target has been read.
    UrlComplete = 19, "on_url_complete", CbUrlComplete;
    /// The version has been read.
    VersionComplete = 20, "on_version_complete", CbVersionComplete;
    /// The status line has been read.
    StatusComplete = 21, "on_status_complete", CbStatusComplete;
    /// A header's name has been read.
    HeaderFieldComplete = 22, "on_header_field_complete", CbHeaderFieldComplete;
    /// A header's value has been read.
    HeaderValueComplete = 23, "on_header_value_complete", CbHeaderValueComplete;
    /// A chunk's size line has been read.
    ChunkHeader = 24, "on_chunk_header", CbChunkHeader;
    /// A chunk extension's name has been read.
    ChunkExtensionNameComplete = 25, "on_chunk_extension_name", CbChunkExtensionNameComplete;
    /// A chunk extension's value has been read.
    ChunkExtensionValueComplete = 26, "on_chunk_extension_value", CbChunkExtensionValueComplete;
    /// A chunk has been read; also after the trailers.
    ChunkComplete = 27, "on_chunk_complete", CbChunkComplete;
    /// The message has been read.
    MessageComplete = 28, "on_message_complete", CbMessageComplete;
    /// Another message follows on the same connection.
    Reset = 29, "on_reset", CbReset;
}

/// One event.
/// The example of [`Machine`](super::Machine) matches on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// `input[start..end]` is a span, or a part of one; it may be empty.
    Span {
        /// The kind.
        span: Span,
        /// Where it begins in the input.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// The head has been read (`on_headers_complete`). The reply means: 0 go on,
    /// 1 the message has no body, 2 it has no body and what follows is in another
    /// protocol, 21 pause, else an error.
    HeadersComplete,
    /// A notice.
    Notice(Notice),
}

/// The result of one step of a machine.
/// [`Machine::step`](super::Machine::step) returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// An event; the walk goes on with the next step, after a reply if the
    /// callback returned anything but 0.
    Event(Event),
    /// The walk is over.
    Stop,
}

/// Which events are wanted: those with a callback in llhttp's settings. The machine
/// skips the others. `HeadersComplete` is always wanted.
/// For [`Machine::new`](super::Machine::new).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted(u32);

impl Wanted {
    /// All events.
    pub const ALL: Wanted = Wanted(u32::MAX);
    /// The events that node's parser asks for.
    pub const NODE: Wanted = Wanted(
        1 << Span::Url as u32
            | 1 << Span::Status as u32
            | 1 << Span::HeaderField as u32
            | 1 << Span::HeaderValue as u32
            | 1 << Span::ChunkExtensionName as u32
            | 1 << Span::ChunkExtensionValue as u32
            | 1 << Span::Body as u32
            | 1 << Notice::MessageBegin as u32
            | 1 << Notice::ChunkHeader as u32
            | 1 << Notice::ChunkComplete as u32
            | 1 << Notice::MessageComplete as u32,
    );

    #[inline]
    pub(super) fn span(self, span: Span) -> bool {
        self.0 & 1 << span as u32 != 0
    }

    #[inline]
    pub(super) fn notice(self, notice: Notice) -> bool {
        self.0 & 1 << notice as u32 != 0
    }
}
