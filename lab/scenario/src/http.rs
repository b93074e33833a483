//! HTTP scenarios: what clients, the hooks of a plugin and an origin server do around the proxy.
//!
//! A file with a `[client]` or a `[netvc]` is one ([`is_http_scenario`]). It is read ([`HttpScenario`]), performed on
//! the port ([`run_http_scenario`]) or, as a flat text ([`HttpProgram`]), by a plugin in a real
//! server; the result is what each participant has seen ([`HttpReport`]).
//!
//! ```
//! use scenario::http::{http_scenario_from_bytes, run_http_scenario};
//!
//! let text = br#"
//! title = "A field"
//! teaches = "A hook adds a field to the answer."
//! [client]
//! on_start = ["get /a"]
//! on_head = ["finish"]
//! [origin]
//! on_head = ["answer 200 5"]
//! [hooks]
//! SEND_RESPONSE_HDR = ["set client_response X-A: 1", "reenable"]
//! "#;
//! let scenario = http_scenario_from_bytes("field.toml", text).unwrap();
//! let report = run_http_scenario(&scenario);
//! let answer = String::from_utf8(report.actors[0].bytes.clone()).unwrap();
//! assert!(answer.starts_with("HTTP/1.1 200 A\r\n") && answer.contains("\r\nX-A: 1\r\n"));
//! ```
//!
//! # Participants
//! | table | what it is |
//! |---|---|
//! | `[client]`, or `[client.NAME]` for several | `by = "tcp"`, a socket; `by = "plugin"`, the active end of a pair by `TSHttpConnectWithPluginId` |
//! | `[origin]` | `by = "tcp"`, sockets; `"server_intercept"` and `"intercept"`, a plugin at the passive end of a pair; `"refuses"`, nothing listens |
//! | `[hooks]` | a list of operations for a hook: `SEND_RESPONSE_HDR`, or `"SEND_RESPONSE_HDR#2"` for its second call in the scenario. A hook without a list gives back at once; one with an empty list never does |
//! | `[http]` | `threads` (1 or 2), `client_timeout`, `origin_timeout`, `first_byte_timeout`, `keep_alive_timeout`, `active_timeout` (whole seconds), `water_mark`, `flow_control = [HIGH, LOW]` |
//!
//! # Reactions of a client and of an origin server
//! | key | when |
//! |---|---|
//! | `on_start`, of the origin `on_accept` | it has its connection |
//! | `on_head`, `"on_head#2"` | the head of a message has come; the second one on this connection |
//! | `on_end` | the other side has ended the stream. Without it the connection is closed then |
//! | `on_WRITE_COMPLETE`, `on_ERROR`, `on_INACTIVITY_TIMEOUT` … | of a plugin only: its end of the pair calls it back with this event |
//! | `at_SEND_REQUEST_HDR`, `"at_SEND_REQUEST_HDR#2"` | this hook has been called; it is done when the thread's pass is over |
//! | `after_250ms` | so long after `on_start` or `on_accept` |
//!
//! | operation | what it does |
//! |---|---|
//! | `get PATH`, `post PATH N` | a request, without a body or with one of N bytes |
//! | `answer STATUS N` | an answer with a body of N bytes |
//! | `send TEXT` | these bytes, `\\r\\n` as TOML writes them |
//! | `body N`, `chunk N` | N bytes `x`, plain or as a chunk; `chunk 0` is the last one |
//! | `end` | ends its side; a plugin when all has been written |
//! | `finish`, `close`, `reset` | closes: when all has been written, at once, with an error |
//! | `read off`, `read on` | takes no bytes any more, or again |
//!
//! # Operations of a hook
//! | operation | what it does |
//! |---|---|
//! | `reenable`, `error` | `TSHttpTxnReenable`; twice is possible |
//! | `wait T` | the rest is carried out later, on the thread of the transaction's first hook |
//! | `go home`, `go other`, `go task`, `go foreign` | the rest is carried out on that thread, on the other net thread, in the pool `ET_TASK`, on a thread of `TSThreadCreate` |
//! | `see HEAD`, `see HEAD NAME` | notes the first line, or a field; HEAD is `client_request`, `server_request`, `server_response` or `client_response` |
//! | `set HEAD NAME: VALUE`, `add …`, `remove HEAD NAME` | changes a field |
//! | `status N` | `TSHttpTxnStatusSet` |
//! | `server_intercept`, `intercept` | a plugin answers, with the reactions of `[origin]` |
//! | `hook NAME` | `TSHttpTxnHookAdd` of a hook that notes its call |
//!
//! # A NetVC in the proxy's place
//! A file with a `[netvc]` has no proxy: its user does what the user of a pair's end does (the
//! reactions and operations of the [crate]), over a socket. With a `[client]` it accepts, with an
//! `[origin]` it connects. The socket at the other end reacts to `at_connect`, `at_READ_READY`,
//! `"at_READ_READY#2"` and so on, too. `[net]` has `default_inactivity_timeout`. In reports the user
//! is `netvc`, and a callback is told with the bytes of its VIO: `READ_READY, 10 of 20`.
//!
//! # What is expected
//! | key of `[expect]` | meaning |
//! |---|---|
//! | `finish = "quiet"` | how the run ends: `quiet`, `time` (it went on too long) or `abort` |
//! | `participants = ["client", "txn 1"]` | all participants, in any order |
//! | `findings = ["txn 1 is not over"]` | what is odd about the run ([`http_findings`]) |
//! | `order = ["client: closed", "txn 1: TXN_CLOSE"]` | none of these comes earlier than the one before |
//! | `[expect.client]`, `[expect."txn 1"]` | of one participant: `events` (all that it sees, in order), `last` (the last of them), `status` (of the answers that come to it), `requests` (method and path of the requests that come to it), `body` (how many bytes come behind heads), `has` and `lacks` (texts in its bytes) |
//!
//! Without `finish = "abort"` an abort is never expected.
//!
//! # Time
//! It is virtual: a pass of a net thread takes a millisecond. Sockets are real, but their other ends
//! are in the same process, and act between two passes.

mod escape;
mod expect;
mod findings;
mod heads;
mod hook_op;
mod hooks;
mod messages;
mod model;
mod netvc;
mod op;
mod program;
mod read;
mod record;
mod run;
mod seen;
mod socket;
mod stage;
mod story;
mod user;
mod write;

pub use self::escape::escape;
pub use self::expect::{HttpEnd, HttpExpect, HttpExpected};
pub use self::findings::http_findings;
pub use self::hook_op::{Head, HookOp, Thread};
pub use self::model::{
    ClientBy, HookReaction, HttpClient, HttpOrigin, HttpReaction, HttpScenario, HttpSettings,
    OriginBy, When, hook_name,
};
pub use self::op::{HttpOp, Move};
pub use self::program::HttpProgram;
pub use self::read::{http_scenario_from_bytes, http_scenario_from_file, is_http_scenario};
pub use self::record::{HttpRecord, HttpRecorded, HttpWhat};
pub use self::run::{
    CLOSED_PORT, record_http_scenario, record_http_scenario_of, run_http_scenario,
};
pub use self::seen::{HttpFinish, HttpReport, Seen, lines_of};
pub use self::story::http_story;
pub use self::write::when_key;
