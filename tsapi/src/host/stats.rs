//! The statistics that plugins make: `TSStatCreate` and its kin.
//!
//! Mirrors `RecIncrRawStatSum`, `RecGetGlobalRawStatSum` and `raw_stat_sync_to_global` of
//! `lib/records/RecRawStats.cc` (9.2.9): what is added counts from the next time at which the statistics
//! are brought up to date (`proxy.config.raw_stat_sync_interval_ms`). Until then `TSStatIntGet` and
//! `TSRecordDump` give the old value.

use std::ffi::{CString, c_int};

use eventsys::HrTime;
use eventsys::sync::Mutex;

use super::calls;
use super::records::Datum;
use crate::abi::callbacks::RecordFunction;

/// Where a statistic stands among the records of the server, which registers some of its own between
/// the plugins of `plugin.config` and those of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// A plugin for all transactions has made it while it was loaded.
    Early,
    /// Any other.
    Late,
}

struct Stat {
    name: CString,
    place: Place,
    data_type: c_int,
    /// What has been added since the last time.
    added: i64,
    value: i64,
    /// The value of the record.
    shown: i64,
}

struct Stats {
    all: Vec<Stat>,
    /// When they are brought up to date next.
    next: HrTime,
}

static STATS: Mutex<Stats> = Mutex::new(Stats { all: Vec::new(), next: 0 });

/// `TS_RECORDTYPE_PLUGIN`.
const PLUGIN: c_int = 0x20;

impl Stats {
    /// Brings them up to date if it is time. Nothing happens between two calls, so it is enough to look
    /// at each call.
    fn look_at_the_clock(&mut self) {
        let Some(host) = super::HOST.get() else { return };
        let (now, every) = (host.proxy.processor().clock().get_hrtime(), host.stat_sync);
        if now < self.next {
            return;
        }
        self.bring_up_to_date();
        self.next = now - now.rem_euclid(every) + every;
    }

    fn bring_up_to_date(&mut self) {
        for stat in &mut self.all {
            stat.value = stat.value.wrapping_add(std::mem::take(&mut stat.added));
            stat.shown = stat.value;
        }
    }
}

/// `TSStatCreate`: the number of the new one.
pub(crate) fn create(name: &str, data_type: c_int) -> c_int {
    let name = CString::new(name).unwrap_or_default();
    let place = match calls::callback() {
        Some((place, _)) if place.ends_with(":TSPluginInit") => Place::Early,
        _ => Place::Late,
    };
    let mut stats = STATS.lock();
    stats.look_at_the_clock();
    stats.all.push(Stat { name, place, data_type, added: 0, value: 0, shown: 0 });
    c_int::try_from(stats.all.len() - 1).unwrap_or(-1)
}

/// `TSStatFindName`.
pub(crate) fn find(name: &str) -> Option<c_int> {
    let stats = STATS.lock();
    let at = stats.all.iter().position(|stat| stat.name.to_bytes() == name.as_bytes())?;
    c_int::try_from(at).ok()
}

fn with<R>(id: c_int, f: impl FnOnce(&mut Stat) -> R) -> Option<R> {
    let at = usize::try_from(id).ok()?;
    let mut stats = STATS.lock();
    stats.look_at_the_clock();
    stats.all.get_mut(at).map(f)
}

/// `TSStatIntIncrement` and `TSStatIntDecrement`.
pub(crate) fn add(id: c_int, by: i64) {
    let _ = with(id, |stat| stat.added = stat.added.wrapping_add(by));
}

/// `TSStatIntSet`: at once, except in the record.
pub(crate) fn set(id: c_int, to: i64) {
    let _ = with(id, |stat| stat.value = to);
}

/// `TSStatIntGet`.
pub(crate) fn get(id: c_int) -> i64 {
    with(id, |stat| stat.value).unwrap_or(0)
}

/// Gives the plugin each of them that stands at this place, if these types of records have them among them.
pub(crate) fn dump(types: c_int, place: Place, function: RecordFunction, data: usize) {
    if types & PLUGIN == 0 {
        return;
    }
    // Not under the lock: the plugin may ask for more.
    let all: Vec<(CString, c_int, i64)> = {
        let mut stats = STATS.lock();
        stats.look_at_the_clock();
        let wanted = stats.all.iter().filter(|stat| stat.place == place);
        wanted.map(|stat| (stat.name.clone(), stat.data_type, stat.shown)).collect()
    };
    for (name, data_type, value) in all {
        function.call(PLUGIN, data, &name, data_type, &Datum::Int(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_counts_when_it_is_brought_up_to_date() {
        let id = create("mine", 1);
        add(id, 5);
        assert_eq!(get(id), 0);
        STATS.lock().bring_up_to_date();
        assert_eq!(get(id), 5);
        set(id, 7);
        assert_eq!(get(id), 7);
        assert_eq!(STATS.lock().all[usize::try_from(id).unwrap()].shown, 5);
        add(id, -3);
        STATS.lock().bring_up_to_date();
        assert_eq!((get(id), find("mine")), (4, Some(id)));
    }
}
