//! [`JSStream`]: a stream without a connection: the user calls functions to give it bytes.

use std::rc::Rc;

use crate::buf::{Buf, Chunk};
use crate::env::{Environment, Exception};
use crate::resource::{ListenerChain, StreamResource};
use crate::stream_base::{StreamBase, StreamBaseState};
use crate::uv;
use crate::wrap::{ShutdownWrap, WriteWrap};

/// What a [`JSStream`] asks its owner to do. Mirrors the properties
/// `onreadstart`, `onreadstop`, `onwrite`, `onshutdown` of node's `JSStream`.
/// The example of [`StreamListener`](crate::StreamListener) has one.
pub trait JSStreamImpl {
    /// Reading starts.
    fn onreadstart(&self) -> i32 {
        0
    }

    /// Reading stops.
    fn onreadstop(&self) -> i32 {
        0
    }

    /// Write `bufs`, and call [`WriteWrap::done`] later if the result is 0.
    fn onwrite(&self, request: &Rc<WriteWrap>, bufs: Vec<Chunk>) -> i32;

    /// Shut down, and call [`ShutdownWrap::done`] later if the result is 0.
    fn onshutdown(&self, request: &Rc<ShutdownWrap>) -> i32;
}

/// A stream that its owner feeds, with full control of where the bytes are cut.
/// Mirrors `src/js_stream.cc`. It cannot write at once, so its writes are always
/// asynchronous.
/// The example of [`StreamListener`](crate::StreamListener) feeds one.
pub struct JSStream {
    base: StreamBaseState,
    owner: Box<dyn JSStreamImpl>,
}

impl JSStream {
    /// A stream of `owner`.
    pub fn new(env: &Rc<Environment>, owner: impl JSStreamImpl + 'static) -> Rc<JSStream> {
        Rc::new(JSStream { base: StreamBaseState::new(env), owner: Box::new(owner) })
    }

    /// Gives bytes to the listeners, in as many reads as their memory makes
    /// necessary; the newest listener is asked again for each. Mirrors
    /// `JSStream::ReadBuffer`.
    ///
    /// # Errors
    /// The exception that a callback has thrown.
    #[doc(alias = "ReadBuffer")]
    pub fn read_buffer(&self, data: &[u8]) -> Result<(), Exception> {
        let mut left = data;
        while !left.is_empty() {
            let mut buf = self.emit_alloc(left.len());
            let n = buf.fill(left);
            if n == 0 {
                break; // A listener without memory; the original would go on for ever.
            }
            left = &left[n..];
            self.emit_read(n as isize, buf);
        }
        self.base.env().take_exception().map_or(Ok(()), Err)
    }

    /// The input ends. Mirrors `JSStream::EmitEOF`.
    ///
    /// # Errors
    /// The exception that a callback has thrown.
    #[doc(alias = "EmitEOF")]
    pub fn emit_eof(&self) -> Result<(), Exception> {
        self.emit_read(uv::EOF, Buf::empty());
        self.base.env().take_exception().map_or(Ok(()), Err)
    }
}

impl StreamResource for JSStream {
    fn chain(&self) -> &Rc<ListenerChain> {
        self.base.chain()
    }

    fn read_start(&self) -> i32 {
        self.owner.onreadstart()
    }

    fn read_stop(&self) -> i32 {
        self.owner.onreadstop()
    }

    fn do_shutdown(&self, request: &Rc<ShutdownWrap>) -> i32 {
        self.owner.onshutdown(request)
    }

    fn do_write(&self, request: &Rc<WriteWrap>, bufs: Vec<Chunk>) -> i32 {
        self.owner.onwrite(request, bufs)
    }
}

impl StreamBase for JSStream {
    fn base(&self) -> &StreamBaseState {
        &self.base
    }
}
