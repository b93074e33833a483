//! What can be wrong inside a scenario or a program.

use eventsys::steps::excerpt;
use thiserror::Error;

/// What can be wrong inside a scenario or a program.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ScenarioFault {
    /// The file is not UTF-8.
    #[error("expected UTF-8 text, found the byte 0x{0:02x}")]
    NotUtf8(u8),
    /// The reader of TOML does not accept it.
    #[error("expected a scenario in TOML: {0}")]
    NotToml(String),
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What was expected.
        expected: String,
        /// What was found, in quotes, or its name.
        found: String,
    },
    /// Two keys of one end mean the same reaction.
    #[error("expected one reaction {key}, found a second one; the first stands in line {first}")]
    Repeated {
        /// The key.
        key: String,
        /// The line of the first.
        first: usize,
    },
}

impl ScenarioFault {
    /// `found` where `expected` should be; an empty text is the end.
    #[must_use]
    pub fn expected(expected: impl Into<String>, found: &str) -> ScenarioFault {
        let found =
            if found.is_empty() { "the end".to_owned() } else { format!("{:?}", excerpt(found)) };
        ScenarioFault::Expected { expected: expected.into(), found }
    }
}
