//! The server of a soak, and what is left of it.

use pluginvc::steps as pvc;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use eventsys::steps::{Step, StepSink};
use eventsys::{
    Clock, ContRef, ET_NET, EventProcessor, FreeContinuation, Options, Outcome, event_census,
};
use httpsm::plugins::{self, Plugin};
use httpsm::{HttpConfig, HttpProxy, HttpSessionAccept, NoOrigin, UrlRewrite};
use iocore::NetVCOptions;
use iocore::buffer::census;
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetProcessor};

use crate::error::Error;

/// How often it is looked whether the server has let go of everything.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The server.
pub(super) struct Stage {
    processor: Arc<EventProcessor>,
    net: Arc<NetProcessor>,
    proxy: Arc<HttpProxy>,
    accept: Arc<NetAcceptAction>,
    pairs: Arc<Pairs>,
    address: SocketAddr,
}

impl Stage {
    /// A server on a port of the system's choice, with all plugins.
    pub(super) fn start(threads: u16) -> Result<Stage, Error> {
        let pairs = Arc::new(Pairs::default());
        let steps = eventsys::steps::Steps::to(pairs.clone());
        let options = Options { steps, ..Options::default() };
        let processor = EventProcessor::with_options(Clock::new_real(), options);
        let net = NetProcessor::init(&processor, NetConfig::default());
        processor.spawn_event_threads("ET_NET", usize::from(threads));
        let rules = UrlRewrite::new("/=http://127.0.0.1/".parse().into_iter().collect());
        let proxy = HttpProxy::new(&processor, HttpConfig::default(), rules, Arc::new(NoOrigin));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        proxy.set_local_time(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        plugins::install(Plugin::ALL, &proxy);
        let options = AcceptOptions {
            localhost_only: true,
            sockopt_flags: NetVCOptions::SOCK_OPT_NO_DELAY,
            ..AcceptOptions::default()
        };
        let sessions: ContRef = HttpSessionAccept::new(&proxy);
        let listening = net.accept(sessions, &options).and_then(|accept| {
            let address = accept.local_addr().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
            Ok((accept, address))
        });
        let (accept, address) = listening.map_err(|source| {
            processor.shutdown();
            Error::Listen { address: SocketAddr::from(([127, 0, 0, 1], 0)), source }
        })?;
        Ok(Stage { processor, net, proxy, accept, pairs, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What there is right now, for a progress bar.
    pub(super) fn now(&self) -> String {
        let (http, stats) = (self.proxy.census(), self.net.stats());
        format!(
            "{} connections so far, {} open, {} transactions",
            stats.tcp_accept(),
            stats.connections_currently_open(),
            http.transactions
        )
    }

    /// Waits until everything has been let go of, or `patience` is over, ends the
    /// server, and counts.
    pub(super) fn end(self, patience: Duration) -> Left {
        self.accept.cancel();
        let deadline = Instant::now() + patience;
        let mut left = self.count();
        while !left.is_nothing() && Instant::now() < deadline {
            thread::sleep(LOOK_EVERY);
            left = self.count();
        }
        self.processor.shutdown();
        // The threads have given all events back that they know of.
        let events = event_census();
        left.push(events.made.abs_diff(events.free) as i64, events.made as u64, "events");
        left
    }

    fn count(&self) -> Left {
        let (http, stats) = (self.proxy.census(), self.net.stats());
        let mut left = Left::default();
        left.push(http.sessions, stats.tcp_accept(), "client sessions");
        left.push(http.transactions, self.pairs.made(), "transactions");
        left.push(http.server_sessions, self.pairs.made(), "server sessions");
        left.push(stats.connections_currently_open(), stats.tcp_accept(), "open connections");
        left.push(stats.vcs_in_memory(), stats.tcp_accept(), "connections in memory");
        left.push(self.pairs.alive(), self.pairs.made(), "PluginVC pairs");
        let (blocks, fresh) = self.blocks();
        left.push(blocks, fresh, "blocks of buffers");
        left
    }

    /// Blocks that are alive, and how many were ever asked of the allocator: each
    /// thread knows what it has taken and put back.
    fn blocks(&self) -> (i64, u64) {
        #[derive(Default)]
        struct Sum {
            live: AtomicI64,
            fresh: AtomicI64,
            threads: AtomicUsize,
        }
        let sum = Arc::new(Sum::default());
        let threads = self.processor.active_group_threads(ET_NET);
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

/// What is left, and of how much.
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

/// Counts PluginVC pairs by their steps.
#[derive(Default)]
struct Pairs {
    made: AtomicI64,
    freed: AtomicI64,
}

impl Pairs {
    fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed).unsigned_abs()
    }

    fn alive(&self) -> i64 {
        self.made.load(Ordering::Relaxed) - self.freed.load(Ordering::Relaxed)
    }
}

impl StepSink for Pairs {
    fn step(&self, step: Step) {
        match step.kind {
            pvc::CREATE => &self.made,
            pvc::DESTROY => &self.freed,
            _ => return,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}
