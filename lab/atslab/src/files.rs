//! Files: what is read of them, and how many this process may have open.

use std::convert::Infallible;
use std::path::Path;

use conformance::input::{MOST_OF_LINES, file_name, read_file};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::Error;

/// The text of a file of JSON lines.
pub(crate) fn lines_of(path: &Path) -> Result<String, Error> {
    let bytes = read_file::<Infallible>(path, MOST_OF_LINES)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|&&byte| byte == b'\n').count();
        let fault = format!("expected UTF-8 text, found the byte 0x{:02x}", error.as_bytes()[good]);
        Error::Line { place: format!("{}:{line}", file_name(path)), fault }
    })
}

/// Raises the limit of open files as far as an ordinary user may. Mirrors
/// `adjust_sys_settings` and `check_fd_limit` of `src/traffic_server/traffic_server.cc`
/// (9.2.9).
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        // The server works, but with fewer connections.
        log::warn!(target: "serve", "no more than {current:?} open files: {error}");
    }
}
