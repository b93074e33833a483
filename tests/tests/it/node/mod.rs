//! Node's stream layer: recorded scenarios.

mod recorded;
