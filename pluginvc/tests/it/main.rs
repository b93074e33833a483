//! The tests of PluginVC, in one binary: a binary for each file would be linked
//! one by one, which takes most of the time and the space of a build.

mod about;
mod closing;
mod common;
mod connect;
mod conservation;
mod contract;
mod defects;
mod epochs;
mod retries;
mod threads;
mod timeouts;
mod transfer;
mod tunnel;
