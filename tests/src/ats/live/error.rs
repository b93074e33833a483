//! [`LiveError`]: why a real server could not be asked.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::release::Release;

/// Why a real server could not be asked. What a server does with a scenario is
/// never an error, not even a crash.
#[derive(Debug, Error)]
pub enum LiveError {
    /// It has not been unpacked.
    #[error("the server {release} is not in {folder}; run: tests/live/install {folder} {release}")]
    NotInstalled {
        /// The release.
        release: Release,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The release cannot be had as a package.
    #[error("there is no package of the server {0}; it is compared by its recording only")]
    NoPackage(Release),
    /// There is no server in this place.
    #[error(
        "there is no traffic_server in {0}: expected an installed prefix (bin/traffic_server), an \
         unpacked package (usr/bin/traffic_server), a build tree (src/traffic_server) or the \
         binary itself"
    )]
    NoServer(PathBuf),
    /// The server does not say which release it is.
    #[error("{path}: expected a release from 6.2 on from \"traffic_server -V\", found {said:?}")]
    Version {
        /// Where it is.
        path: PathBuf,
        /// The first line that it said.
        said: String,
    },
    /// The server lacks something that the probe needs.
    #[error("the server {release} in {path} cannot be asked: it {why}")]
    Unfit {
        /// Where it is.
        path: PathBuf,
        /// The release.
        release: Release,
        /// What it lacks.
        why: String,
    },
    /// The headers of the plugin interface are missing.
    #[error("{0}: there are no headers (include/ts/ts.h), with which the probe is compiled")]
    NoHeaders(String),
    /// The probe cannot perform it, though PluginVC could.
    #[error("{name}: the real servers cannot be asked: {why}")]
    Unplayable {
        /// The scenario.
        name: String,
        /// Why not.
        why: String,
    },
    /// The compiler cannot build the probe.
    #[error("the probe cannot be built with {compiler}: {message}")]
    Probe {
        /// The compiler.
        compiler: String,
        /// What it said.
        message: String,
    },
    /// The server does not come up, or says something that the probe never says.
    #[error("the server {release} {what}; its last line: {last:?}")]
    Server {
        /// The release.
        release: Release,
        /// What happened.
        what: String,
        /// Its last line.
        last: String,
    },
    /// A process that performs workloads does not do so.
    #[error("the bench process of {name} {what}; its last line: {last:?}")]
    Bench {
        /// Whose process it is.
        name: String,
        /// What happened.
        what: String,
        /// Its last line.
        last: String,
    },
    /// The system refuses something.
    #[error("{what}: {source}")]
    System {
        /// What was attempted.
        what: String,
        /// Why not.
        source: io::Error,
    },
}

impl LiveError {
    /// Names what was attempted when the system refused it.
    pub(crate) fn at(what: impl Into<String>) -> impl FnOnce(io::Error) -> LiveError {
        let what = what.into();
        move |source| LiveError::System { what, source }
    }
}
