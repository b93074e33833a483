//! Makes sockets, binds them and listens on them, with the options that a user
//! asks for.
//!
//! Mirrors `Connection::open`, `connect` and `apply_options` of
//! `iocore/net/UnixConnection.cc` and `Server::listen` of `Connection.cc`.
//! Not modelled: TCP fast open, MPTCP, transparency, accept filters.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::config::NetConfig;
use super::options::AcceptOptions;
use crate::net_vconnection::{AddrBindStyle, NetVCOptions};

/// A socket for a connection to `target`, with options and local address, not
/// connected yet. Mirrors `Connection::open`.
pub(super) fn open(target: SocketAddr, options: &NetVCOptions) -> io::Result<TcpStream> {
    let local = match options.addr_binding {
        // Transparency is not modelled, so a foreign address is bound like any
        // other.
        AddrBindStyle::IntfAddr | AddrBindStyle::ForeignAddr => options.local_ip,
        AddrBindStyle::AnyAddr => None,
    };
    let ip = local.unwrap_or_else(|| unspecified(target.is_ipv6()));
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    set_buffer_sizes(&socket, options.socket_recv_bufsize, options.socket_send_bufsize);
    apply_options(SockRef::from(&socket), options, target.is_ipv6());
    if options.local_port != 0 || local.is_some() {
        socket.bind(&SocketAddr::new(ip, options.local_port).into())?;
    }
    Ok(socket.into())
}

/// Begins to connect. "In progress" does not count as an error. Mirrors
/// `Connection::connect`.
pub(super) fn connect(socket: SockRef<'_>, target: SocketAddr) -> io::Result<()> {
    match socket.connect(&target.into()) {
        Err(error) if !is_in_progress(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS) || error.kind() == io::ErrorKind::WouldBlock
}

/// A socket that listens. Mirrors `Server::listen` and `setup_fd_for_listen`.
pub(super) fn listen(config: &NetConfig, options: &AcceptOptions) -> io::Result<TcpListener> {
    let any = || unspecified(options.ipv6);
    let ip = match options.local_ip {
        _ if options.localhost_only && options.ipv6 => Ipv6Addr::LOCALHOST.into(),
        _ if options.localhost_only => Ipv4Addr::LOCALHOST.into(),
        ip => ip.unwrap_or_else(any),
    };
    let address = SocketAddr::new(ip, options.local_port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    set_buffer_sizes(&socket, options.recv_bufsize, options.send_bufsize);
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    let backlog = config.listen_backlog;
    socket.listen(if (1..=65535).contains(&backlog) { backlog } else { libc::SOMAXCONN })?;
    Ok(socket.into())
}

/// Options that may be changed while the connection lives. As in the original,
/// an option that cannot be set is ignored: a refused "no delay" is no reason
/// to refuse a connection. Mirrors `Connection::apply_options`.
pub(super) fn apply_options(socket: SockRef<'_>, options: &NetVCOptions, ipv6: bool) {
    let wants = |flag: u32| options.sockopt_flags & flag != 0;
    if wants(NetVCOptions::SOCK_OPT_NO_DELAY) {
        let_be(socket.set_tcp_nodelay(true));
    }
    if wants(NetVCOptions::SOCK_OPT_KEEP_ALIVE) {
        let_be(socket.set_keepalive(true));
    }
    if wants(NetVCOptions::SOCK_OPT_LINGER_ON) {
        let_be(socket.set_linger(Some(Duration::ZERO)));
    }
    #[cfg(target_os = "linux")]
    if wants(NetVCOptions::SOCK_OPT_PACKET_MARK) {
        let_be(socket.set_mark(options.packet_mark));
    }
    if wants(NetVCOptions::SOCK_OPT_PACKET_TOS) {
        let_be(match ipv6 {
            true => socket.set_tclass_v6(options.packet_tos),
            false => socket.set_tos_v4(options.packet_tos),
        });
    }
}

/// Sets the requested sizes, or the largest below them that the system gives.
fn set_buffer_sizes(socket: &Socket, recv: i32, send: i32) {
    let largest = |wanted: i32, set: &dyn Fn(usize) -> io::Result<()>| {
        let mut size = usize::try_from(wanted).unwrap_or(0);
        while size > 0 && set(size).is_err() {
            size = size.next_multiple_of(1024) - 1024;
        }
    };
    largest(recv, &|size| socket.set_recv_buffer_size(size));
    largest(send, &|size| socket.set_send_buffer_size(size));
}

fn let_be(result: io::Result<()>) {
    if let Err(error) = result {
        log::debug!(target: "iocore_net", "a socket option was not set: {error}");
    }
}

fn unspecified(ipv6: bool) -> IpAddr {
    match ipv6 {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    }
}
