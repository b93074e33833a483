//! Proof that the port takes the steps of the real programs.
//!
//! | module | what it is for |
//! |---|---|
//! | [`ats`] | Traffic Server: cases, recordings, scenarios, running servers, HTTP |
//! | [`node`] | node's stream layer: scenarios, on the port and on the real node |
//! | [`deviations`] | the registers of known differences |
//! | [`outside`] | child processes and temporary folders, of which nothing is left behind |
//! | [`random`] | a seed as a random input, and statistics of what is made |
//! | [`shrink`] | a small input for which both still differ |
//! | [`input`], [`read_error`] | how a file is read, and a fault in it told |

#![forbid(unsafe_code)]

pub mod ats;
pub mod deviations;
pub mod input;
pub mod node;
pub mod outside;
pub mod pool;
pub mod random;
pub mod shrink;

pub use scenario::read_error;
pub use scenario::read_error::ReadError;
