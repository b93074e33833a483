//! A proxy between real sockets in virtual time: its one thread is the test's, and a
//! timeout of seconds takes as many milliseconds.
#![allow(dead_code)] // Each test file uses a part of it.

use std::cell::RefCell;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::Arc;

use eventsys::Clock;
use eventsys::hrtime::{SECOND, seconds};
use httpsm::{
    HttpCensus, HttpConfig, HttpProxy, NetConnector, ProtocolProbeSessionAccept, UrlRewrite,
};
use iocore::net::NetConfig;
use testkit::net::{NetLab, read_some};

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// A proxy, and the origin server that gets all requests.
pub(crate) struct Stage {
    pub(crate) proxy: Arc<HttpProxy>,
    lab: NetLab,
    address: SocketAddr,
    pub(crate) origin: Option<TcpListener>,
    /// Connections to it on which no request has come yet.
    pub(crate) waiting: RefCell<Vec<TcpStream>>,
    /// Its answer on each connection on which a request's head has come.
    pub(crate) act: RefCell<Box<dyn FnMut(TcpStream)>>,
}

impl Deref for Stage {
    type Target = NetLab;

    fn deref(&self) -> &NetLab {
        &self.lab
    }
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
        let lab = NetLab::with(Clock::new_virtual(), config);
        let origin = TcpListener::bind("127.0.0.1:0").unwrap();
        origin.set_nonblocking(true).unwrap();
        let rule = format!("/=http://{}/", origin.local_addr().unwrap());
        let rules = UrlRewrite::new(vec![rule.parse().unwrap()]);
        let proxy = HttpProxy::new(&lab.processor, http, rules, NetConnector::new(&lab.net));
        let (_, address) = lab.accept(ProtocolProbeSessionAccept::new(&proxy));
        let act: RefCell<Box<dyn FnMut(TcpStream)>> = RefCell::new(Box::new(act));
        let (origin, waiting) = (Some(origin), RefCell::default());
        Stage { proxy, lab, address, origin, waiting, act }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn client(&self) -> TcpStream {
        let client = NetLab::client(self.address);
        client.set_nonblocking(true).unwrap();
        client
    }

    /// One pass of the proxy, and one step of the origin server.
    pub(crate) fn pass(&self) {
        self.thread.run_pass();
        self.serve();
    }

    /// One step of the origin server.
    fn serve(&self) {
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
        let mut first = true;
        self.lab.run_until(|| {
            if !std::mem::take(&mut first) {
                self.serve();
            }
            done()
        });
    }

    /// The bytes that the client gets, up to the end of the stream or to
    /// `enough` bytes.
    #[track_caller]
    pub(crate) fn receive(&self, client: &mut TcpStream, enough: usize) -> String {
        let mut all = Vec::new();
        self.run_until(|| read_some(client, &mut all) || all.len() >= enough);
        String::from_utf8(all).unwrap()
    }

    /// The clients and the origin server's connections have gone; asserts that
    /// nothing else is left.
    #[track_caller]
    pub(crate) fn expect_nothing_left(&self) {
        self.run_until(|| {
            self.proxy.pool().purge();
            self.proxy.census() == HttpCensus::default() && self.has_no_connections()
        });
    }
}

/// Seconds of virtual time from `start` to now, to the nearest.
pub(crate) fn seconds_since(stage: &Stage, start: i64) -> i64 {
    (stage.now() - start + SECOND / 2) / SECOND
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
