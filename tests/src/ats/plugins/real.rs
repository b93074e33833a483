//! A real server with a plugin and the tracer.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::answer::PluginAnswer;
use super::requests::PluginRequest;
use super::trace::Trace;
use super::tracer::{self, TRACE_FILE, Tracer};
use crate::ats::live::server::Settings;
use crate::ats::live::{LiveError, Server};
use crate::outside::{Folder, Quiet};

/// How a plugin is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placing {
    /// For all transactions: `plugin.config`.
    Global,
    /// For the rule from `/` to `http://127.0.0.1/`: `remap.config`.
    Rule,
}

/// What a run in one host gives.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// An answer for each request.
    pub answers: Vec<PluginAnswer>,
    /// The calls of the plugin.
    pub trace: Trace,
    /// The server has died; while it had this request.
    pub died_at: Option<usize>,
}

/// How long a server may take to come up, and to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a server that gives no answer may take to end.
const CRASHING: Duration = Duration::from_secs(3);

/// As [`CRASHING`], after the last answer of all.
const CRASHING_AFTER_THE_LAST: Duration = Duration::from_secs(1);

/// How long it is quiet before the trace of a run counts as complete.
const QUIET: Duration = Duration::from_millis(300);

/// Runs a plugin in a real server, with one event thread and no cache. `plugin` is the file and its
/// arguments, `others` are more plugins for all transactions, behind it.
///
/// # Errors
/// If the server does not come up.
pub fn real_run(
    server: &Server,
    tracer: &Tracer,
    placing: Placing,
    plugin: &str,
    others: &[String],
    requests: &[PluginRequest],
) -> Result<Asked, LiveError> {
    let folder =
        Folder::new("atslab-trace-").map_err(LiveError::at("a temporary folder for the trace"))?;
    let file = folder.path().join("trace");
    let settings = settings(tracer, placing, plugin, others, &file);
    let (mut process, address) = server.start_http(1, &settings)?;
    wait_for(address, &file).map_err(|last| LiveError::Server {
        release: server.release(),
        what: "does not come up with the plugin".to_owned(),
        last,
    })?;
    let mut asked = Asked::default();
    for (n, request) in requests.iter().enumerate() {
        asked.answers.push(ask(address, request));
        // One request after the other: the next one begins when the last has ended.
        wait_until_quiet(&file);
        // A server that crashes writes a report first.
        let has_no_answer = asked.answers.last().is_some_and(|answer| answer.bytes.is_empty());
        let patience = match (has_no_answer, n + 1 == requests.len()) {
            (true, _) => CRASHING,
            (false, true) => CRASHING_AFTER_THE_LAST,
            (false, false) => Duration::ZERO,
        };
        let began = Instant::now();
        let mut alive = || matches!(process.child.try_wait(), Ok(None));
        while alive() && began.elapsed() < patience {
            thread::sleep(Duration::from_millis(20));
        }
        if !alive() {
            asked.died_at = Some(n);
            break;
        }
    }
    asked.trace = read(&file);
    Ok(asked)
}

fn settings(
    tracer: &Tracer,
    placing: Placing,
    plugin: &str,
    others: &[String],
    file: &Path,
) -> Settings {
    let mut words = plugin.split_ascii_whitespace();
    let path = words.next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut plugins = String::new();
    let mut rule = "map / http://127.0.0.1/".to_owned();
    match placing {
        Placing::Global => plugins.push_str(&format!("{plugin}\n")),
        Placing::Rule => {
            rule.push_str(&format!(" @plugin={path}"));
            words.for_each(|word| rule.push_str(&format!(" @pparam={word}")));
        }
    }
    others.iter().for_each(|other| plugins.push_str(&format!("{other}\n")));
    plugins.push_str(&format!("{} {name}\n", tracer.path().display()));
    let records = "CONFIG proxy.config.http.cache.http INT 0\n\
                   CONFIG proxy.config.net.defer_accept INT 0\n\
                   CONFIG proxy.config.plugin.dynamic_reload_mode INT 0\n\
                   CONFIG proxy.config.http.transaction_no_activity_timeout_out INT 2\n\
                   CONFIG proxy.config.raw_stat_sync_interval_ms INT 1000000\n\
                   CONFIG proxy.config.url_remap.remap_required INT 1\n";
    Settings {
        records: records.to_owned(),
        remap: rule + "\n",
        plugins,
        environment: vec![(TRACE_FILE, file.display().to_string())],
    }
}

/// The tracer has found the plugin, and the port accepts connections.
fn wait_for(address: SocketAddr, file: &Path) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let ready = std::fs::read_to_string(file).is_ok_and(|text| text.starts_with('#'));
        if ready && TcpStream::connect(address).is_ok() {
            wait_until_quiet(file);
            // The calls for this connection do not count.
            return tracer::begin(file).map_err(|error| error.to_string());
        }
        if began.elapsed() > PATIENCE {
            return Err(match ready {
                true => "its port does not accept".to_owned(),
                false => "the tracer does not begin".to_owned(),
            });
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Not for ever: a plugin may have a timer that comes more often.
fn wait_until_quiet(file: &Path) {
    let mut quiet = Quiet::new(QUIET);
    let began = Instant::now();
    while !quiet.look(|| std::fs::metadata(file).map_or(0, |data| data.len()))
        && began.elapsed() < PATIENCE
    {
        thread::sleep(Duration::from_millis(20));
    }
}

fn read(file: &Path) -> Trace {
    let text = std::fs::read(file).unwrap_or_default();
    Trace::read(&String::from_utf8_lossy(&text))
}

fn ask(address: SocketAddr, request: &PluginRequest) -> PluginAnswer {
    let mut answer = PluginAnswer::default();
    let Ok(mut stream) = TcpStream::connect(address) else { return answer };
    let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
    if stream.write_all(&request.bytes()).is_err() {
        return answer;
    }
    let began = Instant::now();
    let mut piece = vec![0; 1 << 16];
    while !answer.is_complete(&request.method) && began.elapsed() < PATIENCE {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => answer.bytes.extend_from_slice(&piece[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    answer
}
