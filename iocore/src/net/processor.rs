//! [`NetProcessor`]: making connections, and waiting for them.
//!
//! Mirrors `NetProcessor` and `UnixNetProcessor` of `iocore/net` (9.2.9). There it
//! is one global; here there is one for each event processor.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use eventsys::steps::Steps;
use eventsys::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use eventsys::{
    Clock, ContRef, ET_NET, EThread, EventProcessor, FreeContinuation, HrTime, Outcome,
};

use super::accept::{NetAccept, NetAcceptAction};
use super::action::ActionResult;
use super::config::{NetConfig, NetStats};
use super::cop::InactivityCop;
use super::handler::NetHandler;
use super::resolve::Resolver;
use super::vc::NetVC;
use super::{connection, unpoisoned};
use crate::net_vconnection::NetVCOptions;

/// How seldom somebody is told of an error of `accept` that passes, in
/// nanoseconds. Mirrors `TRANSIENT_ACCEPT_ERROR_MESSAGE_EVERY`.
const TRANSIENT_ACCEPT_ERROR_MESSAGE_EVERY: HrTime = eventsys::hrtime::seconds(24 * 3600);

/// How long a thread that was just made may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// How an acceptor listens. Mirrors `NetProcessor::AcceptOptions`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AcceptOptions {
    /// The address to listen on; any if there is none.
    pub local_ip: Option<IpAddr>,
    /// The port; 0 leaves it to the system.
    pub local_port: u16,
    /// Listen on the loopback address, whatever `local_ip` says.
    pub localhost_only: bool,
    /// If there is no `local_ip`: IPv6 instead of IPv4. Mirrors `ip_family`.
    pub ipv6: bool,
    /// Size of the sockets' receive buffers in bytes, 0 for the system's default.
    pub recv_bufsize: i32,
    /// Size of the sockets' send buffers in bytes, 0 for the system's default.
    pub send_bufsize: i32,
    /// The `SOCK_OPT_*` of [`NetVCOptions`] for the connections.
    pub sockopt_flags: u32,
    /// `SO_MARK`, if asked for.
    pub packet_mark: u32,
    /// `IP_TOS`, if asked for.
    pub packet_tos: u32,
}

impl AcceptOptions {
    /// Listen on this address.
    #[must_use]
    pub fn on(address: SocketAddr) -> AcceptOptions {
        let (local_ip, ipv6) = (Some(address.ip()), address.is_ipv6());
        AcceptOptions { local_ip, local_port: address.port(), ipv6, ..AcceptOptions::default() }
    }

    pub(super) fn vc_options(&self) -> NetVCOptions {
        NetVCOptions {
            sockopt_flags: self.sockopt_flags,
            packet_mark: self.packet_mark,
            packet_tos: self.packet_tos,
            ..NetVCOptions::default()
        }
    }
}

/// Where to connect to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// An address.
    Addr(SocketAddr),
    /// A name and a port. The name is resolved on another thread.
    Name(String, u16),
}

impl From<SocketAddr> for Target {
    fn from(addr: SocketAddr) -> Target {
        Target::Addr(addr)
    }
}

impl From<(&str, u16)> for Target {
    /// An address if it can be read as one, else a name.
    fn from((name, port): (&str, u16)) -> Target {
        match name.parse::<IpAddr>() {
            Ok(ip) => Target::Addr(SocketAddr::new(ip, port)),
            Err(_) => Target::Name(name.to_owned(), port),
        }
    }
}

/// Makes connections on the net threads of one event processor.
pub struct NetProcessor {
    processor: Arc<EventProcessor>,
    shared: Arc<Shared>,
    resolver: Resolver,
}

/// What the threads' handlers, the acceptors and the connections share.
pub(super) struct Shared {
    pub(super) config: NetConfig,
    pub(super) stats: Arc<NetStats>,
    pub(super) clock: Arc<Clock>,
    pub(super) steps: Steps,
    /// The number of the connection made last. Mirrors `net_connection_number`.
    net_connection_number: AtomicU32,
    /// By the number of the thread. The threads have them, as their tails.
    handlers: Mutex<Vec<Option<Weak<NetHandler>>>>,
    /// Told when a thread has got its handler.
    started: Condvar,
    last_transient_accept_error: AtomicI64,
}

impl Shared {
    fn handler(&self, thread: &EThread) -> Option<Arc<NetHandler>> {
        unpoisoned(&self.handlers).get(thread.index())?.as_ref()?.upgrade()
    }

    /// The handler of a net thread, once that has started; `None` if it has ended.
    ///
    /// # Panics
    /// If it does not get one: it was made before `NetProcessor::init`.
    fn handler_when_started(&self, thread: &EThread) -> Option<Arc<NetHandler>> {
        let index = thread.index();
        let is_missing = |handlers: &mut Vec<_>| handlers.get(index).is_none_or(Option::is_none);
        let (handlers, _) = self
            .started
            .wait_timeout_while(unpoisoned(&self.handlers), PATIENCE, |all| is_missing(all))
            .unwrap_or_else(PoisonError::into_inner);
        let handler = handlers.get(index).and_then(Option::as_ref);
        handler.expect("NetProcessor::init is called before the threads are made").upgrade()
    }

    /// The number of the next connection; never 0. Mirrors
    /// `net_next_connection_number`.
    pub(super) fn net_next_connection_number(&self) -> u32 {
        loop {
            let number = self.net_connection_number.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if number != 0 {
                return number;
            }
        }
    }

    /// Mirrors `check_transient_accept_error`.
    pub(super) fn warn_of_accept_error(&self, error: i32) {
        let now = self.clock.get_hrtime();
        let last = self.last_transient_accept_error.load(Ordering::Relaxed);
        if last == 0 || now - last > TRANSIENT_ACCEPT_ERROR_MESSAGE_EVERY {
            self.last_transient_accept_error.store(now, Ordering::Relaxed);
            let text = io::Error::from_raw_os_error(error);
            log::warn!(target: "iocore_net", "accept received a transient error: {text}");
        }
    }

    /// Gives the calling thread its handler. Mirrors `initialize_thread_for_net`.
    fn initialize_thread(self: &Arc<Self>, thread: &Arc<EThread>) {
        let nh = NetHandler::new(self, thread).expect("the system lets sockets be watched");
        let mut handlers = unpoisoned(&self.handlers);
        if handlers.len() <= thread.index() {
            handlers.resize(thread.index() + 1, None);
        }
        handlers[thread.index()] = Some(Arc::downgrade(&nh));
        drop(handlers);
        let frequency = self.config.inactivity_check_frequency;
        thread.schedule_every(InactivityCop::new(&nh) as ContRef, frequency);
        thread.set_tail_handler(nh);
        self.started.notify_all();
    }
}

impl NetProcessor {
    /// Makes every net thread (`ET_NET`) that starts from now on wait for sockets.
    /// To be called before the threads are made. Mirrors `UnixNetProcessor::init`.
    ///
    /// A thread panics at its start if the system gives it no poll descriptor.
    #[must_use]
    pub fn init(processor: &Arc<EventProcessor>, config: NetConfig) -> Arc<NetProcessor> {
        let shared = Arc::new(Shared {
            config,
            stats: Arc::default(),
            clock: Arc::clone(processor.clock()),
            steps: processor.steps().clone(),
            net_connection_number: AtomicU32::new(0),
            handlers: Mutex::default(),
            started: Condvar::new(),
            last_transient_accept_error: AtomicI64::new(0),
        });
        let for_threads = Arc::clone(&shared);
        let spawn = FreeContinuation::new(move |_, _, _| {
            let thread = EThread::current().expect("called on the thread that starts");
            for_threads.initialize_thread(&thread);
            Outcome::Done
        });
        processor.schedule_spawn(spawn, ET_NET);
        let processor = Arc::clone(processor);
        Arc::new(NetProcessor { processor, shared, resolver: Resolver::default() })
    }

    /// What has been counted.
    #[must_use]
    pub fn stats(&self) -> &Arc<NetStats> {
        &self.shared.stats
    }

    /// The event processor that it belongs to.
    #[must_use]
    pub fn event_processor(&self) -> &Arc<EventProcessor> {
        &self.processor
    }

    /// The handler of a net thread. Mirrors `get_NetHandler`.
    #[must_use]
    pub fn net_handler(&self, thread: &EThread) -> Option<Arc<NetHandler>> {
        self.shared.handler(thread)
    }

    /// Listens, and gives each connection to `cont` with `NET_EVENT_ACCEPT`, on the
    /// thread that will serve it and under `cont`'s mutex, if it has one. A fatal
    /// error is told with `EVENT_ERROR` and the number below zero
    /// ([`IoData::net_error`](crate::IoData::net_error)); nothing is accepted after
    /// that. Waits for net threads that are just starting. Mirrors `NetProcessor::accept` with `frequent_accept` and no accept
    /// threads.
    ///
    /// # Errors
    /// If it cannot listen.
    ///
    /// # Panics
    /// If there is no net thread, or they were made before [`NetProcessor::init`].
    pub fn accept(
        &self,
        cont: ContRef,
        options: &AcceptOptions,
    ) -> io::Result<Arc<NetAcceptAction>> {
        self.main_accept(cont, connection::listen(&self.shared.config, options)?, options)
    }

    /// As [`NetProcessor::accept`], on a socket that listens already. Mirrors
    /// `NetProcessor::main_accept`.
    ///
    /// # Errors
    /// If the system does not let the socket be watched on each thread.
    ///
    /// # Panics
    /// As [`NetProcessor::accept`].
    pub fn main_accept(
        &self,
        cont: ContRef,
        server: TcpListener,
        options: &AcceptOptions,
    ) -> io::Result<Arc<NetAcceptAction>> {
        server.set_nonblocking(true)?;
        let action = NetAcceptAction::new(server);
        let mut accepts = Vec::new();
        for thread in self.processor.active_group_threads(ET_NET) {
            let Some(nh) = self.shared.handler_when_started(&thread) else { continue };
            let server = action.duplicate()?;
            accepts.push((thread, NetAccept::new(&nh, &action, &cont, options, server)));
        }
        assert!(!accepts.is_empty(), "there is no net thread");
        action.set_threads(accepts.iter().map(|(_, accept)| Arc::downgrade(accept)).collect());
        for (thread, accept) in accepts {
            thread.schedule_imm(accept as ContRef);
        }
        Ok(action)
    }

    /// Connects to `target` and gives the connection to `cont` with
    /// `NET_EVENT_OPEN`, or tells it with `NET_EVENT_OPEN_FAILED` and an error
    /// number below zero ([`IoData::net_error`](crate::IoData::net_error)) that it
    /// cannot even begin to: there is no address or no local address, too many
    /// connections are open ([`ENET_THROTTLING`](super::ENET_THROTTLING)), the name
    /// has no address ([`ENET_CONNECT_FAILED`](super::ENET_CONNECT_FAILED)).
    ///
    /// `NET_EVENT_OPEN` does not say that the other end has answered. That shows in
    /// the first event of a write: `VC_EVENT_WRITE_READY`, or `VC_EVENT_ERROR` with
    /// the number in `lerrno`, `ECONNREFUSED` for one.
    ///
    /// Called on a net thread, the call-back comes before this returns if the
    /// mutexes can be had; otherwise later, on a net thread. Mirrors `connect_re`.
    ///
    /// # Panics
    /// If `cont` has no mutex, or as [`NetProcessor::accept`].
    pub fn connect_re(
        &self,
        cont: &ContRef,
        target: impl Into<Target>,
        options: &NetVCOptions,
    ) -> ActionResult {
        if self.processor.is_shut_down() {
            return ActionResult::ShutDown;
        }
        let thread = self.processor.assign_affinity_by_type(cont, ET_NET);
        let Some(nh) = self.shared.handler_when_started(&thread) else {
            return ActionResult::ShutDown;
        };
        let (vc, action) = NetVC::to_connect(&self.shared, &nh, cont, options.clone());
        match target.into() {
            Target::Addr(addr) => {
                vc.set_target(Ok(addr));
                if nh.is_current()
                    && let Some(lock) = cont.base().mutex().and_then(|mutex| mutex.try_lock())
                    && let Some(h) = nh.mutex().try_lock()
                {
                    vc.start_event(&nh, &h, &lock);
                    return ActionResult::Done;
                }
                thread.schedule_imm(vc as ContRef);
            }
            Target::Name(name, port) => {
                let answer = move |target| {
                    vc.set_target(target);
                    thread.schedule_imm(vc as ContRef);
                };
                self.resolver.resolve(self.processor.clock(), name, port, Box::new(answer));
            }
        }
        ActionResult::Pending(action)
    }
}
