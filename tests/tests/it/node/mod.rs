//! Node's stream layer: recorded scenarios, planted faults, what is left behind.

mod left;
mod planted;
mod recorded;
