//! Error codes.

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// An error code of llhttp. Mirrors `llhttp_errno`.
        ///
        /// ```
        /// use streamlisten::llhttp::{Errno, Lenient, Machine, MessageType, Step, Wanted};
        ///
        /// let input = b"GET / HTTP/1.1\r\nContent-Length: ten\r\n\r\n";
        /// let mut machine = Machine::new(MessageType::Request, Lenient::NONE, Wanted::NODE);
        /// let mut run = machine.begin();
        /// while let Step::Event(_) = machine.step(&mut run, input) {}
        /// assert_eq!(run.result(), Errno::InvalidContentLength);
        /// assert_eq!(run.result().name(), "HPE_INVALID_CONTENT_LENGTH");
        /// assert_eq!(machine.reason(), "Invalid character in Content-Length");
        /// assert_eq!(machine.error_pos().map(|at| input[at]), Some(b't'));
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Errno {
            $($(#[$doc])* $name = $number,)*
        }

        impl Errno {
            /// Its name, as node shows it. Mirrors `llhttp_errno_name`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Errno::$name => $text,)*
                }
            }
        }
    };
}

errnos! {
    /// No error.
    Ok = 0, "HPE_OK";
    /// Never given.
    Internal = 1, "HPE_INTERNAL";
    /// Something that only lenient parsers accept.
    Strict = 2, "HPE_STRICT";
    /// A CR without LF.
    LfExpected = 3, "HPE_LF_EXPECTED";
    /// A second Content-Length.
    UnexpectedContentLength = 4, "HPE_UNEXPECTED_CONTENT_LENGTH";
    /// Data after the last message.
    ClosedConnection = 5, "HPE_CLOSED_CONNECTION";
    /// Not a method.
    InvalidMethod = 6, "HPE_INVALID_METHOD";
    /// Not a request target.
    InvalidUrl = 7, "HPE_INVALID_URL";
    /// Not the word that must stand here.
    InvalidConstant = 8, "HPE_INVALID_CONSTANT";
    /// Not a version.
    InvalidVersion = 9, "HPE_INVALID_VERSION";
    /// A byte that must not stand in a header.
    InvalidHeaderToken = 10, "HPE_INVALID_HEADER_TOKEN";
    /// Not a Content-Length.
    InvalidContentLength = 11, "HPE_INVALID_CONTENT_LENGTH";
    /// Not a chunk size.
    InvalidChunkSize = 12, "HPE_INVALID_CHUNK_SIZE";
    /// Not a status.
    InvalidStatus = 13, "HPE_INVALID_STATUS";
    /// The input ended in the middle of a message.
    InvalidEofState = 14, "HPE_INVALID_EOF_STATE";
    /// Not a Transfer-Encoding.
    InvalidTransferEncoding = 15, "HPE_INVALID_TRANSFER_ENCODING";
    /// `on_message_begin` failed.
    CbMessageBegin = 16, "HPE_CB_MESSAGE_BEGIN";
    /// `on_headers_complete` failed.
    CbHeadersComplete = 17, "HPE_CB_HEADERS_COMPLETE";
    /// `on_message_complete` failed.
    CbMessageComplete = 18, "HPE_CB_MESSAGE_COMPLETE";
    /// `on_chunk_header` failed.
    CbChunkHeader = 19, "HPE_CB_CHUNK_HEADER";
    /// `on_chunk_complete` failed.
    CbChunkComplete = 20, "HPE_CB_CHUNK_COMPLETE";
    /// Paused.
    Paused = 21, "HPE_PAUSED";
    /// What follows is in another protocol.
    PausedUpgrade = 22, "HPE_PAUSED_UPGRADE";
    /// What follows is HTTP/2.
    PausedH2Upgrade = 23, "HPE_PAUSED_H2_UPGRADE";
    /// A callback failed with an error of its own.
    User = 24, "HPE_USER";
    /// A LF without CR.
    CrExpected = 25, "HPE_CR_EXPECTED";
    /// `on_url_complete` failed.
    CbUrlComplete = 26, "HPE_CB_URL_COMPLETE";
    /// `on_status_complete` failed.
    CbStatusComplete = 27, "HPE_CB_STATUS_COMPLETE";
    /// `on_header_field_complete` failed.
    CbHeaderFieldComplete = 28, "HPE_CB_HEADER_FIELD_COMPLETE";
    /// `on_header_value_complete` failed.
    CbHeaderValueComplete = 29, "HPE_CB_HEADER_VALUE_COMPLETE";
    /// A space after the start line.
    UnexpectedSpace = 30, "HPE_UNEXPECTED_SPACE";
    /// `on_reset` failed.
    CbReset = 31, "HPE_CB_RESET";
    /// `on_method_complete` failed.
    CbMethodComplete = 32, "HPE_CB_METHOD_COMPLETE";
    /// `on_version_complete` failed.
    CbVersionComplete = 33, "HPE_CB_VERSION_COMPLETE";
    /// `on_chunk_extension_name_complete` failed.
    CbChunkExtensionNameComplete = 34, "HPE_CB_CHUNK_EXTENSION_NAME_COMPLETE";
    /// `on_chunk_extension_value_complete` failed.
    CbChunkExtensionValueComplete = 35, "HPE_CB_CHUNK_EXTENSION_VALUE_COMPLETE";
    /// `on_protocol_complete` failed.
    CbProtocolComplete = 38, "HPE_CB_PROTOCOL_COMPLETE";
}
