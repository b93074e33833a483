//! How sizes of memory are named: the index scheme of 9.1.3.
//!
//! An index from 0 to 14 stands for 128 bytes doubled that many times. A negative index is a
//! user-defined size, negated. From 15 on an index stands for constant memory, `index - 15` bytes
//! that a buffer refers to but never allocates; 15 itself doubles as "not allocated".
//!
//! All of it is modelled, and every index has the number it has in 9.1.3, so indexes in
//! configuration files keep their meaning.

use super::num::{to_i64, to_usize};

/// The size of a piece of memory, as an index into the scheme of 9.1.3.
///
/// Mirrors the `size_index` numbers and the `BUFFER_SIZE_INDEX_*` macros of `I_IOBuffer.h`
/// (9.1.3).
///
/// ```
/// use iocore::buffer::{BUFFER_SIZE_INDEX_32K, SizeIndex};
///
/// assert_eq!(BUFFER_SIZE_INDEX_32K.buffer_size(), 32_768);
/// assert_eq!(SizeIndex::own_size(1_500).buffer_size(), 1_500, "memory of the system's");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SizeIndex(i64);

/// How many classes of fast allocated memory there are.
///
/// Mirrors `DEFAULT_BUFFER_SIZES` of `I_IOBuffer.h` (9.1.3).
pub const DEFAULT_BUFFER_SIZES: usize = 15;

/// The size of the smallest class in bytes.
///
/// Mirrors `DEFAULT_BUFFER_BASE_SIZE` of `I_IOBuffer.h` (9.1.3).
pub const DEFAULT_BUFFER_BASE_SIZE: i64 = 128;

/// Where the indexes of constant memory begin.
const FIRST_CONSTANT: i64 = DEFAULT_BUFFER_SIZES as i64;

impl SizeIndex {
    /// No memory at all: zero bytes, and no block can be made of it.
    ///
    /// Mirrors `BUFFER_SIZE_NOT_ALLOCATED` of `I_IOBuffer.h` (9.1.3).
    pub const NOT_ALLOCATED: Self = Self(FIRST_CONSTANT);

    /// The index with the given number.
    ///
    /// # Panics
    ///
    /// If the number is `i64::MIN`, whose size in bytes no `i64` can express.
    pub const fn from_raw(raw: i64) -> Self {
        assert!(raw != i64::MIN, "i64::MIN is not the index of any size");
        Self(raw)
    }

    /// A user-defined size, in bytes.
    ///
    /// As in 9.1.3, zero is no such size: its index is that of the 128-byte class.
    ///
    /// Mirrors `BUFFER_SIZE_INDEX_FOR_XMALLOC_SIZE` of `I_IOBuffer.h` (9.1.3).
    ///
    /// # Panics
    ///
    /// If `bytes` is negative.
    pub const fn own_size(bytes: i64) -> Self {
        assert!(bytes >= 0, "a size is not negative");
        Self(-bytes)
    }

    /// The number of this index in 9.1.3.
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// Whether this is one of the fifteen classes that are kept for reuse.
    ///
    /// Mirrors `BUFFER_SIZE_INDEX_IS_FAST_ALLOCATED` of `I_IOBuffer.h` (9.1.3).
    pub const fn is_fast_allocated(self) -> bool {
        0 <= self.0 && self.0 < FIRST_CONSTANT
    }

    /// Whether this is a user-defined size.
    ///
    /// Mirrors `BUFFER_SIZE_INDEX_IS_XMALLOCED` of `I_IOBuffer.h` (9.1.3).
    pub const fn is_xmalloced(self) -> bool {
        self.0 < 0
    }

    /// Whether a block can be made with this index.
    ///
    /// Mirrors `BUFFER_SIZE_ALLOCATED` of `I_IOBuffer.h` (9.1.3).
    pub const fn is_allocatable(self) -> bool {
        self.0 < FIRST_CONSTANT
    }

    /// The size in bytes.
    ///
    /// Mirrors `index_to_buffer_size` of `P_IOBuffer.h` (9.1.3).
    pub const fn buffer_size(self) -> i64 {
        match self.0 {
            own if own < 0 => -own,
            class if class < FIRST_CONSTANT => DEFAULT_BUFFER_BASE_SIZE << class,
            constant => constant - FIRST_CONSTANT,
        }
    }

    /// The number of the class, if this is one of the classes kept for reuse.
    #[inline]
    pub(super) fn class(self) -> Option<usize> {
        usize::try_from(self.0).ok().filter(|&class| class < DEFAULT_BUFFER_SIZES)
    }

    /// The size in bytes, as memory counts it.
    #[inline]
    pub(super) fn bytes(self) -> usize {
        to_usize(self.buffer_size(), "a size")
    }

    /// The index of memory that came from outside and is `bytes` long.
    #[inline]
    pub(super) fn of_own_bytes(bytes: usize) -> Self {
        Self::own_size(to_i64(bytes))
    }
}

macro_rules! classes {
    ($($name:ident = $index:literal, $size:literal;)*) => {$(
        #[doc = concat!("The class of ", $size, ".")]
        ///
        /// Mirrors the macro of the same name of `I_IOBuffer.h` (9.1.3).
        pub const $name: SizeIndex = SizeIndex($index);
    )*};
}

classes! {
    BUFFER_SIZE_INDEX_128 = 0, "128 bytes";
    BUFFER_SIZE_INDEX_256 = 1, "256 bytes";
    BUFFER_SIZE_INDEX_512 = 2, "512 bytes";
    BUFFER_SIZE_INDEX_1K = 3, "1 KiB";
    BUFFER_SIZE_INDEX_2K = 4, "2 KiB";
    BUFFER_SIZE_INDEX_4K = 5, "4 KiB";
    BUFFER_SIZE_INDEX_8K = 6, "8 KiB";
    BUFFER_SIZE_INDEX_16K = 7, "16 KiB";
    BUFFER_SIZE_INDEX_32K = 8, "32 KiB";
    BUFFER_SIZE_INDEX_64K = 9, "64 KiB";
    BUFFER_SIZE_INDEX_128K = 10, "128 KiB";
    BUFFER_SIZE_INDEX_256K = 11, "256 KiB";
    BUFFER_SIZE_INDEX_512K = 12, "512 KiB";
    BUFFER_SIZE_INDEX_1M = 13, "1 MiB";
    BUFFER_SIZE_INDEX_2M = 14, "2 MiB";
    MAX_BUFFER_SIZE_INDEX = 14, "2 MiB, the largest there is";
}

/// The smallest class, up to `max`, that holds `size` bytes; `max` if none does.
///
/// Mirrors `buffer_size_to_index` of `P_IOBuffer.h` (9.1.3).
///
/// # Panics
///
/// If `max` is not a class.
pub const fn buffer_size_to_index(size: i64, max: SizeIndex) -> SizeIndex {
    assert!(max.is_fast_allocated(), "the largest index to choose from must be a class");
    let mut index = max.0;
    while index > 0 && SizeIndex(index - 1).buffer_size() >= size {
        index -= 1;
    }
    SizeIndex(index)
}

/// The smallest class, up to `max`, that holds `size` bytes; a user-defined size if none does.
///
/// Mirrors `iobuffer_size_to_index` of `P_IOBuffer.h` (9.1.3).
///
/// # Panics
///
/// If `max` is not a class.
pub const fn iobuffer_size_to_index(size: i64, max: SizeIndex) -> SizeIndex {
    let class = buffer_size_to_index(size, max);
    if size > max.buffer_size() { SizeIndex::own_size(size) } else { class }
}

/// The size in bytes that an index stands for.
///
/// Mirrors `index_to_buffer_size` of `P_IOBuffer.h` (9.1.3).
pub const fn index_to_buffer_size(index: SizeIndex) -> i64 {
    index.buffer_size()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_is_twice_the_one_before() {
        for class in 0..15 {
            let index = SizeIndex::from_raw(class);
            assert!(index.is_fast_allocated() && index.is_allocatable() && !index.is_xmalloced());
            assert_eq!(index.buffer_size(), 128 << class);
            assert_eq!(index.class(), usize::try_from(class).ok());
        }
        assert_eq!(BUFFER_SIZE_INDEX_32K.buffer_size(), 32 * 1024);
        assert_eq!(MAX_BUFFER_SIZE_INDEX.buffer_size(), 2 * 1024 * 1024);
    }

    #[test]
    fn sizes_of_ones_own_are_negative_and_constants_start_at_fifteen() {
        let own = SizeIndex::own_size(1000);
        assert_eq!((own.raw(), own.buffer_size(), own.class()), (-1000, 1000, None));
        assert!(own.is_xmalloced() && own.is_allocatable() && !own.is_fast_allocated());
        assert_eq!(SizeIndex::NOT_ALLOCATED.raw(), 15);
        assert_eq!(SizeIndex::NOT_ALLOCATED.buffer_size(), 0);
        assert!(!SizeIndex::NOT_ALLOCATED.is_allocatable());
        assert!(!SizeIndex::NOT_ALLOCATED.is_fast_allocated());
        assert!(!SizeIndex::NOT_ALLOCATED.is_xmalloced() && !BUFFER_SIZE_INDEX_128.is_xmalloced());
        assert_eq!(SizeIndex::from_raw(115).buffer_size(), 100);
        assert_eq!(SizeIndex::own_size(0), BUFFER_SIZE_INDEX_128);
    }

    #[test]
    fn the_smallest_class_that_holds_the_size_is_chosen() {
        let max = BUFFER_SIZE_INDEX_32K;
        for (size, index) in [(-1, 0), (0, 0), (128, 0), (129, 1), (256, 1), (32768, 8)] {
            assert_eq!(buffer_size_to_index(size, max).raw(), index, "{size}");
            assert_eq!(iobuffer_size_to_index(size, max).raw(), index, "{size}");
        }
        assert_eq!(buffer_size_to_index(32769, max), max);
        assert_eq!(iobuffer_size_to_index(32769, max), SizeIndex::own_size(32769));
        assert_eq!(index_to_buffer_size(max), 32768);
    }
}
