//! Answers that the proxy makes itself, and what they say about the connection.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use crate::common::{Lab, Peer};
use crate::net_common::{GET, Stage, head};
use eventsys::sync::Mutex;
use eventsys::{EventCode, FreeContinuation, Outcome};
use httpsm::hooks::HttpHook;
use httpsm::{HttpData, HttpEvents, HttpTxn};

const NOT_MODIFIED: &[u8] = b"HTTP/1.1 304 Not Modified\r\n\r\n";
const POST: &[u8] = b"POST /x HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\n\r\nhello";

/// The values of `Connection` that the client has got.
fn connection(client: &Peer) -> Vec<String> {
    let text = client.text();
    let values = text.lines().filter_map(|line| line.strip_prefix("Connection: "));
    values.map(str::to_owned).collect()
}

/// A plugin of this hook does this, and gives back with this event.
fn at(lab: &Lab, hook: HttpHook, event: EventCode, act: impl Fn(&HttpTxn) + Send + Sync + 'static) {
    let cont = FreeContinuation::new(move |_, _, data| {
        let txn = data.txn().expect("a transaction");
        act(txn);
        txn.reenable(event);
        Outcome::Done
    });
    lab.proxy.hooks().add(hook, cont);
}

/// Also behind a body that has been sent on. The plugins of SEND_RESPONSE_HDR see it.
#[test]
fn an_answer_without_a_body_closes_the_connection_behind_a_request_with_one() {
    let chunks =
        b"PUT /x HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let next = [POST, b"GET /next HTTP/1.1\r\nHost: origin.test\r\n\r\n"].concat();
    let get = b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n";
    for (request, expected) in
        [(POST, "close"), (&chunks[..], "close"), (&next, "close"), (get, "keep-alive")]
    {
        let lab = Lab::new();
        let seen: Arc<Mutex<Vec<Option<Vec<u8>>>>> = Arc::default();
        let note = Arc::clone(&seen);
        at(&lab, HttpHook::SendResponseHdr, EventCode::TS_EVENT_HTTP_CONTINUE, move |txn| {
            let head = txn.client_response().expect("an answer");
            note.lock().push(head.fields.value_get("Connection").map(<[u8]>::to_vec));
        });
        let client = lab.ask(request);
        lab.origin().send(NOT_MODIFIED);
        lab.settle();
        assert_eq!(connection(&client), [expected]);
        assert_eq!(*seen.lock(), [Some(expected.as_bytes().to_vec())]);
        assert_eq!(client.is_at_end(), expected == "close");
        lab.expect_nothing_left(vec![client]);
    }
}

/// What a client wants is not known before the rules have been looked at.
#[test]
fn a_request_that_a_plugin_refuses_at_once_closes_the_connection_and_says_so() {
    for (version, fields) in [("1.0", ""), ("1.0", "Connection: keep-alive\r\n"), ("1.1", "")] {
        let lab = Lab::new();
        at(&lab, HttpHook::ReadRequestHdr, EventCode::TS_EVENT_HTTP_ERROR, |_| ());
        let request = format!("GET /x HTTP/{version}\r\nHost: origin.test\r\n{fields}\r\n");
        let client = lab.ask(request.as_bytes());
        assert!(client.text().starts_with(&format!("HTTP/{version} 500 INKApi Error\r\n")));
        assert_eq!((connection(&client), client.is_at_end()), (vec!["close".to_owned()], true));
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn a_request_without_a_method_is_no_text() {
    let lab = Lab::new();
    let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let note = Arc::clone(&seen);
    at(&lab, HttpHook::TxnClose, EventCode::TS_EVENT_HTTP_CONTINUE, move |txn| {
        let mut text = Vec::new();
        txn.client_request().print(&mut text);
        note.lock().push(text);
    });
    let client = lab.ask(b"NONSENSE\r\n\r\n");
    assert!(client.text().contains(" 400 Invalid HTTP Request\r\n"));
    assert_eq!(*seen.lock(), [b""]);
    lab.expect_nothing_left(vec![client]);
}

/// The session reads once more and learns of the end. So a client that has ended its side has the
/// answer a pass before the end.
#[test]
fn a_client_that_has_ended_its_side_is_closed_a_pass_behind_its_answer() {
    let stage = Stage::new(|mut stream| {
        head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    });
    let mut client = stage.client();
    client.write_all(GET).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (mut passes, mut seen) = (0, Vec::new());
    while seen.last() != Some(&(passes, 0)) {
        passes += 1;
        stage.pass();
        while let Ok(n) = client.read(&mut [0; 4096]) {
            seen.push((passes, n));
            if n == 0 {
                break;
            }
        }
    }
    let [(answered, 1..), (closed, 0)] = seen[..] else { panic!("{seen:?}") };
    assert_eq!(closed, answered + 1);
    drop(client);
    stage.expect_nothing_left();
}

/// The connection goes to the pool when the plugins of TXN_CLOSE have given the transaction back.
#[test]
fn an_origin_servers_connection_is_used_again_when_its_transaction_is_over() {
    const GET_OF_TEST: &[u8] = b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n";
    for (holds, connections) in [(false, 1), (true, 2)] {
        let lab = Lab::new();
        let held: Arc<Mutex<Vec<HttpTxn>>> = Arc::default();
        let keep = Arc::clone(&held);
        let cont = FreeContinuation::new(move |_, _, data| {
            let txn = data.txn().expect("a transaction").clone();
            match holds {
                true => keep.lock().push(txn),
                false => txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE),
            }
            Outcome::Done
        });
        lab.proxy.hooks().add(HttpHook::TxnClose, cont);
        let mut clients = Vec::new();
        for _ in 0..2 {
            clients.push(lab.ask(GET_OF_TEST));
            lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
            lab.settle();
            assert!(clients.last().is_some_and(|client| client.text().ends_with("hi")));
        }
        assert_eq!(lab.origins().len(), connections);
        assert_eq!(lab.proxy.pool().len(), if holds { 0 } else { 1 });
        for txn in std::mem::take(&mut *held.lock()) {
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        lab.settle();
        assert_eq!(lab.proxy.pool().len(), connections);
        lab.expect_nothing_left(clients);
    }
}
