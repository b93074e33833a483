//! The rules of the document "Trace Event Format", as far as the traces of `atslab view` use it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

type Place = (u64, u64);

/// Checks every rule.
///
/// # Panics
/// With the event that breaks one.
pub(super) fn check(events: &[Value]) {
    let phases: BTreeSet<&str> = events.iter().map(|event| text(event, "ph")).collect();
    assert_eq!(phases, BTreeSet::from(["C", "M", "X", "f", "s"]));
    let (names, events): (Vec<&Value>, Vec<&Value>) =
        events.iter().partition(|event| event["ph"] == "M");
    let slices = slices(&events);
    times_only_grow(&events);
    what_is_used_has_a_name(&names, &events);
    slices.values().for_each(|slices| are_nested(slices));
    arrows_bind(&events, &slices);
    for event in events.iter().filter(|event| event["ph"] == "C") {
        assert!(event["args"]["bytes"].as_i64() >= Some(0), "{event}");
    }
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_else(|| panic!("{key} is a text: {event}"))
}

fn number(event: &Value, key: &str) -> u64 {
    event[key].as_u64().unwrap_or_else(|| panic!("{key} is a number: {event}"))
}

fn place(event: &Value) -> Place {
    (number(event, "pid"), number(event, "tid"))
}

fn times_only_grow(events: &[&Value]) {
    for pair in events.windows(2) {
        assert!(number(pair[0], "ts") <= number(pair[1], "ts"), "{} {}", pair[0], pair[1]);
    }
}

/// Each process and each thread has one name and one place in the order, and each event is of one
/// of them. No thread has the number of its process.
fn what_is_used_has_a_name(names: &[&Value], events: &[&Value]) {
    let mut known: BTreeMap<(&str, Place), &Value> = BTreeMap::new();
    for name in names {
        let (what, place) = (text(name, "name"), place(name));
        let args = &name["args"];
        match what {
            "process_name" | "thread_name" => assert!(!text(args, "name").is_empty()),
            "process_sort_index" | "thread_sort_index" => drop(number(args, "sort_index")),
            _ => panic!("{name}"),
        }
        assert!(known.insert((what, place), name).is_none(), "twice: {name}");
        assert_ne!(place.0, place.1, "{name}");
    }
    for event in events {
        let pid = number(event, "pid");
        for what in ["process_name", "process_sort_index"] {
            assert!(known.contains_key(&(what, (pid, 0))), "{event}");
        }
        if event["ph"] != "C" {
            for what in ["thread_name", "thread_sort_index"] {
                assert!(known.contains_key(&(what, place(event))), "{event}");
            }
        }
        assert!(!text(event, "name").is_empty(), "{event}");
    }
}

/// The slices of each thread, with their begin and end, by their begin.
fn slices(events: &[&Value]) -> BTreeMap<Place, Vec<(u64, u64)>> {
    let mut slices: BTreeMap<Place, Vec<(u64, u64)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let (begin, length) = (number(event, "ts"), number(event, "dur"));
        assert!(length > 0 && event["args"].is_object() && event["cat"].is_string(), "{event}");
        slices.entry(place(event)).or_default().push((begin, begin + length));
    }
    slices
}

/// One slice of a thread is inside another one, or they do not touch.
fn are_nested(slices: &[(u64, u64)]) {
    let mut open: Vec<u64> = Vec::new();
    for &(begin, end) in slices {
        open.retain(|&outer| outer > begin);
        assert!(open.last().is_none_or(|&outer| end <= outer), "{begin} to {end}: {open:?}");
        open.push(end);
    }
}

/// Each arrow has one begin and one end, of one name and category, and both are inside a slice.
/// The end says that it binds to the slice around it.
fn arrows_bind(events: &[&Value], slices: &BTreeMap<Place, Vec<(u64, u64)>>) {
    let mut arrows: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for event in events.iter().filter(|event| matches!(text(event, "ph"), "s" | "f")) {
        let at = number(event, "ts");
        let around = slices[&place(event)].iter().find(|(begin, end)| (*begin..*end).contains(&at));
        assert!(around.is_some(), "outside of every slice: {event}");
        arrows.entry(number(event, "id")).or_default().push(event);
    }
    let (mut inside, mut between) = (0, 0);
    for arrow in arrows.values() {
        let [begin, end] = arrow.as_slice() else { panic!("a begin and an end: {arrow:?}") };
        assert_eq!((text(begin, "ph"), text(end, "ph")), ("s", "f"), "{arrow:?}");
        assert_eq!((&begin["name"], &begin["cat"]), (&end["name"], &end["cat"]), "{arrow:?}");
        assert_eq!((&begin["bp"], &end["bp"]), (&Value::Null, &"e".into()), "{arrow:?}");
        assert!(number(begin, "ts") < number(end, "ts"), "{arrow:?}");
        *(if place(begin) == place(end) { &mut inside } else { &mut between }) += 1;
    }
    assert!(inside > 5 && between > 5, "{inside} inside a lane, {between} between two");
}
