//! Decisions: the request for the origin server, and the answer for the client.
//!
//! Mirrors `proxy/http/HttpTransact.cc` and `HttpTransactHeaders.cc` (9.2.9). No
//! connection is touched here: the functions look at heads, change heads, and
//! return the next step.
//!
//! **Not modelled**: the cache, parents, DNS, authentication, ranges, WebSocket
//! (an upgrade to it is refused as any other).

mod error;
mod kept;
mod request;
mod response;

use std::net::SocketAddr;

use crate::api::CacheLookup;
use crate::config::HttpConfig;
use crate::hdr::{HTTPVersion, RequestHdr, ResponseHdr, URL};

pub(crate) use kept::KeptState;
pub(crate) use request::RequestNext;
pub(crate) use response::ResponseNext;

/// The state of the origin server's connection. Mirrors `ServerState_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ServerState {
    #[default]
    Undefined,
    ConnectionAlive,
    ConnectionError,
    ConnectionClosed,
    InactiveTimeout,
    ActiveTimeout,
    ParseError,
    BadIncomingResponse,
}

/// Where the response comes from. Mirrors `Source_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Source {
    #[default]
    Internal,
    OriginServer,
}

/// The role of a plugin in a transaction. Mirrors `HttpPluginTunnel_t`.
/// [`HttpTxn::plugin_tunnel`](crate::HttpTxn::plugin_tunnel) returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PluginTunnel {
    /// Nothing (`HTTP_NO_PLUGIN_TUNNEL`).
    #[default]
    None,
    /// It answers in place of the proxy (`HTTP_PLUGIN_AS_INTERCEPT`).
    AsIntercept,
    /// It answers in place of the origin server (`HTTP_PLUGIN_AS_SERVER`).
    AsServer,
}

/// What the cache is asked for. Mirrors `cache_info.lookup_url`.
#[derive(Default)]
pub(crate) enum LookupUrl {
    /// It is not known yet.
    #[default]
    None,
    /// The target of the client's request, as it stands at the time of the question.
    OfRequest,
    /// A URL of its own.
    Own(URL),
}

/// The data of a transaction. Mirrors `HttpTransact::State`.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) client_request: RequestHdr,
    /// The client's target before the rules.
    pub(crate) unmapped_url: Option<URL>,
    /// Where a plugin of the rule sends the client.
    pub(crate) remap_redirect: Option<Vec<u8>>,
    pub(crate) server_request: Option<RequestHdr>,
    pub(crate) server_response: ResponseHdr,
    /// The machine has begun to read it. Mirrors `server_response.valid()`.
    pub(crate) server_response_is_valid: bool,
    pub(crate) client_response: Option<ResponseHdr>,

    /// `client_info.http_version`: none before the head has been read, so an error of TXN_START is
    /// answered as if no version were known.
    pub(crate) client_version: Option<HTTPVersion>,
    /// `client_info`. Without a value it is not known yet what the client wants
    /// (`HTTP_KEEPALIVE_UNDEFINED`): the connection is not kept, and every answer says so.
    pub(crate) client_keep_alive: Option<bool>,
    /// The proxy is about to end: no connection is kept.
    pub(crate) is_draining: bool,
    pub(crate) client_chunked: bool,
    pub(crate) proxy_connect_hdr: bool,
    pub(crate) receive_chunked_response: bool,
    pub(crate) client_addr: Option<SocketAddr>,
    pub(crate) is_internal_request: bool,
    /// `client_info.state`, when the machine has given the client up.
    pub(crate) client_timed_out: Option<ServerState>,

    /// `None` is `HTTP_UNDEFINED_CL`.
    pub(crate) request_content_length: Option<i64>,
    pub(crate) response_content_length: Option<i64>,
    pub(crate) trust_response_cl: bool,
    /// `m_100_continue_required` and `m_100_continue_sent`.
    pub(crate) continue_required: bool,
    pub(crate) continue_sent: bool,

    /// `current`.
    pub(crate) current_state: ServerState,
    pub(crate) attempts: u32,
    pub(crate) server_keep_alive: bool,
    pub(crate) server_chunked: bool,
    pub(crate) cause_of_death_errno: i32,
    pub(crate) missing_status: bool,

    pub(crate) source: Source,
    pub(crate) internal_msg: Option<Vec<u8>>,
    pub(crate) internal_msg_type: Option<Vec<u8>>,
    pub(crate) http_return_code: u16,
    /// The answer is an error's (`SM_ACTION_SEND_ERROR_CACHE_NOOP`).
    pub(crate) is_error_answer: bool,
    pub(crate) is_upgrade_request: bool,
    /// The cache is off. Mirrors `txn_conf->cache_http` and `TUNNELLING_PROXY`.
    pub(crate) cache_is_off: bool,
    /// What the cache has said; none before it is decided whether it is asked.
    pub(crate) cache_lookup_result: Option<CacheLookup>,
    /// What the cache is asked for.
    pub(crate) lookup_url: LookupUrl,
    /// A plugin has asked to leave the rules out. Mirrors `api_skip_all_remapping`.
    pub(crate) skip_all_remapping: bool,
    /// The request is a `CONNECT` that may be carried out.
    pub(crate) is_tunnel: bool,
    pub(crate) url_remap_success: bool,
    pub(crate) plugin_tunnel_type: PluginTunnel,
    /// The request's body has been given to a tunnel.
    pub(crate) body_tunneled: bool,
    /// A tunnel was stopped: bytes may be left over on either connection.
    pub(crate) tunnel_aborted: bool,

    /// Seconds since 1970.
    pub(crate) now: i64,
    pub(crate) request_sent_time: i64,
    pub(crate) response_received_time: i64,
}

impl State {
    /// True if a body follows the request's head. Mirrors `has_request_body`.
    pub(crate) fn has_request_body(&self) -> bool {
        self.request_content_length.is_some_and(|length| length > 0) || self.client_chunked
    }

    /// True for requests that may be sent a second time. Mirrors
    /// `is_request_retryable`.
    pub(crate) fn is_request_retryable(&self, request_sent: bool) -> bool {
        // A plugin gets only one connection; a tunnel is tried once.
        if self.plugin_tunnel_type != PluginTunnel::None || self.is_tunnel {
            return false;
        }
        let safe =
            matches!(&self.client_request.method[..], b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE");
        safe || self.current_state == ServerState::ConnectionError || !request_sent
    }

    /// Reads from the request's head whether a body follows and how long it is.
    /// Mirrors `set_client_request_state`.
    pub(crate) fn set_client_request_state(&mut self) {
        let fields = &self.client_request.fields;
        self.client_chunked |=
            fields.csv("Transfer-Encoding").any(|value| value.eq_ignore_ascii_case(b"chunked"));
        self.request_content_length = fields.value_get_int64("Content-Length");
        if self.client_chunked {
            self.request_content_length = None;
        }
    }

    /// The client's version is that of its request. Mirrors `bootstrap_state_variables_from_request`.
    pub(crate) fn bootstrap_from_request(&mut self) {
        self.client_version = Some(self.client_request.version);
    }

    /// Mirrors `initialize_state_variables_from_request`.
    pub(crate) fn initialize_from_request(&mut self, config: &HttpConfig) {
        self.proxy_connect_hdr |= self.client_request.fields.presence("Proxy-Connection");
        let keeps = config.keep_alive_enabled_in
            && (!self.is_internal_request || config.keepalive_internal_vc)
            && self.client_request.keep_alive_get();
        self.client_keep_alive = Some(keeps);
    }
}
