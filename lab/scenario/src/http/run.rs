//! Performs an HTTP scenario on the port.
//!
//! One net thread does everything, or two take turns; a thread of the pool `ET_TASK` makes a pass
//! when it has something to do. A pass takes a millisecond of virtual time, whatever it does. The
//! sockets are real ones of the loopback address, and their other ends are in this process: between
//! two passes the clients and the origin server do what they have to do. So a timeout of seconds
//! takes milliseconds, and no run waits for a kernel.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use eventsys::{Clock, EventProcessor, Options, hrtime, panics};
use httpsm::{
    HttpConfig, HttpEvents, HttpProxy, NetConnector, ProtocolProbeSessionAccept, UrlRewrite,
    ts_http_connect_with_plugin_id,
};
use iocore::NetVCOptions;
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetProcessor, NetVcRelease};
use pluginvc::Epoch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::hooks::install;
use super::model::{ClientBy, HttpScenario, HttpSettings, OriginBy};
use super::netvc;
use super::record::HttpRecorded;
use super::seen::{HttpFinish, HttpReport};
use super::socket::Socket;
use super::stage::{Stage, Threads, Who};
use super::user::User;
use crate::release::of_release;
use crate::run::PASS;
use crate::second::SecondThread;

/// How many passes are made after what was open has been closed.
pub(super) const PASSES_AFTER_CLOSE: usize = 100;

/// The origin server's port in the rule of a scenario whose origin refuses: nothing listens there.
pub const CLOSED_PORT: u16 = 1;

/// Performs `scenario` on the port.
///
/// # Panics
/// If no socket can listen at the loopback address.
#[must_use]
pub fn run_http_scenario(scenario: &HttpScenario) -> HttpReport {
    record_http_scenario(scenario).report
}

/// The same, with all that happened, in order.
///
/// # Panics
/// As [`run_http_scenario`].
#[must_use]
pub fn record_http_scenario(scenario: &HttpScenario) -> HttpRecorded {
    record_http_scenario_of(scenario, NetVcRelease::default())
}

/// The same with the NetVCs of this release. The HTTP state machine is that of 9.2.9 in any case.
///
/// # Panics
/// As [`run_http_scenario`].
#[must_use]
pub fn record_http_scenario_of(scenario: &HttpScenario, release: NetVcRelease) -> HttpRecorded {
    match scenario.netvc {
        Some(_) => netvc::run(scenario, release).0,
        None => run(scenario).0,
    }
}

/// What happened, and what is left of the stage: nothing, unless something leaks.
fn run(scenario: &HttpScenario) -> (HttpRecorded, Weak<Stage>) {
    let options = of_release(Epoch::D, Options::default());
    let processor = EventProcessor::with_options(Clock::new_ticking(PASS), options);
    // Before the threads: each gets its net handler when it is adopted.
    let net = NetProcessor::init(&processor, NetConfig::default());
    let thread = processor.adopt_current_thread("ET_NET");
    let second = (scenario.settings.threads == 2).then(|| SecondThread::new(&processor));
    let task = SecondThread::of(&processor, "ET_TASK");
    let stage = Stage::new(scenario, &processor);
    let nets = [Some(thread.thread()), second.as_ref().map(SecondThread::thread)];
    let nets = nets.into_iter().flatten().map(Arc::clone).collect();
    let _ = stage.threads.set(Threads { net: nets, task: Arc::clone(task.thread()) });
    let mut play = Play::new(&stage, &net);
    let pass = || {
        thread.run_pass();
        second.iter().for_each(SecondThread::run_pass);
    };
    let run = || catch_unwind(AssertUnwindSafe(|| play.run(&pass, &task)));
    let finish = panics::quietly(run)
        .unwrap_or_else(|payload| HttpFinish::Crashed(panics::text_of(&*payload)));
    let has_crashed = matches!(finish, HttpFinish::Crashed(_));
    let mut recorded = stage.end(finish);
    recorded.mask_origin(play.port);
    if !has_crashed {
        // What is left is no part of the report; a panic here would be a fault of the port.
        play.tidy(&pass, &task);
    }
    play.proxy.hooks().clear();
    stage.let_go();
    (recorded, Arc::downgrade(&stage))
}

/// What takes part in a run.
struct Play {
    stage: Arc<Stage>,
    proxy: Arc<HttpProxy>,
    accept: Arc<NetAcceptAction>,
    origin: Option<TcpListener>,
    port: u16,
    sockets: Vec<Socket>,
}

impl Play {
    fn new(stage: &Arc<Stage>, net: &Arc<NetProcessor>) -> Play {
        let scenario = &stage.scenario;
        let origin = (scenario.origin.by != OriginBy::Refuses).then(listen_as_origin);
        let port = origin.as_ref().and_then(|origin| origin.local_addr().ok());
        let port = port.map_or(CLOSED_PORT, |address| address.port());
        let rule = format!("/=http://127.0.0.1:{port}/").parse().expect("a rule");
        let rules = UrlRewrite::new(vec![rule]);
        let connector = NetConnector::new(net);
        let proxy = HttpProxy::new(&stage.processor, config(&scenario.settings), rules, connector);
        install(stage, &proxy);
        // As the server does by default. Without it the system may hold the last bytes back.
        let sockopt_flags = NetVCOptions::SOCK_OPT_NO_DELAY;
        let options =
            AcceptOptions { localhost_only: true, sockopt_flags, ..AcceptOptions::default() };
        let accept = net.accept(ProtocolProbeSessionAccept::new(&proxy), &options);
        let accept = accept.unwrap_or_else(|error| panic!("the loopback: {error}"));
        Play { stage: Arc::clone(stage), proxy, accept, origin, port, sockets: Vec::new() }
    }

    fn run(&mut self, pass: &dyn Fn(), task: &SecondThread) -> HttpFinish {
        // The threads begin to listen.
        pass();
        pass();
        for number in 0..self.stage.scenario.clients.len() {
            self.connect(number);
        }
        loop {
            self.between_passes(task);
            pass();
            if let Some(finish) = self.stage.finish(|| self.is_over()) {
                return finish;
            }
        }
    }

    fn connect(&mut self, number: usize) {
        let (name, who) = (self.stage.client_name(number), Who::Client(number));
        match self.stage.scenario.clients[number].by {
            ClientBy::Tcp => {
                let address = self.accept.local_addr().expect("a socket that listens");
                if let Ok(stream) = TcpStream::connect(address) {
                    self.sockets.push(Socket::new(&self.stage, name, who, stream));
                }
            }
            ClientBy::Plugin => {
                let address = "127.0.0.1:4000".parse().expect("an address");
                let vc = ts_http_connect_with_plugin_id(&self.proxy, address, "atslab", 1);
                User::new(&self.stage, who).begin(name, vc);
            }
        }
    }

    /// All that happens outside the net threads.
    fn between_passes(&mut self, task: &SecondThread) {
        let stage = Arc::clone(&self.stage);
        loop {
            let jobs = std::mem::take(&mut stage.shared().foreign);
            let has_jobs = !jobs.is_empty();
            jobs.into_iter().for_each(from_outside);
            let has_tasks = std::mem::take(&mut stage.shared().has_tasks);
            if has_tasks {
                task.run_pass();
            }
            if !has_jobs && !has_tasks {
                break;
            }
        }
        peers_pass(&stage, &mut self.sockets, self.origin.as_ref());
    }

    /// True when nothing can happen any more.
    fn is_over(&self) -> bool {
        let (users, quiet) = {
            let shared = self.stage.shared();
            let over = shared.txns.values().all(|txn| txn.is_closed && txn.held.is_none());
            (shared.users.clone(), over && shared.pending == 0 && shared.open_sessions == 0)
        };
        let is_client = |who: Who| who != Who::Origin;
        quiet
            && self.sockets.iter().all(|socket| socket.is_over() || !is_client(socket.who()))
            && users.iter().all(|user| user.is_over() || !is_client(user.who()))
    }

    /// Closes what is open and gives back what is held, so that nothing is left.
    fn tidy(&mut self, pass: &dyn Fn(), task: &SecondThread) {
        self.sockets.clear();
        self.origin = None;
        let (users, held) = {
            let mut shared = self.stage.shared();
            let held: Vec<_> = shared.txns.values_mut().filter_map(|txn| txn.held.take()).collect();
            (shared.users.clone(), held)
        };
        users.iter().for_each(|user| user.close());
        for txn in held.into_iter().filter(|txn| !txn.is_over()) {
            txn.reenable(eventsys::EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        for _ in 0..PASSES_AFTER_CLOSE {
            pass();
        }
        task.run_pass();
        self.accept.cancel();
        pass();
    }
}

/// What clients and the origin server do between two passes, sockets and plugins.
pub(super) fn peers_pass(
    stage: &Arc<Stage>,
    sockets: &mut Vec<Socket>,
    origin: Option<&TcpListener>,
) {
    let users = stage.shared().users.clone();
    let moments = std::mem::take(&mut stage.shared().moments);
    for when in moments {
        sockets.iter_mut().for_each(|socket| socket.react(stage, when));
        users.iter().for_each(|user| user.react(when));
    }
    users.iter().for_each(|user| user.pass());
    let (mut brings, origin) = ready(sockets, origin);
    while let Some(Ok((stream, _))) = origin.map(TcpListener::accept) {
        let name = stage.next_origin_name();
        sockets.push(Socket::new(stage, name, Who::Origin, stream));
        brings.push(true);
    }
    for (socket, brings) in sockets.iter_mut().zip(brings) {
        socket.pass(stage, brings);
    }
}

/// For which of these sockets there is something, and the listener if there is something for it.
///
/// Most passes bring nothing. The system says so in one call, which costs much less than a `read` of
/// each socket and an `accept`: for that it makes a socket before it looks.
fn ready<'a>(
    sockets: &[Socket],
    origin: Option<&'a TcpListener>,
) -> (Vec<bool>, Option<&'a TcpListener>) {
    let ask = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
    let streams = sockets.iter().filter_map(|socket| Some(socket.stream()?.as_fd()));
    let mut asked: Vec<_> = streams.chain(origin.map(AsFd::as_fd)).map(ask).collect();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !asked.is_empty() && poll(&mut asked, Some(&at_once)).is_err() {
        // A signal: ask each of them.
        return (vec![true; sockets.len()], origin);
    }
    let mut told = asked.iter().map(|asked| !asked.revents().is_empty());
    let of = |socket: &Socket| socket.stream().is_some() && told.next() == Some(true);
    let brings = sockets.iter().map(of).collect();
    (brings, origin.filter(|_| told.next() == Some(true)))
}

/// A socket that listens as the origin server.
pub(super) fn listen_as_origin() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback");
    listener.set_nonblocking(true).expect("a socket that listens");
    listener
}

/// Has a thread that the event system does not own do this, and waits for it.
fn from_outside(job: super::stage::Job) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(panics::inherit(job));
        if let Err(payload) = thread.join() {
            std::panic::resume_unwind(payload);
        }
    });
}

fn config(settings: &HttpSettings) -> HttpConfig {
    let mut config = HttpConfig {
        transaction_no_activity_timeout_in: settings.client_timeout,
        transaction_no_activity_timeout_out: settings.origin_timeout,
        accept_no_activity_timeout: settings.first_byte_timeout,
        keep_alive_no_activity_timeout_in: settings.keep_alive_timeout,
        transaction_active_timeout_in: settings.active_timeout,
        default_buffer_water_mark: settings.water_mark,
        // As the server does by default: the origin server has so long to close a connection that
        // waits.
        cache_open_write_retry_time: hrtime::mseconds(10),
        ..HttpConfig::default()
    };
    config.flow_control.enabled = settings.flow_control.is_some();
    if let Some((high, low)) = settings.flow_control {
        config.flow_control.high_water = high;
        config.flow_control.low_water = low;
    }
    config
}

#[cfg(test)]
mod tests {
    use super::super::read::http_scenario_from_bytes;
    use super::*;

    /// Each ends by a panic at the second `see`, or runs to its end without it.
    #[test]
    fn nothing_of_a_run_is_left_however_it_ends() {
        let held = "TXN_START = [\"hook SEND_RESPONSE_HDR\"]\nREAD_REQUEST_HDR = []\n";
        let crash = "TXN_CLOSE = [\"reenable\", \"wait 1s\", \"see client_request\"]\n";
        let foreign = "SEND_RESPONSE_HDR = [\"go foreign\", \"reenable\"]\n";
        for by in ["tcp", "plugin"] {
            for origin in ["tcp", "server_intercept", "intercept"] {
                for hooks in ["", held, foreign, crash, &[crash, foreign].concat()] {
                    let text = format!(
                        "title = \"t\"\nteaches = \"t\"\n\
                         [client.a]\nby = \"{by}\"\non_start = [\"get /a\"]\non_head = [\"finish\"]\n\
                         [client.b]\nby = \"{by}\"\non_start = [\"get /b\"]\n\
                         [origin]\nby = \"{origin}\"\non_head = [\"answer 200 5\"]\n[hooks]\n{hooks}"
                    );
                    let scenario = http_scenario_from_bytes("x.toml", text.as_bytes()).unwrap();
                    let (HttpRecorded { report, .. }, stage) = run(&scenario);
                    let has_crashed = matches!(report.finish, HttpFinish::Crashed(_));
                    assert_eq!(has_crashed, hooks.contains("wait"), "{text}\n{report}");
                    assert_eq!(stage.strong_count(), 0, "{text}\n{report}");
                }
            }
        }
    }
}
