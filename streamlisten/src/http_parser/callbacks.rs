//! How the parser calls its user. Mirrors the callbacks of `Parser` that llhttp
//! calls, and the functions that they call.

use super::slots::Slot;
use super::{HTTPParser, HeaderList, HeadersComplete};
use crate::buf::Chunk;
use crate::env::Exception;
use crate::llhttp::{Errno, MessageType};

/// Whether the next tick of a callback runs right after it.
#[derive(Clone, Copy)]
pub(super) enum Ticks {
    Now,
    Later,
}

/// The callbacks.
impl HTTPParser {
    pub(super) fn throw(&self, exception: Exception) {
        self.env.throw(exception);
    }

    pub(super) fn on_message_begin(&self) {
        let called = self.call(&self.slots.on_message_begin, (), Ticks::Later);
        if let Some(Err(exception)) = called {
            // The original does not count this one as an exception of the parse.
            self.throw(exception);
        }
    }

    /// Gives the collected headers to `kOnHeaders`. Mirrors `Parser::Flush`.
    #[doc(alias = "Flush")]
    pub(super) fn flush(&self, flush: (HeaderList, Vec<u8>)) {
        match self.call(&self.slots.on_headers, flush, Ticks::Now) {
            None => return,
            Some(Ok(())) => {}
            Some(Err(exception)) => {
                self.throw(exception);
                self.got_exception.set(true);
            }
        }
        let mut state = self.state.borrow_mut();
        state.collected.url.clear();
        state.have_flushed = true;
    }

    pub(super) fn on_headers_complete(&self) -> i32 {
        if self.slots.on_headers_complete.borrow().is_none() {
            return 0;
        }
        let mut state = self.state.borrow_mut();
        let (mut headers, mut url) = (None, None);
        let request = state.machine.message_type() == MessageType::Request;
        if state.have_flushed {
            let flush = state.take_for_flush();
            drop(state);
            self.flush(flush);
            state = self.state.borrow_mut();
        } else {
            headers = Some(state.collected.headers());
            url = request.then(|| state.collected.url.clone());
        }
        state.collected.clear_pairs();
        let machine = &state.machine;
        let complete = HeadersComplete {
            version: machine.version(),
            headers,
            method: request.then(|| machine.method()),
            url,
            status_code: (!request).then(|| machine.status_code()),
            status_message: (!request).then(|| state.collected.status_message.clone()),
            upgrade: machine.upgrade(),
            should_keep_alive: machine.should_keep_alive(),
        };
        drop(state);
        match self.call(&self.slots.on_headers_complete, complete, Ticks::Later) {
            None => 0,
            Some(Ok(code)) => code,
            Some(Err(exception)) => self.failed(exception),
        }
    }

    pub(super) fn on_body(&self, bytes: &[u8]) -> i32 {
        if bytes.is_empty() || self.slots.on_body.borrow().is_none() {
            return 0;
        }
        match self.call(&self.slots.on_body, Chunk::new(bytes.to_vec()), Ticks::Now) {
            None | Some(Ok(())) => 0,
            Some(Err(exception)) => {
                self.failed(exception);
                Errno::User as i32
            }
        }
    }

    pub(super) fn on_message_complete(&self) -> i32 {
        let mut state = self.state.borrow_mut();
        // Trailers, with the target once more.
        let trailers = state.collected.has_fields().then(|| state.take_for_flush());
        drop(state);
        if let Some(flush) = trailers {
            self.flush(flush);
        }
        match self.call(&self.slots.on_message_complete, (), Ticks::Later) {
            None | Some(Ok(())) => 0,
            Some(Err(exception)) => self.failed(exception),
        }
    }

    fn failed(&self, exception: Exception) -> i32 {
        self.throw(exception);
        self.got_exception.set(true);
        -1
    }

    /// Calls the callback in `slot`, with nothing borrowed. `None` if `slot` is empty.
    pub(super) fn call<A, R>(
        &self,
        slot: &Slot<A, R>,
        argument: A,
        ticks: Ticks,
    ) -> Option<Result<R, Exception>> {
        let callback = slot.borrow().clone()?;
        let this = self.this.upgrade()?;
        if self.env.is_throwing() {
            return Some(Err(Exception::new("")));
        }
        let call = || callback(&this, argument);
        Some(match ticks {
            Ticks::Now => self.env.make_callback(call),
            Ticks::Later => self.env.callback_without_ticks(call),
        })
    }
}
