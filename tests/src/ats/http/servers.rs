//! The servers: real ones, and the port.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use eventsys::hrtime;
use httpsm::hdr::HdrLimits;
use httpsm::plugins::Plugin;
use httpsm::{HttpConfig, HttpProxy, ServerOptions};

use super::ask::Asker;
use super::case::Setup;
use super::origins::Origins;
use crate::ats::live::server::{Process, Settings};
use crate::ats::live::{LiveError, Server};

/// The timeouts of both servers, in seconds. They are short, so that a test can wait
/// for them, and different, so that it is known which comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Of a client, before its first byte and behind it.
    pub client: i64,
    /// Of an origin server.
    pub origin: i64,
    /// Of a connection that is kept for the next request.
    pub keep_alive: i64,
}

impl Timeouts {
    /// A kept connection outlasts every case.
    pub const OF_CASES: Timeouts = Timeouts { client: 3, origin: 5, keep_alive: 120 };

    /// Every connection ends soon. Both servers look for timeouts once a second.
    pub const OF_RANDOM_CLIENTS: Timeouts = Timeouts { client: 1, origin: 3, keep_alive: 1 };
}

/// The most that a request's body may have.
const MAX_POST_SIZE: i64 = 50_000_000;

/// The limits of [`Setup::Narrow`], in bytes: a request line,
const LINE_MAX: u16 = 1000;

/// a field,
const FIELD_MAX: u16 = 2000;

/// a head.
const HEAD_MAX: u16 = 5000;

/// How long a real server may take to come up.
const START: Duration = Duration::from_secs(60);

/// The servers of an arm: one for each [`Setup`].
pub trait HttpServer {
    /// A client of the server for `setup`.
    fn asker(&self, setup: Setup) -> Asker;
}

/// Real servers.
#[derive(Debug)]
pub struct RealServers {
    server: Server,
    timeouts: Timeouts,
    origins: Origins,
    running: Mutex<Vec<Running>>,
}

#[derive(Debug)]
struct Running {
    setup: Setup,
    address: SocketAddr,
    process: Process,
}

impl RealServers {
    /// Starts them, and waits until they answer.
    ///
    /// # Errors
    /// If one does not come up.
    pub fn start(
        server: &Server,
        origins: Origins,
        timeouts: Timeouts,
    ) -> Result<RealServers, LiveError> {
        let running = Mutex::new(Vec::new());
        let servers = RealServers { server: server.clone(), timeouts, origins, running };
        servers.start_each(&Setup::ALL)?;
        Ok(servers)
    }

    /// Starts the servers anew that have died; returns which.
    ///
    /// # Errors
    /// If one does not come up.
    pub fn revive(&self) -> Result<Vec<Setup>, LiveError> {
        let mut dead = Vec::new();
        self.running().retain_mut(|running| {
            let lives = matches!(running.process.child.try_wait(), Ok(None));
            if !lives {
                dead.push(running.setup);
            }
            lives
        });
        self.start_each(&dead)?;
        Ok(dead)
    }

    fn start_each(&self, setups: &[Setup]) -> Result<(), LiveError> {
        let mut started = Vec::new();
        for &setup in setups {
            let settings = settings(setup, self.origins, self.timeouts);
            let (process, address) = self.server.start_http(1, &settings)?;
            started.push(Running { setup, address, process });
        }
        for running in &started {
            wait_for(running.address).map_err(|last| LiveError::Server {
                release: self.server.release(),
                what: "does not answer".to_owned(),
                last,
            })?;
        }
        self.running().extend(started);
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpServer for RealServers {
    fn asker(&self, setup: Setup) -> Asker {
        let running = self.running();
        let found = running.iter().find(|running| running.setup == setup);
        let server = found.expect("one for each").address;
        Asker { server, origins: self.origins }
    }
}

fn settings(setup: Setup, origins: Origins, timeouts: Timeouts) -> Settings {
    let Timeouts { client, origin: out, keep_alive } = timeouts;
    let (remap, required) = match setup {
        Setup::Generator => ("map / http://127.0.0.1/ @plugin=generator.so\n", 1),
        Setup::Forward | Setup::Narrow => ("", 0),
    };
    let http = "CONFIG proxy.config.http";
    // Without `defer_accept` a client that sends nothing is accepted and timed out, as by
    // the port; with it the system keeps such a client to itself.
    let records = format!(
        "{http}.transaction_no_activity_timeout_in INT {client}\n\
         {http}.transaction_no_activity_timeout_out INT {out}\n\
         {http}.accept_no_activity_timeout INT {client}\n\
         {http}.keep_alive_no_activity_timeout_in INT {keep_alive}\n\
         {http}.max_post_size INT {MAX_POST_SIZE}\n\
         {http}.connect_ports STRING 443 {}\n\
         CONFIG proxy.config.net.defer_accept INT 0\n\
         CONFIG proxy.config.url_remap.remap_required INT {required}\n",
        origins.tunnel_port()
    );
    let limits = format!(
        "{http}.request_line_max_size INT {LINE_MAX}\n\
         {http}.header_field_max_size INT {FIELD_MAX}\n\
         {http}.request_header_max_size INT {HEAD_MAX}\n"
    );
    let records = if setup == Setup::Narrow { records + &limits } else { records };
    Settings { records, remap: remap.to_owned(), ..Settings::default() }
}

/// Waits until a server with a generator answers; if it does not, says why.
pub(crate) fn wait_for(address: SocketAddr) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let answer = TcpStream::connect(address).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /nocache/1/ready HTTP/1.0\r\n\r\n")?;
            stream.read(&mut [0; 512])
        });
        match answer {
            Ok(1..) => return Ok(()),
            Ok(0) if began.elapsed() > START => return Err("the connection ends".to_owned()),
            Err(error) if began.elapsed() > START => return Err(error.to_string()),
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// The port, in this process.
pub struct PortServers {
    servers: Vec<(Setup, httpsm::Server)>,
    origins: Origins,
}

impl PortServers {
    /// Starts them.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub fn start(origins: Origins, timeouts: Timeouts) -> io::Result<PortServers> {
        PortServers::start_on(origins, |setup| {
            httpsm::Server::start(options(setup, origins, timeouts))
        })
    }

    /// As [`PortServers::start`], with another generator: `prepare` gets the proxy of
    /// [`Setup::Generator`] before it listens, and gives it what answers.
    ///
    /// # Errors
    /// Also the error of `prepare`.
    pub fn start_with(
        origins: Origins,
        timeouts: Timeouts,
        prepare: impl Fn(&Arc<HttpProxy>) -> io::Result<()>,
    ) -> io::Result<PortServers> {
        PortServers::start_on(origins, |setup| {
            let options = options(setup, origins, timeouts);
            match setup {
                Setup::Generator => {
                    let options = ServerOptions { plugins: Vec::new(), ..options };
                    httpsm::Server::start_with(options, &prepare)
                }
                Setup::Forward | Setup::Narrow => httpsm::Server::start(options),
            }
        })
    }

    fn start_on(
        origins: Origins,
        start: impl Fn(Setup) -> io::Result<httpsm::Server>,
    ) -> io::Result<PortServers> {
        let start = |setup| Ok((setup, start(setup)?));
        let servers = Setup::ALL.into_iter().map(start).collect::<io::Result<_>>()?;
        Ok(PortServers { servers, origins })
    }
}

impl HttpServer for PortServers {
    fn asker(&self, setup: Setup) -> Asker {
        let found = self.servers.iter().find(|(of, _)| *of == setup);
        let (_, port) = found.expect("one for each");
        Asker { server: port.address(), origins: self.origins }
    }
}

fn options(setup: Setup, origins: Origins, timeouts: Timeouts) -> ServerOptions {
    let config = HttpConfig {
        transaction_no_activity_timeout_in: hrtime::seconds(timeouts.client),
        transaction_no_activity_timeout_out: hrtime::seconds(timeouts.origin),
        accept_no_activity_timeout: hrtime::seconds(timeouts.client),
        keep_alive_no_activity_timeout_in: hrtime::seconds(timeouts.keep_alive),
        max_post_size: MAX_POST_SIZE,
        connect_ports: vec![443, origins.tunnel_port()],
        url_remap_required: setup == Setup::Generator,
        ..HttpConfig::default()
    };
    let http = if setup == Setup::Narrow { narrow(config) } else { config };
    let plugins = match setup {
        Setup::Generator => vec![Plugin::Generator],
        Setup::Forward | Setup::Narrow => Vec::new(),
    };
    ServerOptions { plugins, http, ..ServerOptions::default() }
}

fn narrow(config: HttpConfig) -> HttpConfig {
    HttpConfig {
        limits: HdrLimits {
            request_line_max_size: usize::from(LINE_MAX),
            header_field_max_size: usize::from(FIELD_MAX),
        },
        request_hdr_max_size: i64::from(HEAD_MAX),
        ..config
    }
}
