//! What plugins call.
//!
//! Mirrors `TSHttpConnect`, `TSHttpConnectWithPluginId`,
//! `TSHttpTxnServerIntercept`, `TSHttpTxnIntercept`, `TSHttpTxnReenable`,
//! `TSHttpSsnReenable` and their kin of `src/traffic_server/InkAPI.cc` (9.2.9).

use std::net::SocketAddr;
use std::sync::Arc;

use eventsys::{ContRef, Data, ET_NET, EThread, EventCode, Request};
use iocore::NetVcRef;
use pluginvc::{PluginVCCore, PluginVCOptions};

use crate::accept::HttpSessionAccept;
use crate::client_session::HttpClientSession;
use crate::hdr::{RequestHdr, ResponseHdr};
use crate::hooks::HttpHook;
use crate::proxy::HttpProxy;
use crate::sm::HttpSM;
use crate::transact::PluginTunnel;

/// A plugin makes a request of its own: the active end of a pair is returned, on
/// which it writes the request and reads the answer; the passive end is the
/// client's connection of a new session, marked as internal. `addr` is what the
/// client's address is said to be; `tag` and `id` say who the plugin is. Mirrors
/// `TSHttpConnectWithPluginId`.
#[must_use]
pub fn ts_http_connect_with_plugin_id(
    proxy: &Arc<HttpProxy>,
    addr: SocketAddr,
    tag: &str,
    id: i64,
) -> NetVcRef {
    let options = PluginVCOptions {
        plugin_tag: Some(tag.into()),
        plugin_id: id,
        ..proxy.plugin_vc_options()
    };
    let core = PluginVCCore::alloc_with(proxy.processor(), HttpSessionAccept::new(proxy), options);
    core.set_active_addr(addr);
    let passive = core.passive_vc();
    let active = core.connect();
    if let Some(passive) = passive {
        iocore::NetVConnection::net_base(&*passive).set_is_internal_request(true);
    }
    active
}

/// As [`ts_http_connect_with_plugin_id`], from nobody in particular. Mirrors
/// `TSHttpConnect`.
#[must_use]
pub fn ts_http_connect(proxy: &Arc<HttpProxy>, addr: SocketAddr) -> NetVcRef {
    ts_http_connect_with_plugin_id(proxy, addr, "plugin", 0)
}

/// A transaction, as a hook gets it. Mirrors `TSHttpTxn`.
///
/// The state machine waits for [`HttpTxn::reenable`]; the other methods may be
/// called from the hook until then. They take the transaction's mutex.
#[derive(Clone)]
pub struct HttpTxn(Arc<HttpSM>);

impl HttpTxn {
    pub(crate) fn new(sm: Arc<HttpSM>) -> HttpTxn {
        HttpTxn(sm)
    }

    /// The number of the transaction. Mirrors `TSHttpTxnIdGet`.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id()
    }

    /// The proxy.
    #[must_use]
    pub fn proxy(&self) -> &Arc<HttpProxy> {
        self.0.proxy()
    }

    /// Gives the state machine back: with
    /// [`TS_EVENT_HTTP_CONTINUE`](crate::hooks::TS_EVENT_HTTP_CONTINUE) it goes
    /// on, with [`TS_EVENT_HTTP_ERROR`](crate::hooks::TS_EVENT_HTTP_ERROR) it ends
    /// with an error answer. From any thread; it goes on before this returns if
    /// this is an event thread and the mutex can be had. Mirrors
    /// `TSHttpTxnReenable`.
    pub fn reenable(&self, event: EventCode) {
        use eventsys::Continuation as _;
        let mutex = self.0.base().mutex().cloned();
        let lock = mutex.as_ref().filter(|_| EThread::current().is_some());
        match lock.and_then(|mutex| mutex.try_lock()) {
            Some(guard) => self.0.state_api_callback(&guard, event),
            None => {
                let request = Request::new(Arc::clone(&self.0) as ContRef).code(event);
                self.proxy().processor().schedule_imm(request, ET_NET);
            }
        }
    }

    /// The plugin answers in place of the origin server: `cont` gets
    /// `NET_EVENT_ACCEPT` with the connection on which the request will come, or
    /// `NET_EVENT_ACCEPT_FAILED` if it never will. Mirrors
    /// `TSHttpTxnServerIntercept`.
    pub fn server_intercept(&self, cont: ContRef) {
        self.set_plugin_tunnel(PluginTunnel::AsServer, cont);
    }

    /// As [`HttpTxn::server_intercept`], but in place of the proxy's own work too:
    /// neither rules nor the cache are asked. To be called before
    /// [`HttpHook::PostRemap`]. Mirrors `TSHttpTxnIntercept`.
    pub fn intercept(&self, cont: ContRef) {
        self.set_plugin_tunnel(PluginTunnel::AsIntercept, cont);
    }

    /// What this transaction's plugin does.
    #[must_use]
    pub fn plugin_tunnel(&self) -> PluginTunnel {
        self.with(|sm| sm.t.borrow().plugin_tunnel_type)
    }

    /// Calls `cont` at a place of this transaction too. Mirrors `TSHttpTxnHookAdd`.
    pub fn add_hook(&self, hook: HttpHook, cont: ContRef) {
        self.0.hooks().add(hook, cont);
    }

    /// The client's request; after the rules have been applied, with the target
    /// they gave it. Mirrors `TSHttpTxnClientReqGet`.
    #[must_use]
    pub fn client_request(&self) -> RequestHdr {
        self.with(|sm| sm.t.borrow().client_request.clone())
    }

    /// Changes the client's request.
    pub fn with_client_request<R>(&self, f: impl FnOnce(&mut RequestHdr) -> R) -> R {
        self.with(|sm| f(&mut sm.t.borrow_mut().client_request))
    }

    /// The request for the origin server, once there is one. Mirrors
    /// `TSHttpTxnServerReqGet`.
    #[must_use]
    pub fn server_request(&self) -> Option<RequestHdr> {
        self.with(|sm| sm.t.borrow().server_request.clone())
    }

    /// Changes the request for the origin server, if there is one.
    pub fn with_server_request<R>(&self, f: impl FnOnce(&mut RequestHdr) -> R) -> Option<R> {
        self.with(|sm| sm.t.borrow_mut().server_request.as_mut().map(f))
    }

    /// The origin server's response. Mirrors `TSHttpTxnServerRespGet`.
    #[must_use]
    pub fn server_response(&self) -> ResponseHdr {
        self.with(|sm| sm.t.borrow().server_response.clone())
    }

    /// The response for the client, once there is one. Mirrors
    /// `TSHttpTxnClientRespGet`.
    #[must_use]
    pub fn client_response(&self) -> Option<ResponseHdr> {
        self.with(|sm| sm.t.borrow().client_response.clone())
    }

    /// Changes the response for the client, if there is one.
    pub fn with_client_response<R>(&self, f: impl FnOnce(&mut ResponseHdr) -> R) -> Option<R> {
        self.with(|sm| sm.t.borrow_mut().client_response.as_mut().map(f))
    }

    /// Which status an error answer is to have. Mirrors `TSHttpTxnStatusSet`.
    pub fn set_status(&self, status: u16) {
        self.with(|sm| sm.t.borrow_mut().http_return_code = status);
    }

    /// True for a request that a plugin made. Mirrors `TSHttpTxnIsInternal`.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.with(|sm| sm.t.borrow().is_internal_request)
    }

    fn set_plugin_tunnel(&self, kind: PluginTunnel, cont: ContRef) {
        let options = self.proxy().plugin_vc_options();
        let core = PluginVCCore::alloc_with(self.proxy().processor(), cont, options);
        let old = self.with(|sm| {
            sm.t.borrow_mut().plugin_tunnel_type = kind;
            sm.set_plugin_tunnel(core)
        });
        // The original forgets the one before, whose plugin is never told.
        if let Some(old) = old {
            old.kill_no_connect();
        }
    }

    fn with<R>(&self, f: impl FnOnce(&crate::sm::Sm) -> R) -> R {
        use eventsys::Continuation as _;
        let mutex = self.0.base().mutex().expect("made with one");
        let guard = mutex.lock();
        f(self.0.inner(&guard))
    }
}

/// A client's connection, as a hook gets it. Mirrors `TSHttpSsn`.
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

    /// Gives the session back; with an error, a new session is closed. Mirrors
    /// `TSHttpSsnReenable`.
    pub fn reenable(&self, event: EventCode) {
        let lock = EThread::current().and_then(|_| self.0.mutex().try_lock());
        match lock {
            Some(guard) => self.0.state_api_callback(&guard, event),
            None => {
                let request = Request::new(Arc::clone(&self.0) as ContRef).code(event);
                self.0.proxy().processor().schedule_imm(request, ET_NET);
            }
        }
    }

    /// Calls `cont` at a place of each transaction of this session too. Mirrors
    /// `TSHttpSsnHookAdd`.
    pub fn add_hook(&self, hook: HttpHook, cont: ContRef) {
        self.0.hooks().add(hook, cont);
    }
}

/// Gives the data that comes with a hook's event its type.
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
