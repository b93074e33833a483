//! [`contain`]: the one place where a panic of user code is held back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Result;

/// Calls `f`, which drops a value of the user's, and returns the panic of that `drop`, if there was
/// one. The panic hook has reported it by then.
///
/// For code that must go on: it still has to call other `drop`s, or the thread unwinds already and
/// a second panic would end the process.
pub(crate) fn contain(f: impl FnOnce()) -> Result<()> {
    catch_unwind(AssertUnwindSafe(f))
}
