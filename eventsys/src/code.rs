//! Event codes, with the numbers of the original.
//!
//! Mirrors the `EVENT_*` macros of `iocore/eventsystem/I_Event.h`, the
//! `VC_EVENT_*` macros of `I_VConnection.h` and the `NET_EVENT_*` macros of
//! `iocore/net/I_Net.h` (9.1.3). The codes are numbers and not an enum because
//! every layer above may add a block of its own, and because recordings and
//! users of the real server know them by number.

use std::fmt;

/// The code a continuation is called back with. The number is the original's.
///
/// ```
/// use eventsys::EventCode;
///
/// assert_eq!(EventCode::VC_EVENT_EOS, EventCode(104));
/// assert_eq!(EventCode(104).name(), Some("VC_EVENT_EOS"));
/// assert_eq!(EventCode(60_000).name(), None, "codes of one's own are allowed");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCode(pub i32);

/// First code of the block that belongs to virtual connections.
pub const VC_EVENT_EVENTS_START: i32 = 100;
/// First code of the block that belongs to the net processor.
pub const NET_EVENT_EVENTS_START: i32 = 200;
/// First code of the block for small state machines (`OneWayTunnel`).
const SIMPLE_EVENT_EVENTS_START: i32 = 3300;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        impl EventCode {
            $($(#[$doc])* pub const $name: EventCode = EventCode($value);)*

            /// The original's name of this code, where it has one. `VC_EVENT_ERROR`
            /// shares its number with `EVENT_ERROR` and prints as the latter.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                $(if self.0 == $value { return Some(stringify!($name)); })*
                None
            }
        }
    };
}

codes! {
    /// No event; the wild card of `NetVCTest`.
    EVENT_NONE = 0;
    /// An event scheduled to run as soon as possible.
    EVENT_IMMEDIATE = 1;
    /// A timer, one-shot or periodic.
    EVENT_INTERVAL = 2;
    /// An error.
    EVENT_ERROR = 3;
    /// Used inside state machines.
    EVENT_CALL = 4;
    /// A negative (poll) event, run once in each pass of the event loop.
    EVENT_POLL = 5;
    /// Bytes have been added to the read buffer.
    VC_EVENT_READ_READY = VC_EVENT_EVENTS_START;
    /// Bytes have been taken from the write buffer, or it is empty.
    VC_EVENT_WRITE_READY = VC_EVENT_EVENTS_START + 1;
    /// `nbytes` bytes have been read.
    VC_EVENT_READ_COMPLETE = VC_EVENT_EVENTS_START + 2;
    /// `nbytes` bytes have been written.
    VC_EVENT_WRITE_COMPLETE = VC_EVENT_EVENTS_START + 3;
    /// The stream being read has ended.
    VC_EVENT_EOS = VC_EVENT_EVENTS_START + 4;
    /// Nothing moved for the inactivity timeout.
    VC_EVENT_INACTIVITY_TIMEOUT = VC_EVENT_EVENTS_START + 5;
    /// The operation outlived the active timeout.
    VC_EVENT_ACTIVE_TIMEOUT = VC_EVENT_EVENTS_START + 6;
    /// Out-of-band data has been sent.
    VC_EVENT_OOB_COMPLETE = VC_EVENT_EVENTS_START + 7;
    /// `connect_re` has made the connection.
    NET_EVENT_OPEN = NET_EVENT_EVENTS_START;
    /// `connect_re` could not make the connection.
    NET_EVENT_OPEN_FAILED = NET_EVENT_EVENTS_START + 1;
    /// A new connection, for the acceptor.
    NET_EVENT_ACCEPT = NET_EVENT_EVENTS_START + 2;
    /// `accept` succeeded.
    NET_EVENT_ACCEPT_SUCCEED = NET_EVENT_EVENTS_START + 3;
    /// The connection the acceptor was waiting for will never be made.
    NET_EVENT_ACCEPT_FAILED = NET_EVENT_EVENTS_START + 4;
    /// The accept has been cancelled.
    NET_EVENT_CANCEL = NET_EVENT_EVENTS_START + 5;
    /// Sent by one `OneWayTunnel` of a pair to the other when it ends.
    ONE_WAY_TUNNEL_EVENT_PEER_CLOSE = SIMPLE_EVENT_EVENTS_START + 1;
}

impl EventCode {
    /// The error event as virtual connections send it; the same number as
    /// [`EventCode::EVENT_ERROR`].
    pub const VC_EVENT_ERROR: EventCode = EventCode::EVENT_ERROR;
}

impl fmt::Display for EventCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "event {}", self.0),
        }
    }
}

impl fmt::Debug for EventCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.0)
    }
}

/// What a handler returns. Mirrors `EVENT_DONE` and `EVENT_CONT`; the event
/// system itself does not look at it, some callers (timeouts, tunnels) do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// `EVENT_DONE` (0).
    Done,
    /// `EVENT_CONT` (1).
    Cont,
}

#[cfg(test)]
mod tests {
    use super::EventCode;

    #[test]
    fn numbers_and_names_are_the_originals() {
        assert_eq!(EventCode::VC_EVENT_ACTIVE_TIMEOUT.0, 106);
        assert_eq!(EventCode::NET_EVENT_ACCEPT.0, 202);
        assert_eq!(EventCode::ONE_WAY_TUNNEL_EVENT_PEER_CLOSE.0, 3301);
        assert_eq!(EventCode(104).to_string(), "VC_EVENT_EOS");
        assert_eq!(EventCode(4242).to_string(), "event 4242");
        assert_eq!(format!("{:?}", EventCode(3)), "EVENT_ERROR (3)");
    }
}
