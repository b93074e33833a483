//! A fetch with stream IO: its user writes and reads body in pieces.
//!
//! Mirrors the functions of `FetchSM` whose names begin with `ext_`, and `InvokePluginExt` (9.2.9).

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use eventsys::{ContRef, Data, ET_NET, EventCode, Guard, Request, call};
use iocore::IoChannel;

use super::answer::Dechunked;
use super::{FETCH_LOCK_RETRY_TIME, Fetch, FetchSM};
use crate::events::HttpEvents;

impl FetchSM {
    /// Adds a field to the request. Mirrors `TSFetchHeaderAdd`.
    #[doc(alias = "TSFetchHeaderAdd")]
    pub fn header_add(&self, name: &[u8], value: &[u8]) {
        self.with(|state, guard| {
            if name.eq_ignore_ascii_case(b"Content-Length") {
                state.req_content_length.set(atoll(value));
            }
            let line = [name, b": ", value, b"\r\n"].concat();
            state.request.buffer().write(guard, &line);
        });
    }

    /// Sends the request. Mirrors `TSFetchLaunch`.
    #[doc(alias = "TSFetchLaunch")]
    pub fn launch(&self) {
        self.with(|state, guard| {
            state.request.buffer().write(guard, b"\r\n");
            state.http_connect(guard);
        });
    }

    /// True once [`FetchSM::launch`] has been called.
    #[must_use]
    pub fn is_launched(&self) -> bool {
        self.with(|state, _| state.vc.borrow().is_some())
    }

    /// Sends more of the request's body. Before [`FetchSM::launch`] it is kept; the original
    /// dereferences a null pointer then. Mirrors `TSFetchWriteData`.
    #[doc(alias = "TSFetchWriteData")]
    pub fn write_data(&self, data: &[u8]) {
        self.with(|state, guard| {
            state.request.buffer().write(guard, data);
            state.request.reenable(guard);
        });
    }

    /// Reads body that has come; returns how many bytes. None before the head is there, and none if
    /// another thread holds the fetch's own mutex. Mirrors `TSFetchReadData`.
    #[doc(alias = "TSFetchReadData")]
    pub fn read_data(&self, into: &mut [u8]) -> usize {
        self.lock().map_or(0, |guard| self.machine.state(&guard).read_data(&guard, into))
    }

    /// Ends it: its continuation gets no more event. Mirrors `TSFetchDestroy`.
    #[doc(alias = "TSFetchDestroy")]
    pub fn destroy(&self) {
        self.about.abandoned.store(true, Ordering::Release);
        match self.lock() {
            Some(guard) => {
                let state = self.machine.state(&guard);
                if state.recursion.get() == 0 {
                    state.clean_up();
                }
            }
            // Another thread runs the machine, perhaps in a callback: the event ends it.
            None => {
                let request = Request::new(Arc::clone(&self.machine) as ContRef);
                let processor = self.about.proxy.processor();
                processor.schedule_in(request, FETCH_LOCK_RETRY_TIME, ET_NET);
            }
        }
    }

    /// True if stream IO is about to end in an assertion: the body of the answer comes in chunks, and
    /// [`FetchFlags::dechunk`](crate::FetchFlags) is off. The original dereferences a null pointer;
    /// [`HttpCorrections::fetch_streams_chunked_bodies`](crate::HttpCorrections) mends it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.with(|state, guard| {
            let is_live = !self.is_over() && state.flags.get().stream && state.cont().is_some();
            is_live && state.has_body(guard) && state.has_no_reader(guard)
        })
    }

    /// Its mutex: the continuation's, or its own by a try-lock.
    fn lock(&self) -> Option<Guard<'_>> {
        match self.about.has_own_mutex {
            true => self.mutex().try_lock(),
            false => Some(self.mutex().lock()),
        }
    }
}

/// The user of a fetch is being called. Also a callback that panics ends, so the fetch can be
/// destroyed afterwards.
struct Entered<'a>(&'a Cell<u32>);

impl<'a> Entered<'a> {
    fn new(recursion: &'a Cell<u32>) -> Entered<'a> {
        recursion.set(recursion.get() + 1);
        Entered(recursion)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Fetch {
    /// The body comes in chunks, and the reader that the original would ask has never been made.
    fn has_no_reader(&self, guard: &Guard<'_>) -> bool {
        let corrected = self.about.proxy.config().corrections.fetch_streams_chunked_bodies;
        !corrected && self.check_chunked(guard) && !self.flags.get().dechunk
    }

    /// Mirrors `ext_read_data`.
    fn read_data(&self, guard: &Guard<'_>, into: &mut [u8]) -> usize {
        if !self.header_done.get() {
            return 0;
        }
        let undone = self.check_chunked(guard) && self.flags.get().dechunk;
        let dechunked = self.dechunked.borrow();
        let channel: &IoChannel = match &*dechunked {
            Some((_, channel)) if undone => channel,
            _ => &self.answer,
        };
        let read = channel.reader().read(guard, into);
        self.resp_received_body_len.set(self.resp_received_body_len.get() + read);
        self.answer.reenable(guard);
        usize::try_from(read).unwrap_or(0)
    }

    /// Tells the user of stream IO what has come: an event of the connection, or, without one, that
    /// the buffer has bytes. Mirrors `InvokePluginExt`.
    pub(super) fn invoke_plugin_ext(&self, guard: &Guard<'_>, event: Option<EventCode>) {
        {
            let _entered = Entered::new(&self.recursion);
            let conts = self.cont_mutex.as_ref().map(|mutex| mutex.lock());
            self.tell(guard, conts.as_ref().unwrap_or(guard), event);
        }
        if self.cont().is_none() && self.recursion.get() == 0 {
            self.clean_up();
        }
    }

    /// Each callback may destroy the fetch: then there is no continuation for the next one.
    fn tell(&self, guard: &Guard<'_>, conts: &Guard<'_>, event: Option<EventCode>) {
        let this = self.this();
        let tell = |event| {
            if let Some(cont) = self.cont() {
                call(&cont, Some(conts), event, Data::Object(&this));
            }
        };
        let is_end = match event {
            None => false,
            Some(EventCode::VC_EVENT_READ_COMPLETE | EventCode::VC_EVENT_EOS) => true,
            Some(other) => return tell(other),
        };
        if !self.has_sent_header.get() {
            if let Some(EventCode::VC_EVENT_EOS) = event {
                return tell(EventCode::VC_EVENT_EOS);
            }
            tell(EventCode::TS_FETCH_EVENT_EXT_HEAD_DONE);
            self.has_sent_header.set(true);
        }
        if self.cont().is_none() {
            return;
        }
        if !self.has_body(guard) {
            return tell(EventCode::TS_FETCH_EVENT_EXT_BODY_DONE);
        }
        assert!(
            !self.has_no_reader(guard),
            "chunked_handler.chunked_reader: the answer is chunked, and the fetch does not undo it"
        );
        if self.answer.reader().read_avail(guard) == 0 {
            if is_end {
                tell(EventCode::TS_FETCH_EVENT_EXT_BODY_DONE);
            }
            return;
        }
        let chunked = self.check_chunked(guard);
        if chunked && self.flags.get().dechunk {
            match self.dechunk_body(guard) {
                Dechunked::Nothing => self.answer.reenable(guard),
                Dechunked::Ready => tell(EventCode::TS_FETCH_EVENT_EXT_BODY_READY),
                Dechunked::Done => tell(EventCode::TS_FETCH_EVENT_EXT_BODY_DONE),
            }
        } else if self.check_body_done(guard) || is_end {
            tell(EventCode::TS_FETCH_EVENT_EXT_BODY_DONE);
        } else {
            tell(EventCode::TS_FETCH_EVENT_EXT_BODY_READY);
        }
    }
}

/// The number at the start of a text, 0 if there is none. Mirrors `atoll`.
fn atoll(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|digit| digit.is_ascii_digit());
    let number = digits
        .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -number } else { number }
}
