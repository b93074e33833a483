//! [`Server`]: a proxy that listens on a socket, with threads of its own.
//!
//! Stands for the start of `traffic_server` (`src/traffic_server/traffic_server.cc`,
//! 9.2.9): event processor, net processor, configuration, rules, plugins, and only then
//! the socket.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use eventsys::steps::Steps;
use eventsys::{Clock, EventProcessor, HandlerPanic, Options};
use iocore::NetVCOptions;
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetProcessor};

use crate::config::HttpConfig;
use crate::connector::{NoOrigin, OriginConnector};
use crate::net_connector::NetConnector;
use crate::plugins::{self, Plugin, Rest};
use crate::probe::ProtocolProbeSessionAccept;
use crate::proxy::HttpProxy;
use crate::remap::{Mapping, UrlRewrite};

/// Options of a [`Server`]. By default it listens on a free port of the loopback address,
/// has one net thread, no plugin and no rule, and has no listener to its steps.
///
/// ```
/// use httpsm::{HttpConfig, ServerOptions};
/// use iocore::net::NetConfig;
///
/// // A forward proxy on two threads that takes 100 connections at most.
/// let options = ServerOptions {
///     listen: "127.0.0.1:8080".parse().unwrap(),
///     threads: 2,
///     http: HttpConfig { url_remap_required: false, ..HttpConfig::default() },
///     net: NetConfig { max_connections_in: 100, ..NetConfig::default() },
///     ..ServerOptions::default()
/// };
/// # assert!(options.plugins.is_empty() && options.maps.is_empty());
/// ```
pub struct ServerOptions {
    /// Where to listen; port 0 leaves the port to the system.
    pub listen: SocketAddr,
    /// How many net threads. `proxy.config.exec_thread.limit`.
    pub threads: usize,
    /// The plugins that answer in place of an origin server: see [`plugins::install`].
    pub plugins: Vec<Plugin>,
    /// The plugins answer only requests that they claim. The rest goes where the rules say, or, if
    /// only plugins answer, gets a 404. Otherwise see [`Rest::Generator`].
    pub own_paths_only: bool,
    /// The rules. Without a rule, and if `http.url_remap_required` is true, only plugins answer:
    /// every request is for `http://127.0.0.1/`, and the proxy never connects to an origin server.
    pub maps: Vec<Mapping>,
    /// The HTTP settings.
    pub http: HttpConfig,
    /// The settings of connections, with their limits.
    pub net: NetConfig,
    /// The clock of timeouts. Clients outside of the process live in real time, so a virtual clock
    /// is useful only without timeouts.
    pub clock: Arc<Clock>,
    /// The time of day when the server starts, for the dates in heads.
    pub local_time: SystemTime,
    /// The listener to the steps.
    pub steps: Steps,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            threads: 1,
            plugins: Vec::new(),
            own_paths_only: false,
            maps: Vec::new(),
            http: HttpConfig::default(),
            net: NetConfig::default(),
            clock: Clock::new_real(),
            local_time: SystemTime::now(),
            steps: Steps::none(),
        }
    }
}

/// A proxy that listens on a socket and serves on threads of its own, until
/// [`Server::shutdown`] is called or the value is dropped.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use httpsm::plugins::Plugin;
/// use httpsm::{Server, ServerOptions};
///
/// let plugins = vec![Plugin::Generator];
/// let server = Server::start(ServerOptions { plugins, ..ServerOptions::default() })?;
/// let mut client = TcpStream::connect(server.address())?;
/// client.write_all(b"GET /nocache/5/x HTTP/1.0\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
/// assert!(answer.ends_with("\r\n\r\nxxxxx"), "{answer}");
/// server.shutdown();
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Its end
/// [`Server::shutdown`] cuts off what is under way. To end well, call [`Server::drain`],
/// wait until the [census](HttpProxy::census) of [`Server::proxy`] shows no transaction,
/// and then shut down.
///
/// A handler that panics ends the whole server, as a failed assertion ends the real one:
/// [`Server::wait_for_shutdown`] returns, and [`Server::handler_panic`] tells the reason.
pub struct Server {
    processor: Arc<EventProcessor>,
    net: Arc<NetProcessor>,
    proxy: Arc<HttpProxy>,
    accept: Arc<NetAcceptAction>,
    address: SocketAddr,
}

impl Server {
    /// Starts a server. When this returns, clients can connect.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    ///
    /// # Panics
    /// If the number of threads is 0 or above [`MAX_EVENT_THREADS`](eventsys::MAX_EVENT_THREADS),
    /// or if the system gives no thread.
    pub fn start(options: ServerOptions) -> io::Result<Server> {
        Server::start_with(options, |_| Ok(()))
    }

    /// As [`Server::start`]; `prepare` gets the proxy when its threads run, before it listens. It adds
    /// plugins and rules of its own.
    ///
    /// # Errors
    /// Also the error of `prepare`.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn start_with(
        options: ServerOptions,
        prepare: impl FnOnce(&Arc<HttpProxy>) -> io::Result<()>,
    ) -> io::Result<Server> {
        let ServerOptions { listen, threads, plugins, own_paths_only, maps, http, .. } = options;
        let ServerOptions { net, clock, local_time, steps, .. } = options;
        let options = Options { steps, ..Options::default() };
        let processor = EventProcessor::with_options(clock, options);
        // Before the threads: each gets its handler at its start.
        let net = NetProcessor::init(&processor, net);
        processor.spawn_event_threads("ET_NET", threads);

        let rest = match own_paths_only {
            false => Rest::Generator,
            true if has_origins(&maps, &http) => Rest::Origin,
            true => Rest::NotFound,
        };
        let (rules, connector) = rules_and_connector(maps, &http, &net);
        let proxy = HttpProxy::new(&processor, http, rules, connector);
        let now = local_time.duration_since(UNIX_EPOCH).unwrap_or_default();
        proxy.set_local_time(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        plugins::install_with(&plugins, rest, &proxy);

        // The default of `proxy.config.net.sock_option_flag_in`.
        let sockopt_flags = NetVCOptions::SOCK_OPT_NO_DELAY;
        let options = AcceptOptions { sockopt_flags, ..AcceptOptions::on(listen) };
        let accept = prepare(&proxy)
            .and_then(|()| net.accept(ProtocolProbeSessionAccept::new(&proxy), &options));
        match accept {
            Ok(accept) => {
                let address = accept.local_addr().unwrap_or(listen);
                Ok(Server { processor, net, proxy, accept, address })
            }
            Err(error) => {
                processor.shutdown();
                Err(error)
            }
        }
    }

    /// Where it listens, with the port that the system has chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The proxy: its hooks, its rules, its census.
    #[must_use]
    pub fn proxy(&self) -> &Arc<HttpProxy> {
        &self.proxy
    }

    /// The net processor: its statistics, and connections to elsewhere.
    #[must_use]
    pub fn net_processor(&self) -> &Arc<NetProcessor> {
        &self.net
    }

    /// The event processor, whose threads are those of the server.
    #[must_use]
    pub fn event_processor(&self) -> &Arc<EventProcessor> {
        &self.processor
    }

    /// Stops listening. Open connections stay open.
    pub fn stop_listening(&self) {
        self.accept.cancel();
    }

    /// Stops listening, and closes each open connection after its next answer: see
    /// [`HttpProxy::drain`].
    pub fn drain(&self) {
        self.proxy.drain();
        self.stop_listening();
    }

    /// Waits until another thread shuts the server down, or a handler panics. See
    /// [`EventProcessor::wait_for_shutdown`].
    pub fn wait_for_shutdown(&self) {
        self.processor.wait_for_shutdown();
    }

    /// The panic that has ended the server, if one has.
    #[must_use]
    pub fn handler_panic(&self) -> Option<&HandlerPanic> {
        self.processor.handler_panic()
    }

    /// Ends the server; what is under way is cut off. When this returns, its threads have
    /// ended. See [`EventProcessor::shutdown`].
    pub fn shutdown(&self) {
        self.stop_listening();
        self.processor.shutdown();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// True if a request can reach an origin server.
fn has_origins(maps: &[Mapping], http: &HttpConfig) -> bool {
    !maps.is_empty() || !http.url_remap_required
}

fn rules_and_connector(
    mut maps: Vec<Mapping>,
    http: &HttpConfig,
    net: &Arc<NetProcessor>,
) -> (UrlRewrite, Arc<dyn OriginConnector>) {
    if has_origins(&maps, http) {
        return (UrlRewrite::new(maps), NetConnector::new(net));
    }
    // The target that a server with `map / http://127.0.0.1/` gives to everything.
    maps.extend("/=http://127.0.0.1/".parse::<Mapping>());
    (UrlRewrite::new(maps), Arc::new(NoOrigin))
}
