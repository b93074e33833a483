//! Atomics. They are the standard library's, with a scheduling point before each operation.

use std::fmt;
use std::sync::atomic as real;

pub use std::sync::atomic::Ordering;
use std::sync::atomic::Ordering::SeqCst;

use crate::engine::{name_object, new_object, point, values};
use crate::objects::ObjectId;
use crate::trace::Operation::{Load, Store, Update};

/// The name of the object. It changes only when a pool gives the object a new life.
struct Name(real::AtomicU32);

impl Name {
    fn new() -> Name {
        Name(real::AtomicU32::new(new_object().bits()))
    }

    #[inline]
    fn get(&self) -> ObjectId {
        ObjectId::from_bits(self.0.load(real::Ordering::Relaxed))
    }
}

macro_rules! atomic {
    ($(#[$meta:meta])* $name:ident $(<$t:ident>)?, $value:ty, $real:ty) => {
        $(#[$meta])*
        pub struct $name $(<$t>)? {
            value: $real,
            name: Name,
        }

        impl $(<$t>)? $name $(<$t>)? {
            /// An atomic with this value, made by the current task.
            #[must_use]
            pub fn new(value: $value) -> Self {
                Self { value: <$real>::new(value), name: Name::new() }
            }

            /// Gives it a name in this execution, for traces.
            pub fn set_name(&self, name: &str) {
                name_object(self.name.get(), name);
            }

            /// Reads the value.
            #[inline]
            pub fn load(&self, _: Ordering) -> $value {
                let watched = point(Load, self.name.get());
                let value = self.value.load(SeqCst);
                if watched {
                    show(value, value);
                }
                value
            }

            /// Writes the value.
            #[inline]
            pub fn store(&self, value: $value, _: Ordering) {
                let watched = point(Store, self.name.get());
                if watched {
                    show(self.value.load(SeqCst), value);
                }
                self.value.store(value, real::Ordering::Release);
            }

            /// Writes the value, and returns the one before.
            #[inline]
            pub fn swap(&self, value: $value, _: Ordering) -> $value {
                let watched = point(Update, self.name.get());
                let before = self.value.swap(value, SeqCst);
                if watched {
                    show(before, value);
                }
                before
            }

            /// Writes `new` if the value is `current`. The value before: `Ok` if it was
            /// `current`.
            ///
            /// # Errors
            /// If the value was another one.
            #[inline]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                _: Ordering,
                _: Ordering,
            ) -> Result<$value, $value> {
                let watched = point(Update, self.name.get());
                let result = self.value.compare_exchange(current, new, SeqCst, SeqCst);
                if watched {
                    match result {
                        Ok(before) => show(before, new),
                        Err(before) => show(before, before),
                    }
                }
                result
            }

            /// As [`compare_exchange`](Self::compare_exchange): it does not fail spuriously.
            ///
            /// # Errors
            /// If the value was another one.
            #[inline]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            /// Replaces the value by `f` of it in one step, unless `f` gives none. The value
            /// before: `Ok` if it was replaced.
            ///
            /// # Errors
            /// If `f` gives none.
            #[inline]
            pub fn fetch_update(
                &self,
                _: Ordering,
                _: Ordering,
                f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let watched = point(Update, self.name.get());
                let result = self.value.fetch_update(SeqCst, SeqCst, f);
                if watched {
                    let before = match result { Ok(before) | Err(before) => before };
                    show(before, self.value.load(SeqCst));
                }
                result
            }

            /// A new life: the value, and a name as if the current task had just made it. For
            /// pools that outlive an execution; it is no scheduling point.
            pub fn renew(&self, value: $value) {
                self.name.0.store(new_object().bits(), real::Ordering::Relaxed);
                self.value.store(value, real::Ordering::Release);
            }

            /// The value, which no other task can reach.
            pub fn get_mut(&mut self) -> &mut $value {
                self.value.get_mut()
            }

            /// The value.
            #[must_use]
            pub fn into_inner(self) -> $value {
                self.value.into_inner()
            }
        }

        /// Without a scheduling point.
        impl $(<$t>)? fmt::Debug for $name $(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.value.fmt(f)
            }
        }

        impl $(<$t>)? From<$value> for $name $(<$t>)? {
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }
    };
}

macro_rules! integer {
    ($name:ident, $value:ty, $real:ty) => {
        atomic!(
            /// An explored atomic integer.
            $name, $value, $real
        );
        impl Default for $name {
            fn default() -> Self {
                Self::new(0)
            }
        }

        impl $name {
            integer!(@ $value, fetch_add "Adds, wrapping around.");
            integer!(@ $value, fetch_sub "Subtracts, wrapping around.");
            integer!(@ $value, fetch_and "Keeps the bits that both have.");
            integer!(@ $value, fetch_or "Keeps the bits that one of them has.");
            integer!(@ $value, fetch_xor "Keeps the bits that exactly one of them has.");
            integer!(@ $value, fetch_max "Keeps the greater one.");
            integer!(@ $value, fetch_min "Keeps the lesser one.");
        }
    };
    (@ $value:ty, $name:ident $doc:literal) => {
        #[doc = $doc]
        /// The value before.
        #[inline]
        pub fn $name(&self, value: $value, _: Ordering) -> $value {
            let watched = point(Update, self.name.get());
            let before = self.value.$name(value, SeqCst);
            if watched {
                show(before, self.value.load(SeqCst));
            }
            before
        }
    };
}

atomic!(
    /// An explored atomic flag.
    AtomicBool, bool, real::AtomicBool
);
atomic!(
    /// An explored atomic pointer.
    AtomicPtr<T>, *mut T, real::AtomicPtr<T>
);
integer!(AtomicU8, u8, real::AtomicU8);
integer!(AtomicU16, u16, real::AtomicU16);
integer!(AtomicU32, u32, real::AtomicU32);
integer!(AtomicU64, u64, real::AtomicU64);
integer!(AtomicUsize, usize, real::AtomicUsize);
integer!(AtomicI8, i8, real::AtomicI8);
integer!(AtomicI16, i16, real::AtomicI16);
integer!(AtomicI32, i32, real::AtomicI32);
integer!(AtomicI64, i64, real::AtomicI64);
integer!(AtomicIsize, isize, real::AtomicIsize);

impl Default for AtomicBool {
    fn default() -> Self {
        Self::new(false)
    }
}

impl AtomicBool {
    /// Sets it if `value` is true. The value before.
    #[inline]
    pub fn fetch_or(&self, value: bool, _: Ordering) -> bool {
        let watched = point(Update, self.name.get());
        let before = self.value.fetch_or(value, SeqCst);
        if watched {
            show(before, before | value);
        }
        before
    }

    /// Clears it if `value` is false. The value before.
    #[inline]
    pub fn fetch_and(&self, value: bool, _: Ordering) -> bool {
        let watched = point(Update, self.name.get());
        let before = self.value.fetch_and(value, SeqCst);
        if watched {
            show(before, before & value);
        }
        before
    }
}

impl<T> Default for AtomicPtr<T> {
    fn default() -> Self {
        Self::new(std::ptr::null_mut())
    }
}

/// A memory fence: nothing, because memory is sequentially consistent here.
pub fn fence(_: Ordering) {}

#[cold]
fn show<T: fmt::Debug>(before: T, after: T) {
    values(Some(format!("{before:?}")), Some(format!("{after:?}")));
}
