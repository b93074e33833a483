//! The start line, without the request target. Mirrors `buildLine` of
//! `src/llhttp/http.ts`.

use super::consts::{
    Finish, Lenient, METHOD_CONNECT, METHOD_HEAD, METHOD_PRI, METHOD_SOURCE, MessageType,
    is_http_method, is_rtsp_method,
};
use super::errno::Errno;
use super::event::{Notice, Span};
use super::machine::{Flow, Machine, Run};
use super::state::State;
use super::words::{HEAD_OR_HTTP, METHOD_NUMBERS, METHODS, PREFACE, PROTOCOLS, Spelled, spell};

const NO_PROTOCOL: &str = "Expected HTTP/, RTSP/ or ICE/";

impl Machine {
    pub(super) fn start_line(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::Start => {
                while let Some(b'\r' | b'\n') = input.get(run.pos) {
                    run.pos += 1;
                }
                if run.pos == input.len() {
                    return Flow::More;
                }
                if self.initial_message_completed {
                    return self.notify(run, Notice::Reset, State::AfterStart);
                }
                run.state = State::AfterStart;
                Flow::Go
            }
            State::AfterStart => {
                self.finish = Finish::Unsafe;
                self.notify(run, Notice::MessageBegin, State::SwitchType)
            }
            State::SwitchType => {
                run.state = match self.kind {
                    MessageType::Request => State::StartReq,
                    MessageType::Response => State::StartRes,
                    MessageType::Both => State::StartReqOrRes,
                };
                Flow::Go
            }
            State::StartReqOrRes => match input.get(run.pos) {
                None => Flow::More,
                Some(b'H') => self.open(run, input, Span::Method, State::ReqOrResMethod),
                Some(_) => {
                    self.kind = MessageType::Request;
                    run.state = State::StartReq;
                    Flow::Go
                }
            },
            State::ReqOrResMethod => {
                match spell(&HEAD_OR_HTTP, false, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(0) => {
                        self.method = METHOD_HEAD;
                        self.kind = MessageType::Request;
                        self.close(run, false, State::MethodComplete)
                    }
                    Spelled::Word(_) => self.close(run, false, State::HeadMethodEnd),
                    Spelled::Mismatch => {
                        self.fail(run, Errno::InvalidConstant, "Invalid word encountered")
                    }
                }
            }
            State::HeadMethodEnd => {
                self.kind = MessageType::Response;
                run.state = State::ResVersionStart;
                Flow::Go
            }
            state if state < State::StartRes => self.request_line(run, input),
            _ => self.status_line(run, input),
        }
    }

    fn request_line(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::StartReq => self.open(run, input, Span::Method, State::AfterStartReq),
            State::AfterStartReq => {
                match spell(&METHODS, false, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(word) => {
                        self.method = METHOD_NUMBERS[word];
                        self.close(run, false, State::MethodComplete)
                    }
                    Spelled::Mismatch => {
                        self.fail(run, Errno::InvalidMethod, "Invalid method encountered")
                    }
                }
            }
            State::MethodComplete => {
                self.notify(run, Notice::MethodComplete, State::ReqFirstSpaceBeforeUrl)
            }
            State::ReqFirstSpaceBeforeUrl => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') => go_past(run, State::ReqSpacesBeforeUrl),
                Some(_) => self.fail(run, Errno::InvalidMethod, "Expected space after method"),
            },
            State::ReqSpacesBeforeUrl => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') => go_past(run, State::ReqSpacesBeforeUrl),
                Some(_) => {
                    run.state = if self.method == METHOD_CONNECT {
                        State::UrlEntryConnect
                    } else {
                        State::UrlEntryNormal
                    };
                    Flow::Go
                }
            },
            State::ReqHttpStart => match input.get(run.pos) {
                Some(b' ') => go_past(run, State::ReqHttpStart),
                _ => self.open(run, input, Span::Protocol, State::ReqAfterHttpStart),
            },
            State::ReqAfterHttpStart => {
                match spell(&PROTOCOLS, false, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(0) => self.close(run, false, State::ProtocolHttp),
                    Spelled::Word(1) => self.close(run, false, State::ProtocolRtsp),
                    Spelled::Word(_) => self.close(run, false, State::ProtocolIce),
                    Spelled::Mismatch => {
                        self.close_and_fail(run, false, Errno::InvalidConstant, NO_PROTOCOL)
                    }
                }
            }
            State::ProtocolHttp => self.notify(run, Notice::ProtocolComplete, State::MethodForHttp),
            State::ProtocolRtsp => self.notify(run, Notice::ProtocolComplete, State::MethodForRtsp),
            State::ProtocolIce => self.notify(run, Notice::ProtocolComplete, State::MethodForIce),
            State::MethodForHttp => {
                let allowed = is_http_method(self.method);
                self.check_method(run, allowed, "Invalid method for HTTP/x.x request")
            }
            State::MethodForRtsp => {
                let allowed = is_rtsp_method(self.method);
                self.check_method(run, allowed, "Invalid method for RTSP/x.x request")
            }
            State::MethodForIce => {
                let allowed = self.method == METHOD_SOURCE;
                self.check_method(run, allowed, "Expected SOURCE method for ICE/x.x request")
            }
            State::ReqAfterProtocol => match input.get(run.pos) {
                None => Flow::More,
                Some(b'/') => go_past(run, State::ReqHttpVersion),
                Some(_) => self.fail(run, Errno::InvalidConstant, NO_PROTOCOL),
            },
            State::ReqHttpVersion => self.open(run, input, Span::Version, State::ReqHttpMajor),
            State::ReqHttpMajor => self.major(run, input, State::ReqHttpDot),
            State::ReqHttpDot => self.dot(run, input, State::ReqHttpMinor),
            State::ReqHttpMinor => self.minor(run, input, State::ReqHttpEnd),
            State::ReqHttpEnd => self.close(run, false, State::ReqVersionComplete),
            State::ReqVersionComplete => {
                let pri = self.method == METHOD_PRI;
                let next = if pri { State::ReqPriUpgrade } else { State::ReqHttpComplete };
                self.notify(run, Notice::VersionComplete, next)
            }
            State::ReqHttpComplete => match input.get(run.pos) {
                None => Flow::More,
                Some(b'\r') => go_past(run, State::ReqHttpCompleteCrlf),
                Some(b'\n') if self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) => {
                    go_past(run, State::ReqHttpCompleteCrlf)
                }
                Some(&byte) => {
                    run.pos += usize::from(byte == b'\n');
                    self.fail(run, Errno::InvalidVersion, "Expected CRLF after version")
                }
            },
            State::ReqHttpCompleteCrlf => match input.get(run.pos) {
                None => Flow::More,
                Some(b'\n') => go_past(run, State::HeadersStart),
                Some(_) if self.lenient.has(Lenient::OPTIONAL_LF_AFTER_CR) => {
                    run.state = State::HeadersStart;
                    Flow::Go
                }
                Some(_) => self.fail(run, Errno::Strict, "Expected CRLF after version"),
            },
            // ReqPriUpgrade
            _ => match spell(&PREFACE, false, &mut run.progress, input, &mut run.pos) {
                Spelled::More => Flow::More,
                Spelled::Word(_) => self.fail(run, Errno::PausedH2Upgrade, "Pause on PRI/Upgrade"),
                Spelled::Mismatch => {
                    self.fail(run, Errno::InvalidVersion, "Expected HTTP/2 Connection Preface")
                }
            },
        }
    }

    fn check_method(&mut self, run: &mut Run, allowed: bool, reason: &'static str) -> Flow {
        if !allowed {
            return self.fail(run, Errno::InvalidConstant, reason);
        }
        run.state = State::ReqAfterProtocol;
        Flow::Go
    }

    fn status_line(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::StartRes => self.open(run, input, Span::Protocol, State::ResAfterStart),
            State::ResAfterStart => {
                match spell(&PROTOCOLS, false, &mut run.progress, input, &mut run.pos) {
                    Spelled::More => Flow::More,
                    Spelled::Word(_) => self.close(run, false, State::ResProtocolComplete),
                    Spelled::Mismatch => {
                        self.close_and_fail(run, false, Errno::InvalidConstant, NO_PROTOCOL)
                    }
                }
            }
            State::ResProtocolComplete => {
                self.notify(run, Notice::ProtocolComplete, State::ResAfterProtocol)
            }
            State::ResAfterProtocol => match input.get(run.pos) {
                None => Flow::More,
                Some(b'/') => go_past(run, State::ResVersionStart),
                Some(_) => self.fail(run, Errno::InvalidConstant, NO_PROTOCOL),
            },
            State::ResVersionStart => self.open(run, input, Span::Version, State::ResHttpMajor),
            State::ResHttpMajor => self.major(run, input, State::ResHttpDot),
            State::ResHttpDot => self.dot(run, input, State::ResHttpMinor),
            State::ResHttpMinor => self.minor(run, input, State::ResHttpEnd),
            State::ResHttpEnd => self.close(run, false, State::ResVersionComplete),
            State::ResVersionComplete => {
                self.notify(run, Notice::VersionComplete, State::ResAfterVersion)
            }
            State::ResAfterVersion => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') => {
                    self.status_code = 0;
                    go_past(run, State::ResStatusCodeDigit1)
                }
                Some(_) => self.fail(run, Errno::InvalidVersion, "Expected space after version"),
            },
            State::ResStatusCodeDigit1 => self.status_digit(run, input, State::ResStatusCodeDigit2),
            State::ResStatusCodeDigit2 => self.status_digit(run, input, State::ResStatusCodeDigit3),
            State::ResStatusCodeDigit3 => {
                self.status_digit(run, input, State::ResStatusCodeOtherwise)
            }
            State::ResStatusCodeOtherwise => match input.get(run.pos) {
                None => Flow::More,
                Some(b' ') => go_past(run, State::ResStatusStart),
                Some(b'\r') => go_past(run, State::ResLineAlmostDone),
                Some(b'\n') if self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) => {
                    go_past(run, State::StatusComplete)
                }
                Some(&byte) => {
                    run.pos += usize::from(byte == b'\n');
                    self.fail(run, Errno::InvalidStatus, "Invalid response status")
                }
            },
            State::ResStatusStart => self.open(run, input, Span::Status, State::ResStatus),
            State::ResStatus => {
                let rest = &input[run.pos..];
                let Some(line) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
                    run.pos = input.len();
                    return Flow::More;
                };
                run.pos += line;
                if input[run.pos] == b'\r' {
                    self.close(run, true, State::ResLineAlmostDone)
                } else if self.lenient.has(Lenient::OPTIONAL_CR_BEFORE_LF) {
                    self.close(run, true, State::StatusComplete)
                } else {
                    let reason = "Missing expected CR after response line";
                    self.close_and_fail(run, true, Errno::CrExpected, reason)
                }
            }
            State::ResLineAlmostDone => match input.get(run.pos) {
                None => Flow::More,
                Some(b'\r' | b'\n') => go_past(run, State::StatusComplete),
                Some(_) if self.lenient.has(Lenient::OPTIONAL_LF_AFTER_CR) => {
                    run.state = State::StatusComplete;
                    Flow::Go
                }
                Some(_) => self.fail(run, Errno::Strict, "Expected LF after CR"),
            },
            // StatusComplete
            _ => self.notify(run, Notice::StatusComplete, State::HeadersStart),
        }
    }

    fn status_digit(&mut self, run: &mut Run, input: &[u8], next: State) -> Flow {
        match input.get(run.pos) {
            None => Flow::More,
            Some(digit @ b'0'..=b'9') => {
                // Only a walk inside a callback can have left more than three digits.
                let digit = u16::from(digit - b'0');
                let code = self.status_code.checked_mul(10).and_then(|n| n.checked_add(digit));
                let Some(code) = code else {
                    run.pos += 1;
                    return self.fail(run, Errno::InvalidStatus, "Invalid status code");
                };
                self.status_code = code;
                go_past(run, next)
            }
            Some(_) => self.fail(run, Errno::InvalidStatus, "Invalid status code"),
        }
    }

    fn major(&mut self, run: &mut Run, input: &[u8], next: State) -> Flow {
        match input.get(run.pos) {
            None => Flow::More,
            Some(digit @ b'0'..=b'9') => {
                self.http_major = digit - b'0';
                go_past(run, next)
            }
            Some(_) => {
                self.close_and_fail(run, false, Errno::InvalidVersion, "Invalid major version")
            }
        }
    }

    fn dot(&mut self, run: &mut Run, input: &[u8], next: State) -> Flow {
        match input.get(run.pos) {
            None => Flow::More,
            Some(b'.') => go_past(run, next),
            Some(_) => self.close_and_fail(run, false, Errno::InvalidVersion, "Expected dot"),
        }
    }

    fn minor(&mut self, run: &mut Run, input: &[u8], next: State) -> Flow {
        match input.get(run.pos) {
            None => return Flow::More,
            Some(digit @ b'0'..=b'9') => self.http_minor = digit - b'0',
            Some(_) => {
                let reason = "Invalid minor version";
                return self.close_and_fail(run, false, Errno::InvalidVersion, reason);
            }
        }
        run.pos += 1;
        let version = (self.http_major, self.http_minor);
        let known = matches!(version, (0, 9) | (1, 0) | (1, 1) | (2, 0));
        if known || self.lenient.has(Lenient::VERSION) {
            run.state = next;
            return Flow::Go;
        }
        self.close_and_fail(run, false, Errno::InvalidVersion, "Invalid HTTP version")
    }
}

/// Takes one byte and goes to `next`.
#[inline]
pub(super) fn go_past(run: &mut Run, next: State) -> Flow {
    run.pos += 1;
    run.state = next;
    Flow::Go
}
