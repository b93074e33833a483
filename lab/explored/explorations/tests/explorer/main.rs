//! The engine on scenes so small that every schedule can be counted by hand.
//!
//! ```text
//! cargo test -p explorations --test explorer
//! ```
//!
//! Not in the package of the engine, which is optimised: so are its tests then, and that takes
//! longer than they run.

mod found;
mod memory;
mod observers;
mod order;
mod parts;
mod replay;
mod schedules;
mod statement;
