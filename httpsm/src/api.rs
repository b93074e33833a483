//! The functions that plugins call.
//!
//! Mirrors `TSHttpConnect`, `TSHttpConnectPlugin`, `TSHttpConnectWithPluginId`,
//! `TSHttpTxnServerIntercept`, `TSHttpTxnIntercept`, `TSHttpTxnReenable`,
//! `TSHttpSsnReenable` and their kin of `src/traffic_server/InkAPI.cc` (9.2.9).

mod counts;
mod request;

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use eventsys::defects::rearmed;
use eventsys::{
    ContRef, Continuation as _, Data, ET_NET, EventCode, Outcome, ProxyMutex, Request, StateMachine,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, SizeIndex};
use iocore::{NetVConnection as _, NetVcRef};
use pluginvc::{Passive, PluginVC, PluginVCCore, PluginVcOptions};

use crate::accept::HttpSessionAccept;
use crate::affinity;
use crate::client_session::HttpClientSession;
use crate::defects::{GH_1598, GH_4860};
use crate::hdr::{RequestHdr, ResponseHdr};
use crate::hooks::HttpHook;
use crate::proxy::HttpProxy;
use crate::sm::HttpSM;
use crate::transact::PluginTunnel;

pub use counts::TxnBytes;

/// How a plugin's own connection is made. Mirrors `TSHttpConnectOptions`.
///
/// ```
/// use httpsm::ConnectOptions;
///
/// let addr = "127.0.0.1:4000".parse().unwrap();
/// let options = ConnectOptions { buffer_water_mark: 1 << 20, ..ConnectOptions::new(addr) };
/// # assert_eq!(options.tag, "plugin");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectOptions<'a> {
    /// The address of the client.
    pub addr: SocketAddr,
    /// The plugin's name.
    pub tag: &'a str,
    /// The plugin's number for it.
    pub id: i64,
    /// The block size of the pair's buffers.
    pub buffer_index: SizeIndex,
    /// The water mark of the pair's buffers, in bytes.
    pub buffer_water_mark: i64,
}

impl ConnectOptions<'_> {
    /// What `TSHttpConnect` has.
    #[must_use]
    pub fn new(addr: SocketAddr) -> ConnectOptions<'static> {
        ConnectOptions {
            addr,
            tag: "plugin",
            id: 0,
            buffer_index: BUFFER_SIZE_INDEX_32K,
            buffer_water_mark: 0,
        }
    }
}

/// Makes a plugin's own request: returns the active end of a pair, on which the plugin writes the
/// request and reads the answer. The passive end is the client's connection of a new session,
/// marked as internal. Mirrors `TSHttpConnectPlugin`.
#[must_use]
#[doc(alias = "TSHttpConnectPlugin")]
pub fn ts_http_connect_plugin(proxy: &Arc<HttpProxy>, options: &ConnectOptions<'_>) -> NetVcRef {
    connect_plugin(proxy, options).0
}

/// As [`ts_http_connect_plugin`], with the passive end.
pub(crate) fn connect_plugin(
    proxy: &Arc<HttpProxy>,
    options: &ConnectOptions<'_>,
) -> (NetVcRef, Option<Arc<PluginVC<Passive>>>) {
    let ConnectOptions { addr, tag, id, buffer_index, buffer_water_mark } = *options;
    let options = PluginVcOptions {
        plugin_tag: Some(tag.into()),
        plugin_id: id,
        buffer_index,
        buffer_water_mark,
        ..proxy.plugin_vc_options()
    };
    let core = PluginVCCore::alloc_with(proxy.processor(), HttpSessionAccept::new(proxy), options);
    core.set_active_addr(addr);
    let passive = core.passive_vc();
    let active = core.connect();
    if let Some(passive) = &passive {
        passive.net_base().set_is_internal_request(true);
    }
    (active, passive)
}

/// As [`ts_http_connect_plugin`]. `addr` becomes the client's address; `tag` and `id` name the
/// plugin. Mirrors `TSHttpConnectWithPluginId`.
#[must_use]
#[doc(alias = "TSHttpConnectWithPluginId")]
pub fn ts_http_connect_with_plugin_id(
    proxy: &Arc<HttpProxy>,
    addr: SocketAddr,
    tag: &str,
    id: i64,
) -> NetVcRef {
    ts_http_connect_plugin(proxy, &ConnectOptions { tag, id, ..ConnectOptions::new(addr) })
}

/// As [`ts_http_connect_with_plugin_id`], without a tag and an id. Mirrors `TSHttpConnect`.
#[must_use]
#[doc(alias = "TSHttpConnect")]
pub fn ts_http_connect(proxy: &Arc<HttpProxy>, addr: SocketAddr) -> NetVcRef {
    ts_http_connect_with_plugin_id(proxy, addr, "plugin", 0)
}

/// A transaction, as a hook gets it. Mirrors `TSHttpTxn`.
///
/// The state machine waits for [`HttpTxn::reenable`]; the other methods may be
/// called from the hook until then, and later as long as the transaction is not
/// over. They take the transaction's mutex.
///
/// # Panics
/// Every method except [`HttpTxn::proxy`] and [`HttpTxn::is_over`] panics if the transaction is over, that is, if its
/// plugins of [`HttpHook::TxnClose`] have given it back. The original ends the process in each of
/// these functions. A plugin that refuses a path:
/// ```
/// use std::sync::Arc;
/// use eventsys::hrtime::seconds;
/// use eventsys::{Clock, EventCode, EventProcessor, FreeContinuation, Outcome};
/// use httpsm::hooks::HttpHook;
/// use httpsm::plugins::Plugin;
/// use httpsm::{
///     HttpConfig, HttpData, HttpEvents, HttpProxy, NoOrigin, UrlRewrite, ts_http_connect,
/// };
/// use testkit::Peer;
///
/// let processor = EventProcessor::new(Clock::new_virtual());
/// let thread = processor.adopt_current_thread("ET_NET");
/// let config = HttpConfig { url_remap_required: false, ..HttpConfig::default() };
/// let proxy = HttpProxy::new(&processor, config, UrlRewrite::default(), Arc::new(NoOrigin));
/// Plugin::Generator.install(&proxy);
///
/// let refuse = FreeContinuation::new(|_, _, data| {
///     let txn = data.txn().expect("a hook of transactions");
///     if txn.client_request().url.path.starts_with(b"secret") {
///         txn.set_status(403);
///         txn.reenable(EventCode::TS_EVENT_HTTP_ERROR);
///     } else {
///         txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
///     }
///     Outcome::Done
/// });
/// proxy.hooks().add(HttpHook::ReadRequestHdr, refuse);
///
/// let status = |path: &str| {
///     let client = Peer::new(ts_http_connect(&proxy, "127.0.0.1:4000".parse().unwrap()));
///     client.send(format!("GET http://origin/{path} HTTP/1.0\r\n\r\n").as_bytes());
///     thread.run_for(seconds(1));
///     let answer = String::from_utf8(client.received()).unwrap();
///     client.close();
///     thread.run_for(seconds(1));
///     answer.split(' ').nth(1).unwrap_or_default().to_owned()
/// };
/// assert_eq!(status("secret"), "403");
/// assert_eq!(status("nocache/5/x"), "200");
/// ```
#[derive(Clone)]
pub struct HttpTxn(Arc<HttpSM>);

impl HttpTxn {
    pub(crate) fn new(sm: Arc<HttpSM>) -> HttpTxn {
        HttpTxn(sm)
    }

    /// The number of the transaction. Mirrors `TSHttpTxnIdGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnIdGet")]
    pub fn id(&self) -> u64 {
        self.sm().id()
    }

    /// True when the transaction has ended: its plugins of [`HttpHook::TxnClose`] have given it
    /// back. Every other method except [`HttpTxn::proxy`] panics then.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.0.is_alive()
    }

    /// The transaction, without keeping it alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakHttpTxn {
        WeakHttpTxn(Arc::downgrade(&self.0))
    }

    /// The proxy.
    #[must_use]
    pub fn proxy(&self) -> &Arc<HttpProxy> {
        self.0.proxy()
    }

    /// Gives the state machine back: with
    /// [`TS_EVENT_HTTP_CONTINUE`](crate::HttpEvents::TS_EVENT_HTTP_CONTINUE) it goes
    /// on, with [`TS_EVENT_HTTP_ERROR`](crate::HttpEvents::TS_EVENT_HTTP_ERROR) it ends
    /// with an error answer.
    ///
    /// From any thread. On the machine's own thread it goes on before this returns, if the try-lock
    /// succeeds. From every other thread, also another net thread, an event is scheduled: a
    /// transaction never moves to another thread. A second call for the same hook does nothing.
    /// Mirrors `TSHttpTxnReenable`.
    #[track_caller]
    #[doc(alias = "TSHttpTxnReenable")]
    pub fn reenable(&self, event: EventCode) {
        let sm = self.sm();
        let processor = sm.proxy().processor();
        let is_home = affinity::is_home(processor, sm.base())
            || rearmed(&GH_4860) && affinity::is_on_thread_of(processor);
        let mutex = sm.base().mutex().filter(|_| is_home);
        match mutex.and_then(|mutex| mutex.try_lock()) {
            Some(guard) => sm.state_api_callback(&guard, event),
            None if rearmed(&GH_1598) => self.reenable_anywhere(event),
            None => {
                let request = Request::new(Arc::clone(sm) as ContRef).code(event);
                processor.schedule_imm(request, ET_NET);
            }
        }
    }

    /// As before #5949: a continuation of its own, which keeps to no thread, goes on with the
    /// state machine. Mirrors `TSHttpSMCallback` of 8.1.11.
    fn reenable_anywhere(&self, event: EventCode) {
        let sm = self.sm();
        let Some(mutex) = sm.base().mutex() else { return };
        let state = (Arc::clone(sm), event);
        let back = StateMachine::new(Arc::clone(mutex), state, |(sm, event), call, _, _| {
            sm.state_api_callback(call.guard(), *event);
            Outcome::Done
        });
        sm.proxy().processor().schedule_imm(Request::new(back), ET_NET);
    }

    /// The plugin answers in place of the origin server: `cont` gets
    /// `NET_EVENT_ACCEPT` with the connection on which the request will come, or
    /// `NET_EVENT_ACCEPT_FAILED` if it never will. Mirrors
    /// `TSHttpTxnServerIntercept`.
    #[track_caller]
    #[doc(alias = "TSHttpTxnServerIntercept")]
    pub fn server_intercept(&self, cont: ContRef) {
        self.set_plugin_tunnel(PluginTunnel::AsServer, cont);
    }

    /// As [`HttpTxn::server_intercept`], but in place of the proxy's own work too: the proxy uses
    /// neither rules nor the cache. Call it before [`HttpHook::PostRemap`]. Mirrors
    /// `TSHttpTxnIntercept`.
    #[track_caller]
    #[doc(alias = "TSHttpTxnIntercept")]
    pub fn intercept(&self, cont: ContRef) {
        self.set_plugin_tunnel(PluginTunnel::AsIntercept, cont);
    }

    /// The role of this transaction's plugin.
    #[must_use]
    #[track_caller]
    pub fn plugin_tunnel(&self) -> PluginTunnel {
        self.with(|sm| sm.t_state.borrow().plugin_tunnel_type)
    }

    /// Adds `cont` as a hook of this transaction alone. Mirrors `TSHttpTxnHookAdd`.
    #[track_caller]
    #[doc(alias = "TSHttpTxnHookAdd")]
    pub fn add_hook(&self, hook: HttpHook, cont: ContRef) {
        self.sm().hooks().add(hook, cont);
    }

    /// The client's request; after the rules have been applied, with the target
    /// they gave it. Mirrors `TSHttpTxnClientReqGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnClientReqGet")]
    pub fn client_request(&self) -> RequestHdr {
        self.with(|sm| sm.t_state.borrow().client_request.clone())
    }

    /// Changes the client's request.
    #[track_caller]
    pub fn with_client_request<R>(&self, f: impl FnOnce(&mut RequestHdr) -> R) -> R {
        self.with(|sm| f(&mut sm.t_state.borrow_mut().client_request))
    }

    /// The request for the origin server, once there is one. Mirrors
    /// `TSHttpTxnServerReqGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnServerReqGet")]
    pub fn server_request(&self) -> Option<RequestHdr> {
        self.with(|sm| sm.t_state.borrow().server_request.clone())
    }

    /// Changes the request for the origin server, if there is one.
    #[track_caller]
    pub fn with_server_request<R>(&self, f: impl FnOnce(&mut RequestHdr) -> R) -> Option<R> {
        self.with(|sm| sm.t_state.borrow_mut().server_request.as_mut().map(f))
    }

    /// True once the machine has begun to read the origin server's response, which may be empty
    /// then. Mirrors `hdr_info.server_response.valid()`.
    #[must_use]
    #[track_caller]
    pub fn has_server_response(&self) -> bool {
        self.with(|sm| sm.t_state.borrow().server_response_is_valid)
    }

    /// The origin server's response. Mirrors `TSHttpTxnServerRespGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnServerRespGet")]
    pub fn server_response(&self) -> ResponseHdr {
        self.with(|sm| sm.t_state.borrow().server_response.clone())
    }

    /// Changes the origin server's response.
    #[track_caller]
    pub fn with_server_response<R>(&self, f: impl FnOnce(&mut ResponseHdr) -> R) -> R {
        self.with(|sm| f(&mut sm.t_state.borrow_mut().server_response))
    }

    /// The response for the client, once there is one. Mirrors
    /// `TSHttpTxnClientRespGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnClientRespGet")]
    pub fn client_response(&self) -> Option<ResponseHdr> {
        self.with(|sm| sm.t_state.borrow().client_response.clone())
    }

    /// Changes the response for the client, if there is one.
    #[track_caller]
    pub fn with_client_response<R>(&self, f: impl FnOnce(&mut ResponseHdr) -> R) -> Option<R> {
        self.with(|sm| sm.t_state.borrow_mut().client_response.as_mut().map(f))
    }

    /// Turns the cache off for this request. Mirrors `TSHttpTxnConfigIntSet` with
    /// `TS_CONFIG_HTTP_CACHE_HTTP` and 0.
    pub fn set_cache_off(&self) {
        self.with(|sm| sm.t_state.borrow_mut().cache_is_off = true);
    }

    /// Sets the status of an error answer. Mirrors `TSHttpTxnStatusSet`.
    #[track_caller]
    #[doc(alias = "TSHttpTxnStatusSet")]
    pub fn set_status(&self, status: u16) {
        self.with(|sm| sm.t_state.borrow_mut().http_return_code = status);
    }

    /// The status that a plugin has set; 0 if none has. Mirrors `TSHttpTxnStatusGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnStatusGet")]
    pub fn status(&self) -> u16 {
        self.with(|sm| sm.t_state.borrow().http_return_code)
    }

    /// Leaves the rules out, and the hooks at them. Call it at
    /// [`HttpHook::ReadRequestHdr`] or before. Mirrors `TSHttpTxnCntlSet` with
    /// `TS_HTTP_CNTL_SKIP_REMAPPING`.
    #[track_caller]
    pub fn set_skip_remapping(&self, skip: bool) {
        self.with(|sm| sm.t_state.borrow_mut().skip_all_remapping = skip);
    }

    /// What the cache has said; none before it is decided whether it is asked. Mirrors
    /// `TSHttpTxnCacheLookupStatusGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnCacheLookupStatusGet")]
    pub fn cache_lookup(&self) -> Option<CacheLookup> {
        self.with(|sm| sm.t_state.borrow().cache_lookup_result)
    }

    /// The client's address, as long as its connection is there. Mirrors
    /// `TSHttpTxnClientAddrGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnClientAddrGet")]
    pub fn client_addr(&self) -> Option<SocketAddr> {
        self.with(crate::sm::Sm::client_addr)
    }

    /// The transaction's mutex. Mirrors `TSContMutexGet` of a transaction.
    #[must_use]
    #[track_caller]
    pub fn mutex(&self) -> &Arc<ProxyMutex> {
        self.sm().base().mutex().expect("made with one")
    }

    /// True for a request that a plugin made. Mirrors `TSHttpTxnIsInternal`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnIsInternal")]
    pub fn is_internal(&self) -> bool {
        self.with(|sm| sm.t_state.borrow().is_internal_request)
    }

    #[track_caller]
    fn set_plugin_tunnel(&self, kind: PluginTunnel, cont: ContRef) {
        let proxy = self.sm().proxy();
        let options = proxy.plugin_vc_options();
        let core = PluginVCCore::alloc_with(proxy.processor(), cont, options);
        let old = self.with(|sm| {
            sm.t_state.borrow_mut().plugin_tunnel_type = kind;
            sm.set_plugin_tunnel(core)
        });
        // The original forgets the previous one, whose plugin never gets an event.
        if let Some(old) = old {
            old.kill_no_connect();
        }
    }

    #[track_caller]
    fn with<R>(&self, f: impl FnOnce(&crate::sm::Sm) -> R) -> R {
        let sm = self.sm();
        let mutex = sm.base().mutex().expect("made with one");
        let guard = mutex.lock();
        // It may have ended while this thread waited for the mutex.
        f(self.sm().inner(&guard))
    }

    /// The machine, if it lives. Mirrors `sdk_sanity_check_txn`.
    #[track_caller]
    fn sm(&self) -> &Arc<HttpSM> {
        assert!(
            self.0.is_alive(),
            "failed assertion `sdk_sanity_check_txn(txnp) == TS_SUCCESS`: transaction {} is over",
            self.0.id()
        );
        &self.0
    }
}

/// A transaction that is not kept alive: for a table of transactions that plugins know.
/// [`HttpTxn::downgrade`] makes one.
#[derive(Clone)]
pub struct WeakHttpTxn(Weak<HttpSM>);

impl WeakHttpTxn {
    /// The transaction, if it is not over.
    #[must_use]
    pub fn upgrade(&self) -> Option<HttpTxn> {
        self.0.upgrade().map(HttpTxn).filter(|txn| !txn.is_over())
    }
}

/// The result of a cache lookup. The port has no cache, so there is no hit. Mirrors
/// `TSCacheLookupResult`. [`HttpTxn::cache_lookup`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheLookup {
    /// There is no object (`TS_CACHE_LOOKUP_MISS`).
    Miss,
    /// The cache is not asked (`TS_CACHE_LOOKUP_SKIPPED`).
    Skipped,
}

/// A client's connection, as a hook gets it. Mirrors `TSHttpSsn`.
/// A hook at [`HttpHook::SsnStart`] or [`HttpHook::SsnClose`] gets it by [`HttpData::ssn`], and
/// gives it back as the hook in the example of [`HttpTxn`] does.
#[derive(Clone)]
pub struct HttpSsn(Arc<HttpClientSession>);

impl HttpSsn {
    pub(crate) fn new(session: Arc<HttpClientSession>) -> HttpSsn {
        HttpSsn(session)
    }

    /// The number of the session.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id()
    }

    /// The session, without keeping it alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakHttpSsn {
        WeakHttpSsn(Arc::downgrade(&self.0))
    }

    /// Gives the session back; with an error, a new session is closed. Like [`HttpTxn::reenable`]
    /// it continues on the session's own thread; the original continues on every net thread whose
    /// try-lock succeeds. Mirrors `TSHttpSsnReenable`.
    pub fn reenable(&self, event: EventCode) {
        let processor = self.0.proxy().processor();
        let home = affinity::is_home(processor, self.0.base());
        let lock = home.then(|| self.0.mutex().try_lock()).flatten();
        match lock {
            Some(guard) => self.0.state_api_callback(&guard, event),
            None => {
                let request = Request::new(Arc::clone(&self.0) as ContRef).code(event);
                processor.schedule_imm(request, ET_NET);
            }
        }
    }

    /// Adds `cont` as a hook of each transaction of this session. Mirrors `TSHttpSsnHookAdd`.
    pub fn add_hook(&self, hook: HttpHook, cont: ContRef) {
        self.0.hooks().add(hook, cont);
    }
}

/// A session that is not kept alive. [`HttpSsn::downgrade`] makes one.
#[derive(Clone)]
pub struct WeakHttpSsn(Weak<HttpClientSession>);

impl WeakHttpSsn {
    /// The session, if it is still there.
    #[must_use]
    pub fn upgrade(&self) -> Option<HttpSsn> {
        self.0.upgrade().map(HttpSsn)
    }
}

/// Gives the data that comes with a hook's event its type.
/// The example of [`HttpTxn`] uses it.
pub trait HttpData<'a> {
    /// The transaction, if the hook is of one.
    fn txn(&self) -> Option<&'a HttpTxn>;

    /// The session, if the hook is of one.
    fn ssn(&self) -> Option<&'a HttpSsn>;
}

impl<'a> HttpData<'a> for Data<'a> {
    fn txn(&self) -> Option<&'a HttpTxn> {
        match self {
            Data::Object(object) => object.downcast_ref(),
            _ => None,
        }
    }

    fn ssn(&self) -> Option<&'a HttpSsn> {
        match self {
            Data::Object(object) => object.downcast_ref(),
            _ => None,
        }
    }
}
