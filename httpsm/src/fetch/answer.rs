//! The answer of a fetch: its head, its body, its end.
//!
//! Mirrors the functions of `FetchSM` that look at the answer (9.2.9).

use eventsys::Guard;
use iocore::IoChannel;
use iocore::buffer::SizeIndex;

use super::Fetch;
use crate::chunked::ChunkedReader;
use crate::hdr::ParseResult;

/// The block size of the buffer without chunks (`BUFFER_SIZE_INDEX_256`).
const DECHUNKED_SIZE: i64 = 1;

impl Fetch {
    /// Parses what has come of the head and takes it off; true if the head is complete. Gives `taken`
    /// the bytes.
    pub(super) fn parse_head(&self, guard: &Guard<'_>, mut taken: impl FnMut(&[u8])) -> bool {
        let (reader, mut parser) = (self.answer.reader(), self.parser.borrow_mut());
        let mut head = self.head.borrow_mut();
        while reader.block_read_avail(guard) > 0 {
            let view = reader.block_view(guard);
            let mut rest = &view[..];
            let result = parser.parse_resp(&mut head, &mut rest, false);
            let used = view.len() - rest.len();
            taken(&view[..used]);
            reader.consume(guard, i64::try_from(used).unwrap_or(0));
            if result != ParseResult::Cont {
                return result == ParseResult::Done;
            }
        }
        false
    }

    /// Keeps the text of the whole answer. Mirrors `get_info_from_buffer`.
    pub(super) fn get_info_from_buffer(&self, guard: &Guard<'_>) {
        let reader = self.answer.reader();
        let mut text = Vec::new();
        if reader.block_read_avail(guard) > 0 && !self.header_done.replace(true) {
            let in_first_block = reader.block_read_avail(guard);
            let mut head = Vec::new();
            if self.parse_head(guard, |piece| head.extend_from_slice(piece)) {
                text = head;
                if !self.about.proxy.config().corrections.fetch_copies_whole_head {
                    // What is behind the first block is not the head.
                    let behind = usize::try_from(in_first_block).unwrap_or(usize::MAX);
                    text.iter_mut().skip(behind).for_each(|byte| *byte = 0);
                    self.lost.set(text.len().saturating_sub(behind));
                }
            } else {
                log::error!(target: "http", "Failed to parse headers in FetchSM buffer");
            }
        }
        let flags = self.flags.get();
        let as_it_comes = !(flags.stream || flags.dechunk);
        // Without a head there is nothing to say whether the body is chunked; there, the original asserts.
        if as_it_comes || !self.header_done.get() || !self.check_chunked(guard) {
            take(guard, &self.answer, &mut text);
        } else {
            self.dechunk_body(guard);
            if let Some((_, channel)) = &*self.dechunked.borrow() {
                take(guard, channel, &mut text);
            }
        }
        *self.client_response.borrow_mut() = text;
    }

    /// Mirrors `has_body`.
    pub(super) fn has_body(&self, guard: &Guard<'_>) -> bool {
        if !self.header_done.get() || self.is_method_head {
            return false;
        }
        let status = self.head.borrow().status;
        if status < 200 || status == 204 || status == 304 {
            return false;
        }
        if self.check_chunked(guard) {
            return true;
        }
        let length = self.head.borrow().fields.value_get_int64("Content-Length").unwrap_or(0);
        self.resp_content_length.set(length);
        length != 0 || self.has_value("Connection", b"close")
    }

    /// Mirrors `check_body_done`: a chunked body counts as complete.
    pub(super) fn check_body_done(&self, guard: &Guard<'_>) -> bool {
        let received = self.resp_received_body_len.get() + self.answer.reader().read_avail(guard);
        self.check_chunked(guard) || self.resp_content_length.get() == received
    }

    /// Mirrors `check_chunked`.
    pub(super) fn check_chunked(&self, guard: &Guard<'_>) -> bool {
        if let Some(known) = self.resp_is_chunked.get() {
            return known;
        }
        let chunked = self.has_value("Transfer-Encoding", b"chunked");
        self.resp_is_chunked.set(Some(chunked));
        if chunked && self.flags.get().dechunk {
            let size = SizeIndex::from_raw(DECHUNKED_SIZE);
            let channel = IoChannel::with_size(guard, self.answer.buffer().mutex(), size);
            *self.dechunked.borrow_mut() = Some((ChunkedReader::new(), channel));
        }
        chunked
    }

    fn has_value(&self, name: &str, value: &[u8]) -> bool {
        self.head.borrow().fields.csv(name).any(|word| word.eq_ignore_ascii_case(value))
    }

    /// Undoes the chunks that have come. Mirrors `dechunk_body`.
    pub(super) fn dechunk_body(&self, guard: &Guard<'_>) -> Dechunked {
        let reader = self.answer.reader();
        let mut dechunked = self.dechunked.borrow_mut();
        let Some((chunks, channel)) = &mut *dechunked else { return Dechunked::Nothing };
        while !chunks.is_over() && reader.block_read_avail(guard) > 0 {
            let view = reader.block_view(guard);
            let used = chunks.read(&view, |data| {
                channel.buffer().write(guard, &view[data]);
            });
            reader.consume(guard, i64::try_from(used).unwrap_or(0));
        }
        if chunks.is_over() {
            Dechunked::Done
        } else if channel.reader().read_avail(guard) > 0 {
            Dechunked::Ready
        } else {
            Dechunked::Nothing
        }
    }
}

/// What undoing chunks has given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dechunked {
    /// More must come first.
    Nothing,
    /// Some body.
    Ready,
    /// The rest of the body.
    Done,
}

/// Takes all that there is.
fn take(guard: &Guard<'_>, channel: &IoChannel, into: &mut Vec<u8>) {
    let reader = channel.reader();
    let start = into.len();
    into.resize(start + usize::try_from(reader.read_avail(guard)).unwrap_or(0), 0);
    reader.read(guard, &mut into[start..]);
}
