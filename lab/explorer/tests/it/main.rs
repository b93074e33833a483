//! The engine on scenes so small that every schedule can be counted by hand.

mod found;
