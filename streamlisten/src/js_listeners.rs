//! [`EmitToJSStreamListener`] and [`ReportWritesToJSStreamListener`]: the listeners
//! that tell JavaScript. The third, [`CustomBufferJSListener`], has a file of its own.
//!
//! [`CustomBufferJSListener`]: crate::CustomBufferJSListener

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::buf::{Buf, Chunk};
use crate::env::Environment;
use crate::listener::{ListenerLink, StreamListener};
use crate::stream_base::{OnRead, ReadData};
use crate::wrap::{ShutdownWrap, WriteWrap};

/// The cell with a stream's `onread`. The stream owns it; a listener may outlive the
/// stream.
pub(crate) type OnReadCell = Weak<RefCell<Option<Rc<OnRead>>>>;

/// The part of a listener that calls `oncomplete` of a write or a shutdown. In the
/// original it is a base class; here a listener that tells JavaScript has one, and
/// gives it the completions.
///
/// Mirrors `ReportWritesToJSStreamListener` of `src/stream_base.h`.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use streamlisten::{
///     Buf, Chunk, Environment, JSStream, JSStreamImpl, ListenerLink,
///     ReportWritesToJSStreamListener, ShutdownWrap, StreamBase, StreamListener, StreamResource,
///     WriteWrap,
/// };
/// // `Owner` starts each write that its stream asks for.
/// # struct Owner;
/// # impl JSStreamImpl for Owner {
/// #     fn onwrite(&self, _: &Rc<WriteWrap>, _: Vec<Chunk>) -> i32 {
/// #         0
/// #     }
/// #     fn onshutdown(&self, _: &Rc<ShutdownWrap>) -> i32 {
/// #         0
/// #     }
/// # }
///
/// /// Hears the end of a write, counts it, and tells JavaScript.
/// struct Ends {
///     report: ReportWritesToJSStreamListener,
///     ends: Cell<u32>,
/// }
///
/// impl StreamListener for Ends {
///     fn link(&self) -> &ListenerLink {
///         self.report.link()
///     }
///
///     fn on_stream_alloc(&self, suggested: usize) -> Buf {
///         Buf::fresh(suggested)
///     }
///
///     fn on_stream_read(&self, _: isize, _: Buf) {}
///
///     fn on_stream_after_write(&self, request: &Rc<WriteWrap>, status: i32) {
///         self.ends.set(self.ends.get() + 1);
///         self.report.on_stream_after_write(request, status);
///     }
/// }
///
/// let env = Environment::new();
/// let stream = JSStream::new(&env, Owner);
/// let report = ReportWritesToJSStreamListener::new(&env);
/// let ends = Rc::new(Ends { report, ends: Cell::new(0) });
/// stream.push_stream_listener(&(ends.clone() as Rc<dyn StreamListener>));
///
/// let completed = Rc::new(Cell::new(None));
/// let seen = Rc::clone(&completed);
/// let write = WriteWrap::new(move |status| seen.set(Some(status)));
/// stream.write(&write, vec![Chunk::new(b"hello".to_vec())]);
/// assert_eq!((ends.ends.get(), completed.get()), (0, None));
/// write.done(0);
/// assert_eq!((ends.ends.get(), completed.get()), (1, Some(0)));
/// ```
#[doc(alias = "OnStreamAfterReqFinished")]
pub struct ReportWritesToJSStreamListener {
    link: ListenerLink,
    env: Rc<Environment>,
}

impl ReportWritesToJSStreamListener {
    /// A part that is in no chain.
    #[must_use]
    pub fn new(env: &Rc<Environment>) -> ReportWritesToJSStreamListener {
        ReportWritesToJSStreamListener { link: ListenerLink::new(env), env: Rc::clone(env) }
    }

    /// The place in a chain.
    #[must_use]
    pub fn link(&self) -> &ListenerLink {
        &self.link
    }

    /// The environment.
    #[must_use]
    pub fn env(&self) -> &Rc<Environment> {
        &self.env
    }

    /// Calls `oncomplete` of a write. Mirrors `OnStreamAfterWrite`.
    pub fn on_stream_after_write(&self, request: &Rc<WriteWrap>, status: i32) {
        self.env.notify(|| request.call_oncomplete(status));
    }

    /// Calls `oncomplete` of a shutdown. Mirrors `OnStreamAfterShutdown`.
    pub fn on_stream_after_shutdown(&self, request: &Rc<ShutdownWrap>, status: i32) {
        self.env.notify(|| request.call_oncomplete(status));
    }
}

/// The listener that every stream is born with: it calls the stream's `onread`, and
/// `oncomplete` of its requests. Mirrors `EmitToJSStreamListener` of
/// `src/stream_base.h`.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use streamlisten::{
///     Chunk, Environment, JSStream, JSStreamImpl, ReadData, ShutdownWrap, StreamBase, WriteWrap, uv,
/// };
/// // `Owner` starts each write that its stream asks for.
/// # struct Owner;
/// # impl JSStreamImpl for Owner {
/// #     fn onwrite(&self, _: &Rc<WriteWrap>, _: Vec<Chunk>) -> i32 {
/// #         0
/// #     }
/// #     fn onshutdown(&self, _: &Rc<ShutdownWrap>) -> i32 {
/// #         0
/// #     }
/// # }
///
/// let stream = JSStream::new(&Environment::new(), Owner);
/// let heard = Rc::new(RefCell::new(Vec::new()));
/// let ears = Rc::clone(&heard);
/// stream.set_onread(Rc::new(move |nread, data| {
///     ears.borrow_mut().push((nread, matches!(data, ReadData::Fresh(_))));
///     Ok(None)
/// }));
/// stream.read_buffer(b"hello").unwrap();
/// stream.emit_eof().unwrap();
/// assert_eq!(*heard.borrow(), [(5, true), (uv::EOF, false)]);
/// assert!(!stream.base().is_destroyed());
/// ```
pub struct EmitToJSStreamListener {
    report: ReportWritesToJSStreamListener,
    onread: OnReadCell,
}

impl EmitToJSStreamListener {
    pub(crate) fn new(env: &Rc<Environment>, onread: OnReadCell) -> Rc<EmitToJSStreamListener> {
        Rc::new(EmitToJSStreamListener { report: ReportWritesToJSStreamListener::new(env), onread })
    }
}

impl StreamListener for EmitToJSStreamListener {
    fn link(&self) -> &ListenerLink {
        self.report.link()
    }

    fn on_stream_alloc(&self, suggested: usize) -> Buf {
        Buf::fresh(suggested)
    }

    fn on_stream_read(&self, nread: isize, buf: Buf) {
        if nread == 0 {
            return;
        }
        let data = match nread > 0 {
            true => {
                // As the original: a small read does not hold on to 64 KiB.
                let mut bytes = buf.into_bytes();
                bytes.shrink_to_fit();
                ReadData::Fresh(Chunk::new(bytes))
            }
            false => ReadData::None,
        };
        call_js_onread_method(&self.onread, self.report.env(), nread, data);
    }

    fn on_stream_after_write(&self, request: &Rc<WriteWrap>, status: i32) {
        self.report.on_stream_after_write(request, status);
    }

    fn on_stream_after_shutdown(&self, request: &Rc<ShutdownWrap>, status: i32) {
        self.report.on_stream_after_shutdown(request, status);
    }
}

/// Calls a stream's `onread`. It returns the user's next buffer, if there is one.
/// Mirrors `StreamBase::CallJSOnreadMethod`.
#[doc(alias = "CallJSOnreadMethod")]
pub(crate) fn call_js_onread_method(
    onread: &OnReadCell,
    env: &Environment,
    nread: isize,
    data: ReadData,
) -> Option<Vec<u8>> {
    if env.is_throwing() {
        return None;
    }
    let onread = onread.upgrade().and_then(|onread| onread.borrow().clone())?;
    env.make_callback(|| onread(nread, data)).unwrap_or_else(|exception| {
        env.throw(exception);
        None
    })
}
