//! Where the real servers are: the argument `--servers`, shared by all commands.

use std::path::PathBuf;

use clap::Args;
use conformance::ats::live::{LiveError, Release, Server};

/// Where the real servers are.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServersArg {
    // clap does not read the variable: a command refuses --servers where it asks no real
    // server, and a variable that is set for other commands must not be refused.
    /// The folder of the real servers, unpacked by tests/live/install [env: ATSLAB_SERVERS]
    /// [default: target/live]
    #[arg(long, value_name = "FOLDER")]
    pub servers: Option<PathBuf>,
}

impl ServersArg {
    /// Where `tests/live/install` puts them unless told otherwise.
    const FOLDER: &str = "target/live";

    /// The variable of the environment that counts where the argument is missing.
    const VARIABLE: &str = "ATSLAB_SERVERS";

    /// The folder of the argument, of the environment, or the default one.
    fn folder(&self) -> PathBuf {
        let named = || std::env::var_os(ServersArg::VARIABLE).filter(|name| !name.is_empty());
        let or_else = || named().map_or_else(|| ServersArg::FOLDER.into(), PathBuf::from);
        self.servers.clone().unwrap_or_else(or_else)
    }

    /// All servers that have been unpacked.
    pub(crate) fn installed(&self) -> Vec<Server> {
        let find = |release| self.find(release).ok();
        Release::RUNNABLE.into_iter().filter_map(find).collect()
    }

    /// The server of `release`, if it has been unpacked.
    pub(crate) fn find(&self, release: Release) -> Result<Server, LiveError> {
        Server::find(&self.folder(), release)
    }
}
