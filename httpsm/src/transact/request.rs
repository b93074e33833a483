//! From the client's request to the one for the origin server.
//!
//! Mirrors `StartRemapRequest`, `handle_upgrade_request`, `PerformRemap`,
//! `EndRemapRequest`, `HandleRequest`, `check_request_validity`,
//! `DecideCacheLookup`, `HandleCacheOpenReadMiss`,
//! `handle_trace_and_options_requests`, `setup_plugin_request_intercept`,
//! `build_request` and `handle_cache_write_lock` (9.2.9).

use std::net::IpAddr;

use super::{LookupUrl, PluginTunnel, State};
use crate::api::CacheLookup;
use crate::config::HttpConfig;
use crate::hdr::list::{refuses_identity, tok_list};
use crate::hdr::{HTTPVersion, RequestHdr, URL, is_name, is_token, push_number, split_host_field};
use crate::remap::{Mapping, UrlRewrite};

/// The next step for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RequestNext {
    /// Go on.
    Continue,
    /// Connect, and pass on all bytes (`SM_ACTION_ORIGIN_SERVER_RAW_OPEN`).
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
    NAMES.iter().any(|hop| is_name(name, hop.as_bytes()))
}

/// What `remove_conditional_headers` removes.
const CONDITIONAL_FIELDS: [&str; 4] =
    ["If-Modified-Since", "If-Unmodified-Since", "If-Match", "If-None-Match"];

impl State {
    /// A scheme that is not well known counts as `http`. The host of an absolute target counts, not
    /// the Host field, unless the request may go no further. Mirrors `ModifyRequest`.
    pub(crate) fn modify_request(&mut self) {
        self.bootstrap_from_request();
        let request = &mut self.client_request;
        let connect = request.method == b"CONNECT";
        if !connect && !request.url.scheme_is_well_known() {
            request.url.scheme = Some(b"http".to_vec());
        }
        if connect && !request.is_port_in_header() {
            request.url.port = Some(b"80".to_vec());
        }
        let stays_here = request.fields.value_get_int("Max-Forwards") == Some(0);
        let Some(mut host) = request.url.host.clone().filter(|_| !connect && !stays_here) else {
            return;
        };
        let port = request.url.port_get_raw();
        if port > 0 {
            host.push(b':');
            push_number(&mut host, port);
        }
        let same = |value: &[u8]| value.eq_ignore_ascii_case(&host);
        if !request.fields.value_get("Host").is_some_and(same) {
            request.fields.value_set("Host", &host);
        }
    }

    /// Keeps the target as it came. True if a plugin has asked to leave the rules out, and the hooks
    /// at them; the target is then the request's own. Mirrors `StartRemapRequest` as far as
    /// `SM_ACTION_POST_REMAP_SKIP`.
    pub(crate) fn skips_remapping(&mut self) -> bool {
        self.unmapped_url = Some(self.client_request.url.clone());
        if self.skip_all_remapping {
            self.client_request.set_url_target_from_host_field();
        }
        self.skip_all_remapping
    }

    /// Refuses an upgrade to a protocol that the proxy does not support; ignores `h2c`. Mirrors the
    /// rest of `StartRemapRequest`, and `handle_upgrade_request`.
    pub(crate) fn start_remap_request(&mut self, config: &HttpConfig) -> RequestNext {
        let request = &self.client_request;
        let fields = &request.fields;
        let (Some(upgrade), Some(connection)) =
            (fields.value_get("Upgrade"), fields.value_get("Connection"))
        else {
            return RequestNext::Continue;
        };
        let asks = tok_list(connection, b',').iter().any(|v| v.eq_ignore_ascii_case(b"upgrade"));
        if !asks || request.method != b"GET" || request.version < HTTPVersion::HTTP_1_1 {
            return RequestNext::Continue;
        }
        if upgrade.eq_ignore_ascii_case(b"h2c") {
            return RequestNext::Continue;
        }
        self.is_upgrade_request = true;
        self.build_error_response(config, 400, "Invalid Upgrade Request", "request#syntax_error");
        RequestNext::Answer
    }

    /// Rewrites the request by the rule that matches, and returns the rule, whose plugins come
    /// next. Mirrors `PerformRemap`.
    pub(crate) fn perform_remap<'r>(&mut self, rules: &'r UrlRewrite) -> Option<&'r Mapping> {
        self.promote_host_of_unmapped_url();
        let rule = rules.apply(&mut self.client_request);
        self.url_remap_success = rule.is_some();
        rule
    }

    /// Whether the cache is asked for this request. Mirrors `is_request_cache_lookupable`.
    fn is_looked_up(&self) -> bool {
        !self.cache_is_off
            && matches!(
                &self.client_request.method[..],
                b"GET" | b"HEAD" | b"POST" | b"DELETE" | b"PUT" | b"PURGE" | b"PUSH"
            )
    }

    /// Decides whether the cache is asked, and for what: the target, or what the Host field names
    /// if that keeps the client's host. A URL that a plugin has set stays. Mirrors
    /// `DecideCacheLookup`.
    pub(crate) fn decide_cache_lookup(&mut self, config: &HttpConfig) {
        if !self.is_looked_up() || self.is_upgrade_request {
            self.cache_lookup_result = Some(CacheLookup::Skipped);
            return;
        }
        self.cache_lookup_result = Some(CacheLookup::Miss);
        if !matches!(self.lookup_url, LookupUrl::None) {
            return;
        }
        self.lookup_url = LookupUrl::OfRequest;
        if config.pristine_host_hdr {
            let request = &self.client_request;
            let mut url = request.url_with_target();
            if let Some(value) = request.fields.value_get("Host")
                && let Some((host, port)) = crate::hdr::split_host_field(value)
            {
                url.host = Some(host.to_vec());
                url.port = port.map(<[u8]>::to_vec);
            }
            self.lookup_url = LookupUrl::Own(url);
        }
    }

    /// What the cache is asked for, if this is known.
    pub(crate) fn lookup_url(&self) -> Option<URL> {
        match &self.lookup_url {
            LookupUrl::None => None,
            LookupUrl::OfRequest => Some(self.client_request.url_with_target()),
            LookupUrl::Own(url) => Some(url.clone()),
        }
    }

    /// Refuses a request that no rule matches, unless a plugin answers. Mirrors `EndRemapRequest`.
    pub(crate) fn end_remap_request(&mut self, config: &HttpConfig) -> RequestNext {
        let plugin = self.plugin_tunnel_type != PluginTunnel::None;
        if self.remap_redirect.is_some() {
            self.redirect(config);
        } else if self.http_return_code != 0 {
            let code = self.http_return_code;
            let reason = crate::hdr::reason_lookup(code).unwrap_or("Unknown HTTP Status");
            self.build_error_response(config, code, reason, "default");
        } else if !self.url_remap_success {
            if !config.url_remap_required {
                self.client_request.set_url_target_from_host_field();
                if self.client_request.url.host.is_none() {
                    self.no_host(config);
                    return RequestNext::Answer;
                }
                return RequestNext::Continue;
            }
            let in_url = self.client_request.url.host.is_some();
            let host = self.client_request.host_get().is_some();
            if in_url {
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
        // The plugin's answer counts, not the error.
        self.client_response = None;
        self.internal_msg = None;
        RequestNext::Continue
    }

    /// Refuses a request that cannot be carried out. Mirrors `HandleRequest`.
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
        // A plugin that answers in place of the proxy gets the request as any other.
        let intercepted = self.plugin_tunnel_type == PluginTunnel::AsIntercept;
        if self.client_request.method == b"CONNECT" && !intercepted {
            return RequestNext::Tunnel;
        }
        self.handle_trace_and_options(config)
    }

    /// Builds the request for the origin server, or for the plugin that answers in its place.
    /// Mirrors `build_request` and `setup_plugin_request_intercept`.
    pub(crate) fn build_request(&mut self, config: &HttpConfig) {
        if config.normalize_ae {
            normalize_accept_encoding(&mut self.client_request);
        }
        let client = &self.client_request;
        // The target for an origin server has no host, whatever the rules have set.
        let url = URL {
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
            version: HTTPVersion::HTTP_1_1,
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
        if request.method == b"CONNECT" {
            // Only a plugin in place of the proxy gets this method, and with its target. Mirrors
            // `set_url_target_from_host_field`.
            (request.url.host, request.url.port) = match &client.url.host {
                Some(host) => (Some(host.clone()), client.url.port.clone()),
                None => {
                    let field = request.fields.value_get("Host").and_then(split_host_field);
                    let (host, port) = field.unzip();
                    (host.map(<[u8]>::to_vec), port.flatten().map(<[u8]>::to_vec))
                }
            };
            request.url.path_is_empty = true;
        }
        if self.is_request_likely_cacheable() {
            CONDITIONAL_FIELDS.iter().for_each(|name| request.fields.field_delete(name));
        }
        if self.is_to_be_written_to_the_cache() {
            // No cache keeps the answer, so the client's conditions may count: some of them are set
            // again, at the end.
            for name in ["If-Modified-Since", "If-None-Match"] {
                request.fields.field_delete(name);
                if let Some(value) = client.fields.value_get(name) {
                    request.fields.value_set(name, value);
                }
            }
        }
        if self.continue_sent {
            request.fields.field_delete("Expect");
        }
        self.server_keep_alive =
            self.plugin_tunnel_type == PluginTunnel::None && config.keep_alive_enabled_out;
        self.request_sent_time = self.now;
        self.server_request = Some(request);
    }

    /// True if a cache would most likely keep the answer: then the proxy asks for all of it,
    /// whatever the client has already. Mirrors `is_request_likely_cacheable`.
    fn is_request_likely_cacheable(&self) -> bool {
        let request = &self.client_request;
        let is = |name| request.fields.presence(name);
        request.method == b"GET" && !self.cache_is_off && !is("Authorization") && !is("Range")
    }

    /// True if the original would open the cache for writing, which fails here without a cache.
    /// Mirrors `CACHE_PREPARE_TO_WRITE`, and what `handle_cache_write_lock` does on
    /// `CACHE_WL_FAIL`.
    pub(crate) fn is_to_be_written_to_the_cache(&self) -> bool {
        let request = &self.client_request;
        request.method == b"GET"
            && !self.cache_is_off
            && !request.fields.presence("Range")
            && self.plugin_tunnel_type != PluginTunnel::AsIntercept
    }

    /// The URL before the rules has the host of the Host field. Mirrors a part of
    /// `HttpSM::do_remap_request`, with its way to take the field apart.
    fn promote_host_of_unmapped_url(&mut self) {
        let Some(url) = self.unmapped_url.as_mut().filter(|url| url.host.is_none()) else { return };
        let Some(field) = self.client_request.fields.value_get("Host") else { return };
        let (host, port) = match field {
            [] => return,
            [b'[', inside @ .., b']'] => (inside, None),
            [b'[', inside @ ..] => match inside.iter().rposition(|&c| c == b':') {
                Some(colon @ 1..) => (&inside[..colon], Some(&inside[colon + 1..])),
                _ => (inside, None),
            },
            field => match field.iter().position(|&c| c == b':') {
                Some(colon) => (&field[..colon], Some(&field[colon + 1..])),
                None => (field, None),
            },
        };
        url.host = (!host.is_empty()).then(|| host.to_vec());
        if let Some(port) = port.map(leading_number) {
            url.port = (port > 0).then(|| port.to_string().into_bytes());
        }
    }

    /// A plugin of the rule sends the client elsewhere.
    fn redirect(&mut self, config: &HttpConfig) {
        let kind = match self.http_return_code {
            301 | 303 | 305 | 308 => "redirect#moved_permanently",
            302 | 307 => "redirect#moved_temporarily",
            code => {
                if code == 0 {
                    self.http_return_code = 302;
                }
                "redirect#moved_temporarily"
            }
        };
        self.build_error_response(config, self.http_return_code, "Redirect", kind);
    }

    fn no_host(&mut self, config: &HttpConfig) {
        self.build_error_response(config, 400, "Host Header Required", "request#no_host");
    }

    /// Mirrors `is_request_valid` and `check_request_validity`.
    fn refuse(&mut self, config: &HttpConfig) -> bool {
        let Some((status, reason, kind)) = self.request_error(config) else { return false };
        self.build_error_response(config, status, reason, kind);
        true
    }

    fn request_error(&self, config: &HttpConfig) -> Option<(u16, &'static str, &'static str)> {
        /// A host name must be shorter. Mirrors `MAXDNAME`.
        const MAXDNAME: usize = 1025;
        const NO_TE: (u16, &str, &str) =
            (406, "Transcoding Not Available", "transcoding#unsupported");
        let request = &self.client_request;
        let method = &request.method[..];
        match request.host_get() {
            None => return Some((400, "Host Header Required", "request#no_host")),
            Some(host) if host.is_empty() || host.len() >= MAXDNAME => {
                return Some((400, "Invalid HTTP Request", "request#syntax_error"));
            }
            Some(_) => {}
        }
        let http = request.url.scheme_is("http");
        if !(http && method == b"GET") {
            let connect = method == b"CONNECT";
            if !http && !request.url.scheme_is("https") && !connect {
                return Some((400, "Unsupported URL Scheme", "request#scheme_unsupported"));
            }
            if !is_this_http_method_supported(method) {
                // The request is passed on, whatever its other fields are.
                return None;
            }
            if connect && !config.connect_ports.contains(&request.url.port_get()) {
                return Some((403, "Tunnel Forbidden", "access#connect_forbidden"));
            }
            if self.client_chunked && request.version < HTTPVersion::HTTP_1_1 {
                return Some(NO_TE);
            }
            let needs_length = matches!(method, b"POST" | b"PUT" | b"PUSH");
            if needs_length && !self.client_chunked && self.request_content_length.is_none() {
                return Some((411, "Content Length Required", "request#no_content_length"));
            }
        }
        request.fields.csv("TE").any(refuses_identity).then_some(NO_TE)
    }

    /// Whether a request whose address is known counts as a miss, once more if the cache was asked.
    /// Mirrors the end of `OSDNSLookup`.
    pub(crate) fn is_a_miss_after_the_address(&self) -> bool {
        let was_asked = self.cache_lookup_result == Some(CacheLookup::Miss);
        self.client_request.fields.presence("Range") || was_asked && !self.cache_is_off
    }

    /// Requests that need a cached object and find none: deletions, and requests that must not go
    /// to the origin server. Mirrors `HandleCacheOpenReadMiss` with
    /// `delete_all_document_alternates_and_return`.
    pub(crate) fn handle_cache_miss(&mut self, config: &HttpConfig) -> RequestNext {
        let request = &mut self.client_request;
        let purge = request.method == b"PURGE";
        if purge || request.method == b"DELETE" {
            let hops = request.fields.value_get_int("Max-Forwards");
            if purge || hops.is_some_and(|hops| hops <= 0) {
                self.trust_response_cl = true;
                self.build_internal_response(config, 404, "Not Found");
                return RequestNext::Answer;
            }
            if let Some(hops) = hops {
                let hops = (hops - 1).to_string();
                request.fields.value_set("Max-Forwards", hops.as_bytes());
            }
        }
        let directive = |part: &[u8]| {
            let end = part.iter().position(|&c| !is_token(c)).unwrap_or(part.len());
            part[..end].eq_ignore_ascii_case(b"only-if-cached")
        };
        if request.fields.csv("Cache-Control").any(directive) {
            self.build_error_response(config, 504, "Not Cached", "cache#not_in_cache");
            return RequestNext::Answer;
        }
        RequestNext::Continue
    }

    /// Answers a request that may not be passed on; otherwise counts Max-Forwards down.
    fn handle_trace_and_options(&mut self, config: &HttpConfig) -> RequestNext {
        let trace = self.client_request.method == b"TRACE";
        if !trace && self.client_request.method != b"OPTIONS" {
            return RequestNext::Continue;
        }
        // Neither method is looked up in the cache.
        self.cache_is_off = true;
        let Some(hops) = self.client_request.fields.value_get_int("Max-Forwards") else {
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
            self.internal_msg_type = Some(b"message/http".to_vec());
        } else if let Some(response) = &mut self.client_response {
            let allowed = b"CONNECT, DELETE, GET, HEAD, OPTIONS, POST, PURGE, PUT, PUSH, TRACE";
            response.fields.value_set("Allow", allowed);
        }
        RequestNext::Answer
    }

    /// Mirrors `add_client_ip_to_outgoing_request`.
    fn add_client_ip(&self, config: &HttpConfig, request: &mut RequestHdr) {
        let Some(addr) = self.client_addr else { return };
        let mut ip = Vec::with_capacity(16);
        push_ip(&mut ip, addr.ip());
        if config.insert_client_ip && !request.fields.presence("Client-ip") {
            request.fields.value_set("Client-ip", &ip);
        }
        if config.insert_squid_x_forwarded_for {
            request.fields.value_append("X-Forwarded-For", &ip);
        }
    }
}

/// Appends an address: each request to an origin server has one, and `format!` takes ten times as long.
fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                out.extend_from_slice(if at == 0 { b"" } else { b"." });
                push_number(out, octet);
            }
        }
        IpAddr::V6(ip) => out.extend_from_slice(ip.to_string().as_bytes()),
    }
}

/// Mirrors `is_this_http_method_supported`: the methods that have a token.
fn is_this_http_method_supported(method: &[u8]) -> bool {
    const METHODS: [&[u8]; 10] = [
        b"CONNECT", b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"POST", b"PURGE", b"PUSH", b"PUT",
        b"TRACE",
    ];
    METHODS.contains(&method)
}

/// Keeps only gzip. Mirrors `normalize_accept_encoding` and
/// `HttpTransactCache::match_content_encoding`.
fn normalize_accept_encoding(request: &mut RequestHdr) {
    let Some(value) = request.fields.value_get("Accept-Encoding") else { return };
    let gzip = tok_list(value, b',').into_iter().any(|coding| {
        let parts = tok_list(coding, b';');
        let name = parts[0];
        let wanted = name == b"*"
            || name.eq_ignore_ascii_case(b"gzip")
            || name.eq_ignore_ascii_case(b"x-gzip");
        wanted && quality(&parts) != Some(0.0)
    });
    if gzip {
        request.fields.value_set("Accept-Encoding", b"gzip");
    } else {
        request.fields.field_delete("Accept-Encoding");
    }
}

/// The first `q` among the parts; `None` if it is not a number. Mirrors `find_Q_param_in_strlist`.
fn quality(parts: &[&[u8]]) -> Option<f32> {
    let value = parts.iter().find_map(|part| {
        let [b'q' | b'Q', rest @ ..] = part else { return None };
        let rest = rest.trim_ascii_start();
        (rest.len() < part.len() - 1 || rest.first().is_none_or(|&c| c == b'='))
            .then(|| rest.strip_prefix(b"=").unwrap_or_default().trim_ascii_start())
    })?;
    let number = value.iter().take(7).take_while(|c| c.is_ascii_digit() || **c == b'.').count();
    std::str::from_utf8(&value[..number]).ok()?.parse().ok()
}

/// Mirrors `ink_atoi`: the digits at the beginning.
fn leading_number(text: &[u8]) -> u32 {
    text.iter()
        .take_while(|c| c.is_ascii_digit())
        .fold(0, |n: u32, c| n.saturating_mul(10).saturating_add(u32::from(c - b'0')))
}
