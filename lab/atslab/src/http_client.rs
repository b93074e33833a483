//! A client of a server with a generator plugin: asks for bodies of one size, and checks
//! each answer's head and length.
//!
//! | what | for |
//! |---|---|
//! | [`ask`] | one answer, and its connection for as long as it is wanted |
//! | [`load`] | many answers over several connections at once |

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use memchr::memmem;
use mio::net::TcpStream as Polled;
use mio::{Events, Interest, Poll, Token};

/// A server that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most that one call reads.
const PIECE: usize = 256 * 1024;

/// A head that is longer did not come from a generator.
const LONGEST_HEAD: usize = 16 * 1024;

/// An answer, and the connection that it came over, which stays open.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) stream: TcpStream,
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// Opens a connection and gets one answer with a body of `size` bytes.
///
/// # Errors
/// If there is no such server, or it answers otherwise.
pub(crate) fn ask(server: SocketAddr, size: usize) -> io::Result<Asked> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&request(size))?;
    let (mut coming, mut whole, mut piece) = (Coming::new(size), Vec::new(), vec![0; 16 * 1024]);
    loop {
        let n = stream.read(&mut piece)?;
        whole.extend_from_slice(&piece[..n]);
        if coming.take(&piece[..n])? {
            let body = whole.split_off(whole.len() - size);
            return Ok(Asked { stream, head: whole, body });
        }
    }
}

/// Gets `answers` answers with bodies of `size` bytes over `connections` connections, each of which
/// asks again when it has its answer. All is done by this thread. Returns the bytes of the bodies.
///
/// # Errors
/// If there is no such server, if it answers otherwise or not at all.
pub(crate) fn load(
    server: SocketAddr,
    size: usize,
    answers: u64,
    connections: u64,
) -> io::Result<u64> {
    let mut poll = Poll::new()?;
    let request = request(size);
    let mut clients = Vec::new();
    for number in 0..connections.min(answers) {
        let stream = TcpStream::connect(server)?;
        stream.set_nonblocking(true)?;
        let mut stream = Polled::from_std(stream);
        let token = Token(usize::try_from(number).unwrap_or(usize::MAX));
        poll.registry().register(&mut stream, token, Interest::READABLE)?;
        stream.write_all(&request)?;
        clients.push(Client { stream, coming: Coming::new(size) });
    }
    let (mut asked, mut answered) = (clients.len() as u64, 0);
    let (mut events, mut space) = (Events::with_capacity(clients.len()), vec![0; PIECE]);
    while answered < answers {
        if let Err(error) = poll.poll(&mut events, Some(PATIENCE)) {
            match error.kind() {
                ErrorKind::Interrupted => continue,
                _ => return Err(error),
            }
        }
        if events.is_empty() {
            return Err(ErrorKind::TimedOut.into());
        }
        for event in &events {
            let client = &mut clients[event.token().0];
            // An edge comes once, so all is read.
            while let Some(is_whole) = client.read(&mut space)? {
                if is_whole {
                    answered += 1;
                    client.coming = Coming::new(size);
                    if asked < answers {
                        asked += 1;
                        client.stream.write_all(&request)?;
                    }
                }
            }
        }
    }
    Ok(answered * size as u64)
}

/// A connection with a request under way.
struct Client {
    stream: Polled,
    coming: Coming,
}

impl Client {
    /// Reads once: whether the answer is whole now, or `None` if there is nothing to read.
    fn read(&mut self, space: &mut [u8]) -> io::Result<Option<bool>> {
        match self.stream.read(space) {
            Ok(n) => self.coming.take(&space[..n]).map(Some),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(None),
                ErrorKind::Interrupted => Ok(Some(false)),
                _ => Err(error),
            },
        }
    }
}

fn request(size: usize) -> Vec<u8> {
    format!("GET /nocache/{size}/x HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes()
}

/// An answer of which a part has come.
struct Coming {
    size: usize,
    head: Vec<u8>,
    /// Bytes of the body that are still to come, behind the head.
    left: Option<usize>,
}

impl Coming {
    fn new(size: usize) -> Coming {
        Coming { size, head: Vec::new(), left: None }
    }

    /// Takes what was read, of which the end of the connection is nothing. True if the answer is
    /// whole.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        if bytes.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let left = match self.left {
            Some(left) => left,
            None => {
                let before = self.head.len();
                self.head.extend_from_slice(bytes);
                let end = memmem::find(&self.head, b"\r\n\r\n");
                let Some(end) = end.map(|at| at + 4) else {
                    return if self.head.len() > LONGEST_HEAD { Err(wrong()) } else { Ok(false) };
                };
                self.head.truncate(end);
                bytes = &bytes[end - before..];
                if !is_right(&self.head, self.size) {
                    return Err(wrong());
                }
                self.size
            }
        };
        let left = left.checked_sub(bytes.len()).ok_or_else(wrong)?;
        self.left = Some(left);
        Ok(left == 0)
    }
}

/// A 200 that announces as many bytes as were asked for.
fn is_right(head: &[u8], size: usize) -> bool {
    let Ok(head) = std::str::from_utf8(head) else { return false };
    let mut lines = head.lines();
    let is_ok = lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 200 "));
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    is_ok && length.is_some_and(|(_, value)| value.trim().parse() == Ok(size))
}

fn wrong() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "it answers otherwise than a generator plugin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_in_any_pieces() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        for size in 1..=answer.len() {
            let mut coming = Coming::new(3);
            let mut pieces = answer.chunks(size).map(|piece| coming.take(piece).unwrap());
            let whole: Vec<bool> = pieces.by_ref().collect();
            assert!(whole.ends_with(&[true]), "pieces of {size}");
            assert_eq!(whole.iter().filter(|whole| **whole).count(), 1, "pieces of {size}");
        }
    }

    #[test]
    fn a_wrong_answer_is_refused() {
        for answer in [
            "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd",
            "",
        ] {
            assert!(Coming::new(3).take(answer.as_bytes()).is_err(), "{answer:?}");
        }
        assert!(Coming::new(3).take(&[b'x'; LONGEST_HEAD + 1]).is_err());
    }
}
