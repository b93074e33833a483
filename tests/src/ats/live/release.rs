//! [`Release`]: a release of Traffic Server, and the epoch that it belongs to.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::ats::epoch::Epoch;

/// A release of Traffic Server, by its number.
///
/// ```
/// use conformance::ats::Epoch;
/// use conformance::ats::live::Release;
///
/// let release: Release = "9.2.15".parse().unwrap();
/// assert_eq!((release.epoch(), release.is_recorded()), (Epoch::D, false));
/// assert_eq!(Release::of_server("10.3.1").unwrap().epoch(), Epoch::E);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Release([u16; 3]);

impl Release {
    /// Those that can be had as packages, and so run: 8.1.11 and 9.2.9.
    pub const RUNNABLE: [Release; 2] = [Release([8, 1, 11]), Release([9, 2, 9])];

    /// Those whose source has been read for the port: the ones that stand for an epoch, and those
    /// that take the steps of another one.
    pub const KNOWN: [Release; 6] = [
        Release([8, 1, 11]),
        Release([9, 1, 3]),
        Release([9, 2, 9]),
        Release([9, 2, 15]),
        Release([10, 1, 4]),
        Release([10, 2, 0]),
    ];

    /// The release that a server says it is, `9.2.5`, or with the number of its build, `10.2.0-0`:
    /// any that the port has an epoch for, 6.2 and later.
    #[must_use]
    pub fn of_server(version: &str) -> Option<Release> {
        let version = match version.split_once('-') {
            Some((version, build)) => build.parse::<u32>().ok().map(|_| version)?,
            None => version,
        };
        let mut numbers = version.split('.').map(|number| number.parse().ok());
        let [major, minor, patch] = [(); 3].map(|()| numbers.next());
        let release = Release([major??, minor??, patch.unwrap_or(Some(0))?]);
        (numbers.next().is_none() && release >= Release([6, 2, 0])).then_some(release)
    }

    /// The epoch of its PluginVC.
    #[must_use]
    pub const fn epoch(self) -> Epoch {
        let [major, minor, _] = self.0;
        match (major, minor) {
            (..=8, _) => Epoch::B,
            (9, ..=1) => Epoch::C,
            (9, _) | (10, ..=1) => Epoch::D,
            (10.., _) => Epoch::E,
        }
    }

    /// True if its records are in `records.yaml`, and its headers need C++20.
    pub(crate) const fn is_10_or_later(self) -> bool {
        self.0[0] >= 10
    }

    /// True if it is the release that stands for its epoch: the one that has been recorded.
    #[must_use]
    pub fn is_recorded(self) -> bool {
        self == Release::from(self.epoch())
    }
}

impl From<Epoch> for Release {
    /// The release that has been recorded.
    fn from(epoch: Epoch) -> Release {
        match epoch {
            Epoch::B => Release([8, 1, 11]),
            Epoch::C => Release([9, 1, 3]),
            Epoch::D => Release([9, 2, 9]),
            Epoch::E => Release([10, 2, 0]),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        f.pad(&format!("{major}.{minor}.{patch}"))
    }
}

/// A text that names no release.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("expected a release ({known}), found {0:?}", known = known())]
pub struct UnknownRelease(pub String);

fn known() -> String {
    Release::KNOWN.map(|release| release.to_string()).join(", ")
}

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Release, UnknownRelease> {
        let mut named = Release::KNOWN.into_iter().filter(|release| release.to_string() == text);
        named.next().ok_or_else(|| UnknownRelease(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_release_belongs_to_the_epoch_of_its_source() {
        let epoch = |version| Release::of_server(version).map(Release::epoch);
        let releases = ["6.2.0", "7.1.4", "8.0.8", "8.1.11"];
        assert_eq!(releases.map(epoch), [Some(Epoch::B); 4]);
        assert_eq!(["9.0.2", "9.1.3"].map(epoch), [Some(Epoch::C); 2]);
        assert_eq!(["9.2.0", "9.2.15", "10.0.6", "10.1.4"].map(epoch), [Some(Epoch::D); 4]);
        assert_eq!(["10.2.0", "10.2", "10.10.3", "11.0.0"].map(epoch), [Some(Epoch::E); 4]);
        assert_eq!(epoch("10.2.0-0"), Some(Epoch::E), "a build of one's own says its number");
        let no_release = [
            "10.2.0-",
            "10.2.0-rc0",
            "5.3.2",
            "6.1.1",
            "10",
            "",
            "9.2.5.1",
            "9.2.x",
            "-1.2.3",
            "9.99999.1",
        ];
        assert_eq!(no_release.map(epoch), [None; 10]);
    }

    #[test]
    fn an_epoch_and_the_release_that_stands_for_it_name_each_other() {
        for &epoch in Epoch::ALL {
            let release = Release::from(epoch);
            assert_eq!((release.epoch(), release.to_string()), (epoch, epoch.release().to_owned()));
            assert!(release.is_recorded() && Release::KNOWN.contains(&release));
            assert_eq!(epoch.release().parse(), Ok(release));
        }
        assert!(Release::KNOWN.is_sorted() && Release::RUNNABLE.is_sorted());
        let error = "9.2".parse::<Release>().unwrap_err().to_string();
        let known = "8.1.11, 9.1.3, 9.2.9, 9.2.15, 10.1.4, 10.2.0";
        assert_eq!(error, format!("expected a release ({known}), found \"9.2\""));
    }
}
