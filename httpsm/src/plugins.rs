//! Plugins that come with the proxy.
//!
//! Each is a small state machine on the interface that all plugins have: hooks,
//! intercepts, and connections to read from and write to. [`Plugin::install`]
//! adds one to a proxy.
//!
//! | name | what it does |
//! |---|---|
//! | `generator` | answers `GET /nocache/SIZE/NAME` with SIZE bytes, as the server's own plugin of this name |
//! | `echo` | answers with the request's body |
//! | `fetcher` | for `/fetch/PATH`, makes a request of its own for `/PATH`, and answers with what came: status, length, digest |
//! | `slow` | answers `/slow/SIZE/MILLISECONDS` with SIZE bytes, one each MILLISECONDS |
//! | `broken` | answers `/broken/HOW` with something that breaks off |

mod broken;
mod echo;
mod fetcher;
mod generator;
mod intercept;
mod slow;

use std::sync::Arc;

use eventsys::{FreeContinuation, Outcome};

use crate::api::{HttpData, HttpTxn};
use crate::hdr::RequestHdr;
use crate::hooks::{HttpHook, TS_EVENT_HTTP_CONTINUE};
use crate::proxy::HttpProxy;

/// A plugin that comes with the proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plugin {
    /// `generator`.
    Generator,
    /// `echo`.
    Echo,
    /// `fetcher`.
    Fetcher,
    /// `slow`.
    Slow,
    /// `broken`.
    Broken,
}

impl Plugin {
    /// All of them.
    pub const ALL: &'static [Plugin] =
        &[Plugin::Generator, Plugin::Echo, Plugin::Fetcher, Plugin::Slow, Plugin::Broken];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Plugin::Generator => "generator",
            Plugin::Echo => "echo",
            Plugin::Fetcher => "fetcher",
            Plugin::Slow => "slow",
            Plugin::Broken => "broken",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Plugin> {
        Plugin::ALL.iter().copied().find(|plugin| plugin.name() == name)
    }

    /// Adds it to a proxy.
    ///
    /// All answer in place of the origin server
    /// ([`HttpTxn::server_intercept`]), when the cache has been asked; of several
    /// the one that was added first takes a request that it knows. `generator`
    /// knows every request, as the original does, and answers 404 to what it does
    /// not understand; the others know their paths, and `echo` also every request
    /// with a body.
    pub fn install(self, proxy: &Arc<HttpProxy>) {
        let hook = FreeContinuation::new(move |_, _, data| {
            if let Some(txn) = data.txn() {
                if txn.plugin_tunnel() == crate::PluginTunnel::None {
                    self.offer(txn);
                }
                txn.reenable(TS_EVENT_HTTP_CONTINUE);
            }
            Outcome::Done
        });
        proxy.hooks().add(HttpHook::CacheLookupComplete, hook);
        if self == Plugin::Fetcher {
            let hook = FreeContinuation::new(|_, _, data| {
                if let Some(txn) = data.txn() {
                    fetcher::note_host(txn);
                    txn.reenable(TS_EVENT_HTTP_CONTINUE);
                }
                Outcome::Done
            });
            proxy.hooks().add(HttpHook::ReadRequestHdr, hook);
        }
    }

    fn offer(self, txn: &HttpTxn) {
        if !txn.with_client_request(|request| self.wants(request)) {
            return;
        }
        match self {
            Plugin::Generator => generator::intercept(txn),
            Plugin::Echo => echo::intercept(txn),
            Plugin::Fetcher => fetcher::intercept(txn),
            Plugin::Slow => slow::intercept(txn),
            Plugin::Broken => broken::intercept(txn),
        }
    }

    /// True if the plugin answers this request.
    fn wants(self, request: &RequestHdr) -> bool {
        let path = &request.url.path[..];
        match self {
            Plugin::Generator => true,
            Plugin::Echo => {
                let length = request.fields.value_get_int64("Content-Length").unwrap_or(0);
                length > 0
                    || request.fields.presence("Transfer-Encoding")
                    || path.starts_with(b"echo")
            }
            Plugin::Fetcher => path.starts_with(b"fetch/"),
            Plugin::Slow => path.starts_with(b"slow/"),
            Plugin::Broken => path.starts_with(b"broken/"),
        }
    }
}
