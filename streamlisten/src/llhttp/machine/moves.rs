//! What the states have in common: they open and close spans, give notices, and end
//! a walk with an error.

use super::{Flow, Last, Machine, OpenSpan, Run};
use crate::llhttp::errno::Errno;
use crate::llhttp::event::{Notice, Span};
use crate::llhttp::state::State;

impl Machine {
    /// The error node: stops for good.
    #[cold]
    pub(in crate::llhttp) fn fail(
        &mut self,
        run: &mut Run,
        errno: Errno,
        reason: &'static str,
    ) -> Flow {
        self.error = errno;
        self.reason = reason;
        self.error_pos = Some(run.pos);
        run.returned = errno;
        run.state = State::Over;
        Flow::Over
    }

    /// Opens a span at the next byte; waits for that byte, so that a span has at
    /// least one byte.
    #[inline]
    pub(in crate::llhttp) fn open(
        &mut self,
        run: &mut Run,
        input: &[u8],
        span: Span,
        next: State,
    ) -> Flow {
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
    pub(in crate::llhttp) fn close(&mut self, run: &mut Run, skip: bool, next: State) -> Flow {
        let end = run.pos;
        run.pos += usize::from(skip);
        run.state = next;
        match self.open.take() {
            Some(open) if self.wanted.span(open.span) => {
                run.last = Last::Span(open.span);
                // A span that another walk has opened has no beginning here.
                let start = if open.walk == run.walk { open.start } else { end };
                run.bounds = (start, end);
                Flow::Emit
            }
            _ => Flow::Go,
        }
    }

    /// A span that begins and ends here: opened at `start`, closed at `end`.
    #[inline]
    pub(in crate::llhttp) fn whole(
        &mut self,
        run: &mut Run,
        span: Span,
        start: usize,
        end: usize,
    ) -> Flow {
        self.forget_open();
        run.last = Last::Span(span);
        run.bounds = (start, end);
        Flow::Emit
    }

    /// As `whole` does: what a walk inside a callback has left open is closed by
    /// the next span that is.
    #[inline]
    pub(in crate::llhttp) fn forget_open(&mut self) {
        self.open = None;
    }

    /// Ends the open span, then fails.
    #[cold]
    pub(in crate::llhttp) fn close_and_fail(
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
    pub(in crate::llhttp) fn notify(&mut self, run: &mut Run, notice: Notice, next: State) -> Flow {
        run.state = next;
        if !self.wanted.notice(notice) {
            return Flow::Go;
        }
        run.last = Last::Notice(notice);
        Flow::Emit
    }

    /// The head is complete; goes to `HeadersDone`.
    pub(in crate::llhttp) fn headers_complete(&mut self, run: &mut Run) -> Flow {
        run.state = State::HeadersDone;
        run.last = Last::Headers;
        Flow::Emit
    }

    /// Stops for an upgrade.
    pub(in crate::llhttp) fn pause_upgrade(&mut self, run: &mut Run) -> Flow {
        run.state = State::Cleanup;
        self.stop(run, Errno::PausedUpgrade, Some("Pause on CONNECT/Upgrade"));
        Flow::Over
    }

    /// Takes as much of `content_length` as there is; true once it is all taken.
    pub(in crate::llhttp) fn consume(&mut self, run: &mut Run, input: &[u8]) -> bool {
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
