//! The short ways: each recognises a common piece of a message as a whole.
//!
//! A short way begins where no span is open and no word is partly spelled. It
//! takes what the states would take one by one: it gives the same event, at
//! the same place, in the same state. It leaves everything that is cut, lenient or
//! wrong to the states. It skips the events that node's parser does not want, so it
//! is used only if exactly node's events are wanted.

use super::consts::{HeaderState, METHOD_PRI, MessageType, flag, is_http_method};
use super::event::{Notice, Span};
use super::machine::{Flow, Machine, Run};
use super::scan::{skip_field, skip_token, skip_url};
use super::state::State;
use super::tables::hex;

/// A span from its first byte to its last.
pub(super) type Whole = (Span, usize, usize);

impl Machine {
    /// In the middle of a head: the next header's name, or its value.
    #[inline]
    pub(super) fn short_header(&mut self, run: &mut Run, input: &[u8]) -> Option<Whole> {
        match run.state {
            State::HeaderValueAlmostDone => self.next_header(run, input),
            State::HeaderFieldComplete => self.short_value(run, input),
            _ => None,
        }
    }

    /// Elsewhere: goes on to the next event, if a short way leads to it.
    #[inline]
    pub(super) fn short_way(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        match run.state {
            State::SwitchType if self.kind == MessageType::Request => {
                self.short_request(run, input)
            }
            State::SwitchType if self.kind == MessageType::Response => {
                self.short_status(run, input)
            }
            State::UrlSkipToHttp => self.short_version(run, input),
            State::ResLineAlmostDone => self.first_header(run, input),
            State::ChunkSizeStart => self.short_chunk_size(run, input),
            State::ToChunk => self.short_chunk(run, input),
            State::ChunkDataAlmostDone => self.short_chunk_end(run, input),
            _ => None,
        }
    }

    /// A method, and a target that is a path, perhaps with a query.
    fn short_request(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        let rest = input.get(run.pos..)?;
        let (method, length) = common_method(rest)?;
        let start = run.pos + length;
        if !matches!(input.get(start)?, b'/' | b'*') {
            return None;
        }
        let mut end = skip_url(input, start + 1);
        while input.get(end) == Some(&b'?') {
            end = skip_url(input, end + 1);
        }
        if input.get(end) != Some(&b' ') {
            return None;
        }
        self.method = method;
        run.pos = end;
        run.state = State::UrlSkipToHttp;
        Some(self.whole(run, Span::Url, start, end))
    }

    /// The version of a request, and the first header.
    fn short_version(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        let (line, rest) = input.get(run.pos..)?.split_first_chunk()?;
        let minor = if line == b" HTTP/1.1\r\n" {
            1
        } else if line == b" HTTP/1.0\r\n" {
            0
        } else {
            return None;
        };
        if !is_http_method(self.method) || self.method == METHOD_PRI || rest.is_empty() {
            return None;
        }
        (self.http_major, self.http_minor) = (1, minor);
        self.forget_open();
        run.pos += line.len();
        run.state = State::HeadersStart;
        if rest[0] == b' ' {
            return None;
        }
        self.event_of_field(run, input)
    }

    /// A status line of a version that is much used, with a reason.
    fn short_status(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        let (version, rest) = input.get(run.pos..)?.split_first_chunk()?;
        let minor = match version {
            b"HTTP/1.1 " => 1,
            b"HTTP/1.0 " => 0,
            _ => return None,
        };
        let ([hundreds, tens, ones, b' '], rest) = rest.split_first_chunk()? else {
            return None;
        };
        let code = [hundreds, tens, ones];
        if !code.iter().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let reason = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
        if rest[reason] != b'\r' {
            return None;
        }
        (self.http_major, self.http_minor) = (1, minor);
        self.status_code = code.iter().fold(0, |n, digit| n * 10 + u16::from(*digit - b'0'));
        let start = run.pos + version.len() + 4;
        let end = start + reason;
        run.pos = end + 1;
        run.state = State::ResLineAlmostDone;
        Some(self.whole(run, Span::Status, start, end))
    }

    /// The end of a status line, and the first header.
    fn first_header(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        let [b'\n', next, ..] = input.get(run.pos..)? else {
            return None;
        };
        if *next == b' ' {
            return None;
        }
        run.pos += 1;
        self.event_of_field(run, input)
    }

    fn event_of_field(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        let (span, start, end) = self.short_field(run, input)?;
        Some(self.whole(run, span, start, end))
    }

    /// The end of a header's line, and the next one.
    #[inline]
    fn next_header(&mut self, run: &mut Run, input: &[u8]) -> Option<Whole> {
        let [b'\n', next, ..] = input.get(run.pos..)? else {
            return None;
        };
        if matches!(next, b' ' | b'\t') {
            return None;
        }
        self.set_header_flags();
        run.pos += 1;
        self.short_field(run, input)
    }

    /// A header's name with its colon, or the end of the head.
    #[inline]
    fn short_field(&mut self, run: &mut Run, input: &[u8]) -> Option<Whole> {
        run.state = State::HeaderFieldStart;
        let start = run.pos;
        let end = skip_token(input, start);
        match input.get(end) {
            Some(b':') if end > start => {}
            Some(b'\r') if end == start && input.get(end + 1) == Some(&b'\n') => {
                run.pos += 2;
                run.state = State::CheckTrailing;
                return None;
            }
            _ => return None,
        }
        self.header_state = header_named(&input[start..end]);
        run.pos = end + 1;
        run.state = State::HeaderFieldComplete;
        self.forget_open();
        Some((Span::HeaderField, start, end))
    }

    /// A header's value, behind a space or none, up to its CR.
    #[inline]
    fn short_value(&mut self, run: &mut Run, input: &[u8]) -> Option<Whole> {
        let start = run.pos + usize::from(input.get(run.pos) == Some(&b' '));
        if matches!(input.get(start)?, b' ' | b'\t') {
            return None;
        }
        let end = skip_field(input, start);
        if end == start || input.get(end) != Some(&b'\r') {
            return None;
        }
        if self.header_state != HeaderState::General && !self.known_value(&input[start..end]) {
            return None;
        }
        run.pos = end + 1;
        run.state = State::HeaderValueAlmostDone;
        self.forget_open();
        Some((Span::HeaderValue, start, end))
    }

    /// Handles the value of a header that the machine needs. False if it is not one of
    /// the usual values.
    fn known_value(&mut self, value: &[u8]) -> bool {
        match self.header_state {
            HeaderState::Connection => {
                self.header_state = if says(value, b"keep-alive") {
                    HeaderState::ConnectionKeepAlive
                } else if says(value, b"close") {
                    HeaderState::ConnectionClose
                } else if says(value, b"upgrade") {
                    HeaderState::ConnectionUpgrade
                } else {
                    return false;
                };
            }
            HeaderState::ContentLength => {
                let framed = self.flags & (flag::CONTENT_LENGTH | flag::TRANSFER_ENCODING) != 0;
                // Eighteen digits cannot overflow.
                if framed || self.content_length != 0 || value.len() > 18 {
                    return false;
                }
                if !value.iter().all(u8::is_ascii_digit) {
                    return false;
                }
                self.content_length =
                    value.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
                self.flags |= flag::CONTENT_LENGTH;
            }
            HeaderState::TransferEncoding => {
                let framed = self.flags & (flag::CONTENT_LENGTH | flag::CHUNKED) != 0;
                if framed || !says(value, b"chunked") {
                    return false;
                }
                self.flags |= flag::TRANSFER_ENCODING;
                self.header_state = HeaderState::TransferEncodingChunked;
            }
            HeaderState::Upgrade => {
                self.flags |= flag::UPGRADE;
                self.header_state = HeaderState::General;
            }
            _ => return false,
        }
        true
    }

    /// A chunk's size line without extensions.
    fn short_chunk_size(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        let rest = input.get(run.pos..)?;
        let mut size = 0;
        let mut digits = 0;
        while let Some(digit) = hex(*rest.get(digits)?) {
            size = size * 16 + digit;
            digits += 1;
            if digits > 15 {
                return None; // It might not fit.
            }
        }
        if digits == 0 || !rest[digits..].starts_with(b"\r\n") {
            return None;
        }
        self.content_length = size;
        run.pos += digits + 2;
        Some(self.notify(run, Notice::ChunkHeader, State::ToChunk))
    }

    /// All of a chunk's data, or what follows the last chunk.
    fn short_chunk(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        if self.content_length == 0 {
            self.flags |= flag::TRAILING;
            return self.event_of_field(run, input);
        }
        let start = run.pos;
        let size = usize::try_from(self.content_length).ok()?;
        let end = start.checked_add(size).filter(|&end| end <= input.len())?;
        self.content_length = 0;
        run.pos = end;
        run.state = State::ChunkDataAlmostDone;
        Some(self.whole(run, Span::Body, start, end))
    }

    /// The end of a chunk's data.
    fn short_chunk_end(&mut self, run: &mut Run, input: &[u8]) -> Option<Flow> {
        if !run.progress.is_fresh() || !input.get(run.pos..)?.starts_with(b"\r\n") {
            return None;
        }
        run.pos += 2;
        Some(self.notify(run, Notice::ChunkComplete, State::ChunkSizeStart))
    }
}

/// The number of a method that is much used, and its length with the space.
#[inline]
fn common_method(line: &[u8]) -> Option<(u8, usize)> {
    let number = |word: &[u8], number| line.starts_with(word).then_some((number, word.len()));
    number(b"GET ", 1)
        .or_else(|| number(b"POST ", 3))
        .or_else(|| number(b"HEAD ", 2))
        .or_else(|| number(b"PUT ", 4))
        .or_else(|| number(b"DELETE ", 0))
        .or_else(|| number(b"OPTIONS ", 6))
        .or_else(|| number(b"PATCH ", 28))
}

/// Whether the machine needs a header, and why.
#[inline]
fn header_named(name: &[u8]) -> HeaderState {
    let (matters, state) = match name.len() {
        7 => (says(name, b"upgrade"), HeaderState::Upgrade),
        10 => (says(name, b"connection"), HeaderState::Connection),
        14 => (says(name, b"content-length"), HeaderState::ContentLength),
        16 => (says(name, b"proxy-connection"), HeaderState::Connection),
        17 => (says(name, b"transfer-encoding"), HeaderState::TransferEncoding),
        _ => return HeaderState::General,
    };
    if matters { state } else { HeaderState::General }
}

/// True if `text` is `word`, in large letters or small. `word` has only small letters
/// and dashes. The folding also takes CR for a dash, but names and values have no CR.
#[inline]
fn says<const N: usize>(text: &[u8], word: &[u8; N]) -> bool {
    let Ok(text) = <&[u8; N]>::try_from(text) else {
        return false;
    };
    text.iter().zip(word).fold(0, |differ, (byte, small)| differ | ((byte | 0x20) ^ small)) == 0
}
