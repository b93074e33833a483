//! [`HttpSessionAccept`]: new connections become sessions.
//!
//! Mirrors `proxy/http/HttpSessionAccept.cc` (9.2.9), without its address filters.

use std::sync::Arc;

use eventsys::{Continuation, ContinuationBase, Data, EventCode, Invocation, Outcome};
use iocore::{IoData, IoEvents};

use crate::client_session::HttpClientSession;
use crate::events::event_name;
use crate::proxy::HttpProxy;

/// Takes connections with `NET_EVENT_ACCEPT`, from a net processor or a pair.
/// It has no mutex: several threads may call it at once. [`Server`](crate::Server)
/// makes one; by hand it is:
///
/// ```
/// use std::sync::Arc;
/// use eventsys::{Clock, EventProcessor};
/// use httpsm::{HttpConfig, HttpProxy, HttpSessionAccept, NoOrigin, UrlRewrite};
/// use iocore::net::{AcceptOptions, NetConfig, NetProcessor};
///
/// let processor = EventProcessor::new(Clock::new_real());
/// let net = NetProcessor::init(&processor, NetConfig::default());
/// processor.spawn_event_threads("ET_NET", 1);
/// let rules = UrlRewrite::new(Vec::new());
/// let proxy = HttpProxy::new(&processor, HttpConfig::default(), rules, Arc::new(NoOrigin));
/// let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
/// let accept = net.accept(HttpSessionAccept::new(&proxy), &options)?;
/// println!("http://{}", accept.local_addr().unwrap());
/// processor.shutdown();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct HttpSessionAccept {
    base: ContinuationBase,
    proxy: Arc<HttpProxy>,
}

impl HttpSessionAccept {
    /// Takes connections for `proxy`.
    #[must_use]
    #[allow(clippy::new_ret_no_self)] // It is always shared.
    pub fn new(proxy: &Arc<HttpProxy>) -> Arc<HttpSessionAccept> {
        let base = ContinuationBase::without_mutex();
        Arc::new(HttpSessionAccept { base, proxy: Arc::clone(proxy) })
    }
}

impl Continuation for HttpSessionAccept {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    /// Mirrors `mainEvent` and `accept`.
    fn handle_event(&self, _: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        match (event, data.net_vc()) {
            (EventCode::NET_EVENT_ACCEPT, Some(vc)) => {
                HttpClientSession::new_connection(&self.proxy, Arc::clone(vc), None);
                Outcome::Cont
            }
            _ => {
                let event = event.shown_by(event_name);
                log::warn!(target: "http", "HttpSessionAccept: no connection with {event}");
                Outcome::Done
            }
        }
    }
}
