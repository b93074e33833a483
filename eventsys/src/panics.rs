//! Panics that are results: the code that catches one reports it, and the panic hook does not.
//!
//! Where the original aborts, the port panics. A program that compares the two
//! catches the panic and reports it as a result; the hook would print it a second
//! time. The hook is the whole process's, so the first call replaces it for ever, by a hook that
//! asks the *thread* whether its panics are results. Swapping the hook around each call would be
//! wrong: two threads that do so at once leave the silent hook behind.

use std::any::Any;
use std::cell::Cell;
use std::panic::{set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// How many calls of [`quietly`] this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Calls `f`; the panic hook says nothing about a panic in it on this thread. A
/// thread that `f` starts prints its panics unless its closure goes through
/// [`inherit`].
///
/// ```
/// let caught = eventsys::panics::quietly(|| std::panic::catch_unwind(|| panic!("told later")));
/// assert_eq!(eventsys::panics::text_of(&*caught.unwrap_err()), "told later");
/// ```
pub fn quietly<R>(f: impl FnOnce() -> R) -> R {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |info| {
            if !is_quiet() {
                others(info);
            }
        }));
    });
    let _inside = Inside::enter();
    f()
}

/// Wraps `f` for another thread, where it is as quiet as the calling thread is now.
pub fn inherit<R>(f: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let is_quiet = is_quiet();
    move || if is_quiet { quietly(f) } else { f() }
}

/// The text of a caught panic.
#[must_use]
pub fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}

/// False if the thread-locals are gone: then nothing catches the panic.
fn is_quiet() -> bool {
    DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false)
}

/// Counts a call of [`quietly`], also while a panic leaves it.
struct Inside(());

impl Inside {
    fn enter() -> Inside {
        // An error means that the thread is ending; it then prints its panics.
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
        Inside(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn two_threads_that_are_quiet_at_once_leave_no_silent_hook_behind() {
        let both_inside = Barrier::new(2);
        let one_is_out = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                quietly(|| both_inside.wait());
                assert!(!is_quiet());
                one_is_out.wait();
            });
            scope.spawn(|| {
                quietly(|| {
                    both_inside.wait();
                    one_is_out.wait();
                    assert!(is_quiet(), "the other thread's end does not concern this one");
                });
                assert!(!is_quiet());
            });
        });
    }

    #[test]
    fn a_quiet_call_inside_another_or_left_by_a_panic_ends_only_itself() {
        quietly(|| {
            let caught = catch_unwind(|| quietly(|| panic!("inside")));
            assert_eq!(text_of(&*caught.unwrap_err()), "inside");
            assert!(is_quiet());
        });
        assert!(!is_quiet());
        let caught = catch_unwind(AssertUnwindSafe(|| quietly(|| panic!("{}", 7))));
        assert_eq!(text_of(&*caught.unwrap_err()), "7");
        assert!(!is_quiet());
    }

    #[test]
    fn a_thread_is_as_quiet_as_its_parent_if_it_inherits() {
        let told = |f: Box<dyn FnOnce() -> bool + Send>| thread::spawn(f).join().unwrap();
        quietly(|| {
            assert!(told(Box::new(inherit(is_quiet))));
            assert!(!told(Box::new(is_quiet)));
        });
        assert!(!told(Box::new(inherit(is_quiet))));
    }

    #[test]
    fn a_payload_that_is_no_text_has_one_all_the_same() {
        let caught = quietly(|| catch_unwind(|| std::panic::panic_any(7)));
        assert_eq!(text_of(&*caught.unwrap_err()), "a panic without a text");
    }
}
