//! The text of a call's panic.

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
    text_of(f).expect("it did not panic")
}

/// The text with which `f` panics, or `no panic`: for a test of several calls, some of
/// which panic.
///
/// # Panics
/// If `f` panics with something that is no text.
#[track_caller]
pub fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    text_of(f).unwrap_or_else(|| "no panic".to_owned())
}

#[track_caller]
fn text_of<R>(f: impl FnOnce() -> R) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    Some(match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    })
}
