//! The macro that makes exported functions, and the list of them all.

use std::ffi::c_int;

use crate::abi::callbacks::{EventFunction, RecordFunction, ThreadFunction};
use crate::abi::structures::{FetchEventIds, HttpConnectOptions};
use crate::host::Handle;

/// A function that plugins can call.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The class of its result, then the classes of its arguments, a letter for each: `p` pointers
    /// and handles, `i` and `l` integers of 32 and 64 bits, `b` bool, `f` float, `v` nothing.
    /// Structures of other sizes are `i`. A variadic function ends with `.`.
    pub classes: &'static [char],
    /// Where it is: this keeps the linker from leaving it out.
    #[allow(dead_code)]
    pub(crate) address: *const (),
}

/// The functions that are written.
#[must_use]
pub fn functions() -> Vec<Function> {
    let mut all = super::functions::WRITTEN.to_vec();
    all.extend(super::variadic::WRITTEN());
    all.sort_by_key(|function| function.name);
    std::hint::black_box(all)
}

/// The names of the functions that plugins can link to, and that end the run when they are called.
#[must_use]
pub fn left_out() -> Vec<&'static str> {
    let left_out = std::hint::black_box(super::left_out::LEFT_OUT);
    left_out.iter().map(|(name, _)| *name).collect()
}

/// How C passes a type.
pub(crate) trait Class {
    /// See [`Function::classes`].
    const CLASS: char;
}

macro_rules! classes {
    ($($type:ty = $class:literal,)*) => { $(impl Class for $type { const CLASS: char = $class; })* };
}

classes! {
    () = 'v', bool = 'b', c_int = 'i', u32 = 'i', i64 = 'l', u64 = 'l', f32 = 'f',
    HttpConnectOptions = 'i', FetchEventIds = 'i',
    Handle = 'p', EventFunction = 'p', ThreadFunction = 'p', RecordFunction = 'p',
}

impl<T> Class for *const T {
    const CLASS: char = 'p';
}

impl<T> Class for *mut T {
    const CLASS: char = 'p';
}

/// Makes exported functions: each line is a signature of `ts/ts.h` and the call of the host that
/// carries it out.
///
/// `extern "C-unwind"`, because a call that must not go on unwinds through the plugin's frames up to
/// the event loop.
macro_rules! exports {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:expr;)*) => {
        $(
            $(#[$meta])*
            #[unsafe(no_mangle)]
            #[allow(non_snake_case, unused_unsafe)]
            pub(super) unsafe extern "C-unwind" fn $name($($arg: $type),*) $(-> $result)? {
                let _call = $crate::host::calls::entered!(stringify!($name));
                // SAFETY: pointers, lengths and places for results are as the plugin passes them,
                // and `ts/ts.h` obliges it to pass good ones for the length of the call.
                unsafe { $body }
            }
        )*

        /// All of them.
        pub(super) const WRITTEN: &[$crate::abi::Function] = &[$(
            $crate::abi::Function {
                name: stringify!($name),
                classes: &[
                    <exports!(@or_nothing $($result)?) as $crate::abi::export::Class>::CLASS,
                    $(<$type as $crate::abi::export::Class>::CLASS,)*
                ],
                address: $name as *const (),
            },
        )*];
    };
    (@or_nothing $type:ty) => { $type };
    (@or_nothing) => { () };
}

/// Exports functions that end the run when they are called.
macro_rules! left_out {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            #[allow(non_snake_case)]
            pub(super) extern "C-unwind" fn $name() -> ! {
                $crate::host::calls::left_out(stringify!($name))
            }
        )*

        /// All of them.
        pub(super) const LEFT_OUT: &[(&str, extern "C-unwind" fn() -> !)] =
            &[$((stringify!($name), $name),)*];
    };
}
