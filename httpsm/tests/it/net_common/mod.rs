//! A proxy between real sockets in virtual time: its one thread is the test's, and a
//! timeout of seconds takes as many milliseconds.
#![allow(dead_code)] // Each test file uses a part of it.

use std::cell::RefCell;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsys::hrtime::{SECOND, seconds};
use eventsys::{AdoptedThread, Clock, ContRef, EventProcessor};
use httpsm::{HttpConfig, HttpProxy, HttpSessionAccept, NetConnector, UrlRewrite};
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetProcessor};
use socket2::SockRef;

/// How long, in real time, a test may wait for something before it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// A proxy, and the origin server that everything leads to.
pub(crate) struct Stage {
    pub(crate) proxy: Arc<HttpProxy>,
    pub(crate) accept: Arc<NetAcceptAction>,
    pub(crate) net: Arc<NetProcessor>,
    pub(crate) thread: AdoptedThread,
    pub(crate) origin: Option<TcpListener>,
    /// Connections to it on which no request has come yet.
    pub(crate) waiting: RefCell<Vec<TcpStream>>,
    /// What it does with each connection on which a request's head has come.
    pub(crate) act: RefCell<Box<dyn FnMut(TcpStream)>>,
}

impl Stage {
    pub(crate) fn new(act: impl FnMut(TcpStream) + 'static) -> Stage {
        Stage::with(NetConfig::default(), act)
    }

    pub(crate) fn with(config: NetConfig, act: impl FnMut(TcpStream) + 'static) -> Stage {
        Stage::with_http(config, http_config(), act)
    }

    pub(crate) fn with_http(
        config: NetConfig,
        http: HttpConfig,
        act: impl FnMut(TcpStream) + 'static,
    ) -> Stage {
        let processor = EventProcessor::new(Clock::new_virtual());
        let net = NetProcessor::init(&processor, config);
        let thread = processor.adopt_current_thread("ET_NET");
        let origin = TcpListener::bind("127.0.0.1:0").unwrap();
        origin.set_nonblocking(true).unwrap();
        let rule = format!("/=http://{}/", origin.local_addr().unwrap());
        let rules = UrlRewrite::new(vec![rule.parse().unwrap()]);
        let proxy = HttpProxy::new(&processor, http, rules, NetConnector::new(&net));
        let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
        let sessions: ContRef = HttpSessionAccept::new(&proxy);
        let accept = net.accept(sessions, &options).unwrap();
        let act: RefCell<Box<dyn FnMut(TcpStream)>> = RefCell::new(Box::new(act));
        let (origin, waiting) = (Some(origin), RefCell::default());
        Stage { proxy, accept, net, thread, origin, waiting, act }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.accept.local_addr().unwrap()
    }

    pub(crate) fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.address()).unwrap();
        client.set_nonblocking(true).unwrap();
        client
    }

    /// One pass of the proxy, and whatever the origin server has to do.
    pub(crate) fn pass(&self) {
        self.thread.run_pass();
        let mut waiting = self.waiting.borrow_mut();
        if let Some(Ok((stream, _))) = self.origin.as_ref().map(TcpListener::accept) {
            stream.set_nonblocking(true).unwrap();
            waiting.push(stream);
        }
        for stream in std::mem::take(&mut *waiting) {
            match has_head(&stream) {
                Some(true) => {
                    stream.set_nonblocking(false).unwrap();
                    (self.act.borrow_mut())(stream);
                }
                Some(false) => waiting.push(stream),
                None => {}
            }
        }
    }

    #[track_caller]
    pub(crate) fn run_until(&self, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < PATIENCE, "nothing happens any more: {}", self.left());
            self.pass();
        }
    }

    /// What the client gets, up to the end of the stream or to `enough` bytes.
    #[track_caller]
    pub(crate) fn receive(&self, client: &mut TcpStream, enough: usize) -> String {
        let mut all = Vec::new();
        self.run_until(|| {
            let mut piece = [0; 4096];
            match client.read(&mut piece) {
                Ok(0) => return true,
                Ok(n) => all.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
                Err(error) => panic!("{error}"),
            }
            all.len() >= enough
        });
        String::from_utf8(all).unwrap()
    }

    pub(crate) fn left(&self) -> String {
        let stats = self.net.stats();
        let (open, vcs) = (stats.connections_currently_open(), stats.vcs_in_memory());
        format!("{:?}, {open} open, {vcs} in memory", self.proxy.census())
    }

    /// The clients and the origin server's connections have gone: so has all else.
    #[track_caller]
    pub(crate) fn expect_nothing_left(&self) {
        self.run_until(|| {
            self.proxy.pool().purge();
            let census = self.proxy.census();
            let stats = self.net.stats();
            (census.sessions, census.transactions, census.server_sessions) == (0, 0, 0)
                && stats.connections_currently_open() == 0
                && stats.vcs_in_memory() == 0
        });
    }
}

/// Seconds of virtual time from `start` to now, to the nearest.
pub(crate) fn seconds_since(stage: &Stage, start: i64) -> i64 {
    (now(stage) - start + SECOND / 2) / SECOND
}

pub(crate) fn now(stage: &Stage) -> i64 {
    stage.proxy.processor().clock().get_hrtime_updated()
}

pub(crate) fn http_config() -> HttpConfig {
    HttpConfig {
        transaction_no_activity_timeout_in: seconds(4),
        transaction_no_activity_timeout_out: seconds(10),
        connect_attempts_timeout: seconds(10),
        connect_attempts_max_retries: 1,
        ..HttpConfig::default()
    }
}

pub(crate) fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Whether a request's head has come; `None` if none will.
pub(crate) fn has_head(stream: &TcpStream) -> Option<bool> {
    let mut bytes = [0; 4096];
    match stream.peek(&mut bytes) {
        Ok(0) => None,
        Ok(n) => Some(bytes[..n].windows(4).any(|end| end == b"\r\n\r\n")),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Some(false),
        Err(_) => None,
    }
}

/// Reads a request's head.
pub(crate) fn head(stream: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}
