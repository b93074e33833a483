//! The options of a call to the net processor: how to listen, where to connect.
//!
//! Mirrors `NetProcessor::AcceptOptions` of `iocore/net/I_NetProcessor.h` (9.2.9).
//! The options of one connection are [`NetVCOptions`].

use std::net::{IpAddr, SocketAddr};

use crate::net_vconnection::NetVCOptions;

/// How an acceptor listens. Mirrors `NetProcessor::AcceptOptions`.
///
/// ```
/// use iocore::net::AcceptOptions;
///
/// let options = AcceptOptions::on("127.0.0.1:8080".parse().unwrap());
/// assert_eq!(options.local_port, 8080);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AcceptOptions {
    /// The address to listen on; any address if `None`.
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
///
/// ```
/// use iocore::net::Target;
///
/// assert!(matches!(Target::from(("127.0.0.1", 80)), Target::Addr(_)));
/// assert!(matches!(Target::from(("localhost", 80)), Target::Name(..)));
/// ```
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
