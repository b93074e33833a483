//! [`Request`]: the continuation to call back, the event code and the cookie.

use std::any::Any;
use std::sync::Arc;

use super::Cookie;
use crate::code::EventCode;
use crate::continuation::{ContRef, Continuation};

/// What the `schedule_*` methods take: a continuation, and optionally an event code and a cookie.
/// An `Arc` of a continuation is enough: `thread.schedule_imm(sm.clone())`. Stands for the default
/// arguments `callback_event` and `cookie` of the original.
///
/// ```
/// use eventsys::{Clock, EventCode, EventProcessor, FreeContinuation, Outcome, Request};
///
/// let thread = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
/// let cont = FreeContinuation::new(|_, event, _| {
///     assert_eq!(event, EventCode(60_000));
///     Outcome::Done
/// });
/// thread.schedule_imm(Request::new(cont).code(EventCode(60_000)));
/// thread.run_pass();
/// ```
pub struct Request {
    pub(crate) cont: ContRef,
    pub(crate) code: Option<EventCode>,
    pub(crate) cookie: Cookie,
}

impl Request {
    /// Calls `cont` back, with the code that the method schedules by default.
    #[must_use]
    pub fn new(cont: ContRef) -> Request {
        Request { cont, code: None, cookie: None }
    }

    /// With this code.
    #[must_use]
    pub fn code(self, code: EventCode) -> Request {
        Request { code: Some(code), ..self }
    }

    /// With this cookie.
    #[must_use]
    pub fn cookie(self, cookie: Arc<dyn Any + Send + Sync>) -> Request {
        Request { cookie: Some(cookie), ..self }
    }
}

impl From<ContRef> for Request {
    fn from(cont: ContRef) -> Request {
        Request::new(cont)
    }
}

impl<C: Continuation> From<Arc<C>> for Request {
    fn from(cont: Arc<C>) -> Request {
        Request::new(cont)
    }
}
