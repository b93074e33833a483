//! Looks at the bytes that a reader has not consumed yet, and consumes none.
//!
//! As in 9.1.3, no function here looks at the reader's size limit.

use super::miobuffer::MIOBuffer;
use super::num::{to_i64, to_limit, to_usize};
use super::reader::ReaderId;

/// Each of these functions panics if the reader has been given back.
impl MIOBuffer {
    /// All bytes before the reader, one slice per block, without empty slices. Does not move the
    /// reader.
    ///
    /// Mirrors the walk over `IOBufferBlock::next` from `IOBufferReader::get_current_block` of
    /// `I_IOBuffer.h` (9.1.3).
    #[inline]
    pub fn blocks(&self, reader: ReaderId) -> impl Iterator<Item = &[u8]> {
        self.slices(reader, 0)
    }

    /// Looks for the byte `c`. Returns how far it is from the reader's place, or `None`.
    ///
    /// The search begins `offset` bytes from the reader's place and looks at `len` bytes, or at
    /// all if `len` is negative.
    ///
    /// Mirrors `IOBufferReader::memchr` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If `offset` is negative.
    pub fn memchr(&self, reader: ReaderId, c: u8, len: i64, offset: i64) -> Option<i64> {
        let mut left = if len < 0 { usize::MAX } else { to_limit(len) };
        let mut at = to_usize(offset, "offset");
        for slice in self.slices(reader, at) {
            let slice = &slice[..slice.len().min(left)];
            if let Some(found) = find(slice, c) {
                return Some(to_i64(at + found));
            }
            left -= slice.len();
            at += slice.len();
            if left == 0 {
                break;
            }
        }
        None
    }

    /// Copies bytes to `buf`, from `offset` bytes beyond the reader's place on, and consumes
    /// nothing. Returns how many bytes were copied: as many as there are, and no more than fit.
    ///
    /// Mirrors `IOBufferReader::memcpy` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If `offset` is negative.
    pub fn memcpy(&self, reader: ReaderId, buf: &mut [u8], offset: i64) -> usize {
        let mut copied = 0;
        for slice in self.slices(reader, to_usize(offset, "offset")) {
            let len = slice.len().min(buf.len() - copied);
            buf[copied..copied + len].copy_from_slice(&slice[..len]);
            copied += len;
            if copied == buf.len() {
                break;
            }
        }
        copied
    }

    /// The byte `i` bytes from the reader's place.
    ///
    /// Mirrors `IOBufferReader::operator[]` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If there is no such byte: "out of range".
    #[inline]
    pub fn byte_at(&self, reader: ReaderId, i: i64) -> u8 {
        let slice = usize::try_from(i).ok().and_then(|i| self.slices(reader, i).next());
        match slice {
            Some(slice) => slice[0],
            None => panic!("out of range: byte {i} of {}", self.end_pos - self.slot(reader).pos),
        }
    }

    /// The bytes before the reader without the first `skip`, one slice per block, none empty.
    #[inline]
    fn slices(&self, reader: ReaderId, skip: usize) -> impl Iterator<Item = &[u8]> {
        let slot = self.slot(reader);
        let mut skip = skip.saturating_add(slot.offset);
        self.queue.from(slot.seq).filter_map(move |block| {
            let slice = block.as_slice().get(skip..).unwrap_or(&[]);
            skip = skip.saturating_sub(block.len());
            (!slice.is_empty()).then_some(slice)
        })
    }
}

/// The first position of the byte `c`.
fn find(bytes: &[u8], c: u8) -> Option<usize> {
    // A loop over a whole chunk without an early exit lets the compiler compare its bytes all at
    // once.
    let (chunks, _) = bytes.as_chunks::<32>();
    let without = |chunk: &&[u8; 32]| !chunk.iter().fold(false, |hit, &byte| hit | (byte == c));
    let start = 32 * chunks.iter().take_while(without).count();
    bytes[start..].iter().position(|&byte| byte == c).map(|found| start + found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::size::*;

    fn buffer_of(parts: &[&[u8]]) -> (MIOBuffer, ReaderId) {
        let mut buffer = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
        let reader = buffer.alloc_reader().unwrap();
        parts.iter().for_each(|part| buffer.append_bytes(part.to_vec()));
        (buffer, reader)
    }

    #[test]
    fn blocks_are_shown_from_the_readers_place_without_moving_it() {
        let (mut b, r) = buffer_of(&[b"hel", b"lo ", b"world"]);
        b.consume(r, 1);
        assert!(b.blocks(r).eq([&b"el"[..], b"lo ", b"world"]));
        assert_eq!(b.block_count(r), 3);
    }

    #[test]
    fn memchr_counts_from_the_readers_place() {
        let (mut b, r) = buffer_of(&[b"hel", b"lo ", b"world"]);
        b.consume(r, 1);
        for (c, len, offset, found) in [
            (b'l', -1, 0, Some(1)),
            (b'l', -1, 2, Some(2)),
            (b'l', -1, 3, Some(8)),
            (b'w', 5, 0, None),
            (b'w', 6, 0, Some(5)),
            (b'w', 1, 5, Some(5)),
            (b'w', 0, 5, None),
            (b'd', i64::MAX, 0, Some(9)),
            (b'x', i64::MAX, 0, None),
            (b'd', -1, 10, None),
            (b'd', -1, i64::MAX, None),
        ] {
            assert_eq!(b.memchr(r, c, len, offset), found, "{c} {len} {offset}");
        }
    }

    #[test]
    fn the_first_of_many_is_found_wherever_it_stands() {
        for at in 0..100 {
            let mut bytes = [b'.'; 100];
            bytes[at..].fill(b'x');
            assert_eq!(find(&bytes, b'x'), Some(at));
            assert_eq!(find(&bytes[..at], b'x'), None);
        }
    }

    #[test]
    fn memcpy_consumes_nothing() {
        let (mut b, r) = buffer_of(&[b"hel", b"lo ", b"world"]);
        b.consume(r, 1);
        let mut buf = [0; 20];
        assert_eq!(b.memcpy(r, &mut buf, 4), 6);
        assert_eq!(&buf[..6], b" world"[..].as_ref());
        assert_eq!(b.memcpy(r, &mut buf[..3], 0), 3);
        assert_eq!(&buf[..3], b"ell");
        assert_eq!(b.memcpy(r, &mut buf, 100), 0);
        assert_eq!(b.memcpy(r, &mut [], 0), 0);
        assert_eq!(b.read_avail(r), 10);
    }

    #[test]
    fn single_bytes() {
        let (mut b, r) = buffer_of(&[b"hel", b"lo"]);
        b.consume(r, 1);
        assert_eq!([0, 1, 2, 3].map(|i| b.byte_at(r, i)), *b"ello");
    }

    #[test]
    #[should_panic(expected = "out of range: byte 4 of 4")]
    fn a_byte_beyond_the_end() {
        let (mut b, r) = buffer_of(&[b"hel", b"lo"]);
        b.consume(r, 1);
        b.byte_at(r, 4);
    }

    #[test]
    #[should_panic(expected = "out of range: byte -1")]
    fn a_byte_before_the_start() {
        let (mut b, r) = buffer_of(&[b"hello"]);
        b.consume(r, 1);
        b.byte_at(r, -1);
    }
}
