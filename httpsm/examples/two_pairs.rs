//! A plugin's own request, answered by another plugin: two PluginVC pairs, one HTTP
//! state machine between them, and no socket.
//!
//! Every step that the pairs and the state machine take is printed when it is
//! taken: `1` and `2` are the pairs (`A` the active end, `P` the passive one), `SM`
//! is the state machine. The lines of the two plugins stand between the steps,
//! indented.
//!
//! Run it with `cargo run -p httpsm --example two_pairs`.

use httpsm::steps;
use std::cell::RefCell;
use std::sync::Arc;

use eventsys::steps::{Step, StepSink};
use eventsys::sync::Mutex;
use eventsys::{
    Clock, Data, EventCode, EventProcessor, FreeContinuation, Invocation, Outcome, ProxyMutex,
    StateMachine,
};
use httpsm::hooks::HttpHook;
use httpsm::{
    HttpConfig, HttpData, HttpEvents, HttpProxy, NoOrigin, SmState, UrlRewrite, event_name,
    ts_http_connect_with_plugin_id,
};
use iocore::buffer::{BUFFER_SIZE_INDEX_4K, MIOBuffer};
use iocore::{IOBufferReader, IoData, IoEvents, NetVcRef};

const REQUEST: &[u8] = b"GET http://example.test/ HTTP/1.1\r\nHost: example.test\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";

// ANCHOR: sink
/// Prints each step when it is taken; the pairs are numbered as they appear.
#[derive(Default)]
struct Printer(Mutex<Vec<u32>>);

impl StepSink for Printer {
    fn step(&self, step: Step) {
        let value = step.value.unwrap_or(0);
        match step.kind {
            steps::HTTP_STATE => {
                println!("SM state {:?}", SmState::from_number(value).expect("a state"));
            }
            steps::HTTP_HOOK => {
                let event = EventCode(i32::try_from(value).expect("a code"));
                println!("SM hook {:?}", HttpHook::from_event(event).expect("a hook"));
            }
            steps::HTTP_EVENT => {
                let event = EventCode(i32::try_from(value).expect("a code"));
                println!("SM event {}", event.shown_by(event_name));
            }
            _ => {
                let mut pairs = self.0.lock();
                let at = pairs.iter().position(|&pair| pair == step.subject.number);
                let at = at.unwrap_or_else(|| {
                    pairs.push(step.subject.number);
                    pairs.len() - 1
                });
                println!("{} {step}", at + 1);
            }
        }
    }
}
// ANCHOR_END: sink

/// One end of a connection, with the reader of its read buffer.
type Link = RefCell<Option<(NetVcRef, IOBufferReader)>>;

// ANCHOR: client
/// The plugin that asks. It has written a request, and reads to the end.
#[derive(Default)]
struct Client {
    link: Link,
}

impl Client {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        println!("        client: {}", event.shown_by(event_name));
        match event {
            EventCode::VC_EVENT_WRITE_COMPLETE => {}
            EventCode::VC_EVENT_READ_READY => {
                let (vio, (vc, _)) = (data.vio().expect("of a read"), self.vc());
                println!("        client: {} bytes so far", vio.ndone());
                vc.reenable(call.guard(), vio.op());
            }
            EventCode::VC_EVENT_EOS => {
                let (vc, reader) = self.vc();
                let mut answer =
                    vec![0; usize::try_from(reader.read_avail(call.guard())).unwrap_or(0)];
                reader.read(call.guard(), &mut answer);
                for line in String::from_utf8_lossy(&answer).lines() {
                    println!("        client: | {line}");
                }
                self.link.take();
                vc.do_io_close(None);
            }
            other => panic!("no one expects {other}"),
        }
        Outcome::Done
    }

    fn vc(&self) -> (NetVcRef, IOBufferReader) {
        self.link.borrow().clone().expect("connected")
    }
}
// ANCHOR_END: client

// ANCHOR: origin
/// The plugin that answers, in place of an origin server.
#[derive(Default)]
struct Origin {
    link: Link,
}

impl Origin {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        println!("        origin: {}", event.shown_by(event_name));
        let (guard, this) = (call.guard(), call.this());
        let mutex = this.base().mutex().expect("made with one");
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                let vc = data.net_vc().expect("NET_EVENT_ACCEPT brings a connection");
                let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(mutex);
                let reader = buffer.alloc_reader(guard).expect("the first of five");
                vc.do_io_read(guard, Some(this.clone()), i64::MAX, Some(&buffer));
                *self.link.borrow_mut() = Some((vc.clone(), reader));
            }
            EventCode::VC_EVENT_READ_READY => {
                let (vc, _) = self.link.borrow().clone().expect("accepted");
                let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(mutex);
                let reader = buffer.alloc_reader(guard).expect("the first of five");
                let nbytes = buffer.write(guard, ANSWER);
                vc.do_io_write(guard, Some(this.clone()), nbytes, Some(&reader));
            }
            EventCode::VC_EVENT_WRITE_COMPLETE => {
                let (vc, _) = self.link.take().expect("accepted");
                vc.do_io_close(None);
            }
            other => panic!("no one expects {other}"),
        }
        Outcome::Done
    }
}
// ANCHOR_END: origin

fn main() {
    let processor = EventProcessor::with_steps(Clock::new_virtual(), Arc::new(Printer::default()));
    let thread = processor.adopt_current_thread("ET_NET");

    // ANCHOR: proxy
    let rules = UrlRewrite::new(vec!["/=http://example.test/".parse().expect("a rule")]);
    let config = HttpConfig::default();
    let proxy = HttpProxy::new(&processor, config, rules, Arc::new(NoOrigin));
    let answers = StateMachine::new(ProxyMutex::new(), Origin::default(), Origin::handle);
    let hook = FreeContinuation::new(move |_, _, data| {
        let txn = data.txn().expect("a hook of transactions");
        txn.server_intercept(answers.clone());
        txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        Outcome::Done
    });
    proxy.hooks().add(HttpHook::CacheLookupComplete, hook);
    // ANCHOR_END: proxy

    // ANCHOR: ask
    let asks = StateMachine::new(ProxyMutex::new(), Client::default(), Client::handle);
    let addr = "127.0.0.1:1".parse().expect("an address");
    let vc = ts_http_connect_with_plugin_id(&proxy, addr, "client", 1);
    {
        let guard = asks.mutex().lock();
        let buffer = || MIOBuffer::new(BUFFER_SIZE_INDEX_4K).bind(asks.mutex());
        let (request, answer) = (buffer(), buffer());
        let reader = request.alloc_reader(&guard).expect("the first of five");
        let nbytes = request.write(&guard, REQUEST);
        let link = (vc.clone(), answer.alloc_reader(&guard).expect("the first of five"));
        *asks.state(&guard).link.borrow_mut() = Some(link);
        vc.do_io_read(&guard, Some(asks.clone()), i64::MAX, Some(&answer));
        vc.do_io_write(&guard, Some(asks.clone()), nbytes, Some(&reader));
    }
    println!("        the event loop runs");
    thread.run_until_idle();
    // ANCHOR_END: ask
    assert_eq!(proxy.census(), httpsm::HttpCensus::default());
}
