//! [`IoEvents`]: the event codes of connections and tunnels, with the numbers of the
//! original.
//!
//! Mirrors the `NET_EVENT_*` macros of `iocore/net/I_Net.h` and those of
//! `iocore/utils/OneWayTunnel.cc` (9.1.3).

/// First code of the block that belongs to the net processor.
pub const NET_EVENT_EVENTS_START: i32 = 200;
/// First code of the block for small state machines (`OneWayTunnel`).
const SIMPLE_EVENT_EVENTS_START: i32 = 3300;

eventsys::event_codes! {
    /// The event codes of this crate, as constants of [`EventCode`](eventsys::EventCode).
    ///
    /// ```
    /// use eventsys::EventCode;
    /// use iocore::{IoEvents, event_name};
    ///
    /// assert_eq!(EventCode::NET_EVENT_ACCEPT, EventCode(202));
    /// assert_eq!(event_name(EventCode(202)), Some("NET_EVENT_ACCEPT"));
    /// assert_eq!(event_name(EventCode::VC_EVENT_EOS), Some("VC_EVENT_EOS"));
    /// ```
    pub trait IoEvents {
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
    pub fn event_name;
}

#[cfg(test)]
mod tests {
    use eventsys::EventCode;

    use super::{IoEvents, event_name};

    #[test]
    fn numbers_and_names_are_the_originals() {
        assert_eq!(EventCode::NET_EVENT_ACCEPT.0, 202);
        assert_eq!(EventCode::ONE_WAY_TUNNEL_EVENT_PEER_CLOSE.0, 3301);
        assert_eq!(event_name(EventCode(205)), Some("NET_EVENT_CANCEL"));
        assert_eq!(event_name(EventCode(104)), Some("VC_EVENT_EOS"));
        assert_eq!(event_name(EventCode(4242)), None);
    }
}
