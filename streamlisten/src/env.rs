//! [`Environment`]: what all streams and parsers of one thread share: the buffer that parsers
//! read into, the exception that a callback has thrown, and the work for after the callback
//! (`process.nextTick`).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use crate::buf::Buf;

/// The size of the buffer that all parsers share, in bytes. Mirrors
/// `kAllocBufferSize` of `src/node_http_parser.cc`.
pub const PARSER_BUFFER_SIZE: usize = 64 * 1024;

/// The owner's number of the parsers' buffer.
const PARSERS: u64 = 1;

/// An exception that a callback has thrown.
/// [`Environment`] keeps it until the outermost callback has returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exception {
    /// Its message.
    pub message: String,
}

impl Exception {
    /// An exception with a message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Exception {
        Exception { message: message.into() }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exception {}

/// What all streams and parsers of one thread share. Mirrors the parts of
/// `Environment`, and the `BindingData` of the parser, that matter here.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use streamlisten::Environment;
///
/// let env = Environment::new();
/// let ticks = Rc::new(Cell::new(0));
/// let counter = Rc::clone(&ticks);
/// let seen = env.make_callback(|| {
///     env.next_tick(move || counter.set(counter.get() + 1));
///     ticks.get()
/// });
/// assert_eq!((seen, ticks.get()), (0, 1), "ticks run when the callback is over");
/// ```
pub struct Environment {
    /// The parsers' buffer, unless a read has it.
    parser_buffer: RefCell<Vec<u8>>,
    parser_buffer_in_use: Cell<bool>,
    pending: RefCell<Option<Exception>>,
    next_id: Cell<u64>,
    /// Callbacks of the next tick, in their order.
    ticks: RefCell<VecDeque<Box<dyn FnOnce()>>>,
    /// How many callbacks into JavaScript are on the stack.
    depth: Cell<u32>,
    /// The result of the last write of any stream. Mirrors `kBytesWritten` and
    /// `kLastWriteWasAsync` of `stream_base_state`.
    last_write: Cell<(usize, bool)>,
}

impl Environment {
    /// An environment.
    #[must_use]
    pub fn new() -> Rc<Environment> {
        Rc::new(Environment {
            parser_buffer: RefCell::new(Vec::new()),
            parser_buffer_in_use: Cell::new(false),
            pending: RefCell::new(None),
            next_id: Cell::new(PARSERS + 1),
            ticks: RefCell::default(),
            depth: Cell::new(0),
            last_write: Cell::new((0, false)),
        })
    }

    /// How many bytes the last write of any stream had. Mirrors `kBytesWritten`.
    #[doc(alias = "kBytesWritten")]
    #[must_use]
    pub fn last_bytes_written(&self) -> usize {
        self.last_write.get().0
    }

    /// True if the last write of any stream completes later. Mirrors
    /// `kLastWriteWasAsync`.
    #[doc(alias = "kLastWriteWasAsync")]
    #[must_use]
    pub fn last_write_was_async(&self) -> bool {
        self.last_write.get().1
    }

    /// Keeps the result of a write, for JavaScript. Mirrors `StreamBase::SetWriteResult`.
    #[doc(alias = "SetWriteResult")]
    pub(crate) fn set_write_result(&self, bytes: usize, is_async: bool) {
        self.last_write.set((bytes, is_async));
    }

    /// Calls `f` after the callback into JavaScript that is running now. Mirrors
    /// `process.nextTick`.
    #[doc(alias = "nextTick")]
    pub fn next_tick(&self, f: impl FnOnce() + 'static) {
        self.ticks.borrow_mut().push_back(Box::new(f));
    }

    /// Calls into JavaScript: `f`, and, if no other call is on the stack, what it
    /// has left for the next tick. Mirrors `MakeCallback`.
    #[doc(alias = "MakeCallback")]
    pub fn make_callback<R>(&self, f: impl FnOnce() -> R) -> R {
        let result = self.callback_without_ticks(f);
        if self.depth.get() == 0 {
            self.depth.set(1);
            // Nothing has caught an exception that waits here: the program is over.
            while !self.is_throwing()
                && let Some(tick) = self.next()
            {
                tick();
            }
            self.depth.set(0);
        }
        result
    }

    /// As [`Environment::make_callback`], for a callback that the event loop makes:
    /// does nothing if an uncaught exception waits.
    pub(crate) fn notify(&self, f: impl FnOnce()) {
        if !self.is_throwing() {
            self.make_callback(f);
        }
    }

    fn next(&self) -> Option<Box<dyn FnOnce()>> {
        self.ticks.borrow_mut().pop_front()
    }

    /// As [`Environment::make_callback`], but the next tick waits for the next
    /// callback. Mirrors `InternalCallbackScope::kSkipTaskQueues`.
    #[doc(alias = "kSkipTaskQueues")]
    pub fn callback_without_ticks<R>(&self, f: impl FnOnce() -> R) -> R {
        self.depth.set(self.depth.get() + 1);
        let result = f();
        self.depth.set(self.depth.get() - 1);
        result
    }

    /// A new number, used nowhere else.
    pub(crate) fn new_id(&self) -> u64 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    /// Memory for a parser to read into: the one shared buffer, or, while a read
    /// is under way in it, fresh memory of `suggested` bytes. Mirrors
    /// `Parser::OnStreamAlloc`.
    pub(crate) fn parser_alloc(&self, suggested: usize) -> Buf {
        if self.parser_buffer_in_use.replace(true) {
            return Buf::fresh(suggested);
        }
        let mut bytes = self.parser_buffer.take();
        bytes.reserve(PARSER_BUFFER_SIZE.saturating_sub(bytes.len()));
        Buf::of(bytes, PARSER_BUFFER_SIZE, PARSERS)
    }

    /// True if `buf` is in the shared buffer.
    pub(crate) fn is_parser_buffer(buf: &Buf) -> bool {
        buf.owner() == PARSERS
    }

    /// Takes the shared buffer back; `bytes` is `None` if a part of it is still held.
    pub(crate) fn parser_free(&self, bytes: Option<Vec<u8>>) {
        self.parser_buffer.replace(bytes.unwrap_or_default());
        self.parser_buffer_in_use.set(false);
    }

    /// Throws: keeps an exception of a callback until [`Environment::take_exception`]
    /// takes it. Of several, the first stays.
    pub fn throw(&self, exception: Exception) {
        self.pending.borrow_mut().get_or_insert(exception);
    }

    /// True while an exception waits to be taken. Until then no callback is
    /// called any more, and each counts as having thrown, as in the original, where
    /// every further call into JavaScript fails at once.
    #[must_use]
    pub fn is_throwing(&self) -> bool {
        self.pending.borrow().is_some()
    }

    /// Takes the exception that the last call from outside has left, if any; in node
    /// it would go up to the caller, or be uncaught.
    pub fn take_exception(&self) -> Option<Exception> {
        self.pending.take()
    }
}
