//! A client, the proxy, an origin server.

use crate::common::{Lab, config};
use httpsm::HttpConfig;

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n";

#[test]
fn a_request_is_passed_on_and_answered() {
    let lab = Lab::new();
    let client = lab.ask(GET);
    let origin = lab.origin();
    assert_eq!(
        origin.text(),
        "GET /x HTTP/1.1\r\nHost: 127.0.0.1:19090\r\nClient-ip: 127.0.0.1\r\n\
         X-Forwarded-For: 127.0.0.1\r\nVia: http/1.1 traffic_server[00000000-0000-0000-0000-\
         000000000000] (ApacheTrafficServer/9.2.9)\r\n\r\n"
    );
    origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    lab.settle();
    assert_eq!(
        client.text(),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: DATE0 GMT\r\nAge: 0\r\n\
         Connection: keep-alive\r\nServer: ATS/9.2.9\r\n\r\nhello"
    );
    assert!(!client.is_at_end());
    lab.expect_nothing_left(vec![client]);
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// What is read behind the end of a chunked request is the next request, however
/// the two are cut.
#[test]
fn a_request_behind_a_chunked_one_is_not_lost() {
    let both = [
        &b"POST /1 HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
        b"3\r\nabc\r\n0\r\n\r\n",
        b"GET /2 HTTP/1.1\r\nHost: origin.test\r\n\r\n",
    ]
    .concat();
    for cut in 0..both.len() {
        let lab = Lab::new();
        let client = lab.client();
        client.send(&both[..cut]);
        lab.settle();
        client.send(&both[cut..]);
        lab.settle();
        let origin = lab.origin();
        assert!(
            origin.text().ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            "{cut}: {}",
            origin.text()
        );
        origin.take();
        origin.send(OK);
        lab.settle();
        assert!(lab.origin().text().starts_with("GET /2 HTTP/1.1\r\n"), "{cut}");
        lab.origin().send(OK);
        lab.settle();
        assert_eq!(client.text().matches("HTTP/1.1 200 OK").count(), 2, "{cut}");
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn a_body_may_wait_for_leave() {
    let head = b"POST /x HTTP/1.1\r\nHost: origin.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    // The origin server gives it.
    let lab = Lab::new();
    let client = lab.ask(head);
    assert!(lab.origin().text().contains("\r\nExpect: 100-continue\r\n"));
    assert_eq!(client.text(), "");
    lab.origin().send(b"HTTP/1.1 100 Continue\r\n\r\n");
    lab.settle();
    assert!(client.text().starts_with("HTTP/1.1 100 Continue\r\n"), "{}", client.text());
    client.send(b"abc");
    lab.settle();
    assert!(lab.origin().text().ends_with("\r\n\r\nabc"));
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    lab.expect_nothing_left(vec![client]);

    // The proxy gives it.
    let config = HttpConfig { send_100_continue_response: true, ..config() };
    let lab = Lab::with(config, None);
    let client = lab.ask(head);
    assert_eq!(client.text(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(!lab.origin().text().contains("Expect"));
    client.send(b"abc");
    lab.settle();
    assert!(lab.origin().text().ends_with("\r\n\r\nabc"));
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    lab.expect_nothing_left(vec![client]);

    // Neither does: the answer comes at once, and the client gets no
    // "continue".
    let lab = Lab::new();
    let client = lab.ask(head);
    lab.origin().send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
    lab.settle();
    assert!(client.text().starts_with("HTTP/1.1 417 "));
    assert!(client.text().contains("\r\nConnection: close\r\n"));
    assert!(client.is_at_end());
    lab.expect_nothing_left(vec![client]);
}

/// Without rules it is a forward proxy.
#[test]
fn a_forward_proxy_asks_the_server_that_the_target_names() {
    let config = HttpConfig { url_remap_required: false, ..config() };
    let lab = Lab::with(config, None);
    lab.connector.listen("other.test", 81, lab.acceptor());
    let client = lab.ask(b"GET http://other.test:81/y?z HTTP/1.1\r\nHost: ignored\r\n\r\n");
    let asked = lab.origin().text();
    assert!(asked.starts_with("GET /y?z HTTP/1.1\r\nHost: other.test:81\r\n"), "{asked}");
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    lab.expect_nothing_left(vec![client]);
}

/// The age of an answer has a special number when it is past the end of the range.
#[test]
fn an_age_that_cannot_be_counted_is_two_to_the_31() {
    for (age, seconds, expected) in [
        ("10", 0, "10"),
        ("10", 2, "12"),
        ("-5", 0, "0"),
        ("9223372036854775807", 0, "9223372036854775807"),
        ("9223372036854775807", 2, "2147483648"),
        ("9223372036854775806", 2, "2147483648"),
    ] {
        let lab = Lab::new();
        let client = lab.ask(GET);
        lab.run_s(seconds);
        let head = format!("HTTP/1.1 200 OK\r\nAge: {age}\r\nContent-Length: 5\r\n\r\n");
        lab.origin().send(head.as_bytes());
        lab.origin().send(b"hello");
        lab.settle();
        let text = client.text();
        assert!(text.contains(&format!("Age: {expected}\r\n")), "{age} {seconds}: {text}");
        lab.expect_nothing_left(vec![client]);
    }
}
