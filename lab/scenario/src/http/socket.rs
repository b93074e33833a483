//! [`Socket`]: a client or an origin server on a socket of its own, outside the proxy.
//!
//! Everything it does, it does between two passes of the net threads.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::model::When;
use super::op::{Deed, Move};
use super::stage::{Line, Stage, Who};

/// What is sent of a body at once.
static X: [u8; 1 << 16] = [b'x'; 1 << 16];

/// The most that is read in a pass.
const MOST_OF_A_PASS: usize = 1 << 20;

/// A connection.
pub(super) struct Socket {
    line: Line,
    stream: Option<TcpStream>,
    moves: VecDeque<Deed>,
    reads: bool,
    has_ended: bool,
    /// What one call reads. A socket is asked in each pass, and most passes bring nothing.
    piece: Box<[u8]>,
}

impl Socket {
    /// A connection that has just been made.
    pub(super) fn new(stage: &Stage, name: String, who: Who, stream: TcpStream) -> Socket {
        // An error shows in the first read.
        let _ = stream.set_nonblocking(true);
        let _ = stream.set_nodelay(true);
        let line = Line::new(stage, name, who);
        let moves = stage.moves(who, When::Start).unwrap_or_default().into();
        let piece = vec![0; 1 << 16].into();
        Socket { line, stream: Some(stream), moves, reads: true, has_ended: false, piece }
    }

    /// True when nothing can happen on it any more.
    pub(super) fn is_over(&self) -> bool {
        self.stream.is_none()
    }

    /// Whose it is.
    pub(super) fn who(&self) -> Who {
        self.line.who
    }

    /// This moment has come for it.
    pub(super) fn react(&mut self, stage: &Stage, when: When) {
        if self.stream.is_some() {
            let moves = self.line.at(stage, when);
            self.add(moves);
        }
    }

    fn add(&mut self, moves: Vec<Deed>) {
        self.moves.extend(moves);
    }

    /// The connection, while it is open.
    pub(super) fn stream(&self) -> Option<&TcpStream> {
        self.stream.as_ref()
    }

    /// Does what is due and what can be done now. `brings`: there was something to read before.
    pub(super) fn pass(&mut self, stage: &Stage, brings: bool) {
        let due = self.line.due(stage);
        self.add(due);
        // What it sends may be answered by a reset, at once.
        let acts = !self.moves.is_empty();
        self.perform(stage);
        if brings || acts {
            self.read(stage);
            self.perform(stage);
        }
    }

    fn perform(&mut self, stage: &Stage) {
        while let (Some(stream), Some(deed)) = (&self.stream, self.moves.front_mut()) {
            stage.record_op(&self.line.name, deed.begins.take());
            let is_done = match &mut deed.step {
                Move::Send(bytes) => {
                    let sent = send(stream, bytes);
                    bytes.drain(..sent);
                    bytes.is_empty()
                }
                Move::Fill(n) => {
                    let most = usize::try_from(*n).unwrap_or(0).min(X.len());
                    *n -= i64::try_from(send(stream, &X[..most])).unwrap_or(0);
                    *n == 0
                }
                Move::End => {
                    let _ = stream.shutdown(Shutdown::Write);
                    true
                }
                Move::Finish | Move::Close => {
                    self.stream = None;
                    true
                }
                Move::Reset => {
                    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
                    self.stream = None;
                    true
                }
                Move::Read(on) => {
                    self.reads = *on;
                    true
                }
            };
            if !is_done {
                return;
            }
            stage.note_activity();
            self.moves.pop_front();
        }
    }

    fn read(&mut self, stage: &Stage) {
        let mut left = if self.reads && !self.has_ended { MOST_OF_A_PASS } else { 0 };
        while let (Some(stream), 1..) = (&mut self.stream, left) {
            match stream.read(&mut self.piece) {
                Ok(n) if n > 0 => {
                    left -= n.min(left);
                    let moves = self.line.received(stage, &self.piece[..n]);
                    self.add(moves);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The end of the stream, or a reset. What a proxy does is told as before: the two
                // depend on the moment there.
                other => {
                    self.has_ended = true;
                    let is_reset = other.is_err() && stage.scenario.netvc.is_some();
                    stage.note(&self.line.name, if is_reset { "reset" } else { "closed" });
                    match stage.moves(self.line.who, When::End) {
                        Some(moves) => self.add(moves),
                        None => self.stream = None,
                    }
                    return;
                }
            }
        }
    }
}

/// Sends what the socket takes. All counts as sent if the other side takes nothing any more.
fn send(mut stream: &TcpStream, bytes: &[u8]) -> usize {
    match stream.write(bytes) {
        Ok(n) => n,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(_) => bytes.len(),
    }
}
