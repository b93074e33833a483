//! What plugins ask a transaction about its request, and change for it alone.

use std::sync::Arc;

use super::{HttpSsn, HttpTxn};
use crate::config::HttpConfig;
use crate::hdr::URL;
use crate::transact::LookupUrl;

impl HttpTxn {
    /// The target as the client has sent it, before the rules, with the host of the Host field if it
    /// has none of its own. None until the rules are looked at. Mirrors `TSHttpTxnPristineUrlGet`,
    /// which returns the client's request then.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnPristineUrlGet")]
    pub fn pristine_url(&self) -> Option<URL> {
        self.with_pristine_url(|url| url.clone())
    }

    /// Changes what [`HttpTxn::pristine_url`] returns.
    #[track_caller]
    pub fn with_pristine_url<R>(&self, f: impl FnOnce(&mut URL) -> R) -> Option<R> {
        self.with(|sm| sm.t_state.borrow_mut().unmapped_url.as_mut().map(f))
    }

    /// The target of the client's request as it stands now, as text, with the host and the port of
    /// the Host field if it has none of its own. Mirrors `TSHttpTxnEffectiveUrlStringGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnEffectiveUrlStringGet")]
    pub fn effective_url(&self) -> Vec<u8> {
        self.with(|sm| sm.t_state.borrow().client_request.effective_url())
    }

    /// The URL that the cache is asked for; none before it is decided that the cache is asked, unless
    /// a plugin has set one. Mirrors `TSHttpTxnCacheLookupUrlGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnCacheLookupUrlGet")]
    pub fn cache_lookup_url(&self) -> Option<URL> {
        self.with(|sm| sm.t_state.borrow().lookup_url())
    }

    /// Sets the URL that the cache is asked for; false if there is one already. A text that is no URL
    /// leaves an empty one. Mirrors `TSCacheUrlSet`.
    #[track_caller]
    #[doc(alias = "TSCacheUrlSet")]
    pub fn set_cache_lookup_url(&self, url: &[u8]) -> bool {
        self.with(|sm| {
            let mut t_state = sm.t_state.borrow_mut();
            let is_first = matches!(t_state.lookup_url, LookupUrl::None);
            if is_first {
                t_state.lookup_url = LookupUrl::Own(URL::parse(url).unwrap_or_default());
            }
            is_first
        })
    }

    /// Sets the body of an error answer, and its content type; without a body the usual page is
    /// sent. Mirrors `TSHttpTxnErrorBodySet`.
    #[track_caller]
    #[doc(alias = "TSHttpTxnErrorBodySet")]
    pub fn set_error_body(&self, body: Option<Vec<u8>>, content_type: Option<Vec<u8>>) {
        self.with(|sm| {
            let mut t_state = sm.t_state.borrow_mut();
            t_state.internal_msg = body;
            t_state.internal_msg_type = content_type;
        });
    }

    /// Has the rule end with an answer that sends the client to the request's target of now, with
    /// the status that a plugin has set, or 302. For a plugin of a rule. Mirrors `redirect` of
    /// `TSRemapRequestInfo`.
    #[track_caller]
    pub fn set_remap_redirect(&self) {
        self.with(|sm| {
            let mut t_state = sm.t_state.borrow_mut();
            let mut target = Vec::new();
            t_state.client_request.url.print(&mut target);
            t_state.remap_redirect = Some(target);
        });
    }

    /// True if a plugin of the rule has asked for a redirect.
    pub(crate) fn has_remap_redirect(&self) -> bool {
        self.with(|sm| sm.t_state.borrow().remap_redirect.is_some())
    }

    /// The settings of this transaction. Mirrors `TSHttpTxnConfigIntGet` and its kin.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnConfigIntGet")]
    pub fn config(&self) -> Arc<HttpConfig> {
        self.with(crate::sm::Sm::config)
    }

    /// Changes the settings of this transaction alone. What is decided already stays as it is. Mirrors
    /// `TSHttpTxnConfigIntSet` and its kin.
    ///
    /// ```
    /// use httpsm::HttpTxn;
    ///
    /// fn keep_the_host_field(txn: &HttpTxn) {
    ///     txn.with_config(|config| config.pristine_host_hdr = true);
    /// }
    /// ```
    #[track_caller]
    #[doc(alias = "TSHttpTxnConfigIntSet")]
    pub fn with_config(&self, f: impl FnOnce(&mut HttpConfig)) {
        self.with(|sm| sm.with_config(f));
    }

    /// The client's session, as long as the transaction has it. Mirrors `TSHttpTxnSsnGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnSsnGet")]
    pub fn ssn(&self) -> Option<HttpSsn> {
        self.with(crate::sm::Sm::session).map(HttpSsn::new)
    }
}
