//! [`StreamListener`]: gets the events of a stream.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::buf::Buf;
use crate::env::Environment;
use crate::resource::ListenerChain;
use crate::wrap::{ShutdownWrap, WriteWrap};

/// Gets the events of a stream, for as long as it is the newest in the
/// stream's chain. Mirrors `StreamListener` of `src/stream_base.h`.
///
/// # Contract
/// - The stream asks for memory ([`StreamListener::on_stream_alloc`]) before
///   every read, and gives it back with the read
///   ([`StreamListener::on_stream_read`]); between the two the listener may have
///   changed.
/// - A listener is in at most one chain. Dropped, it leaves its chain.
/// - The methods take `&self`: they may be entered again while they run.
///
/// The newest listener of a chain gets every read; the others get what it passes on:
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use streamlisten::{
///     Buf, Chunk, Environment, JSStream, JSStreamImpl, ListenerLink, ShutdownWrap, StreamListener,
///     StreamResource, WriteWrap,
/// };
///
/// /// Counts the bytes of each read, and passes nothing on.
/// struct Counter {
///     link: ListenerLink,
///     bytes: Cell<isize>,
/// }
///
/// impl StreamListener for Counter {
///     fn link(&self) -> &ListenerLink {
///         &self.link
///     }
///
///     fn on_stream_alloc(&self, suggested: usize) -> Buf {
///         Buf::fresh(suggested)
///     }
///
///     fn on_stream_read(&self, nread: isize, _: Buf) {
///         self.bytes.set(self.bytes.get() + nread.max(0));
///     }
/// }
///
/// /// A stream that is fed by hand and cannot write.
/// struct Owner;
///
/// impl JSStreamImpl for Owner {
///     fn onwrite(&self, _: &Rc<WriteWrap>, _: Vec<Chunk>) -> i32 {
///         -1
///     }
///
///     fn onshutdown(&self, _: &Rc<ShutdownWrap>) -> i32 {
///         -1
///     }
/// }
///
/// let env = Environment::new();
/// let stream = JSStream::new(&env, Owner);
/// let counters = [(); 2].map(|()| {
///     let counter = Counter { link: ListenerLink::new(&env), bytes: Cell::new(0) };
///     let counter = Rc::new(counter);
///     stream.push_stream_listener(&(counter.clone() as Rc<dyn StreamListener>));
///     counter
/// });
/// stream.read_buffer(b"hello").unwrap();
/// assert_eq!(counters.each_ref().map(|counter| counter.bytes.get()), [0, 5]);
/// stream.remove_stream_listener(&*counters[1]);
/// stream.read_buffer(b"you").unwrap();
/// assert_eq!(counters.each_ref().map(|counter| counter.bytes.get()), [3, 5]);
/// ```
pub trait StreamListener: 'static {
    /// The place in a chain.
    fn link(&self) -> &ListenerLink;

    /// Memory for a read of about `suggested` bytes. More or less is allowed;
    /// what does not fit comes with the next read. Mirrors `OnStreamAlloc`.
    #[doc(alias = "OnStreamAlloc")]
    fn on_stream_alloc(&self, suggested: usize) -> Buf;

    /// A read. If `nread` is above zero, `buf` has so many bytes; if zero, there was
    /// nothing to read; below zero, it is an error or the end of the input
    /// ([`crate::uv::EOF`]), and `buf` is empty. Mirrors `OnStreamRead`.
    #[doc(alias = "OnStreamRead")]
    fn on_stream_read(&self, nread: isize, buf: Buf);

    /// A write has ended, with `status` 0 or an error. Mirrors `OnStreamAfterWrite`.
    ///
    /// # Panics
    /// The default passes it on to the previous listener, and there must be one.
    #[doc(alias = "OnStreamAfterWrite")]
    fn on_stream_after_write(&self, request: &Rc<WriteWrap>, status: i32) {
        let previous = self.link().previous_listener();
        previous.expect("(previous_listener_) != nullptr").on_stream_after_write(request, status);
    }

    /// A shutdown has ended, with `status` 0 or an error. Mirrors `OnStreamAfterShutdown`.
    ///
    /// # Panics
    /// As [`StreamListener::on_stream_after_write`].
    #[doc(alias = "OnStreamAfterShutdown")]
    fn on_stream_after_shutdown(&self, request: &Rc<ShutdownWrap>, status: i32) {
        let previous = self.link().previous_listener();
        let previous = previous.expect("(previous_listener_) != nullptr");
        previous.on_stream_after_shutdown(request, status);
    }

    /// The stream could take about `suggested` bytes. Not passed on. Mirrors `OnStreamWantsWrite`.
    #[doc(alias = "OnStreamWantsWrite")]
    fn on_stream_wants_write(&self, suggested: usize) {
        let _ = suggested;
    }

    /// The stream is about to end; the listener is removed afterwards if it has
    /// not removed itself. Mirrors `OnStreamDestroy`.
    #[doc(alias = "OnStreamDestroy")]
    fn on_stream_destroy(&self) {}

    /// Gives a read error to the previous listener, with an empty buffer.
    /// Mirrors `PassReadErrorToPreviousListener`.
    ///
    /// # Panics
    /// If there is no previous listener.
    #[doc(alias = "PassReadErrorToPreviousListener")]
    fn pass_read_error_to_previous_listener(&self, nread: isize) {
        let previous = self.link().previous_listener();
        previous.expect("(previous_listener_) != nullptr").on_stream_read(nread, Buf::empty());
    }
}

/// A listener's place in a chain.
/// Each [`StreamListener`] has one; its example shows how.
pub struct ListenerLink {
    id: u64,
    chain: RefCell<Weak<ListenerChain>>,
    /// The listener below, written by the chain: each hop needs it, and a chain
    /// changes seldom.
    previous: RefCell<Option<Weak<dyn StreamListener>>>,
}

impl ListenerLink {
    /// A link that is in no chain.
    #[must_use]
    pub fn new(env: &Environment) -> ListenerLink {
        ListenerLink { id: env.new_id(), chain: RefCell::default(), previous: RefCell::default() }
    }

    /// The number of the listener.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The chain that the listener is in. Mirrors `StreamListener::stream`.
    #[doc(alias = "stream_")]
    #[must_use]
    pub fn chain(&self) -> Option<Rc<ListenerChain>> {
        self.chain.borrow().upgrade()
    }

    /// The listener below, if there is one. Mirrors `previous_listener_`.
    #[doc(alias = "previous_listener_")]
    #[inline]
    #[must_use]
    pub fn previous_listener(&self) -> Option<Rc<dyn StreamListener>> {
        self.previous.borrow().as_ref()?.upgrade()
    }

    pub(crate) fn set_chain(&self, chain: Weak<ListenerChain>) {
        self.chain.replace(chain);
    }

    /// For the chain alone, which decides the order of its listeners.
    pub(crate) fn set_previous(&self, previous: Option<Weak<dyn StreamListener>>) {
        self.previous.replace(previous);
    }
}

impl Drop for ListenerLink {
    fn drop(&mut self) {
        if let Some(chain) = self.chain() {
            chain.forget(self.id);
        }
    }
}
