//! What the proxy does with a request by its scheme, its method and its fields, without a cache;
//! and how the generator reads its path. The real 9.2.9 has answered each of these requests so.

use crate::common::{Lab, Peer, config};
use httpsm::plugins::{self, Plugin};
use httpsm::{HttpConfig, UrlRewrite};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// The result of a request: the proxy's own answer, or the origin server's request.
#[derive(PartialEq, Debug)]
enum Fate {
    Answered(String),
    Asked(String),
}

fn answered(status: &str) -> Fate {
    Fate::Answered(format!("HTTP/1.1 {status}"))
}

fn asked(line: &str) -> Fate {
    Fate::Asked(format!("{line} HTTP/1.1"))
}

/// Sends a request with these fields to a proxy without rules.
fn fate(request: &str, fields: &str) -> Fate {
    let lab = Lab::with(HttpConfig { url_remap_required: false, ..config() }, None);
    lab.connector.listen("other.test", 80, lab.acceptor());
    let head = format!("{request} HTTP/1.1\r\nHost: other.test\r\n{fields}\r\n");
    let client = lab.ask(head.as_bytes());
    let first_line = |peer: &Peer| peer.text().lines().next().unwrap_or_default().to_owned();
    let fate = match lab.origins().first() {
        Some(origin) => Fate::Asked(first_line(origin)),
        None => Fate::Answered(first_line(&client)),
    };
    lab.expect_nothing_left(vec![client]);
    fate
}

/// A well-known scheme other than `http` is refused for every method except `CONNECT`, whose target
/// has no scheme. `https` and `wss` are refused before: they do not fit a connection in plain text.
/// A scheme that is not well known counts as `http`.
#[test]
fn a_scheme_that_is_not_supported_is_refused() {
    let unsupported = || answered("400 Unsupported URL Scheme");
    let mismatch = || answered("400 Invalid HTTP Request");
    for (request, expected) in [
        ("GET http://other.test/x", asked("GET /x")),
        ("GET foo://other.test/x", asked("GET /x")),
        ("FOO foo://other.test/x", asked("FOO /x")),
        ("POST foo://other.test/x", answered("411 Content Length Required")),
        ("GET ftp://other.test/x", unsupported()),
        ("HEAD ftp://other.test/x", unsupported()),
        ("POST ftp://other.test/x", unsupported()),
        ("FOO wais://other.test/x", unsupported()),
        ("GET ws://other.test/x", unsupported()),
        ("GET https://other.test/x", mismatch()),
        ("FOO wss://other.test/x", mismatch()),
        ("CONNECT other.test:81", answered("403 Tunnel Forbidden")),
    ] {
        assert_eq!(fate(request, ""), expected, "{request}");
    }
}

/// `PURGE` never goes further than the cache. `DELETE` does, unless `Max-Forwards` is
/// less than the two times that the original counts it down.
#[test]
fn purge_is_not_passed_on_and_delete_is_counted_down_by_two() {
    let not_found = || answered("404 Not Found");
    for (request, fields, expected) in [
        ("PURGE http://other.test/x", "", not_found()),
        ("PURGE http://other.test/x", "Max-Forwards: 9\r\n", not_found()),
        ("DELETE http://other.test/x", "", asked("DELETE /x")),
        ("DELETE http://other.test/x", "Max-Forwards: 0\r\n", not_found()),
        ("DELETE http://other.test/x", "Max-Forwards: 1\r\n", not_found()),
        ("DELETE http://other.test/x", "Max-Forwards: 2\r\n", asked("DELETE /x")),
        ("GET http://other.test/x", "Max-Forwards: 0\r\n", asked("GET /x")),
    ] {
        assert_eq!(fate(request, fields), expected, "{request} {fields}");
    }
    let lab = Lab::new();
    let client = lab.ask(b"DELETE /x HTTP/1.1\r\nHost: origin.test\r\nMax-Forwards: 7\r\n\r\n");
    assert!(lab.origin().text().contains("\r\nMax-Forwards: 5\r\n"), "{}", lab.origin().text());
    lab.expect_nothing_left(vec![client]);
}

/// A client that accepts only cached answers gets 504, also if the directive is one of several and
/// in quotes.
#[test]
fn only_if_cached_is_answered_by_504() {
    for (fields, is_passed_on) in [
        ("Cache-Control: only-if-cached\r\n", false),
        ("Cache-Control: ONLY-IF-CACHED\r\n", false),
        ("Cache-Control: x, \"only-if-cached\"\r\n", false),
        ("Cache-Control: only-if-cached=1\r\n", false),
        ("Cache-Control: x\r\nCache-Control: only-if-cached\r\n", false),
        ("Cache-Control: only-if-cachedx\r\n", true),
        ("Cache-Control: x only-if-cached\r\n", true),
        ("Pragma: only-if-cached\r\n", true),
    ] {
        let expected = if is_passed_on { asked("GET /x") } else { answered("504 Not Cached") };
        assert_eq!(fate("GET http://other.test/x", fields), expected, "{fields}");
    }
    // `FOO` is never looked up in the cache, so `only-if-cached` does not count, unless the request
    // has a range.
    let fields = "Cache-Control: only-if-cached\r\n";
    assert_eq!(fate("FOO http://other.test/x", fields), asked("FOO /x"));
    let fields = "Cache-Control: only-if-cached\r\nRange: x\r\n";
    assert_eq!(fate("FOO http://other.test/x", fields), answered("504 Not Cached"));
}

/// The proxy asks for a cacheable object as a whole, so it removes the client's conditions. As
/// there is no cache after all, it sets two of them again, behind all other fields.
#[test]
fn conditions_of_a_request_that_could_be_cached_are_taken_away() {
    let all = ["If-None-Match: *", "If-Match: x", "If-Unmodified-Since: x", "If-Modified-Since: x"];
    let anew = ["If-Modified-Since: x", "If-None-Match: *"];
    for (method, more, before, behind) in [
        ("GET", "If-Range: x", &[][..], &anew[..]),
        ("GET", "Authorization: x", &all[1..3], &anew),
        ("GET", "Range: bytes=0-1", &all, &[]),
        ("HEAD", "X: x", &all, &[]),
        ("FOO", "X: x", &all, &[]),
    ] {
        let lab = Lab::new();
        let head = format!("{method} /x HTTP/1.1\r\nHost: origin.test\r\n");
        let client = lab.ask(format!("{head}{}\r\n{more}\r\n\r\n", all.join("\r\n")).as_bytes());
        let asked = lab.origin().text();
        let is_the_proxys = |line: &&str| {
            ["Host", "Client-ip", "X-Forwarded-For", "Via"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        let fields: Vec<&str> = asked.lines().skip(1).filter(|line| !is_the_proxys(line)).collect();
        assert_eq!(fields, [before, &[more], behind, &[""]].concat(), "{method} {more}: {asked}");
        assert!(behind.is_empty() || asked.find("Via: ") < asked.find(behind[0]), "{asked}");
        lab.expect_nothing_left(vec![client]);
    }
}

/// A client of 1.0 gets an interim answer only if it says `Expect: 100`, as a number.
#[test]
fn an_interim_answer_goes_to_who_knows_it() {
    for (version, expect, interim) in [
        ("1.1", "", "HTTP/1.1 100 Continue\r\n"),
        ("1.0", "", ""),
        ("1.0", "Expect: 100-continue\r\n", "HTTP/1.0 100 Continue\r\n"),
        ("1.0", "Expect: 100\r\n", "HTTP/1.0 100 Continue\r\n"),
        ("1.0", "Expect: x\r\n", ""),
    ] {
        let lab = Lab::new();
        let head = format!("GET /x HTTP/{version}\r\nHost: origin.test\r\n{expect}\r\n");
        let client = lab.ask(head.as_bytes());
        lab.origin().send(b"HTTP/1.1 100 Continue\r\n\r\n");
        lab.settle();
        let text = client.text();
        assert_eq!(text.split_inclusive("\r\n").next().unwrap_or(""), interim, "{head}");
        lab.origin().send(OK);
        lab.settle();
        assert!(client.text().ends_with("hello"), "{head}{}", client.text());
        lab.expect_nothing_left(vec![client]);
    }
}

/// The generator turns the cache off for its `nocache` paths: then neither `only-if-cached` nor
/// `PURGE` counts, unless the request has a range.
#[test]
fn where_the_cache_is_off_nothing_is_looked_up() {
    for (request, fields, status) in [
        ("GET /nocache/3/x", "Cache-Control: only-if-cached\r\n", "200 OK"),
        ("GET /nocache/3/x", "Cache-Control: only-if-cached\r\nRange: x\r\n", "504 Not Cached"),
        ("GET /cache/3/x", "Cache-Control: only-if-cached\r\n", "504 Not Cached"),
        ("PURGE /nocache/3/x", "", "200 OK"),
        ("PURGE /nocache/3/x", "Range: x\r\n", "404 Not Found"),
        ("PURGE /cache/3/x", "", "404 Not Found"),
    ] {
        let text = generated(request, fields, 0);
        assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request} {fields}{text}");
    }
}

/// The bytes that a client has got from the generator after this many milliseconds.
fn generated(request: &str, fields: &str, ms: i64) -> String {
    let lab = Lab::new();
    lab.proxy.set_remap(UrlRewrite::new(vec!["/=http://127.0.0.1/".parse().unwrap()]));
    plugins::install(&[Plugin::Generator], &lab.proxy);
    let client = lab.ask(format!("{request} HTTP/1.1\r\nHost: h\r\n{fields}\r\n").as_bytes());
    lab.run_ms(ms);
    let text = client.text();
    lab.expect_nothing_left(vec![client]);
    text
}

/// The first part of a path counts by how it begins, the second is a size in decimal
/// digits modulo 2^64; the rest is free. A request that is not understood is not answered.
#[test]
fn the_generator_reads_a_size_from_the_path() {
    for (path, size) in [
        ("/nocache/3/x", Some(3)),
        ("/nocache/3", Some(3)),
        ("//nocache//3//", Some(3)),
        ("/nocachexyz/3", Some(3)),
        ("/cached/3/x", Some(3)),
        ("/nocache/003/x", Some(3)),
        ("/nocache/18446744073709551621/x", Some(5)),
        ("/nocache/9223372036854775808/x", None),
        ("/nocache/-1/x", None),
        ("/nocache/+3/x", None),
        ("/nocache/3x/x", None),
        ("/nocache/", None),
        ("/nocach/3/x", None),
        ("/3/nocache", None),
    ] {
        let text = generated(&format!("GET {path}"), "", 0);
        let Some(size) = size else {
            assert_eq!(text, "", "{path}");
            continue;
        };
        let body = "x".repeat(size);
        assert!(text.contains(&format!("\r\nContent-Length: {size}\r\n")), "{path}: {text}");
        assert!(text.ends_with(&format!("\r\n\r\n{body}")), "{path}: {text}");
    }
}

/// Its own two fields are numbers of 32 bits without a sign.
#[test]
fn the_generator_keeps_its_numbers_in_32_bits() {
    for (value, age) in [
        ("7", "7"),
        ("-1", "4294967295"),
        ("4294967303", "7"),
        ("9223372036854775807", "4294967295"),
        ("x", "0"),
    ] {
        let text = generated("GET /cache/3/x", &format!("Generator-MaxAge: {value}\r\n"), 0);
        let field = format!("\r\nCache-Control: max-age={age}, public\r\n");
        assert!(text.contains(&field), "{value}: {text}");
    }
    for (value, ms, comes) in [("200", 100, false), ("200", 200, true), ("4294967496", 200, true)] {
        let text = generated("GET /nocache/3/x", &format!("Generator-Delay: {value}\r\n"), ms);
        assert_eq!(text.ends_with("\r\n\r\nxxx"), comes, "{value} {ms}: {text}");
    }
}

/// A client has ended its side while its first request was under way, and the body of the
/// second has not come: its head is passed on all the same, and may be answered.
#[test]
fn a_body_that_never_comes_does_not_take_the_answer_away() {
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let lab = Lab::new();
        let first = "GET /1 HTTP/1.1\r\nHost: origin.test\r\n\r\n";
        let client = lab.client();
        client.send(first.as_bytes());
        client
            .send(format!("PUT /2 HTTP/1.1\r\nHost: origin.test\r\n{framing}\r\n\r\n").as_bytes());
        lab.settle();
        client.shutdown_write();
        lab.settle();
        lab.origin().send(OK);
        lab.settle();
        let second = lab.origin();
        assert!(second.text().contains("PUT /2 HTTP/1.1\r\n"), "{framing}: {}", second.text());
        assert!(!client.is_at_end(), "{framing}");
        second.send(OK);
        lab.settle();
        assert_eq!(client.text().matches("HTTP/1.1 200 OK").count(), 2, "{}", client.text());
        lab.expect_nothing_left(vec![client]);
    }
}
