//! `atslab serve`: the command, asked over TCP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::common::atslab;
use predicates::prelude::*;

/// Longer than anything takes; a connection on which nothing comes is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

const TEN_MIB: usize = 10 << 20;

/// The command, listening on a port of the system's choice.
struct Serve {
    child: Child,
    address: SocketAddr,
}

impl Serve {
    fn start(args: &[&str]) -> Serve {
        Serve::start_on("127.0.0.1:0", args, Stdio::null())
    }

    /// Its standard error can be read.
    fn start_loudly(args: &[&str]) -> Serve {
        Serve::start_on("127.0.0.1:0", args, Stdio::piped())
    }

    fn start_on(address: &str, args: &[&str], stderr: Stdio) -> Serve {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("atslab"))
            .args(["serve", "--listen", address])
            .args(args)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the command starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("{line:?}")).parse().expect("an address");
        Serve { child, address }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        Client(BufReader::new(stream))
    }

    fn terminate(&self) {
        let mut kill = Command::new("kill");
        let status = kill.arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Returns when it listens no more, as it does once it knows of the signal.
    fn wait_until_it_ends(&self) {
        while TcpStream::connect(self.address).is_ok() {
            std::thread::yield_now();
        }
    }

    fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Both fail if the command has ended already, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection to it.
struct Client(BufReader<TcpStream>);

struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn has(&self, field: &str) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case(field))
    }
}

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).expect("it reads");
    }

    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).expect("a line"), 0, "the end, after {head:?}");
        }
        head
    }

    /// An answer with a length.
    fn answer(&mut self) -> Answer {
        let head = self.head();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.unwrap_or_else(|| panic!("{head}")).parse().expect("a number");
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body");
        Answer { head, body }
    }

    fn get(&mut self, path: &str) -> Answer {
        self.send(get(path));
        self.answer()
    }

    /// What comes until it closes.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("its end");
        rest
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n")
}

/// Bytes that show when some are missing, doubled or in the wrong place.
fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// Takes one connection and reads the head of a request.
fn take(listener: &TcpListener) -> (Client, String) {
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut origin = Client(BufReader::new(stream));
    let head = origin.head();
    (origin, head)
}

/// An origin server that the test plays, and the rule that leads to it.
fn origin() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let rule = format!("/=http://{}/base/", listener.local_addr().expect("bound"));
    (listener, rule)
}

#[test]
fn the_generator_answers_with_small_and_large_bodies() {
    let serve = Serve::start(&["--plugin", "generator", "--threads", "2"]);
    for size in [0, 1, 1024, TEN_MIB] {
        let answer = serve.client().get(&format!("/nocache/{size}/x"));
        assert_eq!(answer.status(), "200");
        assert_eq!(answer.body.len(), size);
        assert!(answer.body.iter().all(|&byte| byte == b'x'));
    }
}

#[test]
fn echo_returns_the_same_ten_mebibytes() {
    let serve = Serve::start(&["--plugin", "echo"]);
    let body = pattern(TEN_MIB);
    let head = |fields: &str| {
        format!("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n{fields}\r\n", body.len())
    };
    let mut client = serve.client();
    client.send(head(""));
    client.send(&body);
    assert!(client.answer().body == body, "the same bytes");
    // As curl does with a body of this size.
    client.send(head("Expect: 100-continue\r\n"));
    assert!(client.head().starts_with("HTTP/1.1 100 Continue\r\n"));
    client.send(&body);
    assert!(client.answer().body == body, "the same bytes");
}

#[test]
fn each_of_several_plugins_gets_its_paths() {
    let serve = Serve::start(&["--plugin", "generator", "--plugin", "echo"]);
    let body = pattern(TEN_MIB);
    for fields in ["", "Expect: 100-continue\r\n"] {
        let mut client = serve.client();
        let length = body.len();
        client.send(format!(
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n{fields}\r\n"
        ));
        if !fields.is_empty() {
            assert!(client.head().starts_with("HTTP/1.1 100 Continue\r\n"));
        }
        client.send(&body);
        assert!(client.answer().body == body, "the same bytes");
        assert_eq!(client.get("/nocache/1024/x").body.len(), 1024);
    }
}

#[test]
fn what_is_no_plugins_own_is_answered_with_404_and_the_paths() {
    let serve = Serve::start(&["--plugin", "generator", "--plugin", "slow"]);
    let paths = "No plugin answers this request. The paths are:\n  \
                 /nocache/SIZE/NAME /cache/SIZE/NAME generator\n  \
                 /slow/SIZE/MILLISECONDS            slow\n";
    let mut client = serve.client();
    for path in ["/", "/nocache", "/nocache/x/y", "/echo", "/nocache/3/x"] {
        let answer = client.get(path);
        match path {
            "/nocache/3/x" => assert_eq!(answer.body, b"xxx"),
            _ => {
                assert_eq!(answer.status(), "404", "{path}");
                assert_eq!(String::from_utf8_lossy(&answer.body), paths, "{path}");
            }
        }
    }
    // The generator would wait for a body.
    let mut client = serve.client();
    client.send("POST /nocache/5/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.answer().status(), "404");
    let serve = Serve::start(&["--plugin", "slow"]);
    assert_eq!(serve.client().get("/nocache/3/x").status(), "404");
    // A body is not waited for.
    let mut client = serve.client();
    client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    assert_eq!(client.answer().status(), "404");
}

#[test]
fn with_a_rule_what_is_no_plugins_own_goes_to_the_origin_server() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let rule = format!("/=http://{}/", listener.local_addr().expect("bound"));
    let serve = Serve::start(&["--plugin", "generator", "--map", &rule]);
    let mut client = serve.client();
    assert_eq!(client.get("/nocache/3/x").body, b"xxx");
    client.send(get("/a"));
    let (mut origin, _) = take(&listener);
    origin.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.answer().body, b"hi");
}

#[test]
fn a_connection_is_kept_and_requests_may_be_pipelined() {
    let serve = Serve::start(&["--plugin", "generator"]);
    let mut client = serve.client();
    for size in [10, 20_000, 0] {
        let answer = client.get(&format!("/nocache/{size}/x"));
        assert!(answer.has("Connection: keep-alive"), "{}", answer.head);
        assert_eq!(answer.body.len(), size);
    }
    let sizes = [1, 100_000, 3, 4096, 0, 70_000];
    client.send(sizes.map(|size| get(&format!("/nocache/{size}/x"))).concat());
    for size in sizes {
        assert_eq!(client.answer().body.len(), size);
    }
    client.send("GET /nocache/5/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let answer = client.answer();
    assert!(answer.has("Connection: close"), "{}", answer.head);
    assert_eq!(client.rest(), b"");
}

#[test]
fn head_has_no_body() {
    let (listener, rule) = origin();
    let serve = Serve::start(&["--map", &rule]);
    let mut client = serve.client();
    client.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
    let (mut origin, head) = take(&listener);
    assert!(head.starts_with("HEAD /base/a HTTP/1.1\r\n"), "{head}");
    origin.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n");
    drop(origin);
    assert!(client.head().contains("\r\nContent-Length: 1000\r\n"));
    // What follows on the connection is the next answer's head.
    client.send(get("/b"));
    let (mut origin, _) = take(&listener);
    origin.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.answer().body, b"hi");
}

#[test]
fn a_malformed_head_is_answered_with_400() {
    let serve = Serve::start(&["--plugin", "generator"]);
    for head in ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost : h\r\n\r\n"] {
        let mut client = serve.client();
        client.send(head);
        let answer = client.answer();
        // A head that cannot be read has no version.
        assert!(answer.head.contains(" 400 Invalid HTTP Request\r\n"), "{}", answer.head);
        assert_eq!(client.rest(), b"");
    }
}

#[test]
fn a_rule_leads_to_an_origin_server() {
    let (listener, rule) = origin();
    let serve = Serve::start(&["--map", &rule]);
    let mut client = serve.client();
    let body = pattern(1 << 20);
    let request = "POST /a?q=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    client.send(request);
    let (mut origin, head) = take(&listener);
    assert!(head.starts_with("POST /base/a?q=1 HTTP/1.1\r\n"), "{head}");
    let host = format!("\r\nHost: {}\r\n", listener.local_addr().expect("bound"));
    assert!(head.contains(&host) && head.contains("\r\nVia: "), "{head}");
    let mut sent = [0; 5];
    origin.0.read_exact(&mut sent).expect("the body");
    assert_eq!(&sent, b"hello");
    origin.send(format!("HTTP/1.1 201 Made\r\nContent-Length: {}\r\n\r\n", body.len()));
    origin.send(&body);
    let answer = client.answer();
    assert_eq!(answer.status(), "201");
    assert!(answer.body == body, "the same bytes");
    // The connection to the origin server is used again.
    client.send(get("/b"));
    assert!(origin.head().starts_with("GET /base/b HTTP/1.1\r\n"));
    origin.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    let head = client.head();
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    let mut chunks = [0; 12];
    client.0.read_exact(&mut chunks).expect("the body");
    assert_eq!(&chunks, b"2\r\nab\r\n0\r\n\r\n");
}

#[test]
fn an_origin_server_that_refuses_is_answered_with_502() {
    let (listener, rule) = origin();
    drop(listener);
    let serve = Serve::start(&["--map", &rule]);
    let answer = serve.client().get("/");
    assert_eq!(answer.head.lines().next(), Some("HTTP/1.1 502 Connection refused"));
}

#[test]
fn the_fetcher_makes_a_request_of_its_own() {
    let serve = Serve::start(&["--plugin", "fetcher", "--plugin", "generator", "--threads", "2"]);
    let answer = serve.client().get("/fetch/nocache/100000/x");
    let body = String::from_utf8(answer.body).expect("text");
    assert!(body.starts_with("status 200\nlength 100000\nfnv1a "), "{body}");
}

#[test]
fn a_signal_ends_it_behind_the_answer_that_is_under_way() {
    let (listener, rule) = origin();
    let serve = Serve::start(&["--map", &rule]);
    let mut idle = serve.client();
    let mut client = serve.client();
    client.send(get("/a"));
    let (mut origin, _) = take(&listener);
    serve.terminate();
    serve.wait_until_it_ends();
    let body = pattern(1 << 20);
    origin.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
    origin.send(&body);
    let answer = client.answer();
    assert!(answer.has("Connection: close"), "{}", answer.head);
    assert!(answer.body == body, "the whole answer");
    assert_eq!(client.rest(), b"");
    assert_eq!(serve.wait().code(), Some(0));
    assert_eq!(idle.rest(), b"");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (listener, rule) = origin();
    let serve = Serve::start(&["--map", &rule]);
    let mut client = serve.client();
    client.send(get("/a"));
    let origin = take(&listener);
    serve.terminate();
    serve.wait_until_it_ends();
    serve.terminate();
    assert_eq!(serve.wait().code(), Some(1));
    drop(origin);
}

/// The server would wait for a silent origin server, and ask it again, for minutes: for
/// a client that waits, and for one that has gone, because it cannot tell them apart.
#[test]
fn what_is_not_finished_in_time_behind_a_signal_is_cut_off() {
    for (seconds, gone) in [("0", false), ("1", false), ("1", true)] {
        let (listener, rule) = origin();
        let arguments = ["--map", &rule, "--shutdown-timeout", seconds];
        let mut serve = Serve::start_loudly(&arguments);
        let mut client = serve.client();
        client.send(get("/a"));
        let origin = take(&listener);
        let kept = (!gone).then_some(client);
        serve.terminate();
        let mut said = String::new();
        let stderr = serve.child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut said).expect("text");
        assert_eq!(serve.wait().code(), Some(1), "{said}");
        assert!(said.contains("the time is up: 1 answers are cut off"), "{said}");
        drop((origin, kept));
    }
    // With nothing under way there is nothing to wait for.
    let serve = Serve::start(&["--plugin", "generator", "--shutdown-timeout", "0"]);
    serve.terminate();
    assert_eq!(serve.wait().code(), Some(0));
    // An answer that the client has may still be under way here: its plugin is told of the end.
    let serve = Serve::start(&["--plugin", "generator", "--shutdown-timeout", "20"]);
    assert_eq!(serve.client().get("/nocache/3/x").body, b"xxx");
    serve.terminate();
    assert_eq!(serve.wait().code(), Some(0));
}

#[test]
fn a_panic_on_an_event_thread_ends_the_server_with_a_sentence() {
    for threads in ["1", "2"] {
        let mut serve = Serve::start_loudly(&["--plugin", "broken", "--threads", threads]);
        let mut client = serve.client();
        client.send(get("/broken/panic"));
        let mut said = String::new();
        let stderr = serve.child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut said).expect("text");
        assert_eq!(serve.wait().code(), Some(2), "{said}");
        let sentence = "atslab: a thread of the server has panicked, and the server ends";
        assert!(said.contains("/broken/panic has been asked for"), "{said}");
        assert!(said.lines().last().is_some_and(|line| line.starts_with(sentence)), "{said}");
    }
}

#[test]
fn a_tunnel_passes_bytes_and_ends_on() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let serve = Serve::start(&["--tunnel", &address.port().to_string()]);
    let mut client = serve.client();
    client.send(format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\nearly"));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let (stream, _) = listener.accept().expect("a connection");
    let mut origin = Client(BufReader::new(stream));
    let body = pattern(TEN_MIB);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = client.0.get_ref();
            stream.write_all(&body).expect("it reads");
            stream.shutdown(std::net::Shutdown::Write).expect("open");
        });
        // The end of one side is passed on, and the other side goes on.
        assert!(origin.rest() == [&b"early"[..], &body].concat(), "the same bytes");
    });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            origin.send(&body);
            drop(origin);
        });
        assert!(client.rest() == body, "the same bytes");
    });
    // Any other port is forbidden.
    let mut client = serve.client();
    client.send("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
    assert_eq!(client.answer().status(), "403");
}

#[test]
fn both_sides_may_be_ipv6() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return println!("this machine has no IPv6");
    };
    let address = listener.local_addr().expect("bound");
    let rule = format!("/=http://{address}/");
    let serve = Serve::start_on("[::1]:0", &["--map", &rule], Stdio::null());
    assert!(serve.address.is_ipv6());
    let mut client = serve.client();
    client.send(get("/a"));
    let (mut origin, head) = take(&listener);
    assert!(head.contains(&format!("\r\nHost: {address}\r\n")), "{head}");
    assert!(head.contains("\r\nX-Forwarded-For: ::1\r\n"), "{head}");
    origin.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.answer().body, b"hi");
}

#[test]
fn the_steps_are_lines_of_json() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("a name");
    let serve = Serve::start(&["--plugin", "generator", "--trace", path]);
    assert_eq!(serve.client().get("/nocache/10/x").body.len(), 10);
    serve.terminate();
    assert_eq!(serve.wait().code(), Some(0));
    let text = std::fs::read_to_string(path).expect("written");
    let steps: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let has = |step: &str| steps.iter().any(|line| line["step"] == step);
    // Steps of the state machine, and of the pair that leads to the plugin.
    assert!(has("http_state") && has("do_io_read") && has("process_close"), "{text}");
}

#[test]
fn what_cannot_be_served_is_said() {
    atslab().arg("serve").assert().code(2).stderr(predicate::str::contains("--plugin <NAME>"));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let mut command = atslab();
    command.args(["serve", "--plugin", "echo", "--listen", &address]);
    let message = format!("atslab: cannot listen on {address}: ");
    command.assert().code(2).stderr(predicate::str::starts_with(message));
    let mut command = atslab();
    command.args(["serve", "--map", "nonsense"]);
    command.assert().code(2).stderr(predicate::str::contains("expected FROM=TO"));
    for (rule, expected) in [
        ("/=https://h/", "expected http, because there is no TLS here, found the scheme \"https\""),
        ("/=http://h:0/", "expected a port from 1 to 65535, found \"0\""),
        ("/=http://h:99999/", "expected a port from 1 to 65535, found \"99999\""),
    ] {
        let mut command = atslab();
        command.args(["serve", "--map", rule]);
        command.assert().code(2).stderr(predicate::str::contains(expected));
    }
}
