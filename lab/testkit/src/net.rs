//! Real sockets: a net thread that the test runs pass by pass.
//!
//! The kernel keeps the other ends, so a test cannot say in how many passes something
//! comes: it runs *until* it has come ([`NetLab::run_until`]). Timeouts may still be
//! exact, on a virtual clock: it stands still while the thread works and polls.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsys::{Clock, ContRef, EventProcessor, HrTime, hrtime};
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetProcessor};
use socket2::SockRef;

use crate::lab::Lab;

/// How long, in real time, a test waits before it counts as hanging. A correct program never waits
/// so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A [`Lab`] whose thread is a net thread too.
///
/// ```
/// use std::io::Write;
/// use testkit::net::NetLab;
/// use testkit::prelude::*;
///
/// let lab = NetLab::new();
/// let p = lab.agent("P");
/// p.on(ACCEPT, |me| me.read(5));
/// p.on(READ_COMPLETE, |me| { me.take(); me.close(); });
/// let (listening, address) = lab.accept(p.cont());
/// let mut client = NetLab::client(address);
/// client.write_all(b"hello").unwrap();
/// lab.run_until(|| p.received() == b"hello");
/// listening.cancel();
/// lab.run_until(|| lab.has_no_connections());
/// lab.expect(
///     "N net_accept
///      P got: NET_EVENT_ACCEPT
///      N net_do_io_read 5
///      N net_read 5
///      N net_signal_read 102
///      P read: READ_COMPLETE 5/5
///      N net_do_io_close
///      N net_free",
/// );
/// ```
pub struct NetLab {
    lab: Lab,
    /// The net processor.
    pub net: Arc<NetProcessor>,
}

impl Default for NetLab {
    fn default() -> NetLab {
        NetLab::new()
    }
}

impl Deref for NetLab {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl NetLab {
    /// A laboratory in real time.
    ///
    /// # Panics
    /// As [`Lab::new`]; so do the other three.
    #[must_use]
    pub fn new() -> NetLab {
        NetLab::with(Clock::new_real(), NetConfig::default())
    }

    /// A laboratory in virtual time: a timeout of seconds takes as many milliseconds.
    #[must_use]
    pub fn in_virtual_time() -> NetLab {
        NetLab::with(Clock::new_virtual(), NetConfig::default())
    }

    /// A laboratory on this clock, with this configuration of connections.
    #[must_use]
    pub fn with(clock: Arc<Clock>, config: NetConfig) -> NetLab {
        // Before the thread: it gets its net handler when it is adopted.
        let (lab, net) = Lab::prepared(clock, |processor| NetProcessor::init(processor, config));
        NetLab { lab, net }
    }

    /// A laboratory on a processor that the test has made; see [`Lab::of`].
    #[must_use]
    pub fn of(processor: Arc<EventProcessor>, config: NetConfig) -> NetLab {
        let net = NetProcessor::init(&processor, config);
        NetLab { lab: Lab::of(processor), net }
    }

    /// Listens on a free port of the loopback address; `acceptor` gets the connections.
    ///
    /// # Panics
    /// If the loopback address cannot be listened on.
    pub fn accept(&self, acceptor: ContRef) -> (Arc<NetAcceptAction>, SocketAddr) {
        let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
        let action = self.net.accept(acceptor, &options).expect("the loopback can be listened on");
        let address = action.local_addr().expect("a socket that listens has an address");
        (action, address)
    }

    /// A plain socket that is connected to `address`. Its reads fail after [`PATIENCE`].
    ///
    /// # Panics
    /// If nothing listens there.
    #[must_use]
    pub fn client(address: SocketAddr) -> TcpStream {
        let client = TcpStream::connect(address).expect("something listens there");
        client.set_read_timeout(Some(PATIENCE)).expect("above zero");
        client
    }

    /// Runs passes until `done` is true.
    ///
    /// # Panics
    /// If `done` is not true within [`PATIENCE`].
    #[track_caller]
    pub fn run_until(&self, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < PATIENCE, "nothing happens any more");
            self.thread.run_pass();
        }
    }

    /// True if no connection is open or in memory.
    #[must_use]
    pub fn has_no_connections(&self) -> bool {
        let stats = self.net.stats();
        (stats.connections_currently_open(), stats.vcs_in_memory()) == (0, 0)
    }

    /// Reads the clock and returns its time (ns).
    #[must_use]
    pub fn now(&self) -> HrTime {
        self.processor.clock().get_hrtime_updated()
    }

    /// Whole seconds of the laboratory's clock since `start` (ns).
    #[must_use]
    pub fn seconds_since(&self, start: HrTime) -> i64 {
        (self.now() - start) / hrtime::seconds(1)
    }
}

/// Has the stream end with a reset when it is dropped, in place of an orderly end.
///
/// # Panics
/// If the system refuses.
pub fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("an open socket");
}

/// Reads everything up to the end of the stream.
///
/// # Errors
/// As [`Read::read_to_end`]: if the other end resets, or sends nothing for too long.
pub fn read_all(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Adds what has come to `bytes`, without waiting; true at the end of the stream, which
/// may be a reset. For a stream that does not block.
///
/// # Panics
/// If the stream fails in another way.
pub fn read_some(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    let mut piece = [0; 4096];
    match stream.read(&mut piece) {
        Ok(0) => return true,
        Ok(n) => bytes.extend_from_slice(&piece[..n]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
        Err(error) => panic!("{error}"),
    }
    false
}
