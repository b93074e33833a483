//! The panic hook: silent inside of an execution, where a panic is a result.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{set_hook, take_hook};
use std::sync::Once;

use crate::engine;
use crate::frames;
use crate::trace::Place;

thread_local! {
    /// Where the last panic came from, if rows are written down.
    static FRAMES: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

/// Replaces the hook of the process, once, by one that asks whether the panic is in an execution.
pub(crate) fn install() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |info| {
            if !engine::is_active() {
                others(info);
            } else if engine::is_replay() {
                FRAMES.with(|frames| *frames.borrow_mut() = frames::here());
            }
        }));
    });
}

/// Where the last panic of this thread came from.
pub(crate) fn take_frames() -> Vec<Place> {
    FRAMES.with(|frames| std::mem::take(&mut *frames.borrow_mut()))
}

/// The text of a caught panic.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}
