//! The list of events, and the text of a panic that is an event.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use eventsys::panics;
use serde_json::Value;
use streamlisten::Environment;

/// A scenario with more events than this does not end: if a listener for `error` writes,
/// and that write fails, it goes on for ever.
const MOST_EVENTS: usize = 20_000;

/// The events so far.
#[derive(Clone, Default)]
pub struct Log {
    events: Rc<RefCell<Vec<Value>>>,
    /// Nothing more is told once an exception is on its way in it.
    env: Option<Rc<Environment>>,
}

impl Log {
    /// The same list, for what runs in `env`: an exception that nothing catches ends a
    /// node process at once, so nothing is told after it.
    pub(super) fn until_thrown(&self, env: &Rc<Environment>) -> Log {
        Log { events: Rc::clone(&self.events), env: Some(Rc::clone(env)) }
    }

    /// Adds an event.
    ///
    /// # Panics
    /// If there are too many: a scenario can be one that never ends.
    pub fn push(&self, event: Value) {
        assert!(self.events.borrow().len() < MOST_EVENTS, "the scenario does not end");
        if !self.env.as_ref().is_some_and(|env| env.is_throwing()) {
            self.events.borrow_mut().push(event);
        }
    }

    /// Adds the event that ends a scenario.
    pub(super) fn push_last(&self, event: Value) {
        self.events.borrow_mut().push(event);
    }

    /// Takes all events out.
    #[must_use]
    pub fn take(&self) -> Vec<Value> {
        self.events.take()
    }
}

/// The original's assertion, without what Rust puts around it.
pub(super) fn assertion_of(panic: &(dyn Any + Send)) -> String {
    let text = panics::text_of(panic);
    match text.strip_prefix("assertion `left == right` failed: ") {
        Some(rest) => rest.lines().next().unwrap_or_default().to_string(),
        None => text,
    }
}
