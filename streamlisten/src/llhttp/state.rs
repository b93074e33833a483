//! The states, by the names of llhttp's nodes.

/// The state of a walk. The order matters: `group` depends on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(super) enum State {
    // start_line
    Start,
    AfterStart,
    SwitchType,
    StartReq,
    AfterStartReq,
    StartReqOrRes,
    ReqOrResMethod,
    HeadMethodEnd,
    MethodComplete,
    ReqFirstSpaceBeforeUrl,
    ReqSpacesBeforeUrl,
    ReqHttpStart,
    ReqAfterHttpStart,
    ProtocolHttp,
    ProtocolRtsp,
    ProtocolIce,
    MethodForHttp,
    MethodForRtsp,
    MethodForIce,
    ReqAfterProtocol,
    ReqHttpVersion,
    ReqHttpMajor,
    ReqHttpDot,
    ReqHttpMinor,
    ReqHttpEnd,
    ReqVersionComplete,
    ReqHttpComplete,
    ReqHttpCompleteCrlf,
    ReqPriUpgrade,
    StartRes,
    ResAfterStart,
    ResProtocolComplete,
    ResAfterProtocol,
    ResVersionStart,
    ResHttpMajor,
    ResHttpDot,
    ResHttpMinor,
    ResHttpEnd,
    ResVersionComplete,
    ResAfterVersion,
    ResStatusCodeDigit1,
    ResStatusCodeDigit2,
    ResStatusCodeDigit3,
    ResStatusCodeOtherwise,
    ResStatusStart,
    ResStatus,
    ResLineAlmostDone,
    StatusComplete,
    // url
    UrlEntryNormal,
    UrlEntryConnect,
    UrlStart,
    UrlSchema,
    UrlSchemaDelim,
    UrlServer,
    UrlServerWithAt,
    UrlPath,
    UrlQueryOrFragment,
    UrlQuery,
    UrlFragment,
    UrlSkipToHttp,
    UrlSkipToHttp09,
    UrlSkipLfToHttp09,
    UrlToHttp,
    UrlToHttp09,
    // headers
    HeadersStart,
    HeaderFieldStart,
    HeaderField,
    HeaderFieldColon,
    HeaderFieldColonDiscardWs,
    HeaderFieldGeneral,
    HeaderFieldComplete,
    CheckHeaderField,
    HeadersAlmostDone,
    CheckTrailing,
    HeadersDone,
    // header_value
    HeaderValueDiscardWs,
    HeaderValueDiscardWsAlmostDone,
    HeaderValueDiscardLws,
    HeaderValueStart,
    HeaderValueTeChunked,
    HeaderValueTeChunkedLast,
    HeaderValueTeToken,
    HeaderValueTeTokenOws,
    HeaderValueContentLengthOnce,
    HeaderValueContentLength,
    HeaderValueContentLengthWs,
    HeaderValueConnection,
    HeaderValueConnectionWs,
    HeaderValueConnectionToken,
    HeaderValue,
    HeaderValueOtherwise,
    HeaderValueLenient,
    HeaderValueAlmostDone,
    HeaderValueLws,
    HeaderValueComplete,
    // chunks
    ChunkSizeStart,
    ChunkSizeDigit,
    ChunkSize,
    ChunkSizeOtherwise,
    ChunkExtensions,
    ChunkExtensionName,
    ChunkExtensionValueStart,
    ChunkExtensionValue,
    ChunkExtensionQuotedValue,
    ChunkExtensionQuotedPair,
    ChunkExtensionQuotedValueDone,
    NameThenValue,
    NameThenExtensions,
    NameThenAlmostDone,
    NameThenLf,
    ValueThenExtensions,
    ValueThenAlmostDone,
    ValueThenLf,
    ValueThenQuotedDone,
    ChunkSizeAlmostDone,
    ChunkSizeAlmostDoneLf,
    ToChunk,
    ChunkData,
    ChunkDataConsume,
    ChunkDataAlmostDone,
    ChunkComplete,
    // finish
    BodyIdentity,
    BodyIdentityConsume,
    BodyIdentityEof,
    BodyEofSpan,
    Eof,
    MessageDone,
    UpgradeAfterDone,
    UpgradePause,
    Cleanup,
    Closed,
    Restart,
    /// A span has been ended; the error that `Run::fails` holds comes next.
    Fail,
    /// The walk is over; no walk begins in this state.
    Over,
}

/// Which file a state is in.
pub(super) enum Group {
    StartLine,
    Url,
    Headers,
    HeaderValue,
    Chunks,
    Finish,
}

impl State {
    #[inline]
    pub(super) fn group(self) -> Group {
        if self < State::UrlEntryNormal {
            Group::StartLine
        } else if self < State::HeadersStart {
            Group::Url
        } else if self < State::HeaderValueDiscardWs {
            Group::Headers
        } else if self < State::ChunkSizeStart {
            Group::HeaderValue
        } else if self < State::BodyIdentity {
            Group::Chunks
        } else {
            Group::Finish
        }
    }
}
