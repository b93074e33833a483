//! From the client's request to the one for the origin server.
//!
//! Mirrors `StartRemapRequest`, `handle_upgrade_request`, `PerformRemap`,
//! `EndRemapRequest`, `HandleRequest`, `check_request_validity`,
//! `handle_trace_and_options_requests`, `setup_plugin_request_intercept` and
//! `build_request` (9.2.9).

use super::{PluginTunnel, State};
use crate::config::HttpConfig;
use crate::hdr::{HttpVersion, RequestHdr, Url, push_number};
use crate::remap::UrlRewrite;

/// What is to be done with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RequestNext {
    /// Go on.
    Continue,
    /// Connect, and pass on whatever comes
    /// (`SM_ACTION_ORIGIN_SERVER_RAW_OPEN`).
    Tunnel,
    /// The answer is in the state already.
    Answer,
}

/// Fields that belong to one connection and are not passed on. Mirrors the
/// `HTIF_HOPBYHOP` flag.
pub(super) fn is_hop_by_hop(name: &[u8]) -> bool {
    const NAMES: [&str; 8] = [
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Transfer-Encoding",
        "Upgrade",
    ];
    NAMES.iter().any(|hop| name.eq_ignore_ascii_case(hop.as_bytes()))
}

impl State {
    /// The host of an absolute target counts, whatever the Host field says. Mirrors
    /// `ModifyRequest`.
    pub(crate) fn modify_request(&mut self) {
        let request = &mut self.client_request;
        let Some(mut host) = request.url.host.clone().filter(|_| request.method != b"CONNECT")
        else {
            return;
        };
        if request.url.port_get() != 80 {
            host.extend_from_slice(format!(":{}", request.url.port_get()).as_bytes());
        }
        if request.fields.value_get("Host") != Some(&host) {
            request.fields.value_set("Host", &host);
        }
    }

    /// Refuses an upgrade that asks for what the proxy does not speak; `h2c` is
    /// overlooked. Mirrors `handle_upgrade_request`.
    pub(crate) fn start_remap_request(&mut self, config: &HttpConfig) -> RequestNext {
        let request = &self.client_request;
        let Some(upgrade) = request.fields.value_get("Upgrade") else {
            return RequestNext::Continue;
        };
        let asks = request.fields.csv("Connection").any(|v| v.eq_ignore_ascii_case(b"upgrade"));
        if !asks || request.method != b"GET" || request.version < HttpVersion::HTTP_1_1 {
            return RequestNext::Continue;
        }
        if upgrade.eq_ignore_ascii_case(b"h2c") {
            return RequestNext::Continue;
        }
        self.is_upgrade_request = true;
        self.build_error_response(config, 400, "Invalid Upgrade Request", "request#syntax_error");
        RequestNext::Answer
    }

    /// Applies the rules. Mirrors `PerformRemap`.
    pub(crate) fn perform_remap(&mut self, config: &HttpConfig, rules: &UrlRewrite) {
        self.url_remap_success = rules.remap(&mut self.client_request, config.pristine_host_hdr);
    }

    /// Refuses what no rule matches, unless a plugin answers. Mirrors
    /// `EndRemapRequest`.
    pub(crate) fn end_remap_request(&mut self, config: &HttpConfig) -> RequestNext {
        let plugin = self.plugin_tunnel_type != PluginTunnel::None;
        if self.http_return_code != 0 {
            let code = self.http_return_code;
            let reason = crate::hdr::reason_lookup(code).unwrap_or("Unknown HTTP Status");
            self.build_error_response(config, code, reason, "default");
        } else if !self.url_remap_success {
            let in_url = self.client_request.url.host.is_some();
            let host = self.client_request.host_get().is_some();
            if !config.url_remap_required {
                if !in_url && !host {
                    self.no_host(config);
                    return RequestNext::Answer;
                }
                return RequestNext::Continue;
            } else if in_url {
                self.build_error_response(config, 404, "Not Found", "urlrouting#no_mapping");
            } else if host {
                let reason = "Not Found on Accelerator";
                self.build_error_response(config, 404, reason, "urlrouting#no_mapping");
            } else {
                self.no_host(config);
            }
        } else {
            return RequestNext::Continue;
        }
        if !plugin {
            return RequestNext::Answer;
        }
        // What the plugin answers counts, not the error.
        self.client_response = None;
        self.internal_msg = None;
        RequestNext::Continue
    }

    /// Refuses what cannot be carried out. Mirrors `HandleRequest`.
    pub(crate) fn handle_request(&mut self, config: &HttpConfig) -> RequestNext {
        self.set_client_request_state();
        if self.refuse(config) {
            return RequestNext::Answer;
        }
        self.initialize_from_request(config);
        let length = self.request_content_length.unwrap_or(0);
        if config.max_post_size > 0 && length > config.max_post_size {
            let reason = "Request Entity Too Large";
            self.build_error_response(config, 413, reason, "request#entity_too_large");
            return RequestNext::Answer;
        }
        if self.client_request.method == b"CONNECT" {
            return RequestNext::Tunnel;
        }
        self.handle_trace_and_options(config)
    }

    /// Builds the request for the origin server, or for the plugin that is one.
    /// Mirrors `build_request` and `setup_plugin_request_intercept`.
    pub(crate) fn build_request(&mut self, config: &HttpConfig) {
        if config.normalize_ae {
            normalize_accept_encoding(&mut self.client_request);
        }
        let client = &self.client_request;
        // Whatever is known of it by now, the server is not asked for its host.
        let url = Url {
            scheme: None,
            user: None,
            host: None,
            port: None,
            path: client.url.path.clone(),
            path_is_empty: client.url.path_is_empty,
            params: client.url.params.clone(),
            query: client.url.query.clone(),
            fragment: None,
        };
        let mut request = RequestHdr {
            method: client.method.clone(),
            url,
            version: HttpVersion::HTTP_1_1,
            fields: client.fields.clone(),
        };
        request.fields.field_delete_if(is_hop_by_hop);
        self.add_client_ip(config, &mut request);
        if config.insert_request_via {
            let version = client.version;
            let mut via = Vec::with_capacity(16 + config.via.len());
            via.extend_from_slice(b"http/");
            push_number(&mut via, version.major);
            via.push(b'.');
            push_number(&mut via, version.minor);
            via.push(b' ');
            via.extend_from_slice(config.via.as_bytes());
            request.fields.value_append("Via", &via);
        }
        if !request.fields.presence("Host") {
            let mut host = client.url.host.clone().unwrap_or_default();
            if client.url.port_get() != 80 {
                host.push(b':');
                push_number(&mut host, client.url.port_get());
            }
            request.fields.value_set("Host", &host);
        }
        if self.continue_sent {
            request.fields.field_delete("Expect");
        }
        self.server_keep_alive =
            self.plugin_tunnel_type == PluginTunnel::None && config.keep_alive_enabled_out;
        self.request_sent_time = self.now;
        self.server_request = Some(request);
    }

    fn no_host(&mut self, config: &HttpConfig) {
        self.build_error_response(config, 400, "Host Header Required", "request#no_host");
    }

    /// Mirrors `is_request_valid` and `check_request_validity`.
    fn refuse(&mut self, config: &HttpConfig) -> bool {
        let request = &self.client_request;
        let method = &request.method[..];
        if request.host_get().is_none() {
            self.no_host(config);
            return true;
        }
        if method == b"CONNECT" && !config.connect_ports.contains(&request.url.port_get()) {
            self.build_error_response(config, 403, "Tunnel Forbidden", "access#connect_forbidden");
            return true;
        }
        if method != b"GET" && self.client_chunked && request.version < HttpVersion::HTTP_1_1 {
            let reason = "Transcoding Not Available";
            self.build_error_response(config, 406, reason, "transcoding#unsupported");
            return true;
        }
        let needs_length = matches!(method, b"POST" | b"PUT" | b"PUSH");
        if needs_length && !self.client_chunked && self.request_content_length.is_none() {
            let reason = "Content Length Required";
            self.build_error_response(config, 411, reason, "request#no_content_length");
            return true;
        }
        let no_identity = |te: &[u8]| {
            let te = te.to_ascii_lowercase();
            let mut parts = te.split(|&c| c == b';').map(<[u8]>::trim_ascii);
            parts.next() == Some(b"identity")
                && parts.any(|part| matches!(part, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
        };
        if request.fields.csv("TE").any(no_identity) {
            let reason = "Transcoding Not Available";
            self.build_error_response(config, 406, reason, "transcoding#unsupported");
            return true;
        }
        false
    }

    /// A request that may not be passed on is answered here, and one that may is
    /// counted down.
    fn handle_trace_and_options(&mut self, config: &HttpConfig) -> RequestNext {
        let trace = self.client_request.method == b"TRACE";
        if !trace && self.client_request.method != b"OPTIONS" {
            return RequestNext::Continue;
        }
        let Some(hops) = self.client_request.fields.value_get_int64("Max-Forwards") else {
            return RequestNext::Continue;
        };
        if hops > 0 {
            let hops = (hops - 1).to_string();
            self.client_request.fields.value_set("Max-Forwards", hops.as_bytes());
            return RequestNext::Continue;
        }
        self.build_internal_response(config, 200, "OK");
        if trace {
            let mut body = Vec::new();
            self.client_request.print(&mut body);
            if let Some(response) = &mut self.client_response {
                response.fields.value_set("Content-Length", body.len().to_string().as_bytes());
            }
            self.internal_msg = Some(body);
            self.internal_msg_type = Some("message/http");
        } else if let Some(response) = &mut self.client_response {
            let allowed = b"CONNECT, DELETE, GET, HEAD, OPTIONS, POST, PURGE, PUT, PUSH, TRACE";
            response.fields.value_set("Allow", allowed);
        }
        RequestNext::Answer
    }

    /// Mirrors `add_client_ip_to_outgoing_request`.
    fn add_client_ip(&self, config: &HttpConfig, request: &mut RequestHdr) {
        let Some(addr) = self.client_addr else { return };
        let ip = addr.ip().to_string();
        if config.insert_client_ip && !request.fields.presence("Client-ip") {
            request.fields.value_set("Client-ip", ip.as_bytes());
        }
        if config.insert_squid_x_forwarded_for {
            request.fields.value_append("X-Forwarded-For", ip.as_bytes());
        }
    }
}

/// Leaves nothing but gzip. Mirrors `normalize_accept_encoding`.
fn normalize_accept_encoding(request: &mut RequestHdr) {
    if !request.fields.presence("Accept-Encoding") {
        return;
    }
    let gzip = request.fields.csv("Accept-Encoding").any(|coding| {
        let name = coding.split(|&c| c == b';').next().unwrap_or(coding).trim_ascii();
        name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip")
    });
    if gzip {
        request.fields.value_set("Accept-Encoding", b"gzip");
    } else {
        request.fields.field_delete("Accept-Encoding");
    }
}
