//! [`HttpConfig`]: the settings.
//!
//! Mirrors `OverridableHttpConfigParams` and `HttpConfigParams` of
//! `proxy/http/HttpConfig.h` (9.2.9). The defaults are those of `records.config`.

use eventsys::HrTime;
use eventsys::hrtime::seconds;

use crate::hdr::HdrLimits;
use crate::tunnel::FlowControl;

/// The settings. Times are in nanoseconds, 0 for none; sizes in bytes.
///
/// ```
/// use eventsys::hrtime::seconds;
/// use httpsm::HttpConfig;
///
/// let config = HttpConfig {
///     transaction_no_activity_timeout_in: seconds(3),
///     ..HttpConfig::default()
/// };
/// # assert_eq!(config.transaction_no_activity_timeout_in, 3_000_000_000);
/// ```
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `proxy.config.http.accept_no_activity_timeout`: for the first byte.
    pub accept_no_activity_timeout: HrTime,
    /// `proxy.config.http.transaction_no_activity_timeout_in`.
    pub transaction_no_activity_timeout_in: HrTime,
    /// `proxy.config.http.transaction_no_activity_timeout_out`.
    pub transaction_no_activity_timeout_out: HrTime,
    /// `proxy.config.http.transaction_active_timeout_in`.
    pub transaction_active_timeout_in: HrTime,
    /// `proxy.config.http.transaction_active_timeout_out`.
    pub transaction_active_timeout_out: HrTime,
    /// `proxy.config.http.keep_alive_no_activity_timeout_in`.
    pub keep_alive_no_activity_timeout_in: HrTime,
    /// `proxy.config.http.keep_alive_no_activity_timeout_out`.
    pub keep_alive_no_activity_timeout_out: HrTime,
    /// `proxy.config.http.connect_attempts_timeout`.
    pub connect_attempts_timeout: HrTime,
    /// `proxy.config.http.connect_attempts_max_retries`.
    pub connect_attempts_max_retries: u32,
    /// `proxy.config.http.keep_alive_enabled_in`.
    pub keep_alive_enabled_in: bool,
    /// `proxy.config.http.keep_alive_enabled_out`.
    pub keep_alive_enabled_out: bool,
    /// `proxy.config.http.keepalive_internal_vc`: obey a plugin's request to keep
    /// its connection.
    pub keepalive_internal_vc: bool,
    /// `proxy.config.http.chunking_enabled`.
    pub chunking_enabled: bool,
    /// `proxy.config.http.send_100_continue_response`: answer at once, instead of
    /// forwarding the question to the origin server.
    pub send_100_continue_response: bool,
    /// `proxy.config.http.max_post_size`, 0 for no limit.
    pub max_post_size: i64,
    /// `proxy.config.http.request_header_max_size`.
    pub request_hdr_max_size: i64,
    /// `proxy.config.http.response_header_max_size`.
    pub response_hdr_max_size: i64,
    /// `proxy.config.http.request_line_max_size` and `header_field_max_size`.
    pub limits: HdrLimits,
    /// `proxy.config.http.default_buffer_water_mark`.
    pub default_buffer_water_mark: i64,
    /// `proxy.config.http.flow_control.enabled`, `high_water` and `low_water`.
    pub flow_control: FlowControl,
    /// `proxy.config.http.cache.open_write_retry_time`: a server without a cache tries a second time to
    /// write a `GET` there, so much later. In nanoseconds; 0, the default here, leaves that out.
    pub cache_open_write_retry_time: HrTime,
    /// `proxy.config.http.insert_request_via_str`.
    pub insert_request_via: bool,
    /// `proxy.config.http.insert_client_ip` is 1.
    pub insert_client_ip: bool,
    /// `proxy.config.http.insert_squid_x_forwarded_for`.
    pub insert_squid_x_forwarded_for: bool,
    /// `proxy.config.http.insert_age_in_response`.
    pub insert_age_in_response: bool,
    /// `proxy.config.http.cache.http`: ask the cache. Each lookup is a miss; with false there is
    /// none, which plugins and some requests can tell.
    pub cache_http: bool,
    /// `proxy.config.http.normalize_ae`.
    pub normalize_ae: bool,
    /// `proxy.config.url_remap.remap_required`.
    pub url_remap_required: bool,
    /// `proxy.config.url_remap.pristine_host_hdr`.
    pub pristine_host_hdr: bool,
    /// `proxy.config.http.response_server_str`; if it is empty, the field is
    /// not written.
    pub response_server_str: String,
    /// The proxy's name in a request's Via field, behind the protocol.
    pub via: String,
    /// `proxy.config.http.connect_ports`: the ports that `CONNECT` may lead to.
    pub connect_ports: Vec<u16>,
    /// The bugs of the original that the proxy does not have.
    pub corrections: HttpCorrections,
}

/// Bugs of the original that can be switched off. By default the proxy has all of them.
///
/// ```
/// use httpsm::{HttpConfig, HttpCorrections};
///
/// let corrections = HttpCorrections { fetch_copies_whole_head: true, ..Default::default() };
/// let config = HttpConfig { corrections, ..HttpConfig::default() };
/// # assert_ne!(config.corrections, HttpCorrections::default());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HttpCorrections {
    /// [`FetchSM`](crate::FetchSM) copies the head of an answer from all blocks in which it lies,
    /// not from the memory at its first block (corrected in 9.2.15, 10.1.4 and 10.2.0).
    pub fetch_copies_whole_head: bool,
    /// [`FetchSM`](crate::FetchSM) with stream IO reads a chunked body that it does not undo from its
    /// own buffer, not from a reader that is not there (#12707; corrected in 10.2.0).
    pub fetch_streams_chunked_bodies: bool,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            accept_no_activity_timeout: seconds(120),
            transaction_no_activity_timeout_in: seconds(30),
            transaction_no_activity_timeout_out: seconds(30),
            transaction_active_timeout_in: seconds(900),
            transaction_active_timeout_out: 0,
            keep_alive_no_activity_timeout_in: seconds(120),
            keep_alive_no_activity_timeout_out: seconds(120),
            connect_attempts_timeout: seconds(30),
            connect_attempts_max_retries: 3,
            keep_alive_enabled_in: true,
            keep_alive_enabled_out: true,
            keepalive_internal_vc: false,
            chunking_enabled: true,
            send_100_continue_response: false,
            max_post_size: 0,
            request_hdr_max_size: 131_072,
            response_hdr_max_size: 131_072,
            limits: HdrLimits::default(),
            default_buffer_water_mark: 32768,
            flow_control: FlowControl::default(),
            cache_open_write_retry_time: 0,
            insert_request_via: true,
            insert_client_ip: true,
            insert_squid_x_forwarded_for: true,
            insert_age_in_response: true,
            cache_http: true,
            normalize_ae: true,
            url_remap_required: true,
            pristine_host_hdr: false,
            response_server_str: "ATS/9.2.9".to_owned(),
            via: "traffic_server[00000000-0000-0000-0000-000000000000] \
                  (ApacheTrafficServer/9.2.9)"
                .to_owned(),
            connect_ports: vec![443],
            corrections: HttpCorrections::default(),
        }
    }
}
