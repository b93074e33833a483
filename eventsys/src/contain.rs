//! [`contain`]: the one place where a panic of user code is held back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Result;

/// Calls `f`, which lets go of something of the user's, and returns the panic of its
/// `drop`, if there was one. The panic hook has reported it by then.
///
/// For places that must go on: other `drop`s wait to be called after this one, or the
/// thread unwinds already, and a second panic would end the process.
pub(crate) fn contain(f: impl FnOnce()) -> Result<()> {
    catch_unwind(AssertUnwindSafe(f))
}
