//! [`HttpParser`]: heads from bytes.
//!
//! Mirrors `http_parser_parse_req`, `http_parser_parse_resp`,
//! `validate_hdr_request_target`, `validate_hdr_host`,
//! `validate_hdr_content_length` of `proxy/hdrs/HTTP.cc` and `mime_parser_parse`
//! of `MIME.cc` (9.2.9). The fast paths there accept what the slow paths accept,
//! so there is one path here.
//!
//! Some rules of the original are unexpected: lines may end in LF alone; a line
//! without a colon, or one that begins with a character that cannot begin a
//! name, is thrown away without an error; blanks around and between the parts of
//! a request line are skipped.

use memchr::memchr;

use super::mime::{MIMEHdr, ParsedField};
use super::rules::{is_control, is_http_field_name, is_token, is_ws, is_wslfcr, trim_ws};
use super::scanner::{Scanned, Scanner};
use super::url::URL;
use super::{HTTPVersion, RequestHdr, ResponseHdr};

/// The result of a parser. Mirrors `ParseResult`. [`HttpParser`] has an
/// example.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParseResult {
    /// The head is refused (`PARSE_RESULT_ERROR`).
    Error,
    /// The head is complete (`PARSE_RESULT_DONE`).
    Done,
    /// More bytes are needed (`PARSE_RESULT_CONT`).
    Cont,
}

/// The limits of a request's head, in bytes.
/// ```
/// use httpsm::hdr::{HdrLimits, HttpParser, ParseResult, RequestHdr};
///
/// let limits = HdrLimits { request_line_max_size: 20, ..HdrLimits::default() };
/// let parse = |mut head: &[u8]| {
///     HttpParser::new().parse_req(&mut RequestHdr::default(), &mut head, false, limits)
/// };
/// assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n"), ParseResult::Done);
/// assert_eq!(parse(b"GET /a/longer/path HTTP/1.1\r\n\r\n"), ParseResult::Error);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HdrLimits {
    /// Of the request line. `proxy.config.http.request_line_max_size`.
    pub request_line_max_size: usize,
    /// Of one field, name and value. `proxy.config.http.header_field_max_size`.
    pub header_field_max_size: usize,
}

impl Default for HdrLimits {
    fn default() -> HdrLimits {
        HdrLimits { request_line_max_size: 65535, header_field_max_size: 131_070 }
    }
}

/// Reads one head, in whatever pieces it comes. Mirrors `HTTPParser`.
///
/// ```
/// use httpsm::hdr::{HdrLimits, HttpParser, ParseResult, RequestHdr};
///
/// let (mut parser, mut request) = (HttpParser::new(), RequestHdr::default());
/// let mut parse = |mut piece: &[u8]| {
///     parser.parse_req(&mut request, &mut piece, false, HdrLimits::default())
/// };
/// assert_eq!(parse(b"GET / HTTP/1.1\r\nHo"), ParseResult::Cont);
/// assert_eq!(parse(b"st: origin.test\r\n\r\n"), ParseResult::Done);
/// assert_eq!(request.host_get(), Some(&b"origin.test"[..]));
/// ```
#[derive(Default, Debug)]
pub struct HttpParser {
    scanner: Scanner,
    /// The first line has been read. Mirrors `!m_parsing_http`.
    in_fields: bool,
}

impl HttpParser {
    /// A parser at the beginning of a head.
    #[must_use]
    pub fn new() -> HttpParser {
        HttpParser::default()
    }

    /// Takes the bytes of a request's head off `input`. `eof`: no more will
    /// come. After an error or the end, do not use the parser again.
    pub fn parse_req(
        &mut self,
        hdr: &mut RequestHdr,
        input: &mut &[u8],
        eof: bool,
        limits: HdrLimits,
    ) -> ParseResult {
        if !self.in_fields {
            if self.scanner.buffered() > limits.request_line_max_size {
                return ParseResult::Error;
            }
            let before = *input;
            let line = match self.scanner.get(input, eof, false) {
                Scanned::More => return ParseResult::Cont,
                Scanned::Error | Scanned::Done => return ParseResult::Error,
                Scanned::Whole(len) => &before[..len],
                Scanned::Line => self.scanner.line(),
            };
            if line.len() > limits.request_line_max_size || parse_request_line(hdr, line).is_none()
            {
                return ParseResult::Error;
            }
            self.in_fields = true;
        }
        match self.parse_fields(&mut hdr.fields, input, eof, false, limits.header_field_max_size) {
            ParseResult::Done => {
                let valid = is_target_valid(hdr)
                    && is_host_valid(&hdr.fields)
                    && check_content_length(&mut hdr.fields);
                if valid { ParseResult::Done } else { ParseResult::Error }
            }
            other => other,
        }
    }

    /// Takes the bytes of a response's head off `input`. An empty first line,
    /// and an end before any byte, make a head with the status 0.
    pub fn parse_resp(
        &mut self,
        hdr: &mut ResponseHdr,
        input: &mut &[u8],
        eof: bool,
    ) -> ParseResult {
        const MAX_LINE: usize = 65535;
        if !self.in_fields {
            if self.scanner.buffered() >= MAX_LINE {
                return ParseResult::Error;
            }
            let before = *input;
            let line = match self.scanner.get(input, eof, false) {
                Scanned::More => return ParseResult::Cont,
                Scanned::Error => return ParseResult::Error,
                Scanned::Done => return ParseResult::Done,
                Scanned::Whole(len) => &before[..len],
                Scanned::Line => self.scanner.line(),
            };
            if parse_status_line(hdr, line).is_none() {
                return ParseResult::Error;
            }
            self.in_fields = true;
        }
        // A response's fields have the same limit as a request's by default.
        let max_field_size = HdrLimits::default().header_field_max_size;
        match self.parse_fields(&mut hdr.fields, input, eof, true, max_field_size) {
            ParseResult::Done if !check_content_length(&mut hdr.fields) => ParseResult::Error,
            other => other,
        }
    }

    fn parse_fields(
        &mut self,
        fields: &mut MIMEHdr,
        input: &mut &[u8],
        eof: bool,
        remove_ws_from_field_name: bool,
        max_field_size: usize,
    ) -> ParseResult {
        loop {
            let before = *input;
            let line = match self.scanner.get(input, eof, true) {
                Scanned::More => {
                    // A head that is refused already stays refused.
                    let so_far = self.scanner.field_so_far();
                    let refused = so_far.is_some_and(|line| {
                        let field = parse_field(line, remove_ws_from_field_name, max_field_size);
                        matches!(field, Field::Refused)
                    });
                    return if refused { ParseResult::Error } else { ParseResult::Cont };
                }
                Scanned::Error => return ParseResult::Error,
                Scanned::Done => return ParseResult::Done,
                Scanned::Whole(len) => &before[..len],
                Scanned::Line => self.scanner.line(),
            };
            match parse_field(line, remove_ws_from_field_name, max_field_size) {
                Field::Good(field) => fields.push_parsed(&field),
                Field::Garbage => {}
                Field::Refused => return ParseResult::Error,
            }
        }
    }
}

enum Field<'a> {
    Good(ParsedField<'a>),
    /// Thrown away without an error.
    Garbage,
    Refused,
}

fn parse_field(line: &[u8], remove_ws_from_field_name: bool, max_field_size: usize) -> Field<'_> {
    let begins_well = line.first().is_some_and(|&c| is_token(c) || c == b'@');
    let Some(colon) = memchr(b':', line).filter(|_| begins_well) else {
        return Field::Garbage;
    };
    let (mut name, value) = (&line[..colon], &line[colon + 1..]);
    let mut raw_printable = line.ends_with(b"\r\n");
    if name.last().is_some_and(|&c| is_ws(c)) {
        // A request with a blank before the colon is refused; a response loses it.
        if !remove_ws_from_field_name {
            return Field::Refused;
        }
        name = trim_ws(name);
        raw_printable = false;
    }
    let value = {
        let start = value.iter().position(|&c| !is_ws(c)).unwrap_or(value.len());
        let end = value.iter().rposition(|&c| !is_wslfcr(c)).map_or(start, |at| at + 1);
        &value[start..end.max(start)]
    };
    let too_long = name.len() + value.len() > max_field_size;
    let bad_name = !name.iter().all(|&c| is_http_field_name(c));
    // To the end, whatever is found: several at once.
    let has_control = value.iter().fold(false, |has, &c| has | is_control(c));
    if too_long || bad_name || has_control {
        return Field::Refused;
    }
    // The original keeps the spacing in three bits.
    raw_printable &= line.len() - name.len() - value.len() <= 7;
    Field::Good(ParsedField { line, name, value, raw_printable })
}

/// Sets method, target and version. `None`: refused; parts already set keep
/// their values.
fn parse_request_line(hdr: &mut RequestHdr, line: &[u8]) -> Option<()> {
    let mut at = usize::from(line.first() == Some(&b'\r'));
    while is_ws(*line.get(at)?) {
        at += 1;
    }
    let method_start = at;
    while is_token(*line.get(at)?) {
        at += 1;
    }
    let method_end = at;
    if method_end == method_start || !is_ws(line[at]) {
        return None;
    }

    let version = find_version(line);
    let target_end = version.as_ref().map_or(line.len(), |version| version.start);
    let target = line.get(method_end..target_end)?;
    let target = super::rules::trim(target, is_wslfcr);
    hdr.method = line[method_start..method_end].to_vec();
    hdr.url = URL::parse(target).ok()?;
    hdr.version = version.map(|version| parse_version(&line[version]))?;
    hdr.version.is_http1().then_some(())
}

/// Where `HTTP/d.d` stands at the end of a request line.
fn find_version(line: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut end = line.len();
    for mark in [b'\n', b'\r'] {
        if end > 0 && line[end - 1] == mark {
            end -= 1;
        }
    }
    while end > 0 && is_ws(line[end - 1]) {
        end -= 1;
    }
    let digits =
        |to: usize| line[..to].iter().rposition(|c| !c.is_ascii_digit()).map_or(0, |n| n + 1);
    let minor = digits(end);
    let dot = minor.checked_sub(1).filter(|&at| line[at] == b'.')?;
    let major = digits(dot);
    let start = major.checked_sub(5).filter(|&at| &line[at..major] == b"HTTP/")?;
    Some(start..end)
}

/// Mirrors `http_parse_version`.
fn parse_version(text: &[u8]) -> HTTPVersion {
    let Some(numbers) = text.strip_prefix(b"HTTP/").filter(|_| text.len() >= 8) else {
        return HTTPVersion::HTTP_0_9;
    };
    let number = |digits: &[u8]| {
        let digits = digits.iter().take_while(|c| c.is_ascii_digit());
        digits.fold(0_u32, |n, c| n.wrapping_mul(10).wrapping_add(u32::from(c - b'0')))
    };
    let dot = numbers.iter().position(|&c| c == b'.').unwrap_or(numbers.len());
    let minor = numbers.get(dot + 1..).unwrap_or(&[]);
    // The original keeps each number in a byte.
    HTTPVersion { major: number(&numbers[..dot]) as u8, minor: number(minor) as u8 }
}

/// Sets version, status and reason. `None`: refused.
fn parse_status_line(hdr: &mut ResponseHdr, line: &[u8]) -> Option<()> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let major = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let minor = rest.get(major + 1..)?.iter().take_while(|c| c.is_ascii_digit()).count();
    let end = 5 + major + 1 + minor;
    if rest[major] != b'.' || !is_ws(*line.get(end)?) {
        return None;
    }
    let version = parse_version(&line[..end]);
    if version == HTTPVersion::HTTP_0_9 {
        return None;
    }
    hdr.version = version;
    let rest = super::rules::trim(&line[end..], is_wslfcr);
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let status = rest[..digits].iter();
    let status =
        status.fold(0_u32, |n, c| n.saturating_mul(10).saturating_add(u32::from(c - b'0')));
    hdr.status = u16::try_from(status).unwrap_or(u16::MAX);
    hdr.reason = match &rest[digits..] {
        [c, ..] if !is_ws(*c) => Vec::new(),
        reason => trim_ws(reason).to_vec(),
    };
    Some(())
}

/// A host without a scheme is a target for CONNECT only. Mirrors
/// `validate_hdr_request_target`.
fn is_target_valid(hdr: &RequestHdr) -> bool {
    hdr.url.host.is_none() || hdr.url.scheme.is_some() || hdr.method == b"CONNECT"
}

/// At most one Host field, and it must be a valid host. Mirrors
/// `validate_hdr_host`.
fn is_host_valid(fields: &MIMEHdr) -> bool {
    let mut hosts = fields.values("Host");
    let Some(host) = hosts.next() else { return true };
    if hosts.next().is_some() {
        return false;
    }
    let Some((addr, port)) = split_host_field(host) else { return false };
    let port_is_good = port.is_none_or(|port| {
        let number = std::str::from_utf8(port).ok().and_then(|port| port.parse::<u32>().ok());
        port.len() <= 5 && number.is_some_and(|number| (1..65536).contains(&number))
    });
    port_is_good && addr.iter().all(|&c| super::rules::is_host_char(c))
}

/// Address and port of a Host field. Mirrors `ats_ip_parse`: in brackets the
/// address may have colons; without, one colon begins the port, and several are
/// part of the address.
#[must_use]
pub fn split_host_field(host: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let host = trim_ws(host);
    let (addr, port) = if let Some(inside) = host.strip_prefix(b"[") {
        // The bracket may stay open.
        let close = inside.iter().position(|&c| c == b']').unwrap_or(inside.len());
        match inside.get(close + 1..).unwrap_or_default() {
            [] => (&inside[..close], None),
            [b':', port @ ..] => (&inside[..close], Some(port)),
            _ => return None,
        }
    } else {
        match host.iter().position(|&c| c == b':') {
            Some(colon) if !host[colon + 1..].contains(&b':') => {
                (&host[..colon], Some(&host[colon + 1..]))
            }
            _ => (host, None),
        }
    };
    let port_is_digits =
        port.is_none_or(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit));
    (!addr.is_empty() && port_is_digits).then_some((addr, port))
}

/// Transfer-Encoding wins over Content-Length; otherwise all Content-Length
/// fields must be the same digits, and one of them is kept. Mirrors
/// `validate_hdr_content_length`, except that a length above 63 bits is refused. The
/// original counts it modulo 2^64, and takes the uncounted rest of the body for the
/// next request.
fn check_content_length(fields: &mut MIMEHdr) -> bool {
    const NAME: &str = "Content-Length";
    let Some(first) = fields.value_get(NAME) else { return true };
    if fields.presence("Transfer-Encoding") {
        fields.field_delete(NAME);
        return true;
    }
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |n, c| match c {
            b'0'..=b'9' => n.checked_mul(10)?.checked_add(i64::from(c - b'0')),
            _ => None,
        })
    };
    let good = !first.is_empty() && number(first).is_some();
    if !good || fields.values(NAME).any(|other| other != first) {
        return false;
    }
    if fields.values(NAME).nth(1).is_some() {
        fields.delete_dups(NAME);
    }
    true
}
