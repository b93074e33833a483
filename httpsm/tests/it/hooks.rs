//! Hooks: their order, which plugins are called, what a plugin may do there,
//! and when.

use std::sync::Arc;

use crate::common::{Lab, Peer, config};
use eventsys::mutex::weak_try_lock;
use eventsys::sync::Mutex;
use eventsys::{ContRef, EventCode, FreeContinuation, Outcome, ProxyMutex, StateMachine};
use httpsm::hooks::HttpHook;
use httpsm::{HttpData, HttpEvents, HttpTxn, ts_http_connect};
use iocore::{IoData, IoEvents};

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

type Calls = Arc<Mutex<Vec<String>>>;

/// A hook that notes where it is called, does something, and goes on.
fn noting(calls: &Calls, name: &str, act: impl Fn(&HttpTxn) + Send + Sync + 'static) -> ContRef {
    let (calls, name) = (Arc::clone(calls), name.to_owned());
    FreeContinuation::new(move |_, event, data| {
        let hook = HttpHook::from_event(event).expect("the event of a hook");
        calls.lock().push(format!("{name}{hook:?}"));
        if let Some(txn) = data.txn() {
            act(txn);
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        if let Some(ssn) = data.ssn() {
            ssn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        Outcome::Done
    })
}

fn taken(calls: &Calls) -> Vec<String> {
    std::mem::take(&mut calls.lock())
}

#[test]
fn each_is_called_at_its_place() {
    let lab = Lab::new();
    let calls = Calls::default();
    for &hook in HttpHook::ALL {
        lab.proxy.hooks().add(hook, noting(&calls, "", |_| {}));
    }
    let client = lab.ask(GET);
    let before = [
        "SsnStart",
        "TxnStart",
        "ReadRequestHdr",
        "PreRemap",
        "PostRemap",
        "CacheLookupComplete",
        "OsDns",
        "SendRequestHdr",
    ];
    assert_eq!(taken(&calls), before);
    lab.origin().send(OK);
    lab.settle();
    assert_eq!(taken(&calls), ["ReadResponseHdr", "SendResponseHdr", "TxnClose"]);
    // The second transaction of a session.
    client.send(GET);
    lab.settle();
    assert_eq!(taken(&calls), before[1..]);
    lab.origin().send(OK);
    lab.settle();
    taken(&calls);
    client.close();
    lab.settle();
    assert_eq!(taken(&calls), ["SsnClose"]);
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn what_is_refused_skips_to_the_answer() {
    let lab = Lab::new();
    let calls = Calls::default();
    for &hook in HttpHook::ALL {
        lab.proxy.hooks().add(hook, noting(&calls, "", |_| {}));
    }
    let client = lab.ask(b"nonsense\r\n\r\n");
    assert_eq!(taken(&calls), ["SsnStart", "TxnStart", "SendResponseHdr", "TxnClose", "SsnClose"]);
    assert!(client.is_at_end());
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn those_of_the_proxy_come_before_those_of_session_and_transaction() {
    let lab = Lab::new();
    let calls = Calls::default();
    let at = HttpHook::SendRequestHdr;
    let of_txn = noting(&calls, "txn ", |_| {});
    lab.proxy.hooks().add(
        HttpHook::ReadRequestHdr,
        noting(&calls, "", move |txn| {
            txn.add_hook(at, of_txn.clone());
        }),
    );
    let of_ssn = noting(&calls, "ssn ", |_| {});
    lab.proxy.hooks().add(
        HttpHook::SsnStart,
        FreeContinuation::new(move |_, _, data| {
            let ssn = data.ssn().expect("a session");
            ssn.add_hook(at, of_ssn.clone());
            ssn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        }),
    );
    lab.proxy.hooks().add(at, noting(&calls, "all ", |_| {}));
    let client = lab.ask(GET);
    assert_eq!(
        taken(&calls),
        ["ReadRequestHdr", "all SendRequestHdr", "ssn SendRequestHdr", "txn SendRequestHdr"]
    );
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn heads_can_be_changed() {
    let lab = Lab::new();
    let calls = Calls::default();
    let hooks = lab.proxy.hooks();
    hooks.add(
        HttpHook::ReadRequestHdr,
        noting(&calls, "", |txn| {
            txn.with_client_request(|request| request.url.path = b"changed".to_vec());
        }),
    );
    hooks.add(
        HttpHook::SendRequestHdr,
        noting(&calls, "", |txn| {
            txn.with_server_request(|request| request.fields.value_set("X-To-Origin", b"1"));
        }),
    );
    hooks.add(
        HttpHook::SendResponseHdr,
        noting(&calls, "", |txn| {
            assert_eq!(txn.server_response().status, 200);
            txn.with_client_response(|response| response.fields.value_set("X-To-Client", b"1"));
        }),
    );
    let client = lab.ask(GET);
    assert!(lab.origin().text().starts_with("GET /changed HTTP/1.1\r\n"));
    assert!(lab.origin().text().ends_with("X-To-Origin: 1\r\n\r\n"));
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("Server: ATS/9.2.9\r\nX-To-Client: 1\r\n\r\nhello"));
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn a_plugin_may_take_its_time() {
    for &hook in HttpHook::ALL {
        if matches!(hook, HttpHook::SsnStart | HttpHook::SsnClose) {
            continue;
        }
        let lab = Lab::new();
        let kept: Arc<Mutex<Option<HttpTxn>>> = Arc::default();
        let keep = Arc::clone(&kept);
        lab.proxy.hooks().add(
            hook,
            FreeContinuation::new(move |_, _, data| {
                *keep.lock() = data.txn().cloned();
                Outcome::Done
            }),
        );
        let client = lab.ask(GET);
        // Not before it has been asked.
        if let Some(origin) = lab.origins().last().filter(|origin| !origin.text().is_empty()) {
            origin.send(OK);
        }
        lab.run_s(2);
        assert_eq!(lab.census().transactions, 1, "{hook:?} waits");
        let txn = kept.lock().take().expect("called");
        // From a thread that the event system does not own.
        std::thread::scope(|scope| {
            scope.spawn(|| txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE)).join()
        })
        .unwrap();
        drop(txn);
        lab.settle();
        if !client.text().ends_with("hello") {
            lab.origin().send(OK);
            lab.settle();
        }
        assert!(client.text().ends_with("hello"), "{hook:?}");
        assert_eq!(lab.census().transactions, 0);
        lab.expect_nothing_left(vec![client]);
    }
}

/// 9.2.9 goes on a second time: it survives that at most places, and dies at
/// READ_RESPONSE_HDR and SEND_RESPONSE_HDR.
#[test]
fn giving_a_transaction_back_twice_counts_once() {
    for &hook in HttpHook::ALL {
        if matches!(hook, HttpHook::SsnStart | HttpHook::SsnClose) {
            continue;
        }
        let lab = Lab::new();
        let calls = Calls::default();
        for &each in HttpHook::ALL {
            lab.proxy.hooks().add(each, noting(&calls, "", |_| {}));
        }
        let twice = FreeContinuation::new(|_, _, data| {
            let txn = data.txn().expect("a transaction");
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        });
        lab.proxy.hooks().add(hook, twice);
        let client = lab.ask(GET);
        lab.origin().send(OK);
        lab.settle();
        assert!(client.text().ends_with("hello"), "{hook:?}");
        let each_once: Vec<String> = [
            HttpHook::SsnStart,
            HttpHook::TxnStart,
            HttpHook::ReadRequestHdr,
            HttpHook::PreRemap,
            HttpHook::PostRemap,
            HttpHook::CacheLookupComplete,
            HttpHook::OsDns,
            HttpHook::SendRequestHdr,
            HttpHook::ReadResponseHdr,
            HttpHook::SendResponseHdr,
            HttpHook::TxnClose,
        ]
        .map(|hook| format!("{hook:?}"))
        .to_vec();
        assert_eq!(taken(&calls), each_once, "{hook:?}");
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn a_client_that_goes_while_a_plugin_thinks_is_waited_for() {
    for &hook in HttpHook::ALL {
        if matches!(hook, HttpHook::SsnStart | HttpHook::SsnClose) {
            continue;
        }
        let lab = Lab::new();
        let kept: Arc<Mutex<Option<HttpTxn>>> = Arc::default();
        let keep = Arc::clone(&kept);
        lab.proxy.hooks().add(
            hook,
            FreeContinuation::new(move |_, _, data| {
                *keep.lock() = data.txn().cloned();
                Outcome::Done
            }),
        );
        let client = lab.ask(GET);
        if let Some(origin) = lab.origins().last() {
            origin.send(OK);
        }
        lab.settle();
        client.close();
        lab.run_s(30);
        assert_eq!(lab.census().transactions, 1, "{hook:?}");
        kept.lock().take().expect("called").reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn a_plugin_may_end_a_transaction_with_an_error() {
    for (hook, status, expected) in [
        (HttpHook::ReadRequestHdr, 0, "HTTP/1.1 500 INKApi Error\r\n"),
        (HttpHook::PreRemap, 403, "HTTP/1.1 403 Forbidden\r\n"),
        (HttpHook::CacheLookupComplete, 429, "HTTP/1.1 429 Too Many Requests\r\n"),
        (HttpHook::OsDns, 403, "HTTP/1.1 403 Forbidden\r\n"),
        (HttpHook::SendRequestHdr, 0, "HTTP/1.1 500 INKApi Error\r\n"),
        (HttpHook::ReadResponseHdr, 418, "HTTP/1.1 418 Error\r\n"),
        (HttpHook::SendResponseHdr, 503, "HTTP/1.1 503 Service Unavailable\r\n"),
    ] {
        let lab = Lab::new();
        lab.proxy.hooks().add(
            hook,
            FreeContinuation::new(move |_, _, data| {
                let txn = data.txn().expect("a transaction");
                txn.set_status(status);
                txn.reenable(EventCode::TS_EVENT_HTTP_ERROR);
                Outcome::Done
            }),
        );
        let client = lab.ask(GET);
        if let Some(origin) = lab.origins().last() {
            origin.send(OK);
        }
        lab.settle();
        assert!(client.text().starts_with(expected), "{hook:?}: {}", client.text());
        assert_eq!(lab.census().transactions, 0, "{hook:?}");
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn a_session_may_be_turned_away() {
    let lab = Lab::new();
    lab.proxy.hooks().add(
        HttpHook::SsnStart,
        FreeContinuation::new(|_, _, data| {
            data.ssn().expect("a session").reenable(EventCode::TS_EVENT_HTTP_ERROR);
            Outcome::Done
        }),
    );
    let client = lab.ask(GET);
    assert_eq!((client.text(), client.is_at_end()), (String::new(), true));
    lab.expect_nothing_left(vec![client]);
}

/// The mutex of a plugin is tried, not waited for; the next try comes 10 ms later.
#[test]
fn a_plugin_whose_mutex_is_held_is_called_later() {
    let lab = Lab::new();
    let called: Arc<Mutex<Vec<i64>>> = Arc::default();
    let note = Arc::clone(&called);
    let clock = Arc::clone(lab.processor.clock());
    let plugin =
        StateMachine::new(ProxyMutex::new(), (note, clock), |(note, clock), _, _, data| {
            note.lock().push(clock.get_hrtime());
            data.txn().expect("a transaction").reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        });
    lab.proxy.hooks().add(HttpHook::ReadRequestHdr, plugin.clone());
    let mutex = Arc::clone(plugin.mutex());
    let (has_it, wait) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let holder = std::thread::spawn(move || {
        let guard = mutex.lock();
        has_it.send(()).unwrap();
        let _ = released.recv();
        drop(guard);
    });
    wait.recv().unwrap();
    let start = lab.now();
    let client = lab.client();
    client.send(GET);
    lab.run_ms(25);
    assert!(called.lock().is_empty());
    assert!(weak_try_lock(Some(plugin.mutex())).is_none());
    drop(release);
    holder.join().unwrap();
    lab.run_ms(25);
    let at = called.lock()[0] - start;
    // At most one period after the mutex was given back.
    assert!((25_000_000..=35_000_000).contains(&at), "{at}");
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    lab.expect_nothing_left(vec![client]);
}

/// Notes the events of an intercept; never answers.
fn interceptor(events: &Arc<Mutex<Vec<EventCode>>>) -> ContRef {
    let events = Arc::clone(events);
    FreeContinuation::new(move |_, event, _| {
        events.lock().push(event);
        Outcome::Done
    })
}

#[test]
fn who_was_to_answer_and_never_is_asked_is_told() {
    type Ending = fn(&HttpTxn);
    let endings: [(HttpHook, Ending); 2] = [
        (HttpHook::ReadRequestHdr, |txn| txn.reenable(EventCode::TS_EVENT_HTTP_ERROR)),
        (HttpHook::CacheLookupComplete, |txn| txn.reenable(EventCode::TS_EVENT_HTTP_ERROR)),
    ];
    for (hook, ending) in endings {
        let lab = Lab::new();
        let events: Arc<Mutex<Vec<EventCode>>> = Arc::default();
        let plugin = interceptor(&events);
        lab.proxy.hooks().add(
            hook,
            FreeContinuation::new(move |_, _, data| {
                let txn = data.txn().expect("a transaction");
                txn.server_intercept(plugin.clone());
                ending(txn);
                Outcome::Done
            }),
        );
        let client = lab.ask(GET);
        assert_eq!(*events.lock(), [EventCode::NET_EVENT_ACCEPT_FAILED]);
        assert!(client.text().starts_with("HTTP/1.1 500 INKApi Error"));
        lab.expect_nothing_left(vec![client]);
    }
}

/// An intercept in place of the proxy's own work: no rule is needed.
#[test]
fn an_intercept_needs_no_rule() {
    let lab = Lab::new();
    let acceptor = lab.acceptor();
    lab.proxy.hooks().add(
        HttpHook::ReadRequestHdr,
        FreeContinuation::new(move |_, _, data| {
            let txn = data.txn().expect("a transaction");
            txn.intercept(acceptor.clone());
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        }),
    );
    let client = lab.ask(b"GET /y HTTP/1.1\r\nHost: nothere\r\n\r\n");
    assert!(lab.origin().text().starts_with("GET /y HTTP/1.1\r\nHost: nothere\r\n"));
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    // Without an intercept there is no answer from a plugin.
    lab.proxy.hooks().clear();
    client.take();
    client.send(b"GET /y HTTP/1.1\r\nHost: nothere\r\n\r\n");
    lab.settle();
    assert!(client.text().starts_with("HTTP/1.1 404 Not Found on Accelerator\r\n"));
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn a_plugins_own_request_says_so() {
    let lab = Lab::with(config(), None);
    let internal: Arc<Mutex<Vec<bool>>> = Arc::default();
    let note = Arc::clone(&internal);
    let calls = Calls::default();
    lab.proxy.hooks().add(
        HttpHook::ReadRequestHdr,
        noting(&calls, "", move |txn| {
            note.lock().push(txn.is_internal());
        }),
    );
    let outside = lab.ask(GET);
    let inside = Peer::new(ts_http_connect(&lab.proxy, "10.1.2.3:99".parse().unwrap()));
    inside.send(GET);
    lab.settle();
    assert_eq!(*internal.lock(), [false, true]);
    assert!(lab.origin().text().contains("\r\nClient-ip: 10.1.2.3\r\n"));
    lab.expect_nothing_left(vec![outside, inside]);
}

/// A plugin has one connection: it is not asked a second time.
#[test]
fn who_answers_may_close_at_once() {
    let lab = Lab::new();
    lab.proxy.hooks().add(
        HttpHook::CacheLookupComplete,
        FreeContinuation::new(|_, _, data| {
            let txn = data.txn().expect("a transaction");
            txn.server_intercept(FreeContinuation::new(|_, _, data| {
                data.net_vc().expect("a connection").do_io_close(None);
                Outcome::Done
            }));
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        }),
    );
    let client = lab.ask(GET);
    assert!(client.text().starts_with("HTTP/1.1 502 "), "{}", client.text());
    lab.expect_nothing_left(vec![client]);
}

/// Of two plugins that want to answer the last one answers, and the other gets
/// an event.
#[test]
fn the_last_who_wants_to_answer_does() {
    let lab = Lab::new();
    let events: Arc<Mutex<Vec<EventCode>>> = Arc::default();
    let (first, second) = (interceptor(&events), lab.acceptor());
    lab.proxy.hooks().add(
        HttpHook::CacheLookupComplete,
        FreeContinuation::new(move |_, _, data| {
            let txn = data.txn().expect("a transaction");
            txn.server_intercept(first.clone());
            txn.server_intercept(second.clone());
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        }),
    );
    let client = lab.ask(GET);
    assert_eq!(*events.lock(), [EventCode::NET_EVENT_ACCEPT_FAILED]);
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    lab.expect_nothing_left(vec![client]);
}
