//! The text of a call's panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The text with which `f` panics.
///
/// ```
/// let text = testkit::panic_text(|| assert!(1 > 2, "one is less"));
/// assert_eq!(text, "one is less");
/// ```
///
/// # Panics
/// If `f` does not panic, or panics with something that is no text.
#[track_caller]
pub fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    text_of(|| drop(f())).expect("it did not panic")
}

/// The text with which `f` panics, or `no panic`: for a test of several calls, some of
/// which panic.
///
/// # Panics
/// If `f` panics with something that is no text.
#[track_caller]
pub fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    text_of(|| drop(f())).unwrap_or_else(|| "no panic".to_owned())
}

#[track_caller]
fn text_of(f: impl FnOnce()) -> Option<String> {
    Some(text(catch_unwind(AssertUnwindSafe(f)).err()?))
}

// Not generic: the compiler makes it once, not for each call in a test.
#[track_caller]
fn text(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}
