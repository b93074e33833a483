//! The chain of listeners of a stream of node, and which one gets the bytes, as `atslab node
//! eats` shows it.

use super::assert_names;
use super::svg::{At, Svg};
use crate::common::{atslab, stdout};

pub(super) fn draw() -> String {
    assert_names("streamlisten/src", &["EmitToJSStreamListener", "HTTPParser", "on_stream_read"]);
    let events = |consume: &str| {
        let told = stdout(atslab().args(["node", "eats", "--consume", consume]));
        told.lines().filter(|line| line.starts_with("socket.emit('data')")).count()
    };
    let [on, off] = ["on", "off"].map(events);
    let mut svg = Svg::new();
    svg.text(10, 20, "strong", At::Start, "The parser consumes the connection");
    stream(&mut svg, 32);
    svg.arrow("", &[(200, 66), (200, 90)]);
    svg.boxed(
        "mark",
        (60, 90),
        (280, 40),
        &[("code", "HTTPParser"), ("small", "the newest: gets the bytes, parses them")],
    );
    svg.arrow("dashed", &[(200, 130), (200, 154)]);
    svg.text(208, 146, "small", At::Start, "only errors and the end");
    svg.boxed(
        "box",
        (60, 154),
        (280, 40),
        &[("code", "EmitToJSStreamListener"), ("small", "sees no bytes")],
    );
    svg.text(
        200,
        214,
        "small",
        At::Middle,
        &format!("two requests: {on} data events of the socket"),
    );

    svg.text(10, 252, "strong", At::Start, "The parser does not consume it");
    stream(&mut svg, 264);
    svg.arrow("", &[(200, 298), (200, 322)]);
    svg.boxed(
        "mark",
        (60, 322),
        (280, 40),
        &[("code", "EmitToJSStreamListener"), ("small", "the only one: gets the bytes")],
    );
    svg.arrow("", &[(200, 362), (200, 386)]);
    svg.boxed(
        "box",
        (60, 386),
        (280, 40),
        &[("code", "socket.emit('data')"), ("small", "the server's listener feeds the parser")],
    );
    svg.text(
        200,
        446,
        "small",
        At::Middle,
        &format!("two requests: {off} data events of the socket"),
    );
    svg.finish(
        "A stream's chain of listeners",
        &format!(
            "If the parser consumes the connection, it is the newest listener of the stream. The \
             stream tells only the newest: HTTPParser gets the bytes, and passes only errors and \
             the end on to EmitToJSStreamListener; two requests cause {on} data events of the \
             socket. If the parser does not consume it, EmitToJSStreamListener is the only \
             listener; it makes data events of the socket, {off} for two requests, and the \
             server's own data listener hands the bytes to the parser."
        ),
    )
}

fn stream(svg: &mut Svg, y: i32) {
    svg.boxed("gone", (60, y), (280, 34), &[("", "stream: bytes have come")]);
}
