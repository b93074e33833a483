//! Where the connections of a scenario are: one event thread, the test's own.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsys::{
    AdoptedThread, Clock, ContRef, EventProcessor, EventRef, FreeContinuation, HrTime, Outcome,
    hrtime,
};
use iocore::buffer::BUFFER_SIZE_INDEX_2M;
use iocore::net::{AcceptOptions, NetConfig, NetProcessor};
use iocore::{NetVCOptions, NetVcRef};
use pluginvc::{PluginVCCore, PluginVcOptions};
use serde_json::Value;
use streamlisten::{ConnectionWrap, Environment, LibuvStreamWrap, StreamResource};

use super::Transport;
use super::client::Client;

/// How long a condition may take to come about before it is told as a `TIMEOUT`.
const PATIENCE: Duration = Duration::from_secs(20);

/// This many passes of the event loop are enough for all work that is due now.
const PASSES: usize = 4;

/// No scenario sleeps for longer: a day, in milliseconds.
const LONGEST: i64 = 24 * 3600 * 1000;

/// After so many passes everything has been freed that was closed.
const LAST_PASSES: usize = 16;

/// One event thread in virtual time, and what makes connections on it.
pub(super) struct Stage {
    /// With sockets.
    net: Option<Arc<NetProcessor>>,
    thread: AdoptedThread,
    processor: Arc<EventProcessor>,
    /// There are timers, which may be far from due: this comes each millisecond.
    steps: Option<RefCell<EventRef>>,
}

impl Stage {
    /// The stage for `scenario`, if it has connections.
    pub(super) fn of(scenario: &Value, transport: Transport) -> Option<Rc<Stage>> {
        if scenario["layer"] == "server" {
            // Timers that are not due yet must not be waited for.
            let mut actions = scenario["actions"].as_array().into_iter().flatten();
            let keys = ["connectionsCheckingInterval", "keepAliveTimeout"];
            let timed = actions.any(|action| action["a"] == "sleep")
                || keys.iter().any(|key| scenario["server"].get(key).is_some());
            return Some(Rc::new(Stage::new(transport).with_timers(timed)));
        }
        let mut streams = scenario["streams"].as_object().into_iter().flatten();
        let connected = streams.any(|(_, options)| options["kind"] == "tcp");
        connected.then(|| Rc::new(Stage::new(transport)))
    }

    fn new(transport: Transport) -> Stage {
        let processor = EventProcessor::new(Clock::new_virtual());
        // Before the thread: each thread that starts must register with it.
        let net = (transport == Transport::Sockets)
            .then(|| NetProcessor::init(&processor, NetConfig::default()));
        let thread = processor.adopt_current_thread("ET_NET");
        Stage { net, thread, processor, steps: None }
    }

    /// Time goes in small steps: without them the clock would jump to the next timer.
    fn with_timers(mut self, timed: bool) -> Stage {
        self.steps = timed.then(|| RefCell::new(self.small_steps()));
        self
    }

    fn small_steps(&self) -> EventRef {
        self.thread.thread().schedule_every(nothing(), hrtime::mseconds(1))
    }

    /// Lets what has been closed be freed. A PluginVC pair and its core hold each other
    /// until the core has run once more; without that, each scenario would leave the pair
    /// behind, with its buffers and its processor.
    pub(super) fn end(&self) {
        for _ in 0..LAST_PASSES {
            if self.thread.has_no_events() {
                return;
            }
            self.thread.run_pass();
        }
    }

    /// Lets so many milliseconds pass, if there are timers.
    pub(super) fn sleep(&self, ms: u64) {
        let Some(steps) = &self.steps else { return };
        let span: HrTime = hrtime::mseconds(i64::try_from(ms).unwrap_or(LONGEST).min(LONGEST));
        // All this time may pass, so the clock may jump to each timer, and to the end: a timeout of
        // minutes has a hundred thousand small steps.
        steps.borrow().cancel();
        self.thread.thread().schedule_in(nothing(), span);
        self.thread.run_for(span);
        steps.replace(self.small_steps());
    }

    /// Makes passes until no work is due now.
    fn idle(&self) {
        match self.steps.is_some() {
            true => (0..PASSES).for_each(|_| self.thread.run_pass()),
            false => self.thread.run_until_idle(),
        }
    }

    /// A connection: the stream of the side that accepts, and the client.
    ///
    /// # Errors
    /// If the loopback cannot be listened on, or the client does not get through.
    pub(super) fn pair(
        &self,
        env: &Rc<Environment>,
    ) -> Result<(Rc<LibuvStreamWrap>, Client), String> {
        let accepted = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&accepted);
        let listener = ConnectionWrap::new(env, move |_, stream| *slot.borrow_mut() = stream);
        let client = match &self.net {
            Some(net) => self.connect(net, &listener, || accepted.borrow().is_some())?,
            None => {
                let client = Client::new();
                client.open(self.plugin_vc(&listener));
                self.idle();
                client
            }
        };
        let stream = accepted.take().ok_or("no end has accepted")?;
        Ok((stream, client))
    }

    /// The active end of a PluginVC pair.
    fn plugin_vc(&self, listener: &ConnectionWrap) -> NetVcRef {
        // Room for what a scenario sends at once, so that it is read at once.
        let options =
            PluginVcOptions { buffer_index: BUFFER_SIZE_INDEX_2M, ..PluginVcOptions::default() };
        PluginVCCore::alloc_with(&self.processor, listener.acceptor(), options).connect()
    }

    /// A client that has got through over the loopback.
    fn connect(
        &self,
        net: &NetProcessor,
        listener: &ConnectionWrap,
        accepted: impl Fn() -> bool,
    ) -> Result<Client, String> {
        let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
        let listening =
            net.accept(listener.acceptor(), &options).map_err(|error| error.to_string())?;
        let address = listening.local_addr().ok_or("the socket has no address")?;
        let client = Client::new();
        let options = NetVCOptions {
            sockopt_flags: NetVCOptions::SOCK_OPT_NO_DELAY,
            ..NetVCOptions::default()
        };
        net.connect_re(&client.continuation(), address, &options);
        let done = self.until(|| client.is_open() && accepted());
        listening.cancel();
        if done { Ok(client) } else { Err("the client does not get through".into()) }
    }

    /// Lets the event loop run until nothing more happens on the connection. False
    /// if something is under way for too long.
    pub(super) fn settle(&self, wrap: &LibuvStreamWrap, client: &Client) -> bool {
        if self.net.is_none() {
            self.idle();
            for _ in 0..2 {
                // An end of a pair does not notice by itself that the other one has
                // been shut down.
                wrap.poll();
                client.poll();
                self.idle();
            }
            return true;
        }
        let seen = || {
            let (received, ended) = client.received();
            let read = (wrap.bytes_read(), wrap.is_reading(), wrap.is_closed());
            (read, wrap.bytes_written(), received.len(), ended)
        };
        loop {
            let before = seen();
            if !self.until(|| client.has_arrived(wrap)) {
                return false;
            }
            (0..4).for_each(|_| self.thread.run_pass());
            if seen() == before && client.has_arrived(wrap) {
                return true;
            }
        }
    }

    /// The client resets the connection. The stream is told of it, and given what the
    /// client had not sent yet: node's client writes at once, and then the kernel
    /// knows of the reset before any event. A PluginVC pair knows no resets at all.
    pub(super) fn reset(&self, wrap: &LibuvStreamWrap, client: &Client) {
        let under_way = client.reset();
        // What is on its way comes first; behind it there is room in no buffer.
        let delivers = wrap.received() + (under_way.len() as u64) < client.sent();
        wrap.on_reset(if delivers { &[] } else { &under_way }, delivers);
    }

    /// Passes of the event loop until `done` says so; false if it does not.
    fn until(&self, done: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        while !done() {
            if start.elapsed() > PATIENCE {
                return false;
            }
            self.thread.run_pass();
        }
        true
    }
}

/// What does nothing, and that at its time.
fn nothing() -> ContRef {
    FreeContinuation::new(|_, _, _| Outcome::Done)
}
