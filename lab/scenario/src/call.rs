//! [`BufferCall`]: a call of the plugin interface's buffer functions, and its grammar.
//!
//! | operation | calls |
//! |---|---|
//! | `create 4K`, `create` | `TSIOBufferSizedCreate` or `TSIOBufferCreate`, for the end's buffer `extra`; an earlier one is destroyed first |
//! | `destroy` | `TSIOBufferDestroy` of `extra` |
//! | `alloc B` | `TSIOBufferReaderAlloc`: a further reader, `B#2` to `B#5`, by the lowest number that is free |
//! | `clone R` | `TSIOBufferReaderClone`: a further reader at the place of `R` |
//! | `free R` | `TSIOBufferReaderFree` of a further reader |
//! | `avail R` | `TSIOBufferReaderAvail` |
//! | `take R N` | `TSIOBufferReaderConsume` of exactly N bytes, also if there are fewer |
//! | `blocks R` | the walk from `TSIOBufferReaderStart` over `TSIOBufferBlockNext` |
//! | `mark B`, `mark B N` | `TSIOBufferWaterMarkGet`, `TSIOBufferWaterMarkSet` |
//! | `room B` | `TSIOBufferStart` and `TSIOBufferBlockWriteAvail` |
//! | `produce B N` | `TSIOBufferStart`, N bytes at `TSIOBufferBlockWriteStart`, `TSIOBufferProduce` |
//! | `put B N` | `TSIOBufferWrite` of N bytes |
//! | `copy R B N [OFFSET]` | `TSIOBufferCopy` from the reader into the buffer, which shares the blocks |
//! | `copy_out R N` | `TSIOBufferReaderCopy`; 8.1 has none |

use std::fmt;

use iocore::buffer::SizeIndex;

use super::amount::Bytes;
use super::read::{size_index, size_name};
use super::words::{Parsed, Words};

/// One call. `i64::MAX` bytes are `all`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BufferCall {
    /// Makes the end's `extra` buffer with blocks of this size, or of the release's usual one.
    Create(Option<SizeIndex>),
    /// Destroys it.
    Destroy,
    /// A further reader at the writer's block.
    Alloc(Which),
    /// A further reader at the place of this one.
    Clone(ReaderName),
    /// Gives a further reader back.
    Free(ReaderName),
    /// How many bytes the reader has before it.
    Avail(ReaderName),
    /// Consumes exactly so many bytes.
    Take(ReaderName, i64),
    /// Walks over the blocks of the reader.
    Blocks(ReaderName),
    /// The water mark.
    Mark(Which),
    /// Sets the water mark.
    SetMark(Which, i64),
    /// The space of the block that is written next. A buffer without such a block gets one.
    Room(Which),
    /// Puts so many bytes into that block and the one behind it.
    Produce(Which, i64),
    /// Appends a copy of so many bytes.
    Put(Which, i64),
    /// Shares up to so many bytes of a reader's blocks, from this offset on.
    Copy(ReaderName, Which, i64, i64),
    /// Copies up to so many bytes out, and consumes none.
    CopyOut(ReaderName, i64),
}

/// A buffer of an end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Which {
    /// The one that its reads go to.
    Read,
    /// The one that its writes come from.
    Write,
    /// A third one, which no operation uses.
    Extra,
}

impl Which {
    /// Every buffer, in the order of their numbers in the text of a program.
    pub const ALL: [Which; 3] = [Which::Read, Which::Write, Which::Extra];

    /// Its number in the text of a program.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its word in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Which::Read => "read",
            Which::Write => "write",
            Which::Extra => "extra",
        }
    }
}

/// A reader of a buffer, by its number from 1 to 5. The first one is always there: it is the one
/// that the end's own operations use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ReaderName {
    /// The buffer.
    pub of: Which,
    /// The number.
    pub number: u8,
}

/// How many readers a buffer can have.
pub const MOST_READERS: u8 = 5;

/// The words of the calls.
pub(super) const NAMES: &str = "create, destroy, alloc, clone, free, avail, take, blocks, mark, \
                                room, produce, put, copy or copy_out";

impl BufferCall {
    /// Reads the call that begins with the word `name`; `None` if no call has this word.
    pub(super) fn parse(name: &str, words: &mut Words<'_>) -> Parsed<Option<BufferCall>> {
        Ok(Some(match name {
            "create" => BufferCall::Create(words.size()?),
            "destroy" => BufferCall::Destroy,
            "alloc" => BufferCall::Alloc(words.which()?),
            "clone" => BufferCall::Clone(words.reader(1)?),
            "free" => BufferCall::Free(words.reader(2)?),
            "avail" => BufferCall::Avail(words.reader(1)?),
            "take" => BufferCall::Take(words.reader(1)?, words.piece()?),
            "blocks" => BufferCall::Blocks(words.reader(1)?),
            "mark" => match (words.which()?, words.clone().next()) {
                (of, "") => BufferCall::Mark(of),
                (of, _) => BufferCall::SetMark(of, words.bytes(None)?),
            },
            "room" => BufferCall::Room(words.which()?),
            "produce" => BufferCall::Produce(words.which()?, words.piece()?),
            "put" => BufferCall::Put(words.which()?, words.piece()?),
            "copy" => {
                let (from, to, bytes) =
                    (words.reader(1)?, words.which()?, words.bytes(Some("all"))?);
                let has_offset = !words.clone().next().is_empty();
                let offset = if has_offset { words.piece()? } else { 0 };
                BufferCall::Copy(from, to, bytes, offset)
            }
            "copy_out" => BufferCall::CopyOut(words.reader(1)?, words.piece()?),
            _ => return Ok(None),
        }))
    }

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            BufferCall::Create(_) => "create",
            BufferCall::Destroy => "destroy",
            BufferCall::Alloc(_) => "alloc",
            BufferCall::Clone(_) => "clone",
            BufferCall::Free(_) => "free",
            BufferCall::Avail(_) => "avail",
            BufferCall::Take(..) => "take",
            BufferCall::Blocks(_) => "blocks",
            BufferCall::Mark(_) | BufferCall::SetMark(..) => "mark",
            BufferCall::Room(_) => "room",
            BufferCall::Produce(..) => "produce",
            BufferCall::Put(..) => "put",
            BufferCall::Copy(..) => "copy",
            BufferCall::CopyOut(..) => "copy_out",
        }
    }

    /// The buffer that it puts bytes into.
    #[must_use]
    pub const fn target(self) -> Option<Which> {
        match self {
            BufferCall::Produce(of, _) | BufferCall::Put(of, _) | BufferCall::Copy(_, of, ..) => {
                Some(of)
            }
            _ => None,
        }
    }

    /// The buffer whose first reader finds another number of bytes afterwards.
    pub(super) const fn changes(self) -> Option<Which> {
        match self {
            BufferCall::Take(ReaderName { of, number: 1 }, _) => Some(of),
            _ => self.target(),
        }
    }

    /// The reader that it uses.
    #[must_use]
    pub const fn reader(self) -> Option<ReaderName> {
        match self {
            BufferCall::Clone(reader)
            | BufferCall::Free(reader)
            | BufferCall::Avail(reader)
            | BufferCall::Take(reader, _)
            | BufferCall::Blocks(reader)
            | BufferCall::Copy(reader, ..)
            | BufferCall::CopyOut(reader, _) => Some(reader),
            _ => None,
        }
    }

    /// The buffers that must be there.
    pub(super) fn needs(self) -> [Option<Which>; 2] {
        let of = match self {
            BufferCall::Alloc(of)
            | BufferCall::Mark(of)
            | BufferCall::SetMark(of, _)
            | BufferCall::Room(of) => Some(of),
            BufferCall::Destroy => Some(Which::Extra),
            _ => self.target(),
        };
        [of, self.reader().map(|reader| reader.of)]
    }
}

/// As a scenario writes it.
impl fmt::Display for BufferCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            BufferCall::Create(None) | BufferCall::Destroy => Ok(()),
            BufferCall::Create(Some(index)) => write!(f, " {}", size_name(index)),
            BufferCall::Alloc(of) | BufferCall::Mark(of) | BufferCall::Room(of) => {
                write!(f, " {}", of.name())
            }
            BufferCall::Clone(reader)
            | BufferCall::Free(reader)
            | BufferCall::Avail(reader)
            | BufferCall::Blocks(reader) => write!(f, " {reader}"),
            BufferCall::Take(reader, n) | BufferCall::CopyOut(reader, n) => {
                write!(f, " {reader} {}", Bytes(n))
            }
            BufferCall::SetMark(of, n) | BufferCall::Produce(of, n) | BufferCall::Put(of, n) => {
                write!(f, " {} {}", of.name(), Bytes(n))
            }
            BufferCall::Copy(reader, of, n, offset) => {
                write!(f, " {reader} {} ", of.name())?;
                match n {
                    i64::MAX => f.write_str("all")?,
                    n => write!(f, "{}", Bytes(n))?,
                }
                if offset == 0 { Ok(()) } else { write!(f, " {}", Bytes(offset)) }
            }
        }
    }
}

impl fmt::Display for ReaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            1 => f.write_str(self.of.name()),
            number => write!(f, "{}#{number}", self.of.name()),
        }
    }
}

const BUFFERS: &str = "a buffer of the end (read, write or extra)";

impl Words<'_> {
    fn which(&mut self) -> Parsed<Which> {
        let word = self.next();
        let known = Which::ALL.into_iter().find(|of| of.name() == word);
        known.ok_or_else(|| self.fault(word, BUFFERS))
    }

    /// A reader with a number of `least` or more.
    fn reader(&mut self, least: u8) -> Parsed<ReaderName> {
        let word = self.next();
        let (name, number) = word.split_once('#').unwrap_or((word, "1"));
        let of = Which::ALL.into_iter().find(|of| of.name() == name);
        let is_plain = word.contains('#') == (number != "1");
        let number = number.parse().ok().filter(|n| is_plain && (least..=MOST_READERS).contains(n));
        match (of, number) {
            (Some(of), Some(number)) => Ok(ReaderName { of, number }),
            _ if least == 1 => {
                Err(self
                    .fault(word, "a reader (read, write or extra, and #2 to #5 for a further one)"))
            }
            _ => Err(self.fault(
                word,
                "a further reader (read, write or extra with #2 to #5): the first one stays",
            )),
        }
    }

    fn size(&mut self) -> Parsed<Option<SizeIndex>> {
        let word = self.next();
        if word.is_empty() {
            return Ok(None);
        }
        let fault = || self.fault(word, "a block size (128, 256, 512, 1K, 2K and so on to 1M, 2M)");
        size_index(word).map(Some).ok_or_else(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::super::op::Op;

    fn fault(text: &str) -> (usize, String) {
        let (at, fault) = Op::parse(text).expect_err("at fault");
        (at, fault.to_string())
    }

    #[test]
    fn a_call_is_written_as_it_is_read() {
        for text in [
            "create",
            "create 4K",
            "destroy",
            "alloc read",
            "clone write#3",
            "free extra#5",
            "avail read",
            "take write 1KiB",
            "blocks read#2",
            "mark read",
            "mark extra 7",
            "room write",
            "produce write 129",
            "put extra 0",
            "copy read write all",
            "copy read#2 extra 100 5",
            "copy_out read 10",
        ] {
            assert_eq!(Op::parse(text).map(|op| op.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let further = "a further reader (read, write or extra with #2 to #5): the first one stays";
        let reader = "a reader (read, write or extra, and #2 to #5 for a further one)";
        for (text, at, expected, found) in [
            ("free read", 5, further, "\"read\""),
            ("free read#6", 5, further, "\"read#6\""),
            ("avail reed", 6, reader, "\"reed\""),
            ("avail read#1", 6, reader, "\"read#1\""),
            ("room read#2", 5, "a buffer of the end (read, write or extra)", "\"read#2\""),
            ("create 3K", 7, "a block size (128, 256, 512, 1K, 2K and so on to 1M, 2M)", "\"3K\""),
            ("take read all", 10, "a number of bytes up to 64MiB", "\"all\""),
            ("copy read write 1 2 3", 20, "the end of the operation", "\"3\""),
        ] {
            assert_eq!(fault(text), (at, format!("expected {expected}, found {found}")), "{text}");
        }
    }
}
