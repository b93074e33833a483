//! Epochs: the forms of PluginVC that take different steps.

pub use pluginvc::{Epoch, ParseEpochError};
