//! A plugin of one rule.
//!
//! Mirrors `RemapPlugins::run_plugin` (9.2.9).

use std::sync::Arc;

use eventsys::sync::Mutex;
use httpsm::hdr::URL;
use httpsm::{HttpTxn, Mapping, RemapPlugin, RemapStatus};

use super::head::{MBuffer, Which};
use super::url::Url;
use super::{Handle, calls, head, table, transaction};
use crate::abi::callbacks::{DoRemap, RemapRequestInfo};

/// A plugin with its instance for one rule.
pub(crate) struct RuleOfPlugin {
    place: &'static str,
    function: DoRemap,
    /// The URLs of the rule, once it has been used: plugins may keep their handles.
    urls: Mutex<Option<(Handle, Handle)>>,
}

impl RuleOfPlugin {
    pub(crate) fn new(plugin: &str, function: DoRemap) -> RuleOfPlugin {
        let place = calls::kept(&format!("{plugin}:TSRemapDoRemap"));
        RuleOfPlugin { place, function, urls: Mutex::new(None) }
    }

    fn urls(&self, rule: &Mapping) -> (Handle, Handle) {
        let make = |url: &URL| table().insert(Url::own(Arc::new(MBuffer::default()), url.clone()));
        *self.urls.lock().get_or_insert_with(|| (make(rule.from()), make(rule.to())))
    }
}

impl RemapPlugin for RuleOfPlugin {
    fn do_remap(&self, txn: &HttpTxn, rule: &Mapping) -> RemapStatus {
        let handle = transaction::handle_of(txn);
        let Some((request_bufp, request_hdrp)) = transaction::head(handle, Which::ClientRequest)
        else {
            return RemapStatus::NoRemap;
        };
        let (map_from_url, map_to_url) = self.urls(rule);
        let request_url = head::url(request_hdrp).unwrap_or(Handle::NULL);
        let mut info = RemapRequestInfo {
            map_from_url,
            map_to_url,
            request_url,
            request_bufp,
            request_hdrp,
            redirect: 0,
        };
        let status = calls::inside_handler(self.place, 0, || self.function.call(handle, &mut info));
        // Only one that has changed the URL may send the client there.
        if info.redirect != 0 && matches!(status, 1 | 3) {
            txn.set_remap_redirect();
        }
        match status {
            1 => RemapStatus::DidRemap,
            2 => RemapStatus::NoRemapStop,
            3 => RemapStatus::DidRemapStop,
            _ => RemapStatus::NoRemap,
        }
    }
}
