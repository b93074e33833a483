//! How many files this process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as it may be raised without leave. Mirrors
/// `adjust_sys_settings` and `check_fd_limit` of `src/traffic_server/traffic_server.cc`
/// (9.2.9).
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        // It works with fewer connections.
        log::warn!(target: "serve", "no more than {current:?} open files: {error}");
    }
}
