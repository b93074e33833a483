//! The protocol probe: no session before the first byte.
//!
//! `ProtocolProbeSessionAccept` of 9.2.9; the times are those of `config()`.

use std::sync::Arc;

use eventsys::hrtime::SECOND;
use eventsys::sync::Mutex;
use eventsys::{ContRef, EventCode, FreeContinuation, Outcome};
use httpsm::hooks::HttpHook;
use httpsm::{HttpCensus, HttpData, HttpEvents, ts_http_connect};
use testkit::Peer;

use crate::common::Lab;

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n";

type Seen = Arc<Mutex<Vec<HttpHook>>>;

/// A laboratory whose hooks of sessions and of the start of transactions are noted.
fn noted() -> (Lab, Seen) {
    let lab = Lab::new();
    let seen = Seen::default();
    for hook in [HttpHook::SsnStart, HttpHook::TxnStart, HttpHook::SsnClose] {
        lab.proxy.hooks().add(hook, noting(&seen));
    }
    (lab, seen)
}

fn noting(seen: &Seen) -> ContRef {
    let seen = Arc::clone(seen);
    FreeContinuation::new(move |_, event, data| {
        seen.lock().extend(HttpHook::from_event(event));
        if let Some(ssn) = data.ssn() {
            ssn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        if let Some(txn) = data.txn() {
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        Outcome::Done
    })
}

fn taken(seen: &Seen) -> Vec<HttpHook> {
    std::mem::take(&mut seen.lock())
}

#[test]
fn a_session_begins_with_the_first_byte_and_its_transaction_with_it() {
    let (lab, seen) = noted();
    let client = lab.client();
    lab.run_s(5);
    assert_eq!((lab.census(), taken(&seen)), (HttpCensus::default(), vec![]));
    client.send(&GET[..1]);
    lab.settle();
    assert_eq!(taken(&seen), [HttpHook::SsnStart, HttpHook::TxnStart]);
    client.send(&GET[1..]);
    lab.settle();
    assert!(lab.origin().received().starts_with(b"GET /x HTTP/1.1\r\n"));
    lab.expect_nothing_left(vec![client]);
}

/// `accept_no_activity_timeout` is 7 s here.
#[test]
fn a_client_that_sends_nothing_is_closed_and_no_hook_hears_of_it() {
    let (lab, seen) = noted();
    let began = lab.now();
    let client = lab.client();
    while !client.is_at_end() {
        lab.settle();
        assert!(lab.now() < began + 9 * SECOND, "it is still open");
    }
    assert!(lab.now() >= began + 7 * SECOND, "it was closed too soon");
    assert_eq!((client.received(), taken(&seen)), (vec![], vec![]));
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn a_client_that_goes_before_its_first_byte_leaves_nothing() {
    let (lab, seen) = noted();
    let client = lab.client();
    lab.settle();
    client.close();
    lab.settle();
    assert_eq!(taken(&seen), []);
    lab.expect_nothing_left(vec![client]);
}

/// A port without TLS has no session of HTTP/2 in the original's default.
#[test]
fn the_first_bytes_of_http2_close_the_connection() {
    let (lab, seen) = noted();
    for first in [&b"PRI "[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n and more"] {
        let client = lab.ask(first);
        assert!(client.is_at_end(), "{first:?}");
        assert_eq!((client.received(), taken(&seen)), (vec![], vec![]), "{first:?}");
        client.close();
    }
    // Too few to tell, and another method.
    for first in [&b"PRI"[..], b"PRINT"] {
        let client = lab.ask(first);
        assert!(!client.is_at_end(), "{first:?}");
        assert_eq!(taken(&seen), [HttpHook::SsnStart, HttpHook::TxnStart], "{first:?}");
        client.close();
        lab.settle();
        taken(&seen);
    }
    lab.expect_nothing_left(vec![]);
}

/// Mirrors `plugin_http_accept`, which has no probe before it, and no timeout for the first byte.
#[test]
fn the_connection_of_a_plugin_is_a_session_at_once_and_is_not_timed_out() {
    let (lab, seen) = noted();
    let client = Peer::new(ts_http_connect(&lab.proxy, ([127, 0, 0, 1], 40000).into()));
    lab.settle();
    assert_eq!(taken(&seen), [HttpHook::SsnStart]);
    lab.run_s(300);
    assert_eq!((client.end(), taken(&seen)), (None, vec![]));
    client.close();
    lab.settle();
    assert_eq!(taken(&seen), [HttpHook::SsnClose]);
    lab.expect_nothing_left(vec![]);
}
