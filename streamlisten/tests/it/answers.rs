//! Rules of a server's answers, and of what it reads in a head. The events of the real
//! node are in `tests/node`: heads.jsonl, statuses.jsonl and resets.jsonl.

use std::cell::RefCell;
use std::rc::Rc;

use streamlisten::js::{
    Arg, HttpServer, IncomingMessage, JsError, Readable, ServerOptions, ServerResponse, Socket,
};
use streamlisten::{Chunk, TCPWrap};

use crate::wire::Wire;

type Exchange = (Rc<IncomingMessage>, Rc<ServerResponse>);

/// A server that keeps its requests for the test to answer.
struct Held {
    wire: Wire,
    socket: Rc<Socket>,
    requests: Rc<RefCell<Vec<Exchange>>>,
    _server: Rc<HttpServer>,
}

impl Held {
    fn new() -> Held {
        Held::with(|_| {})
    }

    fn with(listen: impl FnOnce(&mut HttpServer)) -> Held {
        let wire = Wire::new();
        let requests: Rc<RefCell<Vec<Exchange>>> = Rc::default();
        let kept = Rc::clone(&requests);
        let options = ServerOptions { keep_alive_timeout: 0, ..ServerOptions::default() };
        let mut server = HttpServer::new(
            &wire.env,
            options,
            |_| {},
            move |request, response| {
                kept.borrow_mut().push((Rc::clone(request), Rc::clone(response)));
            },
        );
        listen(&mut server);
        let server = Rc::new(server);
        let stream: Rc<TCPWrap> = Rc::clone(&wire.stream);
        let socket = wire.env.make_callback(|| server.accept(stream));
        wire.run();
        Held { wire, socket, requests, _server: server }
    }

    fn response(&self, n: usize) -> Rc<ServerResponse> {
        Rc::clone(&self.requests.borrow()[n].1)
    }

    fn request(&self, n: usize) -> Rc<IncomingMessage> {
        Rc::clone(&self.requests.borrow()[n].0)
    }

    /// Does something as JavaScript would, and runs the event loop.
    fn act(&self, f: impl FnOnce()) {
        self.wire.env.make_callback(f);
        self.wire.run();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.socket.clear();
        self.requests.take();
    }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: ";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[test]
fn a_string_takes_the_head_with_it_behind_a_100_continue() {
    let held = Held::new();
    held.wire.send(GET);
    held.wire.send(GET);
    let (first, second) = (held.response(0), held.response(1));
    held.act(|| {
        second.write_continue();
        second.end_text("b");
        first.end_text("a");
    });
    let expected = format!("{HEAD}1\r\n\r\na{CONTINUE}{HEAD}1\r\n\r\nb");
    assert_eq!(held.wire.received(), expected);
}

#[test]
fn before_a_buffer_the_head_goes_in_front_of_all_that_waits() {
    let held = Held::new();
    held.wire.send(GET);
    held.wire.send(GET);
    let (first, second) = (held.response(0), held.response(1));
    held.act(|| {
        second.write_continue();
        second.end(Some(b"b"));
        first.end(Some(b"a"));
    });
    let expected = format!("{HEAD}1\r\n\r\na{HEAD}1\r\n\r\n{CONTINUE}b");
    assert_eq!(held.wire.received(), expected);
}

#[test]
fn an_answer_in_chunks_begins_with_a_string_its_first_size() {
    let held = Held::new();
    held.wire.send(GET);
    held.wire.send(GET);
    let (first, second) = (held.response(0), held.response(1));
    held.act(|| {
        second.write_continue();
        second.write(b"b");
        second.end(None);
        first.end(None);
    });
    let head = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
    let expected = format!("{HEAD}0\r\n\r\n{CONTINUE}{head}1\r\nb\r\n0\r\n\r\n");
    assert_eq!(held.wire.received(), expected);
}

#[test]
fn a_string_is_as_long_as_its_bytes() {
    let held = Held::new();
    held.wire.send(GET);
    let first = held.response(0);
    held.act(|| first.end_text("e\u{e9}"));
    assert_eq!(held.wire.received(), format!("{HEAD}3\r\n\r\ne\u{e9}"));
}

/// A head with so many headers before the last one.
fn head_with(before: usize, last: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\n{}{last}\r\n\r\n", "A: b\r\n".repeat(before)).into_bytes()
}

#[test]
fn a_header_past_the_thousandth_has_no_meaning() {
    let held = Held::new();
    held.wire.send(&head_with(999, "Host: a"));
    assert_eq!(held.request(0).header("host").as_deref(), Some(&b"a"[..]));
    drop(held);
    let late = Held::new();
    late.wire.send(&head_with(1000, "Host: a"));
    assert!(late.requests.borrow().is_empty());
    let head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nTransfer-Encoding: chunked";
    assert_eq!(late.wire.received(), format!("{head}\r\n\r\n0\r\n\r\n"));
}

#[test]
fn headers_that_come_in_parts_are_kept_until_there_are_a_thousand() {
    let held = Held::new();
    held.wire.send(&head_with(1100, "X: y"));
    held.wire.send(b"");
    assert!(held.requests.borrow().is_empty(), "no Host among the first thousand");
}

#[test]
fn equal_names_are_joined_unless_one_is_all_there_can_be() {
    let held = Held::new();
    held.wire.send(
        b"GET / HTTP/1.1\r\nHost: a\r\nHOST: b\r\nX-A: 1\r\nx-a: 2\r\nCookie: c\r\ncookie: d\r\n\
          Set-Cookie: e\r\nSet-Cookie: f\r\nAge: 1\r\nAge: 2\r\n\r\n",
    );
    let request = held.request(0);
    let header = |name: &str| request.header(name).map(|value| String::from_utf8(value).unwrap());
    assert_eq!(header("host").as_deref(), Some("a"));
    assert_eq!(header("X-A").as_deref(), Some("1, 2"));
    assert_eq!(header("Cookie").as_deref(), Some("c; d"));
    assert_eq!(header("set-cookie").as_deref(), Some("e,f"));
    assert_eq!(header("age").as_deref(), Some("1"));
    assert_eq!(header("etag"), None);
}

#[test]
fn of_two_expectations_one_may_be_100_continue() {
    let held = Held::new();
    held.wire.send(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(held.wire.received(), CONTINUE);
    assert_eq!(held.requests.borrow().len(), 1);
}

/// The errors of a socket, in their order.
fn errors(socket: &Rc<Socket>) -> Rc<RefCell<Vec<String>>> {
    let errors: Rc<RefCell<Vec<String>>> = Rc::default();
    let told = Rc::clone(&errors);
    socket.on(
        "error",
        Rc::new(move |arg| {
            if let Arg::Error(error) = arg {
                told.borrow_mut().push(error.code.clone());
            }
        }),
    );
    errors
}

#[test]
fn a_write_after_the_end_destroys_the_socket_with_an_error() {
    let held = Held::new();
    let errors = errors(&held.socket);
    held.act(|| {
        held.socket.end();
        assert!(!held.socket.write(Chunk::new(b"late".to_vec())));
        assert!(held.socket.is_destroyed());
        assert!(!held.socket.write(Chunk::new(b"later".to_vec())));
    });
    assert_eq!(*errors.borrow(), ["ERR_STREAM_WRITE_AFTER_END"]);
    assert_eq!(held.wire.received(), "");
}

#[test]
fn an_error_that_no_listener_takes_is_thrown_and_nothing_runs_after_it() {
    let held = Held::with(|server| server.set_on_upgrade(|_, _, _| {}));
    held.wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: p\r\n\r\n");
    let ran = Rc::new(RefCell::new(Vec::new()));
    let (log, env) = (Rc::clone(&ran), Rc::clone(&held.wire.env));
    held.act(|| {
        held.socket.destroy(Some(JsError::new("ECONNRESET")));
        env.next_tick(move || log.borrow_mut().push("tick"));
    });
    let thrown = held.wire.env.take_exception().expect("thrown");
    assert_eq!(thrown.message, "ECONNRESET");
    assert!(ran.borrow().is_empty(), "the program is over");
}

#[test]
fn an_answer_whose_write_is_given_up_finishes() {
    let held = Held::new();
    held.wire.pause();
    held.wire.send(GET);
    let first = held.response(0);
    let told = Rc::new(RefCell::new(Vec::new()));
    for event in ["finish", "drain"] {
        let log = Rc::clone(&told);
        first.on(event, Rc::new(move |_| log.borrow_mut().push(event)));
    }
    held.act(|| first.end(Some(&vec![b'x'; 30_000_000])));
    assert!(told.borrow().is_empty());
    held.act(|| held.socket.destroy(None));
    assert_eq!(*told.borrow(), ["finish"]);
}
