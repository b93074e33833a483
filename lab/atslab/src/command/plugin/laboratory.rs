//! A proxy with plugins in virtual time, and a client that asks it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use conformance::ats::plugins::{Placing, PluginAnswer, PluginRequest};
use eventsys::hrtime::{MSECOND, seconds};
use eventsys::{
    AdoptedThread, Clock, EventCode, EventProcessor, FreeContinuation, HrTime, Outcome,
};
use httpsm::hooks::HttpHook;
use httpsm::{
    HttpConfig, HttpData, HttpEvents, HttpProxy, Mapping, NoOrigin, ProtocolProbeSessionAccept,
    UrlRewrite,
};
use iocore::NetVCOptions;
use iocore::net::{AcceptOptions, NetConfig, NetProcessor};
use pluginvc::PluginVCCore;
use testkit::Peer;
use tsapi::{HostOptions, LoadError, Plugin};

/// What the laboratory is made of.
pub(crate) struct Parts {
    /// The plugin.
    pub(crate) plugin: Plugin,
    /// How it is used.
    pub(crate) placing: Placing,
    /// More plugins, for all transactions.
    pub(crate) others: Vec<Plugin>,
    /// The folder of configuration.
    pub(crate) config_dir: PathBuf,
    /// What the client's connection is.
    pub(crate) client: Client,
    /// End at the first finding.
    pub(crate) strict: bool,
    /// Called when the run cannot go on.
    pub(crate) at_the_end: Box<dyn Fn(&str) + Send + Sync>,
}

/// What the client's connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Client {
    /// One end of a pair: no kernel takes part, so each run is the same to the nanosecond.
    Pair,
    /// A socket, as in the real server of a comparison. A pair signals its writer once more for each
    /// look of its reader, and a plugin that waits to write sees that.
    Socket,
}

/// A proxy with its plugins.
pub(crate) struct Laboratory {
    processor: Arc<EventProcessor>,
    proxy: Arc<HttpProxy>,
    /// Where the proxy listens, if clients are sockets.
    address: Option<SocketAddr>,
    thread: AdoptedThread,
    announced: Announced,
}

/// The Content-Length of the last answer that the proxy has got, from a plugin or an origin server.
type Announced = Arc<Mutex<Option<i64>>>;

/// The virtual time of day at the start: a day in November 2023.
const START: i64 = 1_700_000_000;

/// How long an answer may take, in virtual time.
const PATIENCE: HrTime = seconds(300);

/// How long a run goes on behind an answer, in virtual time: what plugins do at the end of a
/// transaction is done then.
const BEHIND: HrTime = seconds(1);

impl Laboratory {
    /// Makes a proxy without a cache and without origin servers, as the real server of a comparison,
    /// and loads the plugins.
    ///
    /// # Errors
    /// A sentence, if a plugin cannot be loaded or refuses.
    pub(crate) fn start(parts: Parts) -> Result<Laboratory, String> {
        let says = |error: LoadError| error.to_string();
        let processor = EventProcessor::new(Clock::new_virtual());
        // Before the thread: it gets its net handler when it is adopted.
        let net = match parts.client {
            Client::Pair => None,
            Client::Socket => Some(NetProcessor::init(&processor, NetConfig::default())),
        };
        let thread = processor.adopt_current_thread("ET_NET");
        let config = HttpConfig {
            cache_http: false,
            // As the real server of a comparison: a plugin that never answers is not waited for long.
            transaction_no_activity_timeout_out: seconds(2),
            ..HttpConfig::default()
        };
        let none = UrlRewrite::default();
        let proxy = HttpProxy::new(&processor, config, none, Arc::new(NoOrigin));
        proxy.set_local_time(START);
        tsapi::start(HostOptions {
            proxy: proxy.clone(),
            task_threads: None,
            config_dir: parts.config_dir,
            // Not during a run, as in the real server of a comparison.
            stat_sync: seconds(1000),
            strict: parts.strict,
            at_the_end: parts.at_the_end,
        });
        let (from, to) = ("/", "http://127.0.0.1/");
        let mut rule: Mapping = format!("{from}={to}").parse().expect("a rule");
        if parts.placing == Placing::Global {
            tsapi::load(&parts.plugin).map_err(says)?;
        }
        for other in &parts.others {
            tsapi::load(other).map_err(says)?;
        }
        // The rules are read after `plugin.config`.
        if parts.placing == Placing::Rule {
            rule = rule.with_plugin(tsapi::remap_plugin(&parts.plugin, from, to).map_err(says)?);
        }
        proxy.set_remap(UrlRewrite::new(vec![rule]));
        let address = match net {
            Some(net) => Some(listen(&net, &proxy).map_err(|error| error.to_string())?),
            None => None,
        };
        tsapi::ports_are_ready();
        let announced = listen_for_lengths(&proxy);
        Ok(Laboratory { processor, proxy, address, thread, announced })
    }

    /// How many bytes of a body the answer announces. If the client has got no head, the one that the
    /// proxy has got counts: the proxy gives nothing on of an answer that ends too soon for it.
    pub(crate) fn announced(&self, request: &PluginRequest, answer: &PluginAnswer) -> Option<i64> {
        let of_proxy = self.announced.lock().unwrap_or_else(PoisonError::into_inner).take();
        match answer.status() {
            0 => of_proxy.filter(|_| request.method != "HEAD"),
            _ => answer.announced(&request.method),
        }
    }

    /// Lets time go by: what plugins do by themselves at the start is done then.
    pub(crate) fn settle(&self) {
        self.thread.run_for(BEHIND);
    }

    /// Sends a request on a connection of its own; the answer, and how long it took in virtual time.
    pub(crate) fn ask(&self, request: &PluginRequest) -> (PluginAnswer, HrTime) {
        match self.address {
            Some(address) => self.ask_by_socket(address, request),
            None => self.ask_by_pair(request),
        }
    }

    fn ask_by_pair(&self, request: &PluginRequest) -> (PluginAnswer, HrTime) {
        let accept = ProtocolProbeSessionAccept::new(&self.proxy);
        let options = self.proxy.plugin_vc_options();
        let core = PluginVCCore::alloc_with(&self.processor, accept, options);
        core.set_active_addr(([127, 0, 0, 1], 40000).into());
        let client = Peer::new(core.connect());
        let began = self.now();
        client.send(&request.bytes());
        let mut answer = PluginAnswer::default();
        loop {
            self.thread.run_pass();
            answer.bytes = client.received();
            let done = client.end().is_some() || answer.is_complete(&request.method);
            if done || self.now() - began > PATIENCE {
                break;
            }
        }
        let took = self.now() - began;
        client.close();
        self.thread.run_for(BEHIND);
        (answer, took)
    }

    fn ask_by_socket(
        &self,
        address: SocketAddr,
        request: &PluginRequest,
    ) -> (PluginAnswer, HrTime) {
        let began = self.now();
        let mut answer = PluginAnswer::default();
        let connected = TcpStream::connect(address).and_then(|mut client| {
            client.write_all(&request.bytes())?;
            client.set_nonblocking(true)?;
            Ok(client)
        });
        let Ok(mut client) = connected else { return (answer, 0) };
        let mut piece = vec![0; 1 << 16];
        loop {
            self.thread.run_pass();
            let at_end = loop {
                match client.read(&mut piece) {
                    Ok(0) => break true,
                    Ok(n) => answer.bytes.extend_from_slice(&piece[..n]),
                    Err(error) => break error.kind() != ErrorKind::WouldBlock,
                }
            };
            if at_end || answer.is_complete(&request.method) || self.now() - began > PATIENCE {
                break;
            }
        }
        let took = self.now() - began;
        drop(client);
        self.thread.run_for(BEHIND);
        (answer, took)
    }

    fn now(&self) -> HrTime {
        self.processor.clock().get_hrtime_updated()
    }
}

/// Has the proxy note at the end of each transaction what its answer has announced.
fn listen_for_lengths(proxy: &HttpProxy) -> Announced {
    let announced = Announced::default();
    let noted = Arc::clone(&announced);
    let hook = FreeContinuation::new(move |_, _, data| {
        if let Some(txn) = data.txn() {
            let length = txn.with_server_response(|head| {
                let has_come = head.status != 0;
                has_come.then(|| head.fields.value_get_int64("Content-Length")).flatten()
            });
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = length;
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        Outcome::Done
    });
    proxy.hooks().add(HttpHook::TxnClose, hook);
    announced
}

/// Has the proxy take connections on a free port of the loopback address.
fn listen(net: &Arc<NetProcessor>, proxy: &Arc<HttpProxy>) -> io::Result<SocketAddr> {
    // The default of `proxy.config.net.sock_option_flag_in`.
    let sockopt_flags = NetVCOptions::SOCK_OPT_NO_DELAY;
    let options = AcceptOptions { localhost_only: true, sockopt_flags, ..AcceptOptions::default() };
    let accept = net.accept(ProtocolProbeSessionAccept::new(proxy), &options)?;
    accept.local_addr().ok_or_else(|| io::Error::other("a socket that listens has no address"))
}

/// A span of virtual time, for people.
pub(crate) fn in_ms(span: HrTime) -> String {
    format!("{} ms", span / MSECOND)
}
