//! Random requests, by the grammar of HTTP/1 and against it.
//!
//! Half of a head is what a browser would send, so that a server gets far enough;
//! the other half is odd in one of the ways that servers read differently.

use fastrand::Rng;

use super::features::{Feature, Features};
use super::words::{NUMBERS, TOKENS};
use crate::ats::http::Setup;
use crate::random::Choose;

/// Makes requests.
pub(super) struct Grammar<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) features: &'a mut Features,
    pub(super) setup: Setup,
}

impl Grammar<'_> {
    /// True in `percent` of all cases.
    pub(super) fn chance(&mut self, percent: u8) -> bool {
        self.rng.chance(percent)
    }

    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        self.rng.pick(all)
    }

    fn note(&mut self, feature: Feature) {
        self.features.insert(feature);
    }

    /// A request with its body; the bytes after it may belong to no request.
    pub(super) fn request(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.chance(3) {
            self.note(Feature::OddLineEnd);
            out.extend(self.pick(&["\r\n", "\n", "\r", " ", "\t", "\r\n\r\n", "\0"]).bytes());
        }
        let method = self.method();
        let target = self.target(&method);
        let (blank, behind) = match self.chance(4) {
            true => (self.pick(&["  ", "\t", "", " \t "]), self.pick(&["  ", "\t", "", " \t"])),
            false => (" ", " "),
        };
        let version = self.version();
        for part in [method.as_bytes(), blank.as_bytes(), &target, behind.as_bytes()] {
            out.extend_from_slice(part);
        }
        out.extend(version.bytes());
        if self.chance(2) {
            out.extend(self.pick(&[" ", "\t", "  ", "x", "\r"]).bytes());
        }
        self.line_end(&mut out);
        let mut lines = self.host_lines();
        let (framing, body) = self.body(&method);
        lines.extend(framing);
        for _ in 0..self.pick(&[0, 0, 1, 1, 2, 3]) {
            let field = self.field();
            lines.push(field);
        }
        if self.chance(30) {
            self.rng.shuffle(&mut lines);
        }
        for line in lines {
            out.extend(line);
            self.line_end(&mut out);
        }
        if self.chance(2) {
            self.note(Feature::Unfinished);
            out.extend(body);
            return out;
        }
        self.line_end(&mut out);
        out.extend(body);
        out
    }

    /// CRLF, mostly.
    fn line_end(&mut self, out: &mut Vec<u8>) {
        let end = match self.rng.u8(..) {
            0..4 => "\n",
            4 => "\r",
            5 => "\r\r\n",
            6 => "\n\r",
            7 => " \r\n",
            8 => "\r\n ",
            9 => "\0\r\n",
            10 => "\n\n",
            _ => "\r\n",
        };
        if end != "\r\n" {
            self.note(Feature::OddLineEnd);
        }
        out.extend(end.bytes());
    }

    fn method(&mut self) -> String {
        let method = match self.rng.u8(..100) {
            0..40 => "GET",
            40..48 => "HEAD",
            48..62 => "POST",
            62..68 => "PUT",
            68..73 => "OPTIONS",
            73..80 => "TRACE",
            80..84 => "DELETE",
            84..88 => "CONNECT",
            88..90 => "PURGE",
            90..92 => "PUSH",
            _ => self.pick(&[
                "get",
                "Get",
                "GETT",
                "GE",
                "FOO",
                "PATCH",
                "PROPFIND",
                "BREW",
                "!#$%&'*+-.^_`|~",
                "G\"T",
                "G(T",
                "G=T",
                "G:T",
                "HTTP/1.1",
                "ICP_QUERY",
                "M-SEARCH",
                "post",
                "TRACEX",
                "0",
                "connect",
            ]),
        };
        self.note(match method {
            "GET" => Feature::Get,
            "HEAD" | "POST" | "PUT" | "OPTIONS" | "DELETE" => Feature::OtherMethod,
            "TRACE" => Feature::Trace,
            "CONNECT" => Feature::Connect,
            _ => Feature::RareMethod,
        });
        method.to_owned()
    }

    fn target(&mut self, method: &str) -> Vec<u8> {
        // A server without rules connects to wherever it is sent.
        if self.setup != Setup::Generator {
            let host = self.pick(&["{origin}", "{origin}", "127.0.0.1:1"]);
            return match self.rng.u8(..10) {
                _ if method == "CONNECT" => host.to_owned(),
                0..4 => format!("http://{host}{}", self.path()),
                4 => format!("http://{host}"),
                _ => self.path(),
            }
            .into_bytes();
        }
        let target = match self.rng.u8(..100) {
            0..60 => self.path(),
            60..80 => {
                self.note(Feature::AbsoluteTarget);
                let scheme = self.scheme();
                let authority = self.authority();
                let path = if self.chance(85) { self.path() } else { String::new() };
                format!("{scheme}{authority}{path}")
            }
            80..84 => "*".to_owned(),
            84..90 => self.authority(),
            _ => {
                self.note(Feature::OddTarget);
                self.pick(&[
                    "",
                    "/*",
                    "//",
                    "///",
                    "?",
                    "#",
                    ";",
                    "?q",
                    "#f",
                    ";p",
                    "h",
                    "nocache/3/x",
                    "//h/nocache/3/x",
                    "/nocache/3/ x",
                    "/nocache/3/\x7f",
                    "/nocache/3/\t",
                    "http:/nocache/3/x",
                    "http:nocache/3/x",
                    "http:///nocache/3/x",
                    ":",
                    "://",
                    "/:",
                    "h:80",
                    "@h",
                    "http://",
                    "http:",
                    "h:80/nocache/3/x",
                    "@",
                    "/@",
                    "u@h:1",
                    "/nocache/3/\u{e9}",
                    "*/nocache/3/x",
                    "**",
                    "/nocache/3/x HTTP/1.1",
                    ":80",
                    "http:?q",
                    "/?http://a/b",
                    "?a:b",
                    "urn:a:b",
                    "mailto:a@b",
                    "/nocache/3/x:y",
                ])
                .to_owned()
            }
        };
        target.into_bytes()
    }

    fn path(&mut self) -> String {
        let number = match self.rng.u8(..10) {
            0..8 => self.pick(&["0", "1", "3", "10"]),
            _ => {
                self.note(Feature::EdgeNumber);
                self.pick(&NUMBERS)
            }
        };
        let first = match self.rng.u8(..20) {
            0..13 => "nocache",
            13..17 => "cache",
            _ => {
                self.pick(&["", "nocach", "cach", "cachet", "Nocache", ".", "nocache/nocache", "x"])
            }
        };
        let rest = match self.rng.u8(..10) {
            0..5 => "/x",
            5 => "",
            _ => self.pick(&[
                "/",
                "/x?q=1",
                "?q",
                "#f",
                ";p",
                "/x;p?q#f",
                "/x?q#f;p",
                "/%41%zz",
                "/a:b",
                "/a@b",
                "/..",
                "/x?",
                "/x#",
                "/x;",
                "/x?http://h/",
                "/x??#",
                "/'\"<>",
                "/[]{}|\\^`",
            ]),
        };
        let target = format!("/{first}/{number}{rest}");
        // Bytes that cannot be part of a target are rare enough already.
        target.replace(' ', if self.chance(90) { "" } else { " " })
    }

    fn scheme(&mut self) -> &'static str {
        match self.rng.u8(..10) {
            0..5 => "http://",
            _ => {
                self.note(Feature::OddScheme);
                self.pick(&[
                    "HTTP://",
                    "https://",
                    "HTTPS://",
                    "ftp://",
                    "ws://",
                    "wss://",
                    "foo://",
                    "h2://",
                    "file://",
                    "1x://",
                    "x+y-z.1://",
                    "tunnel://",
                    "cache_obj://",
                    "mailto://",
                    "x_y://",
                    "://",
                    "http:/",
                    "http:",
                    "http:////",
                    "//",
                    "pnm://",
                    "rtsp://",
                    "data://",
                    "mms://",
                    "mmst://",
                    "mmsu://",
                    "gopher://",
                    "htt://",
                    "httpx://",
                    "-://",
                    "\"http\"://",
                ])
            }
        }
    }

    fn authority(&mut self) -> String {
        match self.rng.u8(..10) {
            0..4 => "h",
            _ => {
                self.note(Feature::OddAuthority);
                self.pick(&[
                    "h:80",
                    "h:8080",
                    "h:",
                    "h:0",
                    "h:00080",
                    "h:65535",
                    "h:65536",
                    "h:99999",
                    "h:4294967376",
                    "h:x",
                    "h:-1",
                    "u@h",
                    "u:p@h",
                    "u:p@h:81",
                    "u:p:q@h",
                    "@h",
                    ":@h",
                    "u@v@h",
                    "[::1]",
                    "[::1]:80",
                    "[::1",
                    "::1]",
                    "::1",
                    "[]",
                    "[::1]x",
                    "[h]",
                    "[1:2:3:4:5:6:7:8]:80",
                    "1:2:3:4:5:6:7:8",
                    "1:2:3:4:5:6:7:8:9",
                    "a:b:c",
                    "H",
                    "h.",
                    ".h",
                    "-h",
                    "h_h",
                    "h~h",
                    "h%41",
                    "h*",
                    "h!",
                    "h,i",
                    "h$",
                    "h+",
                    "h'",
                    "h\"",
                    "h<",
                    "h:80:80",
                    "127.0.0.1",
                    "h:443",
                    "127.0.0.1:443",
                    "",
                    "h:80x",
                    "[::1]:",
                    "[::1]:8x",
                    "h:1:",
                    "u@[::1]:80",
                    "[::1%25a]",
                ])
            }
        }
        .to_owned()
    }

    fn version(&mut self) -> &'static str {
        match self.rng.u8(..100) {
            0..80 => "HTTP/1.1",
            80..90 => "HTTP/1.0",
            _ => {
                self.note(Feature::OddVersion);
                self.pick(&[
                    "HTTP/0.9",
                    "HTTP/1.2",
                    "HTTP/2.0",
                    "HTTP/1.01",
                    "HTTP/01.1",
                    "HTTP/257.1",
                    "HTTP/1.257",
                    "HTTP/1",
                    "HTTP/1.",
                    "HTTP/.1",
                    "HTTP/",
                    "HTTP",
                    "",
                    "http/1.1",
                    "HTTP/1.1.1",
                    "HTTP/1.1x",
                    "xHTTP/1.1",
                    "HTTP/1,1",
                    "HTTP/ 1.1",
                    "HTTPS/1.1",
                    "HTTP/4294967297.1",
                    "HTTP/-1.1",
                    "HTTP/1.10",
                    "HTTP/0.0",
                    "HTTP/9.9",
                    "HTTP/1.1 HTTP/1.1",
                ])
            }
        }
    }

    fn host_lines(&mut self) -> Vec<Vec<u8>> {
        if self.setup != Setup::Generator {
            return vec![b"Host: {origin}".to_vec()];
        }
        match self.rng.u8(..100) {
            0..80 => vec![b"Host: h".to_vec()],
            80..84 => Vec::new(),
            84..86 => vec![b"Host: h".to_vec(), b"Host: h".to_vec()],
            _ => {
                self.note(Feature::OddHost);
                let name = self.pick(&["Host", "host", "HOST", "Host ", "Host\t", "hOsT"]);
                let blank = self.pick(&[": ", ":", ":\t", ": \t ", " : "]);
                let value = self.authority();
                let behind =
                    self.pick(&["", "", "", " ", "\t", ",", " x", ", h", ";", "/", "/x", "?"]);
                vec![format!("{name}{blank}{value}{behind}").into_bytes()]
            }
        }
    }

    /// A number, mostly a sensible one.
    fn number(&mut self) -> String {
        self.note(Feature::EdgeNumber);
        self.pick(&NUMBERS).to_owned()
    }

    /// The fields that frame a body, and the body.
    fn body(&mut self, method: &str) -> (Vec<Vec<u8>>, Vec<u8>) {
        let wants = matches!(method, "POST" | "PUT" | "PUSH");
        let with_body = if wants { self.chance(90) } else { self.chance(12) };
        if !with_body {
            return (Vec::new(), Vec::new());
        }
        self.note(Feature::Body);
        if self.chance(40) {
            return self.chunked();
        }
        let body: Vec<u8> = std::iter::repeat_n(b'b', self.pick(&[0, 1, 5, 5, 5, 40])).collect();
        let length = match self.rng.u8(..10) {
            0..6 => body.len().to_string(),
            6 => (body.len() + self.rng.usize(1..4)).to_string(),
            7 => body.len().saturating_sub(self.rng.usize(1..4)).to_string(),
            _ => self.number(),
        };
        let mut lines = vec![format!("Content-Length: {length}").into_bytes()];
        if self.chance(6) {
            let second = if self.chance(50) { length } else { self.number() };
            let name = self.pick(&["Content-Length", "content-length", "Content-Length\t"]);
            lines.push(format!("{name}: {second}").into_bytes());
        }
        if self.chance(15) {
            lines.push(self.expect());
        }
        (lines, body)
    }

    fn expect(&mut self) -> Vec<u8> {
        self.note(Feature::Expect);
        let value = self.pick(&[
            "100-continue",
            "100-Continue",
            "100-continue, x",
            "\"100-continue\"",
            "100",
            "200-ok",
            "",
            "100-continue;q=1",
        ]);
        format!("Expect: {value}").into_bytes()
    }

    fn chunked(&mut self) -> (Vec<Vec<u8>>, Vec<u8>) {
        self.note(Feature::Chunked);
        let coding = match self.rng.u8(..10) {
            0..8 => "chunked",
            _ => self.pick(&[
                "Chunked",
                "\"chunked\"",
                "chunked, chunked",
                "identity",
                "gzip, chunked",
                "chunked;q=1",
                "chunked,",
                ",chunked",
                "x",
                "",
                "chunked gzip",
                "identity, chunked",
                "chunked, identity",
            ]),
        };
        let mut lines = vec![format!("Transfer-Encoding: {coding}").into_bytes()];
        if self.chance(8) {
            lines.push(b"Transfer-Encoding: chunked".to_vec());
        }
        if self.chance(10) {
            let number = self.number();
            lines.push(format!("Content-Length: {number}").into_bytes());
        }
        if self.chance(8) {
            lines.push(self.expect());
        }
        let mut body = Vec::new();
        for _ in 0..self.pick(&[0, 1, 1, 2]) {
            self.chunk(&mut body);
        }
        body.extend(
            match self.rng.u8(..20) {
                0..15 => "0\r\n",
                _ => self.pick(&[
                    "", "0", "00\r\n", "0;x\r\n", "0\n", "-0\r\n", "0 \r\n", "0\r", "x\r\n",
                ]),
            }
            .bytes(),
        );
        if self.chance(15) {
            self.note(Feature::Trailer);
            body.extend(
                self.pick(&[
                    "T: 1\r\n",
                    "T: 1\n",
                    "T\r\n",
                    ": \r\n",
                    " T: 1\r\n",
                    "Content-Length: 5\r\n",
                    "T: \r\n U: 1\r\n",
                    "\r",
                    "T: 1\r\r\n",
                    "T: \0\r\n",
                ])
                .bytes(),
            );
        }
        body.extend(
            if self.chance(92) { "\r\n" } else { self.pick(&["", "\n", "\r", "\n\r\n"]) }.bytes(),
        );
        (lines, body)
    }

    fn chunk(&mut self, body: &mut Vec<u8>) {
        let size = match self.rng.u8(..20) {
            0..15 => "5",
            _ => {
                self.note(Feature::OddChunk);
                self.pick(&[
                    "05",
                    "0000000000000000005",
                    "A",
                    "a",
                    "+5",
                    "-5",
                    "0x5",
                    " 5",
                    "5 ",
                    "5\t",
                    "",
                    "g",
                    "80000000",
                    "7fffffff",
                    "ffffffff",
                    "100000005",
                    "10000000000000005",
                    "4",
                    "6",
                ])
            }
        };
        body.extend(size.bytes());
        if self.chance(15) {
            self.note(Feature::ChunkExtension);
            body.extend(
                self.pick(&[
                    ";",
                    ";a",
                    ";a=b",
                    ";a=\"b\"",
                    ";a=\"\n\"",
                    " ;a",
                    ";\r",
                    ";\0",
                    ";a=\";\r\n\"",
                ])
                .bytes(),
            );
        }
        body.extend(
            if self.chance(93) { "\r\n" } else { self.pick(&["\n", "\r", "", "\r\r\n"]) }.bytes(),
        );
        body.extend(b"hello");
        body.extend(
            if self.chance(93) { "\r\n" } else { self.pick(&["\n", "\r", "", "\r\r\n", "x\r\n"]) }
                .bytes(),
        );
    }

    /// A field, and perhaps its continuation.
    fn field(&mut self) -> Vec<u8> {
        let line = match self.rng.u8(..100) {
            0..30 => {
                let name = self.pick(&[
                    "Connection",
                    "Connection",
                    "Proxy-Connection",
                    "connection",
                    "TE",
                    "Upgrade",
                    "Keep-Alive",
                    "Trailer",
                ]);
                self.note(Feature::ConnectionField);
                format!("{name}: {}", self.tokens())
            }
            30..45 => {
                let name = self.pick(&[
                    "Max-Forwards",
                    "Max-Forwards",
                    "Generator-Delay",
                    "Generator-MaxAge",
                    "Age",
                    "Content-Length",
                ]);
                // A server that waits for days shows no difference.
                let number = match name {
                    "Generator-Delay" => {
                        self.pick(&["0", "1", "20", "150", "-0", "x", "", "4294967297"]).to_owned()
                    }
                    _ => self.number(),
                };
                format!("{name}: {number}")
            }
            45..60 => {
                let name = self.pick(&[
                    "Accept-Encoding",
                    "Via",
                    "X-Forwarded-For",
                    "Client-ip",
                    "Cookie",
                    "Authorization",
                    "Proxy-Authorization",
                    "Cache-Control",
                    "Pragma",
                    "Accept",
                    "User-Agent",
                    "Referer",
                    "Content-Encoding",
                    "WWW-Authenticate",
                    "Accept-Ranges",
                    "Forwarded",
                    "From",
                ]);
                format!("{name}: {}", self.tokens())
            }
            60..66 => self
                .pick(&[
                    "Range: bytes=0-1",
                    "Range: bytes=-1",
                    "Range: bytes=5-",
                    "Range: bytes=99-",
                    "Range: x",
                    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
                    "If-None-Match: *",
                    "If-Match: \"x\"",
                    "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
                    "If-Range: x",
                    "Date: Sun, 06 Nov 1994 08:49:37 GMT",
                    "Expires: 0",
                ])
                .to_owned(),
            66..70 => String::from_utf8_lossy(&self.expect()).into_owned(),
            70..80 => {
                self.note(Feature::OddField);
                self.pick(&[
                    "X",
                    "X:",
                    ":",
                    ": x",
                    "X : y",
                    "X\t: y",
                    " X: y",
                    "\tX: y",
                    "@X: y",
                    "X@: y",
                    "X(): y",
                    "X=: y",
                    "\"X\": y",
                    "X:y",
                    "X:  y  ",
                    "X: y\tz",
                    "X: \x01",
                    "X: \x7f",
                    "X: y\0z",
                    "\0",
                    "X\0: y",
                    "X: \u{e9}",
                    "\u{e9}: x",
                    "X/Y: z",
                    "X[]: y",
                    "X;: y",
                    "=: y",
                    "@: y",
                    "@Ats: x",
                    "X: y\rz",
                    "X: y\r",
                    "GET / HTTP/1.1",
                    "X: :",
                    "X:\t",
                    "{: y",
                    "(: y",
                    "X Y: z",
                    "-: y",
                ])
                .to_owned()
            }
            80..86 => {
                self.note(Feature::Folded);
                let name = self.pick(&["X", "Connection", "Max-Forwards", "Cookie"]);
                let fold = self.pick(&["\r\n ", "\n\t", "\r\n\t", "\r\n \r\n ", "\n ", "\r\r\n "]);
                let [a, b] =
                    [(); 2].map(|()| self.pick(&["", "close", "a", "0", "keep-alive,", "5"]));
                format!("{name}: {a}{fold}{b}")
            }
            _ => {
                let name = self.pick(&["X", "x-Y", "Accept-Language", "Origin", "DNT"]);
                format!("{name}: {}", self.pick(&["", "y", "a b", "a, b", "a;b=c", "\"q\"", "*/*"]))
            }
        };
        line.into_bytes()
    }

    /// A list, as of Connection.
    fn tokens(&mut self) -> String {
        let mut list = Vec::new();
        for _ in 0..self.pick(&[1, 1, 1, 2, 3]) {
            let token = self.pick(&TOKENS);
            list.push(match self.rng.u8(..100) {
                0..75 => token.to_owned(),
                quote => {
                    self.note(Feature::Quoted);
                    match quote % 8 {
                        0..3 => format!("\"{token}\""),
                        3 => format!("\"{token}"),
                        4 => format!("{token}\""),
                        5 => format!("\"{token},"),
                        6 => format!("\"\\\"{token}\""),
                        _ => format!("\"\"{token}\"\""),
                    }
                }
            });
        }
        let separator = self.pick(&[", ", ", ", ",", " , ", ";", " ", ",,", "\t,"]);
        list.join(separator)
    }
}
