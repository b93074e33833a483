//! [`Release`]: the releases of Traffic Server that have a recording.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::ats::epoch::Epoch;

/// A release of Traffic Server, by the epoch of its PluginVC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Release(Epoch);

impl Release {
    /// Those that can be had as packages, and so run: 8.1.11 and 9.2.9.
    pub const RUNNABLE: [Release; 2] = [Release(Epoch::B), Release(Epoch::D)];

    /// The epoch of its PluginVC.
    #[must_use]
    pub const fn epoch(self) -> Epoch {
        self.0
    }

    /// Its number, `9.2.9`.
    #[must_use]
    pub const fn number(self) -> &'static str {
        self.0.release()
    }
}

impl From<Epoch> for Release {
    fn from(epoch: Epoch) -> Release {
        Release(epoch)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

/// A text that names no release.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("expected a release (8.1.11, 9.1.3, 9.2.9), found {0:?}")]
pub struct UnknownRelease(pub String);

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Release, UnknownRelease> {
        let known = Epoch::ALL.iter().copied().map(Release);
        let mut named = known.filter(|release| release.number() == text);
        named.next().ok_or_else(|| UnknownRelease(text.to_owned()))
    }
}
