//! A laboratory with a proxy: `testkit`'s, plus clients and origin servers at ends of
//! PluginVC pairs.
#![allow(dead_code)] // Each test file uses a part of it.

use eventsys::sync::Mutex;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use eventsys::{
    Clock, ContRef, EventCode, EventProcessor, FreeContinuation, HrTime, Outcome, hrtime,
};
use httpsm::{
    AcceptorConnector, HttpCensus, HttpConfig, HttpProxy, OriginConnector,
    ProtocolProbeSessionAccept, UrlRewrite,
};
use iocore::{IoData, IoEvents, NetVcRef, VConnection, VioOp};
use pluginvc::{Corrections, Epoch, PairCensus, Passive, PluginVC, PluginVCCore, PluginVcOptions};

/// A proxy on the thread of a laboratory.
pub(crate) struct Lab {
    pub(crate) proxy: Arc<HttpProxy>,
    pub(crate) connector: Arc<AcceptorConnector>,
    kit: testkit::Lab,
    accepted: Arc<Mutex<Vec<Peer>>>,
    /// Everything is gone before the counting at the end.
    blocks: i64,
}

impl Deref for Lab {
    type Target = testkit::Lab;

    fn deref(&self) -> &testkit::Lab {
        &self.kit
    }
}

fn pair_options() -> PluginVcOptions {
    PluginVcOptions {
        epoch: Epoch::C,
        corrections: Corrections::all(),
        ..PluginVcOptions::default()
    }
}

/// A quick proxy: the timeouts are seconds, so that tests can tell them apart.
pub(crate) fn config() -> HttpConfig {
    HttpConfig {
        accept_no_activity_timeout: hrtime::seconds(7),
        transaction_no_activity_timeout_in: hrtime::seconds(10),
        transaction_no_activity_timeout_out: hrtime::seconds(4),
        connect_attempts_timeout: hrtime::seconds(3),
        keep_alive_no_activity_timeout_in: hrtime::seconds(20),
        keep_alive_no_activity_timeout_out: hrtime::seconds(15),
        ..HttpConfig::default()
    }
}

impl Lab {
    pub(crate) fn new() -> Lab {
        Lab::with(config(), None)
    }

    pub(crate) fn with(config: HttpConfig, connector: Option<Arc<dyn OriginConnector>>) -> Lab {
        let blocks = iocore::buffer::census().live;
        let kit = testkit::Lab::of(EventProcessor::new(Clock::new_virtual()));
        let local = AcceptorConnector::new(&kit.processor, pair_options());
        let connector_used = connector.unwrap_or_else(|| local.clone());
        let rules = [
            "http://origin.test/=http://127.0.0.1:19090/",
            "http://refused.test/=http://127.0.0.1:1/",
        ];
        let rules = UrlRewrite::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
        let proxy = HttpProxy::new(&kit.processor, config, rules, connector_used);
        proxy.set_local_time(1_800_000_000);
        let accepted: Arc<Mutex<Vec<Peer>>> = Arc::default();
        let lab = Lab { proxy, connector: local, kit, accepted, blocks };
        let acceptor = lab.acceptor();
        lab.connector.listen("127.0.0.1", 19090, acceptor);
        lab
    }

    /// Takes connections and keeps them in [`Lab::origins`].
    pub(crate) fn acceptor(&self) -> ContRef {
        let accepted = Arc::clone(&self.accepted);
        FreeContinuation::new(move |_, event, data| {
            if let (EventCode::NET_EVENT_ACCEPT, Some(vc)) = (event, data.net_vc()) {
                accepted.lock().push(Peer::new(Arc::clone(vc)));
            }
            Outcome::Done
        })
    }

    /// A client with a connection of its own.
    pub(crate) fn client(&self) -> Peer {
        let accept = ProtocolProbeSessionAccept::new(&self.proxy);
        let core = PluginVCCore::alloc_with(&self.processor, accept, pair_options());
        core.set_active_addr("127.0.0.1:40000".parse().unwrap());
        let other = core.passive_vc().map(|vc| Arc::downgrade(&vc));
        Peer { end: testkit::Peer::new(core.connect()), other }
    }

    /// Sends a request and runs until all is quiet.
    pub(crate) fn ask(&self, request: &[u8]) -> Peer {
        let client = self.client();
        client.send(request);
        self.settle();
        client
    }

    /// The connections that origin servers have taken so far.
    pub(crate) fn origins(&self) -> Vec<Peer> {
        self.accepted.lock().clone()
    }

    #[track_caller]
    pub(crate) fn origin(&self) -> Peer {
        self.origins().last().expect("an origin server has been asked").clone()
    }

    /// Long enough for everything that does not wait for a timeout.
    pub(crate) fn settle(&self) {
        self.run_ms(50);
    }

    pub(crate) fn run_s(&self, s: i64) {
        self.thread.run_for(hrtime::seconds(s));
    }

    pub(crate) fn now(&self) -> HrTime {
        self.processor.clock().get_hrtime_updated()
    }

    pub(crate) fn census(&self) -> HttpCensus {
        self.proxy.census()
    }

    /// Closes all that is open and asserts that nothing is left: no session, no
    /// transaction, no connection, no event in a queue, no block of memory.
    #[track_caller]
    pub(crate) fn expect_nothing_left(self, peers: Vec<Peer>) {
        assert_eq!(self.what_is_left(peers), None);
    }

    /// Closes all that is open and says what is left.
    pub(crate) fn what_is_left(self, peers: Vec<Peer>) -> Option<String> {
        peers.iter().for_each(|peer| peer.close());
        // An origin server that closes without an answer may be asked once more.
        for _ in 0..8 {
            let origins = std::mem::take(&mut *self.accepted.lock());
            origins.iter().for_each(|peer| peer.close());
            self.settle();
        }
        self.proxy.pool().purge();
        // A client that has gone may only have ended its side: the proxy waits for a silent origin
        // server until its timeout.
        for _ in 0..60 {
            if self.census() == HttpCensus::default() {
                break;
            }
            self.run_s(1);
        }
        self.run_s(2);
        let census = self.census();
        if census != HttpCensus::default() {
            return Some(format!("{census:?}"));
        }
        if !self.thread.has_no_events() {
            return Some("an event".to_owned());
        }
        let blocks = self.blocks;
        self.proxy.hooks().clear();
        drop(self);
        let left = iocore::buffer::census().live - blocks;
        (left != 0).then(|| format!("{left} blocks"))
    }
}

/// Waits until the threads of a proxy have freed all transactions and pairs. Events do the last of
/// it, and a shutdown drops those.
pub(crate) fn until_freed(proxy: &HttpProxy, pairs: &PairCensus) {
    testkit::wait_for(|| proxy.census() == HttpCensus::default() && pairs.alive() == 0);
}

/// An end of a connection that a test holds: `testkit`'s, for HTTP.
#[derive(Clone)]
pub(crate) struct Peer {
    end: testkit::Peer,
    /// The other end of a client's connection.
    other: Option<Weak<PluginVC<Passive>>>,
}

impl Deref for Peer {
    type Target = testkit::Peer;

    fn deref(&self) -> &testkit::Peer {
        &self.end
    }
}

impl Peer {
    pub(crate) fn new(vc: NetVcRef) -> Peer {
        Peer { end: testkit::Peer::new(vc), other: None }
    }

    /// The received bytes as text, with a fixed date.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received()).replace("Fri, 15 Jan 2027 08:00:0", "DATE")
    }

    /// Whether the other end has closed.
    pub(crate) fn is_at_end(&self) -> bool {
        self.end().is_some()
    }

    /// Ends the write side as a socket would: the other end learns of it at once. A
    /// shutdown of a pair's end alone schedules nothing (see `PluginVC::do_io_shutdown`).
    pub(crate) fn shutdown_write(&self) {
        self.end.shutdown_write();
        if let Some(other) = self.other.as_ref().and_then(Weak::upgrade)
            && let Some(mutex) = other.vio(VioOp::Read).mutex()
        {
            other.reenable(&mutex.lock(), VioOp::Read);
        }
    }
}
