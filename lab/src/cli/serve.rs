//! The arguments of `atslab serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use httpsm::Mapping;
use httpsm::plugins::Plugin;

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
