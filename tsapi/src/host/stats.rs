//! Statistics and records.
//!
//! The port has no records of its own: `TSRecordDump` gives the statistics that plugins have made.

use std::ffi::{CString, c_int};

use eventsys::sync::Mutex;

use crate::abi::callbacks::RecordFunction;

struct Stat {
    name: CString,
    data_type: c_int,
    value: i64,
}

static STATS: Mutex<Vec<Stat>> = Mutex::new(Vec::new());

/// `TS_RECORDTYPE_PLUGIN`.
const PLUGIN: c_int = 0x20;

/// `TSStatCreate`: the number of the new one.
pub(crate) fn create(name: &str, data_type: c_int) -> c_int {
    let mut all = STATS.lock();
    all.push(Stat { name: CString::new(name).unwrap_or_default(), data_type, value: 0 });
    c_int::try_from(all.len() - 1).unwrap_or(-1)
}

/// `TSStatFindName`.
pub(crate) fn find(name: &str) -> Option<c_int> {
    let all = STATS.lock();
    let at = all.iter().position(|stat| stat.name.to_bytes() == name.as_bytes())?;
    c_int::try_from(at).ok()
}

fn with<R>(id: c_int, f: impl FnOnce(&mut i64) -> R) -> Option<R> {
    let at = usize::try_from(id).ok()?;
    STATS.lock().get_mut(at).map(|stat| f(&mut stat.value))
}

/// `TSStatIntIncrement` and `TSStatIntDecrement`.
pub(crate) fn add(id: c_int, by: i64) {
    let _ = with(id, |value| *value = value.wrapping_add(by));
}

/// `TSStatIntSet`.
pub(crate) fn set(id: c_int, to: i64) {
    let _ = with(id, |value| *value = to);
}

/// `TSStatIntGet`.
pub(crate) fn get(id: c_int) -> i64 {
    with(id, |value| *value).unwrap_or(0)
}

/// `TSRecordDump`: gives the plugin each record of these types.
pub(crate) fn dump(types: c_int, function: RecordFunction, data: usize) {
    if types & PLUGIN == 0 {
        return;
    }
    // Not under the lock: the plugin may ask for more.
    let all: Vec<(CString, c_int, i64)> = {
        let all = STATS.lock();
        all.iter().map(|stat| (stat.name.clone(), stat.data_type, stat.value)).collect()
    };
    for (name, data_type, value) in all {
        function.call(PLUGIN, data, &name, data_type, value);
    }
}
