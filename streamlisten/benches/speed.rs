//! How fast the machine parses, beside httparse for heads, and how long an event
//! takes through a chain of four listeners.
//!
//! `benches/node_parser.js` measures node's own parser on the same inputs.

use std::hint::black_box;
use std::rc::Rc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use streamlisten::llhttp::{Event, Lenient, Machine, MessageType, Step, Wanted};
use streamlisten::{
    Buf, Chunk, Environment, HttpParser, JsStream, JsStreamImpl, ListenerLink, ShutdownWrap,
    StreamBase, StreamListener, StreamResource, WriteWrap,
};

fn main() {
    divan::main();
}

const SMALL: &str = include_str!("small.http");
const LARGE: &str = include_str!("large.http");
const CHUNKED: &str = include_str!("chunked.http");

#[divan::bench(args = [("small", SMALL), ("large", LARGE), ("chunked", CHUNKED)])]
fn machine(bencher: Bencher<'_, '_>, (_, message): (&str, &str)) {
    let input = message.replace('\n', "\r\n").into_bytes();
    let mut machine = Machine::new(MessageType::Request, Lenient::NONE, Wanted::NODE);
    bencher.counter(BytesCount::new(input.len())).counter(ItemsCount::new(1_u32)).bench_local(
        || {
            let input = black_box(&input);
            let mut run = machine.begin();
            let mut spans = 0;
            while let Step::Event(event) = machine.step(&mut run, input) {
                match event {
                    Event::Span { start, end, .. } => spans += end - start,
                    Event::HeadersComplete => machine.reply(&mut run, 0),
                    Event::Notice(_) => {}
                }
            }
            (spans, run.result())
        },
    );
}

#[divan::bench(args = [("small", SMALL), ("large", LARGE)])]
fn httparse_head(bencher: Bencher<'_, '_>, (_, message): (&str, &str)) {
    let input = message.replace('\n', "\r\n").into_bytes();
    bencher.counter(BytesCount::new(input.len())).counter(ItemsCount::new(1_u32)).bench_local(
        || {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut request = httparse::Request::new(&mut headers);
            let parsed = request.parse(black_box(&input)).is_ok_and(|status| status.is_complete());
            assert!(parsed);
        },
    );
}

/// The whole parser, with callbacks as node's JavaScript has them.
#[divan::bench(args = [("small", SMALL), ("large", LARGE), ("chunked", CHUNKED)])]
fn http_parser(bencher: Bencher<'_, '_>, (_, message): (&str, &str)) {
    let input = Chunk::new(message.replace('\n', "\r\n").into_bytes());
    let env = Environment::new();
    let parser = HttpParser::new(&env);
    parser.slots.on_headers_complete.replace(Some(Rc::new(|_, complete| {
        black_box(complete);
        Ok(0)
    })));
    parser.slots.on_body.replace(Some(Rc::new(|_, body| {
        black_box(body);
        Ok(())
    })));
    parser.slots.on_message_complete.replace(Some(Rc::new(|_, ()| Ok(()))));
    bencher
        .counter(BytesCount::new(input.len()))
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| parser.execute(&input));
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

struct Nobody;

impl JsStreamImpl for Nobody {
    fn onwrite(&self, _: &Rc<WriteWrap>, _: Vec<Chunk>) -> i32 {
        0
    }

    fn onshutdown(&self, _: &Rc<ShutdownWrap>) -> i32 {
        0
    }
}

/// One error from the newest of four listeners down to the default one: four
/// hops an item.
#[divan::bench]
fn emit_through_four(bencher: Bencher<'_, '_>) {
    let env = Environment::new();
    let stream = JsStream::new(&env, Nobody);
    stream.set_onread(Rc::new(|nread, _| {
        black_box(nread);
        Ok(None)
    }));
    let listeners: Vec<Rc<dyn StreamListener>> = (0..4)
        .map(|_| Rc::new(Passing(ListenerLink::new(&env))) as Rc<dyn StreamListener>)
        .collect();
    for listener in &listeners {
        stream.push_stream_listener(listener);
    }
    bencher
        .counter(ItemsCount::new(4_u32))
        .bench_local(|| stream.emit_read(black_box(-1), Buf::empty()));
}
