//! How many bytes of each part of a transaction have moved.
//!
//! Mirrors `client_request_body_bytes` and its kin of `HttpSM` (9.2.9).

use std::cell::Cell;

use crate::api::TxnBytes;

use super::Sm;

/// The counts beside those of the heads that are being read. Of a body that is still under way they
/// are 0, as in the original.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) client_request_body: Cell<i64>,
    pub(super) server_request_hdr: Cell<i64>,
    pub(super) server_request_body: Cell<i64>,
    pub(super) server_response_body: Cell<i64>,
    pub(super) client_response_body: Cell<i64>,
}

impl Sm {
    /// All counts as they stand now.
    pub(crate) fn bytes(&self) -> TxnBytes {
        let Counts {
            client_request_body,
            server_request_hdr,
            server_request_body,
            server_response_body,
            client_response_body,
        } = &self.counts;
        TxnBytes {
            client_request_hdr: self.request_hdr_bytes.get(),
            client_request_body: client_request_body.get(),
            server_request_hdr: server_request_hdr.get(),
            server_request_body: server_request_body.get(),
            server_response_hdr: self.response_hdr_bytes.get(),
            server_response_body: server_response_body.get(),
            client_response_hdr: self.client_response_hdr_bytes.get(),
            client_response_body: client_response_body.get(),
        }
    }
}
