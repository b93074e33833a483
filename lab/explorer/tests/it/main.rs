//! The engine on scenes so small that every schedule can be counted by hand.

mod found;
mod memory;
mod observers;
mod order;
mod parts;
mod replay;
mod statement;
