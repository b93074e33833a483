//! What the parser collects between two callbacks, and its limits.

use super::headers::{Collected, HeaderList};
use super::place::Spot;
use crate::llhttp::{Errno, Lenient, Machine, MessageType, Span, Wanted};

/// Chunk extensions of one chunk may have this many bytes. Mirrors
/// `kMaxChunkExtensionsSize`.
const MAX_CHUNK_EXTENSIONS_SIZE: u64 = 16_384;

/// The default limit for the size of a head. Mirrors `--max-http-header-size`.
const DEFAULT_MAX_HEADER_SIZE: u64 = 16_384;

const HEADER_OVERFLOW: &str = "HPE_HEADER_OVERFLOW:Header overflow";
const EXTENSIONS_OVERFLOW: &str = "HPE_CHUNK_EXTENSIONS_OVERFLOW:Chunk extensions overflow";

/// The state between two parses.
pub(super) struct State {
    pub(super) machine: Machine,
    pub(super) collected: Collected,
    pub(super) have_flushed: bool,
    pub(super) header_nread: u64,
    pub(super) chunk_extensions_nread: u64,
    pub(super) max_header_size: u64,
    /// Where the last error was. Stays when the error is lifted.
    pub(super) error_spot: Option<Spot>,
}

/// The result of a span.
pub(super) enum Taken {
    Code(i32),
    /// The fields are full, and go to `kOnHeaders` first.
    Flush((HeaderList, Vec<u8>)),
    Body,
}

impl State {
    pub(super) fn new(kind: MessageType, max_header_size: u64, lenient: Lenient) -> State {
        let limit = if max_header_size == 0 { DEFAULT_MAX_HEADER_SIZE } else { max_header_size };
        State {
            machine: Machine::new(kind, lenient, Wanted::NODE),
            collected: Collected::default(),
            have_flushed: false,
            header_nread: 0,
            chunk_extensions_nread: 0,
            max_header_size: limit,
            error_spot: None,
        }
    }

    #[inline]
    pub(super) fn collect(&mut self, span: Span, bytes: &[u8]) -> Taken {
        match span {
            Span::Body => return Taken::Body,
            Span::ChunkExtensionName | Span::ChunkExtensionValue => {
                self.chunk_extensions_nread += bytes.len() as u64;
                if self.chunk_extensions_nread > MAX_CHUNK_EXTENSIONS_SIZE {
                    self.machine.set_reason(EXTENSIONS_OVERFLOW);
                    return Taken::Code(Errno::User as i32);
                }
                return Taken::Code(0);
            }
            _ => {}
        }
        self.header_nread += bytes.len() as u64;
        if self.header_nread >= self.max_header_size {
            self.machine.set_reason(HEADER_OVERFLOW);
            return Taken::Code(Errno::User as i32);
        }
        match span {
            Span::Url => self.collected.url.extend_from_slice(bytes),
            Span::Status => self.collected.status_message.extend_from_slice(bytes),
            Span::HeaderField => {
                if self.collected.is_full() {
                    return Taken::Flush(self.take_for_flush());
                }
                self.collected.field(bytes);
            }
            Span::HeaderValue => self.collected.value(bytes),
            _ => {}
        }
        Taken::Code(0)
    }

    /// What `kOnHeaders` is called with: all pairs, and the target once.
    pub(super) fn take_for_flush(&mut self) -> (HeaderList, Vec<u8>) {
        (self.collected.headers(), self.collected.url.clone())
    }
}
