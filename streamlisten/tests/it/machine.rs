//! The machine: cuts of an input do not change its events, and no input makes it
//! panic.

use crate::common::walk;
use proptest::prelude::*;
use streamlisten::llhttp::{Errno, Event, Lenient, Machine, MessageType, Notice, Step, Wanted};

/// Pieces of messages that meet every group of states when strung together.
const PIECES: &[&str] = &[
    "GET /a?b#c HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.0\r\n",
    "GET http://u@h/p HTTP/1.1\r\n",
    "SOURCE /x ICE/1.0\r\n",
    "GET /\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204\r\n",
    "HTTP/1.0 101 \r\n",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, upgrade\r\n",
    "Upgrade: foo\r\n",
    "Connecti: x\r\nB:\r\nC: \t d \t\r\n",
    "A: b\r\n c\r\n",
    "\r\n",
    "hello",
    "5\r\nhello\r\n",
    "3;a=b;c=\"d\\e\";f\r\nxyz\r\n",
    "0\r\n",
    "X: y\n\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\u{1}",
];

fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => (0..PIECES.len()).prop_map(|i| PIECES[i].as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// Lines in the order of a message, so that bodies are reached.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let line = 0..11_usize;
    let headers = proptest::collection::vec(11..21_usize, 0..5);
    let body = proptest::collection::vec(22..26_usize, 0..5);
    (line, headers, body, any::<bool>()).prop_map(|(line, headers, body, end)| {
        let mut message = PIECES[line].as_bytes().to_vec();
        for i in headers {
            message.extend_from_slice(PIECES[i].as_bytes());
        }
        message.extend_from_slice(b"\r\n");
        for i in body {
            message.extend_from_slice(PIECES[i].as_bytes());
        }
        if end {
            message.extend_from_slice(b"\r\n");
        }
        message
    })
}

fn kind() -> impl Strategy<Value = MessageType> {
    prop_oneof![Just(MessageType::Request), Just(MessageType::Response), Just(MessageType::Both)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cutting_tells_the_same(
        kind in kind(),
        lenient in prop_oneof![Just(0_u32), 0..1024_u32],
        input in prop_oneof![input(), message()],
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let lenient = Lenient::from_bits(lenient);
        let whole = walk(kind, lenient, &input, &[]);
        let every: Vec<usize> = (0..input.len()).collect();
        prop_assert_eq!(&walk(kind, lenient, &input, &cuts), &whole);
        prop_assert_eq!(&walk(kind, lenient, &input, &every), &whole);
    }

    #[test]
    fn no_input_panics(
        kind in kind(),
        lenient in 0..1024_u32,
        input in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        walk(kind, Lenient::from_bits(lenient), &input, &[]);
    }
}

/// A walk inside a callback ends in the middle of a word; the walk around it
/// begins the next word anew.
#[test]
fn a_word_that_is_left_inside_a_callback_is_forgotten() {
    let mut machine = Machine::new(MessageType::Request, Lenient::NONE, Wanted::ALL);
    let input = b"GET / HTTP/1.1\r\n\r\n";
    let mut run = machine.begin();
    let first = machine.step(&mut run, input);
    assert_eq!(first, Step::Event(Event::Notice(Notice::MessageBegin)));
    let mut inner = machine.begin();
    while machine.step(&mut inner, b"UNSUBSCRIB") != Step::Stop {}
    while machine.step(&mut run, input) != Step::Stop {}
    assert_eq!((run.result(), machine.method_name()), (Errno::Ok, "GET"));
}

/// The callback for a span that the end of the input cuts pauses: the next walk
/// goes on where this one ended.
#[test]
fn a_pause_at_the_end_of_the_input_keeps_the_place() {
    let mut machine = Machine::new(MessageType::Request, Lenient::NONE, Wanted::NODE);
    let mut run = machine.begin();
    while let Step::Event(event) = machine.step(&mut run, b"GET /a") {
        if matches!(event, Event::Span { .. }) {
            machine.reply(&mut run, Errno::Paused as i32);
        }
    }
    assert_eq!((run.result(), machine.error_pos()), (Errno::Paused, Some(6)));
    machine.resume();
    let mut run = machine.begin();
    let mut last = None;
    while let Step::Event(event) = machine.step(&mut run, b"b HTTP/1.1\r\n\r\n") {
        last = Some(event);
    }
    assert_eq!((run.result(), last), (Errno::Ok, Some(Event::Notice(Notice::MessageComplete))));
}
