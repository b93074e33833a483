//! Is the museum whole, and does it notice a room that is wrong?
//!
//! The tests of `atslab museum` open all rooms, and allow no surprise.

mod canaries;
mod memory;

use std::collections::BTreeSet;

use eventsys::defects::Defect;
use explorer::Explorer;
use museum::{Shown, Work, room, rooms};
use pluginvc::Epoch;
use pluginvc::defects::{self, planted};
use scenario::explore::{Setup, scene};

/// Few random schedules: `atslab museum --verify` runs a hundred thousand.
const WORK: Work = Work { random: 100, deeper: false, jobs: 1 };

/// A defect that can be put back and that no room shows would not be seen by anyone.
#[test]
fn each_defect_has_a_room() {
    let armed: BTreeSet<&str> = rooms()
        .iter()
        .flat_map(|room| &room.armed)
        .flat_map(|arms| arms.defects)
        .map(|defect| defect.name)
        .collect();
    let all = defects::all().chain(httpsm::defects::ALL.iter().copied());
    let all: BTreeSet<&str> = all.map(|defect| defect.name).collect();
    assert_eq!(armed, all);
}

/// The museum notices a room that does not show what it says, and one that is not mended.
#[test]
fn a_room_that_is_wrong_surprises() {
    let mut wrong = room("ts-3339").expect("a room").clone();
    wrong.shows = "ERROR".to_owned();
    wrong.fixed.clone_from(&wrong.armed);
    let surprises = wrong.visit(&WORK).surprises;
    assert_eq!(surprises.len(), 2, "{surprises:?}");
    assert!(surprises[0].contains("which is not \"ERROR\""), "{surprises:?}");
    assert!(surprises[1].starts_with("mended (--epoch C --rearm ts-3339): "), "{surprises:?}");
}

/// The schedule that a visit finds takes the same operations each time. A trace is slow; the tests
/// of `atslab explore` replay a thousand times.
#[test]
fn a_minimal_schedule_is_exact() {
    let room = room("ts-3339").expect("a room");
    let visit = room.visit(&WORK);
    let armed = visit.armed.expect("found");
    assert_eq!(armed.interruptions, 1);
    let exactly = || {
        let trace = room.trace(&armed).expect("the same program");
        (trace.schedule, trace.violation, trace.rows.len())
    };
    let first = exactly();
    assert!((0..20).all(|_| exactly() == first));
}

/// The scene of `room`, with a race planted of which no room knows.
fn finds(of: &str, planted: Option<&'static Defect>) -> Option<String> {
    let Shown::Scenario { scenario, .. } = &room(of).expect("a room").shown else {
        panic!("{of} has a scenario")
    };
    let rearmed: &'static [_] = planted.into_iter().collect::<Vec<_>>().leak();
    let setup = Setup { rearmed, ..Setup::new(Epoch::C) };
    let report = Explorer::new().explore(scene(scenario, &setup));
    report.first().map(|found| found.violation.to_string())
}

/// The observers know the rules, and not the defects. The third planted race, in the queue of an
/// event thread, is among the canaries.
#[test]
fn a_planted_race_is_found_without_a_room() {
    assert_eq!(finds("ts-3235", None), None);
    let found = finds("ts-3235", Some(&planted::CLOSE));
    assert!(found.is_some(), "a close without the core mutex");
    assert_eq!(finds("gh-4746", None), None);
    let found = finds("gh-4746", Some(&planted::LOOK)).expect("no second look");
    assert!(found.contains("WRITE_"), "{found}");
}

/// Threads are interrupted only where it matters. Interrupted before each operation, a room shows
/// the same violations. `REDUCTION_BOUND` asks for more interruptions.
#[test]
fn the_reduction_to_shared_objects_hides_nothing_in_any_room() {
    let asked = std::env::var("REDUCTION_BOUND").ok();
    let bound = asked.map_or(1, |asked| asked.parse().expect("a number"));
    for room in rooms() {
        for arms in room.armed.iter().chain(&room.fixed) {
            let seen = |everywhere| {
                let explorer = room.explorer(&WORK).bound(bound).all(true).everywhere(everywhere);
                let scene = room.scene(arms);
                // A violation may leave a task in the middle of a panic, on this thread.
                let run = move || explorer.explore(move || scene());
                let report = std::thread::spawn(run).join().expect("it does not panic");
                assert_eq!(report.complete_bound(), Some(bound), "{}", room.id);
                let violations = report.violations.into_iter().map(|found| found.violation);
                (violations.collect::<BTreeSet<_>>(), report.schedules)
            };
            let ((reduced, few), (everywhere, many)) = (seen(false), seen(true));
            eprintln!("{} ({}): {few} and {many} schedules", room.id, arms.words);
            assert_eq!(reduced, everywhere, "{}", room.id);
        }
    }
}
