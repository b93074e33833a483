//! Traffic Server's HTTP state machine, rebuilt on any
//! [`NetVConnection`](iocore::NetVConnection).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod chunked;
pub mod hdr;
