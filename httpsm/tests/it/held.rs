//! A plugin holds a transaction while the client times out, or while the client goes: what the
//! client sees, and which plugins are called in which order.
//!
//! Every row was measured on a running 9.2.9 with a plugin that holds what the path
//! says; `tests/live/hold` measures it again. The sockets are real, the seconds are
//! not. Two plugins are at each hook, and the first one holds.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use crate::net_common::{Stage, seconds_since};
use eventsys::hrtime::seconds;
use eventsys::sync::Mutex;
use eventsys::{ET_NET, EventCode, FreeContinuation, Outcome, Request};
use httpsm::hooks::HttpHook::{self, *};
use httpsm::{HttpConfig, HttpData, HttpEvents, HttpSsn};
use iocore::net::NetConfig;
use testkit::net::reset;

/// The timeouts of all tests here, in seconds.
const IN_S: i64 = 3;
const OUT_S: i64 = 5;
const KEEP_ALIVE_S: i64 = 6;

const HEAD: &str = " / HTTP/1.1\r\nHost: h\r\n";

/// What a client sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sends {
    /// A request without a body.
    Get,
    /// A request with all of its body.
    Post,
}
use Sends::{Get, Post};

/// What a client does while its request is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Does {
    Waits,
    EndsItsSide,
    Resets,
}
use Does::{EndsItsSide, Resets, Waits};

type Log = Arc<Mutex<Vec<String>>>;

/// What happened while and after a plugin held a transaction.
#[derive(Debug)]
struct Seen {
    /// The hooks from the held one on, each with the number of its plugin; where the
    /// first plugin gave back; where the client was closed.
    log: Vec<String>,
    /// The status line, and after how many seconds it came.
    answer: Option<(String, i64)>,
    /// After how many seconds the client's connection was closed.
    closed: Option<i64>,
}

#[derive(Clone, Copy)]
struct Hold {
    hook: HttpHook,
    /// Seconds; each time that the hook is called.
    span: i64,
    event: EventCode,
}

fn config() -> HttpConfig {
    HttpConfig {
        transaction_no_activity_timeout_in: seconds(IN_S),
        transaction_no_activity_timeout_out: seconds(OUT_S),
        keep_alive_no_activity_timeout_in: seconds(KEEP_ALIVE_S),
        accept_no_activity_timeout: seconds(4),
        ..HttpConfig::default()
    }
}

/// An origin server that answers every request at once.
fn answering() -> impl FnMut(TcpStream) {
    let mut kept = Vec::new();
    move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        kept.push(stream);
    }
}

/// An origin server that never answers.
fn silent() -> impl FnMut(TcpStream) {
    let mut kept = Vec::new();
    move |stream| kept.push(stream)
}

fn stage(config: HttpConfig, hold: Hold) -> (Stage, Log) {
    stage_with(config, hold, answering())
}

fn stage_with(
    config: HttpConfig,
    hold: Hold,
    origin: impl FnMut(TcpStream) + 'static,
) -> (Stage, Log) {
    let stage = Stage::with_http(NetConfig::default(), config, origin);
    let log: Log = Arc::default();
    add_hooks(&stage, &log, hold);
    (stage, log)
}

fn add_hooks(stage: &Stage, log: &Log, hold: Hold) {
    let processor = Arc::clone(stage.proxy.processor());
    let (note, Hold { hook: held, span, event: back }) = (Arc::clone(log), hold);
    let first = FreeContinuation::new(move |_, event, data| {
        let hook = HttpHook::from_event(event).expect("the event of a hook");
        note.lock().push(format!("1 {hook:?}"));
        let txn = data.txn().expect("a transaction").clone();
        if hook != held {
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            return Outcome::Done;
        }
        let note = Arc::clone(&note);
        let later = FreeContinuation::new(move |_, _, _| {
            note.lock().push("given back".to_owned());
            txn.reenable(back);
            Outcome::Done
        });
        processor.schedule_in(Request::new(later), seconds(span), ET_NET);
        Outcome::Done
    });
    let note = Arc::clone(log);
    let second = FreeContinuation::new(move |_, event, data| {
        let hook = HttpHook::from_event(event).expect("the event of a hook");
        note.lock().push(format!("2 {hook:?}"));
        data.txn().expect("a transaction").reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        Outcome::Done
    });
    for &hook in HttpHook::ALL {
        if !matches!(hook, SsnStart | SsnClose) {
            stage.proxy.hooks().add(hook, first.clone());
            stage.proxy.hooks().add(hook, second.clone());
        }
    }
}

/// Holds a request at a hook and looks on for `for_s` seconds.
fn see(config: HttpConfig, hold: Hold, sends: Sends, does: Does, for_s: i64) -> Seen {
    let held = format!("1 {:?}", hold.hook);
    see_on(stage(config, hold), &held, &request(sends), does, for_s)
}

fn request(sends: Sends) -> String {
    match sends {
        Get => format!("GET{HEAD}\r\n"),
        Post => format!("POST{HEAD}Content-Length: 5\r\n\r\nhello"),
    }
}

fn see_on((stage, log): (Stage, Log), held: &str, request: &str, does: Does, for_s: i64) -> Seen {
    let mut client = stage.client();
    client.write_all(request.as_bytes()).unwrap();
    stage.run_until(|| log.lock().iter().any(|entry| *entry == held));
    let start = stage.now();
    log.lock().retain(|entry| *entry == held);
    let mut client = Some(client);
    match does {
        Waits => {}
        EndsItsSide => client.as_ref().unwrap().shutdown(Shutdown::Write).unwrap(),
        Resets => {
            let gone = client.take().unwrap();
            reset(&gone);
        }
    }
    let (mut answer, mut closed) = (None, None);
    stage.run_until(|| {
        let at = seconds_since(&stage, start);
        let mut piece = [0; 4096];
        match client.as_mut().filter(|_| closed.is_none()).map(|client| client.read(&mut piece)) {
            Some(Ok(0)) => {
                closed = Some(at);
                log.lock().push("client closed".to_owned());
            }
            Some(Ok(n)) => {
                let text = String::from_utf8_lossy(&piece[..n]);
                let line = text.lines().next().unwrap().to_owned();
                answer.get_or_insert((line, at));
            }
            Some(Err(error)) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            None => {}
        }
        at >= for_s
    });
    let log = std::mem::take(&mut *log.lock());
    // Every transaction that a plugin still holds ends, and nothing is left of it.
    drop(client);
    stage.run_until(|| {
        let census = stage.proxy.census();
        (census.sessions, census.transactions) == (0, 0)
    });
    Seen { log, answer, closed }
}

fn held(hook: HttpHook, sends: Sends, does: Does, span: i64) -> Seen {
    let event = EventCode::TS_EVENT_HTTP_CONTINUE;
    see(config(), Hold { hook, span, event }, sends, does, 2 * span + KEEP_ALIVE_S - 2)
}

fn at_and_behind(hook: HttpHook) -> Vec<HttpHook> {
    let all = [
        TxnStart,
        ReadRequestHdr,
        PreRemap,
        PostRemap,
        CacheLookupComplete,
        OsDns,
        SendRequestHdr,
        ReadResponseHdr,
        SendResponseHdr,
        TxnClose,
    ];
    all.into_iter().skip_while(|other| *other != hook).collect()
}

/// The hooks that are called if the client stays while the first plugin holds.
fn goes_on(hook: HttpHook) -> Vec<String> {
    let mut log = vec![format!("1 {hook:?}"), "given back".to_owned(), format!("2 {hook:?}")];
    for next in at_and_behind(hook).into_iter().skip(1) {
        log.extend([format!("1 {next:?}"), format!("2 {next:?}")]);
    }
    log
}

/// The cop looks once a second, and at a connection that has had bytes not at once.
fn is_on_time(closed: Option<i64>, timeout: i64) -> bool {
    closed.is_some_and(|at| (timeout..=timeout + 2).contains(&at))
}

#[test]
fn the_clients_inactivity_timeout_comes_whatever_plugin_holds_its_request() {
    for hook in
        [ReadRequestHdr, PreRemap, PostRemap, CacheLookupComplete, ReadResponseHdr, SendResponseHdr]
    {
        for does in [Waits, EndsItsSide] {
            let seen = held(hook, Get, does, 8);
            assert!(is_on_time(seen.closed, IN_S), "{hook:?}, {does:?}: {seen:?}");
            assert_eq!(seen.answer, None, "{hook:?}");
            // The others at this hook are still called, and then those of the end.
            let expected = [
                &format!("1 {hook:?}"),
                "client closed",
                "given back",
                &format!("2 {hook:?}"),
                "1 TxnClose",
                "2 TxnClose",
            ];
            assert_eq!(seen.log, expected, "{hook:?}, {does:?}");
        }
    }
}

/// The same for a plugin that ends the transaction with an error: then the others at
/// this hook are not called, and there is no client left that could get the error.
#[test]
fn an_error_behind_the_clients_timeout_goes_to_the_end_at_once() {
    for hook in [ReadRequestHdr, PostRemap, ReadResponseHdr, SendResponseHdr] {
        let hold = Hold { hook, span: 8, event: EventCode::TS_EVENT_HTTP_ERROR };
        let seen = see(config(), hold, Get, Waits, 10);
        let expected =
            [&format!("1 {hook:?}"), "client closed", "given back", "1 TxnClose", "2 TxnClose"];
        assert_eq!((seen.log, seen.answer), (expected.map(str::to_owned).to_vec(), None));
    }
}

/// Before the answer's head the client gets the error, unless it has timed out.
#[test]
fn an_error_behind_the_origin_servers_timeout_is_the_answer() {
    for (hook, sends) in [(SendRequestHdr, Get), (SendRequestHdr, Post), (PostRemap, Post)] {
        let hold = Hold { hook, span: 8, event: EventCode::TS_EVENT_HTTP_ERROR };
        let seen = see(config(), hold, sends, Waits, 10);
        assert_eq!(seen.answer, Some(("HTTP/1.1 500 INKApi Error".to_owned(), 8)));
        let end = ["1 SendResponseHdr", "2 SendResponseHdr", "1 TxnClose", "2 TxnClose"];
        let begin = [&format!("1 {hook:?}"), "given back"];
        let expected = [&begin[..], &end, &["client closed"]].concat();
        assert_eq!(seen.log, expected, "{hook:?}, {sends:?}");
    }
}

/// A client that has sent all of its body is not read from any more, and a connection
/// that is neither read nor written has no timeout. The write of the answer's head starts its
/// timeout again.
#[test]
fn a_client_that_has_sent_a_body_is_timed_out_behind_the_answers_head_only() {
    for hook in [ReadRequestHdr, PreRemap, PostRemap, CacheLookupComplete, OsDns] {
        let seen = held(hook, Post, Waits, 8);
        assert_eq!(seen.answer, Some(("HTTP/1.1 200 OK".to_owned(), 8)), "{hook:?}");
        let mut expected = goes_on(hook);
        expected.push("client closed".to_owned());
        assert_eq!(seen.log, expected, "{hook:?}");
    }
    for hook in [ReadResponseHdr, SendResponseHdr] {
        let seen = held(hook, Post, Waits, 8);
        assert!(is_on_time(seen.closed, IN_S), "{hook:?}: {seen:?}");
        assert_eq!(seen.answer, None);
    }
}

/// Nothing is read while TXN_START is held, so no inactivity timeout comes then.
#[test]
fn a_client_is_not_timed_out_while_its_transaction_is_held_at_the_start() {
    for sends in [Get, Post] {
        let seen = held(TxnStart, sends, Waits, 8);
        assert_eq!(seen.answer, Some(("HTTP/1.1 200 OK".to_owned(), 8)), "{sends:?}");
        let mut expected = goes_on(TxnStart);
        expected.push("client closed".to_owned());
        assert_eq!(seen.log, expected, "{sends:?}");
    }
}

/// The active timeout comes whether or not anything is being read.
#[test]
fn the_clients_active_timeout_comes_while_its_transaction_is_held_at_the_start() {
    for sends in [Get, Post] {
        let config = HttpConfig { transaction_active_timeout_in: seconds(4), ..config() };
        let hold = Hold { hook: TxnStart, span: 8, event: EventCode::TS_EVENT_HTTP_CONTINUE };
        let seen = see(config, hold, sends, Waits, 10);
        assert!(is_on_time(seen.closed, 4), "{seen:?}");
        let expected =
            ["1 TxnStart", "client closed", "given back", "2 TxnStart", "1 TxnClose", "2 TxnClose"];
        assert_eq!((seen.log, seen.answer), (expected.map(str::to_owned).to_vec(), None));
    }
}

/// It does not count as gone: neither its end nor its reset is noticed before the
/// answer is written.
#[test]
fn a_client_that_goes_while_a_plugin_holds_its_request_is_still_answered() {
    for hook in at_and_behind(TxnStart) {
        for sends in [Get, Post] {
            for does in [EndsItsSide, Resets] {
                let seen = held(hook, sends, does, 2);
                let mut expected = goes_on(hook);
                if does == EndsItsSide {
                    expected.push("client closed".to_owned());
                    let (line, at) = seen.answer.expect("an answer");
                    assert_eq!(line, "HTTP/1.1 200 OK");
                    assert_eq!(at, if hook == TxnClose { 0 } else { 2 }, "{hook:?}");
                    assert!((2..=3).contains(&seen.closed.unwrap()), "{hook:?}, {sends:?}");
                }
                assert_eq!(seen.log, expected, "{hook:?}, {sends:?}, {does:?}");
            }
        }
    }
}

/// The client's timeout comes once more while TXN_CLOSE is held, if it keeps its
/// connection: then all plugins of TXN_CLOSE are called a second time.
#[test]
fn a_timeout_while_the_end_is_held_calls_its_plugins_a_second_time() {
    for sends in [Get, Post] {
        let seen = held(TxnClose, sends, Waits, 8);
        assert_eq!(seen.answer, Some(("HTTP/1.1 200 OK".to_owned(), 0)), "{sends:?}");
        let once = ["1 TxnClose", "given back", "2 TxnClose"];
        assert_eq!(seen.log, [once, once].concat(), "{sends:?}");
        assert_eq!(seen.closed, None);
        // An error at the end passes the second plugin over, both times.
        let hold = Hold { hook: TxnClose, span: 8, event: EventCode::TS_EVENT_HTTP_ERROR };
        let seen = see(config(), hold, sends, Waits, 20);
        assert_eq!(seen.log, ["1 TxnClose", "given back"].repeat(2), "{sends:?}");
    }
}

/// The origin server's timeout comes while SEND_REQUEST_HDR is held: its effects wait for the
/// plugin. Here that is another try, three times, and then the error answer.
#[test]
fn the_origin_servers_timeout_waits_for_the_plugin_that_holds_the_request() {
    for sends in [Get, Post] {
        let hold = Hold { hook: SendRequestHdr, span: 8, event: EventCode::TS_EVENT_HTTP_CONTINUE };
        let seen = see(config(), hold, sends, Waits, 34);
        let mut expected = ["1 SendRequestHdr", "given back", "2 SendRequestHdr"].repeat(4);
        expected.extend(["1 SendResponseHdr", "2 SendResponseHdr", "1 TxnClose", "2 TxnClose"]);
        if sends == Post {
            expected.push("client closed");
        }
        assert_eq!(seen.log, expected, "{sends:?}");
        assert_eq!(seen.answer, Some(("HTTP/1.1 502 Connection timed out".to_owned(), 32)));
    }
}

/// While an error answer is held the client has no timeout, because it waits for the origin server.
/// After the hook its timeout runs again.
#[test]
fn a_client_has_its_time_again_when_an_error_answer_goes_out() {
    for hook in [SendResponseHdr, TxnClose] {
        let hold = Hold { hook, span: 8, event: EventCode::TS_EVENT_HTTP_CONTINUE };
        let (mut stage, log) = stage(config(), hold);
        stage.origin = None;
        let held = format!("1 {hook:?}");
        let seen = see_on((stage, log), &held, &request(Get), Waits, 12);
        let at = if hook == TxnClose { 0 } else { 8 };
        assert_eq!(seen.answer, Some(("HTTP/1.1 502 Connection refused".to_owned(), at)));
        assert_eq!(seen.closed, None);
        let expected = match hook {
            // Twice, because the timeout has come.
            TxnClose => ["1 TxnClose", "given back", "2 TxnClose", "1 TxnClose"].to_vec(),
            _ => vec!["1 SendResponseHdr", "given back", "2 SendResponseHdr"],
        };
        let expected = [&expected[..], if hook == TxnClose { &[] } else { &TXN_CLOSE }].concat();
        assert_eq!(seen.log, expected, "{hook:?}");
    }
}

const TXN_CLOSE: [&str; 2] = ["1 TxnClose", "2 TxnClose"];

/// Of two requests at once the second is held at its start behind the answer to the
/// first. The connection is not in the middle of a read then, so its timeout stands.
#[test]
fn a_client_is_timed_out_while_its_second_transaction_is_held_at_the_start() {
    let hold = Hold { hook: TxnStart, span: 8, event: EventCode::TS_EVENT_HTTP_CONTINUE };
    let twice = request(Get).repeat(2);
    let seen = see_on(stage(config(), hold), "1 TxnStart", &twice, Waits, 18);
    assert_eq!(seen.answer, Some(("HTTP/1.1 200 OK".to_owned(), 8)));
    assert!(is_on_time(seen.closed, 8 + IN_S), "{seen:?}");
    let mut expected = goes_on(TxnStart);
    let second = ["1 TxnStart", "client closed", "given back", "2 TxnStart"];
    expected.extend([&second[..], &TXN_CLOSE].concat().into_iter().map(str::to_owned));
    assert_eq!(seen.log, expected);
}

/// A client that stops in its body gets a 408; if that is held too, it times out a second time.
/// 9.2.9 closes it then as well, and dies of a segmentation fault when the plugin gives the answer
/// back; the port goes to the end.
#[test]
fn a_timeout_while_the_answer_to_a_timeout_is_held_ends_the_transaction() {
    let hold = Hold { hook: SendResponseHdr, span: 8, event: EventCode::TS_EVENT_HTTP_CONTINUE };
    let stage = stage_with(config(), hold, silent());
    let seen = see_on(stage, "1 SendResponseHdr", &half_a_body(), Waits, 10);
    assert!(is_on_time(seen.closed, IN_S), "{seen:?}");
    let expected = ["1 SendResponseHdr", "client closed", "given back", "2 SendResponseHdr"];
    assert_eq!(seen.log, [&expected[..], &TXN_CLOSE].concat());
    assert_eq!(seen.answer, None);
}

/// An answer stops a body that is under way, and the machine takes the client to be in the tunnel
/// still: what times out meanwhile is closed only behind TXN_CLOSE, as in 9.2.9.
#[test]
fn a_client_whose_body_was_stopped_is_closed_behind_txn_close() {
    let hold = Hold { hook: SendResponseHdr, span: 8, event: EventCode::TS_EVENT_HTTP_CONTINUE };
    let seen = see_on(stage(config(), hold), "1 SendResponseHdr", &half_a_body(), Waits, 10);
    assert_eq!(seen.closed, Some(8));
    let expected = ["1 SendResponseHdr", "given back", "2 SendResponseHdr"];
    assert_eq!(seen.log, [&expected[..], &TXN_CLOSE, &["client closed"]].concat());
    assert_eq!(seen.answer, None);
}

/// A client that stops in its body.
fn half_a_body() -> String {
    format!("POST{HEAD}Content-Length: 50\r\n\r\nhello")
}

/// Whether the origin server counts as one that cannot be reached: a new connection of
/// which nothing was used does, one from the pool does not.
#[test]
fn a_timeout_while_the_request_is_held_is_told_by_the_connections_age() {
    for (pooled, line) in
        [(false, "HTTP/1.1 502 Connection timed out"), (true, "HTTP/1.1 504 Connection Timed Out")]
    {
        let config = HttpConfig { connect_attempts_max_retries: 0, ..config() };
        let hold = Hold { hook: SendRequestHdr, span: 8, event: EventCode::TS_EVENT_HTTP_CONTINUE };
        let (stage, log) = stage(config, hold);
        if pooled {
            stage.proxy.hooks().clear();
            let mut client = stage.client();
            client.write_all(request(Get).as_bytes()).unwrap();
            assert!(stage.receive(&mut client, 200).ends_with("hello"));
            stage.run_until(|| stage.proxy.pool().len() == 1);
            add_hooks(&stage, &log, hold);
        }
        let seen = see_on((stage, log), "1 SendRequestHdr", &request(Get), Waits, 10);
        assert_eq!(seen.answer, Some((line.to_owned(), 8)));
    }
}

/// 9.2.9 ends there with a failed assertion: the timeout goes to the acceptor of the connection.
#[test]
fn a_session_that_is_held_at_its_start_is_not_timed_out() {
    let stage = Stage::with_http(NetConfig::default(), config(), answering());
    let kept: Arc<Mutex<Option<HttpSsn>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let hook = FreeContinuation::new(move |_, _, data| {
        *keep.lock() = data.ssn().cloned();
        Outcome::Done
    });
    stage.proxy.hooks().add(SsnStart, hook);
    let mut client = stage.client();
    client.write_all(request(Get).as_bytes()).unwrap();
    stage.run_until(|| kept.lock().is_some());
    let start = stage.now();
    stage.run_until(|| seconds_since(&stage, start) >= 10);
    let ssn = kept.lock().take().unwrap();
    ssn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
    assert!(stage.receive(&mut client, 200).ends_with("hello"));
}
