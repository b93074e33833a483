//! Epochs: the generations of PluginVC that take different steps.

pub use pluginvc::{Epoch, ParseEpochError};
