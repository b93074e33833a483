//! `TSUuid`.
//!
//! Mirrors `ATSUuid` of `lib/tscore` (9.2.9): version 4 is random. In virtual time the numbers are the
//! same in each run.

use std::ffi::{CString, c_char, c_int};
use std::sync::OnceLock;

use eventsys::sync::Mutex;

use super::{HOST, Handle, table, take_out, want};

/// A UUID: its text, once it has one.
#[derive(Default)]
pub(crate) struct Uuid(Mutex<Option<CString>>);

/// `TS_UUID_V4`.
const V4: c_int = 4;

/// The length of the text.
const LENGTH: usize = 36;

/// `TSUuidCreate`.
pub(crate) fn create() -> Handle {
    table().insert(Uuid::default())
}

/// `TSUuidDestroy`.
pub(crate) fn destroy(uuid: Handle) {
    take_out::<Uuid>(uuid, "TSUuidDestroy was called");
}

/// `TSUuidInitialize`: false for a version that the original does not make.
pub(crate) fn initialize(uuid: Handle, version: c_int) -> bool {
    let uuid = want::<Uuid>(uuid);
    if version != V4 {
        return false;
    }
    *uuid.0.lock() = Some(random());
    true
}

fn random() -> CString {
    static RANDOM: Mutex<Option<fastrand::Rng>> = Mutex::new(None);
    let mut source = RANDOM.lock();
    let source = source.get_or_insert_with(|| match HOST.get() {
        Some(host) if host.proxy.processor().clock().is_virtual() => fastrand::Rng::with_seed(0),
        _ => fastrand::Rng::new(),
    });
    // The version, and the variant of RFC 4122.
    let bits = source.u128(..) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{bits:032x}");
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    CString::new(parts.join("-")).unwrap_or_default()
}

/// `TSUuidCopy`: false if the other has no value.
pub(crate) fn copy(to: Handle, from: Handle) -> bool {
    let value = want::<Uuid>(from).0.lock().clone();
    let there = value.is_some();
    if there {
        *want::<Uuid>(to).0.lock() = value;
    }
    there
}

/// `TSUuidStringGet`: where the text is; it stays until the UUID changes or ends.
pub(crate) fn string(uuid: Handle) -> Option<*const c_char> {
    want::<Uuid>(uuid).0.lock().as_ref().map(|text| text.as_ptr())
}

/// `TSUuidStringParse`: false if the text is no UUID.
pub(crate) fn parse(uuid: Handle, text: &str) -> bool {
    let uuid = want::<Uuid>(uuid);
    let is_one = text.len() == LENGTH
        && text.bytes().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_hexdigit(),
        });
    if is_one {
        *uuid.0.lock() = CString::new(text).ok();
    }
    is_one
}

/// `TSUuidVersionGet`: 0 without a value.
pub(crate) fn version(uuid: Handle) -> c_int {
    let uuid = want::<Uuid>(uuid);
    let text = uuid.0.lock();
    let digit = text.as_ref().and_then(|text| char::from(text.to_bytes()[14]).to_digit(16));
    digit.and_then(|digit| c_int::try_from(digit).ok()).unwrap_or(0)
}

/// `TSProcessUuidGet`: the same each time.
pub(crate) fn of_process() -> Handle {
    static OF_PROCESS: OnceLock<Handle> = OnceLock::new();
    *OF_PROCESS.get_or_init(|| table().insert(Uuid(Mutex::new(Some(random())))))
}

/// `TSClientRequestUuidGet`: the process's, and the number of the transaction.
pub(crate) fn of_request(id: u64) -> CString {
    CString::new(format!("{}-{id}", text_of_process())).unwrap_or_default()
}

/// The text of the process's.
pub(crate) fn text_of_process() -> String {
    let process = want::<Uuid>(of_process());
    let process = process.0.lock();
    process.as_deref().unwrap_or(c"").to_string_lossy().into_owned()
}
