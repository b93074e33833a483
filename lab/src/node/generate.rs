//! Random scenarios.

use serde_json::{Map, Value, json};

/// A small generator of numbers: the same seed, the same numbers, for ever.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03)
    }

    /// Mirrors splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True once in `n` times.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

/// Where mutations begin.
const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a?b=c#d HTTP/1.1\r\nHost: x.y\r\nAccept: */*\r\nX: \t v \t\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b;c=\"d\\\"e\"\r\nabc\r\n0\r\nT: x\r\n\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nrest",
    "POST /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: foo\r\nContent-Length: 4\r\n\r\nbodyrest",
    "CONNECT host:80 HTTP/1.1\r\nHost: h\r\n\r\ntunnel",
    "OPTIONS * HTTP/1.1\r\n\r\n",
    "GET http://u:p@host:80/p?q#f HTTP/1.1\r\n\r\n",
    "M-SEARCH * HTTP/1.1\r\nHOST: 1.2.3.4:1900\r\nMAN: \"ssdp:discover\"\r\n\r\n",
    "SOURCE /a ICE/1.0\r\n\r\n",
    "DESCRIBE rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /\r\n\r\n",
    "QUERY / HTTP/1.1\r\nProxy-Connection: close\r\nContent-Length: 0\r\n\r\n",
    "PUT / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\r\n c\r\nB:\r\n\r\n",
    "GET /many HTTP/1.1\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\nf:6\r\ng:7\r\nh:8\r\ni:9\r\nj:1\r\nk:2\r\nl:3\r\nm:4\r\nn:5\r\no:6\r\np:7\r\nq:8\r\nr:9\r\ns:1\r\nt:2\r\nu:3\r\nv:4\r\nw:5\r\nx:6\r\ny:7\r\nz:8\r\na:9\r\nb:1\r\nc:2\r\nd:3\r\ne:4\r\nf:5\r\ng:6\r\nh:7\r\n\r\n",
];

const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304 \r\nContent-Length: 7\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\ndata",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody",
    "HTTP/1.1 500 Oops\r\nTransfer-Encoding: gzip\r\n\r\nraw",
    "RTSP/1.0 200 OK\r\n\r\n",
    "ICE/1.0 200 OK\r\n\r\n",
];

/// What mutations put in.
const PIECES: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    ";",
    "=",
    "\"",
    "\\",
    ",",
    "\u{0}",
    "\u{1}",
    "\u{7f}",
    "\u{ff}",
    "@",
    "#",
    "?",
    "/",
    "//",
    "*",
    "[",
    "]",
    "0",
    "1",
    "f",
    "ffffffffffffffff",
    "HTTP/1.1",
    "chunked",
    "close",
    "keep-alive",
    "upgrade",
    "Content-Length: 1\r\n",
    "Content-Length:\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: upgrade\r\nUpgrade: x\r\n",
    "Transfer-Encoding: ",
    "content-length: 18446744073709551616\r\n",
    "Upgrade",
    "A: b\r\n",
    "\r\n ",
    "GET",
    "GET_",
    "0\r\n\r\n",
    "\u{c}",
];

type Bytes = Vec<u8>;

fn latin1(text: &str) -> Bytes {
    text.chars().map(|c| c as u8).collect()
}

fn text(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}

/// Some messages, more or less damaged.
fn input(rng: &mut Rng, corpus: &[&str]) -> Bytes {
    let mut bytes = Bytes::new();
    for _ in 0..=rng.below(3) {
        bytes.extend(latin1(rng.pick(corpus)));
        if rng.one_in(8) {
            bytes.extend_from_slice(b"\r\n");
        }
    }
    let damage = match rng.below(4) {
        0 => 0,
        1 | 2 => 1,
        _ => 1 + rng.below(4),
    };
    for _ in 0..damage {
        mutate(rng, &mut bytes);
    }
    bytes
}

fn mutate(rng: &mut Rng, bytes: &mut Bytes) {
    let at = rng.below(bytes.len() + 1);
    let to = (at + 1 + rng.below(6)).min(bytes.len());
    match rng.below(6) {
        0 if at < bytes.len() => bytes[at] = (rng.next() & 0xff) as u8,
        1 => drop(bytes.drain(at..to)),
        2 => {
            let copy = bytes[at..to].to_vec();
            drop(bytes.splice(at..at, copy));
        }
        3 if at < bytes.len() => bytes[at] ^= 0x20,
        _ => drop(bytes.splice(at..at, latin1(rng.pick(PIECES)))),
    }
}

/// Cuts at random places, sometimes at every byte.
fn pieces(rng: &mut Rng, bytes: &[u8]) -> Vec<Bytes> {
    if rng.one_in(25) && bytes.len() < 120 {
        return bytes.chunks(1).map(<[u8]>::to_vec).collect();
    }
    let mut cuts: Vec<usize> = (0..rng.below(6)).map(|_| rng.below(bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut from = 0;
    cuts.into_iter()
        .map(|cut| {
            let piece = bytes[from..cut].to_vec();
            from = cut;
            piece
        })
        .filter(|piece| !piece.is_empty())
        .collect()
}

/// An input, cut.
fn fed(rng: &mut Rng, corpus: &[&str]) -> Vec<Bytes> {
    let bytes = input(rng, corpus);
    pieces(rng, &bytes)
}

/// The scenario with this number; the same numbers, the same scenario.
pub(super) fn scenario(seed: u64, number: usize) -> Value {
    let mut rng = Rng::new(seed ^ (number as u64).wrapping_mul(0xa24b_aed4_963e_e407));
    // Connections take real time on the real node.
    let mut scenario = match rng.below(100) {
        0 => server(&mut rng),
        1 | 2 => connection(&mut rng),
        _ => core(&mut rng),
    };
    scenario["id"] = json!(format!("{seed}-{number}"));
    scenario
}

fn core(rng: &mut Rng) -> Value {
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
            let returns: Vec<usize> = (0..3).map(|_| [0, 1, 2, 21, 5][rng.below(5)]).collect();
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
        if rng.one_in(6) {
            actions.push(between(rng, &mut requests));
        }
        let kind = if by_hand { "execute" } else { "read" };
        actions.push(json!({"a": kind, "d": text(&piece)}));
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

/// The writes of a scenario. Each is completed once at most: completing it twice
/// uses freed memory in node, and does nothing in the port.
#[derive(Default)]
struct Requests {
    made: usize,
    completed: usize,
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
        13 => {
            requests.made += 1;
            json!({"a": "write", "req": format!("w{}", requests.made), "d": "data"})
        }
        14 if requests.completed < requests.made => {
            requests.completed += 1;
            json!({"a": "finish_write", "req": format!("w{}", requests.completed), "status": 0})
        }
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
        let on = *rng.pick(&[&"onread", &"read_error", &"userbuf"]);
        let action = inside(rng, on)?;
        return Some(json!({"s": "S", "on": on, "nth": nth, "do": [action]}));
    }
    let on = rng.pick(PARSER);
    let actions: Vec<Value> = (0..=rng.below(2)).filter_map(|_| inside(rng, on)).collect();
    Some(json!({"p": "A", "on": on, "nth": nth, "do": actions}))
}

fn inside(rng: &mut Rng, on: &str) -> Option<Value> {
    Some(match rng.below(13) {
        0..=2 => json!({"a": "unconsume"}),
        3 => json!({"a": "pause"}),
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

fn connection(rng: &mut Rng) -> Value {
    let mut actions = vec![json!({"a": "consume"})];
    for piece in fed(rng, REQUESTS) {
        actions.push(json!({"a": "send", "d": text(&piece)}));
        if rng.one_in(4) {
            let size = 1 + rng.below(9);
            actions.push(match rng.below(6) {
                0 => json!({"a": "unconsume"}),
                1 | 2 => json!({"a": "userbuf", "size": size}),
                3 => json!({"a": "write", "req": format!("w{}", actions.len()), "d": "hello"}),
                4 => json!({"a": "readstart"}),
                _ => json!({"a": "stat"}),
            });
        }
    }
    actions.push(match rng.below(3) {
        0 => json!({"a": "send_end"}),
        1 => json!({"a": "send_reset"}),
        _ => json!({"a": "close_stream"}),
    });
    let closed = actions.last().is_some_and(|action| action["a"] == "close_stream");
    if !closed && rng.one_in(2) {
        actions.push(json!({"a": "readstart"}));
        actions.push(json!({"a": "write", "req": "last", "d": "hello"}));
        for req in ["shutdown", "again"] {
            actions.push(json!({"a": "shutdown", "req": req}));
        }
    }
    actions.push(json!({"a": "finish"}));
    actions.push(json!({"a": "stat"}));
    json!({"layer": "core", "streams": {"S": {"kind": "tcp"}}, "actions": actions})
}

fn server(rng: &mut Rng) -> Value {
    let mut options = Map::new();
    for key in ["upgrade", "connect"] {
        if rng.one_in(2) {
            options.insert(key.into(), json!(true));
        }
    }
    if rng.one_in(3) {
        options.insert("clientError".into(), json!(if rng.one_in(2) { "log" } else { "destroy" }));
    }
    if rng.one_in(4) {
        options.insert("respond".into(), json!("hold"));
    }
    if rng.one_in(6) {
        options.insert("consume".into(), json!(false));
    }
    if rng.one_in(5) {
        options.insert("on_connection".into(), json!([{"a": "on", "ev": "data"}]));
    }
    let mut actions = Vec::new();
    for piece in fed(rng, &REQUESTS[..11]).into_iter().take(4) {
        actions.push(json!({"a": "send", "d": text(&piece)}));
        if rng.one_in(4) {
            actions.push(match rng.below(5) {
                0 => json!({"a": "on", "ev": "data"}),
                1 => json!({"a": "once", "ev": "data"}),
                2 => json!({"a": "pipe"}),
                3 => json!({"a": "on", "ev": "end"}),
                _ => json!({"a": "flags"}),
            });
        }
    }
    if rng.one_in(2) {
        actions.push(json!({"a": "end"}));
    }
    json!({"layer": "server", "server": options, "actions": actions})
}
