//! The terminating events of the server's own cases, from `netvc_tests_def`.

use eventsys::EventCode;

/// The read and the write term of one end.
pub(super) type Terms = (EventCode, EventCode);

const NONE: EventCode = EventCode::EVENT_NONE;
const READ: EventCode = EventCode::VC_EVENT_READ_COMPLETE;
const WRITE: EventCode = EventCode::VC_EVENT_WRITE_COMPLETE;
const EOS: EventCode = EventCode::VC_EVENT_EOS;
const ERROR: EventCode = EventCode::VC_EVENT_ERROR;
const IDLE: EventCode = EventCode::VC_EVENT_INACTIVITY_TIMEOUT;

/// The terms of the active and the passive end of the case with this name.
pub(super) fn terms_of(case: &str) -> (Terms, Terms) {
    match case {
        "basic" | "basic2" | "large" | "larget" | "smallt" => ((READ, WRITE), (READ, WRITE)),
        "eos" => ((READ, WRITE), (EOS, WRITE)),
        "werr" => ((READ, ERROR), (READ, WRITE)),
        "itimeout" => ((READ, IDLE), (EOS, WRITE)),
        "overflow" => ((READ, NONE), (NONE, WRITE)),
        _ => ((NONE, NONE), (NONE, NONE)),
    }
}
