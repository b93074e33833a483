//! The names of events and hooks, as plugins and findings print them.
//!
//! Mirrors `HttpDebugNames::get_event_name` and its kin of `proxy/http/HttpDebugNames.cc` (9.2.9).

use std::ffi::{CStr, c_int};

/// `TSHttpEventNameLookup`.
pub(crate) fn event(event: c_int) -> &'static CStr {
    match event {
        0 => c"EVENT_NONE/VC_EVENT_NONE",
        1 => c"EVENT_IMMEDIATE/TS_EVENT_IMMEDIATE/VC_EVENT_IMMEDIATE",
        2 => c"EVENT_INTERVAL",
        3 => c"EVENT_ERROR/TS_EVENT_ERROR/VC_EVENT_ERROR",
        100 => c"VC_EVENT_READ_READY/TS_EVENT_VCONN_READ_READY",
        101 => c"VC_EVENT_WRITE_READY/TS_EVENT_VCONN_WRITE_READY",
        102 => c"VC_EVENT_READ_COMPLETE/TS_EVENT_VCONN_READ_COMPLETE",
        103 => c"VC_EVENT_WRITE_COMPLETE/TS_EVENT_VCONN_WRITE_COMPLETE",
        104 => c"VC_EVENT_EOS/TS_EVENT_VCONN_EOS",
        105 => c"VC_EVENT_INACTIVITY_TIMEOUT/TS_EVENT_VCONN_INACTIVITY_TIMEOUT",
        106 => c"VC_EVENT_ACTIVE_TIMEOUT/TS_EVENT_VCONN_ACTIVE_TIMEOUT",
        107 => c"TS_EVENT_VCONN_START",
        108 => c"TS_EVENT_VCONN_CLOSE",
        109 => c"TS_EVENT_VCONN_OUTBOUND_START",
        110 => c"TS_EVENT_VCONN_OUTBOUND_CLOSE",
        200 => c"NET_EVENT_OPEN/TS_EVENT_NET_CONNECT",
        201 => c"NET_EVENT_OPEN_FAILED/TS_EVENT_NET_CONNECT_FAILED",
        202 => c"NET_EVENT_ACCEPT/TS_EVENT_NET_ACCEPT",
        204 => c"TS_EVENT_NET_ACCEPT_FAILED",
        206 => c"TS_EVENT_INTERNAL_206",
        207 => c"TS_EVENT_INTERNAL_207",
        208 => c"TS_EVENT_INTERNAL_208",
        209 => c"TS_EVENT_INTERNAL_209",
        210 => c"TS_EVENT_INTERNAL_210",
        211 => c"TS_EVENT_INTERNAL_211",
        212 => c"TS_EVENT_INTERNAL_212",
        500 => c"EVENT_HOST_DB_LOOKUP/TS_EVENT_HOST_LOOKUP",
        1102 => c"CACHE_EVENT_OPEN_READ/TS_EVENT_CACHE_OPEN_READ",
        1103 => c"CACHE_EVENT_OPEN_READ_FAILED/TS_EVENT_CACHE_OPEN_READ_FAILED",
        1108 => c"CACHE_EVENT_OPEN_WRITE/TS_EVENT_CACHE_OPEN_WRITE",
        1109 => c"CACHE_EVENT_OPEN_WRITE_FAILED/TS_EVENT_CACHE_OPEN_WRITE_FAILED",
        1112 => c"CACHE_EVENT_REMOVE/TS_EVENT_CACHE_REMOVE",
        1113 => c"CACHE_EVENT_REMOVE_FAILED/TS_EVENT_CACHE_REMOVE_FAILED",
        1120 => c"TS_EVENT_CACHE_SCAN",
        1121 => c"TS_EVENT_CACHE_SCAN_FAILED",
        1122 => c"TS_EVENT_CACHE_SCAN_OBJECT",
        1123 => c"TS_EVENT_CACHE_SCAN_OPERATION_BLOCKED",
        1124 => c"TS_EVENT_CACHE_SCAN_OPERATION_FAILED",
        1125 => c"TS_EVENT_CACHE_SCAN_DONE",
        1126 => c"TS_EVENT_CACHE_LOOKUP",
        1127 => c"TS_EVENT_CACHE_READ",
        1128 => c"TS_EVENT_CACHE_DELETE",
        1129 => c"TS_EVENT_CACHE_WRITE",
        1130 => c"TS_EVENT_CACHE_WRITE_HEADER",
        1131 => c"TS_EVENT_CACHE_CLOSE",
        1132 => c"TS_EVENT_CACHE_LOOKUP_READY",
        1133 => c"TS_EVENT_CACHE_LOOKUP_COMPLETE",
        1134 => c"TS_EVENT_CACHE_READ_READY",
        1135 => c"TS_EVENT_CACHE_READ_COMPLETE",
        1200 => c"TS_EVENT_INTERNAL_1200",
        2000 => c"TRANSFORM_READ_READY/TS_EVENT_SSL_SESSION_GET",
        2001 => c"TS_EVENT_SSL_SESSION_NEW",
        2002 => c"TS_EVENT_SSL_SESSION_REMOVE",
        2301 => c"HTTP_TUNNEL_EVENT_DONE",
        2302 => c"HTTP_TUNNEL_EVENT_PRECOMPLETE",
        2303 => c"HTTP_TUNNEL_EVENT_CONSUMER_DETACH",
        3900 => c"TS_EVENT_AIO_DONE",
        60000 => c"HTTP_API_CONTINUE/TS_EVENT_HTTP_CONTINUE",
        60001 => c"HTTP_API_ERROR/TS_EVENT_HTTP_ERROR",
        60002 => c"TS_EVENT_HTTP_READ_REQUEST_HDR",
        60003 => c"TS_EVENT_HTTP_OS_DNS",
        60004 => c"TS_EVENT_HTTP_SEND_REQUEST_HDR",
        60005 => c"TS_EVENT_HTTP_READ_CACHE_HDR",
        60006 => c"TS_EVENT_HTTP_READ_RESPONSE_HDR",
        60007 => c"TS_EVENT_HTTP_SEND_RESPONSE_HDR",
        60008 => c"TS_EVENT_HTTP_REQUEST_TRANSFORM",
        60009 => c"TS_EVENT_HTTP_RESPONSE_TRANSFORM",
        60010 => c"TS_EVENT_HTTP_SELECT_ALT",
        60011 => c"TS_EVENT_HTTP_TXN_START",
        60012 => c"TS_EVENT_HTTP_TXN_CLOSE",
        60013 => c"TS_EVENT_HTTP_SSN_START",
        60014 => c"TS_EVENT_HTTP_SSN_CLOSE",
        60015 => c"TS_EVENT_HTTP_CACHE_LOOKUP_COMPLETE",
        60016 => c"TS_EVENT_HTTP_PRE_REMAP",
        60017 => c"TS_EVENT_HTTP_POST_REMAP",
        60018 => c"TS_EVENT_HTTP_REQUEST_BUFFER_COMPLETE",
        60100 => c"TS_EVENT_LIFECYCLE_PORTS_INITIALIZED",
        60101 => c"TS_EVENT_LIFECYCLE_PORTS_READY",
        60102 => c"TS_EVENT_LIFECYCLE_CACHE_READY",
        60103 => c"TS_EVENT_LIFECYCLE_SERVER_SSL_CTX_INITIALIZED",
        60104 => c"TS_EVENT_LIFECYCLE_CLIENT_SSL_CTX_INITIALIZED",
        60105 => c"TS_EVENT_LIFECYCLE_MSG",
        60106 => c"TS_EVENT_LIFECYCLE_TASK_THREADS_READY",
        60107 => c"TS_EVENT_LIFECYCLE_SHUTDOWN",
        60200 => c"TS_EVENT_INTERNAL_60200",
        60201 => c"TS_EVENT_INTERNAL_60201",
        60202 => c"TS_EVENT_INTERNAL_60202",
        60203 => c"TS_EVENT_SSL_CERT",
        60204 => c"TS_EVENT_SSL_SERVERNAME",
        60205 => c"TS_EVENT_SSL_VERIFY_SERVER",
        60206 => c"TS_EVENT_SSL_VERIFY_CLIENT",
        60207 => c"TS_EVENT_SSL_CLIENT_HELLO",
        60300 => c"TS_EVENT_MGMT_UPDATE",
        _ => c"unknown event",
    }
}

/// The name of an event in `ts/apidefs.h` and `ts/experimental.h` (9.2.9), such as
/// `TS_EVENT_HTTP_READ_REQUEST_HDR`. `None` for a number that has no name there: a plugin chooses some
/// numbers itself.
#[must_use]
pub fn event_name(number: c_int) -> Option<&'static str> {
    match number {
        // The two whose name for plugins `TSHttpEventNameLookup` leaves out.
        0 => Some("TS_EVENT_NONE"),
        2 => Some("TS_EVENT_TIMEOUT"),
        -2 => Some("TS_FETCH_EVENT_EXT_HEAD_DONE"),
        -3 => Some("TS_FETCH_EVENT_EXT_BODY_READY"),
        -4 => Some("TS_FETCH_EVENT_EXT_BODY_DONE"),
        _ => {
            let names = event(number).to_str().unwrap_or_default();
            names.split('/').find(|name| name.starts_with("TS_EVENT_"))
        }
    }
}

/// `TS_HTTP_LAST_HOOK`: it has a name, but it is only how many hooks there are.
pub(crate) const LAST_HOOK: c_int = 28;

/// `TSHttpHookNameLookup`, which says "unknown hook" for any other number.
pub(crate) fn hook(id: c_int) -> Option<&'static CStr> {
    Some(match id {
        0 => c"TS_HTTP_READ_REQUEST_HDR_HOOK",
        1 => c"TS_HTTP_OS_DNS_HOOK",
        2 => c"TS_HTTP_SEND_REQUEST_HDR_HOOK",
        3 => c"TS_HTTP_READ_CACHE_HDR_HOOK",
        4 => c"TS_HTTP_READ_RESPONSE_HDR_HOOK",
        5 => c"TS_HTTP_SEND_RESPONSE_HDR_HOOK",
        6 => c"TS_HTTP_REQUEST_TRANSFORM_HOOK",
        7 => c"TS_HTTP_RESPONSE_TRANSFORM_HOOK",
        8 => c"TS_HTTP_SELECT_ALT_HOOK",
        9 => c"TS_HTTP_TXN_START_HOOK",
        10 => c"TS_HTTP_TXN_CLOSE_HOOK",
        11 => c"TS_HTTP_SSN_START_HOOK",
        12 => c"TS_HTTP_SSN_CLOSE_HOOK",
        13 => c"TS_HTTP_CACHE_LOOKUP_COMPLETE_HOOK",
        14 => c"TS_HTTP_PRE_REMAP_HOOK",
        15 => c"TS_HTTP_POST_REMAP_HOOK",
        16 => c"TS_HTTP_RESPONSE_CLIENT_HOOK",
        17 => c"TS_VCONN_START_HOOK",
        18 => c"TS_VCONN_CLOSE_HOOK",
        19 => c"TS_SSL_CLIENT_HELLO_HOOK",
        20 => c"TS_SSL_CERT_HOOK",
        21 => c"TS_SSL_SERVERNAME_HOOK",
        22 => c"TS_SSL_VERIFY_SERVER_HOOK",
        23 => c"TS_SSL_VERIFY_CLIENT_HOOK",
        24 => c"TS_SSL_SESSION_HOOK",
        25 => c"TS_VCONN_OUTBOUND_START_HOOK",
        26 => c"TS_VCONN_OUTBOUND_CLOSE_HOOK",
        27 => c"TS_HTTP_REQUEST_BUFFER_READ_COMPLETE_HOOK",
        LAST_HOOK => c"TS_HTTP_LAST_HOOK",
        _ => return None,
    })
}

/// `TSHttpServerStateNameLookup`.
pub(crate) fn server_state(state: c_int) -> &'static CStr {
    match state {
        0 => c"STATE_UNDEFINED",
        1 => c"ACTIVE_TIMEOUT",
        2 => c"BAD_INCOMING_RESPONSE",
        3 => c"CONNECTION_ALIVE",
        4 => c"CONNECTION_CLOSED",
        5 => c"CONNECTION_ERROR",
        6 => c"INACTIVE_TIMEOUT",
        7 => c"OPEN_RAW_ERROR",
        8 => c"PARSE_ERROR",
        9 => c"TRANSACTION_COMPLETE",
        10 => c"PARENT_RETRY",
        11 => c"OUTBOUND_CONGESTION",
        _ => c"unknown state name",
    }
}
