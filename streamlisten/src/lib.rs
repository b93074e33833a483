//! Node's stream layer.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod llhttp;
