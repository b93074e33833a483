//! A Rust rebuild of Traffic Server's HTTP state machine, on any
//! [`NetVConnection`](iocore::NetVConnection).
//!
//! Mirrors `proxy/http`, `proxy/hdrs` and the part of `src/traffic_server/InkAPI.cc`
//! that plugins need to be a client or an origin server, of Traffic Server 9.2.9.
//!
//! ```text
//!                       HttpProxy
//!  client     ┌───────────────────────────────┐     origin server
//!  ┌───────┐  │ HttpClientSession             │  ┌──────────────────┐
//!  │ NetVC │◄─┤      └─ HttpSM ── HttpTunnel ─┼─►│ NetVC, by an     │
//!  │ or    │  │           └─ ServerSession    │  │ OriginConnector  │
//!  │ plugin│  │ hooks                         │  │ or plugin        │
//!  └───────┘  └───────────────────────────────┘  └──────────────────┘
//! ```
//! Each of the two connections may be a socket or one end of a PluginVC pair; the
//! machine cannot tell. With a pair on both sides there is no socket at all.
//!
//! # Where to start
//! [`Server`] listens on a socket and serves: one call. [`HttpProxy`] has no socket; its
//! example moves a request over two pairs in virtual time.
//!
//! # In which order to read
//! 1. [`hdr`], [`chunked`]: heads and bodies;
//! 2. [`tunnel`]: how a body moves;
//! 3. `transact.rs`: the decisions;
//! 4. [`HttpSM`] and [`HttpClientSession`]: when each decision is made;
//! 5. [`HttpTxn`], [`ts_http_connect`], [`FetchSM`], [`plugins`]: plugins.
//!
//! # Not modelled
//! The cache (every lookup is a miss), TLS, HTTP/2, parents, DNS, transforms,
//! WebSocket, logs.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod accept;
mod affinity;
mod api;
pub mod body_factory;
pub mod chunked;
mod client_session;
mod config;
mod connector;
pub mod defects;
mod events;
mod fetch;
pub mod hdr;
pub mod hooks;
mod left;
mod net_connector;
pub mod plugins;
mod probe;
mod proxy;
mod remap;
mod server;
mod server_session;
mod sm;
pub mod steps;
mod transact;
pub mod tunnel;

pub use accept::HttpSessionAccept;
pub use api::{
    CacheLookup, ConnectOptions, HttpData, HttpSsn, HttpTxn, TxnBytes, WeakHttpSsn, WeakHttpTxn,
    ts_http_connect, ts_http_connect_plugin, ts_http_connect_with_plugin_id,
};
pub use client_session::HttpClientSession;
pub use config::{HttpConfig, HttpCorrections};
pub use connector::{AcceptorConnector, ConnectError, NoOrigin, Origin, OriginConnector};
pub use events::{HttpEvents, event_name};
pub use fetch::{FetchEvents, FetchFlags, FetchLine, FetchSM, FetchWakeUp, FetchedHead};
pub use net_connector::NetConnector;
pub use probe::ProtocolProbeSessionAccept;
pub use proxy::{HttpCensus, HttpProxy};
pub use remap::{BadMapping, Mapping, RemapPlugin, RemapStatus, UrlRewrite};
pub use server::{Server, ServerOptions};
pub use server_session::ServerSessionPool;
pub use sm::{HttpSM, Milestone, SmState};
pub use transact::PluginTunnel;
