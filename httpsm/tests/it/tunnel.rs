//! `CONNECT`: tunnels, and how they end. A client and an origin server at ends of
//! PluginVC pairs, in virtual time.

use crate::common::{Lab, Peer, config};
use eventsys::{EventCode, FreeContinuation, Outcome};
use httpsm::hooks::HttpHook;
use httpsm::{HttpConfig, HttpData, HttpEvents, HttpTxn};

const ANSWER: &str =
    "HTTP/1.1 200 OK\r\nDate: DATE0 GMT\r\nConnection: keep-alive\r\nServer: ATS/9.2.9\r\n\r\n";

/// A proxy that needs no rules and lets tunnels go to the origin server's port.
fn lab() -> Lab {
    let config =
        HttpConfig { url_remap_required: false, connect_ports: vec![443, 19090], ..config() };
    Lab::with(config, None)
}

/// The head of a request, and the bytes behind it.
fn connect(behind: &str) -> Vec<u8> {
    let to = "127.0.0.1:19090";
    format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n{behind}").into_bytes()
}

/// A tunnel that has been opened.
fn open(lab: &Lab) -> (Peer, Peer) {
    let client = lab.ask(&connect(""));
    assert_eq!(client.text(), ANSWER);
    client.take();
    let origin = lab.origin();
    assert_eq!(origin.text(), "", "the proxy says nothing of its own");
    (client, origin)
}

#[test]
fn bytes_go_both_ways_until_both_have_ended() {
    let lab = lab();
    let (client, origin) = open(&lab);
    for (from, to) in [(&client, &origin), (&origin, &client), (&client, &origin)] {
        from.send(b"GET / HTTP/1.1\r\n\r\n");
        lab.settle();
        assert_eq!(to.take(), b"GET / HTTP/1.1\r\n\r\n");
    }
    // One side ends, and can still be written to.
    client.send(b"last");
    lab.settle();
    client.shutdown_write();
    lab.settle();
    assert_eq!(origin.take(), b"last");
    assert!(!client.is_at_end());
    origin.send(b"answer");
    lab.settle();
    assert_eq!(client.take(), b"answer");
    assert_eq!(lab.census().transactions, 1);
    origin.close();
    lab.settle();
    assert_eq!(client.end(), Some(EventCode::VC_EVENT_EOS));
    assert_eq!(lab.census().transactions, 0);
    lab.expect_nothing_left(vec![client, origin]);
}

#[test]
fn what_comes_behind_the_request_goes_through() {
    let lab = lab();
    let client = lab.ask(&connect("GET / HTTP/1.1\r\n\r\n"));
    assert_eq!(client.text(), ANSWER);
    assert_eq!(lab.origin().text(), "GET / HTTP/1.1\r\n\r\n");
    let origin = lab.origin();
    lab.expect_nothing_left(vec![client, origin]);
}

#[test]
fn ten_megabytes_go_through_and_a_slow_reader_holds_the_writer_back() {
    let lab = lab();
    let (client, origin) = open(&lab);
    let bytes: Vec<u8> = (0..10 << 20).map(|i: u32| (i ^ (i >> 9)) as u8).collect();
    origin.pause(true);
    client.send(&bytes);
    lab.run_s(1);
    let live = iocore::buffer::census().live;
    assert_eq!(origin.received().len(), 0);
    origin.pause(false);
    lab.run_s(2);
    assert!(origin.take() == bytes, "the same bytes");
    assert!(iocore::buffer::census().live <= live);
    origin.send(&bytes);
    lab.run_s(2);
    assert!(client.take() == bytes, "the same bytes");
    lab.expect_nothing_left(vec![client, origin]);
}

#[test]
fn when_one_end_closes_the_other_gets_what_was_sent_and_the_end() {
    for client_closes in [true, false] {
        let lab = lab();
        let (client, origin) = open(&lab);
        let (closes, other) = if client_closes { (&client, &origin) } else { (&origin, &client) };
        closes.send(b"bye");
        lab.settle();
        closes.close();
        lab.settle();
        assert_eq!(other.take(), b"bye");
        assert!(other.is_at_end(), "{client_closes}");
        other.send(b"this is not read");
        other.close();
        lab.settle();
        assert_eq!(lab.census().transactions, 0);
        lab.expect_nothing_left(vec![client, origin]);
    }
}

#[test]
fn a_tunnel_in_which_nothing_happens_is_closed() {
    let lab = lab();
    let (client, origin) = open(&lab);
    // Four seconds for the origin server, ten for the client.
    lab.run_s(2);
    assert!(!client.is_at_end() && !origin.is_at_end());
    lab.run_s(4);
    assert!(client.is_at_end() && origin.is_at_end());
    assert_eq!(lab.census().transactions, 0);
    lab.expect_nothing_left(vec![client, origin]);
}

#[test]
fn other_ports_are_forbidden_and_no_server_is_asked() {
    let lab = lab();
    let client = lab.ask(b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
    assert!(client.text().starts_with("HTTP/1.1 403 Tunnel Forbidden\r\n"), "{}", client.text());
    assert!(client.text().contains("\r\nConnection: keep-alive\r\n"));
    assert!(lab.origins().is_empty());
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn a_connection_that_cannot_be_made_is_a_502_and_not_tried_again() {
    let lab = lab();
    let client = lab.ask(b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1:443\r\n\r\n");
    assert!(client.text().starts_with("HTTP/1.1 502 Connection refused\r\n"), "{}", client.text());
    lab.expect_nothing_left(vec![client]);
}

/// A plugin at `SEND_RESPONSE_HDR` that keeps the transaction.
fn keep(lab: &Lab) -> std::sync::Arc<eventsys::sync::Mutex<Option<HttpTxn>>> {
    let kept = std::sync::Arc::<eventsys::sync::Mutex<Option<HttpTxn>>>::default();
    let here = kept.clone();
    let hook = FreeContinuation::new(move |_, _, data| {
        *here.lock() = data.txn().cloned();
        Outcome::Done
    });
    lab.proxy.hooks().add(HttpHook::SendResponseHdr, hook);
    kept
}

#[test]
fn a_plugin_may_hold_a_tunnel_up_or_forbid_it() {
    for event in [EventCode::TS_EVENT_HTTP_CONTINUE, EventCode::TS_EVENT_HTTP_ERROR] {
        let lab = lab();
        let kept = keep(&lab);
        let client = lab.ask(&connect("early"));
        assert_eq!((client.text(), lab.origin().text()), (String::new(), String::new()));
        let txn = kept.lock().take().unwrap();
        txn.reenable(event);
        drop(txn);
        lab.settle();
        let origin = lab.origin();
        if event == EventCode::TS_EVENT_HTTP_CONTINUE {
            assert_eq!((client.text(), origin.text()), (ANSWER.to_owned(), "early".to_owned()));
        } else {
            assert!(client.text().starts_with("HTTP/1.1 500 INKApi Error"), "{}", client.text());
            assert!(origin.is_at_end() && origin.text().is_empty());
        }
        lab.expect_nothing_left(vec![client, origin]);
    }
}

#[test]
fn an_origin_server_that_goes_while_a_plugin_thinks_leaves_nothing_to_tunnel_to() {
    let lab = lab();
    let kept = keep(&lab);
    let client = lab.ask(&connect(""));
    lab.origin().close();
    lab.settle();
    let txn = kept.lock().take().unwrap();
    txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
    drop(txn);
    lab.settle();
    assert!(client.is_at_end());
    lab.expect_nothing_left(vec![client]);
}

/// A plugin that takes a `CONNECT` in place of the proxy answers it. Behind its 200 all bytes go
/// through; what it sends together with the head is lost, as in 9.2.9.
#[test]
fn behind_the_200_of_a_plugin_all_bytes_go_both_ways() {
    let lab = lab();
    let acceptor = lab.acceptor();
    let takes = FreeContinuation::new(move |_, _, data| {
        let txn = data.txn().expect("a transaction");
        txn.intercept(acceptor.clone());
        txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        Outcome::Done
    });
    lab.proxy.hooks().add(HttpHook::ReadRequestHdr, takes);
    let client = lab.ask(&connect("early"));
    let plugin = lab.origin();
    assert!(plugin.text().starts_with("CONNECT 127.0.0.1:19090 HTTP/1.1\r\n"), "{}", plugin.text());
    plugin.take();
    plugin.send(b"HTTP/1.1 200 OK\r\n\r\nlost");
    lab.settle();
    let with_age = ANSWER.replace("Connection:", "Age: 0\r\nConnection:");
    assert_eq!(client.text(), with_age);
    client.take();
    assert_eq!(plugin.take(), b"early");
    for (from, to) in [(&client, &plugin), (&plugin, &client)] {
        from.send(b"bytes");
        lab.settle();
        assert_eq!((&to.take()[..], to.is_at_end()), (&b"bytes"[..], false));
    }
    client.close();
    lab.settle();
    assert!(plugin.is_at_end());
    lab.expect_nothing_left(vec![plugin]);
}
