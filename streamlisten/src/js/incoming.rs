//! [`IncomingMessage`]: a request. Mirrors `lib/_http_incoming.js`.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use super::emitter::{Emitter, JsError};
use super::parser::read_start;
use super::readable::{Readable, ReadableState};
use super::socket::Socket;
use crate::env::Environment;
use crate::http_parser::HeadersComplete;
use crate::llhttp::METHOD_NAMES;

/// A request, with its body as a stream.
pub struct IncomingMessage {
    this: Weak<IncomingMessage>,
    env: Rc<Environment>,
    socket: Weak<Socket>,
    emitter: Emitter,
    state: ReadableState,
    /// The method.
    pub method: &'static str,
    /// The target.
    pub url: Vec<u8>,
    /// The version, major and minor.
    pub version: (u8, u8),
    /// Names and values, as they came.
    pub raw_headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) upgrade: Cell<bool>,
    pub(super) complete: Cell<bool>,
    pub(super) dumped: Cell<bool>,
    pub(super) consuming: Cell<bool>,
}

impl IncomingMessage {
    pub(super) fn new(
        socket: &Rc<Socket>,
        complete: &HeadersComplete,
        raw_headers: Vec<(Vec<u8>, Vec<u8>)>,
        url: Vec<u8>,
    ) -> Rc<IncomingMessage> {
        let message = Rc::new_cyclic(|this: &Weak<IncomingMessage>| IncomingMessage {
            this: this.clone(),
            env: Rc::clone(socket.env()),
            socket: Rc::downgrade(socket),
            emitter: Emitter::default(),
            state: ReadableState::default(),
            method: complete.method.map_or("", |method| METHOD_NAMES[usize::from(method)]),
            url,
            version: complete.version,
            raw_headers,
            upgrade: Cell::new(complete.upgrade),
            complete: Cell::new(false),
            dumped: Cell::new(false),
            consuming: Cell::new(false),
        });
        message.state.reading_more.set(true);
        message
    }

    /// True if there is a header of this name, in whatever case.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.raw_headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The value of the first header of this name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.raw_headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice())
    }

    /// Throws the rest of the body away. Mirrors `_dump`.
    pub(super) fn dump(&self) {
        if !self.dumped.replace(true) {
            self.emitter.remove_all("data");
            self.resume();
        }
    }
}

impl Readable for IncomingMessage {
    fn readable_state(&self) -> &ReadableState {
        &self.state
    }

    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn env(&self) -> &Rc<Environment> {
        &self.env
    }

    fn shared(&self) -> Option<Rc<dyn Readable>> {
        self.this.upgrade().map(|this| this as Rc<dyn Readable>)
    }

    fn read_more(&self) {
        if !self.consuming.replace(true) {
            self.state.reading_more.set(false);
        }
        if let Some(socket) = self.socket.upgrade() {
            read_start(&socket);
        }
    }

    fn after_end(&self) {
        self.destroy(None);
    }

    /// A request that is destroyed before its end takes its connection along.
    fn destroy(&self, error: Option<JsError>) {
        if self.state.destroyed.replace(true) {
            return;
        }
        let aborted = !self.state.end_emitted.get() || !self.complete.get();
        if let (true, Some(socket)) = (aborted, self.socket.upgrade()) {
            socket.destroy(error);
        }
    }
}
