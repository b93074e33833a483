//! Node's stream layer, rebuilt: listener chains, the wraps that feed them, and
//! the HTTP parser that consumes them.
//!
//! A *stream* does not know the readers of its bytes. It has a *chain of listeners*
//! ([`StreamListener`]) and gives every event to the newest one alone; the others
//! get only what that one passes on. That is how node's HTTP parser takes a
//! connection's bytes away from the socket that it belongs to, and how it gives
//! them back.
//!
//! Mirrors node 20.20: `src/stream_base.h` and `.cc`, `src/js_stream.cc`,
//! `src/stream_wrap.cc`, `src/node_http_parser.cc`, and of its JavaScript what
//! `http.createServer` needs on one connection. [`llhttp`] is the machine below
//! the parser.
//!
//! # In which order to read
//! 1. [`StreamListener`] and [`StreamResource`]: the chain, and what is emitted;
//! 2. [`StreamBase`]: writes, and the listener that every stream is born with;
//! 3. [`JSStream`]: a stream whose bytes are given by hand;
//! 4. [`LibuvStreamWrap`]: a stream over a network connection of this project;
//! 5. [`HTTPParser`]: the listener that parses;
//! 6. [`js`]: `net.Socket` and `http.Server`, as far as one connection goes.
//!
//! The crate `conformance` runs scenarios here and on the real node, and compares.
//!
//! # Names
//! A type that node has is spelled as node spells it: [`TCPWrap`], [`JSStream`],
//! [`EmitToJSStreamListener`]. Where node's C++ and JavaScript differ, the type bears
//! the name that JavaScript sees: [`HTTPParser`] is `Parser` in C++. A type that node
//! does not have is spelled as Rust spells it: [`ListenerChain`]. Methods and functions
//! are node's in snake case, and are found by node's spelling as well.
//!
//! # One thread
//! Node's streams belong to one thread with one heap, and so do these: nothing
//! here can leave the thread that made it, and the compiler sees to it. What
//! comes from a connection of another thread is sent over, see
//! [`LibuvStreamWrap`].
//!
//! # Callbacks
//! A callback may do anything: push, remove, unconsume, pause, write, close,
//! drop the stream. Nothing here is borrowed while a callback runs, and a change
//! of the chain counts from the next event on.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod buf;
mod custom_buffer;
mod env;
mod http_parser;
pub mod js;
mod js_listeners;
mod js_stream;
mod libuv_stream_wrap;
mod listener;
pub mod llhttp;
mod resource;
mod stream_base;
mod wrap;

pub use buf::{Buf, Chunk};
pub use custom_buffer::CustomBufferJSListener;
pub use env::{Environment, Exception, PARSER_BUFFER_SIZE};
pub use http_parser::{
    CURRENT_MAX_FIELDS, ExecuteResult, HTTPParser, HeaderList, HeadersComplete, ParseError, Place,
    Slots,
};
pub use js_listeners::{EmitToJSStreamListener, ReportWritesToJSStreamListener};
pub use js_stream::{JSStream, JSStreamImpl};
pub use libuv_stream_wrap::{
    ConnectionWrap, LibuvStreamWrap, READS_IN_A_TURN, SEND_BUFFER_SIZE, TCPWrap,
};
pub use listener::{ListenerLink, StreamListener};
pub use resource::{ListenerChain, StreamResource};
pub use stream_base::{
    OnRead, ReadData, STACK_STORAGE_SIZE, StreamBase, StreamBaseState, WriteResult, from_object,
    js_method,
};
pub use wrap::{ShutdownWrap, WriteWrap};

/// Numbers of libuv that users see.
pub mod uv {
    /// The end of the input.
    pub const EOF: isize = -4095;
    /// The operation was given up because its stream was closed.
    pub const ECANCELED: i32 = -125;
    /// The other end has reset the connection.
    pub const ECONNRESET: i32 = -104;
    /// There is no connection.
    pub const ENOTCONN: i32 = -107;
    /// The other end reads no longer.
    pub const EPIPE: i32 = -32;
    /// The call is not valid here.
    pub const EINVAL: i32 = -22;
    /// The operation is under way already.
    pub const EALREADY: i32 = -114;
    /// There is no memory to read into.
    pub const ENOBUFS: isize = -105;
    /// Not an open descriptor.
    pub const EBADF: i32 = -9;

    /// The name of an error number, as node shows it.
    #[must_use]
    pub fn name(error: isize) -> String {
        NAMES
            .iter()
            .find(|(number, _)| *number == error)
            .map_or_else(|| error.to_string(), |(_, name)| (*name).to_string())
    }

    /// The numbers that a connection can give. Mirrors `UV_ERRNO_MAP`.
    const NAMES: [(isize, &str); 24] = [
        (EOF, "EOF"),
        (-9, "EBADF"),
        (-11, "EAGAIN"),
        (-12, "ENOMEM"),
        (-13, "EACCES"),
        (-22, "EINVAL"),
        (-23, "ENFILE"),
        (-24, "EMFILE"),
        (-32, "EPIPE"),
        (-71, "EPROTO"),
        (-98, "EADDRINUSE"),
        (-99, "EADDRNOTAVAIL"),
        (-100, "ENETDOWN"),
        (-101, "ENETUNREACH"),
        (-103, "ECONNABORTED"),
        (-104, "ECONNRESET"),
        (-105, "ENOBUFS"),
        (-107, "ENOTCONN"),
        (-110, "ETIMEDOUT"),
        (-111, "ECONNREFUSED"),
        (-112, "EHOSTDOWN"),
        (-113, "EHOSTUNREACH"),
        (-114, "EALREADY"),
        (-125, "ECANCELED"),
    ];
}
