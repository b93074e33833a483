//! Which real servers are asked: the arguments `--servers` and `--server`, shared by the commands.

use std::path::PathBuf;

use clap::Args;
use conformance::ats::live::{LiveError, Release, Server};

use crate::cli::{Epochs, WhichArgs};

/// Where the unpacked servers are.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FolderArg {
    // clap does not read the variable: a command refuses --servers where it asks no real
    // server, and a variable that is set for other commands must not be refused.
    /// The folder of the real servers, unpacked by tests/live/install [env: ATSLAB_SERVERS]
    /// [default: target/live]
    #[arg(long, value_name = "FOLDER")]
    pub servers: Option<PathBuf>,
}

impl FolderArg {
    /// Where `tests/live/install` puts them unless told otherwise.
    const FOLDER: &str = "target/live";

    /// The variable of the environment that counts where the argument is missing.
    const VARIABLE: &str = "ATSLAB_SERVERS";

    /// The folder of the argument, of the environment, or the default one.
    fn folder(&self) -> PathBuf {
        let named = || std::env::var_os(FolderArg::VARIABLE).filter(|name| !name.is_empty());
        let or_else = || named().map_or_else(|| FolderArg::FOLDER.into(), PathBuf::from);
        self.servers.clone().unwrap_or_else(or_else)
    }

    /// The servers whose headers may be used for `asked`: its own first, then those of the packages,
    /// of which only one has any.
    pub(crate) fn with_headers(&self, asked: &[Server]) -> Vec<Server> {
        let unpacked = Release::RUNNABLE.into_iter().filter_map(|release| self.find(release).ok());
        asked.iter().cloned().chain(unpacked).collect()
    }

    /// The server of `release`, if it has been unpacked.
    pub(crate) fn find(&self, release: Release) -> Result<Server, LiveError> {
        Server::find(&self.folder(), release)
    }
}

/// Which servers are asked: unpacked ones, or one of the user's.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServersArg {
    #[command(flatten)]
    pub folder: FolderArg,

    /// A server of your own: an installed prefix, a build tree, an unpacked package, or the
    /// binary itself
    #[arg(long, value_name = "PATH")]
    pub server: Option<PathBuf>,
}

impl ServersArg {
    /// The server of the user, else the unpacked one of `release`.
    pub(crate) fn find(&self, release: Release) -> Result<Server, LiveError> {
        match &self.server {
            Some(path) => Server::at(path),
            None => self.folder.find(release),
        }
    }

    /// The server of the user, compared with the named epoch if one is named; else the selected
    /// unpacked ones.
    pub(crate) fn chosen(&self, which: &WhichArgs) -> Result<Vec<Server>, LiveError> {
        let Some(path) = &self.server else {
            return which.releases().into_iter().map(|release| self.folder.find(release)).collect();
        };
        let server = Server::at(path)?;
        Ok(vec![match which.named() {
            Some(Epochs::One(epoch)) => server.compared_with(epoch),
            _ => server,
        }])
    }

    /// As [`FolderArg::with_headers`].
    pub(crate) fn with_headers(&self, asked: &[Server]) -> Vec<Server> {
        self.folder.with_headers(asked)
    }
}
