//! Scenes of node's stream layer: which listener gets the bytes of a connection.
//!
//! The lanes are the chain: the connection, the socket's own listener, the parser, the user.
//! Two charts count what the parser and the socket's listener have been given.

use conformance::node::{compare, run, shape};
use serde_json::Value;

use super::kinds::{Kind, Shape};
use super::model::{Buffer, Lane, Row, Run, Scene};

const SCENARIO: usize = 0;
const CONNECTION: usize = 1;
const SOCKET: usize = 2;
const PARSER: usize = 3;
const USER: usize = 4;
const LANES: [(&str, char); 5] = [
    ("the scenario", 'C'),
    ("connection", 'C'),
    ("socket’s listener", 'A'),
    ("parser", 'P'),
    ("user", 'F'),
];

const fn kind(name: &'static str, shape: Shape, mirrors: &'static str) -> Kind {
    Kind { name, shape, mirrors, page: "node.md#the-chain", is_step: true }
}

static ACTION: Kind = Kind { is_step: false, ..kind("action", Shape::Own, "") };
static TO_PARSER: Kind = kind("to the parser", Shape::Move, "Parser::OnStreamRead");
static TO_SOCKET: Kind = kind("to the socket", Shape::Move, "EmitToJSStreamListener::OnStreamRead");
static TO_USER: Kind = kind("to the user", Shape::Callback, "");
static PARSED: Kind = kind("parsed", Shape::Look, "Parser");
static LEAVES: Kind = kind("leaves the chain", Shape::Bar, "Parser::Unconsume");
static EMITTED: Kind = kind("emitted", Shape::Event, "");
static REPORT: Kind = kind("reported", Shape::Look, "");
static FAULT: Kind = kind("fault", Shape::Stop, "");

/// The scene of a scenario, a line of a file; `number` counts the lines from 1.
pub(crate) fn scene(scenario: &Value, number: usize) -> Scene {
    let told = run(scenario);
    let (text, places) = text_of(scenario);
    let begins = begins(scenario, &told);
    let mut port = rows(scenario, &told, &begins);
    port.arm = "port".to_owned();
    let mut runs = Vec::new();
    match shape::expected(scenario) {
        Ok(expected) if compare(expected, &told, &[]).is_none() => {
            port.arm = "port, and node 20.20.2 when it was recorded".to_owned();
        }
        Ok(expected) => {
            let mut node = rows(scenario, expected, &[]);
            node.arm = "node 20.20.2, recorded".to_owned();
            runs.push(node);
        }
        Err(_) => {}
    }
    runs.push(port);
    let word = |key: &str| scenario[key].as_str().unwrap_or_default();
    let name = if word("id").is_empty() { format!("line-{number}") } else { word("id").to_owned() };
    let title = match word("title") {
        "" => format!("Scenario {name}, layer {}", word("layer")),
        title => title.to_owned(),
    };
    let teaches = "Who gets the bytes: the parser takes them off the connection, or the \
                   socket’s own listener gets them.";
    Scene { name, title, teaches: teaches.to_owned(), text, places, runs }
}

/// The scenario as lines, and where each of its actions stands.
fn text_of(scenario: &Value) -> (String, Vec<[usize; 3]>) {
    let (mut text, mut places) = (String::new(), Vec::new());
    let fields = scenario.as_object().into_iter().flatten();
    for (key, value) in fields.filter(|(key, _)| *key != "actions" && *key != "expected") {
        text += &format!("{key}: {value}\n");
    }
    text += "actions:\n";
    for action in scenario["actions"].as_array().into_iter().flatten() {
        let line = action.to_string();
        places.push([text.lines().count(), 2, 2 + line.chars().count()]);
        text += &format!("  {line}\n");
    }
    (text, places)
}

/// For each action the number of events before it. A scenario does the same again when it is
/// cut off, so this is what all actions before it tell.
fn begins(scenario: &Value, told: &[Value]) -> Vec<usize> {
    /// Each action is one more run.
    const MOST: usize = 60;
    let actions = scenario["actions"].as_array().map_or(0, Vec::len);
    if actions > MOST {
        return Vec::new();
    }
    let mut last = 0;
    let mut before = |count: usize| {
        let mut cut = scenario.clone();
        if let Some(actions) = cut["actions"].as_array_mut() {
            actions.truncate(count);
        }
        let some = run(&cut);
        let same = some.iter().zip(told).take_while(|(one, all)| one == all).count();
        last = same.max(last);
        last
    };
    (0..actions).map(&mut before).collect()
}

fn rows(scenario: &Value, told: &[Value], begins: &[usize]) -> Run {
    let lane = |(name, side): (&str, char)| Lane { name: name.to_owned(), side };
    let counter = |name: &str, side, way| Buffer {
        name: name.to_owned(),
        side,
        way: [way, 0],
        mark_name: "",
        levels: Vec::new(),
    };
    let mut run = Run {
        lanes: LANES.map(lane).to_vec(),
        threads: vec!["the event thread".to_owned()],
        buffers: vec![
            counter("taken by the parser", 'P', 0),
            counter("given to the socket", 'A', 1),
        ],
        is_whole: !begins.is_empty(),
        end: vec![format!("{} events were reported.", told.len())],
        ..Run::default()
    };
    let actions = scenario["actions"].as_array().map_or(&[][..], Vec::as_slice);
    let mut next = 0;
    let mut eaten = [0, 0];
    for at in 0..=told.len() {
        while next < begins.len() && begins[next] <= at {
            run.rows.push(row(&ACTION, SCENARIO, None, action_text(&actions[next]), Some(next)));
            run.rows.last_mut().expect("it was added").is_place = true;
            next += 1;
        }
        let Some(event) = told.get(at) else { break };
        let (kind, lane, from) = place_of(event);
        let mut it =
            row(kind, lane, from, (event.to_string(), sentence(event)), next.checked_sub(1));
        it.value = event["n"].as_i64();
        let bytes = it.value.unwrap_or(0).max(0);
        match event["e"].as_str() {
            Some("execute") => eaten[0] += bytes,
            Some("onread" | "js_execute") => eaten[1] += bytes,
            Some("emit") if event["ev"] == "data" => eaten[1] += bytes,
            _ => {}
        }
        run.rows.push(it);
        let index = run.rows.len() - 1;
        for (buffer, bytes) in run.buffers.iter_mut().zip(eaten) {
            buffer.note(index, bytes, 0);
        }
    }
    run.buffers.retain(Buffer::is_used);
    run
}

fn row(
    kind: &'static Kind,
    lane: usize,
    from: Option<usize>,
    (code, sentence): (String, String),
    place: Option<usize>,
) -> Row {
    Row {
        at: 0,
        thread: 0,
        lane,
        from,
        kind,
        value: None,
        held: 0,
        foreign: 0,
        code,
        sentence,
        detail: String::new(),
        place,
        is_place: false,
        source: String::new(),
    }
}

fn action_text(action: &Value) -> (String, String) {
    let name = action["a"].as_str().unwrap_or("action");
    (format!("> {action}"), format!("the scenario carries out {name}"))
}

/// The form of an event, its lane, and where it comes from.
fn place_of(event: &Value) -> (&'static Kind, usize, Option<usize>) {
    match event["e"].as_str().unwrap_or_default() {
        "execute" => (&TO_PARSER, PARSER, Some(CONNECTION)),
        "onread" => (&TO_SOCKET, SOCKET, Some(CONNECTION)),
        "js_execute" => (&TO_PARSER, PARSER, Some(SOCKET)),
        "userbuf" => (&TO_SOCKET, USER, Some(CONNECTION)),
        "emit" => (&EMITTED, SOCKET, None),
        "begin" | "headers" | "headers_complete" | "body" | "complete" | "ret" | "free" => {
            (&PARSED, PARSER, None)
        }
        "unconsume" => (&LEAVES, PARSER, Some(CONNECTION)),
        "request" | "upgrade" | "connect" | "clientError" | "checkContinue" => {
            (&TO_USER, USER, Some(PARSER))
        }
        "socket_data" | "connection" | "readable_read" | "pipe_write" => {
            (&TO_USER, USER, Some(SOCKET))
        }
        "abort" | "crash" | "uncaught" | "exception" => (&FAULT, USER, None),
        "flags" | "stat" | "closed" | "dowrite" | "doshutdown" | "oncomplete" => {
            (&REPORT, CONNECTION, None)
        }
        "client" => (&REPORT, SCENARIO, None),
        _ => (&REPORT, USER, None),
    }
}

/// What an event means, without a full stop.
fn sentence(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    let n = event["n"].as_i64().map_or_else(|| event["n"].to_string(), |n| n.to_string());
    match text("e") {
        "execute" if event["err"].is_string() => {
            format!("the parser stops with {}: {}", text("err"), text("reason"))
        }
        "execute" => format!("the parser takes {n} bytes off the connection; the socket sees none"),
        "onread" if event["err"].is_string() => {
            format!("the socket’s listener is told {}: the parser does not want it", text("err"))
        }
        "onread" => {
            format!("the socket’s listener gets {n} bytes; no other is before it in the chain")
        }
        "js_execute" => format!("the socket’s own listener hands {n} bytes to the parser"),
        "userbuf" => format!("{n} bytes go into the user’s buffer"),
        "emit" if event["ev"] == "data" => format!("the socket emits data, {n} bytes"),
        "emit" => format!("the socket emits {}", text("ev")),
        "begin" => "the parser begins a message".to_owned(),
        "headers" => "the parser has some of the header fields".to_owned(),
        "headers_complete" => {
            format!("the parser has the head: {} {}", text("method"), text("url"))
        }
        "body" => "the parser has a part of the body".to_owned(),
        "complete" => "the message is over".to_owned(),
        "free" => "the parser is freed".to_owned(),
        "unconsume" => {
            "the parser leaves the chain; the listener before it gets the bytes again".to_owned()
        }
        "request" => format!("the user gets a request: {} {}", text("method"), text("url")),
        "socket_data" => "a listener of the user’s sees the bytes, after the parser".to_owned(),
        "connection" => "the user gets the connection".to_owned(),
        "stat" => format!("{} bytes came over the connection in all", event["bytesRead"]),
        "client" => "this is what the client has got in the end".to_owned(),
        "abort" => format!("node aborts: {}", text("assert")),
        "uncaught" => format!("no code catches this: {}", text("code")),
        other => format!("{} is reported", other.replace('_', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario in which the parser joins the chain, takes bytes, and leaves it.
    fn taken() -> Value {
        serde_json::json!({"layer": "core", "actions": [
            {"a": "read", "d": "pre"}, {"a": "consume"}, {"a": "read", "d": "GET / HTTP/1.1\r\n"},
            {"a": "unconsume"}, {"a": "read", "d": "post"}]})
    }

    #[test]
    fn the_bytes_stand_where_they_went() {
        let scene = scene(&taken(), 1);
        let run = &scene.runs[0];
        let told: Vec<(&str, usize)> =
            run.rows.iter().map(|row| (row.kind.name, row.lane)).collect();
        let moves: Vec<_> = told.iter().filter(|(name, _)| name.starts_with("to ")).collect();
        assert_eq!(
            moves,
            [&("to the socket", SOCKET), &("to the parser", PARSER), &("to the socket", SOCKET)]
        );
        let last = run.rows.len() - 1;
        let eaten: Vec<i64> = run.buffers.iter().map(|buffer| buffer.at(last).bytes).collect();
        assert_eq!(eaten, [16, 7], "the parser and the socket");
    }

    #[test]
    fn each_event_stands_behind_its_action() {
        let scene = scene(&taken(), 1);
        let run = &scene.runs[0];
        let places: Vec<Option<usize>> = run.rows.iter().map(|row| row.place).collect();
        assert!(places.is_sorted(), "{places:?}");
        let post =
            run.rows.iter().find(|row| row.code.contains("\"d\":\"post\"") && row.kind.is_step);
        assert_eq!(post.expect("the last read").place, Some(4));
        let [line, first, _] = scene.places[4];
        assert!(
            scene.text.lines().nth(line).expect("a line")[first..].starts_with("{\"a\":\"read\"")
        );
    }
}
