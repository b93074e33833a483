//! `TSAction` and scheduling.
//!
//! Mirrors `TSContSchedule` and its kin, `TSActionCancel` and `TSActionDone` of `InkAPI.cc` (9.2.9).

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::{Arc, Weak};

use eventsys::hrtime::mseconds;
use eventsys::sync::Mutex;
use eventsys::{ContRef, Continuation, ET_NET, EThread, EventRef, Request};

use super::continuation::PluginCont;
use super::{Handle, Kind, findings, host, table, threads, want};

/// An event that is due, or is being delivered.
pub(crate) struct Action {
    event: EventRef,
    cont: Weak<dyn Continuation>,
}

/// The events that plugins know, so that each has one handle.
static KNOWN: Mutex<Known> = Mutex::new(Known { handles: BTreeMap::new(), look_at: 32 });

struct Known {
    handles: BTreeMap<u64, (EventRef, Handle)>,
    /// With so many it is time to look for those that have been freed: so a look costs each new event
    /// a bounded time.
    look_at: usize,
}

/// Where an event is delivered.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// The thread that the continuation keeps to, else this one.
    Thread,
    /// A thread of a group, by its number in `TSThreadPool`.
    Pool(c_int),
}

/// `TS_THREAD_POOL_NET`.
const NET: c_int = 0;

/// `TSContSchedule` and its kin: after `ms` milliseconds, and then again and again if `every`.
pub(crate) fn schedule(cont: Handle, ms: i64, every: bool, place: Place) -> Handle {
    let cont = want::<PluginCont>(cont);
    if !threads::is_known() {
        // `sdk_sanity_check_null_ptr((void *)this_ethread())`
        findings::end("this thread is not the server's, and not one of TSThreadCreate".to_owned());
    }
    if every && ms == 0 {
        findings::end("the period is 0".to_owned());
    }
    // The original takes the mutex itself.
    let _guard = cont.mutex().lock();
    cont.counts().increment();
    let event = match place {
        Place::Thread => {
            let Some(thread) = thread_of(&cont) else {
                if threads::is_main() {
                    return schedule_on(&cont, ms, every, NET);
                }
                // The original puts it into the queue of a thread that has no event loop.
                findings::note("this thread has no event loop: the event never comes");
                return Handle::NULL;
            };
            let request = Request::new(cont.clone() as ContRef);
            match (every, ms) {
                (true, _) => thread.schedule_every(request, mseconds(ms)),
                (false, 0) => thread.schedule_imm(request),
                (false, _) => thread.schedule_in(request, mseconds(ms)),
            }
        }
        Place::Pool(pool) => return schedule_on(&cont, ms, every, pool),
    };
    handle_of(event, &(cont.clone() as ContRef))
}

/// On a thread of a group, by its number in `TSThreadPool`.
fn schedule_on(cont: &Arc<PluginCont>, ms: i64, every: bool, pool: c_int) -> Handle {
    let host = host();
    let group = host.task_threads.filter(|_| pool != NET).unwrap_or(ET_NET);
    let processor = host.proxy.processor();
    let cont = Arc::clone(cont) as ContRef;
    let request = Request::new(Arc::clone(&cont));
    let event = match (every, ms) {
        (true, _) => processor.schedule_every(request, mseconds(ms), group),
        (false, 0) => processor.schedule_imm(request, group),
        (false, _) => processor.schedule_in(request, mseconds(ms), group),
    };
    event.map_or(Handle::NULL, |event| handle_of(event, &cont))
}

/// The thread that a continuation keeps to; the calling one from now on, if it has none.
fn thread_of(cont: &PluginCont) -> Option<Arc<EThread>> {
    let processor = host().proxy.processor();
    let base = cont.base();
    let here = EThread::current().filter(|thread| thread.is_of(processor));
    let groups = [Some(ET_NET), host().task_threads];
    match base.thread_affinity() {
        None => {
            let here = here?;
            base.set_thread_affinity(here.index());
            Some(here)
        }
        Some(index) => groups
            .into_iter()
            .flatten()
            .flat_map(|group| processor.active_group_threads(group))
            .find(|thread| thread.index() == index)
            .or(here),
    }
}

/// The handle of an event.
pub(crate) fn handle_of(event: EventRef, cont: &ContRef) -> Handle {
    let mut known = KNOWN.lock();
    if let Some((_, handle)) = known.handles.get(&event.key()) {
        return *handle;
    }
    if known.handles.len() >= known.look_at {
        // An event that was cancelled is freed when its thread comes to it.
        known.handles.retain(|_, (event, handle)| {
            let is_there = event.is_live() || event.is_cancelled();
            if !is_there {
                let _ = table().take::<Action>(*handle, "its event has been cancelled");
            }
            is_there
        });
        known.look_at = 2 * known.handles.len() + 32;
    }
    let handle = table().insert(Action { event, cont: Arc::downgrade(cont) });
    known.handles.insert(event.key(), (event, handle));
    handle
}

/// The event has been delivered and will not come again.
pub(crate) fn is_over(event: EventRef) {
    let Some((_, handle)) = KNOWN.lock().handles.remove(&event.key()) else { return };
    let _ = table().take::<Action>(handle, "its event has been delivered");
}

/// `TSActionCancel`.
pub(crate) fn cancel(action: Handle) {
    if action.is_null() || action == Handle::MARKED_NULL {
        return;
    }
    if action == Handle::DONE {
        // 9.2.9 takes off the mark and dereferences the rest (#7127).
        findings::end("the action was done at once: there is nothing to cancel".to_owned());
    }
    // What a handler gets as the event has no mark: its cancelling is not counted.
    let counted = action.kind() != Some(Kind::Event);
    let action = if counted { action } else { action.as_kind(Kind::Action) };
    // Else the real server uses the freed event, and crashes as a rule (#9329).
    let found = want::<Action>(action);
    if counted && let Some(cont) = found.cont.upgrade() {
        let any: &dyn Any = &*cont;
        if let Some(cont) = any.downcast_ref::<PluginCont>() {
            cont.counts().decrement();
        }
    }
    match found.event.try_cancel() {
        Ok(true) => {}
        Ok(false) => findings::note("the event has been cancelled already"),
        Err(_) => {
            is_over(found.event);
            findings::end("the event has been freed: it was cancelled before".to_owned());
        }
    }
}

/// `TSActionDone`: true for `ACTION_RESULT_DONE` alone. No function of the port is done at once.
pub(crate) fn is_done(action: Handle) -> bool {
    action == Handle::DONE
}
