//! A transaction that is over does not answer: each function of the plugin interface
//! that ends 9.2.9 then (`sdk_sanity_check_txn`) panics with the same words.

use std::sync::Arc;

use crate::common::Lab;
use eventsys::sync::Mutex;
use eventsys::{ContRef, EventCode, FreeContinuation, Outcome};
use httpsm::hooks::HttpHook;
use httpsm::{HttpData, HttpEvents, HttpTxn};
use testkit::panic_text;

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A hook that keeps its transaction, and lets it go on if `goes_on`.
fn keeping(kept: &Arc<Mutex<Option<HttpTxn>>>, goes_on: bool) -> ContRef {
    let kept = Arc::clone(kept);
    FreeContinuation::new(move |_, _, data| {
        let txn = data.txn().expect("a transaction").clone();
        *kept.lock() = Some(txn.clone());
        if goes_on {
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        Outcome::Done
    })
}

fn idle_cont() -> ContRef {
    FreeContinuation::new(|_, _, _| Outcome::Done)
}

type Function = fn(&HttpTxn);

/// Every function, by the name that it has in the original.
const FUNCTIONS: &[(&str, Function)] = &[
    ("TSHttpTxnIdGet", |txn| {
        let _ = txn.id();
    }),
    ("TSHttpTxnReenable", |txn| txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE)),
    ("TSHttpTxnServerIntercept", |txn| txn.server_intercept(idle_cont())),
    ("TSHttpTxnIntercept", |txn| txn.intercept(idle_cont())),
    ("plugin_tunnel", |txn| {
        let _ = txn.plugin_tunnel();
    }),
    ("TSHttpTxnHookAdd", |txn| txn.add_hook(HttpHook::ReadRequestHdr, idle_cont())),
    ("TSHttpTxnClientReqGet", |txn| {
        let _ = txn.client_request();
    }),
    ("with_client_request", |txn| txn.with_client_request(|_| ())),
    ("TSHttpTxnServerReqGet", |txn| {
        let _ = txn.server_request();
    }),
    ("with_server_request", |txn| {
        let _ = txn.with_server_request(|_| ());
    }),
    ("TSHttpTxnServerRespGet", |txn| {
        let _ = txn.server_response();
    }),
    ("TSHttpTxnClientRespGet", |txn| {
        let _ = txn.client_response();
    }),
    ("with_client_response", |txn| {
        let _ = txn.with_client_response(|_| ());
    }),
    ("TSHttpTxnStatusSet", |txn| txn.set_status(403)),
    ("TSHttpTxnIsInternal", |txn| {
        let _ = txn.is_internal();
    }),
];

#[test]
fn a_transaction_that_is_over_answers_no_function() {
    let lab = Lab::new();
    let kept: Arc<Mutex<Option<HttpTxn>>> = Arc::default();
    lab.proxy.hooks().add(HttpHook::ReadRequestHdr, keeping(&kept, true));
    let client = lab.ask(GET);
    let txn = kept.lock().take().expect("called");
    assert_eq!(&txn.client_request().url.path, b"x");
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    for (name, function) in FUNCTIONS {
        assert_eq!(
            panic_text(|| function(&txn)),
            "failed assertion `sdk_sanity_check_txn(txnp) == TS_SUCCESS`: transaction 0 is over",
            "{name}"
        );
    }
    // The other transactions go on: no lock is held, and nothing is left.
    client.send(GET);
    lab.settle();
    lab.origin().send(OK);
    lab.settle();
    drop((txn, kept.lock().take()));
    lab.expect_nothing_left(vec![client]);
}

/// It is over when its plugins of TXN_CLOSE have given it back, and no sooner.
#[test]
fn a_transaction_answers_until_its_last_plugin_has_given_it_back() {
    let lab = Lab::new();
    let kept: Arc<Mutex<Option<HttpTxn>>> = Arc::default();
    lab.proxy.hooks().add(HttpHook::TxnClose, keeping(&kept, false));
    let client = lab.ask(GET);
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    let txn = kept.lock().take().expect("called");
    for (name, function) in FUNCTIONS.iter().filter(|(name, _)| *name != "TSHttpTxnReenable") {
        function(&txn);
        assert_eq!(lab.census().transactions, 1, "{name}");
    }
    txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
    panic_text(|| txn.id());
    drop(txn);
    lab.expect_nothing_left(vec![client]);
}

/// A plugin gives it back twice, from a thread of its own: the first time ends it, and
/// the second comes too late. 9.2.9 asserts there, if it has not used the memory for
/// another transaction.
#[test]
fn giving_back_what_has_ended_meanwhile_is_an_assertion_on_the_event_thread() {
    let lab = Lab::new();
    let kept: Arc<Mutex<Option<HttpTxn>>> = Arc::default();
    lab.proxy.hooks().add(HttpHook::TxnClose, keeping(&kept, false));
    let client = lab.ask(GET);
    lab.origin().send(OK);
    lab.settle();
    let txn = kept.lock().take().expect("called");
    let twice = || (0..2).for_each(|_| txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE));
    std::thread::scope(|scope| scope.spawn(twice).join()).unwrap();
    assert_eq!(panic_text(|| lab.settle()), "failed assertion `magic == HTTP_SM_MAGIC_ALIVE`");
    drop(txn);
    lab.expect_nothing_left(vec![client]);
}
