//! Faults: slow peers, broken streams, missing bytes. Each gets its answer or its end, at its time,
//! and nothing is left.

use crate::common::{Lab, Peer, config};
use eventsys::hrtime::{NEVER, SECOND};
use httpsm::{HttpCensus, HttpConfig};

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const POST: &[u8] = b"POST /x HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 10\r\n\r\n";

/// No second try, so that times are easy to tell.
fn lab() -> Lab {
    Lab::with(HttpConfig { connect_attempts_max_retries: 0, ..config() }, None)
}

/// Seconds until `done`, to the second; the timeouts look once a second.
#[track_caller]
fn seconds_until(lab: &Lab, done: impl Fn() -> bool) -> i64 {
    let start = lab.now();
    for _ in 0..100 {
        if done() {
            return (lab.now() - start + SECOND / 2) / SECOND;
        }
        lab.run_s(1);
    }
    panic!("it never ends: {:?}", lab.census());
}

#[test]
fn a_client_that_says_nothing_is_closed() {
    let lab = lab();
    let client = lab.client();
    let after = seconds_until(&lab, || client.is_at_end());
    assert!((7..=9).contains(&after), "{after}");
    assert_eq!(client.text(), "");
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn a_client_that_stops_in_its_head_is_closed() {
    let lab = lab();
    let client = lab.client();
    client.send(b"GET /x HT");
    let after = seconds_until(&lab, || client.is_at_end());
    assert!((10..=12).contains(&after), "{after}");
    assert_eq!(client.text(), "");
    lab.expect_nothing_left(vec![client]);
}

/// Each byte counts: as long as bytes come, the proxy waits.
#[test]
fn a_head_may_come_byte_by_byte() {
    let lab = lab();
    let client = lab.client();
    for byte in GET {
        client.send(&[*byte]);
        lab.run_s(3);
    }
    assert!(lab.origin().text().starts_with("GET /x "));
    lab.origin().send(OK);
    lab.settle();
    assert!(client.text().ends_with("hello"));
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn a_kept_connection_is_closed_when_it_is_not_used() {
    let lab = lab();
    let client = lab.ask(GET);
    lab.origin().send(OK);
    lab.settle();
    let after = seconds_until(&lab, || client.is_at_end());
    assert!((20..=22).contains(&after), "{after}");
    assert_eq!(lab.census().sessions, 0);
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn an_origin_server_that_never_answers_is_given_up() {
    let lab = lab();
    let client = lab.ask(GET);
    let after = seconds_until(&lab, || !client.text().is_empty());
    assert!((4..=6).contains(&after), "{after}");
    assert!(client.text().starts_with("HTTP/1.1 504 Connection Timed Out\r\n"));
    assert!(lab.origin().is_at_end());
    assert_eq!(lab.census().server_sessions, 0);
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn it_is_asked_as_often_as_is_configured() {
    for retries in 0..4 {
        let config = HttpConfig { connect_attempts_max_retries: retries, ..config() };
        let lab = Lab::with(config, None);
        let client = lab.ask(GET);
        seconds_until(&lab, || !client.text().is_empty());
        assert_eq!(lab.origins().len(), 1 + usize::try_from(retries).unwrap());
        lab.expect_nothing_left(vec![client]);
    }
    // A request that may have had an effect is not sent twice.
    let lab = Lab::new();
    let client = lab.client();
    client.send(POST);
    client.send(b"0123456789");
    lab.settle();
    lab.origin().close();
    lab.settle();
    assert_eq!(lab.origins().len(), 1);
    assert!(client.text().starts_with("HTTP/1.1 502 "), "{}", client.text());
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn an_origin_server_that_stops_in_its_body_takes_the_client_along() {
    let lab = lab();
    let client = lab.ask(GET);
    lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
    lab.settle();
    assert!(client.text().ends_with("hello"));
    let after = seconds_until(&lab, || client.is_at_end());
    assert!((4..=6).contains(&after), "{after}");
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn an_origin_server_that_refuses() {
    let lab = lab();
    let client = lab.ask(b"GET / HTTP/1.1\r\nHost: refused.test\r\n\r\n");
    assert!(client.text().starts_with("HTTP/1.1 502 Connection refused\r\n"), "{}", client.text());
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn a_body_that_stops_is_a_request_timeout() {
    let config = HttpConfig {
        transaction_no_activity_timeout_in: 2 * SECOND,
        transaction_no_activity_timeout_out: 30 * SECOND,
        ..config()
    };
    let lab = Lab::with(config, None);
    let client = lab.client();
    client.send(POST);
    client.send(b"012");
    lab.settle();
    assert!(lab.origin().text().ends_with("\r\n\r\n012"));
    let after = seconds_until(&lab, || !client.text().is_empty());
    assert!((2..=4).contains(&after), "{after}");
    assert!(client.text().starts_with("HTTP/1.1 408 Inactive Timeout\r\n"), "{}", client.text());
    assert!(client.text().contains("\r\nConnection: close\r\n"));
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn a_transaction_may_not_take_for_ever() {
    let config = HttpConfig { transaction_active_timeout_in: 5 * SECOND, ..config() };
    let lab = Lab::with(config, None);
    let client = lab.ask(GET);
    lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    for _ in 0..10 {
        lab.origin().send(b"x");
        lab.run_s(1);
    }
    assert!(client.is_at_end());
    assert_eq!(lab.census(), HttpCensus::default());
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn too_large_is_said_so() {
    let config = HttpConfig { max_post_size: 5, ..config() };
    let lab = Lab::with(config, None);
    let client = lab.ask(POST);
    assert!(client.text().starts_with("HTTP/1.1 413 Request Entity Too Large\r\n"));
    assert!(client.is_at_end());
    lab.expect_nothing_left(vec![client]);

    let limits = httpsm::hdr::HdrLimits { request_line_max_size: 20, ..Default::default() };
    let lab = Lab::with(HttpConfig { limits, ..config_of_tests() }, None);
    let client = lab.ask(b"GET /a/path/that/is/too/long HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(client.text().starts_with("HTTP/1.0 414 URI Too Long\r\n"), "{}", client.text());
    lab.expect_nothing_left(vec![client]);

    let lab = Lab::with(HttpConfig { request_hdr_max_size: 100, ..config_of_tests() }, None);
    let head = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(100));
    let client = lab.ask(head.as_bytes());
    assert!(client.text().starts_with("HTTP/1.1 400 Invalid HTTP Request\r\n"));
    lab.expect_nothing_left(vec![client]);
}

fn config_of_tests() -> HttpConfig {
    config()
}

#[test]
fn a_connection_is_used_again_and_closed_when_it_is_not() {
    let lab = lab();
    let client = lab.ask(GET);
    lab.origin().send(OK);
    lab.settle();
    assert_eq!(lab.proxy.pool().len(), 1);
    let second = lab.ask(GET);
    assert_eq!((lab.origins().len(), lab.proxy.pool().len()), (1, 0));
    lab.origin().send(OK);
    lab.settle();
    assert!(second.text().ends_with("hello"));
    assert_eq!(lab.proxy.pool().len(), 1);
    let after = seconds_until(&lab, || lab.proxy.pool().is_empty());
    assert!((15..=17).contains(&after), "{after}");
    assert!(lab.origin().is_at_end());
    lab.expect_nothing_left(vec![client, second]);
}

/// It may be closed by the other end, or get bytes without a request, in the pool.
#[test]
fn a_connection_that_goes_bad_in_the_pool_is_not_used() {
    let goes_bad: [fn(&Peer); 2] = [|origin| origin.close(), |origin| origin.send(b"unasked")];
    for goes_bad in goes_bad {
        let lab = lab();
        let client = lab.ask(GET);
        lab.origin().send(OK);
        lab.settle();
        assert_eq!(lab.proxy.pool().len(), 1);
        goes_bad(&lab.origin());
        lab.settle();
        assert!(lab.proxy.pool().is_empty());
        assert_eq!(lab.census().server_sessions, 0);
        client.send(GET);
        lab.settle();
        assert_eq!(lab.origins().len(), 2);
        lab.expect_nothing_left(vec![client]);
    }
}

/// An answer before the request is out: the rest is not sent, and neither
/// connection is used again.
#[test]
fn an_early_answer_ends_the_request() {
    let lab = lab();
    let client = lab.client();
    client.send(POST);
    client.send(b"0123");
    lab.settle();
    lab.origin().send(b"HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nbig");
    lab.settle();
    let text = client.text();
    assert!(
        text.starts_with("HTTP/1.1 413 Too Much\r\n") && text.ends_with("\r\n\r\nbig"),
        "{text}"
    );
    assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
    assert!(lab.proxy.pool().is_empty());
    lab.expect_nothing_left(vec![client]);
}

/// The proxy limits the bytes that it holds for a client that does not read.
#[test]
fn a_client_that_does_not_read_holds_the_origin_server_back() {
    for chunked in [false, true] {
        let lab = lab();
        let client = lab.client();
        client.pause(true);
        client.send(match chunked {
            true => GET,
            // Chunks are undone for a client of 1.0.
            false => b"GET /x HTTP/1.0\r\nHost: origin.test\r\n\r\n",
        });
        lab.settle();
        let origin = lab.origin();
        origin.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let piece = [b"1000\r\n", &[b'x'; 4096][..], b"\r\n"].concat();
        let before = iocore::buffer::census().live_bytes;
        for _ in 0..500 {
            origin.send(&piece);
        }
        let sent = iocore::buffer::census().live_bytes - before;
        lab.run_ms(500);
        // The 2 MB that wait are the origin server's own; behind them the proxy and
        // the two pairs hold a few buffers.
        let held = iocore::buffer::census().live_bytes - before - sent;
        assert!(held < 600_000, "{held} bytes for a client that reads nothing");
        client.pause(false);
        for _ in 0..100 {
            lab.run_ms(20);
        }
        origin.send(b"0\r\n\r\n");
        lab.settle();
        let body = client.received().iter().filter(|&&byte| byte == b'x').count();
        assert_eq!(body, 500 * 4096);
        lab.expect_nothing_left(vec![client]);
    }
}

/// A chunk's extension, the zeros of its size and a trailer have no limit, as in 9.2.9
/// (100 MB of each passed through a running one, whose memory did not grow): they are
/// passed on as they come, nothing of them is kept, and an origin server that takes no bytes holds
/// the client back.
#[test]
fn what_frames_chunks_may_go_on_for_ever_and_is_not_kept() {
    const PIECES: usize = 500;
    let endless: [(&[u8], u8); 3] = [(b"5;", b'x'), (b"", b'0'), (b"0\r\nX: ", b'x')];
    for (begin, byte) in endless {
        for origin_reads in [true, false] {
            let config = HttpConfig {
                transaction_no_activity_timeout_in: 100 * SECOND,
                transaction_no_activity_timeout_out: 100 * SECOND,
                ..config()
            };
            let lab = Lab::with(config, None);
            let before = iocore::buffer::census().live_bytes;
            let client = lab.client();
            client.send(b"POST /x HTTP/1.1\r\nHost: origin.test\r\n");
            client.send(b"Transfer-Encoding: chunked\r\n\r\n");
            client.send(begin);
            lab.settle();
            let origin = lab.origin();
            origin.pause(!origin_reads);
            for _ in 0..PIECES {
                client.send(&[byte; 4096]);
                lab.run_ms(2);
            }
            // The rest waits with the client.
            let live = iocore::buffer::census().live_bytes - before - client.unsent();
            assert!(live < 700_000, "{live} bytes are kept, {}", begin.escape_ascii());
            let received = origin.received();
            let got = received.iter().rev().take_while(|&&at| at == byte).count();
            match origin_reads {
                true => assert_eq!(got, PIECES * 4096, "{}", begin.escape_ascii()),
                false => assert_eq!(got, 0, "{}", begin.escape_ascii()),
            }
            assert_eq!(client.text(), "", "{}", begin.escape_ascii());
            lab.expect_nothing_left(vec![client]);
        }
    }
}

/// A reset at each point of a transaction, by either side.
#[test]
fn either_side_may_go_at_any_moment() {
    let request = [POST, b"0123456789"].concat();
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for cut in 0..request.len() + answer.len() {
        for client_goes in [false, true] {
            for passes in [0, 1, 2, 4] {
                let lab = lab();
                let client = lab.client();
                client.send(&request[..cut.min(request.len())]);
                lab.settle();
                if cut > request.len() {
                    lab.origin().send(&answer[..cut - request.len()]);
                    (0..passes).for_each(|_| lab.thread.run_pass());
                }
                if client_goes {
                    client.close();
                } else if let Some(origin) = lab.origins().last() {
                    origin.close();
                }
                lab.settle();
                if let Some(left) = lab.what_is_left(vec![client]) {
                    panic!("cut {cut}, client goes {client_goes}, {passes} passes: {left} left");
                }
            }
        }
    }
}

/// Times saturate (`eventsys::hrtime`): timeouts that do not come cut nothing short, and have no
/// other effect.
#[test]
fn timeouts_of_never_do_not_come() {
    for never in [NEVER, NEVER - 1] {
        let config = HttpConfig {
            accept_no_activity_timeout: never,
            transaction_no_activity_timeout_in: never,
            transaction_no_activity_timeout_out: never,
            transaction_active_timeout_in: never,
            transaction_active_timeout_out: never,
            keep_alive_no_activity_timeout_in: never,
            keep_alive_no_activity_timeout_out: never,
            connect_attempts_timeout: never,
            ..config()
        };
        let lab = Lab::with(config, None);
        let client = lab.client();
        lab.run_s(100);
        client.send(GET);
        lab.run_s(100);
        let (head, body) = OK.split_at(20);
        lab.origin().send(head);
        lab.run_s(100);
        lab.origin().send(body);
        lab.run_s(100);
        assert!(client.text().ends_with("hello") && !client.is_at_end());
        // And on the connections that were kept.
        client.send(GET);
        lab.settle();
        lab.origin().send(OK);
        lab.settle();
        assert_eq!(client.text().matches("hello").count(), 2);
        assert_eq!(lab.origins().len(), 1, "the origin's is kept");
        lab.expect_nothing_left(vec![client]);
    }
}
