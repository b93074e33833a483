//! `fetcher`: a plugin that is a client and an origin server at once.
//!
//! Asked for `/fetch/PATH`, it makes a request of its own for `/PATH` of the same
//! host ([`ts_http_connect_with_plugin_id`]), reads the answer to its end, and
//! answers with its status, its length in bytes and its digest (FNV-1a, 64 bits).

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use eventsys::{ContRef, Data, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine};
use iocore::{IoData, IoEvents, NetVcRef, VIO};

use super::intercept::{IoChannel, Link};
use crate::api::{HttpTxn, ts_http_connect_with_plugin_id};
use crate::hdr::{HTTPVersion, HttpParser, ParseResult, RequestHdr, ResponseHdr};
use crate::proxy::HttpProxy;

/// The field that keeps the host of a request until the rules have been applied:
/// a field that begins with `@` never leaves the proxy.
const HOST_FIELD: &str = "@Fetcher-Host";

/// Remembers the host, before the rules change it.
pub(super) fn note_host(txn: &HttpTxn) {
    txn.with_client_request(|request| {
        if let Some(host) = request.fields.value_get("Host").map(<[u8]>::to_vec) {
            request.fields.value_set(HOST_FIELD, &host);
        }
    });
}

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn) {
    let request = txn.client_request();
    let host = request.fields.value_get(HOST_FIELD).unwrap_or(b"").to_vec();
    let fetcher = Fetcher {
        proxy: Arc::clone(txn.proxy()),
        host,
        link: RefCell::default(),
        client: RefCell::default(),
        parser: RefCell::default(),
        response: RefCell::default(),
        has_head: Cell::new(false),
        length: Cell::new(0),
        digest: Cell::new(FNV_OFFSET),
    };
    txn.server_intercept(StateMachine::new(ProxyMutex::new(), fetcher, Fetcher::handle));
}

struct Fetcher {
    proxy: Arc<HttpProxy>,
    host: Vec<u8>,
    /// The connection on which the request came.
    link: RefCell<Option<Link>>,
    /// The connection for its own request.
    client: RefCell<Option<Client>>,
    parser: RefCell<HttpParser>,
    response: RefCell<ResponseHdr>,
    has_head: Cell<bool>,
    length: Cell<u64>,
    digest: Cell<u64>,
}

struct Client {
    vc: NetVcRef,
    input: IoChannel,
    output: IoChannel,
}

impl Fetcher {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let (guard, this) = (call.guard(), call.this());
        match (event, data.vio()) {
            (EventCode::NET_EVENT_ACCEPT, _) => {
                if let Some(vc) = data.net_vc() {
                    *self.link.borrow_mut() = Some(Link::accept(guard, this, vc));
                }
            }
            (_, Some(vio)) if self.is_of_client(vio) => self.client_event(guard, this, event),
            (EventCode::VC_EVENT_READ_READY, _) => self.read_request(guard, this),
            (EventCode::VC_EVENT_WRITE_READY | EventCode::VC_EVENT_READ_COMPLETE, _) => {}
            // The request is answered, or its client has gone.
            _ => self.close(),
        }
        Outcome::Done
    }

    fn is_of_client(&self, vio: &VIO) -> bool {
        let is = |channel: &IoChannel| channel.handle().is_some_and(|handle| handle.is(vio));
        self.client.borrow().as_ref().is_some_and(|c| is(&c.input) || is(&c.output))
    }

    fn read_request(&self, guard: &Guard<'_>, this: &ContRef) {
        let result = {
            let link = self.link.borrow();
            let Some(link) = link.as_ref().filter(|link| !link.has_request.get()) else { return };
            link.parse(guard)
        };
        match result {
            ParseResult::Cont => {
                if let Some(link) = &*self.link.borrow() {
                    link.input.reenable(guard);
                }
            }
            ParseResult::Error => self.close(),
            ParseResult::Done => self.ask(guard, this),
        }
    }

    /// Makes the request of its own.
    fn ask(&self, guard: &Guard<'_>, this: &ContRef) {
        let mut request = RequestHdr { method: b"GET".to_vec(), ..RequestHdr::default() };
        if let Some(link) = &*self.link.borrow() {
            request.url = link.request.borrow().url.clone();
        }
        let path = request.url.path.strip_prefix(b"fetch/").unwrap_or(b"").to_vec();
        request.url.path = path;
        // The answer then ends with the connection, and has no chunks.
        request.version = HTTPVersion::HTTP_1_0;
        request.fields.append("Host", &self.host);
        let mut head = Vec::with_capacity(256);
        request.print(&mut head);

        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let vc = ts_http_connect_with_plugin_id(&self.proxy, addr, "fetcher", 0);
        let mutex = this.base().mutex().expect("a plugin's machine has a mutex");
        let (input, output) = (IoChannel::new(guard, mutex), IoChannel::new(guard, mutex));
        let nbytes = output.buffer.write(guard, &head);
        input.read(guard, &vc, this);
        output.write(guard, &vc, this, nbytes);
        *self.client.borrow_mut() = Some(Client { vc, input, output });
    }

    fn client_event(&self, guard: &Guard<'_>, this: &ContRef, event: EventCode) {
        match event {
            EventCode::VC_EVENT_WRITE_READY | EventCode::VC_EVENT_WRITE_COMPLETE => {}
            EventCode::VC_EVENT_READ_READY => {
                self.read_answer(guard);
                if let Some(client) = &*self.client.borrow() {
                    client.input.reenable(guard);
                }
            }
            _ => {
                self.read_answer(guard);
                let client = self.client.take();
                if let Some(client) = client {
                    client.vc.do_io_close(None);
                }
                self.answer(guard, this);
            }
        }
    }

    fn read_answer(&self, guard: &Guard<'_>) {
        let client = self.client.borrow();
        let Some(client) = &*client else { return };
        let reader = &client.input.reader;
        while reader.block_read_avail(guard) > 0 {
            let view = reader.block_view(guard);
            let mut piece = &view[..];
            if !self.has_head.get() {
                let mut response = self.response.borrow_mut();
                let result = self.parser.borrow_mut().parse_resp(&mut response, &mut piece, false);
                self.has_head.set(result == ParseResult::Done);
            }
            if self.has_head.get() {
                self.length.set(self.length.get() + piece.len() as u64);
                self.digest.set(piece.iter().fold(self.digest.get(), fnv1a));
            }
            reader.consume(guard, i64::try_from(view.len()).unwrap_or(0));
        }
    }

    fn answer(&self, guard: &Guard<'_>, this: &ContRef) {
        let link = self.link.borrow();
        let Some(link) = &*link else { return };
        let body = format!(
            "status {}\nlength {}\nfnv1a {:016x}\n",
            self.response.borrow().status,
            self.length.get(),
            self.digest.get()
        );
        let mut response = ResponseHdr::new(200);
        response.fields.append("Content-Type", b"text/plain");
        response.fields.append("Content-Length", body.len().to_string().as_bytes());
        let mut answer = Vec::with_capacity(256);
        response.print(&mut answer);
        answer.extend_from_slice(body.as_bytes());
        let nbytes = link.output.buffer.write(guard, &answer);
        link.output.write(guard, &link.vc, this, nbytes);
    }

    fn close(&self) {
        let (link, client) = (self.link.take(), self.client.take());
        if let Some(link) = link {
            link.vc.do_io_close(None);
        }
        if let Some(client) = client {
            client.vc.do_io_close(None);
        }
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv1a(digest: u64, byte: &u8) -> u64 {
    (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
}
