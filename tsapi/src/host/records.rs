//! The records of the server: settings and statistics, by their names.
//!
//! Mirrors `RecRegisterRecord`, `RecGetRecordInt` and their kin, and `RecDumpRecords` of `lib/records`
//! (9.2.9). `records/table.txt` has the records of 9.2.9 in the order in which it registers them: type,
//! type of the data, name, and the value at the start. A setting that the port has, has the port's
//! value. A statistic that the port does not count keeps its value of the start; the
//! report names them as left out once a plugin looks at one.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int};
use std::sync::LazyLock;

use eventsys::sync::Mutex;

use super::config::{self, Value as Setting};
use super::stats::{self, Place};
use super::{calls, local_time, uuid};
use crate::abi::callbacks::RecordFunction;

/// The types of records that are settings: `TS_RECORDTYPE_CONFIG` and `TS_RECORDTYPE_LOCAL`.
const SETTINGS: [c_int; 2] = [0x01, 0x10];

/// `TSRecordDataType`.
const INT: c_int = 1;
const FLOAT: c_int = 2;
const STRING: c_int = 3;
const COUNTER: c_int = 4;

/// The value of a record.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Datum {
    /// Of an integer or a counter.
    Int(i64),
    Float(f32),
    /// A text, or NULL.
    Text(Option<CString>),
}

struct Record {
    record_type: c_int,
    data_type: c_int,
    name: CString,
    value: Datum,
}

/// The records of the server, and how many of them stand before those of plugins.
struct Table {
    records: Vec<Record>,
    before_plugins: usize,
    places: HashMap<&'static str, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("records/table.txt")));

/// The records that plugins have made.
static MADE: Mutex<Vec<Record>> = Mutex::new(Vec::new());

fn read(text: &'static str) -> Table {
    let mut table = Table { records: Vec::new(), before_plugins: 0, places: HashMap::new() };
    for line in text.lines() {
        if line == "plugins" {
            table.before_plugins = table.records.len();
            continue;
        }
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (record_type, data_type, name, text) = (word(), word(), word(), word());
        let data_type = data_type.parse().unwrap_or(0);
        table.places.insert(name, table.records.len());
        table.records.push(Record {
            record_type: record_type.parse().unwrap_or(0),
            data_type,
            name: CString::new(name).unwrap_or_default(),
            value: value(data_type, text),
        });
    }
    table
}

fn value(data_type: c_int, text: &str) -> Datum {
    match (data_type, text) {
        (_, "START") => Datum::Int(local_time()),
        (_, "UUID") => Datum::Text(CString::new(uuid::text_of_process()).ok()),
        (FLOAT, _) => Datum::Float(text.parse().unwrap_or(0.0)),
        (STRING, "(null)") => Datum::Text(None),
        (STRING, _) => Datum::Text(CString::new(text).ok()),
        _ => Datum::Int(text.parse().unwrap_or(0)),
    }
}

/// The value now: of a setting that the port has, the port's.
fn now(record: &Record) -> Datum {
    let name = record.name.to_str().unwrap_or_default();
    let set = SETTINGS.contains(&record.record_type).then(|| config::of_proxy(name)).flatten();
    match set {
        Some(Setting::Int(value)) => Datum::Int(value),
        Some(Setting::Float(value)) => Datum::Float(value),
        Some(Setting::String(text)) => Datum::Text(CString::new(text).ok()),
        None => record.value.clone(),
    }
}

/// A plugin looks at a record of the server: a statistic is one that the port does not count.
fn note_if_not_counted(record: &Record) {
    let is_statistic = !SETTINGS.contains(&record.record_type);
    if is_statistic && matches!(record.data_type, INT | FLOAT | COUNTER) {
        calls::note_left_out("the values of the server's statistics");
    }
}

/// A record of the server.
fn of_server(name: &str) -> Option<&'static Record> {
    TABLE.places.get(name).map(|at| &TABLE.records[*at])
}

/// Type of the data and value; none if there is no such record.
fn find(name: &str) -> Option<(c_int, Datum)> {
    if let Some(record) = of_server(name) {
        return Some((record.data_type, now(record)));
    }
    let made = MADE.lock();
    let record = made.iter().find(|record| record.name.to_bytes() == name.as_bytes())?;
    Some((record.data_type, record.value.clone()))
}

/// As [`find`], if the data has this type: the original asks for no other.
fn of_type(name: &str, data_type: c_int) -> Option<Datum> {
    of_server(name).into_iter().for_each(note_if_not_counted);
    find(name).filter(|(found, _)| *found == data_type).map(|(_, value)| value)
}

fn number(name: &str, data_type: c_int) -> Option<i64> {
    match of_type(name, data_type)? {
        Datum::Int(value) => Some(value),
        _ => None,
    }
}

/// `TSMgmtIntGet`.
pub(crate) fn int(name: &str) -> Option<i64> {
    number(name, INT)
}

/// `TSMgmtCounterGet`.
pub(crate) fn counter(name: &str) -> Option<i64> {
    number(name, COUNTER)
}

/// `TSMgmtFloatGet`.
pub(crate) fn float(name: &str) -> Option<f32> {
    match of_type(name, FLOAT)? {
        Datum::Float(value) => Some(value),
        _ => None,
    }
}

/// `TSMgmtStringGet`: none for a record without a text, too.
pub(crate) fn string(name: &str) -> Option<CString> {
    match of_type(name, STRING)? {
        Datum::Text(text) => text,
        _ => None,
    }
}

/// The value of a setting that the port does not have; none for a text that is NULL.
pub(crate) fn setting(name: &str) -> Option<Setting> {
    Some(match find(name)?.1 {
        Datum::Int(value) => Setting::Int(value),
        Datum::Float(value) => Setting::Float(value),
        Datum::Text(text) => Setting::String(text?.into_bytes()),
    })
}

/// `TSMgmtDataTypeGet`.
pub(crate) fn data_type(name: &str) -> Option<c_int> {
    find(name).map(|(data_type, _)| data_type)
}

/// `TSMgmtIntCreate` and `TSMgmtStringCreate`: false for a check without its expression. One that is
/// there already keeps its value.
pub(crate) fn create(
    record_type: c_int,
    name: &str,
    value: Datum,
    check: c_int,
    regex: bool,
) -> bool {
    if check != 0 && !regex {
        return false;
    }
    if find(name).is_none() {
        let data_type = if matches!(value, Datum::Text(_)) { STRING } else { INT };
        let name = CString::new(name).unwrap_or_default();
        MADE.lock().push(Record { record_type, data_type, name, value });
    }
    true
}

/// `TSRecordDump`: gives the plugin each record of these types, in the order in which they have been
/// registered: the plugins' own stand among the server's.
pub(crate) fn dump(types: c_int, function: RecordFunction, data: usize) {
    let is_wanted = |record: &&Record| record.record_type & types != 0;
    let (before, behind) = TABLE.records.split_at(TABLE.before_plugins);
    let give = |records: &[Record]| {
        for record in records.iter().filter(is_wanted) {
            note_if_not_counted(record);
            function.call(record.record_type, data, &record.name, record.data_type, &now(record));
        }
    };
    give(before);
    stats::dump(types, Place::Early, function, data);
    give(behind);
    stats::dump(types, Place::Late, function, data);
    // Not under the lock: the plugin may ask for more.
    let made: Vec<(c_int, c_int, CString, Datum)> = {
        let made = MADE.lock();
        let wanted = made.iter().filter(is_wanted);
        wanted.map(|r| (r.record_type, r.data_type, r.name.clone(), r.value.clone())).collect()
    };
    for (record_type, data_type, name, value) in made {
        function.call(record_type, data, &name, data_type, &value);
    }
}

impl Datum {
    /// For an integer.
    pub(crate) fn text(text: Option<&CStr>) -> Datum {
        Datum::Text(text.map(CStr::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let lines = include_str!("records/table.txt").lines();
        for line in lines.filter(|line| *line != "plugins") {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let number = |at: usize| words[at].parse::<c_int>().unwrap();
            assert!([1, 2, 4, 16].contains(&number(0)), "{line}");
            assert!((INT..=COUNTER).contains(&number(1)), "{line}");
            assert!(words[2].starts_with("proxy."), "{line}");
            let is_number = number(1) != STRING && words.get(3) != Some(&"START");
            assert!(!is_number || words[3].parse::<f64>().is_ok(), "{line}");
        }
    }

    #[test]
    fn a_statistic_that_is_not_counted_is_named_as_left_out() {
        let noted = || {
            let (_, left_out) = calls::counts();
            let ours = left_out.iter().find(|(what, _)| what.contains("statistics"));
            ours.map_or(0, |(_, times)| *times)
        };
        assert!(string("proxy.process.version.server.short").is_some());
        assert_eq!(data_type("proxy.process.http.completed_requests"), Some(COUNTER));
        assert_eq!(noted(), 0, "neither shows a number that is not counted");
        assert_eq!(counter("proxy.process.http.completed_requests"), Some(0));
        assert_eq!(noted(), 1);
    }

    #[test]
    fn a_check_needs_its_expression() {
        assert!(!create(1, "proxy.config.mine", Datum::Int(7), 1, false));
        assert_eq!(value(STRING, "(null)"), Datum::Text(None));
        assert_eq!(value(COUNTER, "12"), Datum::Int(12));
    }
}
