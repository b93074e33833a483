//! [`Asker`]: plays a case on a server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;
use socket2::SockRef;

use super::answer::{Answer, Finish};
use super::case::{Action, Case};
use super::origins::Origins;
use crate::pool;

/// How long a client pauses: what it has sent before has been read by then.
pub(super) const PAUSE: Duration = Duration::from_millis(60);

/// How long nothing must come behind an answer that is as long as expected.
const LINGER: Duration = Duration::from_millis(300);

/// How long to wait for expected bytes that do not come.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long nothing must come if there is no expected answer; longer than the
/// timeouts of the servers.
const UNSURE: Duration = Duration::from_secs(9);

/// The time between two checks whether the wait is over.
const TICK: Duration = Duration::from_millis(20);

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The server.
    pub server: SocketAddr,
    /// The origin servers that a case may name.
    pub origins: Origins,
}

impl Asker {
    /// Plays a case. `expected` is what an answer to it looks like, if one is
    /// known: it says how long to wait, and not what is right. A server that does
    /// not accept counts as closed.
    #[must_use]
    pub fn play(&self, case: &Case, expected: Option<&Answer>) -> Answer {
        let mut answer = Answer::new(b"", Finish::Closed);
        let last = case.connections.len() - 1;
        for (at, actions) in case.connections.iter().enumerate() {
            let Ok(stream) = TcpStream::connect(self.server) else {
                return Answer::new(b"", Finish::Closed);
            };
            if at == last {
                answer = self.converse(&stream, actions, expected);
            } else {
                self.act(&stream, actions);
            }
        }
        answer
    }

    fn converse(
        &self,
        stream: &TcpStream,
        actions: &[Action],
        expected: Option<&Answer>,
    ) -> Answer {
        thread::scope(|scope| {
            // What is sent may be more than the server takes before it answers.
            let writer = scope.spawn(|| self.act(stream, actions));
            let (bytes, finish) = listen(stream, expected, || writer.is_finished());
            // A server that does not read lets a writer wait.
            let _ = stream.shutdown(Shutdown::Both);
            Answer::new(&self.origins.mask(&bytes), finish)
        })
    }

    /// Does everything of a client except reading. Errors are ignored: the server may
    /// have closed long ago.
    fn act(&self, mut stream: &TcpStream, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Send(bytes) => {
                    let _ = stream.write_all(&self.origins.fill_in(bytes));
                }
                Action::Pause => thread::sleep(PAUSE),
                Action::HalfClose => {
                    let _ = stream.shutdown(Shutdown::Write);
                }
                Action::Close => {
                    let _ = stream.shutdown(Shutdown::Both);
                }
                // The connection's end will be a reset.
                Action::Reset => {
                    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
                }
            }
        }
    }
}

/// Reads until the server closes, or no more bytes are expected.
fn listen(
    mut stream: &TcpStream,
    expected: Option<&Answer>,
    all_is_sent: impl Fn() -> bool,
) -> (Vec<u8>, Finish) {
    let _ = stream.set_read_timeout(Some(TICK));
    let enough = expected.map(|answer| (answer.raw_len(), answer.finish));
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    let mut quiet_since = Instant::now();
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return (bytes, Finish::Closed),
            Ok(n) => {
                bytes.extend_from_slice(&piece[..n]);
                quiet_since = Instant::now();
                continue;
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                // A reset: it has closed without reading everything.
                _ => return (bytes, Finish::Closed),
            },
        }
        if !all_is_sent() && quiet_since.elapsed() < PATIENCE {
            continue;
        }
        let patience = match enough {
            None => UNSURE,
            Some((len, Finish::Open)) if bytes.len() >= len => LINGER,
            Some(_) => PATIENCE,
        };
        if quiet_since.elapsed() >= patience {
            return (bytes, Finish::Open);
        }
    }
}

pub(super) fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for at in memmem::find_iter(bytes, from) {
        out.extend_from_slice(&bytes[done..at]);
        out.extend_from_slice(to);
        done = at + from.len();
    }
    out.extend_from_slice(&bytes[done..]);
    out
}

/// Calls `play` for each case, `jobs` at a time, and returns the results in the
/// order of the cases.
pub fn play_all<T: Send>(cases: &[Case], jobs: usize, play: impl Fn(&Case) -> T + Sync) -> Vec<T> {
    let mut results = Vec::with_capacity(cases.len());
    let workers = vec![(); pool::size(NonZero::new(jobs.max(1)), cases.len())];
    let play = |(): &mut (), (at, case): (usize, &Case)| (at, play(case));
    pool::run(cases.iter().enumerate(), workers, play, |result| {
        results.push(result);
        ControlFlow::Continue(())
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}
