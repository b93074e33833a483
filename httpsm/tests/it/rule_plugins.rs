//! Plugins of a rule, and what a plugin can turn off: the rules and the cache.

use std::sync::Arc;

use crate::common::{Lab, config};
use eventsys::sync::Mutex;
use eventsys::{EventCode, FreeContinuation, Outcome};
use httpsm::hooks::HttpHook;
use httpsm::{
    CacheLookup, HttpConfig, HttpData, HttpEvents, HttpTxn, Mapping, RemapPlugin, RemapStatus,
    TxnBytes, UrlRewrite,
};

/// Notes its name and the request's target; says this.
struct Noting(&'static str, RemapStatus, Arc<Mutex<Vec<String>>>);

impl RemapPlugin for Noting {
    fn do_remap(&self, txn: &HttpTxn, rule: &Mapping) -> RemapStatus {
        let mut url = Vec::new();
        txn.client_request().url.print(&mut url);
        let (mut from, mut to) = (Vec::new(), Vec::new());
        rule.from().print(&mut from);
        rule.to().print(&mut to);
        let [url, from, to] = [url, from, to].map(|text| String::from_utf8(text).unwrap());
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
        assert_eq!(*seen.lock(), Some(expected));
        assert_eq!(client.text().starts_with("HTTP/1.1 504 "), cache_http, "{}", client.text());
        lab.expect_nothing_left(vec![client]);
    }
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
