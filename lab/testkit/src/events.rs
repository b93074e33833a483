//! Short names for the events that agents react to.

use eventsys::EventCode;
use iocore::IoEvents;

/// `NET_EVENT_ACCEPT`: the agent has been given the passive end.
pub const ACCEPT: EventCode = EventCode::NET_EVENT_ACCEPT;
/// `NET_EVENT_OPEN`: `connect_re` has made the connection.
pub const OPEN: EventCode = EventCode::NET_EVENT_OPEN;
/// `VC_EVENT_READ_READY`: bytes have come.
pub const READ_READY: EventCode = EventCode::VC_EVENT_READ_READY;
/// `VC_EVENT_READ_COMPLETE`: the read has all its bytes.
pub const READ_COMPLETE: EventCode = EventCode::VC_EVENT_READ_COMPLETE;
/// `VC_EVENT_WRITE_READY`: bytes have gone.
pub const WRITE_READY: EventCode = EventCode::VC_EVENT_WRITE_READY;
/// `VC_EVENT_WRITE_COMPLETE`: the write has moved all its bytes.
pub const WRITE_COMPLETE: EventCode = EventCode::VC_EVENT_WRITE_COMPLETE;
/// `VC_EVENT_EOS`: the other end has closed or has shut its write side down.
pub const EOS: EventCode = EventCode::VC_EVENT_EOS;
/// `VC_EVENT_ERROR`.
pub const ERROR: EventCode = EventCode::VC_EVENT_ERROR;
/// `VC_EVENT_INACTIVITY_TIMEOUT`.
pub const INACTIVITY: EventCode = EventCode::VC_EVENT_INACTIVITY_TIMEOUT;
/// `VC_EVENT_ACTIVE_TIMEOUT`.
pub const ACTIVE: EventCode = EventCode::VC_EVENT_ACTIVE_TIMEOUT;

/// As many bytes as come: `INT64_MAX` for `nbytes`.
pub const MAX: i64 = i64::MAX;
