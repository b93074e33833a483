//! A Rust rebuild of the I/O core of Apache Traffic Server: buffers,
//! operations, connections.
//!
//! A state machine gives a *connection* ([`VConnection`]) a *buffer*
//! ([`MIOBuffer`](buffer::MIOBuffer)) and a number of bytes, and gets an
//! *operation* ([`VIO`]) for it; the connection moves bytes and calls back.
//!
//! # In which order to read
//! 1. [`buffer`]: chains of shared blocks, readers, water marks;
//! 2. [`BoundBuffer`]: a buffer under a mutex;
//! 3. [`VIO`]: an operation;
//! 4. [`VConnection`], [`NetVConnection`]: connections, which carry it out;
//! 5. [`IoChannel`]: a buffer, a reader and an operation, as users keep them;
//! 6. [`OneWayTunnel`]: the smallest user of all of these;
//! 7. [`net`]: connections over TCP.

#![warn(missing_docs)]

mod bound;
pub mod buffer;
pub mod defects;
mod events;
mod io_channel;
pub mod net;
mod net_vconnection;
mod one_way_tunnel;
mod vconnection;
mod vio;

pub use bound::{BoundBuffer, IOBufferReader};
pub use events::{IoEvents, NET_EVENT_EVENTS_START, event_name};
pub use io_channel::IoChannel;
pub use net_vconnection::{
    AddrBindStyle, NetVCOptions, NetVConnection, NetVConnectionContext, NetVcBase, NetVcRef,
};
pub use one_way_tunnel::{OneWayTunnel, TUNNEL_TILL_DONE, Transform, TunnelOptions};
pub use vconnection::{
    ApiData, DataId, IoData, ShutdownHowTo, UserData, VConnection, get_vc_event_name,
};
pub use vio::{BoundVio, MIOBufferAccessor, VIO, VioHandle, VioOp};
