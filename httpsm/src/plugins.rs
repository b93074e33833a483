//! Plugins that come with the proxy.
//!
//! Each is a small state machine that uses the interface of all plugins: hooks, intercepts, and
//! connections to read from and write to. [`install`] adds some to a proxy.
//!
//! | name | what it does |
//! |---|---|
//! | `generator` | answers `GET /nocache/SIZE/NAME` with SIZE bytes, as the server's own plugin of this name |
//! | `echo` | answers `/echo` with the request's body, up to 16 MiB |
//! | `fetcher` | for `/fetch/PATH`, makes a request of its own for `/PATH`, and answers with status, length, digest |
//! | `slow` | answers `/slow/SIZE/MILLISECONDS` with SIZE bytes, one each MILLISECONDS |
//! | `broken` | answers `/broken/HOW` with a faulty response |

mod broken;
mod echo;
mod fetcher;
mod generator;
mod intercept;
mod not_found;
mod slow;

use std::sync::Arc;

use eventsys::{EventCode, FreeContinuation, Outcome};

use crate::api::{HttpData, HttpTxn};
use crate::events::HttpEvents;
use crate::hdr::RequestHdr;
use crate::hooks::HttpHook;
use crate::proxy::HttpProxy;

/// A plugin that comes with the proxy.
///
/// ```
/// use httpsm::plugins::Plugin;
///
/// assert_eq!(Plugin::from_name("echo"), Some(Plugin::Echo));
/// assert_eq!(Plugin::Generator.name(), "generator");
/// ```
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

    /// What it answers, in a sentence.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Plugin::Generator => "as many bytes as the path says, as generator.so",
            Plugin::Echo => "the body of the request",
            Plugin::Fetcher => "what it gets from the proxy itself, by TSHttpConnectWithPluginId",
            Plugin::Slow => "as many bytes as the path says, in pieces, with pauses between them",
            Plugin::Broken => "an answer that is wrong in the way that the path says",
        }
    }

    /// The paths that are its own.
    #[must_use]
    pub const fn paths(self) -> &'static str {
        match self {
            Plugin::Generator => "/nocache/SIZE/NAME /cache/SIZE/NAME",
            Plugin::Echo => "/echo",
            Plugin::Fetcher => "/fetch/PATH",
            Plugin::Slow => "/slow/SIZE/MILLISECONDS",
            Plugin::Broken => "/broken/HOW",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Plugin> {
        Plugin::ALL.iter().copied().find(|plugin| plugin.name() == name)
    }

    /// Adds it to a proxy, alone: see [`install`].
    pub fn install(self, proxy: &Arc<HttpProxy>) {
        install(&[self], proxy);
    }

    /// Its claim to this request; `None` if it has no answer.
    fn claim(self, request: &RequestHdr) -> Option<Claim> {
        let path = &request.url.path[..];
        let by_path = |begin: &[u8]| path.starts_with(begin).then_some(Claim::Path);
        match self {
            Plugin::Generator => Some(match generator::knows(path) {
                true => Claim::Path,
                false => Claim::Rest,
            }),
            Plugin::Echo => by_path(b"echo").or_else(|| has_body(request).then_some(Claim::Body)),
            Plugin::Fetcher => by_path(b"fetch/"),
            Plugin::Slow => by_path(b"slow/"),
            Plugin::Broken => by_path(b"broken/"),
        }
    }

    fn intercept(self, txn: &HttpTxn) {
        match self {
            Plugin::Generator => generator::intercept(txn),
            Plugin::Echo => echo::intercept(txn),
            Plugin::Fetcher => fetcher::intercept(txn),
            Plugin::Slow => slow::intercept(txn),
            Plugin::Broken => broken::intercept(txn),
        }
    }
}

/// How strong a plugin's claim to a request is, the weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Claim {
    /// It takes any request that no other plugin takes.
    Rest,
    /// The request has a body.
    Body,
    /// The path is one of its own.
    Path,
}

/// What happens to a request that no plugin claims: no plugin has its path, and `echo` is not there
/// or the request has no body.
///
/// ```
/// use httpsm::plugins::Rest;
///
/// // For `install_with`; `atslab serve` answers the rest with 404.
/// assert_eq!(Rest::default(), Rest::Generator);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Rest {
    /// `generator` takes it, as the original plugin does in its rule, and leaves a request that it
    /// does not understand without an answer. Without `generator` it goes to the origin server.
    #[default]
    Generator,
    /// It goes to the origin server.
    Origin,
    /// It is answered with 404 and a list of the paths.
    NotFound,
}

/// Adds plugins to a proxy.
///
/// They answer in place of the origin server ([`HttpTxn::server_intercept`]), after the cache
/// lookup. A request goes to the plugin that has its path; if no plugin has it, a request with a body
/// goes to `echo`, and every other to `generator`, which takes every request, as the original
/// plugin does in its rule. The order of `plugins` does not matter, unless two are the same.
///
/// Plugins that are added later get the requests that those before them have left.
pub fn install(plugins: &[Plugin], proxy: &Arc<HttpProxy>) {
    install_with(plugins, Rest::Generator, proxy);
}

/// As [`install`], with a choice for requests that no plugin claims. `generator` then claims only
/// those of its paths that it can answer: without a SIZE it would leave the client without an
/// answer.
pub fn install_with(plugins: &[Plugin], rest: Rest, proxy: &Arc<HttpProxy>) {
    let of_these = plugins.to_vec();
    if plugins.contains(&Plugin::Generator) {
        let of_these = of_these.clone();
        proxy.leave_out_of_the_cache(move |request| {
            generator::is_uncacheable(request)
                && choose(&of_these, rest, request) == Some(Plugin::Generator)
        });
    }
    let hook = FreeContinuation::new(move |_, _, data| {
        if let Some(txn) = data.txn() {
            if txn.plugin_tunnel() == crate::PluginTunnel::None {
                let chosen = txn.with_client_request(|request| choose(&of_these, rest, request));
                match chosen {
                    Some(plugin) => plugin.intercept(txn),
                    None if rest == Rest::NotFound => not_found::intercept(txn, &of_these),
                    None => {}
                }
            }
            txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
        }
        Outcome::Done
    });
    proxy.hooks().add(HttpHook::CacheLookupComplete, hook);
    if plugins.contains(&Plugin::Fetcher) {
        let hook = FreeContinuation::new(|_, _, data| {
            if let Some(txn) = data.txn() {
                fetcher::note_host(txn);
                txn.reenable(EventCode::TS_EVENT_HTTP_CONTINUE);
            }
            Outcome::Done
        });
        proxy.hooks().add(HttpHook::ReadRequestHdr, hook);
    }
}

/// The plugin with the strongest claim.
fn choose(plugins: &[Plugin], rest: Rest, request: &RequestHdr) -> Option<Plugin> {
    let is_own = |&(_, plugin): &(Claim, Plugin)| {
        rest == Rest::Generator || plugin != Plugin::Generator || generator::can_answer(request)
    };
    let claims = plugins.iter().filter_map(|plugin| Some((plugin.claim(request)?, *plugin)));
    claims.filter(is_own).max_by_key(|(claim, _)| *claim).map(|(_, plugin)| plugin)
}

fn has_body(request: &RequestHdr) -> bool {
    request.fields.value_get_int64("Content-Length").is_some_and(|length| length > 0)
        || request.fields.presence("Transfer-Encoding")
}
