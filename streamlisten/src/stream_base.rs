//! [`StreamBase`]: a stream as JavaScript sees it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::buf::Chunk;
use crate::custom_buffer::CustomBufferJSListener;
use crate::env::{Environment, Exception};
use crate::js_listeners::EmitToJSStreamListener;
use crate::listener::StreamListener;
use crate::resource::{ListenerChain, StreamResource};
use crate::uv;
use crate::wrap::{ShutdownWrap, WriteWrap};

/// Strings up to this size are tried from the stack before anything is
/// allocated. Mirrors `stack_storage` of `StreamBase::WriteString`.
pub const STACK_STORAGE_SIZE: usize = 16_384;

/// The function that gets each read. It returns the user's next buffer, if the
/// bytes came in a buffer of the user.
pub type OnRead = dyn Fn(isize, ReadData) -> Result<Option<Vec<u8>>, Exception>;

/// The bytes of a read.
/// An [`OnRead`] function gets it.
#[derive(Clone, Debug)]
pub enum ReadData {
    /// Nothing: an error, or the end.
    None,
    /// Bytes in memory of their own.
    Fresh(Chunk),
    /// Bytes in the user's buffer; none, if there was nothing to read after all.
    UserBuffer(Chunk),
}

/// The result of a write. Mirrors `StreamWriteResult`.
/// [`StreamBase::write`] returns it.
#[doc(alias = "StreamWriteResult")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WriteResult {
    /// True if the request will complete later.
    pub is_async: bool,
    /// 0, or an error; then the request will not complete.
    pub err: i32,
    /// How many bytes the write had.
    pub bytes: usize,
}

/// The part that every [`StreamBase`] has. Dropped, it takes the stream's
/// listeners down in the original's order.
/// [`StreamBase::base`] returns it, as in the example of [`EmitToJSStreamListener`].
pub struct StreamBaseState {
    env: Rc<Environment>,
    chain: Rc<ListenerChain>,
    /// Mirrors `default_listener_`.
    #[doc(alias = "default_listener_")]
    default_listener: Rc<EmitToJSStreamListener>,
    onread: Rc<RefCell<Option<Rc<OnRead>>>>,
    bufs: RefCell<Vec<Rc<CustomBufferJSListener>>>,
    /// The stream is gone; what is left of it is its object.
    destroyed: Cell<bool>,
}

impl StreamBaseState {
    /// A part with its default listener pushed.
    #[must_use]
    pub fn new(env: &Rc<Environment>) -> StreamBaseState {
        let chain = ListenerChain::new();
        let onread: Rc<RefCell<Option<Rc<OnRead>>>> = Rc::default();
        let default_listener = EmitToJSStreamListener::new(env, Rc::downgrade(&onread));
        let listener: Rc<dyn StreamListener> = default_listener.clone();
        chain.push(&listener);
        StreamBaseState {
            env: Rc::clone(env),
            chain,
            default_listener,
            onread,
            bufs: RefCell::default(),
            destroyed: Cell::new(false),
        }
    }

    /// The listeners.
    #[must_use]
    pub fn chain(&self) -> &Rc<ListenerChain> {
        &self.chain
    }

    /// The environment.
    #[must_use]
    pub fn env(&self) -> &Rc<Environment> {
        &self.env
    }

    /// True once the stream has been destroyed.
    #[must_use]
    pub fn is_destroyed(&self) -> bool {
        self.destroyed.get()
    }

    /// Destroys the stream: takes its listeners down. JavaScript may still hold its
    /// object, which has no stream any more, see [`from_object`].
    pub(crate) fn destroy(&self) {
        self.destroyed.set(true);
        // The default listener is a member of the original's StreamBase and goes
        // before its StreamResource: it gets no event, and the listener above it has
        // no previous listener any more.
        if self.default_listener.link().chain().is_some() {
            self.chain.remove(&*self.default_listener);
        }
        self.chain.destroy();
    }
}

impl Drop for StreamBaseState {
    fn drop(&mut self) {
        self.destroy();
    }
}

/// A stream as JavaScript sees it. Mirrors `StreamBase`.
/// [`JSStream`](crate::JSStream) and [`TCPWrap`](crate::TCPWrap) are two.
pub trait StreamBase: StreamResource {
    /// The part that every stream has.
    fn base(&self) -> &StreamBaseState;

    /// False once nothing can be done with it any more: from the callback of its close
    /// on. Mirrors `IsAlive`.
    #[doc(alias = "IsAlive")]
    fn is_alive(&self) -> bool {
        true
    }

    /// True once it is being closed. Mirrors `IsClosing`.
    #[doc(alias = "IsClosing")]
    fn is_closing(&self) -> bool {
        false
    }

    /// A constant of every stream. JavaScript reads it to find out whether a parser
    /// can consume the stream. Mirrors `isStreamBase`.
    #[doc(alias = "isStreamBase")]
    fn is_stream_base(&self) -> bool {
        true
    }

    /// Sets the function that gets each read. Mirrors the property `onread`.
    fn set_onread(&self, onread: Rc<OnRead>) {
        self.base().onread.replace(Some(onread));
    }

    /// Lets reads go to the user's own memory. Mirrors `UseUserBuffer`.
    #[doc(alias = "UseUserBuffer")]
    fn use_user_buffer(&self, buffer: Vec<u8>) -> i32 {
        let base = self.base();
        let onread = Rc::downgrade(&base.onread);
        let listener = CustomBufferJSListener::new(&base.env, buffer, onread);
        let pushed: Rc<dyn StreamListener> = listener.clone();
        self.push_stream_listener(&pushed);
        base.bufs.borrow_mut().push(listener);
        0
    }

    /// Writes `bufs`: as much as possible at once, the rest with `request`. Counts
    /// the bytes before it tries. Mirrors `StreamBase::Write`.
    fn write(&self, request: &Rc<WriteWrap>, bufs: Vec<Chunk>) -> WriteResult {
        write(self, request, bufs, false)
    }

    /// Writes one buffer. Mirrors `WriteBuffer`.
    #[doc(alias = "WriteBuffer")]
    fn write_buffer(&self, request: &Rc<WriteWrap>, buffer: Chunk) -> i32 {
        set_write_result(self, self.write(request, vec![buffer]))
    }

    /// Writes several buffers. Mirrors `Writev`.
    #[doc(alias = "Writev")]
    fn writev(&self, request: &Rc<WriteWrap>, buffers: Vec<Chunk>) -> i32 {
        set_write_result(self, self.write(request, buffers))
    }

    /// Writes a string with these bytes. A short one is tried from the
    /// stack first; then only the written bytes are counted, and the rest is
    /// not tried again. Mirrors `WriteString`.
    #[doc(alias = "WriteString")]
    fn write_string(&self, request: &Rc<WriteWrap>, string: &[u8]) -> i32 {
        if string.len() > STACK_STORAGE_SIZE {
            let result = self.write(request, vec![Chunk::new(string.to_vec())]);
            return set_write_result(self, result);
        }
        let mut bufs = vec![Chunk::new(string.to_vec())];
        let err = self.do_try_write(&mut bufs);
        let left: usize = bufs.iter().map(|buf| buf.len()).sum();
        let written = string.len() - left;
        self.chain().add_bytes_written(written);
        if err != 0 || bufs.is_empty() {
            let result = WriteResult { is_async: false, err, bytes: string.len() };
            return set_write_result(self, result);
        }
        let mut result = write(self, request, bufs, true);
        result.bytes += written;
        set_write_result(self, result)
    }

    /// Ends the writing side. On an error the request will not complete. Mirrors
    /// `StreamBase::Shutdown`.
    fn shutdown(&self, request: &Rc<ShutdownWrap>) -> i32 {
        request.attach(self.chain(), Vec::new());
        let err = self.do_shutdown(request);
        if err != 0 {
            request.dispose();
        }
        err
    }
}

fn set_write_result<S: StreamBase + ?Sized>(stream: &S, result: WriteResult) -> i32 {
    stream.base().env.set_write_result(result.bytes, result.is_async);
    result.err
}

/// The stream of an object: `None` once the stream has been destroyed. Mirrors
/// `StreamBase::FromObject`.
#[doc(alias = "FromObject")]
pub fn from_object<S: StreamBase + ?Sized>(object: &S) -> Option<&S> {
    (!object.base().is_destroyed()).then_some(object)
}

/// Calls a method as JavaScript does: `None` (`undefined`), and nothing is done, if the
/// object has no stream any more; [`uv::EINVAL`] if the stream is being closed for good.
/// Mirrors `StreamBase::JSMethod`, through which all methods go that
/// `StreamBase::AddMethods` gives to an object.
#[doc(alias = "JSMethod")]
#[doc(alias = "AddMethods")]
pub fn js_method<S: StreamBase + ?Sized>(
    object: &S,
    method: impl FnOnce(&S) -> i32,
) -> Option<i32> {
    let stream = from_object(object)?;
    Some(if stream.is_alive() { method(stream) } else { uv::EINVAL })
}

fn write<S: StreamBase + ?Sized>(
    stream: &S,
    request: &Rc<WriteWrap>,
    mut bufs: Vec<Chunk>,
    skip_try_write: bool,
) -> WriteResult {
    let bytes = bufs.iter().map(|buf| buf.len()).sum();
    stream.chain().add_bytes_written(bytes);
    if stream.has_do_try_write() && !skip_try_write {
        let err = stream.do_try_write(&mut bufs);
        if err != 0 || bufs.is_empty() {
            return WriteResult { is_async: false, err, bytes };
        }
    }
    request.attach(stream.chain(), bufs.clone());
    let err = stream.do_write(request, bufs);
    if err != 0 {
        request.dispose();
    }
    WriteResult { is_async: err == 0, err, bytes }
}
