//! [`HttpProxy`]: what all sessions and transactions share.
//!
//! Stands for the globals of the original: the configuration, the hooks of all
//! plugins, the rules, the pool of server sessions. There may be several side by
//! side.

use eventsys::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use eventsys::hrtime::SECOND;
use eventsys::sync::Mutex;
use eventsys::{EventProcessor, HrTime};
use pluginvc::{Corrections, Epoch, PluginVcOptions};

use crate::config::HttpConfig;
use crate::connector::OriginConnector;
use crate::hdr::RequestHdr;
use crate::hooks::HttpApiHooks;
use crate::remap::UrlRewrite;
use crate::server_session::ServerSessionPool;

/// A proxy.
///
/// ```
/// use std::sync::Arc;
/// use eventsys::hrtime::seconds;
/// use eventsys::{Clock, EventProcessor};
/// use httpsm::plugins::Plugin;
/// use httpsm::{HttpConfig, HttpProxy, NoOrigin, UrlRewrite, ts_http_connect};
/// use testkit::Peer;
///
/// let processor = EventProcessor::new(Clock::new_virtual());
/// let thread = processor.adopt_current_thread("ET_NET");
/// let rules = UrlRewrite::new(Vec::new());
/// let config = HttpConfig { url_remap_required: false, ..HttpConfig::default() };
/// let proxy = HttpProxy::new(&processor, config, rules, Arc::new(NoOrigin));
/// Plugin::Generator.install(&proxy);
///
/// // A plugin is the client, and another one the origin server: no socket at all.
/// let client = Peer::new(ts_http_connect(&proxy, "127.0.0.1:4000".parse().unwrap()));
/// client.send(b"GET http://origin/nocache/5/x HTTP/1.0\r\n\r\n");
/// thread.run_for(seconds(1));
/// let answer = String::from_utf8(client.received()).unwrap();
/// assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
/// assert!(answer.ends_with("\r\n\r\nxxxxx"), "{answer}");
/// # client.close();
/// # thread.run_for(seconds(1));
/// ```
pub struct HttpProxy {
    processor: Arc<EventProcessor>,
    config: Arc<HttpConfig>,
    connector: Arc<dyn OriginConnector>,
    remap: Mutex<Arc<UrlRewrite>>,
    hooks: HttpApiHooks,
    pool: Arc<ServerSessionPool>,
    /// Added to the clock's time it gives the seconds since 1970.
    time_offset: AtomicI64,
    draining: AtomicBool,
    milestones: AtomicBool,
    sm_ids: AtomicU64,
    session_ids: AtomicU64,
    pub(crate) census: Counters,
    at_the_end: OnceLock<Box<dyn Fn(u64) + Send + Sync>>,
    uncacheable: OnceLock<RequestFilter>,
}

/// Says whether something holds for a request.
type RequestFilter = Box<dyn Fn(&RequestHdr) -> bool + Send + Sync>;

/// How many are alive.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) sessions: AtomicI64,
    pub(crate) transactions: AtomicI64,
    pub(crate) server_sessions: AtomicI64,
}

/// Counts of live objects; see [`HttpProxy::census`].
///
/// ```
/// use httpsm::HttpCensus;
///
/// let idle = HttpCensus::default();
/// assert_eq!((idle.sessions, idle.transactions, idle.server_sessions), (0, 0, 0));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HttpCensus {
    /// Clients' connections.
    pub sessions: i64,
    /// Transactions.
    pub transactions: i64,
    /// Connections to origin servers, those that wait in the pool included.
    pub server_sessions: i64,
}

impl HttpProxy {
    /// A proxy without plugins.
    #[must_use]
    pub fn new(
        processor: &Arc<EventProcessor>,
        config: HttpConfig,
        remap: UrlRewrite,
        connector: Arc<dyn OriginConnector>,
    ) -> Arc<HttpProxy> {
        Arc::new(HttpProxy {
            processor: Arc::clone(processor),
            config: Arc::new(config),
            connector,
            remap: Mutex::new(Arc::new(remap)),
            hooks: HttpApiHooks::new(),
            pool: ServerSessionPool::new(),
            time_offset: AtomicI64::new(0),
            draining: AtomicBool::new(false),
            milestones: AtomicBool::new(false),
            sm_ids: AtomicU64::new(0),
            session_ids: AtomicU64::new(0),
            census: Counters::default(),
            at_the_end: OnceLock::new(),
            uncacheable: OnceLock::new(),
        })
    }

    /// Has the cache left out for the requests for which `f` is true: what a plugin that comes with the
    /// proxy would do in its rule, before it is decided whether the cache is asked. A second call
    /// changes nothing.
    pub(crate) fn leave_out_of_the_cache(
        &self,
        f: impl Fn(&RequestHdr) -> bool + Send + Sync + 'static,
    ) {
        let _ = self.uncacheable.set(Box::new(f));
    }

    pub(crate) fn is_left_out_of_the_cache(&self, request: &RequestHdr) -> bool {
        self.uncacheable.get().is_some_and(|f| f(request))
    }

    /// Has `f` called with the number of each transaction that is over from now on, for a table of
    /// transactions. It is called once for each, under the transaction's mutex, and must not call the
    /// machine. A second call of this function changes nothing.
    ///
    /// ```
    /// use httpsm::HttpProxy;
    ///
    /// fn forget_each(proxy: &HttpProxy, forget: fn(u64)) {
    ///     proxy.when_a_transaction_is_over(forget);
    /// }
    /// # let _: fn(&HttpProxy, fn(u64)) = forget_each;
    /// ```
    pub fn when_a_transaction_is_over(&self, f: impl Fn(u64) + Send + Sync + 'static) {
        let _ = self.at_the_end.set(Box::new(f));
    }

    pub(crate) fn transaction_is_over(&self, id: u64) {
        if let Some(f) = self.at_the_end.get() {
            f(id);
        }
    }

    /// The event processor that everything runs on.
    #[must_use]
    pub fn processor(&self) -> &Arc<EventProcessor> {
        &self.processor
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &HttpConfig {
        &self.config
    }

    /// The configuration, for a transaction that may get one of its own.
    pub(crate) fn shared_config(&self) -> Arc<HttpConfig> {
        Arc::clone(&self.config)
    }

    /// The hooks of all plugins. Mirrors `TSHttpHookAdd`.
    #[must_use]
    pub fn hooks(&self) -> &HttpApiHooks {
        &self.hooks
    }

    /// How connections to origin servers are made.
    #[must_use]
    pub fn connector(&self) -> &Arc<dyn OriginConnector> {
        &self.connector
    }

    /// Connections to origin servers that wait to be used again.
    #[must_use]
    pub fn pool(&self) -> &ServerSessionPool {
        &self.pool
    }

    /// Replaces the rules; requests that come from now on use them.
    pub fn set_remap(&self, rules: UrlRewrite) {
        let old = std::mem::replace(&mut *self.remap.lock(), Arc::new(rules));
        drop(old);
    }

    /// Sets the time of day, in seconds since 1970. Without this call, dates in
    /// heads begin where the clock begins.
    pub fn set_local_time(&self, seconds: i64) {
        let now = self.processor.clock().get_hrtime_updated() / SECOND;
        self.time_offset.store(seconds - now, Ordering::Relaxed);
    }

    /// Seconds since 1970. Mirrors `ink_local_time`.
    #[must_use]
    pub fn local_time(&self) -> i64 {
        self.processor.clock().get_hrtime() / SECOND + self.time_offset.load(Ordering::Relaxed)
    }

    /// Nanoseconds since 1970. Mirrors `ink_get_hrtime`.
    #[must_use]
    pub fn local_hrtime(&self) -> HrTime {
        self.processor.clock().get_hrtime_updated()
            + self.time_offset.load(Ordering::Relaxed) * SECOND
    }

    /// Transactions that begin from now on keep the times of their [milestones](crate::Milestone). It
    /// costs each of them some looks at the clock.
    pub fn keep_milestones(&self) {
        self.milestones.store(true, Ordering::Relaxed);
    }

    /// True if [`HttpProxy::keep_milestones`] has been called.
    #[must_use]
    pub fn keeps_milestones(&self) -> bool {
        self.milestones.load(Ordering::Relaxed)
    }

    /// From now on each answer says that its connection ends, and the proxy closes
    /// it behind the answer. Idle connections stay as they are. To end well, a
    /// proxy stops accepting, drains, and waits until its
    /// [census](HttpProxy::census) shows no transaction. Mirrors
    /// `TSSystemState::drain` and its use in `build_response`; there the client
    /// has to close.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// True once [`HttpProxy::drain`] has been called. Mirrors
    /// `TSSystemState::is_draining`.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The options of this proxy's PluginVC pairs: as in 9.2.9, with the
    /// corrections that keep a plugin's mistake from ending the whole proxy.
    #[must_use]
    pub fn plugin_vc_options(&self) -> PluginVcOptions {
        PluginVcOptions {
            epoch: Epoch::D,
            corrections: Corrections::all(),
            ..PluginVcOptions::default()
        }
    }

    /// How many are alive.
    #[must_use]
    pub fn census(&self) -> HttpCensus {
        HttpCensus {
            sessions: self.census.sessions.load(Ordering::Relaxed),
            transactions: self.census.transactions.load(Ordering::Relaxed),
            server_sessions: self.census.server_sessions.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn remap_rules(&self) -> Arc<UrlRewrite> {
        Arc::clone(&self.remap.lock())
    }

    pub(crate) fn next_sm_id(&self) -> u64 {
        self.sm_ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_session_id(&self) -> u64 {
        self.session_ids.fetch_add(1, Ordering::Relaxed)
    }
}
