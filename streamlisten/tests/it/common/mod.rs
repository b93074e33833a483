//! The events of the machine for an input, however it is cut. The fuzzer includes this
//! file too, so it uses only the machine.

#![allow(dead_code)] // Each test uses a part of it.

pub(crate) mod steps;

use streamlisten::llhttp::{Event, Lenient, Machine, MessageType, Notice, Span, Step, Wanted};

/// Events with the pieces of one span joined, and the outcome.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// `(span, bytes)` or a notice's name.
    pub(crate) events: Vec<(String, Vec<u8>)>,
    /// The error's name, its reason, and its offset in the whole input.
    pub(crate) error: Option<(&'static str, &'static str, usize)>,
}

const SPANS: [&str; 10] = [
    "Protocol",
    "Method",
    "Url",
    "Version",
    "Status",
    "HeaderField",
    "HeaderValue",
    "ChunkExtensionName",
    "ChunkExtensionValue",
    "Body",
];

/// Walks over `input`, cut at `cuts`.
pub(crate) fn walk(kind: MessageType, lenient: Lenient, input: &[u8], cuts: &[usize]) -> Told {
    let mut machine = Machine::new(kind, lenient, Wanted::ALL);
    let mut told = Told { events: Vec::new(), error: None };
    let mut edges: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    edges.push(input.len());
    edges.sort_unstable();
    let mut from = 0;
    // A span whose last piece is at the end of a cut may go on in the next one.
    let mut open: Option<Span> = None;
    for edge in edges {
        let piece = &input[from..edge];
        let mut run = machine.begin();
        while let Step::Event(event) = machine.step(&mut run, piece) {
            match event {
                Event::Span { span, start, end } => {
                    let bytes = &piece[start..end];
                    match told.events.last_mut() {
                        Some((_, old)) if open == Some(span) && start == 0 => {
                            old.extend_from_slice(bytes);
                        }
                        _ => told.events.push((format!("{span:?}"), bytes.to_vec())),
                    }
                    open = (end == piece.len()).then_some(span);
                }
                Event::HeadersComplete => {
                    open = None;
                    let keep = machine.should_keep_alive();
                    let text = format!("head {} {keep} {}", machine.method(), machine.upgrade());
                    told.events.push((text, Vec::new()));
                    machine.reply(&mut run, 0);
                }
                Event::Notice(notice) => {
                    // A name is complete after its value has begun; see llhttp.
                    if notice != Notice::ChunkExtensionNameComplete {
                        open = None;
                    }
                    told.events.push((format!("{notice:?}"), Vec::new()));
                }
            }
        }
        if run.result() != streamlisten::llhttp::Errno::Ok {
            let pos = machine.error_pos().expect("an error has a place");
            assert!(pos <= piece.len(), "the place is in the input");
            told.error = Some((run.result().name(), machine.reason(), from + pos));
            // An error drops the open span, unless a cut has reported a piece of it
            // before: cuts make a difference only here.
            while told.events.last().is_some_and(|(name, _)| SPANS.contains(&name.as_str())) {
                told.events.pop();
            }
            return told;
        }
        from = edge;
    }
    told
}

/// What a fuzzer's input means: a byte for the kind of message, two for what is
/// lenient, one for the cuts, and the input of the machine.
///
/// # Panics
/// If cuts change the events, or if the short ways give other events than the long
/// ones.
pub(crate) fn check(data: &[u8]) {
    let [number, low, high, cuts, input @ ..] = data else {
        return;
    };
    let bits = u32::from(u16::from_le_bytes([*low, *high]));
    let (kind, lenient) = (steps::kind(*number), Lenient::from_bits(bits));
    let whole = walk(kind, lenient, input, &[]);
    let some: Vec<usize> = (1..4).map(|i| usize::from(*cuts) * i * 7).collect();
    assert_eq!(walk(kind, lenient, input, &some), whole);
    let every: Vec<usize> = (0..input.len()).collect();
    assert_eq!(walk(kind, lenient, input, &every), whole);
    // One callback in eight does not return 0, and one walks over the end of the
    // input inside.
    let replies = (0..8).map(|i| if i == cuts % 8 { [0, 21, 24, 1][i as usize % 4] } else { 0 });
    let inner = input[input.len() / 2..].to_vec();
    let plan = steps::Plan {
        kind: *number,
        lenient: bits,
        input: input.to_vec(),
        cuts: if cuts % 2 == 0 { Vec::new() } else { some },
        replies: replies.collect(),
        inner: (cuts % 3 == 0).then_some((usize::from(cuts / 16), inner)),
    };
    assert_eq!(steps::follow(&plan, Wanted::NODE), steps::follow(&plan, Wanted::ALL));
}
