//! The common part of the plugins that answer: the connection, its two buffers,
//! the request that comes on it, and a machine for those that answer a head at once.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::buffer::{BUFFER_SIZE_INDEX_32K, MIOBuffer};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, VioHandle};

use crate::api::HttpTxn;

use crate::hdr::{HdrLimits, HttpParser, ParseResult, RequestHdr, ResponseHdr};

/// One direction of a connection. Mirrors `IOChannel` of the generator plugin.
pub(super) struct IoChannel {
    pub(super) buffer: BoundBuffer,
    pub(super) reader: IOBufferReader,
    pub(super) vio: RefCell<Option<VioHandle>>,
}

impl IoChannel {
    pub(super) fn new(guard: &Guard<'_>, mutex: &Arc<ProxyMutex>) -> IoChannel {
        let buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_32K).bind(mutex);
        let reader = buffer.alloc_reader(guard).expect("the first of five");
        IoChannel { buffer, reader, vio: RefCell::default() }
    }

    pub(super) fn read(&self, guard: &Guard<'_>, vc: &NetVcRef, cont: &ContRef) {
        let vio = vc.do_io_read(guard, Some(cont.clone()), i64::MAX, Some(&self.buffer));
        *self.vio.borrow_mut() = Some(vio);
    }

    /// Begins a write of `nbytes` bytes.
    pub(super) fn write(&self, guard: &Guard<'_>, vc: &NetVcRef, cont: &ContRef, nbytes: i64) {
        let vio = vc.do_io_write(guard, Some(cont.clone()), nbytes, Some(&self.reader));
        *self.vio.borrow_mut() = Some(vio);
    }

    pub(super) fn handle(&self) -> Option<VioHandle> {
        self.vio.borrow().clone()
    }

    pub(super) fn reenable(&self, guard: &Guard<'_>) {
        if let Some(vio) = self.handle() {
            vio.reenable(guard);
        }
    }
}

/// A connection on which a request comes and an answer goes.
pub(super) struct Link {
    pub(super) vc: NetVcRef,
    pub(super) input: IoChannel,
    pub(super) output: IoChannel,
    parser: RefCell<HttpParser>,
    pub(super) request: RefCell<RequestHdr>,
    /// The request's head has been read.
    pub(super) has_request: Cell<bool>,
}

impl Link {
    /// Takes the connection of a `NET_EVENT_ACCEPT` and begins to read.
    pub(super) fn accept(guard: &Guard<'_>, cont: &ContRef, vc: &NetVcRef) -> Link {
        let mutex = cont.base().mutex().expect("a plugin's machine has a mutex");
        let link = Link {
            vc: Arc::clone(vc),
            input: IoChannel::new(guard, mutex),
            output: IoChannel::new(guard, mutex),
            parser: RefCell::default(),
            request: RefCell::default(),
            has_request: Cell::new(false),
        };
        link.input.read(guard, vc, cont);
        link
    }

    /// Parses the bytes of the request's head that have come.
    pub(super) fn parse(&self, guard: &Guard<'_>) -> ParseResult {
        let (reader, mut parser) = (&self.input.reader, self.parser.borrow_mut());
        while reader.block_read_avail(guard) > 0 {
            let view = reader.block_view(guard);
            let mut piece = &view[..];
            let request = &mut self.request.borrow_mut();
            let result = parser.parse_req(request, &mut piece, false, HdrLimits::default());
            let used = i64::try_from(view.len() - piece.len()).unwrap_or(0);
            reader.consume(guard, used);
            if result != ParseResult::Cont {
                self.has_request.set(result == ParseResult::Done);
                return result;
            }
        }
        ParseResult::Cont
    }

    /// Answers with an error and a sentence, in place of an earlier answer. The
    /// machine closes the connection when this has been written.
    pub(super) fn refuse(&self, guard: &Guard<'_>, cont: &ContRef, status: u16, sentence: &str) {
        let old = &self.output.reader;
        old.consume(guard, old.read_avail(guard));
        let mut response = ResponseHdr::new(status);
        response.fields.append("Content-Type", b"text/plain");
        response.fields.append("Content-Length", sentence.len().to_string().as_bytes());
        let mut head = Vec::with_capacity(128);
        response.print(&mut head);
        head.extend_from_slice(sentence.as_bytes());
        let nbytes = self.output.buffer.write(guard, &head);
        self.output.write(guard, &self.vc, cont, nbytes);
    }
}

/// What an answer leaves behind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// A write, whose end closes the connection; or a connection that stays open.
    Open,
    /// Nothing to send: the connection is closed.
    Close,
}

/// Answers this transaction as soon as the request's head is there, once. A body that comes behind
/// the head is not read.
pub(super) fn answer_head<F>(txn: &HttpTxn, answer: F)
where
    F: Fn(&Guard<'_>, &ContRef, &Link) -> Answered + Send + 'static,
{
    let machine = HeadReader { link: RefCell::default(), answer };
    txn.server_intercept(StateMachine::new(ProxyMutex::new(), machine, HeadReader::handle));
}

struct HeadReader<F> {
    link: RefCell<Option<Link>>,
    answer: F,
}

impl<F: Fn(&Guard<'_>, &ContRef, &Link) -> Answered> HeadReader<F> {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (guard, this) = (call.guard(), call.this());
        match event {
            EventCode::NET_EVENT_ACCEPT => {
                if let Some(vc) = data.net_vc() {
                    *self.link.borrow_mut() = Some(Link::accept(guard, this, vc));
                }
            }
            EventCode::VC_EVENT_READ_READY => {
                if self.read(guard, this) == Answered::Close {
                    self.close();
                }
            }
            EventCode::VC_EVENT_WRITE_READY | EventCode::VC_EVENT_READ_COMPLETE => {}
            _ => self.close(),
        }
        Outcome::Done
    }

    fn read(&self, guard: &Guard<'_>, this: &ContRef) -> Answered {
        let link = self.link.borrow();
        let Some(link) = link.as_ref().filter(|link| !link.has_request.get()) else {
            return Answered::Open;
        };
        match link.parse(guard) {
            ParseResult::Cont => {
                link.input.reenable(guard);
                Answered::Open
            }
            ParseResult::Done => (self.answer)(guard, this, link),
            ParseResult::Error => Answered::Close,
        }
    }

    fn close(&self) {
        let link = self.link.take();
        if let Some(link) = link {
            link.vc.do_io_close(None);
        }
    }
}

/// One part of a path, counted from 0.
pub(super) fn part_of_path(path: &[u8], part: usize) -> Option<&[u8]> {
    path.split(|&c| c == b'/').filter(|part| !part.is_empty()).nth(part)
}
