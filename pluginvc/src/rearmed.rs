//! Code that releases no longer have: what a defect did that is longer than a line.
//!
//! Nothing here is reached unless [`rearmed`](eventsys::defects::rearmed) puts the defect back,
//! so an ordinary build has none of it.

mod close;
mod timeout;
