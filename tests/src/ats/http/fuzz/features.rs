//! [`Features`]: what a random client has, to be counted.

use std::collections::BTreeSet;
use std::fmt;

use crate::random::Counts;

/// Something that a client may have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum Feature {
    Get,
    OtherMethod,
    Trace,
    Connect,
    RareMethod,
    AbsoluteTarget,
    OddTarget,
    OddScheme,
    OddAuthority,
    OddVersion,
    OddHost,
    OddField,
    OddLineEnd,
    Folded,
    ConnectionField,
    Quoted,
    EdgeNumber,
    Expect,
    Body,
    Chunked,
    OddChunk,
    ChunkExtension,
    Trailer,
    Unfinished,
    Mutated,
    Pipelined,
    Cut,
    HalfClosed,
    Reset,
    Forward,
    Narrow,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `OddLineEnd` is "odd line end".
        for (at, c) in format!("{self:?}").char_indices() {
            if at > 0 && c.is_ascii_uppercase() {
                f.write_str(" ")?;
            }
            write!(f, "{}", c.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

/// What one client has.
pub type Features = BTreeSet<Feature>;

/// How many clients have what.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// All clients.
    pub clients: usize,
    counts: Counts<Feature>,
}

impl Statistics {
    /// Counts one more client.
    pub fn count(&mut self, features: &Features) {
        self.clients += 1;
        for feature in features {
            self.counts.add(*feature);
        }
    }

    /// How many clients have this.
    #[must_use]
    pub fn of(&self, feature: Feature) -> usize {
        self.counts.of(&feature)
    }

    /// Every feature that occurred, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Feature, usize)> {
        self.counts.iter().map(|(feature, count)| (*feature, count))
    }
}
