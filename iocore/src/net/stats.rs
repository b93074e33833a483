//! [`NetStats`]: what the net threads count.
//!
//! Mirrors the statistics of `iocore/net/P_Net.h`. As in the original each thread
//! counts for itself, and a reader adds the threads up. If all threads counted in
//! one place, each read and write of a socket would fetch that cache line from the
//! thread that counted last.

use std::sync::Arc;

use crossbeam_utils::CachePadded;
use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// One number of one thread.
#[derive(Default, Debug)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Any thread may: a thread that has the handler's mutex counts there.
    #[inline]
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The numbers of one net thread.
        #[derive(Default, Debug)]
        pub(super) struct Counters { $(pub(super) $name: Counter,)* }

        impl NetStats { $($(#[$doc])* #[must_use] pub fn $name(&self) -> u64 {
            self.sum(|counters| &counters.$name)
        })* }
    };
}

/// The numbers of a [`NetProcessor`](super::NetProcessor), all threads together.
///
/// Each method reads the threads one after another, so while they work two numbers may come from
/// different moments.
///
/// ```
/// # use eventsys::{Clock, EventProcessor};
/// # use iocore::net::{NetConfig, NetProcessor};
/// let processor = EventProcessor::new(Clock::new_virtual());
/// let net = NetProcessor::init(&processor, NetConfig::default());
/// let _thread = processor.adopt_current_thread("ET_NET");
/// assert_eq!(net.stats().connections_currently_open(), 0);
/// assert_eq!(net.stats().read_bytes(), 0);
/// ```
#[derive(Default, Debug)]
pub struct NetStats {
    threads: Mutex<Vec<Arc<CachePadded<Counters>>>>,
    open: CachePadded<AtomicI64>,
    vcs: CachePadded<AtomicI64>,
}

stats! {
    /// Connections accepted.
    tcp_accept,
    /// Connections that were accepted and closed again, because too many are open.
    connections_throttled_in,
    /// Connections to a server that were refused, because too many are open.
    connections_throttled_out,
    /// System calls that read.
    calls_to_read,
    /// System calls that read and found nothing.
    calls_to_read_nodata,
    /// Bytes read.
    read_bytes,
    /// System calls that write.
    calls_to_write,
    /// System calls that write and found no room.
    calls_to_write_nodata,
    /// Bytes written.
    write_bytes,
    /// Turns of the net handlers.
    handler_run,
    /// How often the inactivity cop missed the mutex of a connection.
    inactivity_cop_lock_acquire_failure,
    /// How often a connection without a timeout was given the default one.
    default_inactivity_timeout_applied,
    /// How often the default inactivity timeout passed.
    default_inactivity_timeout_count,
    /// How often an idle connection was closed for its timeout, or for room.
    keep_alive_queue_timeout_count,
    /// How often a request was refused because too many are under way.
    requests_max_throttled_in,
}

impl NetStats {
    /// The counters of one more thread.
    pub(super) fn of_new_thread(&self) -> Arc<CachePadded<Counters>> {
        let counters = Arc::<CachePadded<Counters>>::default();
        self.threads.lock().push(Arc::clone(&counters));
        counters
    }

    fn sum(&self, which: impl Fn(&Counters) -> &Counter) -> u64 {
        let threads = self.threads.lock();
        threads.iter().map(|counters| which(counters).0.load(Ordering::Relaxed)).sum()
    }

    /// Connections that are open. Mirrors `net_connections_currently_open_stat`.
    #[must_use]
    pub fn connections_currently_open(&self) -> i64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Net connections in memory, open or not, as long as a reference to them exists.
    /// For tests that nothing is lost.
    #[must_use]
    pub fn vcs_in_memory(&self) -> i64 {
        self.vcs.load(Ordering::Relaxed)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_adds_the_threads_up_and_keeps_what_an_ended_thread_has_counted() {
        let stats = NetStats::default();
        assert_eq!(stats.tcp_accept(), 0);
        let [first, second] = [stats.of_new_thread(), stats.of_new_thread()];
        first.tcp_accept.add(2);
        second.tcp_accept.add(40);
        second.read_bytes.add(7);
        drop(first);
        assert_eq!((stats.tcp_accept(), stats.read_bytes(), stats.write_bytes()), (42, 7, 0));
    }

    #[test]
    fn a_connection_counts_as_open_and_as_in_memory_until_it_is_dropped() {
        let stats = Arc::<NetStats>::default();
        let both = (OpenCount::new(&stats), VcCount::new(&stats));
        assert_eq!((stats.connections_currently_open(), stats.vcs_in_memory()), (1, 1));
        drop(both);
        assert_eq!((stats.connections_currently_open(), stats.vcs_in_memory()), (0, 0));
    }
}
