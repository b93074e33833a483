//! The HTTP parser: [`Machine`] is its state between inputs, [`Run`] one pass over an input, and *the
//! walk* the loop over the bytes.

mod moves;
mod outside;

use super::consts::{Finish, HeaderState, Lenient, MessageType, flag};
use super::errno::Errno;
use super::event::{Event, Notice, Span, Step, Wanted};
use super::state::{Group, State};
use super::words::Progress;

/// The state of a parser between inputs. Mirrors `llhttp_t`.
///
/// ```
/// use streamlisten::llhttp::{Event, Lenient, Machine, MessageType, Span, Step, Wanted};
///
/// let input = b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n";
/// let mut machine = Machine::new(MessageType::Request, Lenient::default(), Wanted::ALL);
/// let mut run = machine.begin();
/// let mut url = None;
/// while let Step::Event(event) = machine.step(&mut run, input) {
///     match event {
///         Event::Span { span: Span::Url, start, end } => url = Some(&input[start..end]),
///         Event::HeadersComplete => machine.reply(&mut run, 0),
///         _ => {}
///     }
/// }
/// assert_eq!(url, Some(&b"/page"[..]));
/// ```
pub struct Machine {
    /// The state in which the next walk begins. Written only when a walk stops, so a
    /// walk inside a callback begins where the outer one did.
    current: State,
    /// The word that is only partly spelled there.
    progress: Progress,
    /// The span that is open, and where it begins in the input under walk.
    open: Option<OpenSpan>,
    /// Counts the walks, so that a span of one is not ended by another.
    walks: u64,
    error: Errno,
    reason: &'static str,
    /// The offset of the last error in the input of its walk. `None` stands for the
    /// original's null pointer.
    error_pos: Option<usize>,
    wanted: Wanted,
    /// True if the short ways are open: see `short`.
    short_ways: bool,
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
/// [`Machine::begin`] makes it; see the example of [`Machine`].
pub struct Run {
    pub(super) state: State,
    /// The next byte to take.
    pub(super) pos: usize,
    pub(super) progress: Progress,
    /// The error of [`State::Fail`].
    pub(super) fails: (Errno, &'static str),
    walk: u64,
    /// The last event, until its reply.
    last: Last,
    /// If it is a span: its bounds.
    bounds: (usize, usize),
    returned: Errno,
}

/// An event, without the bounds of a span.
#[derive(Clone, Copy)]
enum Last {
    None,
    Span(Span),
    Notice(Notice),
    Headers,
}

/// The result of a group of states.
pub(super) enum Flow {
    /// The next state is in another group, or the same: go on.
    Go,
    /// An event: [`Run::last`].
    Emit,
    /// The input is used up.
    More,
    /// The walk is over.
    Over,
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
            short_ways: wanted == Wanted::NODE,
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
            state: if refused { State::Over } else { self.current },
            pos: 0,
            progress: self.progress,
            fails: (Errno::Ok, ""),
            walk: self.walks,
            last: Last::None,
            bounds: (0, 0),
            returned: self.error,
        }
    }

    /// Goes on to the next event, or to the end. `input` is the same in every
    /// step of one walk.
    #[inline]
    pub fn step(&mut self, run: &mut Run, input: &[u8]) -> Step {
        if self.short_ways
            && let Some((span, start, end)) = self.short_header(run, input)
        {
            run.last = Last::Span(span);
            return Step::Event(Event::Span { span, start, end });
        }
        self.step_elsewhere(run, input)
    }

    /// As `step`; not for the two states in which most steps begin.
    fn step_elsewhere(&mut self, run: &mut Run, input: &[u8]) -> Step {
        run.last = Last::None;
        if self.short_ways && self.short_way(run, input).is_some() {
            return run.event();
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
                Flow::Emit => return run.event(),
                Flow::More => {
                    self.end(run, input);
                    return run.event();
                }
                Flow::Over => return Step::Stop,
            }
        }
    }

    /// The input is used up: the state is kept, and the part of an open span is
    /// reported.
    fn end(&mut self, run: &mut Run, input: &[u8]) {
        (self.current, self.progress) = (run.state, run.progress);
        run.returned = Errno::Ok;
        run.state = State::Over;
        if let Some(open) = self.open
            && self.wanted.span(open.span)
        {
            let start = if open.walk == run.walk { open.start } else { input.len() };
            run.last = Last::Span(open.span);
            run.bounds = (start, input.len());
        }
    }

    /// Takes what the callback for the last event returned. Call it before the
    /// next step; for a reply of 0 only [`Event::HeadersComplete`] needs it.
    pub fn reply(&mut self, run: &mut Run, code: i32) {
        let last = std::mem::replace(&mut run.last, Last::None);
        if let Last::Headers = last {
            return self.reply_headers(run, code);
        }
        if code == 0 {
            return;
        }
        let (errno, reason) = match last {
            Last::Notice(notice) if code == Errno::Paused as i32 => {
                (Errno::Paused, Some(notice.pause()))
            }
            Last::Notice(notice) => {
                let (errno, reason) = notice.failure();
                (errno, Some(reason))
            }
            Last::Span(span) if code == -1 => (Errno::User, Some(span.failure())),
            Last::Span(_) if code == Errno::Paused as i32 => (Errno::Paused, None),
            Last::Span(_) => (Errno::User, None),
            Last::None | Last::Headers => return,
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
        run.returned = errno;
        // At the end of the input the state has been kept already.
        if run.state != State::Over {
            (self.current, self.progress) = (run.state, run.progress);
            run.state = State::Over;
        }
    }
}

impl Run {
    /// The last event, or [`Step::Stop`].
    fn event(&self) -> Step {
        Step::Event(match self.last {
            Last::None => return Step::Stop,
            Last::Span(span) => Event::Span { span, start: self.bounds.0, end: self.bounds.1 },
            Last::Notice(notice) => Event::Notice(notice),
            Last::Headers => Event::HeadersComplete,
        })
    }

    /// The result of the walk; [`Errno::Ok`] if it took all of the input.
    #[must_use]
    pub fn result(&self) -> Errno {
        self.returned
    }
}
