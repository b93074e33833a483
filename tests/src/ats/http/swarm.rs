//! [`Swarm`]: plays many clients at once, on one thread.
//!
//! Whether a connection stays open is asked here by silence that is longer than
//! every timeout of the servers, and such a silence costs nothing but time. A
//! thousand clients that wait at once make it cheap. Most random clients end with a
//! request to close the connection anyway, and wait for nothing.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use super::answer::{Answer, Finish};
use super::ask::PAUSE;
use super::case::{Action, Case};
use super::origins::Origins;
use super::servers::HttpServer;

/// How long nothing must come until a connection counts as open: longer than all
/// timeouts of the servers except that of kept connections.
const PATIENCE: Duration = Duration::from_secs(6);

/// An answer is read up to this length. Some have no end.
const MOST_BYTES: usize = 1 << 16;

/// The time between two checks for pauses that are over.
const TICK: Duration = Duration::from_millis(5);

/// Plays clients on one server.
#[derive(Clone, Copy, Debug)]
pub struct Swarm {
    /// How many clients there are at once.
    pub at_once: usize,
}

impl Swarm {
    /// Plays all `cases`; `done` is called behind each. An answer is cut behind
    /// 64 KiB, and then its connection counts as open.
    ///
    /// # Errors
    /// If the system cannot wait for sockets.
    pub fn play(
        self,
        server: &impl HttpServer,
        cases: &[Case],
        done: impl Fn(),
    ) -> io::Result<Vec<Answer>> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1024);
        let mut answers: Vec<Option<Answer>> = vec![None; cases.len()];
        let mut slots: Vec<Option<Talk<'_>>> = Vec::new();
        slots.resize_with(self.at_once.clamp(1, cases.len().max(1)), || None);
        let (mut next, mut left) = (0, cases.len());
        let mut piece = vec![0; 1 << 16];
        while left > 0 {
            let now = Instant::now();
            for (slot, talk) in slots.iter_mut().enumerate() {
                if talk.is_none() && next < cases.len() {
                    *talk = Some(Talk::new(&cases[next], next, server));
                    next += 1;
                }
                let Some(busy) = talk else { continue };
                if let Some(finish) = busy.go_on(&poll, Token(slot), now, &mut piece) {
                    let Talk { index, bytes, origins, .. } = busy;
                    let bytes = origins.mask(bytes);
                    answers[*index] = Some(Answer::new(&bytes, finish));
                    *talk = None;
                    left -= 1;
                    done();
                }
            }
            match poll.poll(&mut events, Some(TICK)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if let Some(Some(talk)) = slots.get_mut(event.token().0) {
                    talk.ready = true;
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

/// A client, and how far it is.
struct Talk<'a> {
    case: &'a Case,
    index: usize,
    server: std::net::SocketAddr,
    origins: Origins,
    /// Which of its connections, and which action is next there.
    connection: usize,
    action: usize,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    until: Option<Instant>,
    bytes: Vec<u8>,
    quiet_since: Instant,
    /// The socket has an event.
    ready: bool,
}

impl<'a> Talk<'a> {
    fn new(case: &'a Case, index: usize, server: &impl HttpServer) -> Talk<'a> {
        let asker = server.asker(case.setup);
        Talk {
            case,
            index,
            server: asker.server,
            origins: asker.origins,
            connection: 0,
            action: 0,
            stream: None,
            out: Vec::new(),
            until: None,
            bytes: Vec::new(),
            quiet_since: Instant::now(),
            ready: false,
        }
    }

    /// Does what can be done now; how it ended, if it did.
    fn go_on(
        &mut self,
        poll: &Poll,
        token: Token,
        now: Instant,
        piece: &mut [u8],
    ) -> Option<Finish> {
        loop {
            if self.stream.is_none() {
                // A server that does not accept counts as closed.
                let Ok(mut stream) = TcpStream::connect(self.server) else {
                    return Some(Finish::Closed);
                };
                let both = Interest::READABLE | Interest::WRITABLE;
                if poll.registry().register(&mut stream, token, both).is_err() {
                    return Some(Finish::Closed);
                }
                self.stream = Some(stream);
                self.ready = false;
                self.quiet_since = now;
            }
            let is_last = self.connection + 1 == self.case.connections.len();
            if is_last && std::mem::take(&mut self.ready) {
                let ended = self.read(now, piece);
                if ended.is_some() {
                    return ended;
                }
            }
            if !self.act(now) {
                break;
            }
            if is_last {
                let patience = self.quiet_since + PATIENCE;
                return (now >= patience).then_some(Finish::Open);
            }
            // What comes on the others is not compared.
            self.stream = None;
            (self.connection, self.action) = (self.connection + 1, 0);
        }
        // A server that does not take what is sent.
        (now >= self.quiet_since + 2 * PATIENCE).then_some(Finish::Open)
    }

    /// Sends and waits as the case says; true once there is nothing left to do.
    fn act(&mut self, now: Instant) -> bool {
        loop {
            if self.until.is_some_and(|until| now < until) {
                return false;
            }
            self.until = None;
            let Some(stream) = &mut self.stream else { return true };
            while !self.out.is_empty() {
                match stream.write(&self.out) {
                    Ok(n) => drop(self.out.drain(..n)),
                    Err(error) => match error.kind() {
                        // Also before the connection is there.
                        ErrorKind::WouldBlock | ErrorKind::NotConnected => return false,
                        ErrorKind::Interrupted => {}
                        // It may have closed long ago.
                        _ => self.out.clear(),
                    },
                }
            }
            let Some(action) = self.case.connections[self.connection].get(self.action) else {
                return true;
            };
            match action {
                Action::Send(bytes) => {
                    self.out = self.origins.fill_in(bytes);
                }
                Action::Pause => self.until = Some(now + PAUSE),
                // Not before there is a connection: then there would be none.
                _ if stream.peer_addr().is_err() && matches!(stream.take_error(), Ok(None)) => {
                    return false;
                }
                Action::HalfClose => drop(stream.shutdown(Shutdown::Write)),
                Action::Close => drop(stream.shutdown(Shutdown::Both)),
                Action::Reset => {
                    let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
                }
            }
            self.action += 1;
            self.quiet_since = now;
        }
    }

    fn read(&mut self, now: Instant, piece: &mut [u8]) -> Option<Finish> {
        let stream = self.stream.as_mut()?;
        loop {
            match stream.read(piece) {
                Ok(0) => return Some(Finish::Closed),
                Ok(n) => {
                    self.bytes.extend_from_slice(&piece[..n]);
                    self.quiet_since = now;
                    if self.bytes.len() >= MOST_BYTES {
                        self.bytes.truncate(MOST_BYTES);
                        return Some(Finish::Open);
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => return None,
                    ErrorKind::Interrupted => {}
                    // A reset: it has closed without reading everything.
                    _ => return Some(Finish::Closed),
                },
            }
        }
    }
}
