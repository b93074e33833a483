//! The cases and recordings that come with the project, built into the binary.
//!
//! They are read at first use and kept for the life of the process: the
//! regression recording alone has 756,000 steps, and several threads compare
//! against it.

use std::fmt;
use std::sync::OnceLock;

use crate::ats::case::{self, Case};
use crate::ats::epoch::Epoch;
use crate::ats::recording::Recording;

/// A list of cases that has been recorded from the real server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Suite {
    /// The nine cases of the server's own regression suite.
    Regression,
    /// A hundred generated cases in which every terminating event is accepted.
    Generated,
}

impl Suite {
    /// Both suites, in the order in which they are shown.
    pub const ALL: &'static [Suite] = &[Suite::Regression, Suite::Generated];

    /// The name of the suite.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Suite::Regression => "regression",
            Suite::Generated => "generated",
        }
    }

    /// The cases of the suite.
    ///
    /// # Panics
    ///
    /// If the embedded file is at fault, which the tests of this crate rule out.
    #[must_use]
    pub fn cases(self) -> &'static [Case] {
        static CASES: [OnceLock<Vec<Case>>; 2] = [const { OnceLock::new() }; 2];
        let (file, bytes): (_, &[u8]) = match self {
            Suite::Regression => {
                ("regression.csv", include_bytes!("../../recordings/regression.csv"))
            }
            Suite::Generated => ("generated.csv", include_bytes!("../../recordings/generated.csv")),
        };
        CASES[self as usize].get_or_init(|| {
            case::cases_from_bytes(file, bytes).unwrap_or_else(|error| panic!("{error}"))
        })
    }

    /// What the real server of `epoch` did in the cases of the suite; `None` if
    /// that server was not recorded in them.
    ///
    /// # Panics
    ///
    /// If the embedded file is at fault, which the tests of this crate rule out.
    #[must_use]
    pub fn recording(self, epoch: Epoch) -> Option<&'static Recording> {
        static READ: [[OnceLock<Recording>; 2]; Epoch::ALL.len()] =
            [const { [const { OnceLock::new() }; 2] }; Epoch::ALL.len()];
        let (file, bytes): (_, &[u8]) = match (epoch, self) {
            (Epoch::B, Suite::Regression) => (
                "8.1.11/regression.steps.gz",
                include_bytes!("../../recordings/8.1.11/regression.steps.gz"),
            ),
            (Epoch::B, Suite::Generated) => return None,
            (Epoch::C, Suite::Regression) => (
                "9.1.3/regression.steps.gz",
                include_bytes!("../../recordings/9.1.3/regression.steps.gz"),
            ),
            (Epoch::C, Suite::Generated) => (
                "9.1.3/generated.steps.gz",
                include_bytes!("../../recordings/9.1.3/generated.steps.gz"),
            ),
            (Epoch::D, Suite::Regression) => (
                "9.2.9/regression.steps.gz",
                include_bytes!("../../recordings/9.2.9/regression.steps.gz"),
            ),
            (Epoch::D, Suite::Generated) => (
                "9.2.9/generated.steps.gz",
                include_bytes!("../../recordings/9.2.9/generated.steps.gz"),
            ),
            (Epoch::E, Suite::Regression) => (
                "10.2.0/regression.steps.gz",
                include_bytes!("../../recordings/10.2.0/regression.steps.gz"),
            ),
            (Epoch::E, Suite::Generated) => (
                "10.2.0/generated.steps.gz",
                include_bytes!("../../recordings/10.2.0/generated.steps.gz"),
            ),
        };
        Some(READ[epoch as usize][self as usize].get_or_init(|| {
            Recording::from_gzip(file, bytes).unwrap_or_else(|error| panic!("{error}"))
        }))
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
