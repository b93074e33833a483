//! Bodies in chunks. Mirrors the chunk nodes of `src/llhttp/http.ts`.

use super::consts::{Lenient, flag};
use super::errno::Errno;
use super::event::{Notice, Span};
use super::machine::{Flow, Machine, Run};
use super::start_line::go_past;
use super::state::State;
use super::tables::{FIELD, QUOTED, TOKEN, hex, is, skip};
use super::words::{CRLF, Spelled, spell};

const SIZE_CHAR: &str = "Invalid character in chunk size";
const CR_AFTER_VALUE: &str = "Missing expected CR after chunk extension value";

impl Machine {
    pub(super) fn chunks(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::ChunkSizeStart => {
                self.content_length = 0;
                go(run, State::ChunkSizeDigit)
            }
            State::ChunkSizeDigit | State::ChunkSize => self.chunk_size(run, input),
            State::ChunkSizeOtherwise => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ' | b'\t') => {
                    run.pos += 1;
                    if !self.lenient.has(Lenient::SPACES_AFTER_CHUNK_SIZE) {
                        return self.fail(run, Errno::InvalidChunkSize, SIZE_CHAR);
                    }
                    Flow::Go
                }
                Some(b'\r') => go_past(run, State::ChunkSizeAlmostDone),
                Some(b'\n') => {
                    run.pos += 1;
                    self.bare_lf(run, "Missing expected CR after chunk size")
                }
                Some(b';') => go_past(run, State::ChunkExtensions),
                Some(_) => self.fail(run, Errno::InvalidChunkSize, SIZE_CHAR),
            },
            State::ChunkSizeAlmostDone => match input.get(run.pos) {
                None => Flow::More,
                Some(b'\n') => go_past(run, State::ChunkSizeAlmostDoneLf),
                Some(_) if self.lenient.has(Lenient::OPTIONAL_LF_AFTER_CR) => {
                    go(run, State::ChunkSizeAlmostDoneLf)
                }
                Some(_) => self.fail(run, Errno::Strict, "Expected LF after chunk size"),
            },
            State::ChunkSizeAlmostDoneLf => self.notify(run, Notice::ChunkHeader, State::ToChunk),
            State::ToChunk => {
                if self.content_length == 0 {
                    self.flags |= flag::TRAILING;
                    return go(run, State::HeaderFieldStart);
                }
                go(run, State::ChunkData)
            }
            State::ChunkData => self.open(run, input, Span::Body, State::ChunkDataConsume),
            State::ChunkDataConsume => {
                if !self.consume(run, input) {
                    return Flow::More;
                }
                self.close(run, false, State::ChunkDataAlmostDone)
            }
            State::ChunkDataAlmostDone => self.chunk_end(run, input),
            State::ChunkComplete => self.notify(run, Notice::ChunkComplete, State::ChunkSizeStart),
            _ => self.chunk_extensions(run, input),
        }
    }

    fn chunk_size(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        let Some(&byte) = input.get(run.pos) else {
            return Flow::More;
        };
        match hex(byte) {
            Some(digit) => {
                run.pos += 1;
                if !self.add_digit(16, digit) {
                    return self.fail(run, Errno::InvalidChunkSize, "Chunk size overflow");
                }
                go(run, State::ChunkSize)
            }
            None if run.state == State::ChunkSize => go(run, State::ChunkSizeOtherwise),
            None => self.fail(run, Errno::InvalidChunkSize, SIZE_CHAR),
        }
    }

    fn chunk_end(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        if run.progress.is_fresh() && input.get(run.pos) == Some(&b'\n') {
            run.pos += 1;
            if !self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) {
                let reason = "Missing expected CR after chunk data";
                return self.fail(run, Errno::CrExpected, reason);
            }
            return go(run, State::ChunkComplete);
        }
        match spell(&CRLF, false, &mut run.progress, input, &mut run.pos) {
            Spelled::More => Flow::More,
            Spelled::Word(_) => go(run, State::ChunkComplete),
            Spelled::Mismatch if self.lenient.has(Lenient::OPTIONAL_CRLF_AFTER_CHUNK) => {
                go(run, State::ChunkComplete)
            }
            Spelled::Mismatch => self.fail(run, Errno::Strict, "Expected LF after chunk data"),
        }
    }

    fn chunk_extensions(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        const NAME: Notice = Notice::ChunkExtensionNameComplete;
        const VALUE: Notice = Notice::ChunkExtensionValueComplete;
        match run.state {
            State::ChunkExtensions => match input.get(run.pos) {
                Some(b' ' | b'\r') => {
                    run.pos += 1;
                    self.fail(run, Errno::Strict, "Invalid character in chunk extensions")
                }
                _ => self.open(run, input, Span::ChunkExtensionName, State::ChunkExtensionName),
            },
            State::ChunkExtensionName => {
                run.pos = skip(TOKEN, input, run.pos);
                match input.get(run.pos) {
                    None => Flow::More,
                    Some(b'=') => self.close(run, true, State::ChunkExtensionValueStart),
                    Some(b';') => self.close(run, true, State::NameThenExtensions),
                    Some(b'\r') => self.close(run, true, State::NameThenAlmostDone),
                    Some(b'\n') => self.close(run, false, State::NameThenLf),
                    Some(_) => {
                        let reason = "Invalid character in chunk extensions name";
                        self.close_and_fail(run, true, Errno::Strict, reason)
                    }
                }
            }
            // The value's span is open before the name is complete.
            State::ChunkExtensionValueStart => {
                self.open(run, input, Span::ChunkExtensionValue, State::NameThenValue)
            }
            State::NameThenValue => self.notify(run, NAME, State::ChunkExtensionValue),
            State::NameThenExtensions => self.notify(run, NAME, State::ChunkExtensions),
            State::NameThenAlmostDone => self.notify(run, NAME, State::ChunkSizeAlmostDone),
            State::NameThenLf => {
                self.bare_lf_after(run, NAME, "Missing expected CR after chunk extension name")
            }
            State::ChunkExtensionValue => {
                run.pos = skip(TOKEN, input, run.pos);
                match input.get(run.pos) {
                    None => Flow::More,
                    Some(b'"') => go_past(run, State::ChunkExtensionQuotedValue),
                    Some(b';') => self.close(run, true, State::ValueThenExtensions),
                    Some(b'\r') => self.close(run, true, State::ValueThenAlmostDone),
                    Some(b'\n') => self.close(run, false, State::ValueThenLf),
                    Some(_) => {
                        let reason = "Invalid character in chunk extensions value";
                        self.close_and_fail(run, true, Errno::Strict, reason)
                    }
                }
            }
            State::ValueThenExtensions => self.notify(run, VALUE, State::ChunkExtensions),
            State::ValueThenAlmostDone => self.notify(run, VALUE, State::ChunkSizeAlmostDone),
            State::ValueThenQuotedDone => {
                self.notify(run, VALUE, State::ChunkExtensionQuotedValueDone)
            }
            State::ValueThenLf => self.bare_lf_after(run, VALUE, CR_AFTER_VALUE),
            State::ChunkExtensionQuotedValue => {
                run.pos = skip(QUOTED, input, run.pos);
                match input.get(run.pos) {
                    None => Flow::More,
                    Some(b'"') => {
                        run.pos += 1;
                        self.close(run, false, State::ValueThenQuotedDone)
                    }
                    Some(b'\\') => go_past(run, State::ChunkExtensionQuotedPair),
                    Some(_) => {
                        let reason = "Invalid character in chunk extensions quoted value";
                        self.close_and_fail(run, true, Errno::Strict, reason)
                    }
                }
            }
            State::ChunkExtensionQuotedPair => match input.get(run.pos) {
                None => Flow::More,
                Some(&byte) if is(FIELD, byte) => go_past(run, State::ChunkExtensionQuotedValue),
                Some(_) => {
                    let reason = "Invalid quoted-pair in chunk extensions quoted value";
                    self.close_and_fail(run, true, Errno::Strict, reason)
                }
            },
            // ChunkExtensionQuotedValueDone
            _ => match input.get(run.pos) {
                None => Flow::More,
                Some(b';') => go_past(run, State::ChunkExtensions),
                Some(b'\r') => go_past(run, State::ChunkSizeAlmostDone),
                Some(b'\n') => self.bare_lf(run, CR_AFTER_VALUE),
                Some(_) => {
                    let reason = "Invalid character in chunk extensions quote value";
                    self.fail(run, Errno::Strict, reason)
                }
            },
        }
    }

    /// A LF without CR ends the size line, if that is allowed.
    fn bare_lf(&mut self, run: &mut Run, reason: &'static str) -> Flow {
        if !self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) {
            return self.fail(run, Errno::CrExpected, reason);
        }
        go(run, State::ChunkSizeAlmostDone)
    }

    /// The same after a notice.
    fn bare_lf_after(&mut self, run: &mut Run, notice: Notice, reason: &'static str) -> Flow {
        if self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) {
            return self.notify(run, notice, State::ChunkSizeAlmostDone);
        }
        run.fails = (Errno::CrExpected, reason);
        self.notify(run, notice, State::Fail)
    }
}

/// Goes to `next`.
fn go(run: &mut Run, next: State) -> Flow {
    run.state = next;
    Flow::Go
}
