//! [`contain`]: the one place where a panic of a user's code is held back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Result;

/// Calls `f`, which lets go of something that is a user's, and returns the panic of
/// its `drop`, if there was one. The panic hook has reported it by then.
///
/// For places that must go on: behind one `drop` others wait to be called, or the
/// thread unwinds already, and a second panic would end the process.
pub(crate) fn contain(f: impl FnOnce()) -> Result<()> {
    catch_unwind(AssertUnwindSafe(f))
}
