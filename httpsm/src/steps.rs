//! The steps of the HTTP state machine. Their subject is `H` with the number of the
//! transaction, or `S` with that of the client session. No recording has them.

/// The number of a transaction or session as a step shows it: its low bits.
#[allow(clippy::cast_possible_truncation)] // Two of one trace are not 2^32 apart.
pub(crate) fn number_of(id: u64) -> u32 {
    id as u32
}

eventsys::step_kinds! {
    /// The HTTP state machine enters a state; the value is its number.
    HTTP_STATE = "http_state", "http";
    /// The HTTP state machine received an event; the value is its code.
    HTTP_EVENT = "http_event", "http";
    /// A plugin is called at a hook; the value is the code of the hook's event.
    HTTP_HOOK = "http_hook", "http";
}
