//! The strings that plugins link to: methods, schemes, names of fields, values.
//!
//! Mirrors `TS_HTTP_METHOD_*`, `TS_HTTP_VALUE_*`, `TS_MIME_FIELD_*`, `TS_URL_SCHEME_*` and their
//! lengths, which `InkAPI.cc` fills from the tables in `MIME.cc`, `HTTP.cc` and `URL.cc` (9.2.9).
//! They are variables of the executable, and plugins compare pointers: a method that the interface
//! returns must be the very pointer of its word.

use std::ffi::{CStr, c_char, c_int};

/// A pointer to a constant text.
#[repr(transparent)]
struct Word(*const c_char);

// SAFETY: what it points to is constant.
unsafe impl Sync for Word {}

macro_rules! words {
    ($($name:ident, $length:ident = $text:literal;)*) => {
        $(
            #[unsafe(no_mangle)]
            static $name: Word = Word($text.as_ptr());
            #[unsafe(no_mangle)]
            static $length: c_int = $text.count_bytes() as c_int;
        )*

        const WORDS: &[(&CStr, &Word)] = &[$(($text, &$name),)*];
    };
}

macro_rules! tags {
    ($($name:ident = $text:literal;)*) => {
        $(
            #[unsafe(no_mangle)]
            static $name: Word = Word($text.as_ptr());
        )*
    };
}

words! {
    TS_HTTP_METHOD_CONNECT, TS_HTTP_LEN_CONNECT = c"CONNECT";
    TS_HTTP_METHOD_DELETE, TS_HTTP_LEN_DELETE = c"DELETE";
    TS_HTTP_METHOD_GET, TS_HTTP_LEN_GET = c"GET";
    TS_HTTP_METHOD_HEAD, TS_HTTP_LEN_HEAD = c"HEAD";
    TS_HTTP_METHOD_OPTIONS, TS_HTTP_LEN_OPTIONS = c"OPTIONS";
    TS_HTTP_METHOD_POST, TS_HTTP_LEN_POST = c"POST";
    TS_HTTP_METHOD_PURGE, TS_HTTP_LEN_PURGE = c"PURGE";
    TS_HTTP_METHOD_PUSH, TS_HTTP_LEN_PUSH = c"PUSH";
    TS_HTTP_METHOD_PUT, TS_HTTP_LEN_PUT = c"PUT";
    TS_HTTP_METHOD_TRACE, TS_HTTP_LEN_TRACE = c"TRACE";
    TS_HTTP_VALUE_BROTLI, TS_HTTP_LEN_BROTLI = c"br";
    TS_HTTP_VALUE_BYTES, TS_HTTP_LEN_BYTES = c"bytes";
    TS_HTTP_VALUE_CHUNKED, TS_HTTP_LEN_CHUNKED = c"chunked";
    TS_HTTP_VALUE_CLOSE, TS_HTTP_LEN_CLOSE = c"close";
    TS_HTTP_VALUE_COMPRESS, TS_HTTP_LEN_COMPRESS = c"compress";
    TS_HTTP_VALUE_DEFLATE, TS_HTTP_LEN_DEFLATE = c"deflate";
    TS_HTTP_VALUE_GZIP, TS_HTTP_LEN_GZIP = c"gzip";
    TS_HTTP_VALUE_IDENTITY, TS_HTTP_LEN_IDENTITY = c"identity";
    TS_HTTP_VALUE_KEEP_ALIVE, TS_HTTP_LEN_KEEP_ALIVE = c"keep-alive";
    TS_HTTP_VALUE_MAX_AGE, TS_HTTP_LEN_MAX_AGE = c"max-age";
    TS_HTTP_VALUE_MAX_STALE, TS_HTTP_LEN_MAX_STALE = c"max-stale";
    TS_HTTP_VALUE_MIN_FRESH, TS_HTTP_LEN_MIN_FRESH = c"min-fresh";
    TS_HTTP_VALUE_MUST_REVALIDATE, TS_HTTP_LEN_MUST_REVALIDATE = c"must-revalidate";
    TS_HTTP_VALUE_NONE, TS_HTTP_LEN_NONE = c"none";
    TS_HTTP_VALUE_NO_CACHE, TS_HTTP_LEN_NO_CACHE = c"no-cache";
    TS_HTTP_VALUE_NO_STORE, TS_HTTP_LEN_NO_STORE = c"no-store";
    TS_HTTP_VALUE_NO_TRANSFORM, TS_HTTP_LEN_NO_TRANSFORM = c"no-transform";
    TS_HTTP_VALUE_ONLY_IF_CACHED, TS_HTTP_LEN_ONLY_IF_CACHED = c"only-if-cached";
    TS_HTTP_VALUE_PRIVATE, TS_HTTP_LEN_PRIVATE = c"private";
    TS_HTTP_VALUE_PROXY_REVALIDATE, TS_HTTP_LEN_PROXY_REVALIDATE = c"proxy-revalidate";
    TS_HTTP_VALUE_PUBLIC, TS_HTTP_LEN_PUBLIC = c"public";
    TS_HTTP_VALUE_S_MAXAGE, TS_HTTP_LEN_S_MAXAGE = c"s-maxage";
    TS_MIME_FIELD_ACCEPT, TS_MIME_LEN_ACCEPT = c"Accept";
    TS_MIME_FIELD_ACCEPT_CHARSET, TS_MIME_LEN_ACCEPT_CHARSET = c"Accept-Charset";
    TS_MIME_FIELD_ACCEPT_ENCODING, TS_MIME_LEN_ACCEPT_ENCODING = c"Accept-Encoding";
    TS_MIME_FIELD_ACCEPT_LANGUAGE, TS_MIME_LEN_ACCEPT_LANGUAGE = c"Accept-Language";
    TS_MIME_FIELD_ACCEPT_RANGES, TS_MIME_LEN_ACCEPT_RANGES = c"Accept-Ranges";
    TS_MIME_FIELD_AGE, TS_MIME_LEN_AGE = c"Age";
    TS_MIME_FIELD_ALLOW, TS_MIME_LEN_ALLOW = c"Allow";
    TS_MIME_FIELD_APPROVED, TS_MIME_LEN_APPROVED = c"Approved";
    TS_MIME_FIELD_AUTHORIZATION, TS_MIME_LEN_AUTHORIZATION = c"Authorization";
    TS_MIME_FIELD_BYTES, TS_MIME_LEN_BYTES = c"Bytes";
    TS_MIME_FIELD_CACHE_CONTROL, TS_MIME_LEN_CACHE_CONTROL = c"Cache-Control";
    TS_MIME_FIELD_CLIENT_IP, TS_MIME_LEN_CLIENT_IP = c"Client-ip";
    TS_MIME_FIELD_CONNECTION, TS_MIME_LEN_CONNECTION = c"Connection";
    TS_MIME_FIELD_CONTENT_BASE, TS_MIME_LEN_CONTENT_BASE = c"Content-Base";
    TS_MIME_FIELD_CONTENT_ENCODING, TS_MIME_LEN_CONTENT_ENCODING = c"Content-Encoding";
    TS_MIME_FIELD_CONTENT_LANGUAGE, TS_MIME_LEN_CONTENT_LANGUAGE = c"Content-Language";
    TS_MIME_FIELD_CONTENT_LENGTH, TS_MIME_LEN_CONTENT_LENGTH = c"Content-Length";
    TS_MIME_FIELD_CONTENT_LOCATION, TS_MIME_LEN_CONTENT_LOCATION = c"Content-Location";
    TS_MIME_FIELD_CONTENT_MD5, TS_MIME_LEN_CONTENT_MD5 = c"Content-MD5";
    TS_MIME_FIELD_CONTENT_RANGE, TS_MIME_LEN_CONTENT_RANGE = c"Content-Range";
    TS_MIME_FIELD_CONTENT_TYPE, TS_MIME_LEN_CONTENT_TYPE = c"Content-Type";
    TS_MIME_FIELD_CONTROL, TS_MIME_LEN_CONTROL = c"Control";
    TS_MIME_FIELD_COOKIE, TS_MIME_LEN_COOKIE = c"Cookie";
    TS_MIME_FIELD_DATE, TS_MIME_LEN_DATE = c"Date";
    TS_MIME_FIELD_DISTRIBUTION, TS_MIME_LEN_DISTRIBUTION = c"Distribution";
    TS_MIME_FIELD_ETAG, TS_MIME_LEN_ETAG = c"Etag";
    TS_MIME_FIELD_EXPECT, TS_MIME_LEN_EXPECT = c"Expect";
    TS_MIME_FIELD_EXPIRES, TS_MIME_LEN_EXPIRES = c"Expires";
    TS_MIME_FIELD_FOLLOWUP_TO, TS_MIME_LEN_FOLLOWUP_TO = c"Followup-To";
    TS_MIME_FIELD_FORWARDED, TS_MIME_LEN_FORWARDED = c"Forwarded";
    TS_MIME_FIELD_FROM, TS_MIME_LEN_FROM = c"From";
    TS_MIME_FIELD_HOST, TS_MIME_LEN_HOST = c"Host";
    TS_MIME_FIELD_IF_MATCH, TS_MIME_LEN_IF_MATCH = c"If-Match";
    TS_MIME_FIELD_IF_MODIFIED_SINCE, TS_MIME_LEN_IF_MODIFIED_SINCE = c"If-Modified-Since";
    TS_MIME_FIELD_IF_NONE_MATCH, TS_MIME_LEN_IF_NONE_MATCH = c"If-None-Match";
    TS_MIME_FIELD_IF_RANGE, TS_MIME_LEN_IF_RANGE = c"If-Range";
    TS_MIME_FIELD_IF_UNMODIFIED_SINCE, TS_MIME_LEN_IF_UNMODIFIED_SINCE = c"If-Unmodified-Since";
    TS_MIME_FIELD_KEEP_ALIVE, TS_MIME_LEN_KEEP_ALIVE = c"Keep-Alive";
    TS_MIME_FIELD_KEYWORDS, TS_MIME_LEN_KEYWORDS = c"Keywords";
    TS_MIME_FIELD_LAST_MODIFIED, TS_MIME_LEN_LAST_MODIFIED = c"Last-Modified";
    TS_MIME_FIELD_LINES, TS_MIME_LEN_LINES = c"Lines";
    TS_MIME_FIELD_LOCATION, TS_MIME_LEN_LOCATION = c"Location";
    TS_MIME_FIELD_MAX_FORWARDS, TS_MIME_LEN_MAX_FORWARDS = c"Max-Forwards";
    TS_MIME_FIELD_MESSAGE_ID, TS_MIME_LEN_MESSAGE_ID = c"Message-ID";
    TS_MIME_FIELD_NEWSGROUPS, TS_MIME_LEN_NEWSGROUPS = c"Newsgroups";
    TS_MIME_FIELD_ORGANIZATION, TS_MIME_LEN_ORGANIZATION = c"Organization";
    TS_MIME_FIELD_PATH, TS_MIME_LEN_PATH = c"Path";
    TS_MIME_FIELD_PRAGMA, TS_MIME_LEN_PRAGMA = c"Pragma";
    TS_MIME_FIELD_PROXY_AUTHENTICATE, TS_MIME_LEN_PROXY_AUTHENTICATE = c"Proxy-Authenticate";
    TS_MIME_FIELD_PROXY_AUTHORIZATION, TS_MIME_LEN_PROXY_AUTHORIZATION = c"Proxy-Authorization";
    TS_MIME_FIELD_PROXY_CONNECTION, TS_MIME_LEN_PROXY_CONNECTION = c"Proxy-Connection";
    TS_MIME_FIELD_PUBLIC, TS_MIME_LEN_PUBLIC = c"Public";
    TS_MIME_FIELD_RANGE, TS_MIME_LEN_RANGE = c"Range";
    TS_MIME_FIELD_REFERENCES, TS_MIME_LEN_REFERENCES = c"References";
    TS_MIME_FIELD_REFERER, TS_MIME_LEN_REFERER = c"Referer";
    TS_MIME_FIELD_REPLY_TO, TS_MIME_LEN_REPLY_TO = c"Reply-To";
    TS_MIME_FIELD_RETRY_AFTER, TS_MIME_LEN_RETRY_AFTER = c"Retry-After";
    TS_MIME_FIELD_SENDER, TS_MIME_LEN_SENDER = c"Sender";
    TS_MIME_FIELD_SERVER, TS_MIME_LEN_SERVER = c"Server";
    TS_MIME_FIELD_SET_COOKIE, TS_MIME_LEN_SET_COOKIE = c"Set-Cookie";
    TS_MIME_FIELD_STRICT_TRANSPORT_SECURITY, TS_MIME_LEN_STRICT_TRANSPORT_SECURITY = c"Strict-Transport-Security";
    TS_MIME_FIELD_SUBJECT, TS_MIME_LEN_SUBJECT = c"Subject";
    TS_MIME_FIELD_SUMMARY, TS_MIME_LEN_SUMMARY = c"Summary";
    TS_MIME_FIELD_TE, TS_MIME_LEN_TE = c"TE";
    TS_MIME_FIELD_TRANSFER_ENCODING, TS_MIME_LEN_TRANSFER_ENCODING = c"Transfer-Encoding";
    TS_MIME_FIELD_UPGRADE, TS_MIME_LEN_UPGRADE = c"Upgrade";
    TS_MIME_FIELD_USER_AGENT, TS_MIME_LEN_USER_AGENT = c"User-Agent";
    TS_MIME_FIELD_VARY, TS_MIME_LEN_VARY = c"Vary";
    TS_MIME_FIELD_VIA, TS_MIME_LEN_VIA = c"Via";
    TS_MIME_FIELD_WARNING, TS_MIME_LEN_WARNING = c"Warning";
    TS_MIME_FIELD_WWW_AUTHENTICATE, TS_MIME_LEN_WWW_AUTHENTICATE = c"Www-Authenticate";
    TS_MIME_FIELD_XREF, TS_MIME_LEN_XREF = c"Xref";
    TS_MIME_FIELD_X_FORWARDED_FOR, TS_MIME_LEN_X_FORWARDED_FOR = c"X-Forwarded-For";
    TS_URL_SCHEME_FILE, TS_URL_LEN_FILE = c"file";
    TS_URL_SCHEME_FTP, TS_URL_LEN_FTP = c"ftp";
    TS_URL_SCHEME_GOPHER, TS_URL_LEN_GOPHER = c"gopher";
    TS_URL_SCHEME_HTTP, TS_URL_LEN_HTTP = c"http";
    TS_URL_SCHEME_HTTPS, TS_URL_LEN_HTTPS = c"https";
    TS_URL_SCHEME_MAILTO, TS_URL_LEN_MAILTO = c"mailto";
    TS_URL_SCHEME_MMS, TS_URL_LEN_MMS = c"mms";
    TS_URL_SCHEME_MMST, TS_URL_LEN_MMST = c"mmst";
    TS_URL_SCHEME_MMSU, TS_URL_LEN_MMSU = c"mmsu";
    TS_URL_SCHEME_NEWS, TS_URL_LEN_NEWS = c"news";
    TS_URL_SCHEME_NNTP, TS_URL_LEN_NNTP = c"nntp";
    TS_URL_SCHEME_PNM, TS_URL_LEN_PNM = c"pnm";
    TS_URL_SCHEME_PROSPERO, TS_URL_LEN_PROSPERO = c"prospero";
    TS_URL_SCHEME_RTSP, TS_URL_LEN_RTSP = c"rtsp";
    TS_URL_SCHEME_RTSPU, TS_URL_LEN_RTSPU = c"rtspu";
    TS_URL_SCHEME_TELNET, TS_URL_LEN_TELNET = c"telnet";
    TS_URL_SCHEME_TUNNEL, TS_URL_LEN_TUNNEL = c"tunnel";
    TS_URL_SCHEME_WAIS, TS_URL_LEN_WAIS = c"wais";
    TS_URL_SCHEME_WS, TS_URL_LEN_WS = c"ws";
    TS_URL_SCHEME_WSS, TS_URL_LEN_WSS = c"wss";
}

tags! {
    TS_ALPN_PROTOCOL_HTTP_0_9 = c"http/0.9";
    TS_ALPN_PROTOCOL_HTTP_1_0 = c"http/1.0";
    TS_ALPN_PROTOCOL_HTTP_1_1 = c"http/1.1";
    TS_ALPN_PROTOCOL_HTTP_2_0 = c"h2";
    TS_PROTO_TAG_HTTP_1_0 = c"http/1.0";
    TS_PROTO_TAG_HTTP_1_1 = c"http/1.1";
    TS_PROTO_TAG_HTTP_2_0 = c"h2";
    TS_PROTO_TAG_IPV4 = c"ipv4";
    TS_PROTO_TAG_IPV6 = c"ipv6";
    TS_PROTO_TAG_TCP = c"tcp";
    TS_PROTO_TAG_TLS_1_0 = c"tls/1.0";
    TS_PROTO_TAG_TLS_1_1 = c"tls/1.1";
    TS_PROTO_TAG_TLS_1_2 = c"tls/1.2";
    TS_PROTO_TAG_TLS_1_3 = c"tls/1.3";
    TS_PROTO_TAG_UDP = c"udp";
}

/// The word with this text, letter by letter, if there is one.
pub(crate) fn word(text: &[u8]) -> Option<&'static CStr> {
    WORDS.iter().find(|(word, _)| word.to_bytes() == text).map(|(word, _)| *word)
}

/// The pointer that plugins compare with.
pub(super) fn pointer(word: &CStr) -> *const c_char {
    let found = WORDS.iter().find(|(other, _)| *other == word);
    found.map_or(std::ptr::null(), |(_, word)| word.0)
}
