//! Faults on real sockets: origin servers that do not keep their word, clients that
//! go away in every state, more connections than can wait. Each fault has its answer or its event,
//! and nothing is left.
//!
//! The proxy's one thread is the test's, its time is virtual: a timeout of seconds
//! takes as many milliseconds.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::net_common::{GET, Stage, head, http_config, seconds_since};
use eventsys::hrtime::seconds;
use httpsm::HttpConfig;
use iocore::net::NetConfig;
use mio::{Events, Interest, Poll, Token};
use testkit::net::reset;

/// The status that a client gets whose origin server does this.
fn status(act: impl FnMut(TcpStream) + 'static) -> String {
    let stage = Stage::new(act);
    let mut client = stage.client();
    client.write_all(GET).unwrap();
    let answer = stage.receive(&mut client, "HTTP/1.1 200".len());
    drop(client);
    stage.expect_nothing_left();
    answer[.."HTTP/1.1 200".len()].to_owned()
}

#[test]
fn an_origin_server_that_gives_no_answer_is_a_bad_gateway() {
    assert_eq!(status(|stream| reset(&stream)), "HTTP/1.1 502", "a reset at once");
    assert_eq!(status(drop), "HTTP/1.1 502", "closed with the request unread");
    let answers: [&[u8]; 5] = [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nConte",
        b"this is no head\r\n\r\n",
        b"\r\n\r\n",
    ];
    for bytes in answers {
        for with_reset in [false, true] {
            // With a reset the bytes may be lost on the way.
            let act = move |mut stream: TcpStream| {
                head(&mut stream);
                stream.write_all(bytes).unwrap();
                if with_reset {
                    reset(&stream);
                }
            };
            assert_eq!(status(act), "HTTP/1.1 502", "{bytes:?}, {with_reset}");
        }
    }
}

#[test]
fn an_origin_server_that_refuses_is_a_bad_gateway() {
    let mut stage = Stage::new(drop);
    stage.origin = None;
    let mut client = stage.client();
    client.write_all(GET).unwrap();
    assert!(stage.receive(&mut client, 12).starts_with("HTTP/1.1 502"));
    drop(client);
    stage.expect_nothing_left();
}

#[test]
fn an_origin_server_that_hangs_is_a_gateway_timeout() {
    let mut hung = Vec::new();
    assert_eq!(status(move |stream| hung.push(stream)), "HTTP/1.1 504");
    let mut hung = Vec::new();
    let half_a_head = move |mut stream: TcpStream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConte").unwrap();
        hung.push(stream);
    };
    assert_eq!(status(half_a_head), "HTTP/1.1 504");
}

#[test]
fn an_answer_that_breaks_off_ends_the_clients_connection() {
    for with_reset in [false, true] {
        let stage = Stage::new(move |mut stream| {
            head(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789").unwrap();
            if with_reset {
                reset(&stream);
            }
        });
        let mut client = stage.client();
        client.write_all(GET).unwrap();
        let answer = stage.receive(&mut client, usize::MAX);
        // If the end comes together with the bytes, nothing of them is passed on.
        let is_broken_off = answer.is_empty()
            || answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n0123456789");
        // A reset may overtake the bytes; then there has been no answer.
        assert!(is_broken_off || with_reset && answer.starts_with("HTTP/1.1 502"), "{answer:?}");
        drop(client);
        stage.expect_nothing_left();
    }
}

/// How far a transaction has come when its client goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Moment {
    Connected,
    InTheHead,
    InTheBody,
    Asked,
    Answered,
    InTheAnswer,
}

#[test]
fn a_client_may_go_in_every_state_with_and_without_a_reset() {
    use Moment::*;
    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
    for moment in [Connected, InTheHead, InTheBody, Asked, Answered, InTheAnswer] {
        for with_reset in [false, true] {
            let origins: Arc<eventsys::sync::Mutex<Vec<TcpStream>>> = Arc::default();
            let kept = Arc::clone(&origins);
            let stage = Stage::new(move |mut stream| {
                head(&mut stream);
                let answer: &[u8] = match moment {
                    Answered => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                    InTheAnswer => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789",
                    _ => b"",
                };
                stream.write_all(answer).unwrap();
                kept.lock().push(stream);
            });
            let mut client = stage.client();
            let request = [POST, b"0123456789"].concat();
            let sent = match moment {
                Connected => 0,
                InTheHead => 20,
                InTheBody => POST.len() + 5,
                Asked | Answered | InTheAnswer => request.len(),
            };
            client.write_all(&request[..sent]).unwrap();
            match moment {
                // No session before the first byte.
                Connected => stage.run_until(|| !stage.has_no_connections()),
                InTheHead => stage.run_until(|| stage.proxy.census().transactions == 1),
                InTheBody | Asked => stage.run_until(|| !origins.lock().is_empty()),
                Answered | InTheAnswer => {
                    assert!(stage.receive(&mut client, 20).starts_with("HTTP/1.1 200 OK\r\n"));
                }
            }
            if with_reset {
                reset(&client);
            }
            drop(client);
            (0..4).for_each(|_| stage.pass());
            // A client that has only ended its side is still answered, so the origin
            // server must come to an end too.
            origins.lock().clear();
            stage.expect_nothing_left();
        }
    }
}

#[test]
fn a_client_that_is_only_half_there_is_given_up() {
    for sent in
        [&b""[..], b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n12"]
    {
        let mut silent = Vec::new();
        let stage = Stage::new(move |stream| silent.push(stream));
        let mut client = stage.client();
        client.write_all(sent).unwrap();
        // The client neither sends nor ends; the test reads what it gets.
        let answer = stage.receive(&mut client, usize::MAX);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer:?}");
        stage.expect_nothing_left();
    }
}

#[test]
fn more_connections_than_may_wait_come_in_when_there_is_room() {
    const CLIENTS: usize = 24;
    let config = NetConfig { listen_backlog: 2, ..NetConfig::default() };
    let stage = Stage::with(config, |mut stream| {
        head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    });
    // The handshakes that are left for later are tried again after a second of real time.
    let mut waits = Poll::new().unwrap();
    let clients: Vec<mio::net::TcpStream> = (0..CLIENTS)
        .map(|number| {
            // The connect has only begun; its result shows later.
            let mut client = mio::net::TcpStream::connect(stage.address()).unwrap();
            let both = Interest::READABLE | Interest::WRITABLE;
            waits.registry().register(&mut client, Token(number), both).unwrap();
            client
        })
        .collect();
    // The proxy has not accepted yet: the queue is full, and the system leaves the rest of the
    // handshakes for later.
    let connected = clients.iter().filter(|client| client.peer_addr().is_ok()).count();
    assert!((1..CLIENTS).contains(&connected), "{connected} of {CLIENTS} may wait");

    let mut open: Vec<(mio::net::TcpStream, bool, String)> =
        clients.into_iter().map(|client| (client, false, String::new())).collect();
    let (mut answered, mut events) = (0, Events::with_capacity(CLIENTS));
    stage.run_until(|| {
        // Until the system has something for a client; some milliseconds, for the proxy is polled, too.
        waits.poll(&mut events, Some(Duration::from_millis(5))).unwrap();
        open.retain_mut(|(client, asked, answer)| {
            if !*asked && client.peer_addr().is_ok() {
                client
                    .write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    .unwrap();
                *asked = true;
            }
            let mut piece = [0; 4096];
            match client.read(&mut piece) {
                Ok(0) => {
                    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hi"));
                    answered += 1;
                    return false;
                }
                Ok(n) => answer.push_str(std::str::from_utf8(&piece[..n]).unwrap()),
                Err(_) => {}
            }
            true
        });
        open.is_empty()
    });
    assert_eq!(answered, CLIENTS);
    stage.expect_nothing_left();
}

/// How long a proxy waits for a silent origin server (5 s, three more tries) whose
/// client has gone: as a running 9.2.9, which was measured with the same timeouts. It
/// does not matter whether the client has ended its side or was reset.
#[test]
fn a_client_that_has_gone_is_noticed_when_the_real_server_notices_it() {
    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
    let whole = [POST, b"0123456789"].concat();
    let part = [POST, b"01234"].concat();
    for (request, tries, after) in [(GET, 4, 20..=24), (&whole, 1, 5..=7), (&part, 1, 0..=0)] {
        for with_reset in [false, true] {
            let config = HttpConfig {
                transaction_no_activity_timeout_in: seconds(3),
                transaction_no_activity_timeout_out: seconds(5),
                connect_attempts_timeout: seconds(5),
                connect_attempts_max_retries: 3,
                ..http_config()
            };
            let asked = Rc::new(RefCell::new(Vec::new()));
            let silent = Rc::clone(&asked);
            let stage = Stage::with_http(NetConfig::default(), config, move |stream| {
                silent.borrow_mut().push(stream);
            });
            let mut client = stage.client();
            client.write_all(request).unwrap();
            stage.run_until(|| asked.borrow().len() == 1);
            let start = stage.now();
            if with_reset {
                reset(&client);
            }
            drop(client);
            stage.run_until(|| stage.proxy.census().transactions == 0);
            let at = seconds_since(&stage, start);
            let what = format!("{}, reset {with_reset}: {at} s", request.escape_ascii());
            assert!(after.contains(&at), "{what}");
            assert_eq!(asked.borrow().len(), tries, "{what}");
            stage.expect_nothing_left();
        }
    }
}
