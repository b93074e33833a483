//! What is configured, and what is counted.
//!
//! Mirrors `NetHandler::Config`, the `proxy.config.net.*` records and their
//! defaults (`mgmt/RecordsConfig.cc`), and the statistics of
//! `iocore/net/P_Net.h`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use eventsys::hrtime::{HrTime, mseconds};

/// How long is waited after a lock was missed, in nanoseconds. Mirrors
/// `net_retry_delay`.
pub const NET_RETRY_DELAY: HrTime = mseconds(10);

/// How long is waited after `accept` has failed for want of something that may
/// come back, in nanoseconds. Mirrors `net_throttle_delay`.
pub const NET_THROTTLE_DELAY: HrTime = mseconds(50);

/// How the net processor is to be. The defaults are those of 9.2.9.
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
            inactivity_check_frequency: eventsys::hrtime::seconds(1),
            additional_accepts: None,
            listen_backlog: -1,
        }
    }
}

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is counted, all threads together.
        #[derive(Default, Debug)]
        pub struct NetStats { $($(#[$doc])* pub(super) $name: AtomicU64,)* open: AtomicI64, vcs: AtomicI64 }

        impl NetStats { $($(#[$doc])* #[must_use] pub fn $name(&self) -> u64 {
            self.$name.load(Ordering::Relaxed)
        })* }
    };
}

stats! {
    /// Connections accepted.
    tcp_accept,
    /// Connections that were accepted and closed again, because too many are open.
    connections_throttled_in,
    /// Connections that were refused to who wanted to connect, because too many are
    /// open.
    connections_throttled_out,
    /// Calls of the system that read.
    calls_to_read,
    /// Those of them that found nothing.
    calls_to_read_nodata,
    /// Bytes read.
    read_bytes,
    /// Calls of the system that write.
    calls_to_write,
    /// Those of them that found no room.
    calls_to_write_nodata,
    /// Bytes written.
    write_bytes,
    /// Turns of the net handlers.
    handler_run,
    /// How often the inactivity cop could not have a connection's mutex.
    inactivity_cop_lock_acquire_failure,
    /// How often a connection without a timeout was given the default one.
    default_inactivity_timeout_applied,
    /// How often the default inactivity timeout came to pass.
    default_inactivity_timeout_count,
    /// How often an idle connection was closed for its timeout, or for room.
    keep_alive_queue_timeout_count,
    /// How often a request was refused because too many are under way.
    requests_max_throttled_in,
}

impl NetStats {
    /// Connections that are open. Mirrors `net_connections_currently_open_stat`.
    #[must_use]
    pub fn connections_currently_open(&self) -> i64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Net connections in memory, open or not, as long as somebody refers to them.
    /// For tests that nothing is lost.
    #[must_use]
    pub fn vcs_in_memory(&self) -> i64 {
        self.vcs.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, to: &AtomicU64, n: u64) {
        to.fetch_add(n, Ordering::Relaxed);
    }
}

/// Counts an open connection for as long as it lives: counted up and down by hand,
/// the original counts down what it never counted up when `connectUp` fails late.
#[derive(Debug)]
pub(super) struct OpenCount(Arc<NetStats>);

impl OpenCount {
    pub(super) fn new(stats: &Arc<NetStats>) -> OpenCount {
        stats.open.fetch_add(1, Ordering::Relaxed);
        OpenCount(Arc::clone(stats))
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts a connection in memory.
#[derive(Debug)]
pub(super) struct VcCount(Arc<NetStats>);

impl VcCount {
    pub(super) fn new(stats: &Arc<NetStats>) -> VcCount {
        stats.vcs.fetch_add(1, Ordering::Relaxed);
        VcCount(Arc::clone(stats))
    }
}

impl Drop for VcCount {
    fn drop(&mut self) {
        self.0.vcs.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who wants one connection more. Mirrors `ThrottleType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThrottleType {
    /// The acceptor. Each open connection counts one and a tenth.
    Accept,
    /// Somebody who connects.
    Connect,
}

/// True if with `currently_open` connections there is no room for one more.
/// Mirrors `check_net_throttle` and `net_connections_to_throttle`.
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
        assert!(!check_net_throttle(ThrottleType::Accept, -5, 1), "a race of counts is none");
    }
}
