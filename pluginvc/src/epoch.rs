//! [`Epoch`]: the generations of PluginVC that take different steps.
//!
//! Their common code exists once. The two process functions stand in one file for each epoch that
//! changed them, written so that two files can be read side by side: their difference *is* the change of that
//! release.
//!
//! | epoch | releases | what is special |
//! |---|---|---|
//! | [`B`](Epoch::B) | 6.2 – 8.1 | core buffers; each process function takes the mutex of its own VIO, late (TS-3339) |
//! | [`C`](Epoch::C) | 9.0 – 9.1 | core buffers; the *caller* takes the other side's mutex first (PR #4746) |
//! | [`D`](Epoch::D) | 9.2, 10.0 – 10.1 | no core buffers: the write side writes straight into the peer's read buffer (PR #8698) |
//! | [`E`](Epoch::E) | 10.2 | as D; `do_io_shutdown` takes the core mutex (PR #12982) |

pub(crate) mod b;
pub(crate) mod c;
pub(crate) mod d;

use std::fmt;
use std::str::FromStr;

use eventsys::Guard;

use crate::half::Half;

/// A generation of PluginVC, named by a letter.
///
/// ```
/// use pluginvc::Epoch;
///
/// assert_eq!("D".parse(), Ok(Epoch::D));
/// assert_eq!(Epoch::default(), Epoch::C);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Epoch {
    /// Releases 6.2 to 8.1; recorded from 8.1.11.
    B,
    /// Releases 9.0 and 9.1; recorded from 9.1.3.
    #[default]
    C,
    /// Releases 9.2, 10.0 and 10.1; recorded from 9.2.9.
    D,
    /// Release 10.2; recorded from 10.2.0.
    E,
}

impl Epoch {
    /// Every epoch the port knows, from the oldest to the newest.
    pub const ALL: &'static [Epoch] = &[Epoch::B, Epoch::C, Epoch::D, Epoch::E];

    /// The letter of the epoch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Epoch::B => "B",
            Epoch::C => "C",
            Epoch::D => "D",
            Epoch::E => "E",
        }
    }

    /// The release of Traffic Server that the epoch has been compared with.
    #[must_use]
    pub const fn release(self) -> &'static str {
        match self {
            Epoch::B => "8.1.11",
            Epoch::C => "9.1.3",
            Epoch::D => "9.2.9",
            Epoch::E => "10.2.0",
        }
    }

    /// What sets it apart from the others, in a sentence.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Epoch::B => {
                "6.2 to 8.1: core buffers; a process function takes the mutex of its own VIO (TS-3339)"
            }
            Epoch::C => {
                "9.0 and 9.1: core buffers; the caller takes the other side's mutex first (#4746)"
            }
            Epoch::D => {
                "9.2 to 10.1: no core buffers; a write goes straight into the peer's read buffer (#8698)"
            }
            Epoch::E => "10.2: as D; a shutdown takes the core mutex (#12982)",
        }
    }

    /// True if a process function itself takes the mutex of its own VIO, whatever the handler
    /// holds.
    pub(crate) const fn takes_its_own_lock(self) -> bool {
        matches!(self, Epoch::B)
    }

    /// True if bytes pass through a buffer of the core: then a write may come before the peer's
    /// read.
    #[must_use]
    pub const fn has_core_buffers(self) -> bool {
        matches!(self, Epoch::B | Epoch::C)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error for a text that names no epoch.
///
/// ```
/// use pluginvc::Epoch;
///
/// let error = "F".parse::<Epoch>().unwrap_err();
/// assert_eq!(error.to_string(), r#"expected an epoch (B, C, D, E), found "F""#);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseEpochError {
    /// The text.
    pub found: String,
}

impl fmt::Display for ParseEpochError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choices = Epoch::ALL.iter().map(|epoch| epoch.name()).collect::<Vec<_>>().join(", ");
        write!(f, "expected an epoch ({choices}), found {:?}", self.found)
    }
}

impl std::error::Error for ParseEpochError {}

impl FromStr for Epoch {
    type Err = ParseEpochError;

    fn from_str(text: &str) -> Result<Epoch, ParseEpochError> {
        let known = Epoch::ALL.iter().find(|epoch| epoch.name() == text);
        known.copied().ok_or_else(|| ParseEpochError { found: text.to_owned() })
    }
}

impl Half<'_> {
    /// Processes the write side of this end. `core` is C; `sm` the mutex of this end's write VIO,
    /// if the caller holds it; `caller` the mutex of the other end's read VIO, if the other end
    /// calls.
    pub(crate) fn process_write_side(
        self,
        core: &Guard<'_>,
        sm: Option<&Guard<'_>>,
        caller: Option<&Guard<'_>>,
    ) {
        self.check_alive();
        match self.core.options.epoch {
            Epoch::B => b::process_write_side(self, core, sm, caller),
            Epoch::C => c::process_write_side(self, core, sm, caller),
            Epoch::D | Epoch::E => d::process_write_side(self, core, sm),
        }
    }

    /// Processes the read side of this end. `core` is C; `sm` the mutex of this end's read VIO, if
    /// the caller holds it; `caller` the mutex of the other end's write VIO, if the other end
    /// calls.
    pub(crate) fn process_read_side(
        self,
        core: &Guard<'_>,
        sm: Option<&Guard<'_>>,
        caller: Option<&Guard<'_>>,
    ) {
        self.check_alive();
        match self.core.options.epoch {
            Epoch::B => b::process_read_side(self, core, sm, caller),
            Epoch::C => c::process_read_side(self, core, sm, caller),
            Epoch::D | Epoch::E => d::process_read_side(self, core, sm),
        }
    }

    /// The assertions that open both functions, in debug builds as there.
    fn check_alive(self) {
        debug_assert!(!self.end().deletable.is_set(), "!deletable");
        debug_assert!(self.core.alive.is_set(), "magic == PLUGIN_VC_MAGIC_ALIVE");
    }
}

#[cfg(test)]
mod tests {
    use super::Epoch;

    #[test]
    fn names_read_back_and_the_error_lists_the_choices() {
        for &epoch in Epoch::ALL {
            assert_eq!(epoch.name().parse(), Ok(epoch));
            assert_eq!(epoch.to_string(), epoch.name());
        }
        let error = "Z".parse::<Epoch>().unwrap_err().to_string();
        assert_eq!(error, r#"expected an epoch (B, C, D, E), found "Z""#);
    }

    #[test]
    fn each_epoch_names_the_release_that_it_has_been_compared_with() {
        let releases: Vec<_> = Epoch::ALL.iter().map(|epoch| epoch.release()).collect();
        assert_eq!(releases, ["8.1.11", "9.1.3", "9.2.9", "10.2.0"]);
    }
}
