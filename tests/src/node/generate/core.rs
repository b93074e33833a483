//! Streams that are fed by hand, and bare parsers.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::input::{REQUESTS, RESPONSES, fed, input, text};
use crate::random::Choose;

/// A scenario.
pub(super) fn core(rng: &mut Rng) -> Value {
    let responses = rng.one_in(4);
    let corpus = if responses { RESPONSES } else { REQUESTS };
    let mut parsers = Map::new();
    for name in ["A", "B"] {
        let mut options = Map::new();
        if responses {
            options.insert("type".into(), json!("response"));
        }
        if rng.one_in(3) {
            let all = rng.one_in(4);
            let bits = if all { 1023 } else { 1 << rng.below(10) | 1 << rng.below(10) };
            options.insert("lenient".into(), json!(bits));
        }
        if rng.one_in(8) {
            options.insert("maxHeaderSize".into(), json!(8 + rng.below(80)));
        }
        if rng.one_in(10) {
            let returns: Vec<usize> = (0..3).map(|_| rng.pick(&[0, 1, 2, 21, 5])).collect();
            options.insert("hc_return".into(), json!(returns));
        }
        parsers.insert(name.into(), Value::Object(options));
    }
    let mut actions = Vec::new();
    let by_hand = rng.one_in(5);
    if !by_hand && !rng.one_in(12) {
        actions.push(json!({"a": "consume"}));
    }
    let mut requests = Requests::default();
    for piece in fed(rng, corpus) {
        if rng.one_in(5) {
            actions.push(between(rng, &mut requests));
        }
        let kind = if by_hand { "execute" } else { "read" };
        actions.push(json!({"a": kind, "d": text(&piece)}));
    }
    while requests.is_open() && !rng.one_in(3) {
        actions.push(requests.finish());
    }
    if !by_hand && rng.one_in(2) {
        actions.push(json!({"a": "eof"}));
    }
    if rng.one_in(2) {
        actions.push(json!({"a": "finish"}));
    }
    if rng.one_in(4) {
        let again = if responses { "response" } else { "request" };
        actions.push(json!({"a": "init", "type": again}));
        for piece in fed(rng, corpus) {
            actions.push(json!({"a": if by_hand { "execute" } else { "read" }, "d": text(&piece)}));
        }
        actions.push(json!({"a": "finish"}));
    }
    if rng.one_in(3) {
        actions.push(json!({"a": "stat"}));
    }
    let hooks: Vec<Value> = (0..rng.below(4)).filter_map(|_| hook(rng)).collect();
    json!({"layer": "core", "parsers": parsers, "hooks": hooks, "actions": actions})
}

/// The requests of a scenario. Each is completed once at most: completing it twice
/// uses freed memory in node, and does nothing in the port.
#[derive(Default)]
struct Requests {
    /// Whether each of them is a write, or else a shutdown.
    made: Vec<bool>,
    completed: usize,
}

impl Requests {
    fn is_open(&self) -> bool {
        self.completed < self.made.len()
    }

    fn make(&mut self, rng: &mut Rng) -> Value {
        let write = !rng.one_in(3);
        self.made.push(write);
        let req = format!("r{}", self.made.len());
        match write {
            true => json!({"a": "write", "req": req, "d": "data"}),
            false => json!({"a": "shutdown", "req": req}),
        }
    }

    fn finish(&mut self) -> Value {
        let write = self.made[self.completed];
        self.completed += 1;
        let kind = if write { "finish_write" } else { "finish_shutdown" };
        json!({"a": kind, "req": format!("r{}", self.completed), "status": 0})
    }
}

/// An action between reads.
fn between(rng: &mut Rng, requests: &mut Requests) -> Value {
    let parser = if rng.one_in(4) { "B" } else { "A" };
    match rng.below(17) {
        0 | 1 => json!({"a": "unconsume", "p": parser}),
        2 => json!({"a": "pause", "p": parser}),
        3 | 4 => json!({"a": "resume", "p": parser}),
        5 => json!({"a": "finish", "p": parser}),
        6 => json!({"a": "headers_completed", "p": parser}),
        7 => json!({"a": "current_buffer", "p": parser}),
        8 => json!({"a": "userbuf", "size": 1 + rng.below(40)}),
        9 => json!({"a": "userbuf_next", "size": 1 + rng.below(40)}),
        10 => json!({"a": "eof"}),
        11 => json!({"a": "execute", "p": "B", "d": text(&input(rng, REQUESTS))}),
        12 if rng.one_in(6) => json!({"a": "consume", "p": parser}),
        12 => json!({"a": "mark", "m": "here"}),
        13 | 14 if requests.is_open() => requests.finish(),
        13 | 14 => requests.make(rng),
        15 => json!({"a": "readstart"}),
        _ => json!({"a": "stat"}),
    }
}

/// Actions inside one callback.
fn hook(rng: &mut Rng) -> Option<Value> {
    const PARSER: &[&str] =
        &["begin", "headers_complete", "body", "complete", "execute", "headers"];
    let nth = 1 + rng.below(3);
    if rng.one_in(5) {
        let on = rng.pick(&["onread", "read_error", "userbuf"]);
        let action = inside(rng, on)?;
        return Some(json!({"s": "S", "on": on, "nth": nth, "do": [action]}));
    }
    let on = rng.pick(PARSER);
    let actions: Vec<Value> = (0..=rng.below(2)).filter_map(|_| inside(rng, on)).collect();
    Some(json!({"p": "A", "on": on, "nth": nth, "do": actions}))
}

fn inside(rng: &mut Rng, on: &str) -> Option<Value> {
    Some(match rng.below(16) {
        0..=2 => json!({"a": "unconsume"}),
        // The effect shows only if the same parser reads the next piece.
        3 | 13..=15 => json!({"a": "pause"}),
        4 => json!({"a": "resume"}),
        5 => json!({"a": "current_buffer"}),
        6 => json!({"a": "headers_completed"}),
        7 => json!({"a": "userbuf", "size": 1 + rng.below(20)}),
        8 => json!({"a": "execute", "p": "B", "d": text(&input(rng, REQUESTS))}),
        // Between reads only: in the middle of a parse, another one of the same
        // parser may leave an address in memory that is gone.
        9 if matches!(on, "execute" | "onread") => {
            json!({"a": "read", "d": text(&input(rng, REQUESTS))})
        }
        10 if rng.one_in(3) => json!({"a": "throw", "m": "thrown"}),
        11 => json!({"a": "finish", "p": "B"}),
        12 => json!({"a": "stat"}),
        _ => return None,
    })
}
