//! How results look: standard output and colours, tables, differences, progress.

pub(crate) mod diff;
pub(crate) mod log;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod side_by_side;
pub(crate) mod table;
pub(crate) mod wrap;
