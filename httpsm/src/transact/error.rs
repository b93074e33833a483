//! Error answers.
//!
//! Mirrors `BadRequest`, `Forbidden`, `PostActiveTimeoutResponse`,
//! `PostInactiveTimeoutResponse`, `handle_server_died`, `build_error_response`
//! and `HandleApiErrorJump` (9.2.9).

use iocore::net::ENET_CONNECT_FAILED;

use super::{ServerState, Source, State};
use crate::body_factory::fabricate_for;
use crate::config::HttpConfig;
use crate::hdr::{HTTPVersion, ResponseHdr, reason_lookup};

impl State {
    /// The parser has refused the request, or the request needs a feature that is
    /// not implemented.
    pub(crate) fn bad_request(&mut self, config: &HttpConfig) {
        self.bootstrap_from_request();
        let (status, reason, kind) = match self.http_return_code {
            414 => (414, "URI Too Long", "request#uri_len_too_long"),
            501 => (501, "Field not implemented", "transcoding#unsupported"),
            505 => (505, "Unsupported HTTP Version", "request#syntax_error"),
            _ => (400, "Invalid HTTP Request", "request#syntax_error"),
        };
        self.build_error_response(config, status, reason, kind);
        // Not before: until here the head may still ask to keep the connection.
        self.client_keep_alive = Some(false);
    }

    /// The method is not allowed.
    pub(crate) fn forbidden(&mut self, config: &HttpConfig) {
        self.bootstrap_from_request();
        self.build_error_response(config, 403, "Access Denied", "access#denied");
    }

    /// The client did not send its body in time.
    pub(crate) fn post_timeout(&mut self, config: &HttpConfig, state: ServerState) {
        self.bootstrap_from_request();
        let (reason, kind) = match state {
            ServerState::ActiveTimeout => ("Active Timeout", "timeout#activity"),
            _ => ("Inactive Timeout", "timeout#inactivity"),
        };
        self.build_error_response(config, 408, reason, kind);
    }

    /// There is no answer from the origin server. Mirrors `handle_server_died`.
    pub(crate) fn server_died(&mut self, config: &HttpConfig) {
        let reason_of_errno;
        let (mut status, mut reason, mut kind) = match self.current_state {
            // A name without an address. Mirrors `OSDNSLookup`.
            ServerState::ConnectionError if self.cause_of_death_errno == ENET_CONNECT_FAILED => {
                (500, "Cannot find server.", "connect#dns_failed")
            }
            ServerState::ConnectionError => {
                reason_of_errno = error_string(self.cause_of_death_errno);
                (502, &*reason_of_errno, "connect#failed_connect")
            }
            ServerState::ConnectionClosed => (502, "Server Hangup", "connect#hangup"),
            ServerState::ActiveTimeout => {
                (504, "Maximum Transaction Time Exceeded", "timeout#activity")
            }
            ServerState::InactiveTimeout => (504, "Connection Timed Out", "timeout#inactivity"),
            ServerState::ParseError | ServerState::BadIncomingResponse => {
                (502, "Invalid HTTP Response", "response#bad_response")
            }
            ServerState::Undefined | ServerState::ConnectionAlive => {
                (502, "Unknown Error", "response#bad_response")
            }
        };
        if self.missing_status {
            (status, reason, kind) =
                (502, "Malformed Server Response Status", "response#bad_response");
        }
        let reason = reason.to_owned();
        self.build_error_response(config, status, &reason, kind);
    }

    /// A plugin has ended the transaction with an error.
    pub(crate) fn api_error(&mut self, config: &HttpConfig) {
        self.source = Source::Internal;
        self.client_response = None;
        match self.http_return_code {
            code @ 400.. => {
                let reason = reason_lookup(code).unwrap_or("Error");
                self.build_internal_response(config, code, reason);
            }
            _ => self.build_internal_response(config, 500, "INKApi Error"),
        }
    }

    /// An answer of the proxy's own, with a page. Mirrors `build_error_response`.
    pub(crate) fn build_error_response(
        &mut self,
        config: &HttpConfig,
        status: u16,
        reason: &str,
        kind: &str,
    ) {
        self.initialize_from_request(config);
        let length = self.client_request.fields.value_get_int64("Content-Length").unwrap_or(0);
        // An unread body would be taken for the next request.
        if status == 408 || status == 400 || length != 0 || self.client_chunked {
            self.client_keep_alive = Some(false);
        } else {
            self.trust_response_cl = true;
        }
        self.source = Source::Internal;
        self.build_internal_response(config, status, reason);
        if let Some(response) = &mut self.client_response {
            response.fields.value_set("Cache-Control", b"no-store");
            response.fields.field_delete("Expires");
            response.fields.field_delete("Last-Modified");
            if let (301 | 302 | 307 | 308, Some(target)) = (status, &self.remap_redirect) {
                response.fields.value_set("Location", target);
            }
            response.fields.value_set("Content-Type", b"text/html");
            response.fields.value_set("Content-Language", b"en");
        }
        self.is_error_answer = true;
        // A plugin's body stays.
        let own = self.internal_msg.take().filter(|body| !body.is_empty());
        let location = self.remap_redirect.as_deref().unwrap_or_default();
        self.internal_msg = Some(own.unwrap_or_else(|| fabricate_for(kind, location)));
    }

    /// The head of an answer of the proxy's own. The fields of a head that was built before stay: an error
    /// can come when an answer is on its way already. Mirrors the second `build_response`, and
    /// `build_base_response`.
    pub(crate) fn build_internal_response(
        &mut self,
        config: &HttpConfig,
        status: u16,
        reason: &str,
    ) {
        let mut response = self.client_response.take().unwrap_or_else(|| ResponseHdr::new(status));
        response.version = HTTPVersion::HTTP_1_1;
        response.status = status;
        response.reason = reason.as_bytes().to_vec();
        response.fields.value_set("Date", crate::hdr::http_date(self.now).as_bytes());
        self.finish_response(config, &mut response);
        self.client_response = Some(response);
    }
}

/// Mirrors `get_error_string`.
fn error_string(errno: i32) -> String {
    if errno <= 0 {
        return "connect failed".to_owned();
    }
    // `strerror`, which the standard library shows with the number behind it.
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
