//! The server of a soak, and the count of what it still holds when all clients are gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use eventsys::steps::Steps;
use eventsys::{ET_NET, FreeContinuation, Outcome, event_census};
use httpsm::plugins::Plugin;
use httpsm::{Server, ServerOptions};
use iocore::buffer::census;
use pluginvc::PairCensus;

use crate::error::Error;

/// The time between two checks whether the server has freed everything.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The server, and what counts its pairs.
pub(super) struct Stage {
    server: Server,
    pairs: Arc<PairCensus>,
}

impl Stage {
    /// A server on a port of the system's choice, with all plugins.
    pub(super) fn start(threads: u16) -> Result<Stage, Error> {
        let pairs = Arc::new(PairCensus::default());
        let options = ServerOptions {
            threads: usize::from(threads),
            plugins: Plugin::ALL.to_vec(),
            steps: Steps::to(pairs.clone()),
            ..ServerOptions::default()
        };
        let address = options.listen;
        let server = Server::start(options).map_err(|source| Error::Listen { address, source })?;
        Ok(Stage { server, pairs })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What there is right now, for a progress bar.
    pub(super) fn now(&self) -> String {
        let (http, stats) = (self.server.proxy().census(), self.server.net_processor().stats());
        format!(
            "{} connections so far, {} open, {} transactions",
            stats.tcp_accept(),
            stats.connections_currently_open(),
            http.transactions
        )
    }

    /// Waits until the server has freed everything, or `patience` is over, ends the
    /// server, and counts.
    pub(super) fn end(self, patience: Duration) -> Left {
        self.server.stop_listening();
        let deadline = Instant::now() + patience;
        let mut left = self.count();
        while !left.is_nothing() && Instant::now() < deadline {
            thread::sleep(LOOK_EVERY);
            left = self.count();
        }
        self.server.shutdown();
        // The threads have given all events back that they know of.
        let events = event_census();
        left.push(events.made.abs_diff(events.free) as i64, events.made as u64, "events");
        left
    }

    fn count(&self) -> Left {
        let (http, stats) = (self.server.proxy().census(), self.server.net_processor().stats());
        let mut left = Left::default();
        left.push(http.sessions, stats.tcp_accept(), "client sessions");
        left.push(http.transactions, self.pairs.made(), "transactions");
        left.push(http.server_sessions, self.pairs.made(), "server sessions");
        left.push(stats.connections_currently_open(), stats.tcp_accept(), "open connections");
        left.push(stats.vcs_in_memory(), stats.tcp_accept(), "connections in memory");
        let alive = i64::try_from(self.pairs.alive()).unwrap_or(i64::MAX);
        left.push(alive, self.pairs.made(), "PluginVC pairs");
        let (blocks, fresh) = self.blocks();
        left.push(blocks, fresh, "blocks of buffers");
        left
    }

    /// Blocks that are alive, and how many the allocator has given in all: each
    /// thread counts what it has taken and put back.
    fn blocks(&self) -> (i64, u64) {
        #[derive(Default)]
        struct Sum {
            live: AtomicI64,
            fresh: AtomicI64,
            threads: AtomicUsize,
        }
        let sum = Arc::new(Sum::default());
        let threads = self.server.event_processor().active_group_threads(ET_NET);
        for thread in &threads {
            let sum = Arc::clone(&sum);
            let ask = FreeContinuation::new(move |_, _, _| {
                let census = census();
                sum.live.fetch_add(census.live, Ordering::Relaxed);
                sum.fresh.fetch_add(i64::try_from(census.fresh).unwrap_or(0), Ordering::Relaxed);
                sum.threads.fetch_add(1, Ordering::Release);
                Outcome::Done
            });
            thread.schedule_imm(ask);
        }
        while sum.threads.load(Ordering::Acquire) < threads.len() {
            thread::yield_now();
        }
        let fresh = sum.fresh.load(Ordering::Relaxed);
        (sum.live.load(Ordering::Relaxed), fresh.unsigned_abs())
    }
}

/// What is left, and how much there was.
#[derive(Default)]
pub(super) struct Left(Vec<Line>);

/// One kind of things.
pub(super) struct Line {
    /// How many are left.
    pub(super) left: i64,
    /// What they are, and how many there have been.
    pub(super) what: String,
}

impl Left {
    pub(super) fn lines(&self) -> &[Line] {
        &self.0
    }

    /// True if nothing is left of any kind.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.iter().all(|line| line.left == 0)
    }

    fn push(&mut self, left: i64, of: u64, what: &str) {
        self.0.push(Line { left, what: format!("{what}, of {of}") });
    }
}
