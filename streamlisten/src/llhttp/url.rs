//! The request target. Mirrors `src/llhttp/url.ts`.

use super::errno::Errno;
use super::event::{Notice, Span};
use super::machine::{Flow, Machine, Run};
use super::start_line::go_past;
use super::state::State;
use super::tables::{ALPHA, URL, USERINFO, is, skip};
use super::words::{CRLF, SLASHES, Spelled, spell};

const INVALID: &str = "Invalid characters in url";

impl Machine {
    pub(super) fn url(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        if run.state == State::UrlPath {
            run.pos = skip(URL, input, run.pos);
        }
        let Some(&byte) = input.get(run.pos) else {
            return Flow::More;
        };
        // Every node refuses these two, unless it is in the middle of a word.
        if matches!(byte, b'\t' | 0x0c) && run.progress.is_fresh() {
            run.pos += 1;
            return self.fail(run, Errno::InvalidUrl, INVALID);
        }
        match run.state {
            State::UrlEntryNormal => self.open(run, input, Span::Url, State::UrlStart),
            State::UrlEntryConnect => self.open(run, input, Span::Url, State::UrlServer),
            State::UrlStart => match byte {
                b'/' | b'*' => go_past(run, State::UrlPath),
                b' ' | b'\r' | b'\n' => self.fail_past(run, INVALID),
                _ if is(ALPHA, byte) => {
                    run.state = State::UrlSchema;
                    Flow::Go
                }
                _ => self.fail(run, Errno::InvalidUrl, "Unexpected start char in url"),
            },
            State::UrlSchema => match byte {
                b':' => go_past(run, State::UrlSchemaDelim),
                b' ' | b'\r' | b'\n' => self.fail_past(run, INVALID),
                _ if is(ALPHA, byte) => go_past(run, State::UrlSchema),
                _ => self.fail(run, Errno::InvalidUrl, "Unexpected char in url schema"),
            },
            State::UrlSchemaDelim => {
                if matches!(byte, b' ' | b'\r' | b'\n') && run.progress.is_fresh() {
                    return self.fail_past(run, INVALID);
                }
                match spell(&SLASHES, false, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(_) => {
                        run.state = State::UrlServer;
                        Flow::Go
                    }
                    Spelled::Mismatch => {
                        self.fail(run, Errno::InvalidUrl, "Unexpected char in url schema")
                    }
                }
            }
            State::UrlServer | State::UrlServerWithAt => match byte {
                b'/' => go_past(run, State::UrlPath),
                b'?' => go_past(run, State::UrlQuery),
                b'@' if run.state == State::UrlServer => go_past(run, State::UrlServerWithAt),
                b'@' => self.fail_past(run, "Double @ in url"),
                b'[' | b']' => go_past(run, State::UrlServer),
                b' ' | b'\r' | b'\n' => self.url_end(run, byte),
                _ if is(USERINFO, byte) => go_past(run, State::UrlServer),
                _ => self.fail(run, Errno::InvalidUrl, "Unexpected char in url server"),
            },
            State::UrlPath => {
                run.state = State::UrlQueryOrFragment;
                Flow::Go
            }
            State::UrlQueryOrFragment => match byte {
                b'?' => go_past(run, State::UrlQuery),
                b'#' => go_past(run, State::UrlFragment),
                b' ' | b'\r' | b'\n' => self.url_end(run, byte),
                _ => self.fail(run, Errno::InvalidUrl, "Invalid char in url path"),
            },
            State::UrlQuery => match byte {
                b'?' => go_past(run, State::UrlQuery),
                b'#' => go_past(run, State::UrlFragment),
                b' ' | b'\r' | b'\n' => self.url_end(run, byte),
                _ if is(URL, byte) => {
                    run.pos = skip(URL, input, run.pos);
                    Flow::Go
                }
                _ => self.fail(run, Errno::InvalidUrl, "Invalid char in url query"),
            },
            State::UrlFragment => match byte {
                b'?' | b'#' => go_past(run, State::UrlFragment),
                b' ' | b'\r' | b'\n' => self.url_end(run, byte),
                _ if is(URL, byte) => {
                    run.pos = skip(URL, input, run.pos);
                    Flow::Go
                }
                _ => self.fail(run, Errno::InvalidUrl, "Invalid char in url fragment start"),
            },
            State::UrlSkipToHttp => go_past(run, State::UrlToHttp),
            State::UrlSkipToHttp09 => go_past(run, State::UrlToHttp09),
            State::UrlSkipLfToHttp09 => {
                match spell(&CRLF, false, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(_) => {
                        run.state = State::UrlToHttp09;
                        Flow::Go
                    }
                    Spelled::Mismatch => self.fail(run, Errno::InvalidUrl, "Expected CRLF"),
                }
            }
            State::UrlToHttp => self.notify(run, Notice::UrlComplete, State::ReqHttpStart),
            // UrlToHttp09: a request without a version.
            _ => {
                self.http_major = 0;
                self.http_minor = 9;
                self.notify(run, Notice::UrlComplete, State::HeadersStart)
            }
        }
    }

    /// The byte after the target ends it, and says what comes.
    fn url_end(&mut self, run: &mut Run, byte: u8) -> Flow {
        let next = match byte {
            b' ' => State::UrlSkipToHttp,
            b'\r' => State::UrlSkipLfToHttp09,
            _ => State::UrlSkipToHttp09,
        };
        self.close(run, false, next)
    }

    /// Fails past a byte that was taken.
    fn fail_past(&mut self, run: &mut Run, reason: &'static str) -> Flow {
        run.pos += 1;
        self.fail(run, Errno::InvalidUrl, reason)
    }
}
