//! [`StreamResource`]: a stream with its chain of listeners.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::buf::{Buf, Chunk};
use crate::listener::StreamListener;
use crate::wrap::{ShutdownWrap, WriteWrap};

/// The listeners of one stream, the newest last.
///
/// The chain does not own them. It alone decides their order: at every change it
/// writes into each listener's link which listener is below.
/// The example of [`StreamListener`] pushes a listener on one.
#[derive(Default)]
pub struct ListenerChain {
    listeners: RefCell<Vec<Entry>>,
    bytes_read: Cell<u64>,
    bytes_written: Cell<u64>,
}

struct Entry {
    id: u64,
    listener: Weak<dyn StreamListener>,
}

impl ListenerChain {
    /// A chain without listeners.
    #[must_use]
    pub fn new() -> Rc<ListenerChain> {
        Rc::default()
    }

    /// The newest listener.
    #[inline]
    #[must_use]
    pub fn head(&self) -> Option<Rc<dyn StreamListener>> {
        self.listeners.borrow().last()?.listener.upgrade()
    }

    /// How many listeners there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listeners.borrow().len()
    }

    /// True if there are no listeners.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts `listener` on top. Mirrors `StreamResource::PushStreamListener`.
    ///
    /// # Panics
    /// If it is in a chain already, as the original aborts.
    #[doc(alias = "PushStreamListener")]
    pub fn push(self: &Rc<Self>, listener: &Rc<dyn StreamListener>) {
        // course: 14 begin push "put a listener on top"
        let link = listener.link();
        assert!(link.chain().is_none(), "(listener->stream_) == nullptr");
        link.set_chain(Rc::downgrade(self));
        let entry = Entry { id: link.id(), listener: Rc::downgrade(listener) };
        let mut listeners = self.listeners.borrow_mut();
        link.set_previous(listeners.last().map(|entry| Weak::clone(&entry.listener)));
        listeners.push(entry);
        // course: 14 stub let _ = listener;
        // course: 14 stub todo!("lesson 14: push")
        // course: 14 end
    }

    /// Takes `listener` out, wherever it is. Mirrors
    /// `StreamResource::RemoveStreamListener`.
    ///
    /// # Panics
    /// If it is not in this chain, as the original aborts.
    #[doc(alias = "RemoveStreamListener")]
    pub fn remove(&self, listener: &dyn StreamListener) {
        let link = listener.link();
        assert!(self.forget(link.id()), "(current) != nullptr");
        link.set_chain(Weak::new());
        link.set_previous(None);
    }

    /// Takes the listener with this number out, and links the one above it to the one
    /// below it; false if it is not there.
    pub(crate) fn forget(&self, id: u64) -> bool {
        // course: 14 begin forget "take a listener out, wherever it is"
        let mut listeners = self.listeners.borrow_mut();
        let Some(at) = listeners.iter().rposition(|entry| entry.id == id) else {
            return false;
        };
        listeners.remove(at);
        let above = listeners.get(at).and_then(|entry| entry.listener.upgrade());
        let below = at.checked_sub(1).map(|below| Weak::clone(&listeners[below].listener));
        drop(listeners);
        if let Some(above) = above {
            above.link().set_previous(below);
        }
        true
        // course: 14 stub let _ = id;
        // course: 14 stub todo!("lesson 14: forget")
        // course: 14 end
    }

    /// The stream ends: calls each listener's `on_stream_destroy` and removes it, the
    /// newest first. Mirrors the destructor of `StreamResource`.
    #[doc(alias = "~StreamResource")]
    pub(crate) fn destroy(&self) {
        while let Some(head) = self.head() {
            head.on_stream_destroy();
            if self.listeners.borrow().last().is_some_and(|entry| entry.id == head.link().id()) {
                self.remove(&*head);
            }
        }
    }

    /// A write of this stream has ended. Mirrors `EmitAfterWrite`.
    pub(crate) fn emit_after_write(&self, request: &Rc<WriteWrap>, status: i32) {
        if let Some(head) = self.head() {
            head.on_stream_after_write(request, status);
        }
    }

    /// A shutdown of this stream has ended. Mirrors `EmitAfterShutdown`.
    pub(crate) fn emit_after_shutdown(&self, request: &Rc<ShutdownWrap>, status: i32) {
        if let Some(head) = self.head() {
            head.on_stream_after_shutdown(request, status);
        }
    }

    pub(crate) fn add_bytes_written(&self, n: usize) {
        self.bytes_written.set(self.bytes_written.get() + n as u64);
    }
}

impl Drop for ListenerChain {
    /// The listeners that are left are in no chain any more, and have no listener below.
    fn drop(&mut self) {
        for entry in self.listeners.take() {
            if let Some(listener) = entry.listener.upgrade() {
                listener.link().set_previous(None);
            }
        }
    }
}

/// Something that bytes come from and go to. Mirrors `StreamResource` of
/// `src/stream_base.h`. Results are 0 or an error number below zero.
///
/// # Contract
///
/// 1. Listeners come and go with `push_stream_listener` and `remove_stream_listener`, at any time,
///    also inside a callback; the change counts from the next event on.
/// 2. `read_start` and `read_stop` say whether the stream reads. For each read the stream calls
///    `emit_alloc`, fills the memory, and calls `emit_read` with the number of bytes, 0, or an error.
/// 3. `do_write` and `do_shutdown` return an error at once, or complete their request later, once.
///
/// All of it happens on the one thread of the stream; see [`StreamListener`] for an example.
pub trait StreamResource {
    /// The listeners.
    fn chain(&self) -> &Rc<ListenerChain>;

    /// Starts reading. Mirrors `ReadStart`.
    #[doc(alias = "ReadStart")]
    fn read_start(&self) -> i32;

    /// Stops reading. A read that is under way may still come. Mirrors `ReadStop`.
    #[doc(alias = "ReadStop")]
    fn read_stop(&self) -> i32;

    /// Ends the writing side; on 0 the request completes later. Mirrors `DoShutdown`.
    #[doc(alias = "DoShutdown")]
    fn do_shutdown(&self, request: &Rc<ShutdownWrap>) -> i32;

    /// True if the stream can write at once. Mirrors `HasDoTryWrite`.
    #[doc(alias = "HasDoTryWrite")]
    fn has_do_try_write(&self) -> bool {
        false
    }

    /// Writes as much as is possible at once, and leaves the rest in `bufs`. Writes
    /// nothing if the stream cannot write at once. Mirrors `DoTryWrite`.
    #[doc(alias = "DoTryWrite")]
    fn do_try_write(&self, bufs: &mut Vec<Chunk>) -> i32 {
        let _ = bufs;
        0
    }

    /// Writes `bufs`; on 0 the request completes later. Mirrors `DoWrite`.
    #[doc(alias = "DoWrite")]
    fn do_write(&self, request: &Rc<WriteWrap>, bufs: Vec<Chunk>) -> i32;

    /// Puts a listener on top, see [`ListenerChain::push`]. Mirrors `PushStreamListener`.
    ///
    /// # Panics
    /// If it is in a chain already.
    #[doc(alias = "PushStreamListener")]
    fn push_stream_listener(&self, listener: &Rc<dyn StreamListener>) {
        self.chain().push(listener);
    }

    /// Takes a listener out, see [`ListenerChain::remove`]. Mirrors `RemoveStreamListener`.
    ///
    /// # Panics
    /// If it is not in this stream's chain.
    #[doc(alias = "RemoveStreamListener")]
    fn remove_stream_listener(&self, listener: &dyn StreamListener) {
        self.chain().remove(listener);
    }

    /// Asks the newest listener for memory. Mirrors `EmitAlloc`.
    #[doc(alias = "EmitAlloc")]
    fn emit_alloc(&self, suggested: usize) -> Buf {
        self.chain().head().map_or_else(Buf::empty, |head| head.on_stream_alloc(suggested))
    }

    /// Gives a read to the newest listener, and counts it before that. Nothing
    /// of the stream is touched afterwards: it may be gone. Mirrors `EmitRead`.
    #[doc(alias = "EmitRead")]
    fn emit_read(&self, nread: isize, buf: Buf) {
        let chain = self.chain();
        if let Ok(n) = u64::try_from(nread) {
            chain.bytes_read.set(chain.bytes_read.get() + n);
        }
        if let Some(head) = chain.head() {
            head.on_stream_read(nread, buf);
        }
    }

    /// Tells the newest listener that a write has ended. Mirrors `EmitAfterWrite`.
    #[doc(alias = "EmitAfterWrite")]
    fn emit_after_write(&self, request: &Rc<WriteWrap>, status: i32) {
        self.chain().emit_after_write(request, status);
    }

    /// Tells the newest listener that a shutdown has ended. Mirrors `EmitAfterShutdown`.
    #[doc(alias = "EmitAfterShutdown")]
    fn emit_after_shutdown(&self, request: &Rc<ShutdownWrap>, status: i32) {
        self.chain().emit_after_shutdown(request, status);
    }

    /// Tells the newest listener that about `suggested` bytes could be written.
    /// Mirrors `EmitWantsWrite`.
    #[doc(alias = "EmitWantsWrite")]
    fn emit_wants_write(&self, suggested: usize) {
        if let Some(head) = self.chain().head() {
            head.on_stream_wants_write(suggested);
        }
    }

    /// Bytes that have come, for any listener. Mirrors `bytes_read_`.
    #[doc(alias = "bytes_read_")]
    fn bytes_read(&self) -> u64 {
        self.chain().bytes_read.get()
    }

    /// Bytes of all writes, whether they succeeded or not. Mirrors `bytes_written_`.
    #[doc(alias = "bytes_written_")]
    fn bytes_written(&self) -> u64 {
        self.chain().bytes_written.get()
    }
}
