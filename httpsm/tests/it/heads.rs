//! Heads: which are accepted, which are refused, and that it does not matter how
//! a head is cut. Each case of the tables was tried on a real Traffic Server
//! 9.2.9.

use httpsm::hdr::{HTTPVersion, HdrLimits, HttpParser, ParseResult, RequestHdr, ResponseHdr};
use proptest::prelude::*;

/// Parses in pieces that end at `cuts`; the result, the head, and what is left.
fn request(bytes: &[u8], cuts: &[usize]) -> (ParseResult, RequestHdr, Vec<u8>) {
    let (mut parser, mut hdr) = (HttpParser::new(), RequestHdr::default());
    let mut start = 0;
    for &end in cuts.iter().chain([&bytes.len()]) {
        let mut piece = &bytes[start..end];
        let result = parser.parse_req(&mut hdr, &mut piece, false, HdrLimits::default());
        if result != ParseResult::Cont {
            return (result, hdr, [piece, &bytes[end..]].concat());
        }
        assert!(piece.is_empty(), "all of an unfinished head is taken");
        start = end;
    }
    (ParseResult::Cont, hdr, Vec::new())
}

fn response(bytes: &[u8], cuts: &[usize], eof: bool) -> (ParseResult, ResponseHdr, Vec<u8>) {
    let (mut parser, mut hdr) = (HttpParser::new(), ResponseHdr::default());
    let mut start = 0;
    for &end in cuts.iter().chain([&bytes.len()]) {
        let mut piece = &bytes[start..end];
        let result = parser.parse_resp(&mut hdr, &mut piece, false);
        if result != ParseResult::Cont {
            return (result, hdr, [piece, &bytes[end..]].concat());
        }
        start = end;
    }
    match eof {
        true => (parser.parse_resp(&mut hdr, &mut &b""[..], true), hdr, Vec::new()),
        false => (ParseResult::Cont, hdr, Vec::new()),
    }
}

fn printed(hdr: &RequestHdr) -> String {
    let mut out = Vec::new();
    hdr.print(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn printed_response(hdr: &ResponseHdr) -> String {
    let mut out = Vec::new();
    hdr.print(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

const HOST: &str = "Host: h\r\n";

/// Heads that the original accepts, and how it reads them.
#[test]
fn requests_that_are_accepted() {
    for (line, fields, expected) in [
        ("GET / HTTP/1.1\r\n", "", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("GET  /  HTTP/1.0 \r\n", "", "GET / HTTP/1.0\r\nHost: h\r\n\r\n"),
        ("GET\t/\tHTTP/1.1\r\n", "", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("  FOO /x?y HTTP/1.1\n", "", "FOO /x?y HTTP/1.1\r\nHost: h\r\n\r\n"),
        // Its own spacing is kept, a folded field becomes one line.
        (
            "GET / HTTP/1.1\r\n",
            "X:a\r\nY:  b \r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX:a\r\nY:  b \r\n\r\n",
        ),
        (
            "GET / HTTP/1.1\r\n",
            "X: a\r\n b\r\n\tc\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX: a   b  \tc\r\n\r\n",
        ),
        // Lines that are no fields are thrown away.
        ("GET / HTTP/1.1\r\n", "X a\r\n: b\r\n(X): c\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("GET / HTTP/1.1\r\n X: a\r\n", "", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (
            "GET / HTTP/1.1\r\n",
            "@X: a\tb\r\nX: a\tb\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX: a\tb\r\n\r\n",
        ),
        // A line end of LF alone is written as CRLF.
        ("GET / HTTP/1.1\n", "X:a\n", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\r\n"),
        // Of equal lengths one is kept; a transfer encoding wins.
        (
            "POST / HTTP/1.1\r\n",
            "Content-Length: 3\r\nContent-Length: 3\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n",
        ),
        (
            "POST / HTTP/1.1\r\n",
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        ("CONNECT h:443 HTTP/1.1\r\n", "", "CONNECT h:443/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ] {
        let head = format!("{line}{HOST}{fields}\r\nrest");
        let (result, hdr, rest) = request(head.as_bytes(), &[]);
        assert_eq!(result, ParseResult::Done, "{head:?}");
        assert_eq!(printed(&hdr), expected, "{head:?}");
        assert_eq!(rest, b"rest", "{head:?}");
    }
}

/// Heads that the original refuses, and the version that it has read by then:
/// the answer has that version, or is 505 if it is neither 1.0 nor 1.1.
#[test]
fn requests_that_are_refused() {
    let (v10, v11) = (HTTPVersion::HTTP_1_0, HTTPVersion::HTTP_1_1);
    let other = |major, minor| HTTPVersion { major, minor };
    for (head, version) in [
        ("\r\nGET / HTTP/1.1\r\n\r\n", v10),
        ("\nGET / HTTP/1.1\r\n\r\n", v10),
        ("GET /\r\n\r\n", v10),
        ("hello\r\n\r\n", v10),
        ("GET / HTTX/1.1\r\n\r\n", v10),
        ("G@T / HTTP/1.1\r\n\r\n", v10),
        ("GET / x HTTP/1.1\r\n\r\n", v10),
        ("GET /\u{1} HTTP/1.1\r\n\r\n", v10),
        ("GET /\u{e9} HTTP/1.1\r\n\r\n", v10),
        ("OPTIONS * HTTP/1.1\r\n\r\n", v10),
        ("GET / HTTP/1.2\r\n\r\n", other(1, 2)),
        ("GET / HTTP/2.0\r\n\r\n", other(2, 0)),
        ("GET ok HTTP/1.1\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nX : a\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nX: a\u{1}\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nX(y): a\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nX\"y: a\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", v11),
        ("GET / HTTP/1.1\r\nHost: \r\n\r\n", v11),
        ("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", v11),
        ("POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\n", v11),
        ("POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n", v11),
        ("POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\n", v11),
        ("POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", v11),
    ] {
        let (result, hdr, _) = request(head.as_bytes(), &[]);
        assert_eq!((result, hdr.version), (ParseResult::Error, version), "{head:?}");
    }
}

#[test]
fn limits() {
    let parse = |head: &str, limits| {
        let (mut parser, mut hdr) = (HttpParser::new(), RequestHdr::default());
        parser.parse_req(&mut hdr, &mut head.as_bytes(), false, limits)
    };
    let limits = HdrLimits { request_line_max_size: 20, header_field_max_size: 10 };
    assert_eq!(parse("GET /678 HTTP/1.1\r\n\r\n", limits), ParseResult::Done);
    assert_eq!(parse("GET /6789 HTTP/1.1\r\n\r\n", limits), ParseResult::Done);
    assert_eq!(parse("GET /67890 HTTP/1.1\r\n\r\n", limits), ParseResult::Error);
    assert_eq!(parse("GET / HTTP/1.1\r\nABCDE: 12345\r\n\r\n", limits), ParseResult::Done);
    assert_eq!(parse("GET / HTTP/1.1\r\nABCDE: 123456\r\n\r\n", limits), ParseResult::Error);
    // A line that does not end is refused as soon as it is too long.
    let (mut parser, mut hdr) = (HttpParser::new(), RequestHdr::default());
    let mut feed = |piece: &str| parser.parse_req(&mut hdr, &mut piece.as_bytes(), false, limits);
    assert_eq!(feed(&"x".repeat(21)), ParseResult::Cont);
    assert_eq!(feed("x"), ParseResult::Error);
}

#[test]
fn responses() {
    for (head, expected) in [
        ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
        ("HTTP/1.0 200\r\n\r\n", "HTTP/1.0 200 \r\n\r\n"),
        ("HTTP/1.1  404   Not  Found  \n\n", "HTTP/1.1 404 Not  Found\r\n\r\n"),
        ("HTTP/2.0 999 Odd\r\n\r\n", "HTTP/2.0 999 Odd\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\nX-F : a\r\n\r\n", "HTTP/1.1 200 OK\r\nX-F: a\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\nX-F: a\r\n b\r\n\r\n", "HTTP/1.1 200 OK\r\nX-F: a   b\r\n\r\n"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
    ] {
        let (result, hdr, _) = response(head.as_bytes(), &[], false);
        assert_eq!(result, ParseResult::Done, "{head:?}");
        assert_eq!(printed_response(&hdr), expected, "{head:?}");
    }
    for head in [
        "hello this is not http\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/x 200 OK\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\u{1}b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ] {
        assert_eq!(response(head.as_bytes(), &[], false).0, ParseResult::Error, "{head:?}");
    }
    // Nothing at all, or an empty line, is a head without a status.
    for (head, eof) in [("", true), ("\r\n", false), ("\n", false)] {
        let (result, hdr, _) = response(head.as_bytes(), &[], eof);
        assert_eq!((result, hdr.status), (ParseResult::Done, 0), "{head:?}");
    }
    // The end of everything is accepted between lines and refused inside one.
    for (head, expected) in [
        ("HTTP/1.1 200 OK\r\n", ParseResult::Done),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", ParseResult::Done),
        ("HTTP/1.1 200 OK\r\nA: b", ParseResult::Error),
        ("HTTP/1.1 200", ParseResult::Error),
    ] {
        assert_eq!(response(head.as_bytes(), &[], true).0, expected, "{head:?}");
    }
}

#[test]
fn keep_alive() {
    for (version, field, expected) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: x, Close\r\n", false),
        ("1.1", "Connection: close, keep-alive\r\n", true),
        ("1.1", "Connection: close\r\nProxy-Connection: x\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
    ] {
        let head = format!("GET / HTTP/{version}\r\n{field}\r\n");
        let (_, hdr, _) = request(head.as_bytes(), &[]);
        assert_eq!(hdr.keep_alive_get(), expected, "{head:?}");
    }
}

/// Text that is nearly a head: made of pieces that often make a head invalid.
fn nearly_a_head() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "GET ",
        "/",
        " HTTP/1.1\r\n",
        "\r\n",
        "\n",
        "\r",
        "Host: h\r\n",
        "A: b\r\n",
        " c\r\n",
        "\tc",
        "X",
        ":",
        " ",
        "(",
        "@",
        "\0",
        "\u{1}",
        "Content-Length: 5\r\n",
        "Content-Length: 6\r\n",
        "Transfer-Encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\n",
        "http://h:80/a?b#c",
    ]);
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat().into_bytes())
}

fn with_cuts() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    let whole = prop_oneof![
        nearly_a_head(),
        nearly_a_head().prop_map(|tail| [b"GET / HTTP/1.1\r\n", &tail[..], b"\r\n\r\n"].concat()),
        nearly_a_head().prop_map(|tail| [b"HTTP/1.1 200 OK\r\n", &tail[..], b"\r\n\r\n"].concat()),
    ];
    whole.prop_flat_map(|bytes| {
        let cuts = prop::collection::vec(0..=bytes.len(), 0..6).prop_map(|mut cuts| {
            cuts.sort_unstable();
            cuts
        });
        (Just(bytes), cuts)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_means_the_same_however_it_is_cut((bytes, cuts) in with_cuts()) {
        let (result, whole, _) = request(&bytes, &[]);
        let (cut_result, cut, _) = request(&bytes, &cuts);
        prop_assert_eq!(result, cut_result);
        if result == ParseResult::Done {
            prop_assert_eq!(printed(&whole), printed(&cut));
            prop_assert_eq!(request(&bytes, &[]).2, request(&bytes, &cuts).2);
        }
    }

    #[test]
    fn a_response_means_the_same_however_it_is_cut((bytes, cuts) in with_cuts(), eof: bool) {
        let (result, whole, rest) = response(&bytes, &[], eof);
        let (cut_result, cut, cut_rest) = response(&bytes, &cuts, eof);
        prop_assert_eq!(result, cut_result);
        if result == ParseResult::Done {
            prop_assert_eq!(printed_response(&whole), printed_response(&cut));
            prop_assert_eq!(rest, cut_rest);
        }
    }

    /// A printed head reads back as the same head.
    #[test]
    fn a_request_that_is_passed_on_means_the_same((bytes, _) in with_cuts()) {
        let (result, hdr, _) = request(&bytes, &[]);
        // CONNECT's target is printed with a slash behind it.
        if result != ParseResult::Done || hdr.method == b"CONNECT" {
            return Ok(());
        }
        let text = printed(&hdr);
        let (again, second, rest) = request(text.as_bytes(), &[]);
        prop_assert_eq!((again, rest.len()), (ParseResult::Done, 0));
        prop_assert_eq!(printed(&second), text);
    }

    /// A second opinion: whatever a strict parser accepts is accepted here, with
    /// the same fields. (It does not know the rules for Host and Content-Length.)
    #[test]
    fn what_httparse_accepts_is_accepted(
        method in "[A-Z]{1,7}", path in "/[a-z0-9/.;?=%]{0,20}", minor in 0..2_u8,
        fields in prop::collection::vec(("[A-Z][a-zA-Z-]{0,10}", "[ -~]{0,20}"), 0..8),
    ) {
        use std::fmt::Write as _;
        let mut head = format!("{method} {path} HTTP/1.{minor}\r\n");
        for (name, value) in &fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let ours = ["Host", "Content-Length", "Transfer-Encoding"];
        prop_assume!(!fields.iter().any(|(name, _)| ours.contains(&&**name)));
        let mut slots = [httparse::EMPTY_HEADER; 16];
        let mut theirs = httparse::Request::new(&mut slots);
        prop_assume!(theirs.parse(head.as_bytes()).is_ok_and(|status| status.is_complete()));
        let (result, hdr, rest) = request(head.as_bytes(), &[]);
        prop_assert_eq!((result, rest.len()), (ParseResult::Done, 0));
        let found: Vec<_> = hdr.fields.iter().collect();
        let expected: Vec<_> = theirs
            .headers
            .iter()
            .map(|field| (field.name.as_bytes(), field.value.trim_ascii()))
            .collect();
        prop_assert_eq!(found, expected);
    }

    /// Chunks: the same data, the same state and the same bytes left over.
    #[test]
    fn a_chunked_body_means_the_same_however_it_is_cut(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "5\r\nhello\r\n", "0\r\n\r\n", "0\r\n", "a;x=y\r\n0123456789\r\n", "\r\n", "\n", "\r",
            "3", "x", "T: u\r\n", "\u{0}", "7fffffff", "ff",
        ]), 0..10),
        cuts in prop::collection::vec(0..200_usize, 0..6),
    ) {
        use httpsm::chunked::ChunkedReader;
        let body = pieces.concat().into_bytes();
        let read = |cuts: &[usize]| {
            let (mut reader, mut data, mut used) = (ChunkedReader::new(), Vec::new(), 0);
            for &end in cuts.iter().chain([&body.len()]) {
                let piece = &body[used..end.max(used)];
                used += reader.read(piece, |range| data.extend_from_slice(&piece[range]));
            }
            (reader.state(), used, data)
        };
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(read(&[]), read(&cuts));
    }
}
