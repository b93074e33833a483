//! A client, the proxy, an origin server.

mod common;

use common::Lab;

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: origin.test\r\n\r\n";

#[test]
fn a_request_is_passed_on_and_answered() {
    let lab = Lab::new();
    let client = lab.ask(GET);
    let origin = lab.origin();
    assert_eq!(
        origin.text(),
        "GET /x HTTP/1.1\r\nHost: 127.0.0.1:19090\r\nClient-ip: 127.0.0.1\r\n\
         X-Forwarded-For: 127.0.0.1\r\nVia: http/1.1 traffic_server[00000000-0000-0000-0000-\
         000000000000] (ApacheTrafficServer/9.2.9)\r\n\r\n"
    );
    origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    lab.settle();
    assert_eq!(
        client.text(),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: DATE0 GMT\r\nAge: 0\r\n\
         Connection: keep-alive\r\nServer: ATS/9.2.9\r\n\r\nhello"
    );
    assert!(!client.is_at_end());
    lab.expect_nothing_left(vec![client]);
}
