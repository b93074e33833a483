//! Plugins of a rule, and what a plugin can turn off: the rules and the cache.

use std::sync::Arc;

use crate::common::{Lab, config};
use eventsys::sync::Mutex;
use eventsys::{EventCode, FreeContinuation, Outcome};
use httpsm::hdr::URL;
use httpsm::hooks::HttpHook;
use httpsm::{
    CacheLookup, HttpConfig, HttpData, HttpEvents, HttpTxn, Mapping, Milestone, RemapPlugin,
    RemapStatus, TxnBytes, UrlRewrite,
};

fn printed(url: &URL) -> String {
    let mut text = Vec::new();
    url.print(&mut text);
    String::from_utf8(text).unwrap()
}

/// Notes its name and the request's target; says this.
struct Noting(&'static str, RemapStatus, Arc<Mutex<Vec<String>>>);

impl RemapPlugin for Noting {
    fn do_remap(&self, txn: &HttpTxn, rule: &Mapping) -> RemapStatus {
        let request = txn.client_request();
        let [url, from, to] = [&request.url, rule.from(), rule.to()].map(printed);
        self.2.lock().push(format!("{} {url} by {from} to {to}", self.0));
        if self.0 == "changes" {
            txn.with_client_request(|request| request.url.path = b"changed".to_vec());
        }
        self.1
    }
}

/// The rule rewrites before its first plugin; each plugin sees what those before it did; one that
/// stops is the last.
#[test]
fn the_plugins_of_a_rule_are_called_in_their_order_until_one_stops() {
    let lab = Lab::new();
    let calls: Arc<Mutex<Vec<String>>> = Arc::default();
    let plugin = |name, status| Arc::new(Noting(name, status, Arc::clone(&calls)));
    let rule: Mapping = "http://origin.test/a/=http://127.0.0.1:19090/b/".parse().unwrap();
    let rule = rule
        .with_plugin(plugin("looks", RemapStatus::NoRemap))
        .with_plugin(plugin("changes", RemapStatus::DidRemap))
        .with_plugin(plugin("stops", RemapStatus::NoRemapStop))
        .with_plugin(plugin("too late", RemapStatus::NoRemap));
    let other: Mapping = "http://origin.test/=http://127.0.0.1:19090/".parse().unwrap();
    lab.proxy.set_remap(UrlRewrite::new(vec![rule, other]));
    let rules = "by http://origin.test/a/ to http://127.0.0.1:19090/b/";

    let client = lab.ask(b"GET /a/x HTTP/1.1\r\nHost: origin.test\r\n\r\n");
    let expected = [
        format!("looks http://127.0.0.1:19090/b/x {rules}"),
        format!("changes http://127.0.0.1:19090/b/x {rules}"),
        format!("stops http://127.0.0.1:19090/changed {rules}"),
    ];
    assert_eq!(std::mem::take(&mut *calls.lock()), expected);
    assert!(lab.origin().text().starts_with("GET /changed HTTP/1.1\r\n"));

    // The plugins of a rule that does not match are not called.
    let another = lab.ask(b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n");
    assert_eq!(*calls.lock(), [""; 0]);
    lab.expect_nothing_left(vec![client, another]);
}

/// Without rules there is nothing to refuse, and the hooks at them are left out.
#[test]
fn a_plugin_can_leave_the_rules_out() {
    let lab = Lab::new();
    let calls: Arc<Mutex<Vec<HttpHook>>> = Arc::default();
    for hook in [HttpHook::ReadRequestHdr, HttpHook::PreRemap, HttpHook::PostRemap] {
        let calls = Arc::clone(&calls);
        let skips = FreeContinuation::new(move |_, _, data| {
            let txn = data.txn().expect("a transaction");
            calls.lock().push(hook);
            txn.set_skip_remapping(true);
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        });
        lab.proxy.hooks().add(hook, skips);
    }
    lab.connector.listen("elsewhere.test", 19090, lab.acceptor());
    let client = lab.ask(b"GET /x HTTP/1.1\r\nHost: elsewhere.test:19090\r\n\r\n");
    assert_eq!(*calls.lock(), [HttpHook::ReadRequestHdr]);
    assert!(lab.origin().text().starts_with("GET /x HTTP/1.1\r\nHost: elsewhere.test:19090\r\n"));
    lab.expect_nothing_left(vec![client]);
}

/// A cache that is off is not asked, and then a request that must not go to the origin server does.
#[test]
fn a_cache_that_is_off_is_not_asked() {
    for (cache_http, expected) in [(true, CacheLookup::Miss), (false, CacheLookup::Skipped)] {
        let lab = Lab::with(HttpConfig { cache_http, ..config() }, None);
        let seen = Arc::new(Mutex::new(None));
        let status = Arc::clone(&seen);
        let notes = FreeContinuation::new(move |_, _, data| {
            let txn = data.txn().expect("a transaction");
            *status.lock() = Some(txn.cache_lookup());
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        });
        lab.proxy.hooks().add(HttpHook::CacheLookupComplete, notes);
        let request =
            b"GET /x HTTP/1.1\r\nHost: origin.test\r\nCache-Control: only-if-cached\r\n\r\n";
        let client = lab.ask(request);
        assert_eq!(*seen.lock(), Some(Some(expected)));
        assert_eq!(client.text().starts_with("HTTP/1.1 504 "), cache_http, "{}", client.text());
        lab.expect_nothing_left(vec![client]);
    }
}

/// What a plugin changes after the lookup changes nothing about it: the cache has been asked.
#[test]
fn a_lookup_is_decided_once() {
    let lab = Lab::with(HttpConfig { pristine_host_hdr: true, ..config() }, None);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let add = |hook: HttpHook, change: fn(&HttpTxn)| {
        let seen = Arc::clone(&seen);
        let notes = FreeContinuation::new(move |_, _, data| {
            let txn = data.txn().expect("a transaction");
            let url = txn.cache_lookup_url().map(|url| printed(&url));
            seen.lock().push((hook, txn.cache_lookup(), url));
            change(txn);
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        });
        lab.proxy.hooks().add(hook, notes);
    };
    add(HttpHook::ReadRequestHdr, |_| ());
    add(HttpHook::CacheLookupComplete, |txn| {
        txn.with_client_request(|request| request.url.path = b"y".to_vec());
        txn.set_cache_off();
        assert!(!txn.set_cache_lookup_url(b"http://other.test/"));
    });
    add(HttpHook::OsDns, |_| ());
    let client = lab.ask(b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n");
    let url = || Some("http://origin.test/x".to_owned());
    let expected = [
        (HttpHook::ReadRequestHdr, None, None),
        (HttpHook::CacheLookupComplete, Some(CacheLookup::Miss), url()),
        (HttpHook::OsDns, Some(CacheLookup::Miss), url()),
    ];
    assert_eq!(*seen.lock(), expected);
    assert!(lab.origin().text().starts_with("GET /y "), "the request itself is changed");
    lab.expect_nothing_left(vec![client]);
}

/// A plugin's own URL comes before that of the request.
#[test]
fn a_plugin_chooses_what_the_cache_is_asked_for() {
    let lab = Lab::new();
    let seen = Arc::new(Mutex::new(None));
    let url = Arc::clone(&seen);
    let first = FreeContinuation::new(move |_, _, data| {
        let txn = data.txn().expect("a transaction");
        assert!(txn.set_cache_lookup_url(b"http://key.test/k"));
        assert!(!txn.set_cache_lookup_url(b"http://other.test/"), "there is one");
        txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        Outcome::Done
    });
    let then = FreeContinuation::new(move |_, _, data| {
        let txn = data.txn().expect("a transaction");
        *url.lock() = txn.cache_lookup_url();
        txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        Outcome::Done
    });
    lab.proxy.hooks().add(HttpHook::ReadRequestHdr, first);
    lab.proxy.hooks().add(HttpHook::CacheLookupComplete, then);
    let client = lab.ask(b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n");
    let seen = seen.lock().take().map(|url| printed(&url));
    assert_eq!(seen.as_deref(), Some("http://key.test/k"));
    lab.expect_nothing_left(vec![client]);
}

/// Writes down the Host field, and changes the target.
struct LooksAtHost(Arc<Mutex<Vec<u8>>>);

impl RemapPlugin for LooksAtHost {
    fn do_remap(&self, txn: &HttpTxn, _: &Mapping) -> RemapStatus {
        txn.with_client_request(|request| {
            *self.0.lock() = request.fields.value_get("Host").unwrap_or_default().to_vec();
            request.url.port = Some(b"19090".to_vec());
        });
        RemapStatus::DidRemap
    }
}

/// `finish_remap` comes behind the plugins: they see the client's field, and it gets the target that
/// they leave.
#[test]
fn the_host_field_is_rewritten_behind_the_plugins_of_the_rule() {
    let lab = Lab::new();
    let seen = Arc::default();
    let rule: Mapping = "http://origin.test/=http://127.0.0.1:1/".parse().unwrap();
    let rule = rule.with_plugin(Arc::new(LooksAtHost(Arc::clone(&seen))));
    lab.proxy.set_remap(UrlRewrite::new(vec![rule]));
    let client = lab.ask(b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n");
    assert_eq!(seen.lock().as_slice(), b"origin.test");
    let request = lab.origin().text();
    assert!(request.starts_with("GET /x HTTP/1.1\r\nHost: 127.0.0.1:19090\r\n"), "{request}");
    lab.expect_nothing_left(vec![client]);
}

/// The clock of the lab is virtual: the origin server answers after 2 s, the client has it all 1 s later.
#[test]
fn a_transaction_keeps_its_milestones() {
    let lab = Lab::new();
    lab.proxy.keep_milestones();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |hook: HttpHook| {
        let seen = Arc::clone(&seen);
        let notes = FreeContinuation::new(move |_, _, data| {
            let txn = data.txn().expect("a transaction");
            *seen.lock() = [
                Milestone::SmStart,
                Milestone::UaBegin,
                Milestone::UaFirstRead,
                Milestone::UaReadHeaderDone,
                Milestone::ServerFirstConnect,
                Milestone::ServerConnect,
                Milestone::ServerConnectEnd,
                Milestone::ServerBeginWrite,
                Milestone::ServerFirstRead,
                Milestone::ServerReadHeaderDone,
                Milestone::UaBeginWrite,
                Milestone::ServerClose,
                Milestone::UaClose,
                Milestone::SmFinish,
            ]
            .map(|milestone| txn.milestone(milestone))
            .to_vec();
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            Outcome::Done
        });
        lab.proxy.hooks().add(hook, notes);
    };
    note(HttpHook::ReadRequestHdr);
    let client = lab.ask(b"GET /x HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n");
    let begun = seen.lock().clone();
    let (known, unknown) = begun.split_at(4);
    assert!(known.is_sorted() && known[0].is_some() && unknown.iter().all(Option::is_none));
    note(HttpHook::TxnClose);
    lab.run_s(2);
    let origin = lab.origin();
    origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab");
    lab.run_s(1);
    origin.send(b"c");
    lab.settle();
    let seen = seen.lock().clone();
    assert!(seen[..13].is_sorted() && seen[0].is_some(), "{seen:?}");
    let seconds = |at: usize| (seen[at].unwrap() - seen[0].unwrap()) / eventsys::hrtime::SECOND;
    // The request is out at once.
    assert_eq!([7, 8, 9, 10, 11, 12].map(seconds), [0, 2, 2, 2, 3, 3]);
    assert_eq!(seen[13], None, "it has not ended");
    lab.expect_nothing_left(vec![client, origin]);
}

/// The counts at the end are the lengths of what has moved.
#[test]
fn a_transaction_counts_its_bytes() {
    let lab = Lab::new();
    let over = Arc::new(Mutex::new(Vec::new()));
    let ids = Arc::clone(&over);
    lab.proxy.when_a_transaction_is_over(move |id| ids.lock().push(id));
    let counted = Arc::new(Mutex::new(None));
    let bytes = Arc::clone(&counted);
    let notes = FreeContinuation::new(move |_, _, data| {
        let txn = data.txn().expect("a transaction");
        *bytes.lock() = Some((txn.id(), txn.bytes(), txn.cache_lookup_url().is_some()));
        txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        Outcome::Done
    });
    lab.proxy.hooks().add(HttpHook::TxnClose, notes);
    let head =
        "POST /x HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    let client = lab.ask(format!("{head}hello").as_bytes());
    let origin = lab.origin();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    origin.send(format!("{answer}abc").as_bytes());
    lab.settle();
    let length = |text: &str| i64::try_from(text.len()).unwrap();
    let (id, bytes, looked_up) = counted.lock().take().expect("it has ended");
    let expected = TxnBytes {
        client_request_hdr: length(head),
        client_request_body: 5,
        server_request_hdr: length(&origin.text()) - 5,
        server_request_body: 5,
        server_response_hdr: length(answer),
        server_response_body: 3,
        client_response_hdr: i64::try_from(client.received().len()).unwrap() - 3,
        client_response_body: 3,
    };
    assert_eq!(bytes, expected);
    assert!(looked_up, "the cache is asked, and never has it");
    assert_eq!(*over.lock(), [id]);
    lab.expect_nothing_left(vec![client, origin]);
}

/// A body that no origin server gets is taken away, and counts.
#[test]
fn a_body_that_is_drained_is_counted() {
    let lab = Lab::new();
    let counted = Arc::new(Mutex::new(0));
    let bytes = Arc::clone(&counted);
    let notes = FreeContinuation::new(move |_, _, data| {
        let txn = data.txn().expect("a transaction");
        *bytes.lock() = txn.bytes().client_request_body;
        txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        Outcome::Done
    });
    lab.proxy.hooks().add(HttpHook::TxnClose, notes);
    let client =
        lab.ask(b"PURGE /x HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\n\r\nhello");
    assert!(client.text().starts_with("HTTP/1.1 404 "), "{}", client.text());
    assert_eq!(*counted.lock(), 5);
    lab.expect_nothing_left(vec![client]);
}
