//! An HTTP server and its client: requests one behind the other, answers in parts,
//! and a user that writes, ends and destroys at any time.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::input::{Bytes, REQUESTS, fed, latin1, pieces, text};
use crate::random::Choose;

/// What a server is asked for, undamaged.
const ASKED: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nrest",
    "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\ntunnel",
];

/// Requests that expect something.
const EXPECTING: &[&str] = &[
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\nxy",
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: something\r\nContent-Length: 1\r\n\r\nx",
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: x100-continue\r\n\r\n",
    "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
];

/// A scenario.
pub(super) fn server(rng: &mut Rng) -> Value {
    let mut actions = Vec::new();
    let options = options(rng);
    for piece in sent(rng) {
        actions.push(json!({"a": "feed", "d": text(&piece)}));
        for _ in 0..rng.below(3) {
            actions.push(act(rng, false));
        }
    }
    match rng.below(5) {
        0 | 1 => actions.push(json!({"a": "end"})),
        2 => actions.push(json!({"a": "reset"})),
        _ => {}
    }
    for _ in 0..rng.below(4) {
        actions.push(act(rng, false));
    }
    let hooks: Vec<Value> = (0..rng.below(3)).map(|_| hook(rng)).collect();
    json!({"layer": "server", "server": options, "hooks": hooks, "actions": actions})
}

/// Requests one behind the other, cut anywhere.
fn sent(rng: &mut Rng) -> Vec<Bytes> {
    if rng.one_in(4) {
        return fed(rng, &REQUESTS[..11]).into_iter().take(5).collect();
    }
    let mut all = Bytes::new();
    for _ in 0..=rng.below(4) {
        let from = if rng.one_in(3) { EXPECTING } else { ASKED };
        // The first two are the usual ones.
        let usual = rng.one_in(3);
        all.extend(latin1(rng.pick(if usual { &ASKED[..2] } else { from })));
    }
    pieces(rng, &all).into_iter().take(6).collect()
}

fn options(rng: &mut Rng) -> Map<String, Value> {
    let mut options = Map::new();
    let mut set = |key: &str, value: Value| drop(options.insert(key.into(), value));
    set("tell_bytes", json!(true));
    for key in ["upgrade", "connect", "watch"] {
        if rng.one_in(2) {
            set(key, json!(true));
        }
    }
    if rng.one_in(3) {
        set("clientError", json!(rng.pick(&["log", "destroy", "answer"])));
    }
    if rng.one_in(4) {
        set("checkContinue", json!(rng.pick(&["continue", "refuse"])));
    }
    if rng.one_in(4) {
        set("checkExpectation", json!(true));
    }
    match rng.below(4) {
        0 | 1 => set("respond", json!("hold")),
        2 => set("answer", answer(rng)),
        _ => {}
    }
    if rng.one_in(8) {
        set("consume", json!(false));
    }
    if rng.one_in(8) {
        set("drain", json!(false));
    }
    if rng.one_in(8) {
        set("httpAllowHalfOpen", json!(true));
    }
    if rng.one_in(8) {
        set("client_half_open", json!(false));
    }
    if rng.one_in(8) {
        set("requireHostHeader", json!(false));
    }
    if rng.one_in(8) {
        set("maxRequestsPerSocket", json!(1 + rng.below(2)));
        set("dropRequest", json!(true));
    }
    for list in ["on_connection", "on_request", "on_upgrade"] {
        if rng.one_in(8) {
            set(list, json!([act(rng, true)]));
        }
    }
    options
}

fn answer(rng: &mut Rng) -> Value {
    let parts: Vec<Value> = (0..rng.below(4)).map(|_| part(rng)).collect();
    let mut answer = json!({"parts": parts});
    if rng.one_in(3) {
        answer["length"] = json!(true);
    }
    if rng.one_in(3) {
        answer["as"] = json!("text");
    }
    if rng.one_in(3) {
        answer["wait"] = json!(true);
    }
    if rng.one_in(4) {
        answer["status"] = json!(rng.pick(&[200, 204, 304, 404, 302, 431]));
    }
    answer
}

/// A part of an answer; some fill the writer's buffer.
fn part(rng: &mut Rng) -> Value {
    match rng.below(8) {
        0 => json!({"rep": "z", "n": 16_300 + rng.below(200)}),
        1 => json!(""),
        _ => text(&b"abcdefghijklmnop"[..1 + rng.below(16)]),
    }
}

/// Something that the user does, `inside` a callback or outside.
fn act(rng: &mut Rng, inside: bool) -> Value {
    match rng.below(10) {
        0..=5 => on_messages(rng),
        6..=8 => on_socket(rng, inside),
        _ => listen(rng),
    }
}

/// With a request and its answer.
fn on_messages(rng: &mut Rng) -> Value {
    let data = part(rng);
    let mut action = match rng.below(17) {
        0..=4 => json!({"a": "res_write", "d": data}),
        5..=7 => json!({"a": "res_end", "d": data}),
        8 | 9 => json!({"a": "res_end"}),
        10 | 11 => head(rng),
        12 => json!({"a": "res_continue"}),
        13 => json!({"a": "res_destroy"}),
        14 => json!({"a": "req_resume"}),
        15 => json!({"a": "req_pause"}),
        _ => json!({"a": "req_destroy"}),
    };
    if action.get("d").is_some() && rng.one_in(2) {
        action["as"] = json!("text");
    }
    if rng.one_in(2) {
        action["r"] = json!(rng.below(3));
    }
    action
}

fn head(rng: &mut Rng) -> Value {
    let status = rng.pick(&[200, 200, 204, 404, 500]);
    let headers = match rng.below(5) {
        0 => json!(["Connection", "close"]),
        1 => json!(["Connection", "keep-alive"]),
        2 => json!(["Transfer-Encoding", "chunked"]),
        3 => json!(["Content-Length", "5"]),
        _ => json!([]),
    };
    json!({"a": "res_head", "status": status, "h": headers})
}

/// With the socket.
fn on_socket(rng: &mut Rng, inside: bool) -> Value {
    match rng.below(20) {
        0 | 1 => json!({"a": "destroy"}),
        2 => json!({"a": "sock_end"}),
        3 => json!({"a": "sock_end", "d": part(rng)}),
        4..=6 => json!({"a": "sock_write", "d": part(rng)}),
        7 | 8 => json!({"a": "pause"}),
        9..=11 => json!({"a": "resume"}),
        12 => json!({"a": "on", "ev": "data"}),
        13 => json!({"a": "once", "ev": "data"}),
        14 if inside || rng.one_in(2) => json!({"a": "read_readable"}),
        15 => json!({"a": "pipe"}),
        16 => json!({"a": "setEncoding"}),
        17 if rng.one_in(2) => json!({"a": rng.pick(&["close_all", "close_idle"])}),
        18 if rng.one_in(4) => json!({"a": "emit_connection"}),
        18 => json!({"a": "stat"}),
        _ => json!({"a": "flags"}),
    }
}

/// A listener that does something when its event comes.
fn listen(rng: &mut Rng) -> Value {
    const SOCKET: &[&str] = &["end", "close", "error", "drain", "finish"];
    const REQUEST: &[&str] = &["end", "close", "error", "aborted", "data"];
    const RESPONSE: &[&str] = &["finish", "close", "error", "drain"];
    let (of, ev) = match rng.below(3) {
        0 => (None, rng.pick(SOCKET)),
        1 => (Some("req"), rng.pick(REQUEST)),
        _ => (Some("res"), rng.pick(RESPONSE)),
    };
    let then = match rng.below(4) {
        // A write that comes too late is an error, and one that is long is followed by a
        // drain: a listener that writes then never ends.
        _ if matches!(ev, "error" | "drain") => match rng.below(3) {
            0 => json!([{"a": "destroy"}]),
            1 => json!([{"a": "res_destroy"}]),
            _ => json!([]),
        },
        0 => json!([on_socket(rng, true)]),
        1 | 2 => json!([on_messages(rng)]),
        _ => json!([]),
    };
    let mut action = json!({"a": "on", "ev": ev, "do": then});
    if let Some(of) = of {
        action["of"] = json!(of);
    }
    action
}

/// Actions inside one callback of the server.
fn hook(rng: &mut Rng) -> Value {
    const ON: &[&str] =
        &["request", "request", "request", "connection", "upgrade", "connect", "clientError"];
    let on = rng.pick(ON);
    let actions: Vec<Value> = (0..=rng.below(3)).map(|_| act(rng, true)).collect();
    json!({"on": on, "nth": 1 + rng.below(2), "do": actions})
}
