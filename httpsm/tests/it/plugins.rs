//! The plugins that come with the proxy, and a plugin's own request answered by
//! another plugin: two PluginVC pairs, one state machine, no socket.

use crate::common::{Lab, Peer, config};
use eventsys::{EventCode, hrtime};
use httpsm::plugins::{self, Plugin};
use httpsm::{HttpConfig, ts_http_connect, ts_http_connect_with_plugin_id};

fn lab(plugins: &[Plugin]) -> Lab {
    let lab = Lab::with(config(), None);
    lab.proxy.set_remap(httpsm::UrlRewrite::new(vec!["/=http://127.0.0.1/".parse().unwrap()]));
    plugins::install(plugins, &lab.proxy);
    lab
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: gen.test\r\n\r\n").into_bytes()
}

const HEAD_END: &str =
    "Date: DATE0 GMT\r\nAge: 0\r\nConnection: keep-alive\r\nServer: ATS/9.2.9\r\n\r\n";

#[test]
fn the_generator_answers_as_the_servers_own() {
    for (request, head, body) in [
        (get("/nocache/5/x"), "Content-Length: 5\r\nCache-Control: private\r\n", "xxxxx"),
        (get("/nocache/0/x"), "Content-Length: 0\r\nCache-Control: private\r\n", ""),
        (
            get("/cache/5/x"),
            "Content-Length: 5\r\nCache-Control: max-age=86400, public\r\n\
             Last-Modified: DATE0 GMT\r\n",
            "xxxxx",
        ),
        (
            b"HEAD /nocache/5/x HTTP/1.1\r\nHost: gen.test\r\n\r\n".to_vec(),
            "Content-Length: 0\r\nCache-Control: private\r\n",
            "",
        ),
    ] {
        let lab = lab(&[Plugin::Generator]);
        let client = lab.ask(&request);
        let expected = format!("HTTP/1.1 200 OK\r\n{head}{HEAD_END}{body}");
        assert_eq!(client.text(), expected);
        assert!(!client.is_at_end());
        lab.expect_nothing_left(vec![client]);
    }
}

/// The real one counts the head with the body: a short body is answered when its
/// first bytes come, and the connection is not kept if that was not all.
#[test]
fn the_generator_takes_a_body() {
    for (length, pieces, connection) in [
        (3, &["abc"][..], "keep-alive"),
        (3, &["ab"], "close"),
        (500, &["p", "q"], "none"),
        (500, &["p", "q", &"r".repeat(498)], "keep-alive"),
    ] {
        let lab = lab(&[Plugin::Generator]);
        let client = lab.client();
        let head = "POST /nocache/5/x HTTP/1.1\r\nHost: gen.test\r\n";
        client.send(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
        for piece in pieces {
            assert_eq!(client.text(), "");
            client.send(piece.as_bytes());
            lab.settle();
        }
        let expected = format!(
            "HTTP/1.1 200 OK\r\nDate: DATE0 GMT\r\nAge: 0\r\nTransfer-Encoding: chunked\r\n\
             Connection: {connection}\r\nServer: ATS/9.2.9\r\n\r\n0\r\n\r\n"
        );
        assert_eq!(client.text(), if connection == "none" { "" } else { &expected });
        lab.expect_nothing_left(vec![client]);
    }
}

/// The real one waits for an event that does not come, until the client or the proxy times out.
#[test]
fn what_the_generator_does_not_know_is_not_answered() {
    let lab = lab(&[Plugin::Generator]);
    let client = lab.ask(&get("/foo"));
    assert_eq!(client.text(), "");
    lab.expect_nothing_left(vec![client]);
}

/// `generator` takes every request if it is alone; beside others each plugin gets
/// what it knows, in whatever order they were named.
#[test]
fn each_of_several_plugins_gets_its_paths() {
    let post = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\n\r\nhello").into_bytes()
    };
    let cases = [
        (get("/nocache/3/x"), "200 OK", "xxx"),
        (post("/echo"), "200 OK", "hello"),
        (post("/what/ever"), "200 OK", "hello"),
        (get("/echo"), "200 OK", ""),
        (get("/slow/0/1"), "200 OK", ""),
        (get("/broken/close"), "502 ", ""),
        // The path counts more than the body, and this is how generator takes one.
        (post("/nocache/3/x"), "200 OK", "0\r\n\r\n"),
        (post("/fetch/nocache/3/x"), "200 OK", "status 200\nlength 3\n"),
    ];
    let mut reversed = Plugin::ALL.to_vec();
    reversed.reverse();
    for plugins in [Plugin::ALL, &reversed] {
        for (request, status, body) in &cases {
            let lab = lab(plugins);
            let client = lab.ask(request);
            let (text, asked) = (client.text(), String::from_utf8_lossy(request));
            assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{asked}{text}");
            let rest = text.split_once("\r\n\r\n").unwrap().1;
            assert!(
                rest.starts_with(body) && rest.is_empty() == body.is_empty() || *status == "502 ",
                "{asked}{text}"
            );
            lab.expect_nothing_left(vec![client]);
        }
    }
}

#[test]
fn bodies_of_all_sizes() {
    for size in [1, 1024, 32 * 1024, 32 * 1024 + 1, 1_000_000, 10 * 1024 * 1024] {
        let lab = lab(&[Plugin::Generator]);
        let client = lab.ask(&get(&format!("/nocache/{size}/x")));
        lab.run_s(1);
        let received = client.received();
        let head = received.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(received.len() - head, size);
        assert!(received[head..].iter().all(|&byte| byte == b'x'));
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn one_client_asks_again_and_again() {
    let lab = lab(&[Plugin::Generator]);
    let client = lab.client();
    for round in 0..20 {
        client.send(&get(&format!("/nocache/{}/x", round * 100)));
        lab.settle();
        assert!(client.take().ends_with(&vec![b'x'; round * 100]), "{round}");
    }
    // All at once.
    client.send(&get("/nocache/10/x").repeat(50));
    lab.run_s(1);
    let text = String::from_utf8(client.take()).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 50);
    assert_eq!(text.matches("\r\n\r\nxxxxxxxxxx").count(), 50);
    assert_eq!(lab.census().transactions, 0);
    lab.expect_nothing_left(vec![client]);
}

fn echo(head: &str, pieces: &[&[u8]]) -> String {
    let lab = lab(&[Plugin::Echo]);
    let client = lab.client();
    client.send(format!("POST /echo HTTP/1.1\r\nHost: e\r\n{head}\r\n").as_bytes());
    for piece in pieces {
        client.send(piece);
        lab.settle();
    }
    lab.settle();
    let text = client.text();
    lab.expect_nothing_left(vec![client]);
    text
}

#[test]
fn echo_answers_with_the_body() {
    let text = echo("Content-Type: a/b\r\nContent-Length: 5\r\n", &[b"he", b"llo"]);
    let expected =
        format!("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n{HEAD_END}hello");
    assert_eq!(text, expected);
    let text = echo("Transfer-Encoding: chunked\r\n", &[b"5;x\r\nhel", b"lo\r\n0\r\n\r\n"]);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    assert_eq!(body, "5;x\r\nhello\r\n0\r\n\r\n");
}

#[test]
fn echo_says_that_the_body_may_come() {
    let text = echo("Expect: 100-continue\r\nContent-Length: 5\r\n", &[b"", b"hello"]);
    assert!(text.starts_with("HTTP/1.1 100 Continue\r\n"), "{text}");
    assert!(
        text.contains("\r\n\r\nHTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nhello"),
        "{text}"
    );
}

#[test]
fn a_draining_proxy_keeps_no_connection() {
    let lab = lab(&[Plugin::Generator]);
    lab.proxy.drain();
    let client = lab.ask(&get("/nocache/3/x"));
    assert!(client.text().contains("\r\nConnection: close\r\n"), "{}", client.text());
    assert!(client.text().ends_with("xxx") && client.is_at_end());
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn echo_gives_ten_megabytes_back() {
    let lab = lab(&[Plugin::Echo]);
    let client = lab.client();
    let body: Vec<u8> = (0..10 * 1024 * 1024_u32).map(|i| (i ^ (i >> 9)) as u8).collect();
    let head = format!("POST / HTTP/1.1\r\nHost: e\r\nContent-Length: {}\r\n\r\n", body.len());
    client.send(head.as_bytes());
    client.send(&body);
    lab.run_s(2);
    assert!(client.received().ends_with(&body));
    assert!(client.received().len() < body.len() + 500);
    lab.expect_nothing_left(vec![client]);
}

const TOO_LONG: &str = "echo: a body has at most 16777216 bytes\n";

/// The plugin does not wait for a body that is too long.
#[test]
fn echo_refuses_a_body_that_is_too_long() {
    for (length, taken) in [(16 << 20, true), ((16 << 20) + 1, false), (300_000_000, false)] {
        for expects in ["", "Expect: 100-continue\r\n"] {
            let lab = lab(&[Plugin::Echo]);
            let head = format!("POST /echo HTTP/1.1\r\nHost: e\r\n{expects}");
            let client = lab.ask(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
            let text = client.text();
            match taken {
                true if expects.is_empty() => assert_eq!(text, ""),
                true => assert!(text.starts_with("HTTP/1.1 100 Continue\r\n"), "{text}"),
                false => {
                    assert!(
                        text.starts_with("HTTP/1.1 413 Request Entity Too Large\r\n"),
                        "{text}"
                    );
                    assert!(text.ends_with(TOO_LONG) && text.contains("\r\nConnection: close\r\n"));
                }
            }
            lab.expect_nothing_left(vec![client]);
        }
    }
}

/// Nor does it read a body of unknown length for ever: its chunks, a chunk's extension, the zeros
/// of a size, a trailer.
#[test]
fn echo_keeps_no_more_than_its_limit_of_a_body_without_end() {
    let chunk = [b"1000\r\n", &[b'x'; 4096][..], b"\r\n"].concat();
    let endless: [(&[u8], &[u8]); 4] =
        [(b"", &chunk), (b"5;", &[b'x'; 4096]), (b"", &[b'0'; 4096]), (b"0\r\nX: ", &[b'x'; 4096])];
    for (begin, piece) in endless {
        let lab = lab(&[Plugin::Echo]);
        let before = iocore::buffer::census().live_bytes;
        let client = lab.client();
        client.send(b"POST /echo HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(begin);
        let (mut sent, mut most) = (0, 0);
        while client.text().is_empty() {
            assert!(sent < 20 << 20, "{}", begin.escape_ascii());
            client.send(&piece.repeat(16));
            sent += 16 * piece.len();
            lab.run_ms(20);
            most = most.max(iocore::buffer::census().live_bytes - before);
        }
        assert!(sent >= 16 << 20, "{sent}");
        // Twice the limit: a block that is half full counts as a whole one.
        assert!(most < 36 << 20, "{most} bytes for {}", begin.escape_ascii());
        let text = client.text();
        assert!(text.starts_with("HTTP/1.1 413 Request Entity Too Large\r\n"), "{text}");
        assert!(text.ends_with(TOO_LONG), "{text}");
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn a_plugins_request_is_answered_by_a_plugin() {
    let lab = lab(&[Plugin::Generator]);
    let addr = "10.1.2.3:99".parse().unwrap();
    let vc = ts_http_connect_with_plugin_id(&lab.proxy, addr, "me", 7);
    assert_eq!((vc.plugin_tag().as_deref(), vc.plugin_id()), (Some("me"), 7));
    let client = Peer::new(vc);
    client.send(&get("/nocache/7/x"));
    lab.settle();
    // An internal request does not keep its connection.
    assert_eq!(
        client.text(),
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nCache-Control: private\r\nDate: DATE0 GMT\r\n\
         Age: 0\r\nConnection: close\r\nServer: ATS/9.2.9\r\n\r\nxxxxxxx"
    );
    assert_eq!(client.end(), Some(EventCode::VC_EVENT_EOS));
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn an_internal_request_may_be_allowed_to_keep_its_connection() {
    let config = HttpConfig { keepalive_internal_vc: true, ..config() };
    let lab = Lab::with(config, None);
    Plugin::Generator.install(&lab.proxy);
    lab.proxy.set_remap(httpsm::UrlRewrite::new(vec!["/=http://127.0.0.1/".parse().unwrap()]));
    let client = Peer::new(ts_http_connect(&lab.proxy, "10.1.2.3:99".parse().unwrap()));
    for _ in 0..3 {
        client.send(&get("/nocache/7/x"));
        lab.settle();
        assert!(client.take().ends_with(b"Server: ATS/9.2.9\r\n\r\nxxxxxxx"));
    }
    assert!(!client.is_at_end());
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn the_fetcher_is_client_and_origin_server_at_once() {
    let lab = lab(&[Plugin::Fetcher, Plugin::Generator]);
    let client = lab.ask(&get("/fetch/nocache/1000/x"));
    let text = client.text();
    // 1000 times x, by FNV-1a.
    let digest = [b'x'; 1000]
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |d, &b| (d ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let body = format!("status 200\nlength 1000\nfnv1a {digest:016x}\n");
    assert!(text.ends_with(&format!("Server: ATS/9.2.9\r\n\r\n{body}")), "{text}");
    assert_eq!(lab.census().transactions, 0);
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn slow_drips() {
    let lab = lab(&[Plugin::Slow]);
    let client = lab.client();
    client.send(&get("/slow/5/1000"));
    lab.settle();
    let dots = |client: &Peer| client.text().rsplit("\r\n\r\n").next().unwrap().len();
    assert_eq!(dots(&client), 0);
    for n in 1..=5 {
        lab.run_s(1);
        assert_eq!(dots(&client), n);
    }
    assert_eq!(lab.census().transactions, 0);
    lab.expect_nothing_left(vec![client]);
}

/// A client that takes nothing holds the bytes back, and gets all of them when it reads.
#[test]
fn slow_drips_no_more_than_its_reader_takes() {
    const SIZE: usize = 200_000;
    let config = HttpConfig {
        transaction_no_activity_timeout_in: hrtime::seconds(10_000),
        transaction_no_activity_timeout_out: hrtime::seconds(10_000),
        ..config()
    };
    let lab = Lab::with(config, None);
    lab.proxy.set_remap(httpsm::UrlRewrite::new(vec!["/=http://127.0.0.1/".parse().unwrap()]));
    Plugin::Slow.install(&lab.proxy);
    let client = lab.client();
    client.pause(true);
    client.send(&get(&format!("/slow/{SIZE}/1")));
    lab.run_s(160);
    let held = iocore::buffer::census().live_bytes;
    lab.run_s(160);
    assert_eq!(iocore::buffer::census().live_bytes, held, "nothing more was dripped");
    client.pause(false);
    lab.settle();
    let dots = |client: &Peer| client.received().iter().filter(|&&byte| byte == b'.').count();
    // The bytes that were ready: no more than the marks of plugin, tunnel and pairs, and a block
    // each.
    let ready = dots(&client);
    assert!((4096..160_000).contains(&ready), "{ready}");
    lab.run_s(1);
    let second = dots(&client) - ready;
    assert!((900..=1100).contains(&second), "one each millisecond: {second}");
    lab.run_s(200);
    // The head has a few full stops of its own.
    assert!((SIZE..SIZE + 10).contains(&dots(&client)), "{}", dots(&client));
    lab.expect_nothing_left(vec![client]);
}

#[test]
fn slow_refuses_numbers_that_are_none_or_too_large() {
    for (path, sentence) in [
        ("/slow/x/1", "slow: SIZE is a number from 0 to 9223372036854771711, as in"),
        ("/slow/-1/1", "slow: SIZE is"),
        ("/slow/9223372036854771712/1", "slow: SIZE is"),
        ("/slow/99999999999999999999/1", "slow: SIZE is"),
        ("/slow/5/86400001", "slow: MILLISECONDS is a number from 0 to 86400000, as in"),
        ("/slow/5/9223372036854", "slow: MILLISECONDS is"),
        ("/slow/9223372036854775807/9223372036854775807", "slow: SIZE is"),
        ("/slow/5/1.5", "slow: MILLISECONDS is"),
    ] {
        let lab = lab(&[Plugin::Slow]);
        let client = lab.ask(&get(path));
        let text = client.text();
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{path}: {text}");
        let body = text.split_once("\r\n\r\n").unwrap().1;
        assert!(body.starts_with(sentence), "{path}: {body}");
        assert_eq!(lab.census().transactions, 0, "{path}");
        lab.expect_nothing_left(vec![client]);
    }
    // The largest numbers that are accepted.
    for path in ["/slow/9223372036854771711/86400000", "/slow/3", "/slow/"] {
        let lab = lab(&[Plugin::Slow]);
        let client = lab.ask(&get(path));
        assert!(client.text().starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {}", client.text());
        lab.expect_nothing_left(vec![client]);
    }
}

#[test]
fn broken_answers() {
    for (how, expected) in [
        ("close", "HTTP/1.1 502 "),
        ("head", "HTTP/1.1 502 "),
        ("nonsense", "HTTP/1.1 502 "),
        ("silent", ""),
    ] {
        let lab = lab(&[Plugin::Broken]);
        let client = lab.ask(&get(&format!("/broken/{how}")));
        assert!(client.text().starts_with(expected), "{how}: {}", client.text());
        assert_eq!(client.text().is_empty(), expected.is_empty());
        lab.expect_nothing_left(vec![client]);
    }
    for how in ["body", "chunk"] {
        let lab = lab(&[Plugin::Broken]);
        let client = lab.ask(&get(&format!("/broken/{how}")));
        assert!(client.is_at_end(), "{how}");
        lab.expect_nothing_left(vec![client]);
    }
}
