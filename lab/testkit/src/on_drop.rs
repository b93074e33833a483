//! [`OnDrop`]: a value whose `Drop` is user code.

use std::sync::{Mutex, PoisonError};

/// Calls a closure when it is dropped: a cookie of an event, or a part of a state
/// machine. See [`on_drop`].
pub struct OnDrop(Mutex<Option<Box<dyn FnOnce() + Send>>>);

/// A value that calls `f` when it is dropped.
///
/// ```
/// let (tell, told) = std::sync::mpsc::channel();
/// drop(testkit::on_drop(move || tell.send("dropped").unwrap()));
/// assert_eq!(told.recv(), Ok("dropped"));
/// ```
#[must_use]
pub fn on_drop(f: impl FnOnce() + Send + 'static) -> OnDrop {
    OnDrop(Mutex::new(Some(Box::new(f))))
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        let f = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(f) = f {
            f();
        }
    }
}
