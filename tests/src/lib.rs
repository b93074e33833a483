//! Proof that the port takes the steps of the real programs.
//!
//! | module | what it is for |
//! |---|---|
//! | [`ats`] | Traffic Server: cases, recordings, scenarios, running servers, HTTP |
//! | [`node`] | node's stream layer: scenarios, on the port and on the real node |
//! | [`outside`] | child processes and temporary folders, of which nothing is left behind |
//! | [`input`], [`read_error`] | how a file is read, and a fault in it told |

#![forbid(unsafe_code)]

pub mod ats;
pub mod input;
pub mod node;
pub mod outside;
pub mod read_error;

pub use read_error::ReadError;
