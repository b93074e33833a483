//! A bare loop of `writev`: what it costs at least to answer on sockets.
//!
//! One thread accepts, reads a request up to its end without looking at it, and writes the same
//! head and body each time, in as few calls as the system allows. There is no parser, no pair and
//! no timeout. The bytes are those of another server, which is asked once at the beginning.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::http_client::ask;

/// A body is this piece again and again, as it is in the generators: it stays in the cache.
const PIECE: usize = 32 * 1024;

/// How many pieces one call writes at most.
const AT_ONCE: usize = 64;

/// Whose answer is given, and how long its body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Like {
    pub(super) address: SocketAddr,
    pub(super) size: usize,
}

impl Like {
    const NAME: &str = "writev";
}

impl fmt::Display for Like {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", Like::NAME, self.address, self.size)
    }
}

/// Not the text of a [`Like`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected {}/ADDRESS:PORT/SIZE", Like::NAME)]
pub(crate) struct ParseLikeError;

impl FromStr for Like {
    type Err = ParseLikeError;

    fn from_str(text: &str) -> Result<Like, ParseLikeError> {
        let mut parts = text.split('/');
        let (name, address, size) = (parts.next(), parts.next(), parts.next());
        let address = address.and_then(|text| text.parse().ok());
        let size = size.and_then(|text| text.parse().ok()).filter(|&size| size > 0);
        match (name, address, size, parts.next()) {
            (Some(Like::NAME), Some(address), Some(size), None) => Ok(Like { address, size }),
            _ => Err(ParseLikeError),
        }
    }
}

/// Serves until the process is killed. The status is 2 if it cannot.
pub(super) fn serve(like: Like) -> ExitCode {
    let Err(error) = Bytes::of(like).and_then(|bytes| serve_on_sockets(&bytes));
    eprintln!("bench: {error}");
    ExitCode::from(2)
}

fn serve_on_sockets(bytes: &Bytes) -> io::Result<std::convert::Infallible> {
    const LISTENER: Token = Token(usize::MAX);
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().map_err(io::Error::other)?)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut events = Events::with_capacity(64);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let token = Token(clients.len());
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, token, both)?;
                    clients.push(Some(Client { stream, sent: None }));
                }
            } else if let Some(place) = clients.get_mut(event.token().0)
                && let Some(client) = place
                && client.turn(bytes).is_err()
            {
                // The client has gone.
                *place = None;
            }
        }
    }
}

/// A connection; its client asks again only when it has its answer.
struct Client {
    stream: TcpStream,
    /// How much of the answer has been written, if one is under way.
    sent: Option<usize>,
}

impl Client {
    /// Does what can be done now. An error ends the connection.
    fn turn(&mut self, bytes: &Bytes) -> io::Result<()> {
        if self.sent.is_none() {
            let mut space = [0; 1024];
            match self.stream.read(&mut space) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) if space[..n].ends_with(b"\r\n\r\n") => self.sent = Some(0),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        while let Some(sent) = self.sent {
            match bytes.write(sent, &mut self.stream) {
                Ok(n) => self.sent = Some(sent + n).filter(|sent| *sent < bytes.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// An answer.
struct Bytes {
    head: Vec<u8>,
    piece: Vec<u8>,
    size: usize,
}

impl Bytes {
    fn of(like: Like) -> io::Result<Bytes> {
        let asked = ask(like.address, like.size)?;
        let piece = asked.body[..like.size.min(PIECE)].to_vec();
        if !asked.body.chunks(PIECE).all(|part| piece.starts_with(part)) {
            return Err(io::Error::other("the body is not one piece again and again"));
        }
        Ok(Bytes { head: asked.head, piece, size: like.size })
    }

    fn len(&self) -> usize {
        self.head.len() + self.size
    }

    /// Writes what stands behind the first `sent` bytes, as far as one call goes.
    fn write(&self, sent: usize, to: &mut impl Write) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); AT_ONCE];
        let (mut at, mut count) = (sent, 0);
        while at < self.len() && count < AT_ONCE {
            let slice = self.from(at);
            slices[count] = IoSlice::new(slice);
            at += slice.len();
            count += 1;
        }
        to.write_vectored(&slices[..count])
    }

    /// What lies at a place, as far as it lies in a row.
    fn from(&self, at: usize) -> &[u8] {
        match at.checked_sub(self.head.len()) {
            None => &self.head[at..],
            Some(at) => {
                let rest = &self.piece[at % self.piece.len()..];
                &rest[..rest.len().min(self.size - at)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_like_can_be_read_again() {
        let like = Like { address: SocketAddr::from(([127, 0, 0, 1], 4711)), size: 1024 };
        assert_eq!(like.to_string().parse(), Ok(like));
        for text in ["", "writev", "writev/127.0.0.1:1/0", "other/127.0.0.1:1/5", "writev/x/5"] {
            assert_eq!(text.parse::<Like>(), Err(ParseLikeError), "{text}");
        }
    }

    #[test]
    fn an_answer_is_written_from_every_place() {
        let bytes = Bytes { head: b"head".to_vec(), piece: b"abc".to_vec(), size: 8 };
        for sent in 0..bytes.len() {
            let mut written = Vec::new();
            let n = bytes.write(sent, &mut written).unwrap();
            assert_eq!((n, &*written), (12 - sent, &b"headabcabcab"[sent..]));
        }
        let long = Bytes { head: b"h".to_vec(), piece: vec![b'x'], size: 2 * AT_ONCE };
        assert_eq!(long.write(0, &mut Vec::new()).unwrap(), AT_ONCE);
    }
}
