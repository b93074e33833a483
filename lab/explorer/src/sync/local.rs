//! Values of a thread, and values of an execution.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::engine;

thread_local! {
    /// The values outside of an execution.
    static OUTSIDE: RefCell<Vec<(usize, Rc<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

/// A value of each thread; see [`thread_local!`](crate::thread_local).
pub struct LocalKey<T: 'static> {
    #[doc(hidden)]
    pub make: fn() -> T,
}

/// The value is destroyed: its thread is ending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessError;

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl std::error::Error for AccessError {}

impl<T: 'static> LocalKey<T> {
    /// Calls `f` with the value of the calling thread, which is made on first use.
    ///
    /// # Panics
    /// If the value is destroyed already.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.try_with(f).expect("the value of a thread that is ending is destroyed already")
    }

    /// The same, with an error instead of the panic.
    ///
    /// # Errors
    /// If the value is destroyed already.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let value = value_of(std::ptr::from_ref(self).addr(), false, self.make);
        value.map(|value| f(&value)).ok_or(AccessError)
    }
}

/// A value of the execution, made on first use and dropped after the last thread has ended.
/// Outside of an execution there is one a thread of the system.
pub struct Global<T: 'static> {
    #[doc(hidden)]
    pub make: fn() -> T,
}

impl<T: 'static> Global<T> {
    /// Calls `f` with the value.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        let value = value_of(std::ptr::from_ref(self).addr(), true, self.make);
        f(&value.expect("it is destroyed after the last thread has ended"))
    }
}

fn value_of<T: 'static>(key: usize, whole: bool, make: fn() -> T) -> Option<Rc<T>> {
    let make = || Rc::new(make()) as Rc<dyn Any>;
    let value = if engine::is_active() {
        engine::local(key, whole, make)
    } else {
        Some(outside(key, make))
    };
    value.map(|value| value.downcast().expect("the key is of this type"))
}

fn outside(key: usize, make: impl FnOnce() -> Rc<dyn Any>) -> Rc<dyn Any> {
    let find = |values: &Vec<(usize, Rc<dyn Any>)>| {
        values.iter().find(|(known, _)| *known == key).map(|(_, value)| Rc::clone(value))
    };
    if let Some(known) = OUTSIDE.with(|outside| find(&outside.borrow())) {
        return known;
    }
    let value = make();
    OUTSIDE.with(|outside| outside.borrow_mut().push((key, Rc::clone(&value))));
    value
}

/// As the standard library's `thread_local!`: a value of each thread of an execution.
#[macro_export]
macro_rules! thread_local {
    () => {};
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = const { $make:expr } $(; $($rest:tt)*)?) => {
        $crate::thread_local!(@ $(#[$meta])* $vis $name $type, $make);
        $($crate::thread_local!($($rest)*);)?
    };
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $make:expr $(; $($rest:tt)*)?) => {
        $crate::thread_local!(@ $(#[$meta])* $vis $name $type, $make);
        $($crate::thread_local!($($rest)*);)?
    };
    (@ $(#[$meta:meta])* $vis:vis $name:ident $type:ty, $make:expr) => {
        $(#[$meta])*
        $vis static $name: $crate::sync::LocalKey<$type> = $crate::sync::LocalKey {
            make: {
                fn make() -> $type {
                    $make
                }
                make
            },
        };
    };
}

/// As the standard library's `LazyLock` in a static: a value of each execution.
#[macro_export]
macro_rules! global {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $make:expr;) => {
        $(#[$meta])*
        $vis static $name: $crate::sync::Global<$type> = $crate::sync::Global {
            make: {
                fn make() -> $type {
                    $make
                }
                make
            },
        };
    };
}
