//! [`NetVConnection`]: a virtual connection to somewhere.
//!
//! Mirrors `NetVConnection` and `NetVCOptions` of
//! `iocore/net/I_NetVConnection.h` (9.1.3), without TLS, SOCKS and the proxy
//! protocol. A user of a connection cannot tell whether it is a socket or one end of a PluginVC
//! pair; this is the purpose of PluginVC.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use eventsys::{EThread, EventCode, HrTime};

use crate::vconnection::VConnection;

/// A shared connection, as acceptors and connectors get it.
///
/// The example of [`IoData`](crate::IoData) gets one.
pub type NetVcRef = Arc<dyn NetVConnection>;

/// Whose side of the proxy a connection is on. Mirrors `NetVConnectionContext_t`.
///
/// The example of [`NetVcBase`] sets one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetVConnectionContext {
    /// Between the client and the proxy (`NET_VCONNECTION_IN`).
    In,
    /// Between the proxy and the server (`NET_VCONNECTION_OUT`).
    Out,
}

/// How the local address of a connection is bound. Mirrors `addr_bind_style`.
///
/// It is a part of [`NetVCOptions`], whose example leaves it at any address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AddrBindStyle {
    /// Any local address.
    #[default]
    AnyAddr,
    /// The address of an interface.
    IntfAddr,
    /// An address of another host.
    ForeignAddr,
}

/// What a user may ask of a connection. Mirrors `NetVCOptions`.
///
/// ```
/// use iocore::NetVCOptions;
///
/// let options = NetVCOptions {
///     sockopt_flags: NetVCOptions::SOCK_OPT_NO_DELAY | NetVCOptions::SOCK_OPT_KEEP_ALIVE,
///     ..NetVCOptions::default()
/// };
/// assert_eq!(options.local_port, 0, "any");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NetVCOptions {
    /// The local address, if it is not [`AddrBindStyle::AnyAddr`].
    pub local_ip: Option<IpAddr>,
    /// The local port, 0 for any.
    pub local_port: u16,
    /// How the local address is bound.
    pub addr_binding: AddrBindStyle,
    /// Size of the socket's receive buffer in bytes, 0 for the system's default.
    pub socket_recv_bufsize: i32,
    /// Size of the socket's send buffer in bytes, 0 for the system's default.
    pub socket_send_bufsize: i32,
    /// A mask of the `SOCK_OPT_*` values.
    pub sockopt_flags: u32,
    /// `SO_MARK`, if asked for.
    pub packet_mark: u32,
    /// `IP_TOS`, if asked for.
    pub packet_tos: u32,
}

impl NetVCOptions {
    /// TCP no delay.
    pub const SOCK_OPT_NO_DELAY: u32 = 1;
    /// Keep alive.
    pub const SOCK_OPT_KEEP_ALIVE: u32 = 2;
    /// Linger.
    pub const SOCK_OPT_LINGER_ON: u32 = 4;
    /// TCP fast open.
    pub const SOCK_OPT_TCP_FAST_OPEN: u32 = 8;
    /// `SO_MARK`.
    pub const SOCK_OPT_PACKET_MARK: u32 = 16;
    /// `IP_TOS`.
    pub const SOCK_OPT_PACKET_TOS: u32 = 32;
}

/// A virtual connection with timeouts and addresses.
///
/// Timeouts saturate as all times do ([`eventsys::hrtime`]): one of
/// [`NEVER`](eventsys::hrtime::NEVER) does not come.
///
/// # Contract
///
/// As [`VConnection`], and:
///
/// - Timeouts are set from a callback of this connection or before its first operation, because
///   the original keeps them without a lock. A timeout only sends an event; the user closes.
/// - `add_to_keep_alive_queue` and its kin are called on the connection's own thread.
/// - The addresses and the options do not change while the connection is open.
///
/// ```
/// use testkit::prelude::*;
///
/// let lab = Lab::new();
/// let (a, p) = lab.agents();
/// p.on(ACCEPT, |me| {
///     me.read(MAX);
///     me.vc().set_inactivity_timeout(hrtime::seconds(3));
/// });
/// p.on(INACTIVITY, |me| me.close());
/// lab.pair(&a, &p);
/// lab.run_ms(10_000);
/// assert!(p.with(|me| me.is_closed()), "nothing came for three seconds");
/// # a.close();
/// ```
pub trait NetVConnection: VConnection {
    /// The part that every such connection has.
    fn net_base(&self) -> &NetVcBase;

    /// Sends `VC_EVENT_ACTIVE_TIMEOUT` once, after `timeout` nanoseconds; 0 and below take it back.
    /// Call it only from a callback of this connection, as in the original, or before its first
    /// operation.
    #[doc(alias = "TSVConnActiveTimeoutSet")]
    fn set_active_timeout(&self, timeout: HrTime);

    /// Sends `VC_EVENT_INACTIVITY_TIMEOUT` once no byte has moved for `timeout` nanoseconds; 0
    /// takes it back. The same rule for callers as for [`NetVConnection::set_active_timeout`].
    ///
    /// Below 0 it has passed already, as in the original: a `PluginVC` sends the event at its next
    /// check, a socket's connection at the first check after a byte has moved.
    #[doc(alias = "TSVConnInactivityTimeoutSet")]
    fn set_inactivity_timeout(&self, timeout: HrTime);

    /// The inactivity timeout that applies if the user sets none.
    fn set_default_inactivity_timeout(&self, timeout: HrTime);

    /// True if the inactivity timeout is the default one.
    fn is_default_inactivity_timeout(&self) -> bool;

    /// Takes the active timeout back.
    #[doc(alias = "TSVConnActiveTimeoutCancel")]
    fn cancel_active_timeout(&self) {
        self.set_active_timeout(0);
    }

    /// Takes the inactivity timeout back.
    #[doc(alias = "TSVConnInactivityTimeoutCancel")]
    fn cancel_inactivity_timeout(&self) {
        self.set_inactivity_timeout(0);
    }

    /// The active timeout in nanoseconds, 0 for none.
    fn get_active_timeout(&self) -> HrTime;

    /// The inactivity timeout in nanoseconds, 0 for none.
    fn get_inactivity_timeout(&self) -> HrTime;

    /// The address of this end.
    fn get_local_addr(&self) -> Option<SocketAddr>;

    /// The address of the other end.
    fn get_remote_addr(&self) -> Option<SocketAddr>;

    /// The number of its socket; -1 if it has none, as the end of a pair. Mirrors `get_socket`.
    #[doc(alias = "TSVConnFdGet")]
    fn get_socket(&self) -> i32 {
        -1
    }

    /// Enters the connection into the queue of idle ones, which may be closed
    /// when connections run short.
    fn add_to_keep_alive_queue(&self) {}

    /// Takes it out again.
    fn remove_from_keep_alive_queue(&self) {}

    /// Enters the connection into the queue of active ones; false if there is no
    /// room.
    fn add_to_active_queue(&self) -> bool {
        true
    }

    /// Takes it out of the queue of active ones. Mirrors
    /// `UnixNetVConnection::remove_from_active_queue`.
    fn remove_from_active_queue(&self) {}

    /// Sends `event` once when the write buffer has been emptied and no `VC_EVENT_WRITE_READY`
    /// would follow. Mirrors `trapWriteBufferEmpty`, which does nothing on a PluginVC.
    fn trap_write_buffer_empty(&self, event: EventCode) {
        let _ = event;
    }

    /// Applies changed options.
    fn apply_options(&self) {}

    /// Chooses the congestion control of the socket. False if there is no such algorithm.
    fn set_tcp_congestion_control(&self, side: NetVConnectionContext) -> bool {
        let _ = side;
        false
    }

    /// The plugin that made the connection: its tag. Mirrors `PluginIdentity`.
    fn plugin_tag(&self) -> Option<Arc<str>> {
        None
    }

    /// The plugin that made the connection: its number, 0 for none.
    fn plugin_id(&self) -> i64 {
        0
    }
}

/// The part that every [`NetVConnection`] has.
///
/// ```
/// use iocore::{NetVConnectionContext, NetVcBase};
///
/// let base = NetVcBase::new(None);
/// base.set_context(NetVConnectionContext::In);
/// assert_eq!(base.context(), Some(NetVConnectionContext::In));
/// ```
#[derive(Default)]
pub struct NetVcBase {
    /// Made at the first request: most connections never get one.
    options: Mutex<Option<Box<NetVCOptions>>>,
    /// 0 unset, 1 in, 2 out.
    context: AtomicU8,
    is_internal_request: AtomicBool,
    is_transparent: AtomicBool,
    thread: Weak<EThread>,
}

impl NetVcBase {
    /// A base for a connection that belongs to `thread`.
    #[must_use]
    pub fn new(thread: Option<&Arc<EThread>>) -> NetVcBase {
        let thread = thread.map_or_else(Weak::new, Arc::downgrade);
        NetVcBase { thread, ..NetVcBase::default() }
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> NetVCOptions {
        self.options.lock().as_deref().cloned().unwrap_or_default()
    }

    /// Changes the options; `apply_options` applies them.
    pub fn set_options(&self, options: NetVCOptions) {
        *self.options.lock() = Some(Box::new(options));
    }

    /// The side of the proxy, if it has been set.
    #[must_use]
    pub fn context(&self) -> Option<NetVConnectionContext> {
        match self.context.load(Ordering::Relaxed) {
            1 => Some(NetVConnectionContext::In),
            2 => Some(NetVConnectionContext::Out),
            _ => None,
        }
    }

    /// Sets the side of the proxy.
    ///
    /// # Panics
    /// If it has been set before.
    pub fn set_context(&self, context: NetVConnectionContext) {
        let number = match context {
            NetVConnectionContext::In => 1,
            NetVConnectionContext::Out => 2,
        };
        let old = self.context.swap(number, Ordering::Relaxed);
        assert_eq!(old, 0, "NET_VCONNECTION_UNSET == netvc_context");
    }

    /// True if the request on this connection comes from a plugin.
    #[must_use]
    pub fn is_internal_request(&self) -> bool {
        self.is_internal_request.load(Ordering::Relaxed)
    }

    /// Says whether the request on this connection comes from a plugin.
    pub fn set_is_internal_request(&self, value: bool) {
        self.is_internal_request.store(value, Ordering::Relaxed);
    }

    /// True if the connection is transparent.
    #[must_use]
    pub fn is_transparent(&self) -> bool {
        self.is_transparent.load(Ordering::Relaxed)
    }

    /// Says whether the connection is transparent.
    pub fn set_is_transparent(&self, value: bool) {
        self.is_transparent.store(value, Ordering::Relaxed);
    }

    /// The thread that the connection belongs to, if it is still there.
    #[must_use]
    pub fn thread(&self) -> Option<Arc<EThread>> {
        self.thread.upgrade()
    }
}
