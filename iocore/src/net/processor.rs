//! [`NetProcessor`]: making connections, and waiting for them.
//!
//! Mirrors `NetProcessor` and `UnixNetProcessor` of `iocore/net` (9.2.9). There it
//! is one global; here there is one for each event processor.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use eventsys::{ContRef, ET_NET, EThread, EventProcessor, FreeContinuation, Outcome};

use super::accept::{NetAccept, NetAcceptAction};
use super::action::ActionResult;
use super::config::NetConfig;
use super::connection;
use super::handler::NetHandler;
use super::options::{AcceptOptions, Target};
use super::resolve::Resolver;
use super::shared::Shared;
use super::stats::NetStats;
use super::vc::UnixNetVConnection;
use crate::net_vconnection::NetVCOptions;

/// Makes connections on the net threads of one event processor.
///
/// ```
/// use eventsys::{Clock, ContRef, EventProcessor, FreeContinuation, Outcome};
/// use iocore::net::{AcceptOptions, NetConfig, NetProcessor};
/// use iocore::{IoData, VConnection};
/// use std::io::Read;
///
/// let processor = EventProcessor::new(Clock::new_real());
/// let net = NetProcessor::init(&processor, NetConfig::default());
/// processor.spawn_event_threads("ET_NET", 1);
/// // Takes each connection and closes it.
/// let acceptor: ContRef = FreeContinuation::new(|_, _, data| {
///     if let Some(vc) = data.net_vc() {
///         vc.do_io_close(None);
///     }
///     Outcome::Done
/// });
/// let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
/// let accept = net.accept(acceptor, &options)?;
/// let mut client = std::net::TcpStream::connect(accept.local_addr().unwrap())?;
/// assert_eq!(client.read(&mut [0])?, 0, "closed");
/// processor.shutdown();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct NetProcessor {
    processor: Arc<EventProcessor>,
    shared: Arc<Shared>,
    resolver: Resolver,
}

impl NetProcessor {
    /// Makes every net thread (`ET_NET`) that starts from now on wait for sockets.
    /// Must be called before the threads are made. Mirrors
    /// `UnixNetProcessor::init`.
    ///
    /// A thread panics at its start if the system gives it no poll descriptor.
    #[must_use]
    pub fn init(processor: &Arc<EventProcessor>, config: NetConfig) -> Arc<NetProcessor> {
        let shared = Shared::new(config, processor);
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

    /// The counters.
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
    /// thread that will serve it and under `cont`'s mutex, if it has one. A fatal error comes as
    /// `EVENT_ERROR` with the number below zero ([`IoData::net_error`](crate::IoData::net_error));
    /// nothing is accepted after that. Waits for net threads that are still starting. Mirrors
    /// `NetProcessor::accept` with `frequent_accept` and no accept threads.
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
    /// `NET_EVENT_OPEN`, or `NET_EVENT_OPEN_FAILED` with an error number below zero
    /// ([`IoData::net_error`](crate::IoData::net_error)) if it cannot even begin: there is no
    /// address or no local address, too many connections are open
    /// ([`ENET_THROTTLING`](super::ENET_THROTTLING)), the name has no address
    /// ([`ENET_CONNECT_FAILED`](super::ENET_CONNECT_FAILED)).
    ///
    /// `NET_EVENT_OPEN` does not mean that the other end has answered. The first event of a write
    /// shows that: `VC_EVENT_WRITE_READY`, or `VC_EVENT_ERROR` with the number in `lerrno`,
    /// `ECONNREFUSED` for one.
    ///
    /// Called on a net thread, the call-back comes before this returns if the try-locks succeed;
    /// otherwise later, on a net thread. Mirrors `connect_re`.
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
        let (vc, action) = UnixNetVConnection::to_connect(&self.shared, &nh, cont, options.clone());
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
