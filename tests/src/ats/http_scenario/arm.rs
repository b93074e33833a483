//! The two arms: each takes an HTTP scenario and gives what each participant has seen.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use eventsys::HrTime;
use eventsys::hrtime::SECOND;
use iocore::net::NetVcRelease;
use scenario::http::{
    CLOSED_PORT, HookOp, HttpFinish, HttpProgram, HttpRecord, HttpRecorded, HttpReport,
    HttpScenario, HttpSettings, HttpWhat, OriginBy, Thread, record_http_scenario_of,
    run_http_scenario,
};

use crate::ats::live::arm::{listen_to, status_text};
use crate::ats::live::server::{Process, Settings, free_port};
use crate::ats::live::{LiveError, Probe, Release, Server};

/// How long a server may take for a scenario, in real time. A hundred times as long as it needs:
/// only one that hangs reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// After so many scenarios a process is replaced by a new one.
const MOST_RUNS: u32 = 500;

/// True for the releases whose HTTP state machine the port mirrors: those of 9.2, by the example of
/// 9.2.9.
#[must_use]
pub fn is_mirrored(release: Release) -> bool {
    release.to_string().starts_with("9.2.")
}

/// The same for one scenario: of a NetVC alone the port mirrors 8.1, too.
#[must_use]
pub fn is_mirrored_in(release: Release, scenario: &HttpScenario) -> bool {
    is_mirrored(release) || scenario.netvc.is_some() && is_8(release)
}

fn is_8(release: Release) -> bool {
    release.to_string().starts_with("8.")
}

/// Performs `scenario` on the port.
#[must_use]
pub fn play_on_port(scenario: &HttpScenario) -> HttpReport {
    run_http_scenario(scenario)
}

/// Performs `scenario` on the port as this release does, if the port mirrors it there
/// ([`is_mirrored_in`]).
#[must_use]
pub fn record_on_port_as(scenario: &HttpScenario, release: Release) -> HttpRecorded {
    let of = if is_8(release) { NetVcRelease::V8_1 } else { NetVcRelease::V9_2 };
    record_http_scenario_of(scenario, of)
}

/// A real server, with our plugin in it. Scenarios with the same settings are performed one after the
/// other by one process; one that crashes or hangs is replaced.
#[derive(Debug)]
pub struct HttpArm {
    server: Server,
    probe: Arc<Probe>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    told: Receiver<Told>,
    of: Kind,
    origin: u16,
    runs: u32,
}

/// What a process is started with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kind {
    settings: HttpSettings,
    refuses: bool,
}

impl Kind {
    /// The origin server's port in the server's rule; the plugin listens at `open`.
    fn rule_port(self, open: u16) -> u16 {
        if self.refuses { CLOSED_PORT } else { open }
    }
}

impl HttpArm {
    /// An arm of `server`; the server is started when it is needed.
    #[must_use]
    pub fn new(server: &Server, probe: &Arc<Probe>) -> HttpArm {
        HttpArm { server: server.clone(), probe: Arc::clone(probe), running: None }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Why this server cannot perform `scenario`, if it cannot.
    #[must_use]
    pub fn why_not(&self, scenario: &HttpScenario) -> Option<&'static str> {
        // TSContScheduleOnPool is new in 9.0.
        let has_pools = !is_8(self.server.release());
        let is_task = |op: &HookOp| matches!(op, HookOp::Go(Thread::Task));
        let uses_task = scenario.hooks.iter().flat_map(|hook| &hook.ops).any(is_task);
        (uses_task && !has_pools)
            .then_some("8.1 has no TSContScheduleOnPool, which \"go task\" needs")
    }

    /// Performs `scenario`. After a crash or a hang it is performed again in a process of its own,
    /// so that no earlier scenario can be the cause.
    ///
    /// # Errors
    /// If the server does not run at all.
    pub fn play(&mut self, scenario: &HttpScenario) -> Result<HttpReport, LiveError> {
        Ok(self.record(scenario)?.report)
    }

    /// The same, with all that the plugin tells, in order. It does not tell what clients and hooks
    /// do, and of bytes not when they came: they get the time of what was told before them.
    ///
    /// # Errors
    /// As [`HttpArm::play`].
    pub fn record(&mut self, scenario: &HttpScenario) -> Result<HttpRecorded, LiveError> {
        let was_fresh = self.running.is_none();
        let recorded = self.play_once(scenario)?;
        if is_death(&recorded.report.finish) && !was_fresh {
            return self.play_once(scenario);
        }
        Ok(recorded)
    }

    fn play_once(&mut self, scenario: &HttpScenario) -> Result<HttpRecorded, LiveError> {
        let refuses = scenario.origin.by == OriginBy::Refuses;
        let of = Kind { settings: scenario.settings, refuses };
        let mut running = match self.running.take() {
            Some(running) if running.of == of => running,
            _ => self.start(of)?,
        };
        let text = HttpProgram(scenario).to_string();
        let stdin = running.process.child.stdin.as_mut();
        // If the server has gone, its silence shows it.
        let _ = stdin.map(|stdin| stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()));
        let recorded = running.listen();
        let recorded = running.name(recorded, scenario);
        running.runs += 1;
        if !is_death(&recorded.report.finish) && running.runs < MOST_RUNS {
            self.running = Some(running);
        }
        Ok(recorded)
    }

    /// Starts a server and waits until the plugin says that it is ready.
    fn start(&self, of: Kind) -> Result<Running, LiveError> {
        let origin = free_port().map_err(LiveError::at("a port for an origin server"))?;
        let netvc = free_port().map_err(LiveError::at("a port for NetVCs"))?;
        let settings = settings(of, origin, netvc);
        let threads = of.settings.threads;
        let mut process =
            self.server.start_http_scenarios(&self.probe.path(), threads, &settings)?;
        let stderr = process.child.stderr.take();
        let stderr = stderr.ok_or_else(|| self.silent("has no standard error", ""))?;
        let (last, told) = listen_to(stderr, Told::read);
        let mut running = Running { process, told, of, origin, runs: 0 };
        match running.listen().report.finish {
            HttpFinish::Quiet => Ok(running),
            HttpFinish::Hung => Err(self.silent("does not come up", &last())),
            HttpFinish::TimeIsUp => Err(self.silent("begins in an odd way", &last())),
            HttpFinish::Crashed(_) => Err(self.silent("ends at once", &last())),
        }
    }

    fn silent(&self, what: &str, last: &str) -> LiveError {
        let (release, what) = (self.server.release(), what.to_owned());
        LiveError::Server { release, what, last: last.to_owned() }
    }
}

fn is_death(finish: &HttpFinish) -> bool {
    matches!(finish, HttpFinish::Crashed(_) | HttpFinish::Hung)
}

fn settings(of: Kind, origin: u16, netvc: u16) -> Settings {
    let HttpSettings { client_timeout, origin_timeout, first_byte_timeout, .. } = of.settings;
    let HttpSettings { keep_alive_timeout, active_timeout, water_mark, .. } = of.settings;
    let default_inactivity_timeout = of.settings.default_inactivity_timeout / SECOND;
    let http = "CONFIG proxy.config.http";
    let mut records = format!(
        "{http}.transaction_no_activity_timeout_in INT {}\n\
         {http}.transaction_no_activity_timeout_out INT {}\n\
         {http}.accept_no_activity_timeout INT {}\n\
         {http}.keep_alive_no_activity_timeout_in INT {}\n\
         {http}.transaction_active_timeout_in INT {}\n\
         {http}.default_buffer_water_mark INT {water_mark}\n\
         {http}.down_server.cache_time INT 1\n\
         CONFIG proxy.config.net.defer_accept INT 0\n\
         CONFIG proxy.config.net.default_inactivity_timeout INT {default_inactivity_timeout}\n\
         CONFIG proxy.config.accept_threads INT 0\n",
        client_timeout / SECOND,
        origin_timeout / SECOND,
        first_byte_timeout / SECOND,
        keep_alive_timeout / SECOND,
        active_timeout / SECOND,
    );
    if let Some((high, low)) = of.settings.flow_control {
        records += &format!(
            "{http}.flow_control.enabled INT 1\n\
             {http}.flow_control.high_water INT {high}\n\
             {http}.flow_control.low_water INT {low}\n"
        );
    }
    let port = of.rule_port(origin);
    Settings {
        records,
        remap: format!("map / http://127.0.0.1:{port}/\n"),
        environment: vec![
            ("ATSLAB_ORIGIN", origin.to_string()),
            ("ATSLAB_NETVC", netvc.to_string()),
        ],
        ..Settings::default()
    }
}

impl Running {
    /// Listens until the run or the server ends.
    fn listen(&mut self) -> HttpRecorded {
        let HttpRecorded { mut records, mut report } = HttpRecorded::default();
        let (mut assertion, mut now) = (None, 0);
        let record = |at, who, what| HttpRecord { at, thread: None, who, what };
        report.finish = loop {
            match self.told.recv_timeout(PATIENCE) {
                Ok(Told::Event(at, who, what)) => {
                    now = at.max(now);
                    records.push(record(now, who.clone(), HttpWhat::Event(what.clone())));
                    report.actor(&who).events.push((at, what));
                }
                Ok(Told::Bytes(who, bytes)) => {
                    note_bytes(&mut records, &who, bytes.len(), now);
                    report.actor(&who).bytes.extend(bytes);
                }
                Ok(Told::Over(why)) if why == "time" => break HttpFinish::TimeIsUp,
                Ok(Told::Over(_)) => break HttpFinish::Quiet,
                Ok(Told::Assertion(text)) => assertion = Some(text),
                Err(RecvTimeoutError::Timeout) => break HttpFinish::Hung,
                Err(RecvTimeoutError::Disconnected) => break self.crashed(assertion),
            }
        };
        HttpRecorded { records, report }
    }

    fn crashed(&mut self, assertion: Option<String>) -> HttpFinish {
        HttpFinish::Crashed(match (assertion, self.process.child.wait()) {
            (Some(text), _) => format!("failed assertion `{text}`"),
            (None, Ok(status)) => status_text(status),
            (None, Err(error)) => error.to_string(),
        })
    }

    /// Gives the clients their names.
    fn name(&self, recorded: HttpRecorded, scenario: &HttpScenario) -> HttpRecorded {
        let HttpRecorded { mut records, mut report } = recorded;
        let names = report.actors.iter_mut().map(|actor| &mut actor.name);
        for name in names.chain(records.iter_mut().map(|record| &mut record.who)) {
            let number = name.strip_prefix('c').and_then(|number| number.parse().ok());
            let client = number.and_then(|number: usize| scenario.clients.get(number));
            if let Some(client) = client {
                *name = client.actor();
            }
        }
        let mut recorded = HttpRecorded::new(records, report);
        recorded.mask_origin(self.of.rule_port(self.origin));
        recorded
    }
}

/// So many bytes have come to `who`. The plugin tells a piece as several, the equal bytes apart.
fn note_bytes(records: &mut Vec<HttpRecord>, who: &str, more: usize, at: HrTime) {
    match records.last_mut() {
        Some(HttpRecord { who: last, what: HttpWhat::Gets { bytes, .. }, .. }) if last == who => {
            *bytes += more;
        }
        // An empty piece only says that the participant is there.
        _ if more > 0 => {
            let what = HttpWhat::Gets { bytes: more, heads: Vec::new() };
            records.push(HttpRecord { at, thread: None, who: who.to_owned(), what });
        }
        _ => {}
    }
}

/// A line of the plugin, or of the server.
#[derive(PartialEq, Eq, Debug)]
enum Told {
    Event(i64, String, String),
    Bytes(String, Vec<u8>),
    Over(String),
    Assertion(String),
}

impl Told {
    fn read(line: &str) -> Option<Told> {
        if let Some((_, text)) = line.split_once("failed assertion `") {
            return Some(Told::Assertion(text.trim_end_matches(['`', '\'']).to_owned()));
        }
        let (word, rest) = line.strip_prefix("atslab ")?.split_once(' ')?;
        if word == "over" {
            return Some(Told::Over(rest.to_owned()));
        }
        let (who, what) = rest.split_once('\t')?;
        match word {
            "e" => {
                let (at, who) = who.split_once(' ')?;
                Some(Told::Event(at.parse().ok()?, who.to_owned(), what.to_owned()))
            }
            "b" => {
                let pairs = what
                    .as_bytes()
                    .chunks(2)
                    .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
                Some(Told::Bytes(who.to_owned(), pairs.collect::<Option<_>>()?))
            }
            "x" => Some(Told::Bytes(who.to_owned(), vec![b'x'; what.parse().ok()?])),
            _ => None,
        }
    }
}
