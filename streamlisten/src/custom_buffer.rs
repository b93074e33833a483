//! [`CustomBufferJSListener`]: reads go to the user's own memory.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::buf::{Buf, Chunk};
use crate::env::Environment;
use crate::js_listeners::{OnReadCell, ReportWritesToJSStreamListener, call_js_onread_method};
use crate::listener::{ListenerLink, StreamListener};
use crate::stream_base::ReadData;
use crate::wrap::{ShutdownWrap, WriteWrap};

/// Reads into memory that the user has given, and tells JavaScript. Unlike the
/// default listener it also reports reads of zero bytes, and it reports errors itself
/// instead of passing them on. Mirrors `CustomBufferJSListener`.
///
/// The original hands the same memory out again and again. Here it is lent to
/// one read at a time; should a second read begin before the first has come
/// back, it gets fresh memory of the same size.
/// [`StreamBase::use_user_buffer`](crate::StreamBase::use_user_buffer) makes one.
pub struct CustomBufferJSListener {
    report: ReportWritesToJSStreamListener,
    buffer: RefCell<Vec<u8>>,
    size: Cell<usize>,
    /// Distinguishes buffers of this listener from others; each buffer that the user
    /// gives has another number.
    owner: Cell<u64>,
    onread: OnReadCell,
}

impl CustomBufferJSListener {
    pub(crate) fn new(
        env: &Rc<Environment>,
        buffer: Vec<u8>,
        onread: OnReadCell,
    ) -> Rc<CustomBufferJSListener> {
        Rc::new(CustomBufferJSListener {
            report: ReportWritesToJSStreamListener::new(env),
            size: Cell::new(buffer.len()),
            buffer: RefCell::new(buffer),
            owner: Cell::new(env.new_id()),
            onread,
        })
    }
}

impl StreamListener for CustomBufferJSListener {
    fn link(&self) -> &ListenerLink {
        self.report.link()
    }

    fn on_stream_alloc(&self, _suggested: usize) -> Buf {
        Buf::of(self.buffer.take(), self.size.get(), self.owner.get())
    }

    fn on_stream_read(&self, nread: isize, buf: Buf) {
        if nread < 0 {
            call_js_onread_method(&self.onread, self.report.env(), nread, ReadData::None);
            return;
        }
        assert_eq!(buf.owner(), self.owner.get(), "(buf.base) == (buffer_.base)");
        let bytes = Chunk::new(buf.into_bytes());
        let data = ReadData::UserBuffer(bytes.clone());
        let next = call_js_onread_method(&self.onread, self.report.env(), nread, data);
        if let Some(next) = next {
            self.size.set(next.len());
            self.owner.set(self.report.env().new_id());
            self.buffer.replace(next);
        } else if let Some(memory) = bytes.into_vec() {
            self.buffer.replace(memory);
        }
    }

    fn on_stream_after_write(&self, request: &Rc<WriteWrap>, status: i32) {
        self.report.on_stream_after_write(request, status);
    }

    fn on_stream_after_shutdown(&self, request: &Rc<ShutdownWrap>, status: i32) {
        self.report.on_stream_after_shutdown(request, status);
    }
}
