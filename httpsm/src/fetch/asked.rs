//! What a plugin asks of a fetch: when it is called, with which events, and what is done
//! differently. Mirrors the types of `ts/apidefs.h` and `ts/experimental.h` (9.2.9).

use eventsys::EventCode;

#[cfg(doc)]
use super::{FetchSM, FetchedHead};

/// The codes of the events that a plugin gets from [`FetchSM::fetch_url`]. Mirrors `TSFetchEvent`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchEvents {
    /// The answer is there, or its head.
    pub success: EventCode,
    /// There is no answer.
    pub failure: EventCode,
    /// Never comes: the original does not use it either.
    pub timeout: EventCode,
}

/// When a plugin gets an event from [`FetchSM::fetch_url`]. Mirrors `TSFetchWakeUpOptions`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchWakeUp {
    /// Only if it fails.
    NoCallback,
    /// When the head is there, with a [`FetchedHead`]; and when the answer is complete.
    AfterHeader,
    /// When the answer is complete.
    AfterBody,
}

/// What a fetch does differently. Mirrors `TSFetchFlags`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FetchFlags {
    /// Body is read in pieces (`TS_FETCH_FLAGS_STREAM`); always on after [`FetchSM::create`].
    pub stream: bool,
    /// A chunked body is undone (`TS_FETCH_FLAGS_DECHUNK`).
    pub dechunk: bool,
    /// The fetch has a mutex of its own, not the continuation's (`TS_FETCH_FLAGS_NEWLOCK`).
    pub new_lock: bool,
    /// The request is not marked as internal (`TS_FETCH_FLAGS_NOT_INTERNAL_REQUEST`).
    pub not_internal_request: bool,
}
