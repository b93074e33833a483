//! `TSAction` and scheduling.

use std::ffi::c_int;

use eventsys::hrtime::mseconds;
use eventsys::sync::Mutex;
use eventsys::{ContRef, ET_NET, EventRef, Request};

use super::continuation::PluginCont;
use super::{Handle, Kind, Object, findings, host, table, want};

/// An event that is due, or is being delivered.
pub(crate) struct Action(EventRef);

impl Object for Action {
    const KIND: Kind = Kind::Action;
}

/// The events that plugins know, so that each has one handle.
static KNOWN: Mutex<Vec<(EventRef, Handle)>> = Mutex::new(Vec::new());

/// `TS_THREAD_POOL_NET`.
const NET: c_int = 0;

/// `TSContScheduleOnPool` and its kin: after `ms` milliseconds, and then again and again if `every`.
pub(crate) fn schedule(cont: Handle, ms: i64, every: bool, pool: c_int) -> Handle {
    let cont = want::<PluginCont>(cont);
    // The original takes the mutex itself.
    let _guard = cont.mutex().lock();
    let host = host();
    let group = host.task_threads.filter(|_| pool != NET).unwrap_or(ET_NET);
    let processor = host.proxy.processor();
    let request = Request::new(cont.clone() as ContRef);
    let event = match (every, ms) {
        (true, _) => processor.schedule_every(request, mseconds(ms), group),
        (false, 0) => processor.schedule_imm(request, group),
        (false, _) => processor.schedule_in(request, mseconds(ms), group),
    };
    event.map_or(Handle::NULL, handle_of)
}

/// The handle of an event.
pub(crate) fn handle_of(event: EventRef) -> Handle {
    let mut known = KNOWN.lock();
    if let Some((_, handle)) = known.iter().find(|(other, _)| *other == event) {
        return *handle;
    }
    let handle = table().insert(Action(event));
    known.push((event, handle));
    handle
}

/// The event has been delivered and will not come again.
pub(crate) fn is_over(event: EventRef) {
    let mut known = KNOWN.lock();
    let Some(at) = known.iter().position(|(other, _)| *other == event) else { return };
    let (_, handle) = known.swap_remove(at);
    let _ = table().take::<Action>(handle, "its event has been delivered");
}

/// `TSActionCancel`.
pub(crate) fn cancel(action: Handle) {
    let event = match table().get::<Action>(action) {
        Ok(action) => action.0,
        // The real server cancels another event that uses the same memory by then.
        Err(refusal) => return findings::note(refusal.to_string()),
    };
    if event.try_cancel().is_err() {
        findings::note("the event has been delivered already");
    }
    is_over(event);
}

/// `TSActionDone`: whether the event has been delivered.
pub(crate) fn is_done(action: Handle) -> bool {
    table().get::<Action>(action).is_ok_and(|action| !action.0.is_live())
}
