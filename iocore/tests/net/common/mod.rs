//! What the tests of real connections share: one net thread that the test runs
//! pass by pass, and agents that react as the test says.
#![allow(dead_code, unreachable_pub)] // Each test binary uses some of it.

use std::net::TcpStream;
use std::ops::Deref;
use std::sync::Arc;

use eventsys::{Clock, EventCode, ProxyMutex};
use iocore::IoEvents;
use iocore::net::NetConfig;
use testkit::net::NetLab;
use testkit::{Agent, Alone, Me};

/// One net thread, the test's own, which leaves no event, no block and no connection
/// behind.
pub struct Stage {
    lab: NetLab,
    /// After the laboratory, whose end drops what it keeps.
    _alone: Alone,
}

impl Deref for Stage {
    type Target = NetLab;

    fn deref(&self) -> &NetLab {
        &self.lab
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.has_no_connections(), "a connection is left");
        }
    }
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(Clock::new_real(), NetConfig::default())
    }

    pub fn in_virtual_time() -> Stage {
        Stage::with(Clock::new_virtual(), NetConfig::default())
    }

    pub fn with(clock: Arc<Clock>, config: NetConfig) -> Stage {
        let alone = Alone::counting();
        Stage { lab: NetLab::with(clock, config), _alone: alone }
    }

    /// A connection: the machine that got it, and the other end, a plain socket.
    pub fn accepted(&self, react: impl Fn(&Me<'_>) + Send + Sync + 'static) -> Pair {
        let machine = machine(react);
        let (action, address) = self.accept(machine.cont());
        let peer = NetLab::client(address);
        self.run_until(|| machine.has(EventCode::NET_EVENT_ACCEPT));
        action.cancel();
        Pair { machine, peer }
    }
}

pub struct Pair {
    pub machine: Agent,
    pub peer: TcpStream,
}

/// An agent that does `react` at each event.
pub fn machine(react: impl Fn(&Me<'_>) + Send + Sync + 'static) -> Agent {
    let agent = Agent::new("M", ProxyMutex::new(), None);
    agent.on_any(react);
    agent
}

/// Takes off what has come, and asks for more unless the read is complete.
pub fn take(me: &Me<'_>) {
    me.take();
    if me.event == EventCode::VC_EVENT_READ_READY {
        me.reenable_read();
    }
}
