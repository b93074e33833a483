//! The JavaScript side: what `net.Socket` and `http.Server` do with one
//! connection.
//!
//! Mirrors, of node 20.20: `lib/internal/streams/readable.js`, `writable.js` and
//! `destroy.js` as far as a socket uses them, `lib/net.js` (`Socket`),
//! `lib/internal/stream_base_commons.js`, `lib/_http_common.js`,
//! `_http_incoming.js`, `_http_outgoing.js` and `_http_server.js`
//! (`connectionListenerInternal` and what it calls). Left out: the parts of answers that
//! have no effect on the connection.
//!
//! # In which order to read
//! [`Emitter`]; [`Readable`], flowing and paused; [`Socket`], with its writable
//! side; [`HttpServerParser`], a parser with what JavaScript keeps beside it;
//! [`IncomingMessage`] and [`ServerResponse`]; [`HttpServer`], the glue.

mod emitter;
mod incoming;
mod onread;
mod parser;
mod readable;
mod response;
mod server;
mod socket;
mod status_codes;
mod writable;

pub use emitter::{Arg, Emitter, JsError, Listener, Watcher};
pub use incoming::IncomingMessage;
pub use onread::OnRead;
pub use parser::{HttpServerParser, Observer, ParserStep};
pub use readable::{Readable, ReadableState};
pub use response::ServerResponse;
pub use server::{HttpServer, ServerOptions};
pub use socket::Socket;
