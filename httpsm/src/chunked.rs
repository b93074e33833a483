//! Bodies in chunks.
//!
//! Mirrors `ChunkedHandler` of `proxy/http/HttpTunnel.cc` (9.2.9): its reading of
//! sizes, data and trailers, and its making of chunks.
//!
//! # What is accepted
//! A size is hexadecimal digits, then a blank, a tab, CR, LF or `;`. What follows
//! up to CRLF is ignored, except that a second CR is an error. Behind the data
//! stands CRLF. Trailers are any lines up to an empty one.
//!
//! The sources of 9.2.9 take a bare line feed for CRLF. Debian's package of it does
//! not: it has the correction that later releases call
//! `proxy.config.http.strict_chunk_parsing`. The port does the same.
//!
//! A trap of the original that is kept: if the character that ends the size is
//! the line feed itself, the line is not over; everything up to the *next* CRLF is
//! skipped. Such a body cannot smuggle a request, because it is passed on with
//! exactly the bytes that were read.

/// The largest chunk that is made, in bytes. Mirrors `DEFAULT_MAX_CHUNK_SIZE`.
pub const DEFAULT_MAX_CHUNK_SIZE: i64 = 4096;

/// The state of reading a chunked body. Mirrors `ChunkedState`.
/// [`ChunkedReader`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChunkedState {
    /// In the digits of a size.
    Size,
    /// Behind the digits, before the line feed.
    SizeCrlf,
    /// Behind the data, before the line feed.
    SizeStart,
    /// In the data.
    Chunk,
    /// At the beginning of a line of the trailer.
    TrailerBlank,
    /// Behind a CR at the beginning of a line of the trailer.
    TrailerCr,
    /// Inside a line of the trailer.
    TrailerLine,
    /// The body is complete.
    Done,
    /// The body is not a valid chunked body.
    Error,
}

/// Reads a chunked body, in whatever pieces it comes.
///
/// ```
/// use httpsm::chunked::ChunkedReader;
///
/// let mut reader = ChunkedReader::new();
/// let mut body = Vec::new();
/// let input = b"5\r\nhello\r\n0\r\n\r\nnext";
/// let used = reader.read(input, |range| body.extend_from_slice(&input[range]));
/// assert!(reader.is_over());
/// assert_eq!((&body[..], &input[used..]), (&b"hello"[..], &b"next"[..]));
/// ```
#[derive(Clone, Debug)]
pub struct ChunkedReader {
    state: ChunkedState,
    /// The size so far.
    running_sum: i32,
    num_digits: u32,
    /// Data of the current chunk that has not come yet.
    left: usize,
    /// CRs seen behind the digits.
    crs: u32,
    /// Characters seen behind the data; two may come before the digits.
    behind: u32,
    /// The last character was a CR.
    behind_cr: bool,
}

impl Default for ChunkedReader {
    fn default() -> ChunkedReader {
        ChunkedReader::new()
    }
}

impl ChunkedReader {
    /// At the beginning of a body.
    #[must_use]
    pub const fn new() -> ChunkedReader {
        ChunkedReader {
            state: ChunkedState::Size,
            running_sum: 0,
            num_digits: 0,
            left: 0,
            crs: 0,
            behind: 0,
            behind_cr: false,
        }
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> ChunkedState {
        self.state
    }

    /// True once there is nothing more to read: the body is complete, or invalid.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, ChunkedState::Done | ChunkedState::Error)
    }

    /// Reads from `input` and returns how many of its bytes belong to the body.
    /// Gives the data among them to `data`, piece by piece, as offsets in
    /// `input`. Bytes behind the end are left alone. Mirrors
    /// `process_chunked_content`.
    pub fn read(&mut self, input: &[u8], mut data: impl FnMut(std::ops::Range<usize>)) -> usize {
        let mut at = 0;
        while at < input.len() && !self.is_over() {
            if self.state == ChunkedState::Chunk {
                let take = self.left.min(input.len() - at);
                data(at..at + take);
                at += take;
                self.left -= take;
                if self.left == 0 {
                    self.behind = 0;
                    self.state = ChunkedState::SizeStart;
                }
            } else {
                self.step(input[at]);
                at += 1;
            }
        }
        at
    }

    /// One character that is not data.
    fn step(&mut self, c: u8) {
        let behind_cr = std::mem::replace(&mut self.behind_cr, c == b'\r');
        self.state = match self.state {
            ChunkedState::Size => self.size(c),
            ChunkedState::SizeCrlf => match c {
                b'\n' if !behind_cr => ChunkedState::Error,
                b'\n' => {
                    self.left = usize::try_from(self.running_sum).unwrap_or(0);
                    self.crs = 0;
                    if self.left == 0 { ChunkedState::TrailerBlank } else { ChunkedState::Chunk }
                }
                b'\r' if self.crs != 0 => ChunkedState::Error,
                b'\r' => {
                    self.crs += 1;
                    ChunkedState::SizeCrlf
                }
                _ => ChunkedState::SizeCrlf,
            },
            ChunkedState::SizeStart => {
                self.behind += 1;
                match c {
                    b'\r' => ChunkedState::SizeStart,
                    b'\n' if self.behind <= 2 && behind_cr => {
                        (self.running_sum, self.num_digits) = (0, 0);
                        ChunkedState::Size
                    }
                    _ => ChunkedState::Error,
                }
            }
            ChunkedState::TrailerBlank | ChunkedState::TrailerCr | ChunkedState::TrailerLine => {
                match (c, self.state) {
                    (b'\r', ChunkedState::TrailerBlank) => ChunkedState::TrailerCr,
                    (b'\n', ChunkedState::TrailerLine) => ChunkedState::TrailerBlank,
                    (b'\n', _) => ChunkedState::Done,
                    _ => ChunkedState::TrailerLine,
                }
            }
            state @ (ChunkedState::Chunk | ChunkedState::Done | ChunkedState::Error) => state,
        };
    }

    fn size(&mut self, c: u8) -> ChunkedState {
        if let Some(digit) = char::from(c).to_digit(16) {
            // The original counts in 32 bits: a chunk has less than 2 GiB.
            if self.running_sum > i32::MAX >> 4 {
                return ChunkedState::Error;
            }
            self.running_sum = (self.running_sum << 4) | digit.cast_signed();
            self.num_digits += 1;
            return ChunkedState::Size;
        }
        if self.num_digits == 0 || !matches!(c, b' ' | b'\t' | b'\r' | b'\n' | b';') {
            return ChunkedState::Error;
        }
        self.crs = u32::from(c == b'\r');
        ChunkedState::SizeCrlf
    }
}

/// The header of a chunk of `size` bytes. Mirrors `CHUNK_HEADER_FMT`.
#[must_use]
pub fn chunk_header(size: i64) -> String {
    format!("{size:x}\r\n")
}

/// The end of a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> (ChunkedState, usize, Vec<u8>) {
        let (mut reader, mut data) = (ChunkedReader::new(), Vec::new());
        let used = reader.read(body, |range| data.extend_from_slice(&body[range]));
        (reader.state(), used, data)
    }

    #[test]
    fn bodies() {
        for (body, state, data) in [
            (&b"5\r\nhello\r\n0\r\n\r\n"[..], ChunkedState::Done, &b"hello"[..]),
            (
                b"5 \t;a=b\r\nhello\r\n6;x\r\n world\r\n0\r\n\r\n",
                ChunkedState::Done,
                b"hello world",
            ),
            (b"00005\r\nhello\r\n000\r\nT: 1\r\nU\n\r\n", ChunkedState::Done, b"hello"),
            (b"5\r\nhello\r\n0\r\n\n", ChunkedState::Done, b"hello"),
            // A line feed alone does not end a line.
            (b"5\r\nhello\n0\r\n\r\n", ChunkedState::Error, b"hello"),
            (b"5;a\nhello\r\n", ChunkedState::Error, b""),
            (b"5 \nhello\r\n", ChunkedState::Error, b""),
            (
                b"A\r\n0123456789\r\na\r\n0123456789\r\n",
                ChunkedState::Size,
                b"01234567890123456789",
            ),
            (b"", ChunkedState::Size, b""),
            (b"0\r\n", ChunkedState::TrailerBlank, b""),
            (b"zz\r\n", ChunkedState::Error, b""),
            (b"-3\r\n", ChunkedState::Error, b""),
            (b"0x3\r\n", ChunkedState::Error, b""),
            (b"\r\n", ChunkedState::Error, b""),
            (b"3\r\r\n", ChunkedState::Error, b""),
            (b"3\r\nabcd\r\n", ChunkedState::Error, b"abc"),
            (b"3\r\nabc\r\r\n", ChunkedState::Error, b"abc"),
            (b"fffffffffffffffff\r\n", ChunkedState::Error, b""),
            (b"80000000\r\n", ChunkedState::Error, b""),
            (b"7fffffff\r\nab", ChunkedState::Chunk, b"ab"),
            // The trap: the size's own line feed does not end its line.
            (b"3\nabc\r\n0\n\n", ChunkedState::SizeStart, b"0\n\n"),
            (b"3\nabc\n0\n\n", ChunkedState::Error, b""),
        ] {
            let (found, _, bytes) = read(body);
            assert_eq!(found, state, "{:?}", String::from_utf8_lossy(body));
            assert_eq!(bytes, data, "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_follows_is_left_alone() {
        let (state, used, _) = read(b"1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
        assert_eq!((state, used), (ChunkedState::Done, 11));
    }
}
