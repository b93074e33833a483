//! The origin server ends the stream without an answer, and a plugin holds the transaction at
//! READ_RESPONSE_HDR: from then on no event of either connection counts.

use std::sync::Arc;

use crate::common::{Lab, Peer};
use eventsys::sync::Mutex;
use eventsys::{EventCode, FreeContinuation, Outcome};
use httpsm::hooks::HttpHook;
use httpsm::{HttpData, HttpEvents, HttpTxn};

/// Not asked a second time.
const POST: &[u8] = b"POST /x HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 4\r\n\r\nbody";
const HALF_A_POST: &[u8] =
    b"POST /x HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 9\r\n\r\nhalf";

/// A client has asked, the origin server has ended its side, and a plugin holds the transaction at
/// READ_RESPONSE_HDR.
fn held(request: &[u8]) -> (Lab, Peer, HttpTxn) {
    held_at(HttpHook::ReadResponseHdr, request)
}

/// As [`held`], at this hook.
fn held_at(hook: HttpHook, request: &[u8]) -> (Lab, Peer, HttpTxn) {
    let lab = Lab::new();
    let place: Arc<Mutex<Option<HttpTxn>>> = Arc::default();
    let keep = Arc::clone(&place);
    let cont = FreeContinuation::new(move |_, _, data| {
        *keep.lock() = data.txn().cloned();
        Outcome::Done
    });
    lab.proxy.hooks().add(hook, cont);
    let client = lab.ask(request);
    lab.origin().close();
    lab.settle();
    let txn = place.lock().take().expect("the plugin has been called");
    (lab, client, txn)
}

/// The plugin gives the transaction back, and the client gets an answer that begins with `status`.
fn goes_on(lab: Lab, client: Peer, txn: HttpTxn, status: &str) {
    txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
    drop(txn);
    lab.settle();
    assert!(client.text().starts_with(status), "{}", client.text());
    lab.expect_nothing_left(vec![client]);
}

/// There is a head then, with nothing in it.
#[test]
fn an_end_without_an_answer_is_an_empty_answer() {
    let (lab, client, txn) = held(POST);
    let mut text = Vec::new();
    txn.server_response().print(&mut text);
    assert_eq!((txn.has_server_response(), &*text), (true, &b"HTTP/1.0 0 \r\n\r\n"[..]));
    goes_on(lab, client, txn, "HTTP/1.1 502 Malformed Server Response Status\r\n");
}

#[test]
fn a_timeout_of_the_origin_server_behind_its_end_is_not_heard_of() {
    let (lab, client, txn) = held(POST);
    // The origin server's timeout is 4 s, the client's 10 s.
    lab.run_s(8);
    assert_eq!((&*client.text(), client.is_at_end()), ("", false));
    goes_on(lab, client, txn, "HTTP/1.1 502 Malformed Server Response Status\r\n");
}

/// The body's tunnel was stopped, and the client's timeouts still come to it. The client's inactivity
/// timeout is 10 s.
#[test]
fn a_client_whose_body_was_stopped_has_no_timeout_until_it_is_answered() {
    let (lab, client, txn) = held(HALF_A_POST);
    lab.run_s(60);
    assert_eq!((&*client.text(), client.is_at_end()), ("", false));
    goes_on(lab, client, txn, "HTTP/1.1 502 Malformed Server Response Status\r\n");
}

/// The head has been put together, and that counts as sent: a request that is not safe is not asked
/// again, though the origin server had gone before.
#[test]
fn a_request_for_an_origin_server_that_has_gone_is_not_sent_again() {
    let (lab, client, txn) = held_at(HttpHook::SendRequestHdr, POST);
    txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
    drop(txn);
    lab.settle();
    assert!(client.text().starts_with("HTTP/1.1 502 "), "{}", client.text());
    assert_eq!(lab.origins().len(), 1);
    lab.expect_nothing_left(vec![client]);
}
