//! URLs: the `TSMLoc` that `TSHttpHdrUrlGet` returns.

use std::sync::Arc;

use eventsys::sync::Mutex;
use httpsm::hdr::URL;

use super::head::{Head, Lent, MBuffer};
use super::{Handle, Kind, Object, want};

/// A URL: of a head, or one that the host has made.
pub(crate) struct Url {
    mbuffer: Arc<MBuffer>,
    source: Source,
}

enum Source {
    Of(Arc<Head>),
    Own(Mutex<URL>),
}

impl Object for Url {
    const KIND: Kind = Kind::Url;
}

impl Url {
    /// The target of a request.
    pub(crate) fn of(head: Arc<Head>) -> Url {
        Url { mbuffer: head.mbuffer.clone(), source: Source::Of(head) }
    }

    /// A URL that is in no head.
    pub(crate) fn own(mbuffer: Arc<MBuffer>, url: URL) -> Url {
        Url { mbuffer, source: Source::Own(Mutex::new(url)) }
    }

    fn with<R>(&self, f: impl FnOnce(&mut URL) -> R) -> R {
        match &self.source {
            Source::Of(head) => head.request(|request| f(&mut request.url)),
            Source::Own(url) => f(&mut url.lock()),
        }
    }
}

/// One part of a URL: none if it is not there.
fn part(url: Handle, of: impl FnOnce(&URL) -> Option<Vec<u8>>) -> Option<Lent> {
    let url = want::<Url>(url);
    let text = url.with(|url| of(url))?;
    Some(url.mbuffer.lend(&text))
}

/// `TSUrlPathGet`.
pub(crate) fn path(url: Handle) -> Option<Lent> {
    part(url, |url| (!url.path.is_empty()).then(|| url.path.clone()))
}

/// `TSUrlHostGet`.
pub(crate) fn host(url: Handle) -> Option<Lent> {
    part(url, |url| url.host.clone())
}

/// `TSUrlHttpQueryGet`.
pub(crate) fn query(url: Handle) -> Option<Lent> {
    part(url, |url| url.query.clone())
}

/// `TSUrlSchemeGet`: `http` if none is written.
pub(crate) fn scheme(url: Handle) -> Option<Lent> {
    let url = want::<Url>(url);
    let scheme = url.with(|url| url.scheme.clone()).unwrap_or_else(|| b"http".to_vec());
    Some(url.mbuffer.lend_word(&scheme))
}

/// `TSUrlPortGet`.
pub(crate) fn port(url: Handle) -> i32 {
    i32::from(want::<Url>(url).with(|url| url.port_get()))
}
