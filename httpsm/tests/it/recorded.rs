//! What a real Traffic Server 9.2.9 answered, and what the port answers: more than
//! two hundred requests, from `recorded/9.2.9.txt`. Status, head, body, whether
//! the connection stays, and the origin server's request are all compared, byte by
//! byte, except for dates and the server's number.

use crate::common::{Lab, config};
use httpsm::HttpConfig;
use httpsm::chunked::{ChunkedReader, ChunkedState};
use httpsm::hdr::{HdrLimits, HttpParser, ParseResult, RequestHdr};

#[derive(Default, Debug)]
struct Case {
    name: String,
    send: Vec<Vec<u8>>,
    half_close: bool,
    asked: Option<String>,
    reply: Option<Vec<u8>>,
    reply_close: bool,
    answer: String,
    end: String,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("recorded/9.2.9.txt").lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "case" {
            cases.push(Case { name: rest.to_owned(), ..Case::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        match word {
            "send" => case.send.push(unescape(rest)),
            "half-close" => case.half_close = true,
            "asked" => case.asked = Some(rest.to_owned()),
            "reply" => case.reply = Some(unescape(rest)),
            "reply-close" => case.reply_close = true,
            "answer" => case.answer = rest.to_owned(),
            "end" => case.end = rest.to_owned(),
            "" => {}
            other => panic!("{other:?} in case {}", case.name),
        }
    }
    cases
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.bytes();
    while let Some(c) = chars.next() {
        let escaped = if c == b'\\' { chars.next() } else { None };
        bytes.push(match escaped {
            None => c,
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b'x') => {
                let digits = [chars.next().unwrap(), chars.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            Some(other) => other,
        });
    }
    bytes
}

fn escape(bytes: &[u8]) -> String {
    let escaped = |&c: &u8| match c {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(c).to_string(),
        _ => format!("\\x{c:02x}"),
    };
    bytes.iter().map(escaped).collect()
}

/// The text with the port's dates and number made those of the recording.
fn normal(bytes: &[u8]) -> String {
    let mut text = escape(bytes).replace("00000000-0000-0000-0000-000000000000", "%UUID%");
    while let Some(at) = text.find(", 15 Jan 2027 08:00:") {
        text.replace_range(at - 3..at + 26, "%DATE%");
    }
    text.replace("Age: 95932800", "Age: %AGE%")
}

/// How many whole requests there are.
fn complete(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    loop {
        let (mut parser, mut hdr) = (HttpParser::new(), RequestHdr::default());
        let result = parser.parse_req(&mut hdr, &mut bytes, false, HdrLimits::default());
        if result != ParseResult::Done {
            return count;
        }
        if hdr.fields.presence("Transfer-Encoding") {
            let mut reader = ChunkedReader::new();
            let used = reader.read(bytes, |_| {});
            if reader.state() != ChunkedState::Done {
                return count;
            }
            bytes = &bytes[used..];
        } else if let Some(length) = hdr.fields.value_get_int64("Content-Length") {
            let Some(rest) = bytes.get(usize::try_from(length).unwrap()..) else { return count };
            bytes = rest;
        }
        count += 1;
    }
}

/// What the port does.
fn play(case: &Case) -> (Option<String>, String, &'static str) {
    let config = HttpConfig { connect_attempts_max_retries: 1, ..config() };
    let lab = Lab::with(config, None);
    let client = lab.client();
    let mut replied = vec![0; 9];
    let mut serve = || {
        for _ in 0..4 {
            lab.run_ms(5);
            for (origin, replied) in lab.origins().iter().zip(&mut replied) {
                while *replied < complete(&origin.received()) {
                    *replied += 1;
                    if let Some(reply) = &case.reply {
                        origin.send(reply);
                    }
                    lab.run_ms(1);
                    if case.reply_close {
                        *replied = usize::MAX;
                        origin.close();
                    }
                }
            }
        }
    };
    for piece in &case.send {
        client.send(piece);
        serve();
    }
    if case.half_close {
        client.shutdown_write();
        serve();
    }
    let asked = lab.origins().first().map(|origin| normal(&origin.received()));
    let answer = normal(&client.received());
    let end = if client.is_at_end() { "closed" } else { "open" };
    let left = lab.what_is_left(vec![client]);
    assert_eq!(left, None, "left of {}", case.name);
    (asked, answer, end)
}

#[test]
fn the_port_answers_as_the_real_server() {
    let mut differ = Vec::new();
    let cases = cases();
    for case in &cases {
        let (asked, answer, end) = play(case);
        if (&asked, &answer, end) != (&case.asked, &case.answer, &*case.end) {
            differ.push(format!(
                "case {}\n  asked  {:?}\n  port   {:?}\n  answer {:?}\n  port   {:?}\n  end    {}\n  port   {end}",
                case.name, case.asked, asked, case.answer, answer, case.end
            ));
        }
    }
    assert!(cases.len() > 200);
    assert!(
        differ.is_empty(),
        "{} of {} differ:\n{}",
        differ.len(),
        cases.len(),
        differ.join("\n")
    );
}
