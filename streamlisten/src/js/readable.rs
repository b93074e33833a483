//! [`Readable`]: a stream to read from, flowing or paused. Mirrors
//! `lib/internal/streams/readable.js`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::emitter::{Arg, Emitter, JsError, Listener};
use crate::buf::Chunk;
use crate::env::Environment;

/// How many bytes may wait before reading stops. Mirrors
/// `getDefaultHighWaterMark`.
pub(super) const HIGH_WATER_MARK: usize = 16 * 1024;

/// The state of the readable side. Mirrors `ReadableState`; the names are those
/// of its flags.
/// Each [`Readable`] has one, which [`Readable::readable_state`] returns; the example of
/// [`HttpServer`](super::HttpServer) has two, of a [`Socket`](super::Socket) and of an
/// [`IncomingMessage`](super::IncomingMessage).
#[derive(Default)]
pub struct ReadableState {
    buffer: RefCell<VecDeque<Chunk>>,
    pub(super) length: Cell<usize>,
    /// True if the user has said whether it should flow.
    pub(super) has_flowing: Cell<bool>,
    pub(super) flowing: Cell<bool>,
    pub(super) ended: Cell<bool>,
    pub(super) end_emitted: Cell<bool>,
    reading: Cell<bool>,
    sync: Cell<bool>,
    need_readable: Cell<bool>,
    emitted_readable: Cell<bool>,
    readable_listening: Cell<bool>,
    data_listening: Cell<bool>,
    pub(super) resume_scheduled: Cell<bool>,
    pub(super) reading_more: Cell<bool>,
    has_paused: Cell<bool>,
    paused: Cell<bool>,
    pub(super) errored: Cell<bool>,
    pub(super) destroyed: Cell<bool>,
    pub(super) close_emitted: Cell<bool>,
    pub(super) error_emitted: Cell<bool>,
}

impl ReadableState {
    /// The state of a new stream: until its first read, it emits nothing in the call
    /// that brings bytes.
    pub(super) fn new() -> ReadableState {
        ReadableState { sync: Cell::new(true), ..ReadableState::default() }
    }
}

/// A stream to read from.
/// [`Socket`](super::Socket) and [`IncomingMessage`](super::IncomingMessage) are two.
pub trait Readable {
    /// The state of the readable side.
    fn readable_state(&self) -> &ReadableState;

    /// The listeners.
    fn emitter(&self) -> &Emitter;

    /// The environment.
    fn env(&self) -> &Rc<Environment>;

    /// A handle to itself, for the next tick.
    fn shared(&self) -> Option<Rc<dyn Readable>>;

    /// Bytes are wanted.
    fn read_more(&self);

    /// The end has been emitted; the stream may be over.
    fn after_end(&self);

    /// Destroys the stream.
    fn destroy(&self, error: Option<JsError>);

    /// Adds a listener, as this class does it.
    fn on(&self, event: &'static str, listener: Listener) -> u64 {
        self.readable_on(event, false, listener)
    }

    /// Calls the listeners of an event. True if there was one.
    fn emit(&self, event: &'static str, arg: &Arg) -> bool;

    /// Takes a listener out.
    fn remove_listener(&self, id: u64) {
        match self.emitter().remove(id) {
            Some("readable") => self.later(|this| this.update_readable_listening()),
            Some("data") if self.emitter().listener_count("data") == 0 => {
                self.readable_state().data_listening.set(false);
            }
            _ => {}
        }
    }

    /// Adds a listener. One for `data` makes a stream flow that has not been
    /// paused; one for `readable` keeps it from flowing.
    fn readable_on(&self, event: &'static str, once: bool, listener: Listener) -> u64 {
        let id = self.emitter().add(event, once, listener);
        let state = self.readable_state();
        match event {
            "data" => {
                state.data_listening.set(true);
                if self.emitter().listener_count("readable") > 0 {
                    state.readable_listening.set(true);
                }
                if !state.has_flowing.get() || state.flowing.get() {
                    self.resume();
                }
            }
            "readable" if !state.end_emitted.get() && !state.readable_listening.get() => {
                state.readable_listening.set(true);
                state.need_readable.set(true);
                state.has_flowing.set(true);
                state.flowing.set(false);
                state.emitted_readable.set(false);
                if state.length.get() > 0 {
                    self.emit_readable();
                } else if !state.reading.get() {
                    self.later(|this| drop(this.read(Some(0))));
                }
            }
            _ => {}
        }
        id
    }

    /// Calls `f` in the next tick.
    fn later(&self, f: fn(&dyn Readable)) {
        if let Some(this) = self.shared() {
            self.env().next_tick(move || f(&*this));
        }
    }

    /// A read or the flow is about to start.
    fn about_to_read(&self) {}

    /// A pause is about to start.
    fn about_to_pause(&self) {}

    /// Flows, or, with a listener for `readable`, goes on reading.
    fn resume(&self) {
        self.about_to_read();
        let state = self.readable_state();
        if !state.flowing.get() {
            state.has_flowing.set(true);
            state.flowing.set(!state.readable_listening.get());
            if !state.resume_scheduled.replace(true) {
                self.later(|this| this.resume_now());
            }
        }
        state.has_paused.set(true);
        state.paused.set(false);
    }

    /// What `resume` leaves for the next tick.
    fn resume_now(&self) {
        let state = self.readable_state();
        if !state.reading.get() {
            self.read(Some(0));
        }
        state.resume_scheduled.set(false);
        self.emit("resume", &Arg::None);
        self.flow();
        if state.flowing.get() && !state.reading.get() {
            self.read(Some(0));
        }
    }

    /// Flows no longer.
    fn pause(&self) {
        self.about_to_pause();
        let state = self.readable_state();
        if !state.has_flowing.get() || state.flowing.get() {
            state.has_flowing.set(true);
            state.flowing.set(false);
            self.emit("pause", &Arg::None);
        }
        state.has_paused.set(true);
        state.paused.set(true);
    }

    /// Reads for as long as it flows.
    fn flow(&self) {
        while self.readable_state().flowing.get() && self.read(None).is_some() {}
    }

    /// After a listener for `readable` has gone.
    fn update_readable_listening(&self) {
        let state = self.readable_state();
        let listening = self.emitter().listener_count("readable") > 0;
        state.readable_listening.set(listening);
        if state.resume_scheduled.get() && state.has_paused.get() && !state.paused.get() {
            state.has_flowing.set(true);
            state.flowing.set(true);
        } else if state.data_listening.get() {
            self.resume();
        } else if !listening {
            state.has_flowing.set(false);
            state.flowing.set(false);
        }
    }

    /// Gives bytes to the reader, or the end. False if it has enough for now.
    /// Mirrors `Readable.prototype.push`.
    #[doc(alias = "readableAddChunk")]
    fn push(&self, chunk: Option<Chunk>) -> bool {
        let state = self.readable_state();
        let Some(chunk) = chunk else {
            state.reading.set(false);
            self.on_eof_chunk();
            return false;
        };
        if chunk.is_empty() {
            state.reading.set(false);
            self.maybe_read_more();
            return self.can_push_more();
        }
        if state.ended.get() {
            self.destroy(Some(JsError::new("ERR_STREAM_PUSH_AFTER_EOF")));
            return false;
        }
        if state.destroyed.get() || state.errored.get() {
            return false;
        }
        state.reading.set(false);
        let direct = state.flowing.get() && !state.sync.get() && state.data_listening.get();
        if direct && state.length.get() == 0 {
            self.emit("data", &Arg::Data(chunk));
        } else {
            state.length.set(state.length.get() + chunk.len());
            state.buffer.borrow_mut().push_back(chunk);
            if state.need_readable.get() {
                self.emit_readable();
            }
        }
        self.maybe_read_more();
        self.can_push_more()
    }

    /// True if there is room.
    fn can_push_more(&self) -> bool {
        let state = self.readable_state();
        let length = state.length.get();
        !state.ended.get() && (length < HIGH_WATER_MARK || length == 0)
    }

    /// Reads `n` bytes, or, without a number, what there is; `Some(0)` only makes
    /// more bytes come.
    fn read(&self, n: Option<usize>) -> Option<Chunk> {
        self.about_to_read();
        let state = self.readable_state();
        if n != Some(0) {
            state.emitted_readable.set(false);
        }
        let full = state.length.get() >= HIGH_WATER_MARK;
        if n == Some(0) && state.need_readable.get() && (full || state.ended.get()) {
            if state.length.get() == 0 && state.ended.get() {
                self.end_readable();
            } else {
                self.emit_readable();
            }
            return None;
        }
        let mut take = how_much_to_read(n, state);
        if take == 0 && state.ended.get() {
            if state.length.get() == 0 {
                self.end_readable();
            }
            return None;
        }
        let low = state.length.get() == 0 || state.length.get() - take < HIGH_WATER_MARK;
        let able = !state.reading.get()
            && !state.ended.get()
            && !state.destroyed.get()
            && !state.errored.get();
        if able && (low || state.need_readable.get()) {
            state.reading.set(true);
            state.sync.set(true);
            if state.length.get() == 0 {
                state.need_readable.set(true);
            }
            self.read_more();
            state.sync.set(false);
            if !state.reading.get() {
                take = how_much_to_read(n, state);
            }
        }
        let chunk = if take > 0 { Some(from_list(take, state)) } else { None };
        if chunk.is_some() {
            state.length.set(state.length.get() - take);
        } else {
            if state.length.get() <= HIGH_WATER_MARK {
                state.need_readable.set(true);
            }
            take = 0;
        }
        if state.length.get() == 0 {
            if !state.ended.get() {
                state.need_readable.set(true);
            }
            if n != Some(take) && state.ended.get() {
                self.end_readable();
            }
        }
        if let Some(chunk) = &chunk
            && !state.error_emitted.get()
            && !state.close_emitted.get()
        {
            self.emit("data", &Arg::Data(chunk.clone()));
        }
        chunk
    }

    /// The end has come in.
    fn on_eof_chunk(&self) {
        let state = self.readable_state();
        if state.ended.replace(true) {
            return;
        }
        if state.sync.get() {
            self.emit_readable();
        } else {
            state.need_readable.set(false);
            state.emitted_readable.set(true);
            self.emit_readable_now();
        }
    }

    /// Says in the next tick that there is something to read.
    fn emit_readable(&self) {
        let state = self.readable_state();
        state.need_readable.set(false);
        if !state.emitted_readable.replace(true) {
            self.later(|this| this.emit_readable_now());
        }
    }

    /// Says that there is something to read.
    fn emit_readable_now(&self) {
        let state = self.readable_state();
        let something = state.length.get() > 0 || state.ended.get();
        if !state.destroyed.get() && !state.errored.get() && something {
            self.emit("readable", &Arg::None);
            state.emitted_readable.set(false);
        }
        if !state.flowing.get() && !state.ended.get() && state.length.get() <= HIGH_WATER_MARK {
            state.need_readable.set(true);
        }
        self.flow();
    }

    /// Reads on in the next tick, if there is room.
    fn maybe_read_more(&self) {
        if !self.readable_state().reading_more.replace(true) {
            self.later(|this| {
                let state = this.readable_state();
                loop {
                    let length = state.length.get();
                    let room = length < HIGH_WATER_MARK || state.flowing.get() && length == 0;
                    if state.reading.get() || state.ended.get() || !room {
                        break;
                    }
                    this.read(Some(0));
                    if length == state.length.get() {
                        break;
                    }
                }
                state.reading_more.set(false);
            });
        }
    }

    /// All has been read: emits the end in the next tick.
    fn end_readable(&self) {
        let state = self.readable_state();
        if !state.end_emitted.get() {
            state.ended.set(true);
            self.later(|this| {
                let state = this.readable_state();
                let over = state.errored.get()
                    || state.close_emitted.get()
                    || state.end_emitted.get()
                    || state.length.get() > 0;
                if !over {
                    state.end_emitted.set(true);
                    this.emit("end", &Arg::None);
                    this.after_end();
                }
            });
        }
    }
}

/// Calls the listeners of an event as they stand now. True if there was one.
pub(super) fn emit_to_listeners(of: &dyn Readable, event: &str, arg: &Arg) -> bool {
    let listeners = of.emitter().listeners(event);
    for entry in &listeners {
        if entry.once {
            of.remove_listener(entry.id);
        }
        (entry.listener)(arg);
    }
    !listeners.is_empty()
}

fn how_much_to_read(n: Option<usize>, state: &ReadableState) -> usize {
    let length = state.length.get();
    match n {
        Some(0) => 0,
        _ if length == 0 && state.ended.get() => 0,
        None if state.flowing.get() && length > 0 => {
            state.buffer.borrow().front().map_or(0, |chunk| chunk.len())
        }
        None => length,
        Some(n) if n <= length => n,
        Some(_) if state.ended.get() => length,
        Some(_) => 0,
    }
}

fn from_list(n: usize, state: &ReadableState) -> Chunk {
    let mut buffer = state.buffer.borrow_mut();
    if buffer.front().is_some_and(|chunk| chunk.len() == n)
        && let Some(chunk) = buffer.pop_front()
    {
        return chunk;
    }
    let mut bytes = Vec::with_capacity(n);
    while bytes.len() < n {
        let Some(chunk) = buffer.pop_front() else {
            break;
        };
        let take = chunk.len().min(n - bytes.len());
        bytes.extend_from_slice(&chunk[..take]);
        if take < chunk.len() {
            buffer.push_front(chunk.from(take));
        }
    }
    Chunk::new(bytes)
}
