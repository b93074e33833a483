//! The host: what the functions of the interface do. No unsafe code: a plugin's pointers have become
//! values on the way here.
//!
//! | file | what it does |
//! |---|---|
//! | `table`, `by_number`, `few` | handles, and the objects behind them |
//! | `calls`, `findings` | which function is called from where; what a plugin does wrong |
//! | `locks` | `TSMutex`, and the proof that a call holds what it must hold |
//! | `continuation`, `counts`, `action` | `TSCont`, scheduling |
//! | `threads`, `virtual_time` | `TSThreadCreate`, clocks |
//! | `connection`, `buffer` | `TSVConn`, `TSVIO`, `TSIOBuffer` |
//! | `head`, `field`, `url`, `parser` | `TSMBuffer` and `TSMLoc` |
//! | `transaction`, `hooks`, `remap` | `TSHttpTxn`, `TSHttpSsn`, hooks, plugins of rules |
//! | `peers` | connections, addresses, sockets and protocols of a transaction |
//! | `client`, `fetch` | `TSHttpConnect`, `TSFetchUrl` and their kin: plugins as clients |
//! | `config`, `args` | settings of one transaction, arguments that plugins keep with objects |
//! | `text`, `uuid` | Base64, percent encoding, `TSUuid` |
//! | `records`, `stats` | settings and statistics |
//! | `files`, `aio`, `text_log`, `messages`, `names`, `plugins` | the rest |
#![forbid(unsafe_code)]

pub(crate) mod action;
pub(crate) mod aio;
pub(crate) mod args;
pub(crate) mod buffer;
mod by_number;
pub(crate) mod calls;
pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod continuation;
pub(crate) mod counts;
pub(crate) mod fetch;
mod few;
pub(crate) mod field;
pub(crate) mod files;
pub(crate) mod findings;
pub(crate) mod head;
pub(crate) mod hooks;
pub(crate) mod locks;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod parser;
pub(crate) mod peers;
pub(crate) mod plugins;
pub(crate) mod records;
pub(crate) mod remap;
pub(crate) mod stats;
mod table;
pub(crate) mod text;
pub(crate) mod text_log;
pub(crate) mod threads;
pub(crate) mod transaction;
pub(crate) mod url;
pub(crate) mod uuid;
pub(crate) mod virtual_time;

use std::ffi::CString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use eventsys::{EventType, HrTime};
use httpsm::HttpProxy;

pub use self::findings::{Finding, Report, answer_has_ended, report, watch_answers};
pub use self::hooks::ports_are_ready;
pub use self::names::event_name;
pub(crate) use self::table::{
    Found, Handle, HandleCell, Kind, find, remove_if, table, take_out, want,
};

/// What a host needs to know.
pub struct HostOptions {
    /// The proxy that its plugins belong to.
    pub proxy: Arc<HttpProxy>,
    /// The group of threads for `TS_THREAD_POOL_TASK`; without one its events go to the net threads.
    pub task_threads: Option<EventType>,
    /// The folder of configuration: what `TSConfigDirGet` returns.
    pub config_dir: PathBuf,
    /// How often the statistics of plugins are brought up to date:
    /// `proxy.config.raw_stat_sync_interval_ms`, which is 5 s as a rule.
    pub stat_sync: HrTime,
    /// End the run at the first finding, instead of going on where the real server goes on.
    pub strict: bool,
    /// Called with a sentence when the run cannot go on: a plugin has used something that has ended,
    /// or a function that is left out. It may end the process. If it returns, the call unwinds through
    /// the plugin.
    pub at_the_end: Box<dyn Fn(&str) + Send + Sync>,
}

/// The one host of a process: the C interface has no argument that could tell several apart.
pub(crate) struct Host {
    pub(crate) proxy: Arc<HttpProxy>,
    pub(crate) task_threads: Option<EventType>,
    pub(crate) config_dir: CString,
    pub(crate) stat_sync: HrTime,
    pub(crate) strict: bool,
    pub(crate) at_the_end: Box<dyn Fn(&str) + Send + Sync>,
}

pub(crate) static HOST: OnceLock<Host> = OnceLock::new();

/// Makes the host of this process. Call it once, before plugins are loaded; for plugins the calling
/// thread is the server's main thread.
///
/// # Panics
/// If there is a host already, or `stat_sync` is not above 0.
pub fn start(options: HostOptions) {
    let HostOptions { proxy, task_threads, config_dir, stat_sync, strict, at_the_end } = options;
    assert!(stat_sync > 0, "a span of time is above 0");
    let config_dir = CString::new(config_dir.display().to_string()).unwrap_or_default();
    let host = Host { proxy, task_threads, config_dir, stat_sync, strict, at_the_end };
    assert!(HOST.set(host).is_ok(), "a process has one host");
    self::host().proxy.when_a_transaction_is_over(transaction::forget);
    threads::this_is_main();
}

/// The host.
///
/// # Panics
/// If [`start`] has not been called: no plugin can be loaded then, so none calls.
pub(crate) fn host() -> &'static Host {
    HOST.get().expect("plugins are loaded after the start of the host")
}

/// The seconds since 1970, as plugins see them.
pub(crate) fn local_time() -> i64 {
    match HOST.get() {
        Some(host) => host.proxy.local_time(),
        None => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
        }
    }
}
