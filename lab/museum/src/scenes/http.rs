//! A transaction that a plugin holds and gives back from another thread: the HTTP state machine on
//! a pair, without a socket.
//!
//! The client is the active end of the pair that `TSHttpConnect` makes, and there is no origin
//! server: the answer is an error of the proxy. A plugin holds the transaction at
//! `READ_REQUEST_HDR`; another thread gives it back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use eventsys::hrtime::{HrTime, seconds};
use eventsys::{
    AdoptedThread, Clock, EThread, EventCode, EventProcessor, FreeContinuation, Outcome, Request,
};
use explorer::sync::mpsc::{Receiver, Sender, channel};
use explorer::sync::thread::JoinHandle;
use explorer::{name_task, note, race_from_here, race_later, spawn, violation};
use httpsm::hooks::HttpHook;
use httpsm::{
    HttpCensus, HttpConfig, HttpData, HttpEvents, HttpProxy, HttpTxn, NoOrigin, UrlRewrite,
    ts_http_connect,
};
use testkit::Peer;

use crate::arms::Arms;

/// How long a transaction has to end.
const PATIENCE: HrTime = seconds(60);

/// A plugin's own thread, which the event system does not own, gives the transaction back.
pub(super) fn a_transaction_given_back_by_a_plugins_thread(_: &Arms) {
    let stage = Stage::new(Some("ET_NET"));
    let txn = stage.request();
    let plugin = spawn("plugin", move || give_back(&txn));
    stage.race(vec![plugin]);
}

/// An event thread for tasks, which has no connections, gives the transaction back.
pub(super) fn a_transaction_given_back_by_a_thread_for_tasks(_: &Arms) {
    let stage = Stage::new(Some("ET_TASK"));
    let txn = stage.request();
    let task = FreeContinuation::new(move |_, _, _| {
        give_back(&txn);
        Outcome::Done
    });
    let other = stage.other.as_ref().expect("made above");
    other.thread.schedule_imm(Request::new(task));
    stage.race(Vec::new());
}

/// A plugin's thread gives the transaction back while the client goes. Whichever comes first,
/// the transaction ends once, and nothing is left.
pub(super) fn a_transaction_given_back_while_its_client_goes(_: &Arms) {
    let stage = Stage::new(None);
    let txn = stage.request();
    let plugin = spawn("plugin", move || give_back(&txn));
    let client = stage.client.clone();
    let goes = spawn("client", move || {
        note(|| "the client closes its connection".to_owned());
        client.close();
    });
    stage.race(vec![plugin, goes]);
}

fn give_back(txn: &HttpTxn) {
    note(|| "gives the transaction back".to_owned());
    txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
}

/// A proxy, its event threads and a client.
struct Stage {
    thread: AdoptedThread,
    other: Option<Other>,
    proxy: Arc<HttpProxy>,
    client: Peer,
    /// The transaction that is held.
    held: Receiver<HttpTxn>,
    seen: Arc<Seen>,
}

/// What the hooks have seen. All threads of an execution are on one thread of the system, and
/// hooks are called under the transaction's mutex, which is the scheduling point.
#[derive(Default)]
struct Seen {
    /// The thread of the first hook.
    home: Mutex<Option<usize>>,
    is_closed: AtomicBool,
}

impl Stage {
    /// If there is a second event thread, it is one for this type of event.
    fn new(second: Option<&'static str>) -> Stage {
        race_later();
        name_task("net thread");
        let processor = EventProcessor::new(Clock::new_virtual());
        let thread = processor.adopt_current_thread("ET_NET");
        let other = second.map(|of| Other::start(&processor, of));
        let config = HttpConfig { url_remap_required: false, ..HttpConfig::default() };
        let rules = UrlRewrite::default();
        let proxy = HttpProxy::new(&processor, config, rules, Arc::new(NoOrigin));
        let (hold, held) = channel();
        let seen = Arc::new(Seen::default());
        add_hooks(&proxy, &seen, hold);
        let client = Peer::new(ts_http_connect(&proxy, "127.0.0.1:4000".parse().expect("valid")));
        Stage { thread, other, proxy, client, held, seen }
    }

    /// The client asks; the transaction, which the plugin holds.
    fn request(&self) -> HttpTxn {
        self.client.send(b"GET http://origin.test/ HTTP/1.0\r\n\r\n");
        loop {
            if let Ok(txn) = self.held.try_recv() {
                return txn;
            }
            self.thread.run_pass();
        }
    }

    /// The threads race, until the transaction is over and nothing is left.
    fn race(self, threads: Vec<JoinHandle<()>>) {
        race_from_here();
        let clock = Arc::clone(self.proxy.processor().clock());
        let deadline = clock.get_hrtime_updated() + PATIENCE;
        let is_over = || {
            let seen = &self.seen;
            seen.is_closed.load(Ordering::Relaxed) && self.proxy.census().transactions == 0
        };
        while !is_over() && clock.get_hrtime_updated() < deadline {
            self.thread.run_pass();
        }
        for thread in threads {
            thread.join().expect("its panics have ended the execution");
        }
        self.client.close();
        while self.proxy.census() != HttpCensus::default() && clock.get_hrtime_updated() < deadline
        {
            self.thread.run_pass();
        }
        let census = self.proxy.census();
        if census != HttpCensus::default() {
            violation(
                "leak",
                format!("the client has gone, and {census:?} is left a minute later"),
            );
        }
        self.proxy.hooks().clear();
        if let Some(other) = &self.other {
            other.stop(&self.thread);
        }
    }
}

fn add_hooks(proxy: &Arc<HttpProxy>, seen: &Arc<Seen>, hold: Sender<HttpTxn>) {
    let (seen, hold) = (Arc::clone(seen), Mutex::new(hold));
    let hook = FreeContinuation::new(move |_, event, data| {
        let at = HttpHook::from_event(event).expect("the event of a hook");
        let txn = data.txn().expect("a hook of transactions");
        seen.called(at);
        if at == HttpHook::ReadRequestHdr {
            let hold = hold.lock().unwrap_or_else(PoisonError::into_inner);
            hold.send(txn.clone()).expect("the scene waits for it");
        } else {
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        Outcome::Done
    });
    for at in [HttpHook::ReadRequestHdr, HttpHook::SendResponseHdr, HttpHook::TxnClose] {
        proxy.hooks().add(at, hook.clone());
    }
}

impl Seen {
    fn called(&self, at: HttpHook) {
        let here = EThread::current().map_or(usize::MAX, |thread| thread.index());
        note(|| format!("the hook {at:?} is called"));
        let home = *self.home.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(here);
        if home != here {
            let text = format!("the hook {at:?} is called on another thread than the first one");
            violation("thread of a transaction", text);
        }
        if at == HttpHook::TxnClose && self.is_closed.swap(true, Ordering::Relaxed) {
            violation("contract", "TXN_CLOSE for the second time");
        }
    }
}

/// Another event thread, which does not take turns with the first.
struct Other {
    thread: Arc<EThread>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    stops: AtomicBool,
    has_stopped: AtomicBool,
}

impl Other {
    fn start(processor: &Arc<EventProcessor>, of: &'static str) -> Other {
        let state = Arc::new(State::default());
        let (its, processor) = (Arc::clone(&state), Arc::clone(processor));
        let (born, birth) = channel();
        let name = if of == "ET_TASK" { "task thread" } else { "net thread 2" };
        drop(spawn(name, move || {
            let thread = processor.adopt_current_thread(of);
            // The other end waits for it.
            let _ = born.send(Arc::clone(thread.thread()));
            while !its.stops.load(Ordering::Relaxed) {
                thread.run_pass();
            }
            its.has_stopped.store(true, Ordering::Relaxed);
        }));
        Other { thread: birth.recv().expect("the thread says who it is"), state }
    }

    /// The first thread makes passes meanwhile: while it works, time stands still.
    fn stop(&self, first: &AdoptedThread) {
        self.state.stops.store(true, Ordering::Relaxed);
        while !self.state.has_stopped.load(Ordering::Relaxed) {
            first.run_pass();
        }
    }
}
