//! Names of headers, and the end of the head. Mirrors `buildHeaderField` and
//! `headersCompleted` of `src/llhttp/http.ts`, and `src/native/http.c`.

use super::consts::{HeaderState, Lenient, METHOD_CONNECT, MessageType, flag};
use super::errno::Errno;
use super::event::{Notice, Span};
use super::machine::{Flow, Machine, Run};
use super::start_line::go_past;
use super::state::State;
use super::tables::{TOKEN, skip};
use super::words::{SPECIAL_HEADERS, Spelled, spell};

const FIELD_CHAR: &str = "Invalid header field char";

impl Machine {
    pub(super) fn headers(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::HeadersStart => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') => {
                    run.pos += 1;
                    if !self.lenient.has(Lenient::HEADERS) {
                        let reason = "Unexpected space after start line";
                        return self.fail(run, Errno::UnexpectedSpace, reason);
                    }
                    run.state = State::HeaderFieldStart;
                    Flow::Go
                }
                Some(_) => {
                    run.state = State::HeaderFieldStart;
                    Flow::Go
                }
            },
            State::HeaderFieldStart => match input.get(run.pos) {
                None => Flow::More,
                Some(b'\r') => go_past(run, State::HeadersAlmostDone),
                Some(b'\n') => {
                    run.pos += 1;
                    if !self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) {
                        return self.fail(run, Errno::InvalidHeaderToken, FIELD_CHAR);
                    }
                    run.state = State::CheckTrailing;
                    Flow::Go
                }
                Some(b':') => self.fail(run, Errno::InvalidHeaderToken, "Invalid header token"),
                Some(_) => self.open(run, input, Span::HeaderField, State::HeaderField),
            },
            State::HeaderField => {
                match spell(&SPECIAL_HEADERS, true, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(word) => {
                        self.header_state = match word {
                            0 | 2 => HeaderState::Connection,
                            1 => HeaderState::ContentLength,
                            3 => HeaderState::TransferEncoding,
                            _ => HeaderState::Upgrade,
                        };
                        run.state = State::HeaderFieldColon;
                        Flow::Go
                    }
                    Spelled::Mismatch => self.general_field(run),
                }
            }
            State::HeaderFieldColon => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') if self.lenient.has(Lenient::HEADERS) => {
                    run.state = State::HeaderFieldColonDiscardWs;
                    Flow::Go
                }
                Some(b' ') => self.close_and_fail(run, true, Errno::InvalidHeaderToken, FIELD_CHAR),
                Some(b':') => self.close(run, true, State::HeaderFieldComplete),
                Some(_) => self.general_field(run),
            },
            State::HeaderFieldColonDiscardWs => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') => go_past(run, State::HeaderFieldColonDiscardWs),
                Some(_) => {
                    run.state = State::HeaderFieldColon;
                    Flow::Go
                }
            },
            State::HeaderFieldGeneral => {
                run.pos = skip(TOKEN, input, run.pos);
                match input.get(run.pos) {
                    None => Flow::More,
                    Some(b':') => self.close(run, true, State::HeaderFieldComplete),
                    Some(_) => self.fail(run, Errno::InvalidHeaderToken, "Invalid header token"),
                }
            }
            State::HeaderFieldComplete => {
                self.notify(run, Notice::HeaderFieldComplete, State::CheckHeaderField)
            }
            State::CheckHeaderField => self.check_header_field(run),
            State::HeadersAlmostDone => match input.get(run.pos) {
                None => Flow::More,
                Some(b'\n') => go_past(run, State::CheckTrailing),
                Some(_) if self.lenient.has(Lenient::OPTIONAL_LF_AFTER_CR) => {
                    run.state = State::CheckTrailing;
                    Flow::Go
                }
                Some(_) => self.fail(run, Errno::Strict, "Expected LF after headers"),
            },
            State::CheckTrailing => {
                if self.flags & flag::TRAILING != 0 {
                    return self.notify(run, Notice::ChunkComplete, State::MessageDone);
                }
                self.before_headers_complete();
                self.headers_complete(run)
            }
            // HeadersDone
            _ => self.after_headers_complete(run),
        }
    }

    fn general_field(&mut self, run: &mut Run) -> Flow {
        self.header_state = HeaderState::General;
        run.state = State::HeaderFieldGeneral;
        Flow::Go
    }

    /// Content-Length and Transfer-Encoding exclude each other.
    fn check_header_field(&mut self, run: &mut Run) -> Flow {
        let strict = !self.lenient.has(Lenient::CHUNKED_LENGTH);
        match self.header_state {
            HeaderState::TransferEncoding if strict && self.flags & flag::CONTENT_LENGTH != 0 => {
                self.fail(
                    run,
                    Errno::InvalidTransferEncoding,
                    "Transfer-Encoding can't be present with Content-Length",
                )
            }
            HeaderState::ContentLength if strict && self.flags & flag::TRANSFER_ENCODING != 0 => {
                self.fail(
                    run,
                    Errno::InvalidContentLength,
                    "Content-Length can't be present with Transfer-Encoding",
                )
            }
            _ => {
                run.state = State::HeaderValueDiscardWs;
                Flow::Go
            }
        }
    }

    /// Decides whether the message asks for an upgrade. Mirrors
    /// `llhttp__before_headers_complete`.
    fn before_headers_complete(&mut self) {
        let asked = flag::UPGRADE | flag::CONNECTION_UPGRADE;
        self.upgrade = if self.flags & asked == asked {
            self.kind == MessageType::Request || self.status_code == 101
        } else {
            self.method == METHOD_CONNECT
        };
    }

    /// Decides what kind of body follows. Mirrors `llhttp__after_headers_complete`.
    fn after_headers_complete(&mut self, run: &mut Run) -> Flow {
        let response = self.kind == MessageType::Response;
        let has = |bit| self.flags & bit != 0;
        let has_body = has(flag::CHUNKED) || self.content_length > 0;
        let connect = self.method == METHOD_CONNECT;
        if self.upgrade && (connect || has(flag::SKIPBODY) || !has_body)
            || response && self.status_code == 101
        {
            return self.notify(run, Notice::MessageComplete, State::UpgradePause);
        }
        let bodiless = response && matches!(self.status_code, 100 | 102 | 103 | 204 | 304);
        if bodiless || has(flag::SKIPBODY) {
            return self.notify(run, Notice::MessageComplete, State::Cleanup);
        }
        run.state = if has(flag::CHUNKED) {
            State::ChunkSizeStart
        } else if has(flag::TRANSFER_ENCODING) {
            let lenient = self.lenient.has(Lenient::CHUNKED_LENGTH)
                || self.lenient.has(Lenient::TRANSFER_ENCODING);
            if self.kind == MessageType::Request && !lenient {
                return self.fail(
                    run,
                    Errno::InvalidTransferEncoding,
                    "Request has invalid `Transfer-Encoding`",
                );
            }
            State::BodyIdentityEof
        } else if has(flag::CONTENT_LENGTH) {
            if self.content_length == 0 {
                return self.notify(run, Notice::MessageComplete, State::Cleanup);
            }
            State::BodyIdentity
        } else if self.message_needs_eof() {
            State::BodyIdentityEof
        } else {
            return self.notify(run, Notice::MessageComplete, State::Cleanup);
        };
        Flow::Go
    }

    /// True if only the end of the input ends the body. Mirrors
    /// `llhttp_message_needs_eof`.
    fn message_needs_eof(&self) -> bool {
        let has = |bit| self.flags & bit != 0;
        if self.kind == MessageType::Request
            || matches!(self.status_code, 100..=199 | 204 | 304)
            || has(flag::SKIPBODY)
        {
            return false;
        }
        if has(flag::TRANSFER_ENCODING) && !has(flag::CHUNKED) {
            return true;
        }
        !has(flag::CHUNKED) && !has(flag::CONTENT_LENGTH)
    }

    /// True if another message may follow on this connection. Mirrors
    /// `llhttp_should_keep_alive`; valid between the end of the head and
    /// the end of the message.
    #[must_use]
    pub fn should_keep_alive(&self) -> bool {
        let has = |bit| self.flags & bit != 0;
        let wished = if self.http_major > 0 && self.http_minor > 0 {
            !has(flag::CONNECTION_CLOSE)
        } else {
            has(flag::CONNECTION_KEEP_ALIVE)
        };
        wished && !self.message_needs_eof()
    }
}
