//! [`HttpEvents`]: the event codes of hooks and tunnels, with the numbers of the original.
//!
//! Mirrors `TSEvent` of `include/ts/apidefs.h` and the `HTTP_TUNNEL_EVENT_*` macros of
//! `proxy/http/HttpTunnel.h` (9.2.9).

/// First code of the block that belongs to the tunnel of a transaction.
const HTTP_TUNNEL_EVENTS_START: i32 = 2300;

eventsys::event_codes! {
    /// The event codes of this crate, as constants of [`EventCode`](eventsys::EventCode).
    ///
    /// ```
    /// use eventsys::EventCode;
    /// use httpsm::{HttpEvents, event_name};
    ///
    /// assert_eq!(EventCode::TS_EVENT_HTTP_CONTINUE, EventCode(60000));
    /// assert_eq!(event_name(EventCode(60000)), Some("TS_EVENT_HTTP_CONTINUE"));
    /// assert_eq!(event_name(EventCode(202)), Some("NET_EVENT_ACCEPT"));
    /// ```
    pub trait HttpEvents {
        /// The producer has read everything before it was started.
        HTTP_TUNNEL_EVENT_PRECOMPLETE = HTTP_TUNNEL_EVENTS_START + 2;
        /// Go on: a plugin's answer to a hook.
        TS_EVENT_HTTP_CONTINUE = 60000;
        /// End the transaction with an error answer: a plugin's answer to a hook.
        TS_EVENT_HTTP_ERROR = 60001;
        /// [`HttpHook::ReadRequestHdr`](crate::hooks::HttpHook::ReadRequestHdr).
        TS_EVENT_HTTP_READ_REQUEST_HDR = 60002;
        /// [`HttpHook::OsDns`](crate::hooks::HttpHook::OsDns).
        TS_EVENT_HTTP_OS_DNS = 60003;
        /// [`HttpHook::SendRequestHdr`](crate::hooks::HttpHook::SendRequestHdr).
        TS_EVENT_HTTP_SEND_REQUEST_HDR = 60004;
        /// [`HttpHook::ReadResponseHdr`](crate::hooks::HttpHook::ReadResponseHdr).
        TS_EVENT_HTTP_READ_RESPONSE_HDR = 60006;
        /// [`HttpHook::SendResponseHdr`](crate::hooks::HttpHook::SendResponseHdr).
        TS_EVENT_HTTP_SEND_RESPONSE_HDR = 60007;
        /// [`HttpHook::TxnStart`](crate::hooks::HttpHook::TxnStart).
        TS_EVENT_HTTP_TXN_START = 60011;
        /// [`HttpHook::TxnClose`](crate::hooks::HttpHook::TxnClose).
        TS_EVENT_HTTP_TXN_CLOSE = 60012;
        /// [`HttpHook::SsnStart`](crate::hooks::HttpHook::SsnStart).
        TS_EVENT_HTTP_SSN_START = 60013;
        /// [`HttpHook::SsnClose`](crate::hooks::HttpHook::SsnClose).
        TS_EVENT_HTTP_SSN_CLOSE = 60014;
        /// [`HttpHook::CacheLookupComplete`](crate::hooks::HttpHook::CacheLookupComplete).
        TS_EVENT_HTTP_CACHE_LOOKUP_COMPLETE = 60015;
        /// [`HttpHook::PreRemap`](crate::hooks::HttpHook::PreRemap).
        TS_EVENT_HTTP_PRE_REMAP = 60016;
        /// [`HttpHook::PostRemap`](crate::hooks::HttpHook::PostRemap).
        TS_EVENT_HTTP_POST_REMAP = 60017;
        /// The head of a fetched answer is there ([`FetchSM`](crate::FetchSM)).
        TS_FETCH_EVENT_EXT_HEAD_DONE = -2;
        /// A piece of its body.
        TS_FETCH_EVENT_EXT_BODY_READY = -3;
        /// The last piece of its body.
        TS_FETCH_EVENT_EXT_BODY_DONE = -4;
    }
    pub fn event_name, else iocore::event_name;
}

#[cfg(test)]
mod tests {
    use eventsys::EventCode;

    use super::event_name;
    use crate::hooks::HttpHook;

    #[test]
    fn a_code_has_a_name_whichever_layer_it_is_of() {
        let name = |code| event_name(EventCode(code));
        assert_eq!(name(2302), Some("HTTP_TUNNEL_EVENT_PRECOMPLETE"));
        assert_eq!(name(3301), Some("ONE_WAY_TUNNEL_EVENT_PEER_CLOSE"));
        assert_eq!(name(104), Some("VC_EVENT_EOS"));
        assert_eq!(name(60005), None, "no hook of ours");
    }

    #[test]
    fn each_hook_has_the_name_of_its_place() {
        for hook in HttpHook::ALL {
            let name = event_name(hook.event()).expect("a name").replace('_', "");
            let place = format!("TSEVENTHTTP{hook:?}").to_uppercase();
            assert_eq!(name, place);
        }
    }
}
