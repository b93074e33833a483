//! The steps of the event loop. No recording has them: they are reported only with
//! [`Options::trace_events`](crate::Options::trace_events).

crate::step_kinds! {
    /// An event was queued; the value is its code.
    SCHEDULE = "schedule", "event";
    /// An event is dispatched; the value is the code its continuation is called with.
    DISPATCH = "dispatch", "event";
    /// The dispatcher's try-lock of a continuation's mutex missed; the value is
    /// the code it would have been called with.
    DISPATCH_LOCK_MISS = "dispatch_lock_miss", "event";
}
