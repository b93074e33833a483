//! The configuration, and the limit on new connections.
//!
//! Mirrors `NetHandler::Config` and the `proxy.config.net.*` records with their
//! defaults (`mgmt/RecordsConfig.cc`).

use eventsys::hrtime::{HrTime, mseconds};

/// The delay after a missed lock, in nanoseconds. Mirrors `net_retry_delay`.
pub const NET_RETRY_DELAY: HrTime = mseconds(10);

/// The delay after `accept` has failed because a resource is used up for the
/// moment, in nanoseconds. Mirrors `net_throttle_delay`.
pub const NET_THROTTLE_DELAY: HrTime = mseconds(50);

/// Options of a [`NetProcessor`](super::NetProcessor). The defaults are those of 9.2.9.
///
/// ```
/// use iocore::net::NetConfig;
///
/// let config = NetConfig { max_requests_in: 100, ..NetConfig::default() };
/// assert_eq!(config.connections_throttle, 30_000, "as 9.2.9");
/// ```
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// The most connections that may be open at a time, 0 for any number. Accepted
    /// ones count one and a tenth. `proxy.config.net.connections_throttle`.
    pub connections_throttle: i64,
    /// The most client connections, idle ones included, 0 for any number; each
    /// thread gets its share. `proxy.config.net.max_connections_in`.
    pub max_connections_in: usize,
    /// The most client connections with a request under way, 0 for any number.
    /// `proxy.config.net.max_requests_in`.
    pub max_requests_in: usize,
    /// The inactivity timeout of a connection that has an operation and no timeout,
    /// in nanoseconds; 0 for none. `proxy.config.net.default_inactivity_timeout`.
    pub default_inactivity_timeout: HrTime,
    /// Whether a connection has a default inactivity timeout of its own.
    pub default_inactivity: DefaultInactivity,
    /// Whose connections they are, where releases differ.
    pub release: NetVcRelease,
    /// How often the [`InactivityCop`](crate::net#timeouts) looks, in nanoseconds.
    /// `proxy.config.net.inactivity_check_frequency`.
    pub inactivity_check_frequency: HrTime,
    /// How many more connections than one are accepted in one turn, `None` for all
    /// that wait. `proxy.config.net.additional_accepts`.
    pub additional_accepts: Option<usize>,
    /// How many connections may wait to be accepted; 0 or below for what the
    /// system allows. `proxy.config.net.listen_backlog`.
    pub listen_backlog: i32,
}

impl Default for NetConfig {
    fn default() -> NetConfig {
        NetConfig {
            connections_throttle: 30_000,
            max_connections_in: 30_000,
            max_requests_in: 0,
            default_inactivity_timeout: eventsys::hrtime::seconds(86_400),
            default_inactivity: DefaultInactivity::default(),
            release: NetVcRelease::default(),
            inactivity_check_frequency: eventsys::hrtime::seconds(1),
            additional_accepts: None,
            listen_backlog: -1,
        }
    }
}

/// What `set_default_inactivity_timeout` means.
///
/// ```
/// use iocore::net::{DefaultInactivity, NetConfig};
///
/// let default_inactivity = DefaultInactivity::OfEachConnection;
/// let as_10_0 = NetConfig { default_inactivity, ..NetConfig::default() };
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DefaultInactivity {
    /// The configured value is the only one. `set_default_inactivity_timeout` sets the inactivity
    /// timeout itself: it runs from the call on, and takes an earlier one back. As in 9.2.9.
    #[default]
    OfAll,
    /// Each connection may have a value of its own: `set_default_inactivity_timeout` only keeps it,
    /// 0 for none. The cop lets it run from the time at which it finds the connection with an
    /// operation and without an inactivity timeout; the configured value is for connections that
    /// have none of their own. As in 10.0 and later (#9268).
    OfEachConnection,
}

/// The releases whose `UnixNetVConnection` differs in what its user can see.
///
/// ```
/// use iocore::net::{NetConfig, NetVcRelease};
///
/// let as_8_1 = NetConfig { release: NetVcRelease::V8_1, ..NetConfig::default() };
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NetVcRelease {
    /// As in 8.1.11. `set_inactivity_timeout(0)` sets the default timeout, and the cop sets none
    /// (#5691); a connection that asks for nothing any more takes its timeout back in this way, too.
    /// `VC_EVENT_WRITE_READY` asks for room in the blocks of the write's buffer, and not
    /// for its water mark, and comes behind a write only if none came before it. An error of the
    /// socket is for the system calls of both directions to find.
    V8_1,
    /// As in 9.2.9: the default timeout is the cop's, the water mark decides about
    /// `VC_EVENT_WRITE_READY`, and an error of the socket is kept for the writer.
    #[default]
    V9_2,
}

/// The direction of a new connection. Mirrors `ThrottleType`.
///
/// The example of [`check_net_throttle`] gives both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThrottleType {
    /// A client connects. Each open connection counts one and a tenth.
    Accept,
    /// The proxy connects to a server.
    Connect,
}

/// True if with `currently_open` connections there is no room for one more.
/// Mirrors `check_net_throttle` and `net_connections_to_throttle`.
///
/// ```
/// use iocore::net::{ThrottleType, check_net_throttle};
///
/// assert!(check_net_throttle(ThrottleType::Accept, 100, 110), "100 count as 110");
/// assert!(!check_net_throttle(ThrottleType::Connect, 100, 110));
/// ```
#[must_use]
pub fn check_net_throttle(kind: ThrottleType, currently_open: i64, throttle: i64) -> bool {
    let open = currently_open.max(0);
    let connections = match kind {
        ThrottleType::Accept => open + open / 10,
        ThrottleType::Connect => open,
    };
    throttle != 0 && connections >= throttle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepting_stops_a_tenth_earlier_than_connecting() {
        let open = |kind, n| check_net_throttle(kind, n, 110);
        assert!(!open(ThrottleType::Accept, 99) && open(ThrottleType::Accept, 100));
        assert!(!open(ThrottleType::Connect, 109) && open(ThrottleType::Connect, 110));
        assert!(!check_net_throttle(ThrottleType::Connect, 1 << 40, 0), "0 is any number");
        assert!(
            !check_net_throttle(ThrottleType::Accept, -5, 1),
            "a count below zero, from a race, is no overload"
        );
    }
}
