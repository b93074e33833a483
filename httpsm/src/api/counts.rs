//! What a transaction and a session have counted, and their connections.

use eventsys::HrTime;
use iocore::NetVcRef;

use super::{HttpSsn, HttpTxn};
use crate::sm::Milestone;

/// How many bytes have moved. A count is 0 until its part has moved as a whole: that of a body is set
/// when the body has ended. [`HttpTxn::bytes`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TxnBytes {
    /// The client's head (`TSHttpTxnClientReqHdrBytesGet`).
    pub client_request_hdr: i64,
    /// The client's body, with the framing of its chunks (`TSHttpTxnClientReqBodyBytesGet`).
    pub client_request_body: i64,
    /// The head for the origin server (`TSHttpTxnServerReqHdrBytesGet`).
    pub server_request_hdr: i64,
    /// The body that the origin server has taken (`TSHttpTxnServerReqBodyBytesGet`).
    pub server_request_body: i64,
    /// The head of the origin server's answer (`TSHttpTxnServerRespHdrBytesGet`).
    pub server_response_hdr: i64,
    /// What has been sent to the client of the origin server's body
    /// (`TSHttpTxnServerRespBodyBytesGet`).
    pub server_response_body: i64,
    /// The head for the client (`TSHttpTxnClientRespHdrBytesGet`).
    pub client_response_hdr: i64,
    /// The body that the client has taken (`TSHttpTxnClientRespBodyBytesGet`).
    pub client_response_body: i64,
}

impl HttpTxn {
    /// How many bytes have moved.
    ///
    /// ```
    /// use httpsm::HttpTxn;
    ///
    /// /// For a hook of TXN_CLOSE.
    /// fn sent_to_the_client(txn: &HttpTxn) -> i64 {
    ///     let bytes = txn.bytes();
    ///     bytes.client_response_hdr + bytes.client_response_body
    /// }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn bytes(&self) -> TxnBytes {
        self.with(crate::sm::Sm::bytes)
    }

    /// When the transaction has come to this point, in nanoseconds since 1970; none before, and if the
    /// proxy keeps no milestones ([`HttpProxy::keep_milestones`](crate::HttpProxy::keep_milestones)).
    /// Mirrors `TSHttpTxnMilestoneGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnMilestoneGet")]
    pub fn milestone(&self, milestone: Milestone) -> Option<HrTime> {
        self.with(|sm| sm.milestone(milestone))
    }

    /// The connection to the origin server, as long as the transaction has it. Mirrors
    /// `TSHttpTxnServerVConnGet`.
    #[must_use]
    #[track_caller]
    #[doc(alias = "TSHttpTxnServerVConnGet")]
    pub fn server_vc(&self) -> Option<NetVcRef> {
        self.with(crate::sm::Sm::server_vc)
    }
}

impl HttpSsn {
    /// The client's connection, until the session has closed it. Takes the session's mutex. Mirrors
    /// `TSHttpSsnClientVConnGet`.
    #[must_use]
    #[doc(alias = "TSHttpSsnClientVConnGet")]
    pub fn client_vc(&self) -> Option<NetVcRef> {
        let guard = self.0.mutex().lock();
        self.0.client_vc(&guard)
    }

    /// How many transactions there have been on it. Takes the session's mutex. Mirrors
    /// `TSHttpSsnTransactionCount`.
    #[must_use]
    #[doc(alias = "TSHttpSsnTransactionCount")]
    pub fn transact_count(&self) -> u64 {
        let guard = self.0.mutex().lock();
        self.0.transact_count(&guard)
    }
}
