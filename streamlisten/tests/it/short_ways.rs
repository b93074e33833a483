//! The machine's short ways give the same events as its long ones. A machine whose
//! user wants exactly node's events takes the short ones; a machine whose user wants
//! all events takes only the long ones.

use crate::common::steps::{Plan, follow};
use proptest::collection::vec;
use proptest::prelude::*;
use streamlisten::llhttp::Wanted;

const LINES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "GET /a/long/path.html?a=b&c?d HTTP/1.1\r\n",
    "POST /?# HTTP/1.0\r\n",
    "HEAD /#f HTTP/1.1\r\n",
    "PUT * HTTP/1.1\r\n",
    "DELETE /\u{7f} HTTP/1.1\r\n",
    "OPTIONS /ab\u{1}cdefgh HTTP/1.1\r\n",
    "PATCH /0123456789 HTTP/2.0\r\n",
    "PRI * HTTP/2.0\r\n",
    "DESCRIBE /x RTSP/1.0\r\n",
    "GET  / HTTP/1.1\r\n",
    "GET /  HTTP/1.1\r\n",
    "GET / HTTP/1.1\n",
    "GET / HTTP/1.1\r\n ",
    "CONNECT a:1 HTTP/1.1\r\n",
    "GET http://h/ HTTP/1.1\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 404 Not Found\r\n",
    "HTTP/1.1 101 \r\n",
    "HTTP/1.1 204\r\n",
    "HTTP/1.1 20x OK\r\n",
    "HTTP/1.1 200 OK\n",
    "HTTP/1.1 200 OK\r\n ",
    "HTTP/1.1 200 OK\r\rA",
];

const HEADERS: &[&str] = &[
    "Host: example.org\r\n",
    "A:b\r\n",
    "A:  two spaces\r\n",
    "A: \r\n",
    "A:\r\n",
    "A\tB: c\r\n",
    "User_Agent.1: a tab\tinside and a long tail of it\r\n",
    "X-Long-Header-Name: 0123456789abcdef0123456789abcdef\r\n",
    "X: a\u{1}b\r\n",
    "X: 01234567890\u{7f}123\r\n",
    "X: \u{e9}\u{ff}0123456789\r\n",
    "X: a\n",
    "X: a\r\n b\r\n",
    "X: a\r\n\tb\r\n",
    "X: a\rb\r\n",
    ": b\r\n",
    "Connection: close\r\n",
    "CONNECTION: Keep-Alive\r\n",
    "Connection: Upgrade\r\n",
    "connection:upgrade, close\r\n",
    "Connection: closed\r\n",
    "Proxy-Connection: keep-alive\r\n",
    "Connectio\u{3a} close\r\n",
    "Content-Length: 5\r\n",
    "content-length: 0\r\n",
    "Content-Length: 5 \r\n",
    "Content-Length: 5a\r\n",
    "Content-Length: 123456789012345678\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding: CHUNKED\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, gzip\r\n",
    "Upgrade: h2c\r\n",
    "Upgrades: h2c\r\n",
    "Connection : x\r\n",
];

const BODIES: &[&str] = &[
    "hello",
    "5\r\nhello\r\n",
    "00a\r\n0123456789\r\n",
    "3;a=b\r\nxyz\r\n",
    "1\r\nab\r\n",
    "1 \r\na\r\n",
    "2\r\nab",
    "fffffffffffffffff\r\n",
    "0\r\n\r\n",
    "0\r\nTrailer: x\r\n\r\n",
    "g\r\n",
    "\r\n",
];

fn some(list: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    vec(proptest::sample::select(list), 0..most).prop_map(|pieces| pieces.concat())
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    (proptest::sample::select(LINES), some(HEADERS, 6), some(BODIES, 4), 0..8_u8).prop_map(
        |(line, headers, body, end)| {
            let blank = if end == 0 { "" } else { "\r\n" };
            let text = format!("{line}{headers}{blank}{body}");
            // Latin-1, so that bytes above 0x7f stand alone.
            text.chars().map(|c| u32::from(c) as u8).collect()
        },
    )
}

/// Messages, and sometimes a byte of another value in one of them.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let wrong = proptest::option::weighted(0.3, (any::<usize>(), any::<u8>()));
    (vec(message(), 1..4), wrong).prop_map(|(messages, wrong)| {
        let mut input = messages.concat();
        if let Some((place, byte)) = wrong
            && !input.is_empty()
        {
            let place = place % input.len();
            input[place] = byte;
        }
        input
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let cuts = prop_oneof![Just(Vec::new()), vec(any::<u8>(), 0..6)];
    let reply = prop_oneof![9 => Just(0), 1 => proptest::sample::select(&[-1, 1, 2, 21, 24][..])];
    let inner = proptest::option::weighted(0.2, (0..12_usize, message(), any::<u8>()));
    let lenient = prop_oneof![3 => Just(0_u32), 1 => 0..1024_u32];
    (0..3_u8, lenient, input(), cuts, vec(reply, 1..20), inner).prop_map(
        |(kind, lenient, input, cuts, replies, inner)| Plan {
            kind,
            lenient,
            input,
            cuts: cuts.into_iter().map(usize::from).collect(),
            replies,
            inner: inner.map(|(at, mut input, cut)| {
                input.truncate(usize::from(cut));
                (at, input)
            }),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn short_ways_come_to_the_same(plan in plan()) {
        prop_assert_eq!(follow(&plan, Wanted::NODE), follow(&plan, Wanted::ALL));
    }
}

/// A lenient machine goes on after `Connection: close` without forgetting the
/// length of a body that was left out: the next length is appended to it.
#[test]
fn a_length_that_is_left_over_counts() {
    let first = "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\n";
    let second = "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n0123456789ab";
    // The seventh event is the end of the first head.
    let replies = (0..20).map(|event| i32::from(event == 6)).collect();
    let plan = Plan {
        kind: 0,
        lenient: 4,
        input: [first, second].concat().into_bytes(),
        cuts: Vec::new(),
        replies,
        inner: None,
    };
    let told = follow(&plan, Wanted::NODE);
    assert_eq!(told, follow(&plan, Wanted::ALL));
    let body = told.iter().find(|event| event.contains("Body")).expect("a body");
    let start = plan.input.len() - 12;
    assert!(body.contains(&format!("start: {start}, end: {}", start + 12)), "{told:?}");
}

/// A walk inside a callback leaves a span open; the walk around it opens and
/// closes others, among them one that node does not ask for, and it is gone.
#[test]
fn a_span_that_is_left_open_inside_is_gone() {
    let plan = Plan {
        kind: 0,
        lenient: 0,
        input: b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        cuts: Vec::new(),
        replies: vec![0],
        inner: Some((1, b"DELETE /".to_vec())),
    };
    let told = follow(&plan, Wanted::NODE);
    assert_eq!(told, follow(&plan, Wanted::ALL));
    assert_eq!(told.iter().filter(|event| event.contains("Url")).count(), 2, "{told:?}");
}

/// A chunk's line end that is cut after its CR: another CR is wrong, even if a LF
/// follows.
#[test]
fn half_a_line_end_is_gone_on_with() {
    let begin = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r";
    let plan = Plan {
        kind: 0,
        lenient: 0,
        input: [&begin[..], b"\r\n0\r\n\r\n"].concat(),
        cuts: vec![begin.len()],
        replies: vec![0],
        inner: None,
    };
    let told = follow(&plan, Wanted::NODE);
    assert_eq!(told, follow(&plan, Wanted::ALL));
    assert!(told.iter().any(|line| line.contains("Expected LF after chunk data")), "{told:?}");
}
