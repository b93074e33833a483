//! `TSHttpParser`.

use std::ffi::c_int;

use eventsys::sync::Mutex;
use httpsm::hdr::{HdrLimits, HttpParser, ParseResult};

use super::head::{self, Head, HeadType};
use super::{Handle, table, take_out, want};

/// A parser of heads.
#[derive(Default)]
pub(crate) struct Parser(Mutex<HttpParser>);

/// `TSHttpParserCreate`.
pub(crate) fn create() -> Handle {
    table().insert(Parser::default())
}

/// `TSHttpParserClear`.
pub(crate) fn clear(parser: Handle) {
    *want::<Parser>(parser).0.lock() = HttpParser::new();
}

/// `TSHttpParserDestroy`.
pub(crate) fn destroy(parser: Handle) {
    take_out::<Parser>(parser, "TSHttpParserDestroy was called");
}

/// `TSHttpHdrParseReq`: a `TSParseResult`, and how many bytes were taken.
pub(crate) fn parse_request(parser: Handle, head: Handle, input: &[u8]) -> (c_int, usize) {
    let (parser, head) = (want::<Parser>(parser), want::<Head>(head));
    head::becomes(&head, HeadType::Request);
    let mut rest = input;
    let limits = HdrLimits::default();
    let result =
        head.request(|request| parser.0.lock().parse_req(request, &mut rest, false, limits));
    (code(result), input.len() - rest.len())
}

/// `TSHttpHdrParseResp`, as [`parse_request`].
pub(crate) fn parse_response(parser: Handle, head: Handle, input: &[u8]) -> (c_int, usize) {
    let (parser, head) = (want::<Parser>(parser), want::<Head>(head));
    head::becomes(&head, HeadType::Response);
    let mut rest = input;
    let result = head.response(|response| parser.0.lock().parse_resp(response, &mut rest, false));
    (code(result), input.len() - rest.len())
}

fn code(result: ParseResult) -> c_int {
    match result {
        ParseResult::Error => -1,
        ParseResult::Done => 0,
        ParseResult::Cont => 1,
    }
}
