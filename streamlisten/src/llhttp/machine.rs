//! [`Machine`], [`Run`], and the walk.

use super::consts::{Finish, HeaderState, Lenient, METHOD_NAMES, MessageType, flag};
use super::errno::Errno;
use super::event::{Event, Notice, Span, Step, Wanted};
use super::state::{Group, State};
use super::words::Progress;

/// What a parser knows between inputs. Mirrors `llhttp_t`.
pub struct Machine {
    /// Where the next walk begins. Written only when a walk stops, so a walk
    /// inside a callback begins where the outer one did.
    current: State,
    pub(super) progress: Progress,
    /// The span that is open, and where it begins in the input under walk.
    open: Option<OpenSpan>,
    /// Counts the walks, so that a span of one is not ended by another.
    walks: u64,
    error: Errno,
    reason: &'static str,
    /// The offset of the last error in the input of its walk. `None` is the
    /// original's null pointer.
    error_pos: Option<usize>,
    wanted: Wanted,
    pub(super) kind: MessageType,
    pub(super) method: u8,
    pub(super) http_major: u8,
    pub(super) http_minor: u8,
    pub(super) status_code: u16,
    pub(super) header_state: HeaderState,
    pub(super) lenient: Lenient,
    pub(super) flags: u16,
    pub(super) upgrade: bool,
    pub(super) finish: Finish,
    pub(super) content_length: u64,
    pub(super) initial_message_completed: bool,
}

#[derive(Clone, Copy)]
struct OpenSpan {
    span: Span,
    start: usize,
    walk: u64,
}

/// One walk over one input: `execute`, taken apart.
pub struct Run {
    pub(super) state: State,
    /// The next byte to take.
    pub(super) pos: usize,
    /// The error of [`State::Fail`].
    pub(super) fails: (Errno, &'static str),
    walk: u64,
    awaits: Awaits,
    phase: Phase,
    returned: Errno,
}

/// What the reply to the last event is about.
#[derive(Clone, Copy)]
enum Awaits {
    Nothing,
    Span(Span),
    Notice(Notice),
    Headers,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Walking,
    /// The input is used up; only the open span is left to report.
    Ending,
    Over,
}

/// What a group of states comes to.
pub(super) enum Flow {
    /// The next state is in another group, or the same: go on.
    Go,
    /// An event.
    Emit(Event),
    /// The input is used up.
    More,
    /// An error is set.
    Failed,
}

impl Machine {
    /// A machine at the start. Mirrors `llhttp_init`.
    #[must_use]
    pub fn new(kind: MessageType, lenient: Lenient, wanted: Wanted) -> Machine {
        Machine {
            current: State::Start,
            progress: Progress::default(),
            open: None,
            walks: 0,
            error: Errno::Ok,
            reason: "",
            error_pos: None,
            wanted,
            kind,
            method: 0,
            http_major: 0,
            http_minor: 0,
            status_code: 0,
            header_state: HeaderState::General,
            lenient,
            flags: 0,
            upgrade: false,
            finish: Finish::Safe,
            content_length: 0,
            initial_message_completed: false,
        }
    }

    /// Begins a walk over an input. A machine in an error state stops at once,
    /// with that error.
    pub fn begin(&mut self) -> Run {
        self.walks += 1;
        let refused = self.error != Errno::Ok;
        if let (false, Some(open)) = (refused, &mut self.open) {
            *open = OpenSpan { span: open.span, start: 0, walk: self.walks };
        }
        Run {
            state: self.current,
            pos: 0,
            fails: (Errno::Ok, ""),
            walk: self.walks,
            awaits: Awaits::Nothing,
            phase: if refused { Phase::Over } else { Phase::Walking },
            returned: self.error,
        }
    }

    /// Goes on to the next event, or to the end. `input` is the same in every
    /// step of one walk.
    #[inline]
    pub fn step(&mut self, run: &mut Run, input: &[u8]) -> Step {
        run.awaits = Awaits::Nothing;
        if run.phase != Phase::Walking {
            run.phase = Phase::Over;
            return Step::Stop;
        }
        loop {
            let flow = match run.state.group() {
                Group::HeaderValue => self.header_value(run, input),
                Group::Headers => self.headers(run, input),
                Group::StartLine => self.start_line(run, input),
                Group::Url => self.url(run, input),
                Group::Chunks => self.chunks(run, input),
                Group::Finish => self.finish_message(run, input),
            };
            match flow {
                Flow::Go => {}
                Flow::Emit(event) => return Step::Event(event),
                Flow::More => return self.end(run, input),
                Flow::Failed => {
                    run.phase = Phase::Over;
                    run.returned = self.error;
                    return Step::Stop;
                }
            }
        }
    }

    /// The input is used up: the state is kept, and what is open of a span is
    /// reported.
    fn end(&mut self, run: &mut Run, input: &[u8]) -> Step {
        self.current = run.state;
        run.returned = Errno::Ok;
        run.phase = Phase::Ending;
        match self.open {
            Some(open) if self.wanted.span(open.span) => {
                run.awaits = Awaits::Span(open.span);
                let start = if open.walk == run.walk { open.start } else { input.len() };
                let end = input.len();
                Step::Event(Event::Span { span: open.span, start, end })
            }
            _ => {
                run.phase = Phase::Over;
                Step::Stop
            }
        }
    }

    /// What the callback for the last event returned. To be called before the
    /// next step; for a reply of 0 only [`Event::HeadersComplete`] needs it.
    pub fn reply(&mut self, run: &mut Run, code: i32) {
        let awaits = std::mem::replace(&mut run.awaits, Awaits::Nothing);
        if let Awaits::Headers = awaits {
            return self.reply_headers(run, code);
        }
        if code == 0 {
            return;
        }
        let (errno, reason) = match awaits {
            Awaits::Notice(notice) if code == Errno::Paused as i32 => {
                (Errno::Paused, Some(notice.pause()))
            }
            Awaits::Notice(notice) => {
                let (errno, reason) = notice.failure();
                (errno, Some(reason))
            }
            Awaits::Span(span) if code == -1 => (Errno::User, Some(span.failure())),
            Awaits::Span(_) if code == Errno::Paused as i32 => (Errno::Paused, None),
            Awaits::Span(_) => (Errno::User, None),
            Awaits::Nothing | Awaits::Headers => return,
        };
        self.stop(run, errno, reason);
    }

    fn reply_headers(&mut self, run: &mut Run, code: i32) {
        match code {
            0 => {}
            1 => self.flags |= flag::SKIPBODY,
            2 => {
                self.upgrade = true;
                self.flags |= flag::SKIPBODY;
            }
            21 => self.stop(run, Errno::Paused, Some("Paused by on_headers_complete")),
            _ => self.stop(run, Errno::CbHeadersComplete, Some("User callback error")),
        }
    }

    /// Ends the walk with an error; should the error be lifted, the next walk
    /// begins where this one ends.
    fn stop(&mut self, run: &mut Run, errno: Errno, reason: Option<&'static str>) {
        self.error = errno;
        if let Some(reason) = reason {
            self.reason = reason;
        }
        self.error_pos = Some(run.pos);
        self.current = run.state;
        run.returned = errno;
        run.phase = Phase::Over;
    }

    /// The end of all input. `Ok(true)`: the message ends here, and
    /// `on_message_complete` is to be called. Mirrors `llhttp_finish`, which also
    /// says nothing in an error state.
    ///
    /// # Errors
    /// [`Errno::InvalidEofState`] in the middle of a message.
    pub fn finish(&mut self) -> Result<bool, Errno> {
        if self.error != Errno::Ok {
            return Ok(false);
        }
        match self.finish {
            Finish::Safe => Ok(false),
            Finish::SafeWithCallback => Ok(true),
            Finish::Unsafe => {
                self.reason = "Invalid EOF state";
                Err(Errno::InvalidEofState)
            }
        }
    }

    /// Makes the next walk stop at once. Mirrors `llhttp_pause`: a walk that is
    /// under way is not stopped by it.
    pub fn pause(&mut self) {
        if self.error == Errno::Ok {
            self.error = Errno::Paused;
            self.reason = "Paused";
        }
    }

    /// Lifts a pause. Mirrors `llhttp_resume`.
    pub fn resume(&mut self) {
        if self.error == Errno::Paused {
            self.error = Errno::Ok;
        }
    }

    /// Lifts the pause after an upgrade. Mirrors `llhttp_resume_after_upgrade`.
    pub fn resume_after_upgrade(&mut self) {
        if self.error == Errno::PausedUpgrade {
            self.error = Errno::Ok;
        }
    }

    /// The error that the machine is in.
    #[must_use]
    pub fn error(&self) -> Errno {
        self.error
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Sets the reason. Mirrors `llhttp_set_error_reason`.
    pub fn set_reason(&mut self, reason: &'static str) {
        self.reason = reason;
    }

    /// Where the last error was, in the input of its walk; `None` if there was
    /// none yet. A pause from outside leaves it as it is.
    #[must_use]
    pub fn error_pos(&self) -> Option<usize> {
        self.error_pos
    }

    /// Requests or responses.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        self.kind
    }

    /// The number of the method, see [`METHOD_NAMES`].
    #[must_use]
    pub fn method(&self) -> u8 {
        self.method
    }

    /// The name of the method.
    #[must_use]
    pub fn method_name(&self) -> &'static str {
        METHOD_NAMES[usize::from(self.method)]
    }

    /// The version, major and minor.
    #[must_use]
    pub fn version(&self) -> (u8, u8) {
        (self.http_major, self.http_minor)
    }

    /// The status of a response.
    #[must_use]
    pub fn status_code(&self) -> u16 {
        self.status_code
    }

    /// True if what follows the message is in another protocol; known from the
    /// end of the head on.
    #[must_use]
    pub fn upgrade(&self) -> bool {
        self.upgrade
    }
}

impl Run {
    /// What the walk came to; [`Errno::Ok`] if all of the input was taken.
    #[must_use]
    pub fn result(&self) -> Errno {
        self.returned
    }
}

/// The small change of the states.
impl Machine {
    /// True if no one wants to hear of the protocol and the version.
    #[inline]
    pub(super) fn skips_version(&self) -> bool {
        self.wanted.skips_version()
    }

    /// The error node: stops for good.
    #[cold]
    pub(super) fn fail(&mut self, run: &Run, errno: Errno, reason: &'static str) -> Flow {
        self.error = errno;
        self.reason = reason;
        self.error_pos = Some(run.pos);
        Flow::Failed
    }

    /// Opens a span at the next byte; waits for that byte, so that a span is
    /// never opened for nothing.
    #[inline]
    pub(super) fn open(&mut self, run: &mut Run, input: &[u8], span: Span, next: State) -> Flow {
        if run.pos == input.len() {
            return Flow::More;
        }
        self.open = Some(OpenSpan { span, start: run.pos, walk: run.walk });
        run.state = next;
        Flow::Go
    }

    /// Ends the open span before the next byte, and goes to `next`; with `skip`,
    /// past that byte.
    #[inline]
    pub(super) fn close(&mut self, run: &mut Run, skip: bool, next: State) -> Flow {
        let end = run.pos;
        run.pos += usize::from(skip);
        run.state = next;
        match self.open.take() {
            Some(open) if self.wanted.span(open.span) => {
                run.awaits = Awaits::Span(open.span);
                // A span that another walk has opened has no beginning here.
                let start = if open.walk == run.walk { open.start } else { end };
                Flow::Emit(Event::Span { span: open.span, start, end })
            }
            _ => Flow::Go,
        }
    }

    /// Ends the open span, then fails.
    #[cold]
    pub(super) fn close_and_fail(
        &mut self,
        run: &mut Run,
        skip: bool,
        errno: Errno,
        reason: &'static str,
    ) -> Flow {
        run.fails = (errno, reason);
        self.close(run, skip, State::Fail)
    }

    /// Gives notice, and goes to `next`.
    #[inline]
    pub(super) fn notify(&mut self, run: &mut Run, notice: Notice, next: State) -> Flow {
        run.state = next;
        if !self.wanted.notice(notice) {
            return Flow::Go;
        }
        run.awaits = Awaits::Notice(notice);
        Flow::Emit(Event::Notice(notice))
    }

    /// The head is complete; goes to `HeadersDone`.
    pub(super) fn headers_complete(&mut self, run: &mut Run) -> Flow {
        run.state = State::HeadersDone;
        run.awaits = Awaits::Headers;
        Flow::Emit(Event::HeadersComplete)
    }

    /// Stops for an upgrade.
    pub(super) fn pause_upgrade(&mut self, run: &mut Run) -> Flow {
        run.state = State::Cleanup;
        self.stop(run, Errno::PausedUpgrade, Some("Pause on CONNECT/Upgrade"));
        Flow::Failed
    }

    /// Takes as much of `content_length` as there is; true once it is all taken.
    pub(super) fn consume(&mut self, run: &mut Run, input: &[u8]) -> bool {
        let available = (input.len() - run.pos) as u64;
        if available < self.content_length {
            self.content_length -= available;
            run.pos = input.len();
            return false;
        }
        run.pos += self.content_length as usize;
        self.content_length = 0;
        true
    }
}
