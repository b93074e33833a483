//! Performs a scenario of a NetVC on the port.
//!
//! One net thread. What the socket at the other end does, it does just before the thread asks the
//! system which sockets are ready: there a real server can be stopped, too. The inactivity cop has
//! just come when a run begins, as in the real server, whose clock is set on for each run. So what
//! happens comes in the same order in both, and at the same times but for some passes.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use eventsys::{
    Clock, EThread, EventProcessor, HrTime, Idle, LoopTailHandler, Options, hrtime, panics,
};
use iocore::NetVCOptions;
use iocore::net::{
    AcceptOptions, NetAcceptAction, NetConfig, NetHandler, NetProcessor, NetVcRelease,
};
use pluginvc::Epoch;

use super::NetVc;
use crate::http::model::{HttpScenario, OriginBy};
use crate::http::record::HttpRecorded;
use crate::http::run::{CLOSED_PORT, PASSES_AFTER_CLOSE, listen_as_origin, peers_pass};
use crate::http::seen::HttpFinish;
use crate::http::socket::Socket;
use crate::http::stage::{Stage, Who};
use crate::release::of_release;
use crate::run::PASS;

/// After so long, which is longer than the cop's period, it is shortly before the phase of the buckets
/// of timers in which a clock begins. A clock that goes over it has every bucket looked at, and the cop
/// comes.
const BEFORE: HrTime = hrtime::mseconds(10_240 - 2);

/// How many passes are made then, before a run begins.
const PASSES_BEFORE: usize = 4;

/// What happened, and what is left of the stage: nothing, unless something leaks.
pub(in crate::http) fn run(
    scenario: &HttpScenario,
    release: NetVcRelease,
) -> (HttpRecorded, Weak<Stage>) {
    let epoch = if release == NetVcRelease::V8_1 { Epoch::B } else { Epoch::D };
    let options = of_release(epoch, Options::default());
    let processor = EventProcessor::with_options(Clock::new_ticking(PASS), options);
    let config = NetConfig {
        default_inactivity_timeout: scenario.settings.default_inactivity_timeout,
        release,
        ..NetConfig::default()
    };
    // Before the thread: it gets its net handler when it is adopted.
    let net = NetProcessor::init(&processor, config);
    let thread = processor.adopt_current_thread("ET_NET");
    let handler = net.net_handler(thread.thread()).expect("it is a net thread");
    processor.clock().work(BEFORE);
    for _ in 0..PASSES_BEFORE {
        thread.run_pass();
    }
    let stage = Stage::new(scenario, &processor);
    let play = Play::new(&stage, &net, thread.thread(), &handler);
    thread.thread().set_tail_handler(Arc::clone(&play.peers) as Arc<dyn LoopTailHandler>);
    let pass = || thread.run_pass();
    let run = || catch_unwind(AssertUnwindSafe(|| play.run(&pass)));
    let finish = panics::quietly(run)
        .unwrap_or_else(|payload| HttpFinish::Crashed(panics::text_of(&*payload)));
    let has_crashed = matches!(finish, HttpFinish::Crashed(_));
    let recorded = stage.end(finish);
    // It refers to the stage.
    thread.thread().set_tail_handler(handler);
    if has_crashed {
        play.user.leave();
    } else {
        // What is left is no part of the report; a panic here would be a fault of the port.
        play.tidy(&pass);
    }
    stage.let_go();
    (recorded, Arc::downgrade(&stage))
}

/// What takes part in a run.
struct Play {
    stage: Arc<Stage>,
    user: NetVc,
    accept: Option<Arc<NetAcceptAction>>,
    peers: Arc<Peers>,
}

/// The sockets at the other end. They act in the tail of the net thread's loop.
struct Peers {
    stage: Arc<Stage>,
    handler: Arc<NetHandler>,
    act: AtomicBool,
    sockets: Mutex<Vec<Socket>>,
    origin: Mutex<Option<TcpListener>>,
}

impl Peers {
    fn sockets(&self) -> MutexGuard<'_, Vec<Socket>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn origin(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoopTailHandler for Peers {
    fn wait_for_activity(&self, idle: Idle<'_, '_>, timeout: HrTime) {
        if self.act.load(Ordering::Relaxed) {
            peers_pass(&self.stage, &mut self.sockets(), self.origin().as_ref());
        }
        self.handler.wait_for_activity(idle, timeout);
    }

    fn signal_activity(&self, thread: &EThread) {
        self.handler.signal_activity(thread);
    }
}

impl Play {
    fn new(
        stage: &Arc<Stage>,
        net: &Arc<NetProcessor>,
        thread: &Arc<EThread>,
        handler: &Arc<NetHandler>,
    ) -> Play {
        let scenario = &stage.scenario;
        let (mut origin, mut accept) = (None, None);
        let user = if scenario.netvc_connects() {
            origin = (scenario.origin.by != OriginBy::Refuses).then(listen_as_origin);
            let address = origin.as_ref().and_then(|origin| origin.local_addr().ok());
            let refused = SocketAddr::from(([127, 0, 0, 1], CLOSED_PORT));
            NetVc::new(stage, thread, Some((Arc::clone(net), address.unwrap_or(refused))))
        } else {
            let user = NetVc::new(stage, thread, None);
            // As the server does by default. Without it the system may hold the last bytes back.
            let sockopt_flags = NetVCOptions::SOCK_OPT_NO_DELAY;
            let options =
                AcceptOptions { localhost_only: true, sockopt_flags, ..AcceptOptions::default() };
            let listening = net.accept(user.cont(), &options);
            accept = Some(listening.unwrap_or_else(|error| panic!("the loopback: {error}")));
            user
        };
        let peers = Arc::new(Peers {
            stage: Arc::clone(stage),
            handler: Arc::clone(handler),
            act: AtomicBool::new(false),
            sockets: Mutex::default(),
            origin: Mutex::new(origin),
        });
        Play { stage: Arc::clone(stage), user, accept, peers }
    }

    fn run(&self, pass: &dyn Fn()) -> HttpFinish {
        // The thread begins to listen.
        pass();
        self.begin();
        // A server begins in the place of its peers, so the thread looks at its sockets first. One that
        // connects does so in the next pass.
        if self.accept.is_some() {
            pass();
        }
        self.peers.act.store(true, Ordering::Relaxed);
        loop {
            pass();
            if let Some(finish) = self.stage.finish(|| self.is_over()) {
                return finish;
            }
        }
    }

    fn begin(&self) {
        let Some(accept) = &self.accept else { return self.user.start() };
        let address = accept.local_addr().expect("a socket that listens");
        if let Ok(stream) = TcpStream::connect(address) {
            let name = self.stage.client_name(0);
            self.peers.sockets().push(Socket::new(&self.stage, name, Who::Client(0), stream));
        }
    }

    /// True when nothing can happen any more.
    fn is_over(&self) -> bool {
        self.user.is_over() && self.peers.sockets().iter().all(Socket::is_over)
    }

    /// Closes what is open, so that nothing is left.
    fn tidy(&self, pass: &dyn Fn()) {
        self.peers.sockets().clear();
        self.peers.origin().take();
        self.user.close();
        for _ in 0..PASSES_AFTER_CLOSE {
            pass();
        }
        if let Some(accept) = &self.accept {
            accept.cancel();
        }
        pass();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::read::http_scenario_from_bytes;

    #[test]
    fn nothing_of_a_run_is_left_however_it_ends() {
        for text in [
            "[netvc]\non_connect = [\"do_io_read max\"]\non_EOS = [\"close\"]\n\
             [client]\non_start = [\"body 5\", \"end\"]\n",
            "[netvc]\non_connect = [\"do_io_read max\"]\nafter_250ms = [\"write 1\"]\n[client]\n",
            "[netvc]\non_connect = [\"write 9\", \"do_io_write 9\"]\n[origin]\n",
        ] {
            let text = format!("title = \"t\"\nteaches = \"t\"\n{text}");
            let scenario = http_scenario_from_bytes("x.toml", text.as_bytes()).unwrap();
            for release in [NetVcRelease::V8_1, NetVcRelease::V9_2] {
                let (recorded, stage) = run(&scenario, release);
                assert_eq!(recorded.report.finish, HttpFinish::Quiet, "{text}");
                assert_eq!(stage.strong_count(), 0, "{text}\n{}", recorded.report);
            }
        }
    }
}
