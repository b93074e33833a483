//! A plugin's own requests by `FetchSM`: which events it gets, and what it can read.
//!
//! The same ways beside a real 9.2.9: `atslab plugin compare "./clients.so MODE"`.

use std::sync::Arc;

use eventsys::sync::Mutex;
use eventsys::{
    ContRef, Data, EventCode, FreeContinuation, Invocation, Outcome, ProxyMutex, StateMachine,
};
use httpsm::hooks::HttpHook;
use httpsm::{
    FetchEvents, FetchFlags, FetchLine, FetchSM, FetchWakeUp, FetchedHead, HttpConfig,
    HttpCorrections, HttpData, HttpEvents,
};
use testkit::panic_text;

use crate::common::{Lab, config};

const REQUEST: &[u8] = b"GET http://origin.test/x HTTP/1.1\r\nHost: origin.test\r\n\r\n";
const EVENTS: FetchEvents =
    FetchEvents { success: EventCode(20001), failure: EventCode(20002), timeout: EventCode(20003) };

/// What a plugin was told, a line for each event.
type Told = Arc<Mutex<Vec<String>>>;

/// What a plugin does at an event with stream IO.
type React = fn(&FetchSM, i32);

struct User {
    told: Told,
    react: React,
}

impl User {
    fn handle(&self, _: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let Data::Object(object) = data else {
            self.told.lock().push(format!("{}", event.0));
            return Outcome::Done;
        };
        if let Some(FetchedHead(fetch)) = object.downcast_ref() {
            let status = fetch.with_response(|head| head.status);
            self.told.lock().push(format!("{} head {status}", event.0));
            return Outcome::Done;
        }
        let fetch: &FetchSM = object.downcast_ref().expect("a fetch");
        let mut line = format!("{}", event.0);
        if event == EVENTS.success {
            let text = fetch.response_text();
            let body = text.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
            line += &format!(" {:?}", String::from_utf8_lossy(&text[body..]));
        } else if matches!(event.0, -4 | -3) {
            let mut piece = [0; 100];
            loop {
                let n = fetch.read_data(&mut piece);
                if n == 0 {
                    break;
                }
                line += &format!(" {:?}", String::from_utf8_lossy(&piece[..n]));
            }
        }
        self.told.lock().push(line);
        (self.react)(fetch, event.0);
        Outcome::Done
    }
}

fn user(react: React) -> (ContRef, Told) {
    let told = Told::default();
    let user = User { told: told.clone(), react };
    (StateMachine::new(ProxyMutex::new(), user, User::handle), told)
}

fn lab(corrections: HttpCorrections) -> Lab {
    Lab::with(HttpConfig { corrections, ..config() }, None)
}

fn fetch_url(lab: &Lab, wake_up: FetchWakeUp) -> (FetchSM, Told) {
    let (cont, told) = user(|_, _| {});
    let addr = "127.0.0.1:1234".parse().unwrap();
    let fetch = FetchSM::fetch_url(&lab.proxy, addr, REQUEST, Some(cont), wake_up, EVENTS);
    lab.settle();
    (fetch, told)
}

fn create(lab: &Lab, method: &[u8], flags: FetchFlags, react: React) -> (FetchSM, Told) {
    let (cont, told) = user(react);
    let addr = "127.0.0.1:1234".parse().unwrap();
    let line = FetchLine { method, url: b"http://origin.test/x", version: b"HTTP/1.1" };
    let fetch = FetchSM::create(&lab.proxy, cont, line, addr, flags);
    fetch.header_add(b"Host", b"origin.test");
    (fetch, told)
}

/// Destroys the fetch with the last event, as plugins do.
fn to_the_end(fetch: &FetchSM, event: i32) {
    if event == -4 || event > 0 {
        fetch.destroy();
    }
}

#[test]
fn the_whole_answer_comes_with_one_event() {
    let lab = lab(HttpCorrections::default());
    let (fetch, told) = fetch_url(&lab, FetchWakeUp::AfterBody);
    lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    lab.settle();
    assert!(told.lock().is_empty() && !fetch.is_over());
    lab.origin().send(b"world");
    lab.settle();
    assert_eq!(*told.lock(), ["20001 \"helloworld\""]);
    assert!(fetch.is_over());
    drop(fetch);
    lab.expect_nothing_left(vec![]);
}

#[test]
fn the_head_comes_first_and_the_text_is_the_body_alone_then() {
    let lab = lab(HttpCorrections::default());
    let (fetch, told) = fetch_url(&lab, FetchWakeUp::AfterHeader);
    lab.origin().send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n");
    lab.settle();
    assert_eq!(*told.lock(), ["20001 head 404"]);
    lab.origin().send(b"hello");
    lab.settle();
    assert_eq!(told.lock()[1..], ["20001 \"hello\""]);
    assert_eq!(fetch.response_text(), b"hello");
    drop(fetch);
    lab.expect_nothing_left(vec![]);
}

#[test]
fn without_a_callback_nothing_is_told() {
    let lab = lab(HttpCorrections::default());
    let (fetch, told) = fetch_url(&lab, FetchWakeUp::NoCallback);
    lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    lab.settle();
    assert!(told.lock().is_empty() && fetch.is_over());
    drop(fetch);
    lab.expect_nothing_left(vec![]);
}

/// Blocks of a head are 4 KiB: behind the first one the original copies what lies in memory.
#[test]
fn a_head_of_several_blocks_is_copied_from_the_first_one() {
    for (corrected, kept) in [(false, 4096), (true, usize::MAX)] {
        let corrections =
            HttpCorrections { fetch_copies_whole_head: corrected, ..HttpCorrections::default() };
        let lab = lab(corrections);
        let (fetch, told) = fetch_url(&lab, FetchWakeUp::AfterBody);
        let long = "X".repeat(20_000);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nBig: {long}\r\n\r\nhello");
        lab.origin().send(answer.as_bytes());
        lab.settle();
        assert_eq!(told.lock().len(), 1);
        let text = fetch.response_text();
        assert!(text.len() > 20_000 && text.ends_with(b"hello"));
        let head = &text[..text.len() - 5];
        let zeros = head.iter().filter(|byte| **byte == 0).count();
        assert_eq!(zeros, head.len().saturating_sub(kept));
        assert_eq!(fetch.lost_of_head(), zeros);
        let xs = head.iter().filter(|byte| **byte == b'X').count();
        assert_eq!(xs == 20_000, corrected, "{xs}");
        drop(fetch);
        lab.expect_nothing_left(vec![]);
    }
}

#[test]
fn chunks_are_undone_if_the_flag_says_so() {
    for dechunk in [false, true] {
        let lab = lab(HttpCorrections::default());
        let (fetch, told) = fetch_url(&lab, FetchWakeUp::AfterBody);
        fetch.set_flags(FetchFlags { dechunk, ..FetchFlags::default() });
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        lab.origin().send(answer);
        lab.settle();
        let body = if dechunk { "hello" } else { "5\r\nhello\r\n0\r\n\r\n" };
        assert_eq!(*told.lock(), [format!("20001 {body:?}")]);
        drop(fetch);
        lab.expect_nothing_left(vec![]);
    }
}

#[test]
fn stream_io_tells_head_pieces_and_end() {
    let lab = lab(HttpCorrections::default());
    let (fetch, told) = create(&lab, b"POST", FetchFlags::default(), to_the_end);
    fetch.header_add(b"content-length", b"10");
    assert!(!fetch.is_launched());
    fetch.launch();
    assert!(fetch.is_launched());
    lab.settle();
    fetch.write_data(b"01234");
    lab.settle();
    fetch.write_data(b"56789");
    lab.settle();
    let asked = lab.origin().text();
    assert!(asked.starts_with("POST /x HTTP/1.1\r\n") && asked.ends_with("\r\n\r\n0123456789"));
    lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    lab.settle();
    assert_eq!(*told.lock(), ["-2"]);
    for piece in [b"hello", b"world"] {
        lab.origin().send(piece);
        lab.settle();
    }
    assert_eq!(told.lock()[1..], ["-3 \"hello\"", "-4 \"world\""]);
    assert!(fetch.is_over());
    drop(fetch);
    lab.expect_nothing_left(vec![]);
}

#[test]
fn stream_io_undoes_chunks_and_needs_it() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let corrections =
        HttpCorrections { fetch_streams_chunked_bodies: true, ..HttpCorrections::default() };
    for dechunk in [true, false] {
        let lab = lab(corrections);
        let flags = FetchFlags { dechunk, ..FetchFlags::default() };
        let (fetch, told) = create(&lab, b"GET", flags, to_the_end);
        fetch.launch();
        lab.settle();
        lab.origin().send(answer);
        lab.settle();
        let body = if dechunk { "hello" } else { "5\r\nhello\r\n0\r\n\r\n" };
        assert_eq!(*told.lock(), ["-2".to_owned(), format!("-4 {body:?}")]);
        drop(fetch);
        lab.expect_nothing_left(vec![]);
    }
}

/// #12707: the original asks a reader that it has never made.
#[test]
fn a_chunked_answer_that_stream_io_does_not_undo_is_an_assertion() {
    let lab = lab(HttpCorrections::default());
    let (fetch, _) = create(&lab, b"GET", FetchFlags::default(), |fetch, _| {
        assert!(fetch.is_lost(), "it can be told before");
    });
    fetch.launch();
    lab.settle();
    lab.origin().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let told = panic_text(|| lab.settle());
    assert!(told.contains("the answer is chunked, and the fetch does not undo it"), "{told}");
    fetch.destroy();
    assert!(fetch.is_over());
    drop(fetch);
    lab.expect_nothing_left(vec![]);
}

#[test]
fn a_fetch_that_is_destroyed_in_a_callback_tells_nothing_more() {
    for new_lock in [false, true] {
        let lab = lab(HttpCorrections::default());
        let flags = FetchFlags { new_lock, ..FetchFlags::default() };
        let (fetch, told) = create(&lab, b"GET", flags, |fetch, event| {
            if event == -2 {
                fetch.destroy();
                assert!(!fetch.is_over(), "freed when the callback has returned");
            }
        });
        assert_eq!(fetch.has_own_mutex(), new_lock);
        fetch.launch();
        lab.settle();
        lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        lab.settle();
        assert_eq!(*told.lock(), ["-2"]);
        assert!(fetch.is_over());
        drop(fetch);
        lab.expect_nothing_left(vec![]);
    }
}

/// The original looks at the mutex by a try-lock, and comes again after 10 ms.
#[test]
fn a_destroy_while_another_thread_holds_the_fetchs_own_mutex_comes_later() {
    let lab = lab(HttpCorrections::default());
    let flags = FetchFlags { new_lock: true, ..FetchFlags::default() };
    let (fetch, told) = create(&lab, b"GET", flags, to_the_end);
    fetch.launch();
    let (held, is_held) = std::sync::mpsc::channel();
    let (go, goes) = std::sync::mpsc::channel::<()>();
    let mutex = fetch.mutex().clone();
    let other = std::thread::spawn(move || {
        let _guard = mutex.lock();
        held.send(()).expect("it waits");
        let _ = goes.recv();
    });
    is_held.recv().expect("it is held");
    fetch.destroy();
    assert!(!fetch.is_over());
    go.send(()).expect("it waits");
    other.join().expect("no panic");
    lab.settle();
    assert!(fetch.is_over() && told.lock().is_empty());
    drop(fetch);
    lab.expect_nothing_left(vec![]);
}

#[test]
fn a_request_for_a_head_has_no_body() {
    let lab = lab(HttpCorrections::default());
    let (fetch, told) = create(&lab, b"HEAD", FetchFlags::default(), to_the_end);
    fetch.launch();
    lab.settle();
    lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    lab.settle();
    assert_eq!(*told.lock(), ["-2", "-4"]);
    drop(fetch);
    lab.expect_nothing_left(vec![]);
}

#[test]
fn the_request_is_internal_unless_the_flag_says_otherwise() {
    for not_internal_request in [false, true] {
        let lab = lab(HttpCorrections::default());
        let internal = Arc::new(Mutex::new(None));
        let seen = internal.clone();
        let hook = FreeContinuation::new(move |_, _, data| {
            let txn = data.txn().expect("a hook of transactions");
            *seen.lock() = Some(txn.is_internal());
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        });
        lab.proxy.hooks().add(HttpHook::SendRequestHdr, hook);
        let flags = FetchFlags { not_internal_request, ..FetchFlags::default() };
        let (fetch, _) = create(&lab, b"GET", flags, to_the_end);
        fetch.launch();
        lab.settle();
        assert_eq!(*internal.lock(), Some(!not_internal_request));
        lab.origin().send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        lab.settle();
        drop(fetch);
        lab.expect_nothing_left(vec![]);
    }
}
