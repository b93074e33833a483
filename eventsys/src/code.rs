//! Event codes, with the numbers of the original.
//!
//! Mirrors the `EVENT_*` macros of `iocore/eventsystem/I_Event.h` and the
//! `VC_EVENT_*` macros of `I_VConnection.h` (9.1.3). The codes are numbers and not an
//! enum because every layer above adds a block of its own, with
//! [`event_codes!`](crate::event_codes), and because recordings and users of the real
//! server know them by number.

use std::fmt;

/// The code a continuation is called back with. The number is the original's.
///
/// The type is open: a layer declares its own codes with
/// [`event_codes!`](crate::event_codes), and writes them as `EventCode::NAME` as well.
///
/// ```
/// use eventsys::EventCode;
///
/// assert_eq!(EventCode::VC_EVENT_EOS, EventCode(104));
/// assert_eq!(EventCode(104).name(), Some("VC_EVENT_EOS"));
/// assert_eq!(EventCode(202).name(), None, "this block belongs to iocore");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCode(pub i32);

/// First code of the block that belongs to virtual connections.
pub const VC_EVENT_EVENTS_START: i32 = 100;

/// Declares the event codes of a layer: a trait that gives them to [`EventCode`], and a
/// function that names them. With the trait in scope a code is written
/// `EventCode::NAME`, in patterns too; without it, it is an error and not a new variable.
///
/// The function knows the event system's names as well. A layer that stands on another
/// one with names of its own writes `pub fn NAME, else PATH;`, where `PATH` is the
/// function of the layer below.
///
/// ```
/// use eventsys::EventCode;
///
/// eventsys::event_codes! {
///     /// The events of a house.
///     pub trait HouseEvents {
///         /// The door bell rings.
///         HOUSE_EVENT_BELL = 7000;
///     }
///     pub fn house_event_name;
/// }
///
/// let heard = |event| match event {
///     EventCode::HOUSE_EVENT_BELL => "the bell",
///     _ => "something else",
/// };
/// assert_eq!(heard(EventCode(7000)), "the bell");
/// assert_eq!(house_event_name(EventCode(7000)), Some("HOUSE_EVENT_BELL"));
/// assert_eq!(house_event_name(EventCode(104)), Some("VC_EVENT_EOS"));
///
/// eventsys::event_codes! {
///     /// The events of a street, whose layer stands on that of the houses.
///     pub trait StreetEvents {
///         /// A parade passes.
///         STREET_EVENT_PARADE = 8000;
///     }
///     pub fn street_event_name, else house_event_name;
/// }
///
/// assert_eq!(street_event_name(EventCode(8000)), Some("STREET_EVENT_PARADE"));
/// assert_eq!(street_event_name(EventCode(7000)), Some("HOUSE_EVENT_BELL"));
/// ```
#[macro_export]
macro_rules! event_codes {
    (
        $(#[$trait_doc:meta])* pub trait $trait:ident {
            $($(#[$doc:meta])* $name:ident = $value:expr;)*
        }
        pub fn $event_name:ident $(, else $below:path)?;
    ) => {
        $(#[$trait_doc])*
        pub trait $trait {
            $($(#[$doc])* const $name: $crate::EventCode = $crate::EventCode($value);)*
        }

        impl $trait for $crate::EventCode {}

        /// The original's name of `code`, if it is one of this layer or of a layer below.
        #[must_use]
        pub fn $event_name(code: $crate::EventCode) -> Option<&'static str> {
            $(if code.0 == $value { return Some(stringify!($name)); })*
            $crate::event_codes!(@below code $(, $below)?)
        }
    };
    (@below $code:ident) => { $code.name() };
    (@below $code:ident, $below:path) => { $below($code) };
}

macro_rules! own_codes {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        impl EventCode {
            $($(#[$doc])* pub const $name: EventCode = EventCode($value);)*

            /// The original's name of this code, if it is one of the event system's; a
            /// layer above has a function that knows its own as well. `VC_EVENT_ERROR`
            /// shares its number with `EVENT_ERROR` and prints as the latter.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                $(if self.0 == $value { return Some(stringify!($name)); })*
                None
            }
        }
    };
}

own_codes! {
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
    /// No byte moved for the time of the inactivity timeout.
    VC_EVENT_INACTIVITY_TIMEOUT = VC_EVENT_EVENTS_START + 5;
    /// The operation outlived the active timeout.
    VC_EVENT_ACTIVE_TIMEOUT = VC_EVENT_EVENTS_START + 6;
    /// Out-of-band data has been sent.
    VC_EVENT_OOB_COMPLETE = VC_EVENT_EVENTS_START + 7;
}

impl EventCode {
    /// The error event as virtual connections send it; the same number as
    /// [`EventCode::EVENT_ERROR`].
    pub const VC_EVENT_ERROR: EventCode = EventCode::EVENT_ERROR;
}

impl EventCode {
    /// The code as text: the name that `event_name` gives it, else `event` and its number.
    ///
    /// The type's own texts know the names of the event system only. A layer above prints
    /// a code with its own function, which [`event_codes!`](crate::event_codes) makes.
    ///
    /// ```
    /// use eventsys::EventCode;
    ///
    /// let house_event_name = |code: EventCode| (code.0 == 7000).then_some("HOUSE_EVENT_BELL");
    /// assert_eq!(EventCode(7000).shown_by(house_event_name).to_string(), "HOUSE_EVENT_BELL");
    /// assert_eq!(EventCode(7001).shown_by(house_event_name).to_string(), "event 7001");
    /// ```
    pub fn shown_by(
        self,
        event_name: impl Fn(EventCode) -> Option<&'static str>,
    ) -> impl fmt::Display {
        fmt::from_fn(move |f| match event_name(self) {
            Some(name) => f.write_str(name),
            None => write!(f, "event {}", self.0),
        })
    }
}

/// The name if the event system knows one, else `event` and the number. See
/// [`EventCode::shown_by`] for codes of other layers.
impl fmt::Display for EventCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown_by(EventCode::name).fmt(f)
    }
}

/// As [`Display`](fmt::Display), and a name is followed by the number in parentheses.
impl fmt::Debug for EventCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "event {}", self.0),
        }
    }
}

/// What a handler returns. Mirrors `EVENT_DONE` and `EVENT_CONT`; the event
/// system itself does not look at it, some callers (timeouts, tunnels) do.
///
/// The examples of [`StateMachine`](crate::StateMachine) return one.
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
        assert_eq!(EventCode(104).to_string(), "VC_EVENT_EOS");
        assert_eq!(EventCode(4242).to_string(), "event 4242");
        assert_eq!(format!("{:?}", EventCode(3)), "EVENT_ERROR (3)");
        assert_eq!(format!("{:?}", EventCode(4242)), "event 4242");
    }
}
