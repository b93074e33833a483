//! Where the real servers are: the argument `--servers`, shared by all commands.

use std::path::PathBuf;

use clap::Args;
use conformance::ats::live::{LiveError, Release, Server};

/// Where the real servers are.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServersArg {
    /// The folder of the real servers, unpacked by tests/live/install
    #[arg(
        long,
        value_name = "FOLDER",
        env = "ATSLAB_SERVERS",
        hide_env_values = true,
        default_value = ServersArg::FOLDER
    )]
    pub servers: PathBuf,
}

impl ServersArg {
    /// Where `tests/live/install` puts them unless told otherwise.
    const FOLDER: &str = "target/live";

    /// All servers that have been unpacked.
    pub(crate) fn installed(&self) -> Vec<Server> {
        let find = |release| self.find(release).ok();
        Release::RUNNABLE.into_iter().filter_map(find).collect()
    }

    /// The server of `release`, if it has been unpacked.
    pub(crate) fn find(&self, release: Release) -> Result<Server, LiveError> {
        Server::find(&self.servers, release)
    }
}

impl Default for ServersArg {
    fn default() -> ServersArg {
        ServersArg { servers: ServersArg::FOLDER.into() }
    }
}
