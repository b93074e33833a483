//! [`Origins`]: the origin servers that both arms may ask.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use httpsm::chunked::ChunkedReader;
use memchr::memmem;

use super::ask::replace;

/// Two origin servers, for both arms.
///
/// | in a case | what it does |
/// |---|---|
/// | `{origin}` | sends back what it gets, until the client ends its side |
/// | `{mirror}` | answers 200, with the request as the body: what the arm has asked is compared; for `/interim` it says `100 Continue` when a part of the body has come |
#[derive(Clone, Copy, Debug)]
pub struct Origins {
    echo: SocketAddr,
    mirror: SocketAddr,
}

impl Origins {
    /// Starts them; they live as long as the process.
    ///
    /// # Errors
    /// If there are no ports for them.
    pub fn start() -> io::Result<Origins> {
        Ok(Origins { echo: start(echo)?, mirror: start(mirror)? })
    }

    /// The port to which tunnels may lead.
    pub(super) fn tunnel_port(self) -> u16 {
        self.echo.port()
    }

    /// The bytes of a case, with the addresses in them.
    pub(super) fn fill_in(self, bytes: &[u8]) -> Vec<u8> {
        self.names().iter().fold(bytes.to_vec(), |bytes, (name, address)| {
            replace(&bytes, name.as_bytes(), address.as_bytes())
        })
    }

    /// What has come, with the names in place of the addresses.
    pub(super) fn mask(self, bytes: &[u8]) -> Vec<u8> {
        self.names().iter().fold(bytes.to_vec(), |bytes, (name, address)| {
            replace(&bytes, address.as_bytes(), name.as_bytes())
        })
    }

    fn names(self) -> [(&'static str, String); 2] {
        [("{origin}", self.echo.to_string()), ("{mirror}", self.mirror.to_string())]
    }
}

/// Has `serve` called for each connection to a port.
fn start(serve: fn(TcpStream) -> io::Result<()>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client may go away.
            thread::spawn(move || serve(stream).ok());
        }
    });
    Ok(address)
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut piece = vec![0; 1 << 16];
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            n => stream.write_all(&piece[..n])?,
        }
    }
}

/// Answers one request with its own bytes, once all of it has come.
fn mirror(mut stream: TcpStream) -> io::Result<()> {
    let (mut request, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    let mut may_go_on = false;
    loop {
        let n = stream.read(&mut piece)?;
        if n == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..n]);
        let Some(at) = memmem::find(&request, b"\r\n\r\n") else { continue };
        let (head, body) = request.split_at(at + 4);
        let head = head.to_ascii_lowercase();
        if is_complete(&head, body) {
            break;
        }
        let is_told = waits_to_go_on(&head) || (has(&head, b"/interim ") && !body.is_empty());
        if is_told && !std::mem::replace(&mut may_go_on, true) {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
    }
    let fields = "Content-Type: message/http\r\nConnection: close";
    let mut answer =
        format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {}\r\n\r\n", request.len())
            .into_bytes();
    if !request.starts_with(b"HEAD ") {
        answer.extend_from_slice(&request);
    }
    stream.write_all(&answer)
}

/// True if the arm sends no body before it is told to: then its client speaks 1.1, which
/// `Via` says. An arm that sends a body already is not told anything.
fn waits_to_go_on(head: &[u8]) -> bool {
    let expects = has(head, b"\r\nexpect: 100-continue\r\n");
    expects && (head.starts_with(b"put ") || head.starts_with(b"post ")) && has(head, b"http/1.1 t")
}

/// True if all of the body is there that the head, in lower case, says will come.
fn is_complete(head: &[u8], body: &[u8]) -> bool {
    if has(head, b"\r\ntransfer-encoding:") {
        let mut reader = ChunkedReader::new();
        reader.read(body, |_| {});
        return reader.is_over();
    }
    const LENGTH: &[u8] = b"\r\ncontent-length:";
    let at = memmem::find(head, LENGTH);
    let value = at.map_or(&b""[..], |at| head[at + LENGTH.len()..].trim_ascii_start());
    let digits = value.iter().take_while(|c| c.is_ascii_digit());
    let length = digits
        .fold(0_usize, |n, digit| n.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
    body.len() >= length
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    memmem::find(bytes, text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_shows_the_request_when_all_of_it_has_come() {
        let origins = Origins::start().unwrap();
        for (pieces, interim) in [
            (&["GET / HTTP/1.1\r\n", "Host: h\r\n\r\n"][..], ""),
            (&["PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe", "llo"], ""),
            (&["PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n0\r\n\r\n"], ""),
            (
                &[
                    "PUT / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\nVia: http/1.1 t\r\n\r\n",
                    "x",
                ],
                "HTTP/1.1 100 Continue\r\n\r\n",
            ),
            (
                &["PUT /interim HTTP/1.1\r\nContent-Length: 2\r\n\r\nx", "y"],
                "HTTP/1.1 100 Continue\r\n\r\n",
            ),
        ] {
            let mut stream = TcpStream::connect(origins.mirror).unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).unwrap();
                if piece.contains("Expect") || piece.contains("/interim") {
                    let mut came = vec![0; interim.len()];
                    stream.read_exact(&mut came).unwrap();
                    assert_eq!(came, interim.as_bytes());
                }
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            let body = answer.split_once("\r\n\r\n").unwrap().1;
            assert_eq!(body, pieces.concat());
        }
    }

    #[test]
    fn names_stand_for_addresses() {
        let origins = Origins::start().unwrap();
        let text = b"Host: {origin}, {mirror}";
        let filled = origins.fill_in(text);
        assert_ne!(filled, text);
        assert_eq!(origins.mask(&filled), text);
    }
}
