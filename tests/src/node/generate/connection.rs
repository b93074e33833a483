//! A connection's stream, in full control of its handle, with a parser that may
//! consume it.

use fastrand::Rng;
use serde_json::{Value, json};

use super::input::{REQUESTS, fed, text};
use crate::random::Choose;

/// The state of a scenario.
#[derive(Default)]
struct Course {
    /// Requests that have been made, by kind.
    writes: usize,
    shutdowns: usize,
    closed: bool,
    /// The client has ended its side, or is gone.
    ended: bool,
}

/// A scenario.
pub(super) fn connection(rng: &mut Rng) -> Value {
    let mut course = Course::default();
    let mut actions = Vec::new();
    if !rng.one_in(4) {
        actions.push(json!({"a": "consume"}));
    }
    if rng.one_in(6) {
        actions.push(json!({"a": "readstop"}));
    }
    for piece in fed(rng, REQUESTS).into_iter().take(6) {
        if course.ended {
            break;
        }
        actions.push(json!({"a": "feed", "d": text(&piece)}));
        for _ in 0..rng.below(3) {
            actions.push(act(rng, &mut course, false));
        }
        // Late reads, and bytes under way, must not meet the next action.
        actions.push(json!({"a": "settle"}));
        if rng.one_in(12) {
            actions.push(end(rng, &mut course));
        }
    }
    if !course.ended && rng.one_in(2) {
        actions.push(json!({"a": "settle"}));
        actions.push(end(rng, &mut course));
    }
    for _ in 0..rng.below(4) {
        actions.push(act(rng, &mut course, false));
    }
    if rng.one_in(3) {
        actions.push(json!({"a": "readstart"}));
    }
    if !course.closed && rng.one_in(2) {
        course.closed = true;
        actions.push(json!({"a": "close_stream"}));
        for _ in 0..rng.below(3) {
            actions.push(act(rng, &mut course, false));
        }
    }
    actions.push(json!({"a": "finish"}));
    actions.push(json!({"a": "stat"}));
    let hooks: Vec<Value> = (0..rng.below(4)).map(|_| hook(rng, &mut course)).collect();
    let streams = json!({"S": {"kind": "tcp", "tell_bytes": true}});
    json!({"layer": "core", "streams": streams, "hooks": hooks, "actions": actions})
}

/// The client's last word.
fn end(rng: &mut Rng, course: &mut Course) -> Value {
    course.ended = true;
    json!({"a": if rng.one_in(2) { "send_end" } else { "send_reset" }})
}

fn act(rng: &mut Rng, course: &mut Course, inside: bool) -> Value {
    match rng.below(20) {
        0..=3 => write(rng, course),
        4 => {
            course.shutdowns += 1;
            json!({"a": "shutdown", "req": format!("s{}", course.shutdowns)})
        }
        5 | 6 => json!({"a": "readstart"}),
        7 => json!({"a": "readstop"}),
        8 => json!({"a": "unconsume"}),
        9 => json!({"a": "userbuf", "size": 1 + rng.below(9)}),
        10 => json!({"a": "userbuf_next", "size": 1 + rng.below(9)}),
        11 => json!({"a": "pause"}),
        12 => json!({"a": "resume"}),
        13 => json!({"a": "current_buffer"}),
        14 => json!({"a": "headers_completed"}),
        15 if inside || rng.one_in(3) => {
            course.closed |= !inside;
            json!({"a": "close_stream"})
        }
        // On a stream that is consumed, or gone, it ends the process.
        16 if rng.one_in(20) => json!({"a": "consume"}),
        _ => json!({"a": "stat"}),
    }
}

fn write(rng: &mut Rng, course: &mut Course) -> Value {
    course.writes += 1;
    let req = format!("w{}", course.writes);
    // A string of more than 16 KiB goes another way.
    let long = rng.one_in(6);
    let data = match long {
        true => json!({"rep": "y", "n": 16_000 + rng.below(1_000)}),
        false => text(&b"the quick brown fox"[..1 + rng.below(19)]),
    };
    match rng.below(3) {
        0 => json!({"a": "write", "req": req, "d": data}),
        1 => json!({"a": "write", "req": req, "kind": "latin1", "d": data}),
        _ => json!({"a": "write", "req": req, "kind": "writev", "d": [data, "z"]}),
    }
}

/// Actions inside one callback: of the stream, of the parser, or of a request.
fn hook(rng: &mut Rng, course: &mut Course) -> Value {
    const STREAM: &[&str] = &["onread", "read_error", "userbuf", "closed"];
    const PARSER: &[&str] = &["begin", "headers_complete", "body", "complete", "execute"];
    let mut actions: Vec<Value> = Vec::new();
    for _ in 0..=rng.below(3) {
        actions.push(act(rng, course, true));
    }
    let nth = 1 + rng.below(2);
    match rng.below(5) {
        0 | 1 => {
            let on = rng.pick(STREAM);
            json!({"s": "S", "on": on, "nth": nth, "do": actions})
        }
        2 | 3 => {
            let on = rng.pick(PARSER);
            json!({"p": "A", "on": on, "nth": nth, "do": actions})
        }
        _ => {
            let req = if rng.one_in(2) { "s1" } else { "w1" };
            json!({"s": req, "on": "oncomplete", "do": actions})
        }
    }
}
