//! Heads of requests and responses.
//!
//! Mirrors `proxy/hdrs` of Traffic Server 9.2.9 as far as HTTP/1 needs it: what
//! is accepted, what is refused, and how it is printed. Both sides see the
//! bytes of a forwarded head, so the port copies the original's exactly.

mod date;
pub(crate) mod list;
mod mime;
mod number;
mod parse;
mod reason;
mod rules;
mod scanner;
mod url;
pub mod values;

pub use date::{civil_from_days, http_date, parse_http_date};
pub(crate) use mime::is_name;
pub use mime::{MIMEField, MIMEHdr};
pub use parse::{HdrLimits, HttpParser, ParseResult, split_host_field};
pub use reason::reason_lookup;
pub(crate) use rules::is_token;
pub use url::{BadUrl, URL};

/// A version. Mirrors `HTTPVersion`.
/// ```
/// use httpsm::hdr::{HTTPVersion, RequestHdr};
///
/// assert!(HTTPVersion::HTTP_1_0 < HTTPVersion::HTTP_1_1);
/// assert!(HTTPVersion::HTTP_1_1.is_http1() && !HTTPVersion::HTTP_0_9.is_http1());
/// assert_eq!(RequestHdr::new("GET", "/").unwrap().version, HTTPVersion::HTTP_1_1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HTTPVersion {
    /// The number before the dot.
    pub major: u8,
    /// The number behind the dot.
    pub minor: u8,
}

impl HTTPVersion {
    /// No version was given.
    pub const HTTP_0_9: HTTPVersion = HTTPVersion { major: 0, minor: 9 };
    /// HTTP/1.0.
    pub const HTTP_1_0: HTTPVersion = HTTPVersion { major: 1, minor: 0 };
    /// HTTP/1.1.
    pub const HTTP_1_1: HTTPVersion = HTTPVersion { major: 1, minor: 1 };

    /// True for 1.0 and 1.1. Mirrors `is_http1_version`.
    #[must_use]
    pub fn is_http1(self) -> bool {
        self == HTTPVersion::HTTP_1_0 || self == HTTPVersion::HTTP_1_1
    }

    fn print(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/");
        push_number(out, u32::from(self.major));
        out.push(b'.');
        push_number(out, u32::from(self.minor));
    }
}

/// The head of a request.
///
/// ```
/// use httpsm::hdr::RequestHdr;
///
/// let mut request = RequestHdr::new("GET", "http://origin.test/page").unwrap();
/// request.fields.value_set("Accept", b"*/*");
/// let mut text = Vec::new();
/// request.print(&mut text);
/// assert_eq!(text, b"GET http://origin.test/page HTTP/1.1\r\nAccept: */*\r\n\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct RequestHdr {
    /// As received; case matters.
    pub method: Vec<u8>,
    /// The target.
    pub url: URL,
    /// 1.0 until one has been read.
    pub version: HTTPVersion,
    /// The fields.
    pub fields: MIMEHdr,
}

impl Default for RequestHdr {
    fn default() -> RequestHdr {
        RequestHdr {
            method: Vec::new(),
            url: URL::default(),
            version: HTTPVersion::HTTP_1_0,
            fields: MIMEHdr::new(),
        }
    }
}

impl RequestHdr {
    /// A request of HTTP/1.1 without fields.
    ///
    /// # Errors
    /// If `target` is not a valid target.
    pub fn new(method: &str, target: &str) -> Result<RequestHdr, BadUrl> {
        Ok(RequestHdr {
            method: method.as_bytes().to_vec(),
            url: URL::parse(target.as_bytes())?,
            version: HTTPVersion::HTTP_1_1,
            fields: MIMEHdr::new(),
        })
    }

    /// The host that the request is for, from the target, else from the field.
    /// Mirrors `HTTPHdr::host_get`.
    #[must_use]
    pub fn host_get(&self) -> Option<&[u8]> {
        if let Some(host) = &self.url.host {
            return Some(host);
        }
        let field = self.fields.value_get("Host")?;
        Some(split_host_field(field)?.0)
    }

    /// The port that the request is for. Mirrors `HTTPHdr::port_get`.
    #[must_use]
    pub fn port_get(&self) -> u16 {
        if self.url.host.is_none()
            && let Some((_, Some(port))) = self.fields.value_get("Host").and_then(split_host_field)
            && let Some(port) = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok())
        {
            return port;
        }
        self.url.port_get()
    }

    /// Sets the target's host and port from the Host field, if the target has
    /// no host. Mirrors `set_url_target_from_host_field`.
    pub fn set_url_target_from_host_field(&mut self) {
        if self.url.host.is_some() {
            return;
        }
        let Some((host, port)) = self.fields.value_get("Host").and_then(split_host_field) else {
            return;
        };
        (self.url.host, self.url.port) = (Some(host.to_vec()), port.map(<[u8]>::to_vec));
    }

    /// The target as text; without a host of its own it gets those of the Host field. Mirrors
    /// `HTTPHdr::url_string_get`.
    #[must_use]
    pub fn effective_url(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.url_with_target().print(&mut text);
        text
    }

    /// The target, with the host and the port of the Host field if it has none of its own. Mirrors
    /// `set_url_target_from_host_field` with a URL.
    #[must_use]
    pub fn url_with_target(&self) -> URL {
        let mut url = self.url.clone();
        if url.host.is_none() {
            url.host = self.host_get().filter(|host| !host.is_empty()).map(<[u8]>::to_vec);
            if self.is_port_in_header() {
                url.port = Some(self.port_get().to_string().into_bytes());
            }
        }
        url
    }

    /// True if a port is written, in the target or else in the Host field. Mirrors
    /// `is_port_in_header`.
    #[must_use]
    pub fn is_port_in_header(&self) -> bool {
        match &self.url.host {
            Some(_) => self.url.port_get_raw() != 0,
            None => self
                .fields
                .value_get("Host")
                .and_then(split_host_field)
                .is_some_and(|(_, port)| port.is_some()),
        }
    }

    /// Whether the connection should stay open. Mirrors `keep_alive_get`.
    #[must_use]
    pub fn keep_alive_get(&self) -> bool {
        keep_alive_get(self.version, &self.fields)
    }

    /// Writes the head; nothing if no method has been read. Mirrors `HTTPHdr::print`.
    pub fn print(&self, out: &mut Vec<u8>) {
        if self.method.is_empty() {
            return;
        }
        out.extend_from_slice(&self.method);
        out.push(b' ');
        self.url.print(out);
        out.push(b' ');
        self.version.print(out);
        out.extend_from_slice(b"\r\n");
        self.fields.print(out);
    }
}

/// The head of a response.
///
/// ```
/// use httpsm::hdr::ResponseHdr;
///
/// let mut text = Vec::new();
/// ResponseHdr::new(204).print(&mut text);
/// assert_eq!(text, b"HTTP/1.1 204 No Content\r\n\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct ResponseHdr {
    /// As received; anything except 0.9.
    pub version: HTTPVersion,
    /// 0 until one has been read.
    pub status: u16,
    /// May be empty.
    pub reason: Vec<u8>,
    /// The fields.
    pub fields: MIMEHdr,
}

impl Default for ResponseHdr {
    fn default() -> ResponseHdr {
        ResponseHdr {
            version: HTTPVersion::HTTP_1_0,
            status: 0,
            reason: Vec::new(),
            fields: MIMEHdr::new(),
        }
    }
}

impl ResponseHdr {
    /// A response of HTTP/1.1 with the usual reason and no fields.
    #[must_use]
    pub fn new(status: u16) -> ResponseHdr {
        let reason = reason_lookup(status).unwrap_or("").as_bytes().to_vec();
        ResponseHdr { version: HTTPVersion::HTTP_1_1, status, reason, fields: MIMEHdr::new() }
    }

    /// Whether the connection should stay open. Mirrors `keep_alive_get`.
    #[must_use]
    pub fn keep_alive_get(&self) -> bool {
        keep_alive_get(self.version, &self.fields)
    }

    /// Writes the head. Mirrors `HTTPHdr::print`.
    pub fn print(&self, out: &mut Vec<u8>) {
        self.version.print(out);
        out.push(b' ');
        push_number(out, u32::from(self.status));
        out.push(b' ');
        out.extend_from_slice(&self.reason);
        out.extend_from_slice(b"\r\n");
        self.fields.print(out);
    }
}

/// Appends the digits of `number`.
pub(crate) fn push_number(out: &mut Vec<u8>, number: impl Into<u64>) {
    let mut number = number.into();
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // Below ten, so it fits.
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// True unless a body follows the head of such a response. Mirrors
/// `is_response_body_precluded`.
#[must_use]
pub fn is_response_body_precluded(status: u16, method: &[u8]) -> bool {
    matches!(method, b"HEAD" | b"CONNECT")
        || matches!(status, 204 | 304)
        || (100..200).contains(&status)
}

/// Proxy-Connection decides if it is there, else Connection, else the version.
fn keep_alive_get(version: HTTPVersion, fields: &MIMEHdr) -> bool {
    let name = ["Proxy-Connection", "Connection"].into_iter().find(|name| fields.presence(name));
    let Some(name) = name else { return version == HTTPVersion::HTTP_1_1 };
    let says = |word: &str| fields.csv(name).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    match version {
        HTTPVersion::HTTP_1_0 => says("keep-alive"),
        // If both words are there, keep-alive wins.
        HTTPVersion::HTTP_1_1 => says("keep-alive") || !says("close"),
        _ => false,
    }
}
