//! [`Place`]: where an error was.
//!
//! The original keeps an error's address and subtracts that of the input. While the
//! error is one of this input, that is an offset. But an error stays until
//! `initialize`, a pause from outside has no address, and then the two addresses are
//! in different memory, or one of them is null. Here memory has an identity, which
//! distinguishes these cases.

use std::rc::Weak;

use crate::buf::Chunk;

/// A place, counted from the start of the input. Mirrors `bytesParsed`.
/// Part of an [`ExecuteResult`](super::ExecuteResult).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// So many bytes after the start of the input; maybe before it, or after its
    /// end, if it is an old error's place in the memory that the input is part of.
    At(i64),
    /// So many bytes after the start of other memory, the place of an old error. The
    /// original gives the distance between the two pieces of memory.
    Elsewhere(usize),
    /// Nowhere: there was no error yet, but a pause from outside. The original gives
    /// the distance of the input from a null pointer.
    Nowhere,
}

impl Place {
    /// The offset from the start of the input, if there is one.
    #[must_use]
    pub fn offset(self) -> Option<usize> {
        match self {
            Place::At(n) => usize::try_from(n).ok(),
            Place::Elsewhere(_) | Place::Nowhere => None,
        }
    }

    /// Where `spot` is for an input that begins at `start`.
    pub(super) fn of(spot: Option<&Spot>, start: &Spot) -> Place {
        match spot {
            None => Place::Nowhere,
            Some(spot) if spot.memory.is(&start.memory) => {
                Place::At(spot.offset as i64 - start.offset as i64)
            }
            Some(spot) => Place::Elsewhere(spot.offset),
        }
    }
}

/// An address: a piece of memory, and an offset in it.
pub(super) struct Spot {
    memory: Memory,
    offset: usize,
}

impl Spot {
    pub(super) fn new(memory: Memory, offset: usize) -> Spot {
        Spot { memory, offset }
    }

    pub(super) fn plus(&self, n: usize) -> Spot {
        Spot { memory: self.memory.clone(), offset: self.offset + n }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }
}

/// A piece of memory.
#[derive(Clone)]
pub(super) enum Memory {
    /// The buffer that all parsers read into.
    Reads,
    /// The memory of a chunk. Held weakly, so that no other memory takes its
    /// identity over.
    Of(Weak<Vec<u8>>),
}

impl Memory {
    pub(super) fn of(chunk: &Chunk) -> Memory {
        Memory::Of(chunk.memory())
    }

    fn is(&self, other: &Memory) -> bool {
        match (self, other) {
            (Memory::Reads, Memory::Reads) => true,
            (Memory::Of(one), Memory::Of(two)) => Weak::ptr_eq(one, two),
            _ => false,
        }
    }
}
