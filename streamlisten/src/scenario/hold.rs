//! The list of events, and panics that are events.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic;
use std::rc::Rc;
use std::sync::Once;

use serde_json::Value;

/// The events so far.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<Value>>>);

impl Log {
    /// Adds an event.
    pub fn push(&self, event: Value) {
        self.0.borrow_mut().push(event);
    }

    /// Takes all events out.
    #[must_use]
    pub fn take(&self) -> Vec<Value> {
        self.0.take()
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f`; a panic in it, on this thread, is not printed: it will be an event.
pub(super) fn quietly<R>(f: impl FnOnce() -> R) -> R {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                others(info);
            }
        }));
    });
    QUIET.set(true);
    let result = f();
    QUIET.set(false);
    result
}

/// The original's assertion, without what Rust puts around it.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    match text.strip_prefix("assertion `left == right` failed: ") {
        Some(rest) => rest.lines().next().unwrap_or_default().to_string(),
        None => text,
    }
}
