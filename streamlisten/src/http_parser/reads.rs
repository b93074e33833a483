//! The parser as a listener: each read of the stream is parsed.

use std::cell::RefCell;

use super::HTTPParser;
use super::callbacks::Ticks;
use super::place::Memory;
use crate::buf::{Buf, Chunk};
use crate::env::Environment;
use crate::listener::{ListenerLink, StreamListener};

impl StreamListener for HTTPParser {
    fn link(&self) -> &ListenerLink {
        &self.link
    }

    fn on_stream_alloc(&self, suggested: usize) -> Buf {
        self.env.parser_alloc(suggested)
    }

    fn on_stream_read(&self, nread: isize, buf: Buf) {
        let give_back = GiveBack {
            env: &self.env,
            shared: Environment::is_parser_buffer(&buf),
            bytes: RefCell::new(None),
        };
        let data = Chunk::new(buf.into_bytes());
        give_back.bytes.replace(Some(data.clone()));
        if nread < 0 {
            self.pass_read_error_to_previous_listener(nread);
            return;
        }
        // An empty read has a meaning of its own to the machine.
        if nread == 0 {
            return;
        }
        let shared = give_back.shared;
        let memory = || if shared { Memory::Reads } else { Memory::of(&data) };
        let Some(result) = self.execute_in(&data, memory) else {
            return;
        };
        if self.slots.on_execute.borrow().is_none() {
            return;
        }
        self.current_buffer.replace(Some(data));
        if let Some(Err(exception)) = self.call(&self.slots.on_execute, result, Ticks::Now) {
            self.throw(exception);
        }
        self.current_buffer.replace(None);
    }
}

/// Gives the shared buffer back on every path.
struct GiveBack<'a> {
    env: &'a Environment,
    shared: bool,
    bytes: RefCell<Option<Chunk>>,
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        if self.shared {
            self.env.parser_free(self.bytes.take().and_then(Chunk::into_vec));
        }
    }
}
