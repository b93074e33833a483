//! The writable side of a socket. Mirrors `lib/internal/streams/writable.js`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::emitter::{Arg, JsError};
use super::readable::{HIGH_WATER_MARK, Readable};
use super::socket::Socket;
use crate::buf::Chunk;

/// The function to call when a write has ended.
pub(super) type Done = Box<dyn FnOnce()>;

/// The state of the writable side. Mirrors `WritableState`.
#[derive(Default)]
pub(super) struct WritableState {
    length: Cell<usize>,
    writelen: Cell<usize>,
    callbacks: RefCell<Vec<Option<Done>>>,
    writing: Cell<bool>,
    sync: Cell<bool>,
    corked: Cell<u32>,
    buffered: RefCell<VecDeque<(Chunk, Option<Done>)>>,
    buffer_processing: Cell<bool>,
    pub(super) need_drain: Cell<bool>,
    pub(super) ending: Cell<bool>,
    pub(super) finished: Cell<bool>,
    final_called: Cell<bool>,
    prefinished: Cell<bool>,
    pendingcb: Cell<i64>,
}

impl Socket {
    /// True while it can be written to.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let state = self.readable_state();
        !self.w.ending.get() && !state.destroyed.get() && !state.errored.get()
    }

    /// Writes. False if the writer should wait for `drain`. A write after the end writes
    /// nothing: the socket is destroyed with `ERR_STREAM_WRITE_AFTER_END`.
    pub fn write(&self, chunk: Chunk) -> bool {
        self.write_with(chunk, None)
    }

    pub(super) fn write_with(&self, chunk: Chunk, done: Option<Done>) -> bool {
        let w = &self.w;
        if w.ending.get() || self.readable_state().destroyed.get() {
            if let Some(done) = done {
                self.env().next_tick(done);
            }
            if w.ending.get() {
                self.destroy(Some(JsError::new("ERR_STREAM_WRITE_AFTER_END")));
            }
            return false;
        }
        w.pendingcb.set(w.pendingcb.get() + 1);
        let n = chunk.len();
        w.length.set(w.length.get() + n);
        if w.writing.get() || w.corked.get() > 0 || self.readable_state().errored.get() {
            w.buffered.borrow_mut().push_back((chunk, done));
        } else {
            self.do_write(n, vec![chunk], vec![done]);
        }
        let more = w.length.get() < HIGH_WATER_MARK || w.length.get() == 0;
        if !more {
            w.need_drain.set(true);
        }
        more && !self.readable_state().destroyed.get() && !self.readable_state().errored.get()
    }

    fn do_write(&self, n: usize, chunks: Vec<Chunk>, callbacks: Vec<Option<Done>>) {
        let w = &self.w;
        w.writelen.set(n);
        w.callbacks.replace(callbacks);
        w.writing.set(true);
        w.sync.set(true);
        self.write_to_handle(chunks);
        w.sync.set(false);
    }

    /// True while writes are held back.
    pub(super) fn is_corked(&self) -> bool {
        self.w.corked.get() > 0
    }

    /// Bytes that have been written and are not out yet.
    pub(super) fn writable_length(&self) -> usize {
        self.w.length.get()
    }

    /// Holds writes back.
    pub(super) fn cork(&self) {
        self.w.corked.set(self.w.corked.get() + 1);
    }

    /// Releases writes that were held back.
    pub(super) fn uncork(&self) {
        let w = &self.w;
        if w.corked.get() > 0 {
            w.corked.set(w.corked.get() - 1);
            if !w.writing.get() {
                self.clear_buffer();
            }
        }
    }

    /// Releases them, however often they were held back.
    pub(super) fn uncork_all(&self) {
        self.w.corked.set(self.w.corked.get().min(1));
        self.uncork();
    }

    fn clear_buffer(&self) {
        let w = &self.w;
        if w.corked.get() > 0 || w.buffer_processing.get() || self.readable_state().destroyed.get()
        {
            return;
        }
        let buffered = w.buffered.take();
        if buffered.is_empty() {
            return;
        }
        w.buffer_processing.set(true);
        w.pendingcb.set(w.pendingcb.get() - (buffered.len() as i64 - 1));
        let (chunks, callbacks) = buffered.into_iter().unzip();
        self.do_write(w.length.get(), chunks, callbacks);
        w.buffer_processing.set(false);
    }

    /// A write has ended. Mirrors `onwrite`.
    pub(super) fn onwrite(&self, error: Option<JsError>) {
        let w = &self.w;
        w.writing.set(false);
        w.length.set(w.length.get() - w.writelen.replace(0));
        let callbacks = w.callbacks.take();
        if let Some(error) = error {
            self.readable_state().errored.set(true);
            let Some(this) = self.this() else { return };
            let fail = move || this.onwrite_error(error, callbacks);
            if w.sync.get() {
                self.env().next_tick(fail);
            } else {
                fail();
            }
            return;
        }
        if !w.buffered.borrow().is_empty() {
            self.clear_buffer();
        }
        if !w.sync.get() {
            self.after_write(callbacks);
            return;
        }
        let drain = w.need_drain.get() && w.length.get() == 0;
        if drain || callbacks.iter().any(Option::is_some) {
            let Some(this) = self.this() else { return };
            self.env().next_tick(move || this.after_write(callbacks));
        } else {
            w.pendingcb.set(w.pendingcb.get() - 1);
            if w.ending.get() {
                self.finish_maybe();
            }
        }
    }

    /// A write has failed: its callbacks are called, and those of the writes behind it;
    /// the error follows them. Mirrors `onwriteError`.
    #[doc(alias = "onwriteError")]
    fn onwrite_error(&self, error: JsError, callbacks: Vec<Option<Done>>) {
        self.w.pendingcb.set(self.w.pendingcb.get() - 1);
        call(callbacks);
        self.error_buffer();
        self.destroy(Some(error));
    }

    /// What waits will not be written: its callbacks are called, unless a write is under
    /// way; then the end of that write calls them. Mirrors `errorBuffer`.
    #[doc(alias = "errorBuffer")]
    fn error_buffer(&self) {
        let w = &self.w;
        if w.writing.get() {
            return;
        }
        let buffered = w.buffered.take();
        let n: usize = buffered.iter().map(|(chunk, _)| chunk.len()).sum();
        w.length.set(w.length.get() - n);
        call(buffered.into_iter().map(|(_, done)| done).collect());
    }

    /// The socket and its waiting writes are being destroyed. Mirrors
    /// `Writable.prototype.destroy`.
    pub(super) fn destroy_writable(&self) {
        if self.w.buffered.borrow().is_empty() {
            return;
        }
        if let Some(this) = self.this() {
            self.env().next_tick(move || this.error_buffer());
        }
    }

    fn after_write(&self, callbacks: Vec<Option<Done>>) {
        let w = &self.w;
        let destroyed = self.readable_state().destroyed.get();
        if w.need_drain.get() && !w.ending.get() && !destroyed && w.length.get() == 0 {
            w.need_drain.set(false);
            self.emit("drain", &Arg::None);
        }
        w.pendingcb.set(w.pendingcb.get() - 1);
        call(callbacks);
        if self.readable_state().destroyed.get() {
            self.error_buffer();
        }
        if w.ending.get() {
            self.finish_maybe();
        }
    }

    /// Writes once more, and ends.
    pub fn end_with(&self, chunk: Chunk) {
        self.write(chunk);
        self.end();
    }

    /// Ends the writable side, once all is written.
    pub fn end(&self) {
        if self.w.corked.get() > 0 {
            self.uncork_all();
        }
        if !self.w.ending.get() && !self.readable_state().errored.get() {
            self.w.ending.set(true);
            self.finish_maybe();
        }
    }

    fn need_finish(&self) -> bool {
        let (w, r) = (&self.w, self.readable_state());
        w.ending.get()
            && !r.destroyed.get()
            && !w.finished.get()
            && !w.writing.get()
            && !r.errored.get()
            && w.buffered.borrow().is_empty()
            && w.length.get() == 0
    }

    fn finish_maybe(&self) {
        if !self.need_finish() || self.w.prefinished.get() || self.w.final_called.replace(true) {
            return;
        }
        self.w.pendingcb.set(self.w.pendingcb.get() + 1);
        let Some(this) = self.this() else { return };
        self.final_write(move || this.on_finish());
    }

    fn on_finish(&self) {
        let w = &self.w;
        w.pendingcb.set(w.pendingcb.get() - 1);
        if !self.need_finish() {
            return;
        }
        w.prefinished.set(true);
        let Some(this) = self.this() else { return };
        self.env().next_tick(move || this.finish());
    }

    fn finish(&self) {
        self.w.finished.set(true);
        self.emit("finish", &Arg::None);
        if self.readable_state().end_emitted.get() {
            self.destroy(None);
        }
    }

    /// A handle to itself.
    pub(super) fn this(&self) -> Option<Rc<Socket>> {
        self.this.upgrade()
    }
}

fn call(callbacks: Vec<Option<Done>>) {
    callbacks.into_iter().flatten().for_each(|done| done());
}
