//! A client of a soak: asks, checks, and goes away at random times.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use socket2::SockRef;

/// An answer that takes longer counts as wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait when no connection can be made: all local ports may be used up.
const PAUSE: Duration = Duration::from_millis(10);

/// More fields than an answer has.
const MOST_FIELDS: usize = 64;

/// How many wrong answers are printed.
const SAMPLES: usize = 5;

/// The results.
#[derive(Default)]
pub(super) struct Tally {
    /// Right answers.
    pub(super) answers: u64,
    /// Bytes of their bodies.
    pub(super) bytes: u64,
    /// Connections that the client broke off.
    pub(super) aborts: u64,
    /// Times that no connection could be made.
    pub(super) refused: u64,
    /// Wrong answers.
    pub(super) wrong: u64,
    /// Some of those.
    pub(super) samples: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.answers += other.answers;
        self.bytes += other.bytes;
        self.aborts += other.aborts;
        self.refused += other.refused;
        self.wrong += other.wrong;
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES);
    }

    pub(super) fn wrong(&mut self, what: String) {
        self.wrong += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(what);
        }
    }
}

/// One client; it has one connection at a time.
pub(super) struct Client {
    address: SocketAddr,
    rng: Rng,
    tally: Tally,
    body: Vec<u8>,
}

/// A connection, and whether it can be used again.
struct Link {
    stream: BufReader<TcpStream>,
    keep: bool,
}

/// What is wrong with an answer.
type Wrong = String;

impl Client {
    /// The client with this number.
    pub(super) fn new(address: SocketAddr, seed: u64, number: u16) -> Client {
        // Far apart for any seeds.
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(number) << 32;
        Client { address, rng: Rng::with_seed(seed), tally: Tally::default(), body: Vec::new() }
    }

    /// Acts until it is over.
    pub(super) fn run(&mut self, over: &AtomicBool) -> Tally {
        while !over.load(Ordering::Relaxed) {
            match self.connect() {
                Ok(mut link) => {
                    while link.keep && !over.load(Ordering::Relaxed) {
                        link.keep = false;
                        if let Err(wrong) = self.act(&mut link) {
                            self.tally.wrong(wrong);
                        }
                    }
                }
                Err(_) => {
                    self.tally.refused += 1;
                    thread::sleep(PAUSE);
                }
            }
        }
        std::mem::take(&mut self.tally)
    }

    fn connect(&self) -> io::Result<Link> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Link { stream: BufReader::new(stream), keep: true })
    }

    /// One thing that clients do.
    fn act(&mut self, link: &mut Link) -> Result<(), Wrong> {
        match self.rng.u8(..100) {
            0..40 => self.ask(link, 1),
            40..50 => self.ask(link, 2),
            50..60 => self.echo(link),
            60..65 => self.half_close(link),
            65..70 => self.nonsense(link),
            70..75 => self.broken(link),
            75..80 => self.go_away_in_a_head(link),
            80..85 => self.go_away_in_a_body(link),
            _ => self.go_away_in_an_answer(link),
        }
    }

    /// So many requests at once; all answers are read.
    fn ask(&mut self, link: &mut Link, times: usize) -> Result<(), Wrong> {
        let sizes: Vec<usize> = (0..times).map(|_| self.size()).collect();
        let requests: String = sizes.iter().map(|size| generated(*size)).collect();
        sent("a request", send(link, requests.as_bytes()))?;
        for size in sizes {
            self.generated_answer(link, size)?;
        }
        link.keep = true;
        Ok(())
    }

    fn generated_answer(&mut self, link: &mut Link, size: usize) -> Result<(), Wrong> {
        self.answer(link, 200)?;
        if self.body.len() != size || self.body.iter().any(|&byte| byte != b'x') {
            return Err(format!("{size} bytes asked for, {} came", self.body.len()));
        }
        Ok(())
    }

    /// A body that comes back.
    fn echo(&mut self, link: &mut Link) -> Result<(), Wrong> {
        let size = self.size().min(1 << 20);
        let first = self.rng.u8(..);
        let body: Vec<u8> = (0..size).map(|at| first.wrapping_add((at % 251) as u8)).collect();
        let head = format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n");
        // The answer begins before the body is out, so both must go on.
        let mut writer = link.stream.get_ref().try_clone().map_err(|error| error.to_string())?;
        thread::scope(|scope| {
            let writing =
                scope.spawn(|| writer.write_all(head.as_bytes()).and(writer.write_all(&body)));
            let answer = self.answer(link, 200);
            let written = writing.join().map_err(|_| String::from("the writer panicked"))?;
            sent("a body", written)?;
            answer
        })?;
        if self.body != body {
            return Err(format!("a body of {size} bytes came back as one of {}", self.body.len()));
        }
        link.keep = true;
        Ok(())
    }

    /// The client's side ends behind the request; the answer comes nevertheless.
    fn half_close(&mut self, link: &mut Link) -> Result<(), Wrong> {
        let size = self.size();
        sent("a request", send(link, generated(size).as_bytes()))?;
        sent("an end", link.stream.get_ref().shutdown(Shutdown::Write))?;
        self.generated_answer(link, size)
    }

    fn nonsense(&mut self, link: &mut Link) -> Result<(), Wrong> {
        const HEADS: [&str; 4] = [
            "nonsense\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nName : value\r\nHost: h\r\n\r\n",
            "GET / HTTP/9.9\r\nHost: h\r\n\r\n",
        ];
        let at = self.rng.usize(..HEADS.len());
        sent("nonsense", send(link, HEADS[at].as_bytes()))?;
        self.answer(link, if at == 3 { 505 } else { 400 })
    }

    /// An origin server that breaks off, drips, or asks another one: whatever comes,
    /// it ends.
    fn broken(&mut self, link: &mut Link) -> Result<(), Wrong> {
        const PATHS: [&str; 7] = [
            "broken/close",
            "broken/head",
            "broken/nonsense",
            "broken/body",
            "broken/chunk",
            "slow/20/1",
            "fetch/nocache/5000/x",
        ];
        let path = PATHS[self.rng.usize(..PATHS.len())];
        let close = "Host: h\r\nConnection: close\r\n\r\n";
        let head = format!("GET /{path} HTTP/1.1\r\n{close}");
        // The client does not wait for an answer that never ends: it goes.
        let goes = path == "broken/head";
        sent("a request", send(link, head.as_bytes()))?;
        if goes || path == "broken/nonsense" || path == "broken/body" || path == "broken/chunk" {
            return self.go(link);
        }
        let mut rest = Vec::new();
        match link.stream.read_to_end(&mut rest) {
            Ok(_) if rest.starts_with(b"HTTP/1.1 ") => self.tally.answers += 1,
            Ok(_) => return Err(format!("/{path} was answered with {} bytes", rest.len())),
            Err(error) => return Err(format!("/{path}: {error}")),
        }
        Ok(())
    }

    fn go_away_in_a_head(&mut self, link: &mut Link) -> Result<(), Wrong> {
        let request = generated(1024);
        let cut = self.rng.usize(..request.len());
        sent("half a head", send(link, &request.as_bytes()[..cut]))?;
        self.go(link)
    }

    fn go_away_in_a_body(&mut self, link: &mut Link) -> Result<(), Wrong> {
        let size = self.rng.usize(1..100_000);
        let cut = self.rng.usize(..size);
        let chunked = self.rng.bool();
        let how = match chunked {
            true => String::from("Transfer-Encoding: chunked"),
            false => format!("Content-Length: {size}"),
        };
        let mut request = format!("POST /echo HTTP/1.1\r\nHost: h\r\n{how}\r\n\r\n").into_bytes();
        if chunked {
            request.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        }
        request.resize(request.len() + cut, b'y');
        // The server may have answered and closed before all is out.
        let _ = send(link, &request);
        self.go(link)
    }

    fn go_away_in_an_answer(&mut self, link: &mut Link) -> Result<(), Wrong> {
        let size = self.size();
        sent("a request", send(link, generated(size).as_bytes()))?;
        let mut left = self.rng.usize(..=size);
        let mut piece = [0; 16 * 1024];
        while left > 0 {
            let wanted = left.min(piece.len());
            match link.stream.read(&mut piece[..wanted]) {
                Ok(0) => return Err(format!("an answer of {size} bytes ended early")),
                Ok(n) => left -= n,
                Err(error) => return Err(format!("in an answer: {error}")),
            }
        }
        self.go(link)
    }

    /// Closes the connection, every second time with a reset.
    fn go(&mut self, link: &Link) -> Result<(), Wrong> {
        self.tally.aborts += 1;
        if self.rng.bool() {
            let socket = SockRef::from(link.stream.get_ref());
            socket.set_linger(Some(Duration::ZERO)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Reads one answer, its body into `self.body`.
    fn answer(&mut self, link: &mut Link, status: u16) -> Result<(), Wrong> {
        self.body.clear();
        let told = self.read_answer(link).map_err(|error| format!("in an answer: {error}"))?;
        if told != status {
            return Err(format!("status {told} instead of {status}"));
        }
        self.tally.answers += 1;
        self.tally.bytes += self.body.len() as u64;
        Ok(())
    }

    fn read_answer(&mut self, link: &mut Link) -> io::Result<u16> {
        let head = read_head(&mut link.stream)?;
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut answer = httparse::Response::new(&mut fields);
        if answer.parse(&head).map_err(io::Error::other)?.is_partial() {
            return Err(io::Error::other("a head that does not end"));
        }
        let status = answer.code.unwrap_or_default();
        match framing(answer.headers)? {
            Framing::Length(length) => {
                self.body.resize(length, 0);
                link.stream.read_exact(&mut self.body)?;
            }
            Framing::Chunked => self.read_chunks(link)?,
        }
        Ok(status)
    }

    fn read_chunks(&mut self, link: &mut Link) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            link.stream.read_until(b'\n', &mut line)?;
            let size = match httparse::parse_chunk_size(&line) {
                Ok(httparse::Status::Complete((_, size))) => usize::try_from(size).ok(),
                _ => None,
            };
            let size = size.ok_or_else(|| {
                io::Error::other(format!("chunk size {:?}", line.escape_ascii().to_string()))
            })?;
            let at = self.body.len();
            self.body.resize(at + size, 0);
            link.stream.read_exact(&mut self.body[at..])?;
            let mut end = [0; 2];
            link.stream.read_exact(&mut end)?;
            if end != *b"\r\n" {
                return Err(io::Error::other("a chunk that does not end where it says"));
            }
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// Sizes around everything that has a size.
    fn size(&mut self) -> usize {
        match self.rng.u8(..100) {
            0..10 => 0,
            10..20 => 1,
            20..60 => self.rng.usize(..4096),
            60..85 => self.rng.usize(..70_000),
            85..98 => self.rng.usize(..1 << 20),
            _ => self.rng.usize(..10 << 20),
        }
    }
}

/// Where the body of an answer ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
    Length(usize),
    Chunked,
}

/// As RFC 9112, 6.3: a coding counts before a length. The clients ask for no answer
/// that ends with its connection.
fn framing(fields: &[httparse::Header<'_>]) -> io::Result<Framing> {
    let value = |name: &str| {
        let mut named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.next().map(|field| field.value)
    };
    if value("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
        return Ok(Framing::Chunked);
    }
    let length = value("Content-Length").and_then(|text| str::from_utf8(text).ok()?.parse().ok());
    length.map(Framing::Length).ok_or_else(|| io::Error::other("an answer without a length"))
}

/// Reads up to the end of a head, that included.
fn read_head(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

fn generated(size: usize) -> String {
    format!("GET /nocache/{size}/x HTTP/1.1\r\nHost: h\r\n\r\n")
}

fn send(link: &mut Link, bytes: &[u8]) -> io::Result<()> {
    link.stream.get_mut().write_all(bytes)
}

fn sent(what: &str, result: io::Result<()>) -> Result<(), Wrong> {
    result.map_err(|error| format!("{what} could not be sent: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(fields: &[(&'static str, &'static str)]) -> io::Result<Framing> {
        let header = |(name, value): &(&'static str, &'static str)| httparse::Header {
            name,
            value: value.as_bytes(),
        };
        framing(&fields.iter().map(header).collect::<Vec<_>>())
    }

    #[test]
    fn a_coding_counts_before_a_length_and_one_of_them_must_be_there() {
        let (length, chunked) = (("content-length", "5"), ("Transfer-Encoding", "Chunked"));
        assert_eq!(framed(&[length]).ok(), Some(Framing::Length(5)));
        assert_eq!(framed(&[length, chunked]).ok(), Some(Framing::Chunked));
        assert!(framed(&[]).is_err() && framed(&[("Content-Length", "-5")]).is_err());
    }

    #[test]
    fn a_head_ends_with_its_empty_line() {
        let mut bytes = &b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody"[..];
        assert_eq!(
            read_head(&mut bytes).ok().as_deref(),
            Some(&b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"[..])
        );
        assert_eq!(bytes, b"body");
        assert!(read_head(&mut &b"HTTP/1.1 200 OK\r\nA: b"[..]).is_err());
    }
}
