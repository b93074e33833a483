//! What clients send: messages, more or less damaged, in pieces.

use fastrand::Rng;
use serde_json::Value;

use crate::random::Choose;

/// Where mutations begin.
pub(super) const REQUESTS: &[&str] = &[
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

pub(super) const RESPONSES: &[&str] = &[
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

pub(super) type Bytes = Vec<u8>;

pub(super) fn latin1(text: &str) -> Bytes {
    text.chars().map(|c| c as u8).collect()
}

pub(super) fn text(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}

/// Some messages, more or less damaged.
pub(super) fn input(rng: &mut Rng, corpus: &[&str]) -> Bytes {
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
        0 if at < bytes.len() => bytes[at] = rng.u8(..),
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
pub(super) fn pieces(rng: &mut Rng, bytes: &[u8]) -> Vec<Bytes> {
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
pub(super) fn fed(rng: &mut Rng, corpus: &[&str]) -> Vec<Bytes> {
    let bytes = input(rng, corpus);
    pieces(rng, &bytes)
}
