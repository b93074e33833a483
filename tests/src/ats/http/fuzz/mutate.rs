//! Recorded clients, changed in a few places.

use fastrand::Rng;

use super::words::NUMBERS;
use crate::ats::http::{Action, Case};

/// Bytes that mean something in a head.
const PIECES: [&str; 34] = [
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    " ",
    "\t",
    "\0",
    ":",
    "/",
    "//",
    "?",
    "#",
    ";",
    ",",
    "\"",
    "\\",
    "@",
    "*",
    "%",
    "[",
    "]",
    "\x7f",
    "\u{80}",
    "0",
    "9",
    "-",
    "+",
    "x",
    "chunked",
    "close",
    "HTTP/1.1",
    "http://",
    "Connection: close\r\n",
    "Content-Length: 5\r\n",
];

/// What one of `recorded` sends on its last connection, changed.
pub(super) fn mutate(recorded: &[Case], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = sent(&recorded[rng.usize(..recorded.len())]);
    for _ in 0..rng.usize(1..5) {
        let at = rng.usize(..=bytes.len());
        let to = (at + rng.usize(1..8)).min(bytes.len());
        match rng.u8(..8) {
            0 => drop(bytes.drain(at..to)),
            1 | 2 => insert(&mut bytes, at, PIECES[rng.usize(..PIECES.len())].as_bytes()),
            3 => {
                let again = bytes[at..to].to_vec();
                insert(&mut bytes, at, &again);
            }
            4 if at < bytes.len() => bytes[at] = rng.u8(..),
            5 if at < bytes.len() => bytes[at] ^= 0x20,
            6 => {
                // Another number in the place of one.
                let digit = |&at: &usize| bytes[at].is_ascii_digit();
                let Some(from) = (at..bytes.len()).find(digit) else { continue };
                let to = (from..bytes.len()).find(|at| !digit(at)).unwrap_or(bytes.len());
                bytes.splice(from..to, NUMBERS[rng.usize(..NUMBERS.len())].bytes());
            }
            _ => {
                // A line of another client.
                let other = sent(&recorded[rng.usize(..recorded.len())]);
                let lines: Vec<&[u8]> = other.split_inclusive(|&c| c == b'\n').collect();
                let line_at = bytes[..at].iter().rposition(|&c| c == b'\n').map_or(0, |at| at + 1);
                if !lines.is_empty() {
                    insert(&mut bytes, line_at, lines[rng.usize(..lines.len())]);
                }
            }
        }
    }
    bytes
}

fn sent(case: &Case) -> Vec<u8> {
    let mut all = Vec::new();
    for action in case.connections.last().into_iter().flatten() {
        if let Action::Send(bytes) = action {
            all.extend_from_slice(bytes);
        }
    }
    all
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}
