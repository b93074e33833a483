//! `atslab serve`: the HTTP state machine and its plugins on real sockets.
//!
//! ```text
//! client ══TCP══ NetVC ── HttpSM ── PluginVC pair ── plugin        (--plugin)
//! client ══TCP══ NetVC ── HttpSM ── NetVC ══TCP══ origin server    (--map, --tunnel)
//! ```

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod compiled;
mod trace;

use std::ffi::c_int;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use conformance::outside::Quiet;
use env_logger::Env;
use eventsys::steps::Steps;
use httpsm::plugins::Plugin;
use httpsm::{HttpConfig, Mapping, Server, ServerOptions};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use self::trace::TraceFile;
use crate::error::Error;
use crate::files;
use crate::servers::FolderArg;
use crate::ui::output::Output;

/// The arguments of `atslab serve`.
#[derive(Debug, Args)]
#[command(
    after_help = SERVE_EXAMPLES,
    group = which_answers(),
    group = compiled_plugins(),
    mut_arg("servers", |arg| arg.requires("compiled"))
)]
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

    /// Load this compiled plugin, for all transactions; may be repeated
    #[arg(long, value_name = "PATH ARGS")]
    pub plugin_so: Vec<String>,

    /// Take the rules from this file, with their compiled plugins
    #[arg(long, value_name = "FILE", conflicts_with_all = ["map", "plugin", "tunnel"])]
    pub remap_config: Option<PathBuf>,

    /// The folder that compiled plugins get as the server's configuration
    #[arg(long, value_name = "FOLDER", default_value = ".", requires = "compiled")]
    pub config_dir: PathBuf,

    #[command(flatten)]
    pub servers: FolderArg,

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
Of other paths, echo takes what has a body.

FROM is a URL, or a path for every host; TO is a URL; both with http, because there
is no TLS. The longest FROM counts; a request that no rule matches is answered with
404. Without --map and --tunnel only plugins answer, and other requests are answered
with 404 and the known paths. With --tunnel it is a forward proxy: a request that no
rule matches goes where its URL says.

A compiled plugin is the .so file that the real server loads; a name without a folder
is one of its own plugins. A line of --remap-config is
  map FROM TO @plugin=FILE @pparam=ARGUMENT
A plugin that crashes ends the process, as it ends the real server.

The first line of standard output says where it listens. On SIGINT or SIGTERM it
stops listening, finishes the answers under way, and ends. --shutdown-timeout or a
second signal cuts off the answers that are not finished. A client that has gone
counts as one that waits, because the server does not notice it before it writes the
answer. RUST_LOG chooses what is logged.

Examples:
  atslab serve --plugin generator
  atslab serve --plugin echo --plugin generator --threads 2
  atslab serve --map /=http://127.0.0.1:3000/
  atslab serve --plugin-so generator.so
  atslab serve --tunnel 443            with curl: curl -x 127.0.0.1:8080 https://…
  atslab serve --plugin fetcher --plugin generator --trace steps.jsonl

Exit status: 0 if it has ended after a signal, 1 if answers were cut off by a
second signal or the timeout, 2 on errors, also if a handler has panicked.";

fn plugins() -> impl TypedValueParser<Value = Plugin> {
    PossibleValuesParser::new(Plugin::ALL.iter().map(|plugin| plugin.name()))
        .map(|name| Plugin::from_name(&name).unwrap_or(Plugin::Generator))
}

/// The arguments by which compiled plugins are loaded.
fn compiled_plugins() -> ArgGroup {
    ArgGroup::new("compiled").args(["plugin_so", "remap_config"]).multiple(true)
}

/// Without any of them, there would be nothing to serve.
fn which_answers() -> ArgGroup {
    ArgGroup::new("answers")
        .args(["plugin", "plugin_so", "remap_config", "map", "tunnel"])
        .required(true)
        .multiple(true)
}

/// The time between two checks at the end whether answers are under way.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long there must have been none: a request that was sent before the signal
/// may still be on its way.
const QUIET_FOR: Duration = Duration::from_millis(50);

/// Serves until a signal comes.
pub(crate) fn serve(args: &ServeArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let filter = Env::default().default_filter_or("warn,serve=info");
    env_logger::Builder::from_env(filter).format(crate::ui::log::line).init();
    files::raise_limit();
    // Before anything is open: a signal must not end the process any more.
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Error::Signals)?;
    let trace = args.trace.as_deref().map(TraceFile::create).transpose()?;
    let options = options(args, trace.as_ref());
    let server = start(args, options)?;
    writeln!(out, "listening on http://{}", server.address())?;
    out.flush()?;
    let names: Vec<&str> = args.plugin.iter().map(|plugin| plugin.name()).collect();
    log::info!(
        target: "serve",
        "{} net threads, plugins [{}], {} rules",
        args.threads, names.join(", "), args.map.len()
    );
    let patience = Duration::from_secs(args.shutdown_timeout.into());
    let finished = serve_until_a_signal(&server, &mut signals, patience);
    if let Some(trace) = trace {
        trace.finish()?;
    }
    if server.handler_panic().is_some() {
        return Err(Error::ThreadPanicked);
    }
    let stats = server.net_processor().stats();
    log::info!(
        target: "serve",
        "ended; {} connections, {} bytes read, {} bytes written",
        stats.tcp_accept(), stats.read_bytes(), stats.write_bytes()
    );
    Ok(if finished { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn start(args: &ServeArgs, options: ServerOptions) -> Result<Server, Error> {
    compiled::start(args, options)
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn start(args: &ServeArgs, options: ServerOptions) -> Result<Server, Error> {
    if !args.plugin_so.is_empty() || args.remap_config.is_some() {
        return Err(Error::NoPlugins);
    }
    let address = options.listen;
    Server::start(options).map_err(|source| Error::Listen { address, source })
}

fn options(args: &ServeArgs, trace: Option<&Arc<TraceFile>>) -> ServerOptions {
    let mut http = HttpConfig::default();
    if !args.tunnel.is_empty() {
        http.connect_ports.clone_from(&args.tunnel);
        http.url_remap_required = false;
    }
    ServerOptions {
        listen: args.listen,
        threads: usize::from(args.threads),
        plugins: args.plugin.clone(),
        // A compiled plugin may answer any path.
        own_paths_only: args.plugin_so.is_empty() && args.remap_config.is_none(),
        maps: match args.remap_config {
            // Its rules replace this one, before the first request.
            Some(_) => "/=http://127.0.0.1/".parse().into_iter().collect(),
            None => args.map.clone(),
        },
        http,
        steps: trace.map_or_else(Steps::none, |trace| Steps::to(trace.clone())),
        ..ServerOptions::default()
    }
}

/// Waits for a signal, then for the answers under way, and shuts the server down. False
/// if answers are cut off: by another signal, because `patience` is over, or because a
/// handler has panicked.
fn serve_until_a_signal(server: &Server, signals: &mut Signals, patience: Duration) -> bool {
    let handle = signals.handle();
    thread::scope(|scope| {
        scope.spawn(|| {
            // By the call below, or by a panic.
            server.wait_for_shutdown();
            handle.close();
        });
        let finished = match signals.forever().next() {
            Some(signal) => finish(server, signal, signals, patience),
            None => false,
        };
        server.shutdown();
        finished
    })
}

/// Waits until the answers under way are out; false if some are cut off. An answer may
/// wait for minutes, for a silent origin server or a client that has gone, so the wait
/// has an end. Mirrors `proxy.config.stop.shutdown_timeout`, which waits as long whatever
/// is under way.
fn finish(server: &Server, signal: c_int, signals: &mut Signals, patience: Duration) -> bool {
    server.drain();
    let open = server.proxy().census().transactions;
    let name = signal_name(signal).unwrap_or("a signal");
    log::info!(target: "serve", "{name}: ending, with {open} answers under way");
    let began = Instant::now();
    let mut quiet = Quiet::new(QUIET_FOR);
    loop {
        if server.handler_panic().is_some() {
            return false;
        }
        let mut open = 0;
        let is_quiet = quiet.look(|| {
            open = server.proxy().census().transactions;
            open
        });
        if is_quiet && open == 0 {
            return true;
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
}
