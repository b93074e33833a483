//! What C passes: strings with a length, places for results, memory that the plugin frees.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::slice;

use super::words;
use crate::host::head::Lent;

/// The text at `text`, as long as `length` says; a negative length means up to the NUL. A null
/// pointer is an empty text, as the functions of the original that do not assert take it.
///
/// # Safety
/// There must be as many bytes, or a NUL, and they must stay for the length of the call.
pub(super) unsafe fn bytes<'a>(text: *const c_char, length: impl Into<i64>) -> &'a [u8] {
    let length = length.into();
    if text.is_null() {
        return &[];
    }
    match usize::try_from(length) {
        // SAFETY: so many bytes are there, says the caller.
        Ok(length) => unsafe { slice::from_raw_parts(text.cast(), length) },
        // SAFETY: a NUL is there, says the caller.
        Err(_) => unsafe { CStr::from_ptr(text) }.to_bytes(),
    }
}

/// The bytes of a memory block. A null pointer or a negative length is an empty block.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn block<'a>(at: *const c_char, length: i64) -> &'a [u8] {
    // SAFETY: as the caller says.
    unsafe { bytes(at, length.max(0)) }
}

/// A text up to its NUL, readable.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn text(text: *const c_char) -> String {
    // SAFETY: as the caller says.
    String::from_utf8_lossy(unsafe { bytes(text, -1) }).into_owned()
}

/// A place of `length` bytes that the host fills.
///
/// # Safety
/// There must be as many bytes, and nothing else may look at them during the call.
pub(super) unsafe fn room<'a>(at: *mut c_char, length: i64) -> &'a mut [u8] {
    match usize::try_from(length) {
        // SAFETY: as the caller says.
        Ok(length) if !at.is_null() => unsafe { slice::from_raw_parts_mut(at.cast(), length) },
        _ => &mut [],
    }
}

/// Writes a result; a null pointer means that the plugin does not want it.
///
/// # Safety
/// `place` must be null, or a place for a `T`.
pub(super) unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: it is a place for a `T`, says the caller.
        unsafe { place.write(value) }
    }
}

/// Writes a result if there is one; returns `TS_SUCCESS` or `TS_ERROR`.
///
/// # Safety
/// As [`put`].
pub(super) unsafe fn put_or_error<T>(place: *mut T, value: Option<T>) -> c_int {
    match value {
        Some(value) => {
            // SAFETY: as the caller says.
            unsafe { put(place, value) };
            0
        }
        None => -1,
    }
}

/// Writes two results if they are there; returns `TS_SUCCESS` or `TS_ERROR`.
///
/// # Safety
/// As [`put`], for both.
pub(super) unsafe fn put_both<A, B>(a: *mut A, b: *mut B, values: Option<(A, B)>) -> c_int {
    match values {
        Some((first, second)) => {
            // SAFETY: as the caller says.
            unsafe { (put(a, first), put(b, second)) };
            0
        }
        None => -1,
    }
}

/// Fills a list of `room` places with names that are there for ever, as many as fit, and writes how
/// many; returns `TS_SUCCESS`.
///
/// # Safety
/// There must be as many places; for `actual` as [`put`].
pub(super) unsafe fn put_names(
    names: &[&'static CStr],
    room: c_int,
    into: *mut *const c_char,
    actual: *mut c_int,
) -> c_int {
    let n = names.len().min(usize::try_from(room).unwrap_or(0));
    for (at, name) in names[..n].iter().enumerate() {
        // SAFETY: there are `room` places, says the caller, and `at` is less.
        unsafe { into.add(at).write(name.as_ptr()) };
    }
    // SAFETY: as the caller says.
    unsafe { put(actual, c_int::try_from(n).unwrap_or(c_int::MAX)) };
    0
}

/// Gives the plugin a text that the host keeps: its pointer, and its length at `length`. Words that
/// the interface exports come back as their own pointer, because plugins compare pointers.
///
/// # Safety
/// As [`put`].
pub(super) unsafe fn lend(text: Option<Lent>, length: *mut c_int) -> *const c_char {
    let (at, n) = match &text {
        None => (std::ptr::null(), 0),
        Some(Lent::Word(word)) => (words::pointer(word), word.count_bytes()),
        Some(Lent::Text(text)) => (text.as_ptr().cast(), text.len()),
    };
    // SAFETY: as the caller says.
    unsafe { put(length, c_int::try_from(n).unwrap_or(c_int::MAX)) };
    at
}

/// The address at a `sockaddr`; none if it is null, or neither IPv4 nor IPv6.
///
/// # Safety
/// `at` must be null, or a `sockaddr` of the length that its family has.
pub(super) unsafe fn socket_addr(at: *const c_void) -> Option<SocketAddr> {
    if at.is_null() {
        return None;
    }
    // SAFETY: it is a `sockaddr`, says the caller; its family says of which kind.
    unsafe {
        match c_int::from(at.cast::<libc::sa_family_t>().read_unaligned()) {
            libc::AF_INET => {
                let v4 = at.cast::<libc::sockaddr_in>().read_unaligned();
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddr::from((ip, u16::from_be(v4.sin_port))))
            }
            libc::AF_INET6 => {
                let v6 = at.cast::<libc::sockaddr_in6>().read_unaligned();
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddr::from((ip, u16::from_be(v6.sin6_port))))
            }
            _ => None,
        }
    }
}

/// Memory that the plugin frees with `TSfree`: the text and a NUL.
pub(super) fn malloced(text: &[u8]) -> *mut c_char {
    // SAFETY: the new block has room for the text and the NUL, and nothing else knows it.
    unsafe {
        let block = libc::malloc(text.len() + 1).cast::<u8>();
        if !block.is_null() {
            block.copy_from_nonoverlapping(text.as_ptr(), text.len());
            block.add(text.len()).write(0);
        }
        block.cast()
    }
}

/// What lies between two pointers into one text.
///
/// # Safety
/// `start` must be a place with a pointer to a text, and `end` a pointer into the same text or just
/// behind it.
pub(super) unsafe fn between<'a>(start: *mut *const c_char, end: *const c_char) -> &'a [u8] {
    // SAFETY: both point into one text, says the caller.
    unsafe {
        let length = end.offset_from(*start);
        block(*start, i64::try_from(length).unwrap_or(0))
    }
}

/// Moves the pointer at `start` on.
///
/// # Safety
/// As [`between`]; there must be as many bytes.
pub(super) unsafe fn advance(start: *mut *const c_char, bytes: usize) {
    // SAFETY: as the caller says.
    unsafe { *start = (*start).add(bytes) }
}

/// As [`malloced`], with the length at its place.
///
/// # Safety
/// As [`put`].
pub(super) unsafe fn malloced_with_length(text: &[u8], length: *mut c_int) -> *mut c_char {
    // SAFETY: as the caller says.
    unsafe { put(length, c_int::try_from(text.len()).unwrap_or(c_int::MAX)) };
    malloced(text)
}

/// `TS_SUCCESS` or `TS_ERROR`.
pub(super) fn success(is: bool) -> c_int {
    if is { 0 } else { -1 }
}

/// A text that the plugin has allocated with `TSmalloc` and gives away; none for a null pointer. A
/// negative length means up to the NUL.
///
/// # Safety
/// As [`bytes`]; the plugin must not use it any more.
pub(super) unsafe fn taken(text: *mut c_char, length: i64) -> Option<Vec<u8>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as the caller says; the memory is malloc's.
    unsafe {
        let copy = bytes(text, length).to_vec();
        libc::free(text.cast());
        Some(copy)
    }
}

/// Fills a place with a text and a NUL, and writes its length; `TS_ERROR` for no text, which leaves
/// both as they are.
///
/// # Safety
/// There must be room for the text and a NUL: the maker of the text has looked at the room. For
/// `written` as [`put`].
pub(super) unsafe fn fill(into: *mut c_char, written: *mut u64, text: Option<Vec<u8>>) -> c_int {
    let Some(mut text) = text else { return -1 };
    // SAFETY: as the caller says.
    unsafe {
        put(written, text.len() as u64);
        text.push(0);
        into.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
    }
    0
}

/// As [`fill`]; without a text the length is 0.
///
/// # Safety
/// As [`fill`].
pub(super) unsafe fn fill_or_nothing(
    into: *mut c_char,
    written: *mut u64,
    text: Option<Vec<u8>>,
) -> c_int {
    if text.is_none() {
        // SAFETY: as the caller says.
        unsafe { put(written, 0) };
    }
    // SAFETY: as the caller says.
    unsafe { fill(into, written, text) }
}

/// Copies a text behind the first `at` bytes of a place of `room` bytes, as much as fits before a
/// NUL. Returns how long it would be, as `strlcpy` and `strlcat` do.
///
/// # Safety
/// The place must have `room` bytes.
pub(super) unsafe fn copy_text(into: *mut c_char, room: u64, at: usize, text: &[u8]) -> u64 {
    let whole = (at + text.len()) as u64;
    let Ok(left) = usize::try_from(room.saturating_sub(at as u64)) else { return whole };
    if left > 0 {
        let n = text.len().min(left - 1);
        // SAFETY: `at + n` is less than the room, says the caller.
        unsafe {
            let place = into.add(at).cast::<u8>();
            place.copy_from_nonoverlapping(text.as_ptr(), n);
            place.add(n).write(0);
        }
    }
    whole
}

/// A map of 256 bits; none for a null pointer.
///
/// # Safety
/// It must have 32 bytes.
pub(super) unsafe fn bit_map<'a>(map: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: as the caller says.
    (!map.is_null()).then(|| unsafe { bytes(map, 32) })
}
