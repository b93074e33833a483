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
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use env_logger::Env;
use eventsys::steps::Steps;
use eventsys::{Clock, ContRef, EventProcessor, Options};
use httpsm::Mapping;
use httpsm::plugins;
use httpsm::plugins::Plugin;
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
use crate::error::Error;
use crate::files;
use crate::ui::output::Output;

/// The arguments of `atslab serve`.
#[derive(Debug, Args)]
#[command(after_help = SERVE_EXAMPLES, group = who_answers())]
#[group(skip)]
pub(crate) struct ServeArgs {
    /// Listen here; port 0 leaves the port to the system
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// How many net threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,

    /// Have this plugin answer; may be repeated
    #[arg(long, value_name = "NAME", value_parser = plugins())]
    pub plugin: Vec<Plugin>,

    /// Send what begins with FROM to the origin server TO; may be repeated
    #[arg(long, value_name = "FROM=TO")]
    pub map: Vec<Mapping>,

    /// Let CONNECT open tunnels to this port, and forward requests that no rule matches; may be repeated
    #[arg(long, value_name = "PORT")]
    pub tunnel: Vec<u16>,

    /// How long a signal leaves the answers under way to come to their end; 0 cuts them off
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub shutdown_timeout: u32,

    /// Write the steps to this file, a JSON object a line
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

const SERVE_EXAMPLES: &str = "\
Plugins answer in place of the origin server, at the other end of a PluginVC
pair:
  generator  /nocache/SIZE/NAME: SIZE bytes
  echo       /echo: the body of the request, up to 16 MiB
  fetcher    /fetch/PATH: requests /PATH by itself, and tells what came
  slow       /slow/SIZE/MILLISECONDS: SIZE bytes, one each MILLISECONDS
  broken     /broken/HOW: an answer that breaks off
Of other paths, echo takes what has a body, and generator the rest: as the real
one it leaves a request that it does not understand without an answer, until the
proxy says 504, 30 seconds later.

FROM is a URL, or a path for every host; TO is a URL. The longest FROM counts,
and what no rule matches is answered with 404. Without --map only plugins
answer, and what none of them knows is answered with 502. With --tunnel it is a
forward proxy: what no rule matches goes where the request says.

The first line of standard output says where it listens. On SIGINT or SIGTERM it
listens no more, finishes the answers under way, and ends; what is not finished
after --shutdown-timeout is cut off, and so is all of it by a second signal. A
client that has gone counts as one that waits: whether it has is not known before
its answer is written. RUST_LOG chooses what is logged.

Examples:
  atslab serve --plugin generator
  atslab serve --plugin echo --plugin generator --threads 2
  atslab serve --map /=http://127.0.0.1:3000/
  atslab serve --tunnel 443            with curl: curl -x 127.0.0.1:8080 https://…
  atslab serve --plugin fetcher --plugin generator --trace steps.jsonl

Exit status: 0 if it has ended after a signal, 1 if answers were cut off by a
second signal or the timeout, 2 on errors, to which belongs that a handler has
panicked.";

fn plugins() -> impl TypedValueParser<Value = Plugin> {
    PossibleValuesParser::new(Plugin::ALL.iter().map(|plugin| plugin.name()))
        .map(|name| Plugin::from_name(&name).unwrap_or(Plugin::Generator))
}

/// With neither, there would be nothing to serve.
fn who_answers() -> ArgGroup {
    ArgGroup::new("who").args(["plugin", "map", "tunnel"]).required(true).multiple(true)
}

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
