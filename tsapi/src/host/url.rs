//! URLs: the `TSMLoc` that `TSHttpHdrUrlGet`, `TSUrlCreate` and `TSHttpTxnPristineUrlGet` return.
//!
//! Mirrors the functions of `InkAPI.cc` on `URLImpl` of `proxy/hdrs/URL.cc` (9.2.9).

use std::sync::Arc;

use eventsys::sync::Mutex;
use httpsm::hdr::URL;
use httpsm::{HttpTxn, WeakHttpTxn};

use super::head::{Head, Lent, MBuffer};
use super::{Handle, buffer, findings, table, want};

/// A URL: of a head, or one that the host or the plugin has made.
pub(crate) struct Url {
    mbuffer: Arc<MBuffer>,
    source: Source,
}

enum Source {
    Of(Arc<Head>),
    /// The client's, before the rules.
    Pristine(WeakHttpTxn),
    Own(Mutex<URL>),
}

impl Url {
    /// The target of a request.
    pub(crate) fn of(head: Arc<Head>) -> Url {
        Url { mbuffer: head.mbuffer.clone(), source: Source::Of(head) }
    }

    /// The client's target before the rules.
    pub(crate) fn pristine(txn: &HttpTxn, mbuffer: Arc<MBuffer>) -> Url {
        Url { mbuffer, source: Source::Pristine(txn.downgrade()) }
    }

    /// A URL that is in no head.
    pub(crate) fn own(mbuffer: Arc<MBuffer>, url: URL) -> Url {
        Url { mbuffer, source: Source::Own(Mutex::new(url)) }
    }

    fn with<R>(&self, f: impl FnOnce(&mut URL) -> R) -> R {
        match &self.source {
            Source::Of(head) => head.request(|request| f(&mut request.url)),
            Source::Pristine(txn) => {
                let result = txn.upgrade().and_then(|txn| txn.with_pristine_url(f));
                let ended = || findings::end("the URL ended with its transaction".to_owned());
                result.unwrap_or_else(ended)
            }
            Source::Own(url) => f(&mut url.lock()),
        }
    }

    /// Puts another URL in its place.
    pub(crate) fn set(&self, other: URL) {
        self.with(|url| *url = other);
    }

    fn print(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.with(|url| url.print(&mut text));
        text
    }
}

/// `TSUrlCreate`.
pub(crate) fn create(mbuffer: Handle) -> Handle {
    make(mbuffer, URL::default())
}

fn make(mbuffer: Handle, url: URL) -> Handle {
    let object = want::<MBuffer>(mbuffer);
    let handle = table().insert(Url::own(object.clone(), url));
    object.owns(handle);
    handle
}

/// `TSUrlClone`.
pub(crate) fn clone(into: Handle, url: Handle) -> Handle {
    let copy = want::<Url>(url).with(|url| url.clone());
    make(into, copy)
}

/// `TSUrlCopy`.
pub(crate) fn copy(to: Handle, from: Handle) {
    let copy = want::<Url>(from).with(|url| url.clone());
    want::<Url>(to).with(|url| *url = copy);
}

/// The URL behind a handle, for `TSHttpHdrUrlSet`.
pub(crate) fn value(url: Handle) -> URL {
    want::<Url>(url).with(|url| url.clone())
}

/// `TSUrlParse`: a `TSParseResult`, and how many bytes were taken.
pub(crate) fn parse(url: Handle, input: &[u8]) -> (i32, usize) {
    const DONE: i32 = 0;
    const ERROR: i32 = -1;
    let object = want::<Url>(url);
    match URL::parse_lenient(input) {
        Ok(parsed) => {
            object.with(|url| *url = parsed);
            (DONE, input.len())
        }
        Err(_) => {
            object.with(|url| *url = URL::default());
            (ERROR, 0)
        }
    }
}

/// `TSUrlPrint`.
pub(crate) fn print(url: Handle, buffer: Handle) {
    let text = want::<Url>(url).print();
    buffer::write(buffer, &text);
}

/// `TSUrlLengthGet`.
pub(crate) fn length(url: Handle) -> i32 {
    i32::try_from(string(url).len()).unwrap_or(i32::MAX)
}

/// `TSUrlStringGet`.
pub(crate) fn string(url: Handle) -> Vec<u8> {
    want::<Url>(url).print()
}

/// One part of a URL: none if it is not there.
fn part(url: Handle, of: impl FnOnce(&URL) -> Option<Vec<u8>>) -> Option<Lent> {
    let url = want::<Url>(url);
    let text = url.with(|url| of(url))?;
    Some(url.mbuffer.lend(&text))
}

/// Changes one part: no text takes it away.
fn set_part(url: Handle, text: &[u8], set: impl FnOnce(&mut URL, Option<Vec<u8>>)) {
    let part = (!text.is_empty()).then(|| text.to_vec());
    want::<Url>(url).with(|url| set(url, part));
}

/// `TSUrlPathGet`.
pub(crate) fn path(url: Handle) -> Option<Lent> {
    let url = want::<Url>(url);
    url.with(|of| (!of.path.is_empty()).then(|| url.mbuffer.lend(&of.path)))
}

/// `TSUrlPathSet`.
pub(crate) fn set_path(url: Handle, text: &[u8]) {
    set_part(url, text, |url, part| url.path = part.unwrap_or_default());
}

/// `TSUrlHostGet`.
pub(crate) fn host(url: Handle) -> Option<Lent> {
    part(url, |url| url.host.clone())
}

/// `TSUrlHostSet`.
pub(crate) fn set_host(url: Handle, text: &[u8]) {
    set_part(url, text, |url, part| url.host = part);
}

/// `TSUrlHttpQueryGet`.
pub(crate) fn query(url: Handle) -> Option<Lent> {
    part(url, |url| url.query.clone())
}

/// `TSUrlHttpQuerySet`.
pub(crate) fn set_query(url: Handle, text: &[u8]) {
    set_part(url, text, |url, part| url.query = part);
}

/// `TSUrlHttpParamsGet`.
pub(crate) fn params(url: Handle) -> Option<Lent> {
    part(url, |url| url.params.clone())
}

/// `TSUrlHttpParamsSet`.
pub(crate) fn set_params(url: Handle, text: &[u8]) {
    set_part(url, text, |url, part| url.params = part);
}

/// `TSUrlHttpFragmentGet`.
pub(crate) fn fragment(url: Handle) -> Option<Lent> {
    part(url, |url| url.fragment.clone())
}

/// `TSUrlHttpFragmentSet`.
pub(crate) fn set_fragment(url: Handle, text: &[u8]) {
    set_part(url, text, |url, part| url.fragment = part);
}

/// The name before the colon, and the password behind it.
fn user_and_password(url: &URL) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let Some(user) = &url.user else { return (None, None) };
    match user.iter().position(|&c| c == b':') {
        Some(colon) => (Some(user[..colon].to_vec()), Some(user[colon + 1..].to_vec())),
        None => (Some(user.clone()), None),
    }
}

/// Puts them together; a password without a name is not printed in the original either.
fn joined((user, password): (Option<Vec<u8>>, Option<Vec<u8>>)) -> Option<Vec<u8>> {
    let user = user?;
    Some(match password {
        Some(password) => [user, password].join(&b':'),
        None => user,
    })
}

/// `TSUrlUserGet`.
pub(crate) fn user(url: Handle) -> Option<Lent> {
    part(url, |url| user_and_password(url).0)
}

/// `TSUrlUserSet`.
pub(crate) fn set_user(url: Handle, text: &[u8]) {
    set_part(url, text, |url, part| {
        let (_, password) = user_and_password(url);
        url.user = joined((part, password));
    });
}

/// `TSUrlPasswordGet`.
pub(crate) fn password(url: Handle) -> Option<Lent> {
    part(url, |url| user_and_password(url).1)
}

/// `TSUrlPasswordSet`.
pub(crate) fn set_password(url: Handle, text: &[u8]) {
    set_part(url, text, |url, part| {
        let (user, _) = user_and_password(url);
        url.user = joined((user, part));
    });
}

/// `TSUrlSchemeGet`: `http` if none is written.
pub(crate) fn scheme(url: Handle) -> Option<Lent> {
    let url = want::<Url>(url);
    let scheme = url.with(|url| url.scheme.clone()).unwrap_or_else(|| b"http".to_vec());
    Some(lend_scheme(&url, &scheme))
}

/// `TSUrlRawSchemeGet`: none if none is written.
pub(crate) fn raw_scheme(url: Handle) -> Option<Lent> {
    let url = want::<Url>(url);
    let scheme = url.with(|url| url.scheme.clone())?;
    Some(lend_scheme(&url, &scheme))
}

/// A well-known scheme comes back in lower case, whatever the URL has.
fn lend_scheme(url: &Url, scheme: &[u8]) -> Lent {
    let lower = scheme.to_ascii_lowercase();
    match url.with(|url| url.scheme_is_well_known()) {
        true => url.mbuffer.lend_word(&lower),
        false => url.mbuffer.lend_word(scheme),
    }
}

/// `TSUrlSchemeSet`.
pub(crate) fn set_scheme(url: Handle, text: &[u8]) {
    set_part(url, text, |url, part| url.scheme = part);
}

/// `TSUrlPortGet`: the one that is written, or the scheme's.
pub(crate) fn port(url: Handle) -> i32 {
    i32::from(want::<Url>(url).with(|url| url.port_get()))
}

/// `TSUrlRawPortGet`: 0 if none is written.
pub(crate) fn raw_port(url: Handle) -> i32 {
    i32::from(want::<Url>(url).with(|url| url.port_get_raw()))
}

/// `TSUrlPortSet`: false for a negative number.
pub(crate) fn set_port(url: Handle, port: i32) -> bool {
    let Ok(port) = u32::try_from(port) else { return false };
    let text = (port > 0).then(|| port.to_string().into_bytes());
    want::<Url>(url).with(|url| url.port = text);
    true
}
