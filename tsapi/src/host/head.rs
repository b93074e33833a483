//! `TSMBuffer`, and heads: the `TSMLoc` of a request or a response.
//!
//! A `TSMBuffer` of the original is the heap of one head. Here it keeps the copies of the texts that
//! were lent to the plugin: exactly as long as the text, without a NUL, so that a tool like valgrind
//! sees a plugin that reads on, as a plugin of the real server should not.

use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::sync::Arc;

use eventsys::sync::{Mutex, MutexGuard};
use httpsm::hdr::{HTTPVersion, MIMEHdr, RequestHdr, ResponseHdr, reason_lookup};
use httpsm::{FetchSM, HttpTxn, WeakHttpTxn};

use super::buffer;
use super::few::Few;
use super::url::Url;
use super::{Handle, HandleCell, findings, table, take_out, want};
use crate::abi::words;

/// A text that the host keeps for the plugin.
pub(crate) enum Lent {
    /// A word that the interface exports, by its own pointer.
    Word(&'static CStr),
    /// A copy, which lives as long as the `TSMBuffer`.
    Text(Arc<[u8]>),
}

/// A `TSMBuffer`.
#[derive(Default)]
pub(crate) struct MBuffer {
    lent: Mutex<Few<Arc<[u8]>>>,
    /// The heads and URLs that were made in it, which end with it.
    owned: Mutex<Few<Handle>>,
}

impl MBuffer {
    /// The object behind `handle` ends with this buffer.
    pub(crate) fn owns(&self, handle: Handle) {
        self.owned.lock().push(handle);
    }

    /// Lends a text. Equal texts are lent once, so that asking again costs nothing.
    pub(crate) fn lend(&self, text: &[u8]) -> Lent {
        let mut all = self.lent.lock();
        if let Some(same) = all.each().find(|lent| ***lent == *text) {
            return Lent::Text(same.clone());
        }
        let copy: Arc<[u8]> = text.into();
        all.push(copy.clone());
        Lent::Text(copy)
    }

    /// As [`MBuffer::lend`]; a word of the interface comes back as itself.
    pub(crate) fn lend_word(&self, text: &[u8]) -> Lent {
        words::word(text).map_or_else(|| self.lend(text), Lent::Word)
    }
}

/// Which head of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    ClientRequest,
    ServerRequest,
    ServerResponse,
    ClientResponse,
}

/// A head: one that the plugin has made, or one of a transaction.
pub(crate) struct Head {
    pub(crate) mbuffer: Arc<MBuffer>,
    source: Source,
    /// The handle of its URL, once a plugin has asked for it.
    pub(crate) url: HandleCell,
}

#[allow(clippy::large_enum_variant)] // In a place of its own it would be one allocation more.
enum Source {
    Own(Mutex<Own>),
    Of(WeakHttpTxn, Which),
    /// The head of a fetched answer.
    Fetched(FetchSM),
}

/// A head that the plugin has made. Its type is unknown at first; the parts of both are there.
#[derive(Default)]
struct Own {
    kind: HeadType,
    request: RequestHdr,
    response: ResponseHdr,
}

/// `TSHttpType`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum HeadType {
    #[default]
    Unknown = 0,
    Request = 1,
    Response = 2,
}

impl Head {
    /// The head of a transaction.
    pub(crate) fn of(txn: &HttpTxn, which: Which, mbuffer: Arc<MBuffer>) -> Head {
        let source = Source::Of(txn.downgrade(), which);
        Head { mbuffer, source, url: HandleCell::default() }
    }

    /// The head of a fetched answer.
    pub(crate) fn fetched(fetch: FetchSM, mbuffer: Arc<MBuffer>) -> Head {
        Head { mbuffer, source: Source::Fetched(fetch), url: HandleCell::default() }
    }

    fn own() -> Own {
        // The original's new head has the version 1.0.
        let mut own = Own::default();
        own.response.version = HTTPVersion::HTTP_1_0;
        own
    }

    fn kind(&self) -> HeadType {
        match &self.source {
            Source::Own(own) => own.lock().kind,
            Source::Of(_, Which::ClientRequest | Which::ServerRequest) => HeadType::Request,
            Source::Of(_, Which::ServerResponse | Which::ClientResponse) => HeadType::Response,
            Source::Fetched(_) => HeadType::Response,
        }
    }

    /// Calls `f` with the request, which must not call the interface again.
    pub(crate) fn request<R>(&self, f: impl FnOnce(&mut RequestHdr) -> R) -> R {
        let result = match &self.source {
            Source::Own(own) => Some(f(&mut own.lock().request)),
            Source::Of(txn, Which::ClientRequest) => Some(alive(txn).with_client_request(f)),
            Source::Of(txn, Which::ServerRequest) => alive(txn).with_server_request(f),
            Source::Of(..) | Source::Fetched(_) => {
                findings::end("this is the head of a response".to_owned())
            }
        };
        result.unwrap_or_else(|| findings::end("the transaction has no such request".to_owned()))
    }

    /// As [`Head::request`], with the response.
    pub(crate) fn response<R>(&self, f: impl FnOnce(&mut ResponseHdr) -> R) -> R {
        let result = match &self.source {
            Source::Own(own) => Some(f(&mut own.lock().response)),
            Source::Of(txn, Which::ServerResponse) => Some(alive(txn).with_server_response(f)),
            Source::Of(txn, Which::ClientResponse) => alive(txn).with_client_response(f),
            Source::Fetched(fetch) => Some(fetch.with_response(f)),
            Source::Of(..) => findings::end("this is the head of a request".to_owned()),
        };
        result.unwrap_or_else(|| findings::end("the transaction has no such response".to_owned()))
    }

    /// As [`Head::request`], with the fields of either.
    pub(crate) fn fields<R>(&self, f: impl FnOnce(&mut MIMEHdr) -> R) -> R {
        if let Source::Own(own) = &self.source {
            let own = &mut *own.lock();
            return match own.kind {
                HeadType::Response => f(&mut own.response.fields),
                HeadType::Request | HeadType::Unknown => f(&mut own.request.fields),
            };
        }
        match self.kind() {
            HeadType::Response => self.response(|response| f(&mut response.fields)),
            HeadType::Request | HeadType::Unknown => self.request(|request| f(&mut request.fields)),
        }
    }

    fn copy(&self) -> Own {
        let kind = self.kind();
        match &self.source {
            Source::Own(own) => {
                let own = own.lock();
                Own { kind, request: own.request.clone(), response: own.response.clone() }
            }
            Source::Of(..) | Source::Fetched(_) if kind == HeadType::Response => {
                Own { kind, response: self.response(|head| head.clone()), ..Own::default() }
            }
            Source::Of(..) | Source::Fetched(_) => {
                Own { kind, request: self.request(|head| head.clone()), ..Own::default() }
            }
        }
    }

    /// Calls `f` with the head as text.
    fn with_text<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        thread_local! {
            /// One piece of memory for all heads that this thread prints.
            static TEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
        }
        let mut text = TEXT.take();
        text.clear();
        match self.kind() {
            HeadType::Response => self.response(|response| response.print(&mut text)),
            HeadType::Request | HeadType::Unknown => {
                self.request(|request| request.print(&mut text));
            }
        }
        let result = f(&text);
        TEXT.set(text);
        result
    }

    fn as_own(&self) -> Option<MutexGuard<'_, Own>> {
        match &self.source {
            Source::Own(own) => Some(own.lock()),
            Source::Of(..) | Source::Fetched(_) => None,
        }
    }
}

/// A transaction that has not ended.
fn alive(txn: &WeakHttpTxn) -> HttpTxn {
    let ended = || findings::end("the head ended with its transaction".to_owned());
    txn.upgrade().unwrap_or_else(ended)
}

/// `TSMBufferCreate`.
pub(crate) fn create_buffer() -> Handle {
    table().insert(MBuffer::default())
}

/// `TSMBufferDestroy`.
pub(crate) fn destroy_buffer(mbuffer: Handle) -> c_int {
    const WHY: &str = "its TSMBuffer was destroyed";
    let object = take_out::<MBuffer>(mbuffer, "TSMBufferDestroy was called");
    for owned in std::mem::take(&mut *object.owned.lock()) {
        if let Ok(head) = table().take::<Head>(owned, WHY) {
            let _ = table().take::<Url>(head.url.get(), WHY);
        }
        let _ = table().take::<Url>(owned, WHY);
    }
    0
}

/// `TSHttpHdrCreate`.
pub(crate) fn create(mbuffer: Handle) -> Handle {
    make(mbuffer, Head::own)
}

/// The head is made in its place: it is too large to be moved often.
#[inline]
fn make(mbuffer: Handle, own: impl FnOnce() -> Own) -> Handle {
    let mbuffer = want::<MBuffer>(mbuffer);
    let handle = table().insert_made(|_| Head {
        mbuffer: mbuffer.kept(),
        source: Source::Own(Mutex::new(own())),
        url: HandleCell::default(),
    });
    mbuffer.owns(handle);
    handle
}

/// `TSMimeHdrCreate`: fields without a first line.
pub(crate) fn create_fields(mbuffer: Handle) -> Handle {
    make(mbuffer, Own::default)
}

/// `TSHttpHdrClone`.
pub(crate) fn clone(into: Handle, head: Handle) -> Handle {
    let copy = want::<Head>(head).copy();
    make(into, || copy)
}

/// `TSMimeHdrClone`: the fields alone.
pub(crate) fn clone_fields(into: Handle, head: Handle) -> Handle {
    let fields = want::<Head>(head).fields(|all| all.clone());
    let mut own = Own::default();
    own.request.fields = fields;
    make(into, || own)
}

/// `TSHttpHdrCopy`: the other becomes the same, its type included.
pub(crate) fn copy(to: Handle, from: Handle) {
    let copy = want::<Head>(from).copy();
    let to = want::<Head>(to);
    if let Some(mut own) = to.as_own() {
        *own = copy;
        return;
    }
    match copy.kind {
        HeadType::Response => to.response(|response| *response = copy.response),
        HeadType::Request | HeadType::Unknown => to.request(|request| *request = copy.request),
    }
}

/// `TSMimeHdrCopy`: the fields alone.
pub(crate) fn copy_fields(to: Handle, from: Handle) {
    let copy = want::<Head>(from).fields(|all| all.clone());
    want::<Head>(to).fields(|all| *all = copy);
}

/// `TSMimeHdrFieldsClear`.
pub(crate) fn clear_fields(head: Handle) {
    want::<Head>(head).fields(|all| *all = MIMEHdr::new());
}

/// `TSMimeHdrDestroy`.
pub(crate) fn destroy_fields(head: Handle) {
    take_out::<Head>(head, "TSMimeHdrDestroy was called");
}

/// The fields as text, with the empty line behind them.
fn fields_text(head: Handle) -> Vec<u8> {
    let mut text = Vec::new();
    want::<Head>(head).fields(|all| all.print(&mut text));
    text
}

/// `TSMimeHdrLengthGet`.
pub(crate) fn fields_length(head: Handle) -> c_int {
    c_int::try_from(fields_text(head).len()).unwrap_or(c_int::MAX)
}

/// `TSMimeHdrPrint`.
pub(crate) fn print_fields(head: Handle, buffer: Handle) {
    buffer::write(buffer, &fields_text(head));
}

/// `TSHttpHdrDestroy`.
pub(crate) fn destroy(head: Handle) {
    let object = take_out::<Head>(head, "TSHttpHdrDestroy was called");
    let _ = table().take::<Url>(object.url.get(), "its head was destroyed");
}

/// `TSHttpHdrTypeSet`: false for the head of a transaction.
pub(crate) fn set_type(head: Handle, kind: c_int) -> bool {
    let head = want::<Head>(head);
    let Some(mut own) = head.as_own() else { return false };
    own.kind = match kind {
        1 => HeadType::Request,
        2 => HeadType::Response,
        _ => HeadType::Unknown,
    };
    true
}

/// `TSHttpHdrTypeGet`.
pub(crate) fn type_of(head: Handle) -> c_int {
    want::<Head>(head).kind() as c_int
}

/// `TSHttpHdrVersionSet`: the major number in the upper half.
pub(crate) fn set_version(head: Handle, version: c_int) {
    let head = want::<Head>(head);
    let [_, major, _, minor] = version.to_be_bytes();
    let version = HTTPVersion { major, minor };
    match head.kind() {
        HeadType::Response => head.response(|response| response.version = version),
        HeadType::Request | HeadType::Unknown => head.request(|request| request.version = version),
    }
}

/// `TSHttpHdrVersionGet`.
pub(crate) fn version(head: Handle) -> c_int {
    let head = want::<Head>(head);
    let version = match head.kind() {
        HeadType::Response => head.response(|response| response.version),
        HeadType::Request | HeadType::Unknown => head.request(|request| request.version),
    };
    c_int::from(version.major) << 16 | c_int::from(version.minor)
}

/// `TSHttpHdrStatusSet`.
pub(crate) fn set_status(head: Handle, status: c_int) {
    let status = u16::try_from(status).unwrap_or(0);
    want::<Head>(head).response(|response| response.status = status);
}

/// `TSHttpHdrStatusGet`.
pub(crate) fn status(head: Handle) -> c_int {
    let head = want::<Head>(head);
    match head.kind() {
        HeadType::Response => head.response(|response| c_int::from(response.status)),
        HeadType::Request | HeadType::Unknown => 0,
    }
}

/// `TSHttpHdrReasonSet`.
pub(crate) fn set_reason(head: Handle, reason: &[u8]) {
    want::<Head>(head).response(|response| response.reason = reason.to_vec());
}

/// `TSHttpHdrReasonGet`.
pub(crate) fn reason(head: Handle) -> Option<Lent> {
    let head = want::<Head>(head);
    let reason = head.response(|response| response.reason.clone());
    Some(head.mbuffer.lend(&reason))
}

/// `TSHttpHdrReasonLookup`: the usual reason of a status, ready to be printed by C.
pub(crate) fn usual_reason(status: c_int) -> &'static CStr {
    static KNOWN: Mutex<Vec<(c_int, &'static CStr)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock();
    if let Some((_, text)) = known.iter().find(|(other, _)| *other == status) {
        return text;
    }
    let found = u16::try_from(status).ok().and_then(reason_lookup).unwrap_or("None");
    // Kept for ever, once for each status, as the table of the original is.
    let text = std::ffi::CString::new(found).unwrap_or_default();
    let text: &'static CStr = Box::leak(text.into_boxed_c_str());
    known.push((status, text));
    text
}

/// `TSHttpHdrMethodGet`.
pub(crate) fn method(head: Handle) -> Option<Lent> {
    let head = want::<Head>(head);
    Some(head.request(|request| head.mbuffer.lend_word(&request.method)))
}

/// `TSHttpHdrMethodSet`.
pub(crate) fn set_method(head: Handle, method: &[u8]) {
    want::<Head>(head).request(|request| request.method = method.to_vec());
}

/// `TSHttpHdrUrlGet`: the same handle each time; none for a response.
pub(crate) fn url(head: Handle) -> Option<Handle> {
    let object = want::<Head>(head);
    if object.kind() == HeadType::Response {
        return None;
    }
    let known = object.url.get();
    if super::find::<Url>(known).is_ok() {
        return Some(known);
    }
    let url = table().insert(Url::of(object.clone()));
    match object.url.replace(known, url) {
        Ok(()) => Some(url),
        Err(earlier) => {
            let _ = table().take::<Url>(url, "another thread has asked for it first");
            Some(earlier)
        }
    }
}

/// `TSHttpHdrUrlSet`: a copy of the URL becomes the target.
pub(crate) fn set_url(head: Handle, url: Handle) {
    let value = super::url::value(url);
    want::<Head>(head).request(|request| request.url = value);
}

/// `TSHttpHdrHostGet`: from the target, else from the Host field; none for neither.
pub(crate) fn host(head: Handle) -> Option<Lent> {
    let head = want::<Head>(head);
    let host = head.request(|request| request.host_get().map(<[u8]>::to_vec))?;
    Some(head.mbuffer.lend(&host))
}

/// `TSHttpHdrEffectiveUrlBufGet`: with scheme and host in lower case; none for a response.
pub(crate) fn effective_url(head: Handle) -> Option<Vec<u8>> {
    let head = want::<Head>(head);
    if head.kind() != HeadType::Request {
        return None;
    }
    Some(head.request(|request| {
        let mut request = request.clone();
        let lower = |part: &mut Option<Vec<u8>>| {
            part.iter_mut().for_each(|part| part.make_ascii_lowercase());
        };
        let scheme = request.url.scheme.get_or_insert_with(|| b"http".to_vec());
        scheme.make_ascii_lowercase();
        lower(&mut request.url.host);
        if request.url.host.is_none()
            && let Some(host) = request.fields.value_get("Host").map(<[u8]>::to_ascii_lowercase)
        {
            request.fields.value_set("Host", &host);
        }
        request.effective_url()
    }))
}

/// `TSHttpHdrLengthGet`.
pub(crate) fn length(head: Handle) -> c_int {
    want::<Head>(head).with_text(|text| c_int::try_from(text.len()).unwrap_or(c_int::MAX))
}

/// `TSHttpHdrPrint`.
pub(crate) fn print(head: Handle, buffer: Handle) {
    want::<Head>(head).with_text(|text| buffer::write(buffer, text));
}

/// Makes a head of the plugin's a request, which `TSHttpHdrParseReq` does.
pub(crate) fn becomes(head: &Head, kind: HeadType) {
    if let Some(mut own) = head.as_own() {
        own.kind = kind;
    }
}
