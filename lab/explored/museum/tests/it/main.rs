//! Opens every room, and looks whether the museum is whole.

use museum::{Work, room, rooms};

/// Few random schedules, so that the test is quick.
const WORK: Work = Work { random: 100, deeper: false, jobs: 1 };

#[test]
fn no_room_surprises() {
    let surprises: Vec<String> = rooms()
        .iter()
        .flat_map(|room| {
            let visit = room.visit(&WORK);
            visit.surprises.into_iter().map(|surprise| format!("{}: {surprise}", room.id))
        })
        .collect();
    assert_eq!(surprises, Vec::<String>::new());
}

/// The museum notices a room that does not show what it says, and one that is not mended.
#[test]
fn a_room_that_is_wrong_surprises() {
    let mut wrong = room("ts-1488").expect("a room").clone();
    wrong.shows = "ERROR".to_owned();
    wrong.fixed.clone_from(&wrong.armed);
    let surprises = wrong.visit(&WORK).surprises;
    assert_eq!(surprises.len(), 2, "{surprises:?}");
    assert!(surprises[0].contains("which is not \"ERROR\""), "{surprises:?}");
    assert!(surprises[1].starts_with("mended (--epoch C --rearm ts-1488): "), "{surprises:?}");
}

/// Each schedule that a visit finds leads to the same violation each time.
#[test]
fn a_minimal_schedule_is_exact() {
    let room = room("ts-1488").expect("a room");
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
