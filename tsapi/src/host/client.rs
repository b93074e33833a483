//! Plugins as clients: the connections that `TSHttpConnect` and its kin make.

use std::ffi::c_int;
use std::net::SocketAddr;

use httpsm::ConnectOptions;
use iocore::buffer::SizeIndex;

use super::{Handle, connection, findings, host};

/// The block sizes that `TSHttpConnectPlugin` takes: 128 bytes to 2 MiB. Any other becomes 32 KiB.
pub(crate) const SIZES: std::ops::RangeInclusive<c_int> = 0..=14;

/// The index of 32 KiB.
pub(crate) const DEFAULT_SIZE: c_int = 8;

/// `TSHttpConnectPlugin`: the plugin's end of a pair whose other end is a client's connection.
pub(crate) fn connect(
    address: Option<SocketAddr>,
    tag: &str,
    id: i64,
    buffer_index: c_int,
    buffer_water_mark: c_int,
) -> Handle {
    let addr = client_address(address);
    let index = if SIZES.contains(&buffer_index) { buffer_index } else { DEFAULT_SIZE };
    let options = ConnectOptions {
        addr,
        tag,
        id,
        buffer_index: SizeIndex::from_raw(i64::from(index)),
        buffer_water_mark: i64::from(buffer_water_mark.max(0)),
    };
    connection::handle_of(&httpsm::ts_http_connect_plugin(&host().proxy, &options))
}

/// The original asserts `ats_is_ip` and `ats_ip_port_cast`.
fn client_address(address: Option<SocketAddr>) -> SocketAddr {
    match address {
        None => findings::end("the address is neither IPv4 nor IPv6".to_owned()),
        Some(address) if address.port() == 0 => findings::end(
            "the address has the port 0: `ats_ip_port_cast(options->addr)`".to_owned(),
        ),
        Some(address) => address,
    }
}
