//! What is measured.

use std::hint::black_box;
use std::rc::Rc;

use streamlisten::llhttp::{Event, Lenient, Machine, MessageType, Step, Wanted};
use streamlisten::{
    Buf, Chunk, Environment, HTTPParser, JSStream, JSStreamImpl, ListenerLink, ShutdownWrap,
    StreamBase, StreamListener, StreamResource, WriteWrap,
};

/// The messages; here their lines end in LF alone.
pub(crate) const INPUTS: [(&str, &str); 3] = [
    ("small", include_str!("../small.http")),
    ("large", include_str!("../large.http")),
    ("chunked", include_str!("../chunked.http")),
];

/// How many hops one event of [`Arm::Hop`] makes.
pub(crate) const HOPS: u32 = 4;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    /// The machine alone.
    Machine,
    /// httparse, on heads.
    Httparse,
    /// The whole parser, with callbacks as node's JavaScript has them.
    Parser,
    /// An error from the newest of four listeners down to the default one.
    Hop,
}

impl Arm {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Arm::Machine => "machine",
            Arm::Httparse => "httparse",
            Arm::Parser => "parser",
            Arm::Hop => "hop",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Arm> {
        [Arm::Machine, Arm::Httparse, Arm::Parser, Arm::Hop]
            .into_iter()
            .find(|arm| arm.name() == name)
    }

    /// httparse knows nothing of bodies.
    pub(crate) fn takes(self, input: &str) -> bool {
        self != Arm::Httparse || input != "chunked"
    }
}

/// A message as it is sent.
pub(crate) fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// Does `arm` on `input` so many times; the sum keeps the compiler from removing the work.
pub(crate) fn run(arm: Arm, input: &str, times: u32) -> usize {
    let text = INPUTS.iter().find(|(name, _)| *name == input).map_or("", |(_, text)| text);
    let input = wire(text);
    match arm {
        Arm::Machine => machine(&input, times),
        Arm::Httparse => httparse_head(&input, times),
        Arm::Parser => http_parser(input, times),
        Arm::Hop => emit_through_four(times),
    }
}

fn machine(input: &[u8], times: u32) -> usize {
    let mut machine = Machine::new(MessageType::Request, Lenient::NONE, Wanted::NODE);
    let mut sum = 0;
    for _ in 0..times {
        let input = black_box(input);
        let mut run = machine.begin();
        while let Step::Event(event) = machine.step(&mut run, input) {
            match event {
                Event::Span { start, end, .. } => sum += end - start,
                Event::HeadersComplete => machine.reply(&mut run, 0),
                Event::Notice(_) => {}
            }
        }
        assert_eq!(run.result() as u8, 0);
    }
    sum
}

fn httparse_head(input: &[u8], times: u32) -> usize {
    let mut sum = 0;
    for _ in 0..times {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(black_box(input)).is_ok_and(|status| status.is_complete());
        assert!(parsed);
        sum += request.headers.len();
    }
    sum
}

fn http_parser(input: Vec<u8>, times: u32) -> usize {
    let input = Chunk::new(input);
    let env = Environment::new();
    let parser = HTTPParser::new(&env);
    parser.slots.on_headers_complete.replace(Some(Rc::new(|_, complete| {
        black_box(complete);
        Ok(0)
    })));
    parser.slots.on_body.replace(Some(Rc::new(|_, body| {
        black_box(body);
        Ok(())
    })));
    parser.slots.on_message_complete.replace(Some(Rc::new(|_, ()| Ok(()))));
    parser.slots.on_headers.replace(Some(Rc::new(|_, headers| {
        black_box(headers);
        Ok(())
    })));
    (0..times).filter(|_| parser.execute(black_box(&input)).is_some()).count()
}

/// Passes everything on.
struct Passing(ListenerLink);

impl StreamListener for Passing {
    fn link(&self) -> &ListenerLink {
        &self.0
    }

    fn on_stream_alloc(&self, suggested: usize) -> Buf {
        Buf::fresh(suggested)
    }

    fn on_stream_read(&self, nread: isize, _: Buf) {
        self.pass_read_error_to_previous_listener(nread);
    }
}

struct Unheard;

impl JSStreamImpl for Unheard {
    fn onwrite(&self, _: &Rc<WriteWrap>, _: Vec<Chunk>) -> i32 {
        0
    }

    fn onshutdown(&self, _: &Rc<ShutdownWrap>) -> i32 {
        0
    }
}

fn emit_through_four(times: u32) -> usize {
    let env = Environment::new();
    let stream = JSStream::new(&env, Unheard);
    stream.set_onread(Rc::new(|nread, _| {
        black_box(nread);
        Ok(None)
    }));
    let listeners: Vec<Rc<dyn StreamListener>> = (0..HOPS)
        .map(|_| Rc::new(Passing(ListenerLink::new(&env))) as Rc<dyn StreamListener>)
        .collect();
    for listener in &listeners {
        stream.push_stream_listener(listener);
    }
    for _ in 0..times {
        stream.emit_read(black_box(-1), Buf::empty());
    }
    times as usize
}
