//! Several event threads and several foreign threads: the same answers, and
//! nothing left.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use eventsys::steps::Steps;
use eventsys::sync::Mutex;
use eventsys::{
    Clock, ContRef, Data, EventCode, EventProcessor, Invocation, Options, Outcome, ProxyMutex,
    StateMachine,
};
use httpsm::plugins::{self, Plugin};
use httpsm::{HttpConfig, HttpProxy, NoOrigin, UrlRewrite, ts_http_connect};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{IOBufferReader, IoData, NetVcRef};
use pluginvc::PairCensus;

use crate::common::until_freed;

/// Asks once and reads to the end.
struct Client {
    link: RefCell<Option<(NetVcRef, IOBufferReader)>>,
    bytes: Cell<i64>,
    done: Mutex<Sender<i64>>,
}

impl Client {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = call.guard();
        if matches!(event, EventCode::VC_EVENT_WRITE_READY | EventCode::VC_EVENT_WRITE_COMPLETE) {
            return Outcome::Done;
        }
        let link = self.link.borrow().clone();
        let Some((vc, reader)) = link else { return Outcome::Done };
        let n = reader.read_avail(guard);
        reader.consume(guard, n);
        self.bytes.set(self.bytes.get() + n);
        if event == EventCode::VC_EVENT_READ_READY {
            vc.reenable(guard, data.vio().expect("of a read").op());
        } else {
            self.link.take();
            vc.do_io_close(None);
            self.done.lock().send(self.bytes.get()).unwrap();
        }
        Outcome::Done
    }

    fn start(proxy: &Arc<HttpProxy>, path: &str, done: Sender<i64>) {
        let client =
            Client { link: RefCell::default(), bytes: Cell::new(0), done: Mutex::new(done) };
        let machine = StateMachine::new(ProxyMutex::new(), client, Client::handle);
        let vc = ts_http_connect(proxy, "10.0.0.1:1".parse().unwrap());
        let guard = machine.mutex().lock();
        let buffer = || MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(machine.mutex());
        let (request, answer) = (buffer(), buffer());
        let reader = request.alloc_reader(&guard).unwrap();
        let text = format!("GET {path} HTTP/1.0\r\nHost: h\r\n\r\n");
        let nbytes = request.write(&guard, text.as_bytes());
        let link = (vc.clone(), answer.alloc_reader(&guard).unwrap());
        *machine.state(&guard).link.borrow_mut() = Some(link);
        let cont: ContRef = machine.clone();
        vc.do_io_read(&guard, Some(cont.clone()), i64::MAX, Some(&answer));
        vc.do_io_write(&guard, Some(cont), nbytes, Some(&reader));
    }
}

#[test]
fn many_requests_on_several_threads() {
    const ASKERS: usize = 4;
    const EACH: usize = 100;
    let pairs = Arc::new(PairCensus::default());
    let options = Options { steps: Steps::to(pairs.clone()), ..Options::default() };
    let processor = EventProcessor::with_options(Clock::new_real(), options);
    processor.spawn_event_threads("ET_NET", 3);
    let rules = UrlRewrite::new(vec!["/=http://h/".parse().unwrap()]);
    let proxy = HttpProxy::new(&processor, HttpConfig::default(), rules, Arc::new(NoOrigin));
    plugins::install(&[Plugin::Fetcher, Plugin::Generator], &proxy);
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let (proxy, answered) = (&proxy, &answered);
            scope.spawn(move || {
                let (done, wait) = channel();
                for round in 0..EACH {
                    let size = (asker * 7919 + round * 104_729) % 200_000;
                    // Every tenth goes through four pairs.
                    let fetch = if round % 10 == 0 { "/fetch" } else { "" };
                    Client::start(proxy, &format!("{fetch}/nocache/{size}/x"), done.clone());
                    if round % 8 == 7 {
                        // Some clients at a time, not all.
                        assert!((0..8).all(|_| wait.recv().unwrap() > 100));
                        answered.fetch_add(8, Ordering::Relaxed);
                    }
                }
                for bytes in wait.iter().take(EACH % 8) {
                    assert!(bytes > 100);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(answered.load(Ordering::Relaxed), ASKERS * EACH);
    // The last ones may still be telling their plugins of the end.
    until_freed(&proxy, &pairs);
    processor.shutdown();
}
