//! `TSTextLogObject`: a plugin's own log.
//!
//! Mirrors `TSTextLogObjectCreate` and its kin of `InkAPI.cc` (9.2.9). The port has no log files: a line
//! goes to the log with the target `textlog`, so `RUST_LOG=textlog=info` shows it. How files are rolled
//! has no effect.

use std::ffi::c_int;

use super::{Handle, table, take_out, want};

/// A log with the name that the plugin has given.
pub(crate) struct TextLog {
    name: String,
}

/// The modes: `TS_LOG_MODE_ADD_TIMESTAMP`, `TS_LOG_MODE_DO_NOT_RENAME`, and both.
const MODES: std::ops::Range<c_int> = 0..4;

/// `TSTextLogObjectCreate`: no log for a mode that does not exist.
pub(crate) fn create(name: &str, mode: c_int) -> Option<Handle> {
    MODES.contains(&mode).then(|| table().insert(TextLog { name: name.to_owned() }))
}

/// `TSTextLogObjectWrite`.
pub(crate) fn write(text_log: Handle, text: &str) {
    // Before the line, which is only made if the log wants it: a bad handle is a finding in any case.
    let text_log = want::<TextLog>(text_log);
    log::info!(target: "textlog", "{}: {text}", text_log.name);
}

/// `TSTextLogObjectDestroy`.
pub(crate) fn destroy(text_log: Handle) {
    take_out::<TextLog>(text_log, "TSTextLogObjectDestroy was called");
}

/// Settings of a file, and `TSTextLogObjectFlush`: there is no file.
pub(crate) fn no_file(text_log: Handle) {
    let _ = want::<TextLog>(text_log);
}
