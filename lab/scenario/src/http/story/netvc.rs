//! A plain sentence for what the user of a NetVC is told.

/// What a report says of the user of a NetVC, in one sentence without a full stop.
pub(super) fn explain_netvc(text: &str) -> String {
    let (event, moved) = text.split_once(", ").unwrap_or((text, ""));
    let (event, of) = event.split_once(" of the ").unwrap_or((event, ""));
    let told = match event {
        "ACCEPT" => {
            return "NET_EVENT_ACCEPT: the user gets the NetVC of a new connection".to_owned();
        }
        "OPEN" => {
            return "NET_EVENT_OPEN: the user gets a NetVC that has begun to connect; whether it \
                    succeeds shows in the first event of a write"
                .to_owned();
        }
        "OPEN_FAILED" => {
            return "NET_EVENT_OPEN_FAILED: the NetVC could not even begin to connect".to_owned();
        }
        "READ_READY" => "VC_EVENT_READ_READY: bytes have come from the socket",
        "READ_COMPLETE" => "VC_EVENT_READ_COMPLETE: the read has all its bytes",
        "WRITE_READY" => "VC_EVENT_WRITE_READY: the write wants more bytes in its buffer",
        "WRITE_COMPLETE" => "VC_EVENT_WRITE_COMPLETE: the socket has taken all bytes of the write",
        "EOS" => "VC_EVENT_EOS: the stream from the other side has ended",
        "ERROR" => "VC_EVENT_ERROR: the system has reported an error of the socket",
        "INACTIVITY_TIMEOUT" => {
            "VC_EVENT_INACTIVITY_TIMEOUT: no byte has moved for too long, and the cop, which looks \
             once a second, has seen it"
        }
        "ACTIVE_TIMEOUT" => {
            "VC_EVENT_ACTIVE_TIMEOUT: the connection has lived too long, and the cop, which looks \
             once a second, has found it quiet"
        }
        other => return other.to_owned(),
    };
    let of = if of.is_empty() { String::new() } else { format!(", told to the {of}") };
    let (done, nbytes) = moved.split_once(" of ").unwrap_or((moved, ""));
    let nbytes = if nbytes == "max" { "any number of" } else { nbytes };
    format!("{told}{of}; {done} of {nbytes} bytes are done")
}
