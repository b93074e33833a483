//! `atslab serve`: the HTTP state machine and its plugins on real sockets.
//!
//! ```text
//! client ══TCP══ NetVC ── HttpSM ── PluginVC pair ── plugin        (--plugin)
//! client ══TCP══ NetVC ── HttpSM ── NetVC ══TCP══ origin server    (--map, --tunnel)
//! ```

mod panics;
mod trace;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use env_logger::Env;
use eventsys::steps::Steps;
use eventsys::{Clock, ContRef, EventProcessor, Options};
use httpsm::plugins;
use httpsm::{
    HttpConfig, HttpProxy, HttpSessionAccept, NetConnector, NoOrigin, OriginConnector, UrlRewrite,
};
use iocore::NetVCOptions;
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetProcessor};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use self::panics::Panics;
use self::trace::TraceFile;
use crate::cli::ServeArgs;
use crate::error::Error;
use crate::files;
use crate::output::Output;

/// How often the end looks whether there are answers under way.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long there must have been none: a request that was sent before the signal
/// may still be on its way.
const QUIET_FOR: Duration = Duration::from_millis(50);

/// Serves until a signal comes.
pub(crate) fn serve(args: &ServeArgs, out: &mut Output) -> Result<ExitCode, Error> {
    env_logger::Builder::from_env(Env::default().default_filter_or("warn,serve=info")).init();
    files::raise_limit();
    // Before anything is open: a signal is to find somebody who ends it well.
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Error::Signals)?;
    let panics = Panics::watch(signals.handle());
    let trace = args.trace.as_deref().map(TraceFile::create).transpose()?;
    let server = Server::start(args, trace.as_ref())?;
    writeln!(out, "listening on http://{}", server.address)?;
    out.flush()?;
    let names: Vec<&str> = args.plugin.iter().map(|plugin| plugin.name()).collect();
    log::info!(
        target: "serve",
        "{} net threads, plugins [{}], {} rules",
        args.threads, names.join(", "), args.map.len()
    );
    let patience = Duration::from_secs(args.shutdown_timeout.into());
    let finished = server.run(&mut signals, &panics, patience);
    if let Some(trace) = trace {
        trace.finish()?;
    }
    if panics.any() {
        return Err(Error::ThreadPanicked);
    }
    Ok(if finished { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What serves.
struct Server {
    processor: Arc<EventProcessor>,
    net: Arc<NetProcessor>,
    proxy: Arc<HttpProxy>,
    accept: Arc<NetAcceptAction>,
    address: SocketAddr,
}

impl Server {
    fn start(args: &ServeArgs, trace: Option<&Arc<TraceFile>>) -> Result<Server, Error> {
        let steps = trace.map_or_else(Steps::none, |trace| Steps::to(trace.clone()));
        let options = Options { steps, ..Options::default() };
        let processor = EventProcessor::with_options(Clock::new_real(), options);
        // Before the threads: each gets its handler at its start.
        let net = NetProcessor::init(&processor, NetConfig::default());
        processor.spawn_event_threads("ET_NET", usize::from(args.threads));

        let (rules, connector) = rules_and_connector(args, &net);
        let mut config = HttpConfig::default();
        if !args.tunnel.is_empty() {
            config.connect_ports.clone_from(&args.tunnel);
            config.url_remap_required = false;
        }
        let proxy = HttpProxy::new(&processor, config, rules, connector);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        proxy.set_local_time(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        plugins::install(&args.plugin, &proxy);

        // As `proxy.config.net.sock_option_flag_in` is by default.
        let sockopt_flags = NetVCOptions::SOCK_OPT_NO_DELAY;
        let options = AcceptOptions { sockopt_flags, ..AcceptOptions::on(args.listen) };
        let sessions: ContRef = HttpSessionAccept::new(&proxy);
        let listening = net.accept(sessions, &options);
        let accept = listening.map_err(|source| {
            processor.shutdown();
            Error::Listen { address: args.listen, source }
        })?;
        let address = accept.local_addr().unwrap_or(args.listen);
        Ok(Server { processor, net, proxy, accept, address })
    }

    /// Serves until a signal comes, and finishes. False if another signal came or
    /// `patience` was over before all answers were out, or a thread has panicked: then
    /// nothing is finished, because the others may wait for it.
    fn run(&self, signals: &mut Signals, panics: &Panics, patience: Duration) -> bool {
        let signal = signals.forever().next().and_then(signal_name).unwrap_or("a signal");
        if panics.any() {
            return false;
        }
        self.proxy.drain();
        self.accept.cancel();
        let open = self.proxy.census().transactions;
        log::info!(target: "serve", "{signal}: ending, with {open} answers under way");
        let finished = self.finish(signals, panics, patience);
        if panics.any() {
            return false;
        }
        self.processor.shutdown();
        let stats = self.net.stats();
        log::info!(
            target: "serve",
            "ended; {} connections, {} bytes read, {} bytes written",
            stats.tcp_accept(), stats.read_bytes(), stats.write_bytes()
        );
        finished
    }

    /// An answer may wait for an origin server that says nothing, for minutes, and for a
    /// client that has gone: nobody can tell, so there is an end. Mirrors
    /// `proxy.config.stop.shutdown_timeout`, which waits as long whatever is under way.
    fn finish(&self, signals: &mut Signals, panics: &Panics, patience: Duration) -> bool {
        let began = Instant::now();
        let mut quiet_since = began;
        while quiet_since.elapsed() < QUIET_FOR {
            if panics.any() {
                return false;
            }
            let open = self.proxy.census().transactions;
            if open != 0 {
                quiet_since = Instant::now();
            }
            if open != 0 && began.elapsed() >= patience {
                log::warn!(target: "serve", "the time is up: {open} answers are cut off");
                return false;
            }
            if let Some(signal) = signals.pending().next() {
                let name = signal_name(signal).unwrap_or("a signal");
                log::warn!(target: "serve", "{name}: {open} answers are cut off");
                return open == 0;
            }
            thread::sleep(LOOK_EVERY);
        }
        true
    }
}

/// With plugins alone nobody is connected to, and everything has the target that a
/// server with `map / http://127.0.0.1/` gives it.
fn rules_and_connector(
    args: &ServeArgs,
    net: &Arc<NetProcessor>,
) -> (UrlRewrite, Arc<dyn OriginConnector>) {
    if !args.map.is_empty() || !args.tunnel.is_empty() {
        return (UrlRewrite::new(args.map.clone()), NetConnector::new(net));
    }
    let everything = "/=http://127.0.0.1/".parse();
    (UrlRewrite::new(everything.into_iter().collect()), Arc::new(NoOrigin))
}
