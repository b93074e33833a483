//! Performs a scenario of a NetVC on the port.
//!
//! One net thread; what the socket at the other end does, it does between two passes. The
//! inactivity cop has just come when a run begins, as in the real server, whose clock is set on for
//! each run: so timeouts come at the same times in both.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use eventsys::{Clock, EThread, EventProcessor, HrTime, Options, hrtime, panics};
use iocore::NetVCOptions;
use iocore::net::{AcceptOptions, NetAcceptAction, NetConfig, NetProcessor, NetVcRelease};
use pluginvc::Epoch;

use super::NetVc;
use crate::http::model::{HttpScenario, OriginBy};
use crate::http::record::HttpRecorded;
use crate::http::run::{
    CLOSED_PORT, PASSES_AFTER_CLOSE, SILENCE, listen_as_origin, peers_pass,
};
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
    processor.clock().work(BEFORE);
    for _ in 0..PASSES_BEFORE {
        thread.run_pass();
    }
    let stage = Stage::new(scenario, &processor);
    let mut play = Play::new(&stage, &net, thread.thread());
    let pass = || thread.run_pass();
    let run = || catch_unwind(AssertUnwindSafe(|| play.run(&pass)));
    let finish = panics::quietly(run)
        .unwrap_or_else(|payload| HttpFinish::Crashed(panics::text_of(&*payload)));
    let has_crashed = matches!(finish, HttpFinish::Crashed(_));
    let recorded = stage.end(finish);
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
    origin: Option<TcpListener>,
    sockets: Vec<Socket>,
}

impl Play {
    fn new(stage: &Arc<Stage>, net: &Arc<NetProcessor>, thread: &Arc<EThread>) -> Play {
        let scenario = &stage.scenario;
        let (mut origin, mut accept) = (None, None);
        let user = if scenario.netvc_connects() {
            origin = (scenario.origin.by != OriginBy::Refuses).then(listen_as_origin);
            let address = origin.as_ref().and_then(|origin| origin.local_addr().ok());
            let address = address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], CLOSED_PORT)));
            NetVc::new(stage, thread, Some((Arc::clone(net), address)))
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
        Play { stage: Arc::clone(stage), user, accept, origin, sockets: Vec::new() }
    }

    fn run(&mut self, pass: &dyn Fn()) -> HttpFinish {
        self.begin();
        let patience = self.stage.scenario.patience();
        loop {
            peers_pass(&self.stage, &mut self.sockets, self.origin.as_ref());
            pass();
            let (silence, span) = self.stage.silence();
            if silence > patience || (silence > SILENCE && self.is_over()) {
                return HttpFinish::Quiet;
            } else if span > HttpScenario::LONGEST {
                return HttpFinish::TimeIsUp;
            }
        }
    }

    fn begin(&mut self) {
        let Some(accept) = &self.accept else { return self.user.start() };
        let address = accept.local_addr().expect("a socket that listens");
        if let Ok(stream) = TcpStream::connect(address) {
            let name = self.stage.client_name(0);
            self.sockets.push(Socket::new(&self.stage, name, Who::Client(0), stream));
        }
    }

    /// True when nothing can happen any more.
    fn is_over(&self) -> bool {
        self.user.is_over() && self.sockets.iter().all(Socket::is_over)
    }

    /// Closes what is open, so that nothing is left.
    fn tidy(&mut self, pass: &dyn Fn()) {
        self.sockets.clear();
        self.origin = None;
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
