//! The handlers of a connection: it is connected, accepted, or out of time.
//!
//! Mirrors `startEvent`, `connectUp`, `acceptEvent` and `mainEvent` of
//! `UnixNetVConnection.cc` (9.2.9).
//!
//! **Built differently**: an accepted connection has a mutex of its own from the
//! beginning, where the original first has it share H. **Could you tell?** No: no
//! user gets it before it has its own in the original.

use crate::IoEvents;
use crate::net::steps;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use eventsys::sync::atomic::Ordering;
use eventsys::{
    ContRef, Continuation, ContinuationBase, Data, EventCode, Guard, Invocation, Outcome,
    ProxyMutex, call,
};
use mio::net::TcpStream;
use socket2::SockRef;

use super::{Connecting, Socket, UnixNetVConnection};
use crate::net::action::Action;
use crate::net::config::{NET_RETRY_DELAY, ThrottleType, check_net_throttle};
use crate::net::connection;
use crate::net::errors::{ENET_THROTTLING, errno};
use crate::net::handler::NetHandler;
use crate::net::shared::Shared;
use crate::net::stats::OpenCount;
use crate::net_vconnection::{NetVCOptions, NetVConnection, NetVConnectionContext, NetVcRef};
use crate::vio::VioOp;

impl Continuation for UnixNetVConnection {
    fn base(&self) -> &ContinuationBase {
        &self.base
    }

    /// `startEvent`. The timeouts come from the cop, and not as events.
    fn handle_event(&self, call: &Invocation<'_>, _: EventCode, data: Data<'_>) -> Outcome {
        if !self.handler.is_start() {
            return Outcome::Done;
        }
        let Some(nh) = self.nh.upgrade() else { return Outcome::Done };
        let Some(h) = nh.mutex().try_lock() else {
            if let Data::Event(event) = data {
                event.schedule_in(NET_RETRY_DELAY);
            }
            return Outcome::Cont;
        };
        self.start_event(&nh, &h, call.guard());
        Outcome::Done
    }
}

impl UnixNetVConnection {
    /// A new connection for `cont`, on the thread of `nh`, not connected yet.
    pub(in crate::net) fn to_connect(
        shared: &Arc<Shared>,
        nh: &NetHandler,
        cont: &ContRef,
        options: NetVCOptions,
    ) -> (Arc<UnixNetVConnection>, Action) {
        let mutex = cont.base().mutex().expect("a continuation that connects has a mutex");
        let vc = UnixNetVConnection::new(shared, nh, Arc::clone(mutex), NetVConnectionContext::Out);
        vc.net.set_options(options);
        let action = Action::new(mutex);
        let connecting =
            Connecting { cont: Arc::clone(cont), action: action.clone(), failed: None };
        *vc.connecting.lock() = Some(connecting);
        (vc, action)
    }

    /// The target's address is known now, or the error number (above zero).
    pub(in crate::net) fn set_target(&self, target: Result<SocketAddr, i32>) {
        match target {
            Ok(addr) => {
                let _ = self.remote_addr.set(addr);
            }
            Err(error) => {
                if let Some(connecting) = &mut *self.connecting.lock() {
                    connecting.failed = Some(error);
                }
            }
        }
    }

    /// Mirrors `startEvent`; `guard` is of the connecting continuation's mutex.
    pub(in crate::net) fn start_event(&self, nh: &NetHandler, h: &Guard<'_>, guard: &Guard<'_>) {
        let Some(connecting) = self.connecting.lock().take() else { return };
        if connecting.action.is_cancelled() {
            nh.free_netevent(h, self);
            return;
        }
        self.handler.set_main();
        self.report(steps::NET_CONNECT, None);
        let started = match connecting.failed {
            Some(error) => Err(error),
            None => self.connect_up(nh, h),
        };
        match started {
            Ok(()) => {
                let this: NetVcRef = self.this_ref();
                let event = EventCode::NET_EVENT_OPEN;
                call(&connecting.cont, Some(guard), event, Data::Object(&this));
            }
            Err(error) => {
                self.lerrno.store(error, Ordering::Relaxed);
                let result = -error;
                let event = EventCode::NET_EVENT_OPEN_FAILED;
                call(&connecting.cont, Some(guard), event, Data::Object(&result));
                nh.free_netevent(h, self);
            }
        }
    }

    /// Makes the socket and begins to connect. `NET_EVENT_OPEN` says only that
    /// it has begun; the first event of a write shows whether it succeeds. The
    /// error is a number above zero. Mirrors `connectUp`.
    fn connect_up(&self, nh: &NetHandler, h: &Guard<'_>) -> Result<(), i32> {
        let shared = &self.shared;
        let stats = &shared.stats;
        let (open, throttle) =
            (stats.connections_currently_open(), shared.config.connections_throttle);
        if check_net_throttle(ThrottleType::Connect, open, throttle) {
            nh.counters.connections_throttled_out.add(1);
            return Err(ENET_THROTTLING);
        }
        let begin = || -> io::Result<()> {
            let target = self.get_remote_addr().ok_or(io::ErrorKind::AddrNotAvailable)?;
            let stream = connection::open(target, &self.net.options())?;
            let stream = TcpStream::from_std(stream);
            *self.socket.lock() = Some(Socket { stream, count: None });
            // Watched first: an edge between the connecting and the watching would
            // be lost.
            nh.start_io(h, &self.this_ref())?;
            let connect =
                |stream: &mut TcpStream| connection::connect(SockRef::from(&*stream), target);
            self.with_socket(connect).unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
        };
        begin().map_err(|error| errno(&error))?;
        if let Some(socket) = &mut *self.socket.lock() {
            socket.count = Some(OpenCount::new(stats));
        }
        nh.start_cop(h, self);
        self.set_inactivity_timeout(0);
        Ok(())
    }

    /// Takes an accepted socket on and gives the connection to `acceptor`, whose
    /// mutex `lock` holds. Mirrors the end of `acceptFastEvent`, and `acceptEvent`.
    pub(in crate::net) fn accept_event(
        shared: &Arc<Shared>,
        nh: &NetHandler,
        h: &Guard<'_>,
        (stream, remote): (TcpStream, SocketAddr),
        options: NetVCOptions,
        (acceptor, lock): (&ContRef, Option<&Guard<'_>>),
    ) {
        let vc = UnixNetVConnection::new(shared, nh, ProxyMutex::new(), NetVConnectionContext::In);
        let count = Some(OpenCount::new(&shared.stats));
        *vc.socket.lock() = Some(Socket { stream, count });
        let _ = vc.remote_addr.set(remote);
        vc.handler.set_main();
        if options != NetVCOptions::default() {
            vc.net.set_options(options);
            vc.apply_options();
        }
        if let Err(error) = nh.start_io(h, &vc) {
            log::warn!(target: "iocore_net", "a connection cannot be watched: {error}");
            nh.free_netevent(h, &vc);
            return;
        }
        vc.report(steps::NET_ACCEPT, None);
        let own = vc.mutex().lock();
        nh.start_cop(h, &vc);
        vc.set_inactivity_timeout(0);
        let vc: NetVcRef = vc.clone();
        call(acceptor, lock, EventCode::NET_EVENT_ACCEPT, Data::Object(&vc));
        drop(own);
    }

    /// The connection has timed out: tells the reader, and the writer if that is
    /// another state machine. `own` is of the connection's mutex. Does nothing if
    /// a try-lock misses: the cop comes again. Mirrors `mainEvent`.
    pub(in crate::net) fn main_event(
        &self,
        nh: &NetHandler,
        h: &Guard<'_>,
        own: &Guard<'_>,
        event: EventCode,
    ) {
        debug_assert!(own.is_of(self.mutex()), "the caller holds the connection's mutex");
        let (read, write) = (&self.read, &self.write);
        let (read_mutex, write_mutex) = (read.vio.mutex(), write.vio.mutex());
        let mut locks = [None, None];
        for (lock, (mutex, vio)) in
            locks.iter_mut().zip([(&read_mutex, &read.vio), (&write_mutex, &write.vio)])
        {
            if let Some(mutex) = mutex {
                let Some(guard) = mutex.try_lock() else { return };
                if !vio.is_bound_to(mutex) {
                    return;
                }
                *lock = Some(guard);
            }
        }
        let [rlock, wlock] = &locks;

        let at = match event {
            EventCode::VC_EVENT_ACTIVE_TIMEOUT => &self.next_activity_timeout_at,
            _ => &self.next_inactivity_timeout_at,
        };
        // Before the callback, which may set it again.
        at.set(None);
        if self.closed.is_set() {
            nh.free_netevent(h, self);
            return;
        }
        let writer = wlock.as_ref().and_then(|lock| write.vio.continuation(lock));
        let mut reader = None;
        if let Some(lock) = rlock
            && read.vio.op() == VioOp::Read
            && !read.shutdown.is_set()
        {
            reader = read.vio.continuation(lock);
            if self.signal_and_update(nh, h, lock, VioOp::Read, event) == Outcome::Done {
                return;
            }
        }
        let Some(lock) = wlock else { return };
        // The reader may have moved the write to another state machine or mutex, or
        // have set the timeout again; then the writer must not get this one.
        if at.get().is_some()
            || self.closed.is_set()
            || write.vio.op() != VioOp::Write
            || write.shutdown.is_set()
            || !write.vio.is_bound_to(lock.mutex())
        {
            return;
        }
        let now = write.vio.continuation(lock);
        if !same(&reader, &now) && same(&writer, &now) {
            self.signal_and_update(nh, h, lock, VioOp::Write, event);
        }
    }
}

fn same(a: &Option<ContRef>, b: &Option<ContRef>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}
