//! The two connections of a transaction as plugins see them: their `TSVConn`, addresses, sockets and
//! protocols.
//!
//! Mirrors `TSHttpSsnClientVConnGet`, `TSNetVConnRemoteAddrGet`, `TSHttpTxnClientProtocolStackGet` and
//! their kin of `InkAPI.cc`, and `populate_client_protocol` of `HttpSM.cc` (9.2.9).

use std::ffi::{CStr, c_int};
use std::net::SocketAddr;
use std::sync::Arc;

use eventsys::sync::Mutex;
use httpsm::HttpSsn;
use httpsm::hdr::HTTPVersion;
use iocore::NetVcRef;

use super::connection::{self, Connection};
use super::transaction::{self, Session};
use super::{Handle, want};

/// The end of a connection whose address is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum End {
    /// The proxy's.
    Local,
    /// The peer's.
    Remote,
}

/// Addresses that have been lent, as the bytes of a `sockaddr`: a plugin may read them as long as
/// their owner lives.
#[derive(Default)]
pub(crate) struct Lent(Mutex<Vec<(SocketAddr, Arc<[u8]>)>>);

impl Lent {
    /// The bytes of this address, at the same place each time.
    pub(crate) fn lend(&self, address: SocketAddr) -> Arc<[u8]> {
        let mut all = self.0.lock();
        if let Some((_, bytes)) = all.iter().find(|(other, _)| *other == address) {
            return bytes.clone();
        }
        let bytes: Arc<[u8]> = transaction::sockaddr(address).into();
        all.push((address, bytes.clone()));
        bytes
    }
}

fn address_of(vc: &NetVcRef, end: End) -> Option<SocketAddr> {
    match end {
        End::Local => vc.get_local_addr(),
        End::Remote => vc.get_remote_addr(),
    }
}

/// `TSNetVConnLocalAddrGet` and `TSNetVConnRemoteAddrGet`.
pub(crate) fn of_connection(vc: Handle, end: End) -> Option<Arc<[u8]>> {
    let connection = want::<Connection>(vc);
    Some(connection.addresses.lend(address_of(connection.vc(), end)?))
}

/// `TSHttpSsnIncomingAddrGet` and `TSHttpSsnClientAddrGet`: none for no session, and none after
/// the end of its connection.
pub(crate) fn of_session(ssn: Handle, end: End) -> Option<Arc<[u8]>> {
    let session = (!ssn.is_null()).then(|| want::<Session>(ssn))?;
    Some(session.addresses.lend(address_of(&session.ssn().client_vc()?, end)?))
}

/// `TSHttpTxnIncomingAddrGet`.
pub(crate) fn of_client(txn: Handle) -> Option<Arc<[u8]>> {
    of_session(transaction::session_of(txn), End::Local)
}

/// `TSHttpTxnOutgoingAddrGet`: none without a connection to the origin server.
pub(crate) fn of_server(txn: Handle) -> Option<Arc<[u8]>> {
    let transaction = transaction::alive(txn);
    let address = transaction.txn.server_vc()?.get_local_addr()?;
    Some(transaction.addresses().lend(address))
}

/// `TSHttpSsnClientVConnGet`: NULL after the end of the connection.
pub(crate) fn client_connection(ssn: Handle) -> Handle {
    let session = want::<Session>(ssn);
    match session.ssn().client_vc() {
        Some(vc) => session.connections.of(&vc),
        None => Handle::NULL,
    }
}

/// `TSHttpTxnServerVConnGet`: NULL without a connection to the origin server.
pub(crate) fn server_connection(txn: Handle) -> Handle {
    let transaction = transaction::alive(txn);
    match transaction.txn.server_vc() {
        Some(vc) => transaction.connections().of(&vc),
        None => Handle::NULL,
    }
}

/// The handles of connections that belong to the proxy and that a plugin has asked one transaction or
/// session for. A handle ends with the last of those that it was asked of.
#[derive(Default)]
pub(crate) struct Connections(Mutex<Vec<Handle>>);

impl Connections {
    fn of(&self, vc: &NetVcRef) -> Handle {
        connection::lend(vc, &mut self.0.lock())
    }

    /// Their owner has ended.
    pub(crate) fn end(&self, why: &'static str) {
        for handle in std::mem::take(&mut *self.0.lock()) {
            connection::give_back(handle, why);
        }
    }
}

/// `TSHttpSsnClientFdGet`.
pub(crate) fn client_socket(ssn: Handle) -> Option<c_int> {
    let session = (!ssn.is_null()).then(|| want::<Session>(ssn))?;
    Some(session.ssn().client_vc()?.get_socket())
}

/// `TSHttpTxnServerFdGet`: -1 and an error without a connection to the origin server.
pub(crate) fn server_socket(txn: Handle) -> Option<c_int> {
    Some(transaction::alive(txn).txn.server_vc()?.get_socket())
}

/// `TSVConnFdGet`.
pub(crate) fn socket_of(vc: Handle) -> c_int {
    want::<Connection>(vc).vc().get_socket()
}

/// `TSVConnIsSsl` and its kin: there is no TLS, so no connection has it.
pub(crate) fn is_ssl(vc: Handle) -> bool {
    let _ = want::<Connection>(vc);
    false
}

/// `TSHttpSsnIsInternal`.
pub(crate) fn is_internal(ssn: Handle) -> bool {
    !ssn.is_null()
        && want::<Session>(ssn)
            .ssn()
            .client_vc()
            .is_some_and(|vc| vc.net_base().is_internal_request())
}

/// The protocols of a connection, the inner one first. A pair has none.
fn protocols_of(vc: Option<&NetVcRef>) -> Vec<&'static CStr> {
    let Some(vc) = vc.filter(|vc| vc.get_socket() >= 0) else { return Vec::new() };
    let family = match vc.get_remote_addr() {
        Some(SocketAddr::V4(_)) => Some(c"ipv4"),
        Some(SocketAddr::V6(_)) => Some(c"ipv6"),
        None => None,
    };
    std::iter::once(c"tcp").chain(family).collect()
}

fn of_version(version: HTTPVersion) -> Option<&'static CStr> {
    Some(match (version.major, version.minor) {
        (0, 9) => c"http/0.9",
        (1, 0) => c"http/1.0",
        (1, 1) => c"http/1.1",
        _ => return None,
    })
}

/// Without a version of HTTP that is known nothing is told, as in the original.
fn stack(version: HTTPVersion, vc: Option<&NetVcRef>) -> Vec<&'static CStr> {
    match of_version(version) {
        Some(http) => std::iter::once(http).chain(protocols_of(vc)).collect(),
        None => Vec::new(),
    }
}

/// `TSHttpTxnClientProtocolStackGet`.
pub(crate) fn client_protocols(txn: Handle) -> Vec<&'static CStr> {
    let txn = transaction::alive(txn).txn;
    let version = txn.with_client_request(|request| request.version);
    stack(version, txn.ssn().as_ref().and_then(HttpSsn::client_vc).as_ref())
}

/// `TSHttpTxnServerProtocolStackGet`: nothing without a request for the origin server.
pub(crate) fn server_protocols(txn: Handle) -> Vec<&'static CStr> {
    let txn = transaction::alive(txn).txn;
    let version = txn.with_server_request(|request| request.version);
    version.map_or_else(Vec::new, |version| stack(version, txn.server_vc().as_ref()))
}

/// `TSHttpSsnClientProtocolStackGet`.
pub(crate) fn session_protocols(ssn: Handle) -> Vec<&'static CStr> {
    protocols_of(want::<Session>(ssn).ssn().client_vc().as_ref())
}

/// `TSHttpTxnClientProtocolStackContains` and its kin: the first that begins with this text. The
/// version of HTTP is compared letter by letter, the others whatever their case.
pub(crate) fn first_with(protocols: &[&'static CStr], prefix: &[u8]) -> Option<&'static CStr> {
    protocols.iter().copied().find(|one| {
        let text = one.to_bytes();
        let Some(begin) = text.get(..prefix.len()) else { return false };
        match text.starts_with(b"http/") {
            true => begin == prefix,
            false => begin.eq_ignore_ascii_case(prefix),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_found_by_their_beginning() {
        let all = [c"http/1.1", c"tcp", c"ipv4"];
        assert_eq!(first_with(&all, b"http"), Some(c"http/1.1"));
        assert_eq!(first_with(&all, b"HTTP"), None);
        assert_eq!(first_with(&all, b"IP"), Some(c"ipv4"));
        assert_eq!(first_with(&all, b"h2"), None);
        assert_eq!(first_with(&all, b"ipv4 and more"), None);
        assert_eq!(of_version(HTTPVersion { major: 1, minor: 2 }), None);
    }
}
