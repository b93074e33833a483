//! Values of headers. Mirrors `buildHeaderValue` of `src/llhttp/http.ts` up to
//! the end of the head.

use super::consts::{HeaderState, Lenient, MessageType, flag};
use super::errno::Errno;
use super::event::{Notice, Span};
use super::machine::{Flow, Machine, Run};
use super::scan::skip_field;
use super::start_line::go_past;
use super::state::State;
use super::tables::{CONNECTION as CONNECTION_CHARS, skip};
use super::words::{CHUNKED, CONNECTION, Spelled, spell};

const VALUE_CHAR: &str = "Invalid header value char";

impl Machine {
    pub(super) fn header_value(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::HeaderValueDiscardWs => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ' | b'\t') => go_past(run, State::HeaderValueDiscardWs),
                Some(b'\r') => go_past(run, State::HeaderValueDiscardWsAlmostDone),
                Some(b'\n') => {
                    run.pos += 1;
                    if !self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) {
                        return self.fail(run, Errno::InvalidHeaderToken, VALUE_CHAR);
                    }
                    go(run, State::HeaderValueDiscardLws)
                }
                Some(_) => self.open(run, input, Span::HeaderValue, State::HeaderValueStart),
            },
            State::HeaderValueDiscardWsAlmostDone => match input.get(run.pos) {
                None => Flow::More,
                Some(b'\n') => go_past(run, State::HeaderValueDiscardLws),
                Some(_) if self.lenient.has(Lenient::HEADERS) => {
                    go(run, State::HeaderValueDiscardLws)
                }
                Some(_) => self.fail(run, Errno::Strict, "Expected LF after CR"),
            },
            State::HeaderValueDiscardLws => self.empty_value(run, input),
            State::HeaderValueStart => self.value_start(run),
            State::HeaderValue => {
                run.pos = skip_field(input, run.pos);
                if run.pos == input.len() {
                    return Flow::More;
                }
                go(run, State::HeaderValueOtherwise)
            }
            State::HeaderValueOtherwise => self.value_end(run, input),
            State::HeaderValueLenient => {
                let rest = &input[run.pos..];
                let Some(line) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
                    run.pos = input.len();
                    return Flow::More;
                };
                run.pos += line;
                let cr = input[run.pos] == b'\r';
                self.close(run, cr, State::HeaderValueAlmostDone)
            }
            State::HeaderValueAlmostDone => match input.get(run.pos) {
                None => Flow::More,
                Some(b'\n') => go_past(run, State::HeaderValueLws),
                Some(_) => {
                    let reason = "Missing expected LF after header value";
                    self.fail(run, Errno::LfExpected, reason)
                }
            },
            State::HeaderValueLws => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ' | b'\t') if self.lenient.has(Lenient::HEADERS) => {
                    if self.header_state == HeaderState::TransferEncodingChunked {
                        self.header_state = HeaderState::General;
                    }
                    self.open(run, input, Span::HeaderValue, State::HeaderValueStart)
                }
                Some(b' ' | b'\t') => {
                    let reason = "Unexpected whitespace after header value";
                    self.fail(run, Errno::InvalidHeaderToken, reason)
                }
                Some(_) => {
                    self.set_header_flags();
                    go(run, State::HeaderValueComplete)
                }
            },
            State::HeaderValueComplete => {
                self.notify(run, Notice::HeaderValueComplete, State::HeaderFieldStart)
            }
            state if state < State::HeaderValueContentLengthOnce => {
                self.transfer_encoding(run, input)
            }
            state if state < State::HeaderValueConnection => self.content_length(run, input),
            _ => self.connection(run, input),
        }
    }

    /// A value that is empty, or begins on the next line.
    fn empty_value(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match input.get(run.pos) {
            None => Flow::More,
            Some(b' ' | b'\t') => {
                run.pos += 1;
                if !self.lenient.has(Lenient::HEADERS) {
                    return self.fail(run, Errno::InvalidHeaderToken, VALUE_CHAR);
                }
                go(run, State::HeaderValueDiscardWs)
            }
            Some(_) if self.header_state == HeaderState::ContentLength => {
                self.fail(run, Errno::InvalidContentLength, "Empty Content-Length")
            }
            Some(_) => {
                self.set_header_flags();
                self.open(run, input, Span::HeaderValue, State::HeaderValueComplete);
                self.close(run, false, State::HeaderValueComplete)
            }
        }
    }

    fn value_start(&mut self, run: &mut Run) -> Flow {
        match self.header_state {
            HeaderState::Upgrade => {
                self.flags |= flag::UPGRADE;
                self.header_state = HeaderState::General;
                go(run, State::HeaderValue)
            }
            HeaderState::TransferEncoding => {
                if self.flags & flag::CHUNKED != 0 && self.is_strict_request() {
                    return self.chunked_twice(run);
                }
                self.flags |= flag::TRANSFER_ENCODING;
                self.flags &= !flag::CHUNKED;
                go(run, State::HeaderValueTeChunked)
            }
            HeaderState::ContentLength => go(run, State::HeaderValueContentLengthOnce),
            HeaderState::Connection => go(run, State::HeaderValueConnection),
            _ => go(run, State::HeaderValue),
        }
    }

    /// The byte that ends a value.
    fn value_end(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match input.get(run.pos) {
            None => Flow::More,
            Some(b'\r') => self.close(run, true, State::HeaderValueAlmostDone),
            Some(b'\n') if self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) => {
                self.close(run, false, State::HeaderValueAlmostDone)
            }
            Some(b'\n') => {
                let reason = "Missing expected CR after header value";
                self.close_and_fail(run, false, Errno::CrExpected, reason)
            }
            Some(_) if self.lenient.has(Lenient::HEADERS) => go(run, State::HeaderValueLenient),
            Some(_) => self.close_and_fail(run, false, Errno::InvalidHeaderToken, VALUE_CHAR),
        }
    }

    fn transfer_encoding(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::HeaderValueTeChunked => {
                match spell(&CHUNKED, true, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(_) => go(run, State::HeaderValueTeChunkedLast),
                    Spelled::Mismatch => go(run, State::HeaderValueTeToken),
                }
            }
            State::HeaderValueTeChunkedLast => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') => go_past(run, State::HeaderValueTeChunkedLast),
                Some(b'\r' | b'\n') => {
                    self.header_state = HeaderState::TransferEncodingChunked;
                    go(run, State::HeaderValueOtherwise)
                }
                Some(b',') if self.is_strict_request() => self.chunked_twice(run),
                Some(b',') => go(run, State::HeaderValueTeChunked),
                Some(_) => go(run, State::HeaderValueTeToken),
            },
            State::HeaderValueTeToken => {
                run.pos = skip(CONNECTION_CHARS, input, run.pos);
                match input.get(run.pos) {
                    None => Flow::More,
                    Some(b',') => go_past(run, State::HeaderValueTeTokenOws),
                    Some(_) => {
                        self.header_state = HeaderState::General;
                        go(run, State::HeaderValue)
                    }
                }
            }
            // HeaderValueTeTokenOws
            _ => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ' | b'\t') => go_past(run, State::HeaderValueTeTokenOws),
                Some(_) => go(run, State::HeaderValueTeChunked),
            },
        }
    }

    /// Nothing may follow `chunked` in a request.
    fn is_strict_request(&self) -> bool {
        self.kind == MessageType::Request && !self.lenient.has(Lenient::TRANSFER_ENCODING)
    }

    fn chunked_twice(&mut self, run: &mut Run) -> Flow {
        let reason = "Invalid `Transfer-Encoding` header value";
        self.close_and_fail(run, true, Errno::InvalidTransferEncoding, reason)
    }

    fn content_length(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::HeaderValueContentLengthOnce => {
                if self.flags & flag::CONTENT_LENGTH != 0 {
                    let reason = "Duplicate Content-Length";
                    return self.fail(run, Errno::UnexpectedContentLength, reason);
                }
                go(run, State::HeaderValueContentLength)
            }
            State::HeaderValueContentLength => match input.get(run.pos) {
                None => Flow::More,
                Some(digit @ b'0'..=b'9') => {
                    run.pos += 1;
                    if !self.add_digit(10, u64::from(digit - b'0')) {
                        let reason = "Content-Length overflow";
                        let errno = Errno::InvalidContentLength;
                        return self.close_and_fail(run, false, errno, reason);
                    }
                    Flow::Go
                }
                Some(_) => go(run, State::HeaderValueContentLengthWs),
            },
            // HeaderValueContentLengthWs
            _ => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') => go_past(run, State::HeaderValueContentLengthWs),
                Some(b'\r' | b'\n') => {
                    self.flags |= flag::CONTENT_LENGTH;
                    go(run, State::HeaderValueOtherwise)
                }
                Some(_) => {
                    let reason = "Invalid character in Content-Length";
                    self.close_and_fail(run, false, Errno::InvalidContentLength, reason)
                }
            },
        }
    }

    /// Appends a digit to `content_length`; false if it does not fit.
    pub(super) fn add_digit(&mut self, base: u64, digit: u64) -> bool {
        let sum = self.content_length.checked_mul(base).and_then(|n| n.checked_add(digit));
        if let Some(sum) = sum {
            self.content_length = sum;
        }
        sum.is_some()
    }

    fn connection(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::HeaderValueConnection => {
                if run.progress.is_fresh() && matches!(input.get(run.pos), Some(b' ' | b'\t')) {
                    return go_past(run, State::HeaderValueConnection);
                }
                match spell(&CONNECTION, true, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(word) => {
                        self.header_state = match word {
                            0 => HeaderState::ConnectionClose,
                            1 => HeaderState::ConnectionKeepAlive,
                            _ => HeaderState::ConnectionUpgrade,
                        };
                        go(run, State::HeaderValueConnectionWs)
                    }
                    Spelled::Mismatch => go(run, State::HeaderValueConnectionToken),
                }
            }
            State::HeaderValueConnectionWs => match input.get(run.pos) {
                None => Flow::More,
                Some(b',') => {
                    self.set_header_flags();
                    go_past(run, State::HeaderValueConnection)
                }
                Some(b' ') => go_past(run, State::HeaderValueConnectionWs),
                Some(b'\r' | b'\n') => go(run, State::HeaderValueOtherwise),
                Some(_) => {
                    self.header_state = HeaderState::General;
                    go(run, State::HeaderValueConnectionToken)
                }
            },
            // HeaderValueConnectionToken
            _ => {
                run.pos = skip(CONNECTION_CHARS, input, run.pos);
                match input.get(run.pos) {
                    None => Flow::More,
                    Some(b',') => go_past(run, State::HeaderValueConnection),
                    Some(_) => go(run, State::HeaderValueOtherwise),
                }
            }
        }
    }

    /// Sets the flags that the header means for the message.
    #[inline]
    pub(super) fn set_header_flags(&mut self) {
        let flag = match self.header_state {
            HeaderState::ConnectionKeepAlive => flag::CONNECTION_KEEP_ALIVE,
            HeaderState::ConnectionClose => flag::CONNECTION_CLOSE,
            HeaderState::ConnectionUpgrade => flag::CONNECTION_UPGRADE,
            HeaderState::TransferEncodingChunked => {
                self.flags |= flag::CHUNKED;
                return;
            }
            _ => return,
        };
        self.flags |= flag;
        self.header_state = HeaderState::Connection;
    }
}

/// Goes to `next`.
#[inline]
fn go(run: &mut Run, next: State) -> Flow {
    run.state = next;
    Flow::Go
}
