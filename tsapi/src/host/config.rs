//! The settings that a plugin can change for one transaction.
//!
//! Mirrors `ts::Overridable_Txn_Vars` of `src/shared/overridable_txn_vars.cc` and
//! `TSOverridableConfigKey` of `include/ts/apidefs.h` (9.2.9). Those that the port has change its
//! [`HttpConfig`]; what is set of the others is kept, so that the plugin gets it back, and is noted as
//! left out.

use std::ffi::c_int;

use eventsys::hrtime::{SECOND, seconds};
use httpsm::HttpConfig;

use super::Handle;
use super::calls;
use super::client::{DEFAULT_SIZE, SIZES};
use super::records;
use super::transaction;

/// The type of a setting: the numbers of `TSRecordDataType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ConfigType {
    Int = 1,
    Float = 2,
    String = 3,
}

/// A value of one.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Int(i64),
    Float(f32),
    String(Vec<u8>),
}

use ConfigType::{Float, Int, String};

/// The settings by their number, with name and type.
const SETTINGS: &[(c_int, &str, ConfigType)] = &[
    (0, "proxy.config.url_remap.pristine_host_hdr", Int),
    (1, "proxy.config.http.chunking_enabled", Int),
    (2, "proxy.config.http.negative_caching_enabled", Int),
    (3, "proxy.config.http.negative_caching_lifetime", Int),
    (4, "proxy.config.http.cache.when_to_revalidate", Int),
    (5, "proxy.config.http.keep_alive_enabled_in", Int),
    (6, "proxy.config.http.keep_alive_enabled_out", Int),
    (7, "proxy.config.http.keep_alive_post_out", Int),
    (8, "proxy.config.http.server_session_sharing.match", String),
    (9, "proxy.config.net.sock_recv_buffer_size_out", Int),
    (10, "proxy.config.net.sock_send_buffer_size_out", Int),
    (11, "proxy.config.net.sock_option_flag_out", Int),
    (12, "proxy.config.http.forward.proxy_auth_to_parent", Int),
    (13, "proxy.config.http.anonymize_remove_from", Int),
    (14, "proxy.config.http.anonymize_remove_referer", Int),
    (15, "proxy.config.http.anonymize_remove_user_agent", Int),
    (16, "proxy.config.http.anonymize_remove_cookie", Int),
    (17, "proxy.config.http.anonymize_remove_client_ip", Int),
    (18, "proxy.config.http.insert_client_ip", Int),
    (19, "proxy.config.http.response_server_enabled", Int),
    (20, "proxy.config.http.insert_squid_x_forwarded_for", Int),
    (21, "proxy.config.http.send_http11_requests", Int),
    (22, "proxy.config.http.cache.http", Int),
    (23, "proxy.config.http.cache.ignore_client_no_cache", Int),
    (24, "proxy.config.http.cache.ignore_client_cc_max_age", Int),
    (25, "proxy.config.http.cache.ims_on_client_no_cache", Int),
    (26, "proxy.config.http.cache.ignore_server_no_cache", Int),
    (27, "proxy.config.http.cache.cache_responses_to_cookies", Int),
    (28, "proxy.config.http.cache.ignore_authentication", Int),
    (29, "proxy.config.http.cache.cache_urls_that_look_dynamic", Int),
    (30, "proxy.config.http.cache.required_headers", Int),
    (31, "proxy.config.http.insert_request_via_str", Int),
    (32, "proxy.config.http.insert_response_via_str", Int),
    (33, "proxy.config.http.cache.heuristic_min_lifetime", Int),
    (34, "proxy.config.http.cache.heuristic_max_lifetime", Int),
    (35, "proxy.config.http.cache.guaranteed_min_lifetime", Int),
    (36, "proxy.config.http.cache.guaranteed_max_lifetime", Int),
    (37, "proxy.config.http.cache.max_stale_age", Int),
    (38, "proxy.config.http.keep_alive_no_activity_timeout_in", Int),
    (39, "proxy.config.http.keep_alive_no_activity_timeout_out", Int),
    (40, "proxy.config.http.transaction_no_activity_timeout_in", Int),
    (41, "proxy.config.http.transaction_no_activity_timeout_out", Int),
    (42, "proxy.config.http.transaction_active_timeout_out", Int),
    (43, "proxy.config.http.connect_attempts_max_retries", Int),
    (44, "proxy.config.http.connect_attempts_max_retries_dead_server", Int),
    (45, "proxy.config.http.connect_attempts_rr_retries", Int),
    (46, "proxy.config.http.connect_attempts_timeout", Int),
    (47, "proxy.config.http.post_connect_attempts_timeout", Int),
    (48, "proxy.config.http.down_server.cache_time", Int),
    (49, "proxy.config.http.down_server.abort_threshold", Int),
    (50, "proxy.config.http.doc_in_cache_skip_dns", Int),
    (51, "proxy.config.http.background_fill_active_timeout", Int),
    (52, "proxy.config.http.response_server_str", String),
    (53, "proxy.config.http.cache.heuristic_lm_factor", Float),
    (54, "proxy.config.http.background_fill_completed_threshold", Float),
    (55, "proxy.config.net.sock_packet_mark_out", Int),
    (56, "proxy.config.net.sock_packet_tos_out", Int),
    (57, "proxy.config.http.insert_age_in_response", Int),
    (58, "proxy.config.http.chunking.size", Int),
    (59, "proxy.config.http.flow_control.enabled", Int),
    (60, "proxy.config.http.flow_control.low_water", Int),
    (61, "proxy.config.http.flow_control.high_water", Int),
    (62, "proxy.config.http.cache.range.lookup", Int),
    (63, "proxy.config.http.default_buffer_size", Int),
    (64, "proxy.config.http.default_buffer_water_mark", Int),
    (65, "proxy.config.http.request_header_max_size", Int),
    (66, "proxy.config.http.response_header_max_size", Int),
    (67, "proxy.config.http.negative_revalidating_enabled", Int),
    (68, "proxy.config.http.negative_revalidating_lifetime", Int),
    (69, "proxy.config.ssl.hsts_max_age", Int),
    (70, "proxy.config.ssl.hsts_include_subdomains", Int),
    (71, "proxy.config.http.cache.open_read_retry_time", Int),
    (72, "proxy.config.http.cache.max_open_read_retries", Int),
    (73, "proxy.config.http.cache.range.write", Int),
    (74, "proxy.config.http.post.check.content_length.enabled", Int),
    (75, "proxy.config.http.global_user_agent_header", String),
    (76, "proxy.config.http.auth_server_session_private", Int),
    (77, "proxy.config.http.slow.log.threshold", Int),
    (78, "proxy.config.http.cache.generation", Int),
    (79, "proxy.config.body_factory.template_base", String),
    (80, "proxy.config.http.cache.open_write_fail_action", Int),
    (81, "proxy.config.http.number_of_redirections", Int),
    (82, "proxy.config.http.cache.max_open_write_retries", Int),
    (83, "proxy.config.http.redirect_use_orig_cache_key", Int),
    (84, "proxy.config.http.attach_server_session_to_client", Int),
    (85, "proxy.config.websocket.no_activity_timeout", Int),
    (86, "proxy.config.websocket.active_timeout", Int),
    (87, "proxy.config.http.uncacheable_requests_bypass_parent", Int),
    (88, "proxy.config.http.parent_proxy.total_connect_attempts", Int),
    (89, "proxy.config.http.transaction_active_timeout_in", Int),
    (90, "proxy.config.srv_enabled", Int),
    (91, "proxy.config.http.forward_connect_method", Int),
    (92, "proxy.config.ssl.client.cert.filename", String),
    (93, "proxy.config.ssl.client.cert.path", String),
    (93, "proxy.config.ssl.client.cert.path", String),
    (94, "proxy.config.http.parent_proxy.mark_down_hostdb", Int),
    (95, "proxy.config.http.cache.ignore_accept_mismatch", Int),
    (96, "proxy.config.http.cache.ignore_accept_language_mismatch", Int),
    (97, "proxy.config.http.cache.ignore_accept_encoding_mismatch", Int),
    (98, "proxy.config.http.cache.ignore_accept_charset_mismatch", Int),
    (99, "proxy.config.http.parent_proxy.fail_threshold", Int),
    (100, "proxy.config.http.parent_proxy.retry_time", Int),
    (101, "proxy.config.http.parent_proxy.per_parent_connect_attempts", Int),
    (102, "proxy.config.http.parent_proxy.connect_attempts_timeout", Int),
    (103, "proxy.config.http.normalize_ae", Int),
    (104, "proxy.config.http.insert_forwarded", String),
    (105, "proxy.config.http.proxy_protocol_out", Int),
    (106, "proxy.config.http.allow_multi_range", Int),
    (107, "proxy.config.http.request_buffer_enabled", Int),
    (108, "proxy.config.http.allow_half_open", Int),
    (112, "proxy.config.ssl.client.verify.server.policy", String),
    (113, "proxy.config.ssl.client.verify.server.properties", String),
    (114, "proxy.config.ssl.client.sni_policy", String),
    (115, "proxy.config.ssl.client.private_key.filename", String),
    (116, "proxy.config.ssl.client.CA.cert.filename", String),
    (117, "proxy.config.hostdb.ip_resolve", String),
    (118, "proxy.config.http.connect.dead.policy", Int),
    (119, "proxy.config.http.max_proxy_cycles", Int),
    (120, "proxy.config.plugin.vc.default_buffer_index", Int),
    (121, "proxy.config.plugin.vc.default_buffer_water_mark", Int),
    (122, "proxy.config.net.sock_notsent_lowat", Int),
    (123, "proxy.config.body_factory.response_suppression_mode", Int),
    (124, "proxy.config.http.parent_proxy.enable_parent_timeout_markdowns", Int),
    (125, "proxy.config.http.parent_proxy.disable_parent_markdowns", Int),
    (126, "proxy.config.http.drop_chunked_trailers", Int),
];

/// `TSHttpTxnConfigFind`: the number and the type of the setting with this name.
pub(crate) fn find(name: &[u8]) -> Option<(c_int, c_int)> {
    let found = SETTINGS.iter().find(|(_, other, _)| other.as_bytes() == name)?;
    Some((found.0, found.2 as c_int))
}

fn setting(key: c_int) -> Option<(&'static str, ConfigType)> {
    SETTINGS.iter().find(|(other, ..)| *other == key).map(|(_, name, kind)| (*name, *kind))
}

/// `TSHttpTxnConfigIntSet` and its kin: false if there is no such setting, or it has another type.
pub(crate) fn set(txn: Handle, key: c_int, value: Value) -> bool {
    let transaction = transaction::alive(txn);
    let Some((name, kind)) = setting(key) else { return false };
    match (&value, kind) {
        (Value::Int(_), Int) | (Value::Float(_), Float) | (Value::String(_), String) => {}
        _ => return false,
    }
    match (name, &value) {
        ("proxy.config.http.cache.http", Value::Int(0)) => transaction.txn.set_cache_off(),
        // It is on already, unless the proxy has none.
        ("proxy.config.http.cache.http", _) => {}
        _ => {
            let mut known = false;
            transaction.txn.with_config(|config| known = change(config, name, &value));
            if !known {
                calls::note_left_out(name);
            }
        }
    }
    transaction.keep_setting(key, value);
    true
}

/// What a plugin has set, else what the port has, else what the server's record has.
fn get(txn: Handle, key: c_int) -> Option<Value> {
    let transaction = transaction::alive(txn);
    let (name, _) = setting(key)?;
    let of_port = || value_of(&transaction.txn.config(), name);
    transaction.kept_setting(key).or_else(of_port).or_else(|| records::setting(name))
}

/// `TSHttpTxnConfigIntGet`.
pub(crate) fn int(txn: Handle, key: c_int) -> Option<i64> {
    match get(txn, key)? {
        Value::Int(value) => Some(value),
        _ => None,
    }
}

/// `TSHttpTxnConfigFloatGet`.
pub(crate) fn float(txn: Handle, key: c_int) -> Option<f32> {
    match get(txn, key)? {
        Value::Float(value) => Some(value),
        _ => None,
    }
}

/// The proxy's value of a setting with this name, if the port has it.
pub(crate) fn of_proxy(name: &str) -> Option<Value> {
    value_of(super::host().proxy.config(), name)
}

/// `TSHttpTxnConfigStringGet` for the setting that the port has: the name in a Server field.
pub(crate) fn string(txn: Handle, key: c_int) -> Option<Vec<u8>> {
    match get(txn, key)? {
        Value::String(value) => Some(value),
        _ => None,
    }
}

/// `TS_CONFIG_PLUGIN_VC_DEFAULT_BUFFER_INDEX`.
const PAIR_BUFFER_INDEX: c_int = 120;
/// `TS_CONFIG_PLUGIN_VC_DEFAULT_BUFFER_WATER_MARK`.
const PAIR_WATER_MARK: c_int = 121;

/// `TSPluginVCIOBufferIndexGet`: the setting, if it is the number of a size.
pub(crate) fn pair_buffer_index(txn: Handle) -> c_int {
    let set = int(txn, PAIR_BUFFER_INDEX).and_then(|index| c_int::try_from(index).ok());
    set.filter(|index| SIZES.contains(index)).unwrap_or(DEFAULT_SIZE)
}

/// `TSPluginVCIOBufferWaterMarkGet`: the setting, if it is above 0.
pub(crate) fn pair_water_mark(txn: Handle) -> c_int {
    let set = int(txn, PAIR_WATER_MARK).filter(|mark| *mark > 0);
    // The original casts it to an enumeration, which has 32 bits.
    set.map_or(0, |mark| mark as c_int)
}

/// Numbers that are switches.
fn switch<'c>(config: &'c mut HttpConfig, name: &str) -> Option<&'c mut bool> {
    Some(match name {
        "proxy.config.url_remap.pristine_host_hdr" => &mut config.pristine_host_hdr,
        "proxy.config.http.chunking_enabled" => &mut config.chunking_enabled,
        "proxy.config.http.keep_alive_enabled_in" => &mut config.keep_alive_enabled_in,
        "proxy.config.http.keep_alive_enabled_out" => &mut config.keep_alive_enabled_out,
        "proxy.config.http.insert_client_ip" => &mut config.insert_client_ip,
        "proxy.config.http.insert_squid_x_forwarded_for" => {
            &mut config.insert_squid_x_forwarded_for
        }
        "proxy.config.http.insert_age_in_response" => &mut config.insert_age_in_response,
        "proxy.config.http.insert_request_via_str" => &mut config.insert_request_via,
        "proxy.config.http.normalize_ae" => &mut config.normalize_ae,
        _ => return None,
    })
}

/// Times, which the records have in seconds.
fn time<'c>(config: &'c mut HttpConfig, name: &str) -> Option<&'c mut eventsys::HrTime> {
    Some(match name {
        "proxy.config.http.keep_alive_no_activity_timeout_in" => {
            &mut config.keep_alive_no_activity_timeout_in
        }
        "proxy.config.http.keep_alive_no_activity_timeout_out" => {
            &mut config.keep_alive_no_activity_timeout_out
        }
        "proxy.config.http.transaction_no_activity_timeout_in" => {
            &mut config.transaction_no_activity_timeout_in
        }
        "proxy.config.http.transaction_no_activity_timeout_out" => {
            &mut config.transaction_no_activity_timeout_out
        }
        "proxy.config.http.transaction_active_timeout_in" => {
            &mut config.transaction_active_timeout_in
        }
        "proxy.config.http.transaction_active_timeout_out" => {
            &mut config.transaction_active_timeout_out
        }
        "proxy.config.http.connect_attempts_timeout" => &mut config.connect_attempts_timeout,
        _ => return None,
    })
}

/// Other numbers.
fn number<'c>(config: &'c mut HttpConfig, name: &str) -> Option<&'c mut i64> {
    Some(match name {
        "proxy.config.http.request_header_max_size" => &mut config.request_hdr_max_size,
        "proxy.config.http.response_header_max_size" => &mut config.response_hdr_max_size,
        "proxy.config.http.default_buffer_water_mark" => &mut config.default_buffer_water_mark,
        "proxy.config.http.flow_control.low_water" => &mut config.flow_control.low_water,
        "proxy.config.http.flow_control.high_water" => &mut config.flow_control.high_water,
        _ => return None,
    })
}

/// Changes a setting; false if the port has none of this name.
fn change(config: &mut HttpConfig, name: &str, value: &Value) -> bool {
    match value {
        Value::Int(value) => {
            if let Some(place) = switch(config, name) {
                *place = *value != 0;
            } else if let Some(place) = time(config, name) {
                *place = seconds(*value);
            } else if let Some(place) = number(config, name) {
                *place = *value;
            } else if name == "proxy.config.http.connect_attempts_max_retries" {
                config.connect_attempts_max_retries = u32::try_from(*value).unwrap_or(0);
            } else {
                return false;
            }
            true
        }
        Value::String(text) if name == "proxy.config.http.response_server_str" => {
            config.response_server_str = std::string::String::from_utf8_lossy(text).into_owned();
            true
        }
        Value::String(_) | Value::Float(_) => false,
    }
}

/// The value of a setting that the port has.
fn value_of(config: &HttpConfig, name: &str) -> Option<Value> {
    let mut config = config.clone();
    if let Some(value) = switch(&mut config, name) {
        return Some(Value::Int(i64::from(*value)));
    }
    if let Some(value) = time(&mut config, name) {
        return Some(Value::Int(*value / SECOND));
    }
    if let Some(value) = number(&mut config, name) {
        return Some(Value::Int(*value));
    }
    match name {
        "proxy.config.http.connect_attempts_max_retries" => {
            Some(Value::Int(i64::from(config.connect_attempts_max_retries)))
        }
        "proxy.config.http.cache.http" => Some(Value::Int(i64::from(config.cache_http))),
        "proxy.config.http.response_server_str" => {
            Some(Value::String(config.response_server_str.into_bytes()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_that_the_port_has_can_be_changed_and_is_a_setting() {
        assert_eq!(find(b"proxy.config.http.cache.http"), Some((22, 1)));
        assert_eq!(find(b"proxy.config.http.cache.http "), None);
        let mut config = HttpConfig::default();
        let mut known = 0;
        for (_, name, kind) in SETTINGS {
            let value = match kind {
                Int => Value::Int(7),
                Float => Value::Float(0.5),
                String => Value::String(b"x".to_vec()),
            };
            if change(&mut config, name, &value) {
                known += 1;
                let back = value_of(&config, name).unwrap();
                let switched = Value::Int(1);
                assert!(back == value || back == switched, "{name}: {back:?}");
            }
        }
        assert_eq!(known, 23);
        let name = |key| setting(key).map(|(name, _)| name);
        let of_pairs = ["buffer_index", "buffer_water_mark"];
        for (key, what) in [PAIR_BUFFER_INDEX, PAIR_WATER_MARK].into_iter().zip(of_pairs) {
            assert_eq!(name(key), Some(&*format!("proxy.config.plugin.vc.default_{what}")));
        }
        assert_eq!(config.transaction_active_timeout_in, seconds(7));
    }
}
