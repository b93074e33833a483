//! From the origin server's response to the one for the client.
//!
//! Mirrors `HandleResponse`, `check_response_validity`,
//! `initialize_state_variables_from_response`, `handle_response_from_server`,
//! `handle_forward_server_connection_open`, `handle_100_continue_response`, `build_response` and
//! `handle_response_keep_alive_headers` (9.2.9).

use super::request::is_hop_by_hop;
use super::{ServerState, Source, State};
use crate::config::HttpConfig;
use crate::hdr::{
    HTTPVersion, ResponseHdr, http_date, is_response_body_precluded, parse_http_date, push_number,
};

/// The next step for a response, or for a missing one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ResponseNext {
    /// Send the head and the body that follows (`SM_ACTION_SERVER_READ`).
    ServerRead,
    /// Send the head alone (`SM_ACTION_INTERNAL_CACHE_NOOP`).
    HeadOnly,
    /// Pass an interim response on, then read the next head
    /// (`SM_ACTION_INTERNAL_100_RESPONSE`).
    Interim,
    /// Read the next head (`SM_ACTION_SERVER_PARSE_NEXT_HDR`).
    ParseNext,
    /// Send the head, then all bytes that come (`SM_ACTION_SSL_TUNNEL`).
    Tunnel,
    /// Ask once more (`how_to_open_connection`).
    Retry,
    /// An error answer is in the state (`SM_ACTION_SEND_ERROR_CACHE_NOOP`).
    Error,
}

impl State {
    /// Mirrors `HandleResponse`. `request_sent`: a byte of the request may have
    /// reached the origin server.
    pub(crate) fn handle_response(
        &mut self,
        config: &HttpConfig,
        request_sent: bool,
    ) -> ResponseNext {
        self.source = Source::OriginServer;
        self.response_received_time = self.now;
        if self.current_state == ServerState::ConnectionAlive {
            if self.server_response.status == 0 {
                self.missing_status = true;
                self.current_state = ServerState::BadIncomingResponse;
            } else {
                self.initialize_from_response();
            }
        }
        match self.current_state {
            ServerState::ConnectionAlive => self.connection_open(config),
            ServerState::ActiveTimeout => {
                self.server_died(config);
                ResponseNext::Error
            }
            _ if self.is_request_retryable(request_sent)
                && self.attempts < config.connect_attempts_max_retries =>
            {
                self.server_keep_alive = false;
                self.attempts += 1;
                self.missing_status = false;
                ResponseNext::Retry
            }
            _ => {
                self.server_died(config);
                ResponseNext::Error
            }
        }
    }

    /// Mirrors `check_response_validity`, which adds a date except to a 500, and
    /// `initialize_state_variables_from_response`.
    fn initialize_from_response(&mut self) {
        let response = &mut self.server_response;
        if response.status != 500 && !response.fields.presence("Date") {
            response.fields.value_set("Date", http_date(self.now).as_bytes());
        }
        // A connection with half a request on it is not used again, whatever the head says. (The
        // original forgets here that it has decided so.)
        self.server_keep_alive =
            response.keep_alive_get() && !self.is_upgrade_request && !self.tunnel_aborted;
        self.server_chunked = false;
        let precluded = is_response_body_precluded(response.status, &self.client_request.method);
        self.response_content_length = match precluded {
            true => Some(0),
            false => response.fields.value_get_int64("Content-Length"),
        };
        self.trust_response_cl = self.response_content_length.is_some();
        let chunked =
            response.fields.csv("Transfer-Encoding").any(|v| v.eq_ignore_ascii_case(b"chunked"));
        if chunked && !precluded {
            self.server_chunked = true;
            self.response_content_length = None;
            self.trust_response_cl = false;
            response.fields.field_delete("Transfer-Encoding");
        }
    }

    /// The tunnel's connection is there. Mirrors `OriginServerRawOpen`.
    pub(crate) fn raw_open(&mut self, config: &HttpConfig) {
        self.trust_response_cl = true;
        self.build_internal_response(config, 200, "OK");
    }

    /// True if the origin server's response is not the last one.
    pub(crate) fn is_interim(&self) -> bool {
        matches!(self.server_response.status, 100 | 103)
    }

    fn connection_open(&mut self, config: &HttpConfig) -> ResponseNext {
        let status = self.server_response.status;
        if self.is_interim() {
            let request = &self.client_request;
            let wants_it = match request.version {
                HTTPVersion::HTTP_1_1 => true,
                HTTPVersion::HTTP_1_0 => request.fields.value_get_int("Expect") == Some(100),
                _ => false,
            };
            if !wants_it {
                return ResponseNext::ParseNext;
            }
            // With as few changes as possible. Mirrors `build_response_copy`.
            let mut response = self.server_response.clone();
            response.fields.field_delete_if(is_hop_by_hop);
            self.convert_response(&mut response);
            add_server(config, &mut response);
            self.client_response = Some(response);
            return ResponseNext::Interim;
        }
        let mut response = self.server_response.clone();
        response.fields.field_delete_if(is_hop_by_hop);
        if config.insert_age_in_response {
            self.insert_time_and_age(&mut response);
        }
        self.finish_response(config, &mut response);
        self.client_response = Some(response);
        match status {
            304 => ResponseNext::HeadOnly,
            // By a plugin that answers in place of the proxy: no origin server is asked to CONNECT.
            // Mirrors `handle_no_cache_operation_on_forward_server_response`.
            200 if self.client_request.method == b"CONNECT" => ResponseNext::Tunnel,
            _ => ResponseNext::ServerRead,
        }
    }

    /// Mirrors `insert_time_and_age_headers_in_response` and
    /// `calculate_document_age`.
    fn insert_time_and_age(&self, response: &mut ResponseHdr) {
        let base = &self.server_response.fields;
        let date = base.value_get("Date").and_then(parse_http_date).unwrap_or(0);
        let age_value = base.value_get_int64("Age").unwrap_or(0);
        let apparent = if date > 0 { (self.response_received_time - date).max(0) } else { 0 };
        let delay = (self.response_received_time - self.request_sent_time).max(0);
        let resident = (self.now - self.response_received_time).max(0);
        let age = apparent.max(age_value).checked_add(delay);
        // The age overflows: in the original the sum wraps below 0, and `set_age` writes this
        // number for an age below 0.
        let age = age.and_then(|age| age.checked_add(resident)).unwrap_or(1 << 31);
        let mut digits = Vec::with_capacity(20);
        push_number(&mut digits, age.unsigned_abs());
        response.fields.value_set("Age", &digits);
        if date <= 0 {
            response.fields.value_set("Date", http_date(self.now).as_bytes());
        }
    }

    /// The fields that every response gets. Mirrors the end of `build_response`.
    pub(super) fn finish_response(&mut self, config: &HttpConfig, response: &mut ResponseHdr) {
        if is_response_body_precluded(response.status, &self.client_request.method) {
            self.trust_response_cl = true;
        }
        self.keep_alive_headers(config, response);
        self.convert_response(response);
        add_server(config, response);
    }

    /// Mirrors `handle_response_keep_alive_headers`.
    fn keep_alive_headers(&mut self, config: &HttpConfig, response: &mut ResponseHdr) {
        let is_1_1 = self.client_version == Some(HTTPVersion::HTTP_1_1);
        if self.is_draining {
            self.client_keep_alive = Some(false);
        }
        response.fields.field_delete("Connection");
        response.fields.field_delete("Proxy-Connection");
        let name = if self.proxy_connect_hdr { "Proxy-Connection" } else { "Connection" };
        let from_origin = self.source == Source::OriginServer;
        let length = response.fields.value_get_int64("Content-Length").unwrap_or(0);
        let body_of_204 =
            response.status == 204 && ((from_origin && self.server_chunked) || length != 0);
        let keep = if body_of_204 {
            false
        } else {
            let precluded =
                is_response_body_precluded(response.status, &self.client_request.method);
            self.receive_chunked_response = is_1_1
                && config.chunking_enabled
                && !precluded
                && from_origin
                && (self.server_chunked || !self.trust_response_cl);
            if self.receive_chunked_response {
                response.fields.value_append("Transfer-Encoding", b"chunked");
                response.fields.field_delete("Content-Length");
                self.trust_response_cl = false;
            }
            self.client_keep_alive == Some(true)
                && (self.trust_response_cl || self.receive_chunked_response)
        };
        if keep {
            response.fields.value_set(name, b"keep-alive");
        } else if self.client_keep_alive != Some(false) || is_1_1 {
            response.fields.value_set(name, b"close");
            self.client_keep_alive = Some(false);
        }
    }

    /// Mirrors `convert_response`: 1.0 for a client that speaks 1.0.
    fn convert_response(&self, response: &mut ResponseHdr) {
        if let Some(version) = self.client_version.filter(|version| version.is_http1()) {
            response.version = version;
        }
    }
}

/// Mirrors `add_server_header_to_response`.
fn add_server(config: &HttpConfig, response: &mut ResponseHdr) {
    if !config.response_server_str.is_empty() {
        response.fields.value_set("Server", config.response_server_str.as_bytes());
    }
}
