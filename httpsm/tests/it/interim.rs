//! Interim answers that no body waits for. A real 9.2.9 sets up one more tunnel for the body then.
//! What its client sees is the same here, and its faults are not: no byte of a body is sent twice
//! or lost, and no request is taken for a body.

use crate::common::{Lab, Peer, config};
use httpsm::HttpConfig;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

fn head(method: &str, fields: &str) -> Vec<u8> {
    format!("{method} /x HTTP/1.1\r\nHost: origin.test\r\n{fields}\r\n").into_bytes()
}

/// The status lines and the values of `Connection` that the client has got.
fn seen(client: &Peer) -> Vec<String> {
    let text = client.text();
    let told = text.lines().filter(|line| line.starts_with("HTTP/") || line.starts_with("Conn"));
    told.map(str::to_owned).collect()
}

const CONTINUED_THEN_CLOSED: [&str; 3] =
    ["HTTP/1.1 100 Continue", "HTTP/1.1 200 OK", "Connection: close"];

/// Only `POST` and `PUT` wait in the proxy; another method's body has its tunnel at once, and its
/// client may wait all the same.
#[test]
fn a_client_of_another_method_gets_its_leave_while_the_proxy_waits_for_the_body() {
    let lab = Lab::new();
    let client = lab.ask(&head("PATCH", "Expect: 100-continue\r\nContent-Length: 5\r\n"));
    lab.origin().send(CONTINUE);
    lab.settle();
    assert_eq!(seen(&client), CONTINUED_THEN_CLOSED[..1]);
    client.send(b"world");
    lab.settle();
    assert!(lab.origin().text().ends_with("\r\n\r\nworld"), "{}", lab.origin().text());
    lab.origin().send(OK);
    lab.settle();
    assert_eq!(seen(&client), CONTINUED_THEN_CLOSED);
    lab.expect_nothing_left(vec![client]);
}

/// 9.2.9 sends `hellohello` here.
#[test]
fn a_body_that_is_under_way_goes_on() {
    for times in 1..=3 {
        let lab = Lab::new();
        let mut request = head("POST", "Content-Length: 10\r\n");
        request.extend_from_slice(b"hello");
        let client = lab.ask(&request);
        for _ in 0..times {
            lab.origin().send(CONTINUE);
            lab.settle();
        }
        client.send(b"world");
        lab.settle();
        assert!(lab.origin().text().ends_with("\r\n\r\nhelloworld"), "{}", lab.origin().text());
        lab.origin().send(OK);
        lab.settle();
        let seen = seen(&client);
        assert_eq!(seen[..times], vec!["HTTP/1.1 100 Continue"; times]);
        assert_eq!(seen[times..], CONTINUED_THEN_CLOSED[1..]);
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn a_body_in_chunks_goes_on_as_well() {
    let lab = Lab::new();
    let mut request = head("POST", "Transfer-Encoding: chunked\r\n");
    request.extend_from_slice(b"5\r\nhello\r\n");
    let client = lab.ask(&request);
    lab.origin().send(CONTINUE);
    lab.settle();
    client.send(b"5\r\nworld\r\n0\r\n\r\n");
    lab.settle();
    let asked = lab.origin().text();
    assert!(asked.ends_with("\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"), "{asked}");
    lab.origin().send(OK);
    lab.settle();
    assert_eq!(seen(&client), CONTINUED_THEN_CLOSED);
    lab.expect_nothing_left(vec![client]);
}

/// A client that does not know interim answers gets none, and its body goes on, too.
#[test]
fn a_client_of_1_0_gets_the_last_answer_alone() {
    let lab = Lab::new();
    let client =
        lab.ask(b"POST /x HTTP/1.0\r\nHost: origin.test\r\nContent-Length: 10\r\n\r\nhello");
    lab.origin().send(CONTINUE);
    lab.settle();
    client.send(b"world");
    lab.settle();
    assert!(lab.origin().text().ends_with("\r\n\r\nhelloworld"), "{}", lab.origin().text());
    lab.origin().send(OK);
    lab.settle();
    assert_eq!(seen(&client), ["HTTP/1.0 200 OK"]);
    lab.expect_nothing_left(vec![client]);
}

/// The tunnel of 9.2.9 would read the next request as the body; the answer ends it, and `close` is
/// what the client sees of it.
#[test]
fn behind_the_body_or_without_one_it_ends_the_connection() {
    for (request, and_another) in [
        ([head("POST", "Content-Length: 5\r\n"), b"world".to_vec()].concat(), false),
        ([head("POST", "Content-Length: 5\r\n"), b"world".to_vec()].concat(), true),
        (head("GET", ""), false),
        (head("GET", ""), true),
    ] {
        let lab = Lab::new();
        let client = lab.ask(&request);
        if and_another {
            client.send(&head("GET", ""));
        }
        lab.origin().send(CONTINUE);
        lab.settle();
        let asked = lab.origin().text();
        lab.origin().send(OK);
        lab.settle();
        assert_eq!(seen(&client), CONTINUED_THEN_CLOSED);
        assert!(client.is_at_end());
        assert_eq!((lab.origins().len(), lab.origin().text()), (1, asked), "no byte more");
        lab.expect_nothing_left(vec![client]);
    }
}

/// The last answer comes before the client has taken the interim one: it stands behind it.
#[test]
fn an_interim_answer_is_whole_for_a_client_that_reads_late() {
    let lab = Lab::new();
    let client = lab.ask(&head("PATCH", "Content-Length: 5\r\n"));
    // More than a pair's buffer and the client's together.
    client.pause(true);
    let long = format!("HTTP/1.1 100 Continue\r\nX: {}\r\n\r\n", "x".repeat(60_000));
    for _ in 0..4 {
        lab.origin().send(long.as_bytes());
        lab.settle();
    }
    lab.origin().send(OK);
    lab.settle();
    client.pause(false);
    lab.settle();
    let text = client.text();
    assert_eq!(text.matches(&format!("\r\nX: {}\r\n", "x".repeat(60_000))).count(), 4);
    assert_eq!(text.matches("HTTP/1.1 100 Continue\r\n").count(), 4);
    assert!(text.ends_with("\r\n\r\nhello"));
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn an_origin_server_that_ends_behind_it_has_failed() {
    let lab = Lab::with(HttpConfig { connect_attempts_max_retries: 0, ..config() }, None);
    let client = lab.ask(&head("POST", "Content-Length: 5\r\n"));
    lab.origin().send(CONTINUE);
    lab.settle();
    lab.origin().close();
    lab.settle();
    assert_eq!(
        seen(&client),
        [
            "HTTP/1.1 100 Continue",
            "HTTP/1.1 502 Malformed Server Response Status",
            "Connection: close"
        ]
    );
    lab.expect_nothing_left(vec![client]);
}
