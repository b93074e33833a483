//! Code of old releases, for the defects that take more than a line to put back.
//!
//! Nothing here is reached unless [`rearmed`](eventsys::defects::rearmed) puts the defect back,
//! so an ordinary build has none of it.

mod close;
mod timeout;
