//! The list of events, and the text of a panic that is an event.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use eventsys::panics;
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

/// The original's assertion, without what Rust puts around it.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panics::text_of(panic);
    match text.strip_prefix("assertion `left == right` failed: ") {
        Some(rest) => rest.lines().next().unwrap_or_default().to_string(),
        None => text,
    }
}
