//! On which threads a transaction runs: four net threads, one thread for tasks, and one foreign
//! thread. The sockets and the clock are real.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::channel;

use eventsys::steps::Steps;
use eventsys::sync::Mutex;
use eventsys::{ET_NET, EThread, EventCode, FreeContinuation, Outcome, Request};
use httpsm::hooks::HttpHook;
use httpsm::plugins::Plugin;
use httpsm::{HttpData, HttpEvents, HttpTxn, Server, ServerOptions};
use pluginvc::PairCensus;
use testkit::must_end;

use crate::common::until_freed;

/// The thread that gives a transaction back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum From {
    /// A thread that the event system does not own.
    Foreign,
    /// A thread for tasks.
    Task,
    /// A net thread that is not the transaction's.
    OtherNet,
}

/// The threads on which the hooks of each of some transactions are called, if all of
/// them are held at TXN_START, READ_REQUEST_HDR and SEND_RESPONSE_HDR and given back by
/// `from`.
fn threads_of_transactions(from: From) -> Vec<HashSet<usize>> {
    const REQUESTS: usize = 6;
    let plugins = vec![Plugin::Generator];
    let pairs = Arc::new(PairCensus::default());
    let steps = Steps::to(pairs.clone());
    let options = ServerOptions { threads: 4, plugins, steps, ..ServerOptions::default() };
    let server = Server::start(options).unwrap();
    let (proxy, processor) = (server.proxy(), server.event_processor());
    let task = processor.spawn_event_threads("ET_TASK", 1);
    let threads: Arc<Mutex<HashMap<u64, HashSet<usize>>>> = Arc::default();
    let (give_back, given) = channel::<HttpTxn>();
    let give_back = Mutex::new(give_back);
    let (note, of) = (Arc::clone(&threads), Arc::downgrade(processor));
    let hook = FreeContinuation::new(move |_, event, data| {
        let txn = data.txn().expect("a transaction").clone();
        let here = EThread::current().expect("an event thread");
        note.lock().entry(txn.id()).or_default().insert(here.index());
        let held = [HttpHook::TxnStart, HttpHook::ReadRequestHdr, HttpHook::SendResponseHdr];
        if held.iter().all(|hook| hook.event() != event) {
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            return Outcome::Done;
        }
        if from == From::Foreign {
            give_back.lock().send(txn).unwrap();
            return Outcome::Done;
        }
        let later = FreeContinuation::new(move |_, _, _| {
            let there = EThread::current().expect("an event thread");
            assert_eq!(there.is_event_type(ET_NET), from == From::OtherNet);
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        });
        let processor = of.upgrade().expect("it runs");
        let group = if from == From::Task { task } else { ET_NET };
        let mut others = processor.active_group_threads(group).into_iter();
        let other = others.find(|thread| thread.index() != here.index()).expect("another");
        other.schedule_imm(Request::new(later));
        Outcome::Done
    });
    for &at in HttpHook::ALL {
        if !matches!(at, HttpHook::SsnStart | HttpHook::SsnClose) {
            proxy.hooks().add(at, hook.clone());
        }
    }
    let foreign = std::thread::spawn(move || {
        given.iter().for_each(|txn| txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE));
    });
    let mut clients: Vec<TcpStream> =
        (0..REQUESTS).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for client in &mut clients {
        let get = b"GET /nocache/5/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        client.write_all(get).unwrap();
    }
    for client in &mut clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("xxxxx"), "{answer}");
    }
    until_freed(proxy, &pairs);
    server.shutdown();
    // The last sender is dropped with the hooks.
    proxy.hooks().clear();
    drop(hook);
    foreign.join().unwrap();
    let threads = std::mem::take(&mut *threads.lock());
    assert_eq!(threads.len(), REQUESTS);
    threads.into_values().collect()
}

/// As 9.2.9: of six requests that are given back by a foreign thread, with four net
/// threads, each stays on one. 8.1.11 moves them.
#[test]
fn a_transaction_stays_on_its_net_thread_whichever_thread_gives_it_back() {
    for from in [From::Foreign, From::Task, From::OtherNet] {
        // A thread that has panicked answers nothing.
        for threads in must_end(move || threads_of_transactions(from)) {
            assert_eq!(threads.len(), 1, "{from:?}: {threads:?}");
        }
    }
}
