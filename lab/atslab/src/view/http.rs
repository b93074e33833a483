//! Scenes of HTTP scenarios: clients, the proxy, the plugin with its hooks, and the connections of
//! the origin server.
//!
//! What a participant does leads from its lane to the proxy's; bytes and events lead from there to
//! the participant. A chart counts the bytes that have come to each.

use conformance::ats::http_scenario::{HttpArm, http_differ};
use conformance::ats::live::LiveError;
use conformance::ats::scenario::http::{
    HookOp, HttpOp, HttpRecord, HttpRecorded, HttpReport, HttpScenario, HttpWhat, When,
    http_findings, http_story, record_http_scenario,
};
use conformance::ats::scenario::{Line, Op};

use super::http_places::HttpPlaces;
use super::kinds::{Kind, Shape};
use super::model::{Buffer, Lane, Row, Run, Scene};

const fn kind(name: &'static str, shape: Shape, mirrors: &'static str, page: &'static str) -> Kind {
    Kind { name, shape, mirrors, page, is_step: true }
}

const DO: &str = "http-scenarios.md#what-they-do";
const WHO: &str = "http-scenarios.md#participants";
const NET: &str = "net.md#scenarios-of-a-netvc";
const WAY: &str = "http.md#the-way-of-a-request";

/// What a recorded server does not tell: its clients and hooks act as in the scenario.
const fn own(name: &'static str, shape: Shape, page: &'static str) -> Kind {
    Kind { name, shape, mirrors: "", page, is_step: false }
}

static CONNECTED: Kind = own("connected", Shape::Wake, WHO);
static MOMENT: Kind = own("moment", Shape::Wake, DO);
static ACTS: Kind = own("operation of a participant", Shape::Call, DO);
static READS: Kind = own("reading", Shape::Own, DO);
static HOOK_ACTS: Kind = own("operation of a hook", Shape::Own, DO);
static GIVES_BACK: Kind = kind("given back", Shape::Call, "TSHttpTxnReenable", WAY);
static SEES: Kind = kind("seen by a hook", Shape::Own, "", DO);
static HOOK: Kind = kind("hook", Shape::Callback, "HttpSM::state_api_callout", WAY);
static VC_ACTS: Kind = own("operation of a NetVC", Shape::Call, NET);
static VC_BUFFER: Kind = own("buffer of a NetVC", Shape::Own, NET);
static VC_TOLD: Kind = kind("callback of a NetVC", Shape::Callback, "read_signal_and_update", NET);
static GETS: Kind = kind("bytes", Shape::Move, "", WHO);
static TOLD: Kind = kind("event", Shape::Callback, "", WHO);

/// A scenario with a name and the text of its file.
pub(crate) struct HttpNamed {
    pub name: String,
    pub scenario: HttpScenario,
    pub text: String,
}

impl HttpNamed {
    /// Its run on the port.
    pub(crate) fn on_port(&self) -> Scene {
        let (run, _) = self.port();
        self.scene(vec![run])
    }

    /// What a real server does, and the port below it.
    ///
    /// # Errors
    /// If the server does not run.
    pub(crate) fn beside(&self, arm: &mut HttpArm) -> Result<Scene, LiveError> {
        let real = arm.record(&self.scenario)?;
        let (port, report) = self.port();
        let mut run = run_of(&self.scenario, &real, &HttpPlaces::default());
        run.arm = format!("real server, {}", arm.server().release());
        let same = match http_differ(&real.report, &report) {
            None => "On the port each participant has seen the same.".to_owned(),
            Some(it) => format!("The port differs at {}.", at(&it.who)),
        };
        run.end.insert(0, same);
        Ok(self.scene(vec![run, port]))
    }

    fn port(&self) -> (Run, HttpReport) {
        let recorded = record_http_scenario(&self.scenario);
        let mut run = run_of(&self.scenario, &recorded, &HttpPlaces::of(&self.text));
        run.arm = "port".to_owned();
        run.is_whole = true;
        (run, recorded.report)
    }

    fn scene(&self, runs: Vec<Run>) -> Scene {
        Scene {
            name: self.name.clone(),
            title: self.scenario.title.clone(),
            teaches: self.scenario.teaches.clone(),
            text: self.text.clone(),
            places: HttpPlaces::of(&self.text).all,
            runs,
        }
    }
}

/// What two arms did with a scenario in which they differ.
pub(crate) fn of_two(
    name: &str,
    scenario: &HttpScenario,
    names: &[String; 2],
    recorded: &[HttpRecorded; 2],
    who: &str,
) -> Scene {
    let text = scenario.to_string();
    let places = HttpPlaces::of(&text);
    let run = |(arm, recorded): (&String, &HttpRecorded)| {
        let mut run = run_of(scenario, recorded, &places);
        run.arm.clone_from(arm);
        run.end.insert(0, format!("The two differ at {}.", at(who)));
        run
    };
    Scene {
        name: name.to_owned(),
        title: scenario.title.clone(),
        teaches: scenario.teaches.clone(),
        runs: names.iter().zip(recorded).map(run).collect(),
        places: places.all,
        text,
    }
}

fn at(who: &str) -> &str {
    if who.is_empty() { "the end" } else { who }
}

/// The lanes, by their names: clients, the proxy, the plugin, then connections of the origin server.
struct Lanes {
    names: Vec<String>,
    proxy: usize,
}

impl Lanes {
    fn of(scenario: &HttpScenario, recorded: &HttpRecorded) -> Lanes {
        let mut names: Vec<String> = scenario.clients.iter().map(|client| client.actor()).collect();
        let proxy = names.len();
        let middle = if scenario.netvc.is_some() {
            ["NetVC", "NetVC’s user"]
        } else {
            ["proxy", "plugin’s hooks"]
        };
        names.extend(middle.map(str::to_owned));
        let origins = recorded.report.actors.iter().map(|actor| actor.name.clone());
        let mut origins: Vec<String> = origins.filter(|name| name.starts_with("origin")).collect();
        origins.sort_by_key(|name| (name.len(), name.clone()));
        names.extend(origins);
        Lanes { names, proxy }
    }

    /// The lane of a participant: transactions and sessions are the plugin's hooks.
    fn at(&self, who: &str) -> usize {
        self.names.iter().position(|name| name == who).unwrap_or(self.proxy + 1)
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |(at, name): (usize, &String)| {
            let side = match at.cmp(&self.proxy) {
                std::cmp::Ordering::Less => 'A',
                std::cmp::Ordering::Equal => 'C',
                std::cmp::Ordering::Greater if at == self.proxy + 1 => 'F',
                std::cmp::Ordering::Greater => 'P',
            };
            Lane { name: name.clone(), side }
        };
        self.names.iter().enumerate().map(lane).collect()
    }
}

fn run_of(scenario: &HttpScenario, recorded: &HttpRecorded, places: &HttpPlaces) -> Run {
    let lanes = Lanes::of(scenario, recorded);
    let mut run = Run { lanes: lanes.lanes(), buffers: counters(&lanes), ..Run::default() };
    let mut last = None;
    for (record, line) in recorded.records.iter().zip(http_story(scenario, recorded)) {
        let thread = run.thread(record.thread.as_deref().unwrap_or("outside"));
        let place = places.of_record(record);
        last = place.or(last);
        let mut row = row(record, line, &lanes);
        (row.thread, row.place, row.is_place) = (thread, last, place.is_some());
        run.rows.push(row);
        count(&mut run, &lanes, record);
    }
    run.buffers.retain(Buffer::is_used);
    run.end = vec![recorded.report.finish.to_string()];
    let findings = http_findings(scenario, &recorded.report);
    run.end.extend(findings.into_iter().map(|finding| format!("Finding: {finding}.")));
    run
}

/// A counter of bytes for each client, and for each connection of the origin server.
fn counters(lanes: &Lanes) -> Vec<Buffer> {
    let of = |way: u8, side: char, names: &[String]| -> Vec<Buffer> {
        let counter = |(place, name): (u8, &String)| Buffer {
            name: format!("come to {name}"),
            side,
            way: [way, place],
            mark_name: "",
            levels: Vec::new(),
        };
        (0..).zip(names).map(counter).collect()
    };
    let (clients, others) = lanes.names.split_at(lanes.proxy);
    [of(0, 'A', clients), of(1, 'P', &others[2..])].concat()
}

fn count(run: &mut Run, lanes: &Lanes, record: &HttpRecord) {
    let HttpWhat::Gets { bytes, .. } = record.what else { return };
    let lane = lanes.at(&record.who);
    // The proxy and the plugin have no counter.
    let at = if lane < lanes.proxy { lane } else { lane.saturating_sub(2) };
    let row = run.rows.len() - 1;
    if let Some(buffer) = run.buffers.get_mut(at) {
        let before = buffer.levels.last().map_or(0, |level| level.bytes);
        buffer.note(row, before + i64::try_from(bytes).unwrap_or(0), 0);
    }
}

/// A row without its thread and its place.
fn row(record: &HttpRecord, line: Line, lanes: &Lanes) -> Row {
    let HttpRecord { at, who, what, .. } = record;
    let (mine, proxy, plugin) = (lanes.at(who), lanes.proxy, lanes.proxy + 1);
    let is_hook = mine == plugin;
    let mut value = None;
    let mut code = line.text;
    let (kind, lane, from) = match what {
        HttpWhat::Moment(When::Start) => (&CONNECTED, mine, Some(proxy)),
        HttpWhat::Moment(_) => (&MOMENT, mine, None),
        HttpWhat::Op { op: HttpOp::Read(_), .. } => (&READS, mine, None),
        HttpWhat::Op { .. } => (&ACTS, proxy, Some(mine)),
        HttpWhat::HookOp { op: op @ (HookOp::Reenable | HookOp::Error), .. } => {
            // As a real server tells it.
            code = format!("{who} {op}");
            (&GIVES_BACK, proxy, Some(plugin))
        }
        HttpWhat::HookOp { op: op @ HookOp::See(..), found, .. } => {
            let op = op.to_string().replacen("see", "sees", 1);
            code = format!("{who} {op}: {}", found.as_deref().unwrap_or_default());
            (&SEES, plugin, None)
        }
        HttpWhat::HookOp { .. } => (&HOOK_ACTS, plugin, None),
        HttpWhat::VcOp(_, performed) if matches!(performed.op, Op::Write(_) | Op::Consume(_)) => {
            (&VC_BUFFER, plugin, None)
        }
        HttpWhat::VcOp(..) => (&VC_ACTS, proxy, Some(plugin)),
        HttpWhat::Event(_) if who == "netvc" => (&VC_TOLD, plugin, Some(proxy)),
        HttpWhat::Gets { bytes, .. } => {
            value = i64::try_from(*bytes).ok();
            (&GETS, mine, Some(proxy))
        }
        HttpWhat::Event(text) if is_hook && (text == "reenable" || text == "error") => {
            (&GIVES_BACK, proxy, Some(plugin))
        }
        HttpWhat::Event(text) if is_hook && text.starts_with("sees ") => (&SEES, plugin, None),
        HttpWhat::Event(_) if is_hook => (&HOOK, plugin, Some(proxy)),
        HttpWhat::Event(_) => (&TOLD, mine, Some(proxy)),
    };
    Row {
        at: *at,
        thread: 0,
        lane,
        from,
        kind,
        value,
        held: 0,
        foreign: 0,
        code,
        sentence: line.sentence,
        detail: String::new(),
        place: None,
        is_place: false,
        source: String::new(),
    }
}

/// The kinds of this module, for the test of their pages.
#[cfg(test)]
pub(super) fn kinds() -> [&'static Kind; 10] {
    [&CONNECTED, &MOMENT, &ACTS, &READS, &HOOK_ACTS, &GIVES_BACK, &SEES, &HOOK, &GETS, &TOLD]
}

#[cfg(test)]
mod tests {
    use super::*;
    use conformance::ats::http_scenario::{http_named, http_names, http_text};

    fn named(name: &str) -> HttpNamed {
        let scenario = http_named(name).expect("in the gallery");
        let text = http_text(name).expect("its text").to_owned();
        HttpNamed { name: name.to_owned(), scenario, text }
    }

    #[test]
    fn a_request_goes_from_lane_to_lane() {
        let scene = named("http-15-held-beyond-the-timeout").on_port();
        let run = &scene.runs[0];
        let lanes: Vec<&str> = run.lanes.iter().map(|lane| &*lane.name).collect();
        assert_eq!(lanes, ["client", "proxy", "plugin’s hooks"]);
        let told = |row: &Row| (row.code.clone(), row.from, row.lane);
        let rows: Vec<_> = run.rows.iter().map(told).collect();
        let row = |code: &str, from, lane| (code.to_owned(), from, lane);
        assert_eq!(rows[1], row("client > get /a", Some(0), 1));
        for it in [
            row("txn 1 READ_REQUEST_HDR", Some(1), 2),
            row("txn 1 > wait 9s", None, 2),
            row("client closed", Some(1), 0),
            row("txn 1 reenable", Some(2), 1),
        ] {
            assert!(rows.contains(&it), "{it:?}: {rows:#?}");
        }
    }

    /// Each operation of a scenario that is carried out is shown where it stands in the text.
    #[test]
    fn operations_stand_where_the_text_has_them() {
        for name in http_names() {
            let scene = named(&name).on_port();
            let lines: Vec<&str> = scene.text.lines().collect();
            for row in &scene.runs[0].rows {
                let Some((_, op)) = row.code.split_once(" > ").filter(|_| row.is_place) else {
                    continue;
                };
                let [line, first, end] = scene.places[row.place.expect("it is one")];
                let text: String = lines[line].chars().take(end).skip(first).collect();
                let word = op.split(' ').next().unwrap_or_default();
                assert!(text.trim_matches('"').starts_with(word), "{name}: {op} at {text}");
            }
            let acts = |row: &&Row| [ACTS.name, READS.name].contains(&row.kind.name);
            assert!(scene.runs[0].rows.iter().filter(acts).all(|row| row.is_place), "{name}");
        }
    }

    #[test]
    fn the_bytes_are_counted_for_each() {
        let scene = named("http-37-closed-in-the-pool").on_port();
        let run = &scene.runs[0];
        let names: Vec<&str> = run.buffers.iter().map(|buffer| &*buffer.name).collect();
        assert_eq!(names, ["come to client", "come to origin 1", "come to origin 2"]);
        let last = run.rows.len() - 1;
        assert_eq!(run.buffers[0].at(last).bytes, 260, "two answers of 130 bytes");
    }
}
