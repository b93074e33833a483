//! Epochs: the generations of PluginVC that take different steps.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A generation of PluginVC, named by a letter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Epoch {
    /// Intermediate buffers with the fixes of pull request 4746; recorded from 9.1.3.
    #[default]
    C,
}

impl Epoch {
    /// Every epoch the port knows, from the oldest to the newest.
    pub const ALL: &'static [Epoch] = &[Epoch::C];

    /// The letter of the epoch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Epoch::C => "C",
        }
    }

    /// The release of Traffic Server the epoch was recorded from.
    #[must_use]
    pub const fn release(self) -> &'static str {
        match self {
            Epoch::C => "9.1.3",
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no epoch.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("expected an epoch ({}), found {found:?}", choices())]
pub struct ParseEpochError {
    /// The text.
    pub found: String,
}

fn choices() -> String {
    Epoch::ALL.iter().map(|epoch| epoch.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Epoch {
    type Err = ParseEpochError;

    fn from_str(text: &str) -> Result<Epoch, ParseEpochError> {
        let known = Epoch::ALL.iter().find(|epoch| epoch.name() == text);
        known.copied().ok_or_else(|| ParseEpochError { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::Epoch;

    #[test]
    fn names_read_back_and_the_error_lists_the_choices() {
        for &epoch in Epoch::ALL {
            assert_eq!(epoch.name().parse(), Ok(epoch));
        }
        let error = "Z".parse::<Epoch>().unwrap_err().to_string();
        assert_eq!(error, r#"expected an epoch (C), found "Z""#);
    }
}
