//! Plugins of a rule.
//!
//! Mirrors `RemapPlugins::run_single_remap` of `proxy/http/remap/RemapPlugins.cc` and
//! `TSRemapStatus` of `include/ts/remap.h` (9.2.9): the rule rewrites the request before its first
//! plugin is called, whatever the plugins decide. A redirect that a plugin asks for
//! ([`HttpTxn::set_remap_redirect`]) ends the row.

use std::sync::Arc;

use super::Mapping;
use crate::api::HttpTxn;

/// A plugin of one rule, with its parameters.
///
/// A rule calls its plugins in their order, each time it matches. They run on the transaction's
/// stack, under its mutex, between [`HttpHook::PreRemap`](crate::hooks::HttpHook::PreRemap) and
/// [`HttpHook::PostRemap`](crate::hooks::HttpHook::PostRemap); the transaction does not wait, so a
/// plugin that needs time adds a hook or answers by [`HttpTxn::server_intercept`].
///
/// ```
/// use std::sync::Arc;
/// use httpsm::{HttpTxn, Mapping, RemapPlugin, RemapStatus};
///
/// struct Teapot;
///
/// impl RemapPlugin for Teapot {
///     fn do_remap(&self, txn: &HttpTxn, _rule: &Mapping) -> RemapStatus {
///         txn.set_status(418);
///         RemapStatus::NoRemapStop
///     }
/// }
///
/// let rule: Mapping = "http://pot.test/=http://127.0.0.1/".parse().unwrap();
/// let rule = rule.with_plugin(Arc::new(Teapot));
/// assert!(rule.has_plugins());
/// ```
pub trait RemapPlugin: Send + Sync {
    /// The rule has matched, and the request has its new target. Mirrors `TSRemapDoRemap`.
    fn do_remap(&self, txn: &HttpTxn, rule: &Mapping) -> RemapStatus;
}

/// What a plugin of a rule has done. Mirrors `TSRemapStatus`.
///
/// The example of [`RemapPlugin`] returns one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemapStatus {
    /// Nothing; the next plugin comes (`TSREMAP_NO_REMAP`). An error counts as this.
    NoRemap,
    /// It has changed the URL; the next plugin comes (`TSREMAP_DID_REMAP`).
    DidRemap,
    /// Nothing, and no other plugin comes (`TSREMAP_NO_REMAP_STOP`).
    NoRemapStop,
    /// It has changed the URL, and no other plugin comes (`TSREMAP_DID_REMAP_STOP`).
    DidRemapStop,
}

impl RemapStatus {
    fn stops(self) -> bool {
        matches!(self, RemapStatus::NoRemapStop | RemapStatus::DidRemapStop)
    }
}

impl Mapping {
    /// This rule with one more plugin, behind those that it has.
    #[must_use]
    pub fn with_plugin(mut self, plugin: Arc<dyn RemapPlugin>) -> Mapping {
        self.plugins.push(plugin);
        self
    }

    /// True if it has a plugin.
    #[must_use]
    pub fn has_plugins(&self) -> bool {
        !self.plugins.is_empty()
    }

    /// Calls the plugins until one says that it is the last.
    pub(crate) fn run_plugins(&self, txn: &HttpTxn) {
        for plugin in &self.plugins {
            if plugin.do_remap(txn, self).stops() || txn.has_remap_redirect() {
                return;
            }
        }
    }
}
