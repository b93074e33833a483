//! Parts of an exploration: they are disjoint, and together the whole.

use std::sync::Arc;

use explorer::sync::atomic::{AtomicU32, Ordering::SeqCst};
use explorer::sync::{Mutex, thread};
use explorer::{Explorer, Report, Strategy};

/// Three threads; with one interruption the assertion can fail.
fn scene(breaks: bool) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        let shared = Arc::new((Mutex::new(0), AtomicU32::new(0)));
        let add = |times| {
            let shared = Arc::clone(&shared);
            move || {
                for _ in 0..times {
                    let before = shared.1.load(SeqCst);
                    *shared.0.lock() += 1;
                    shared.1.store(before + 1, SeqCst);
                }
            }
        };
        let others = [thread::spawn(add(2)), thread::spawn(add(1))];
        add(1)();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*shared.0.lock(), 4);
        assert!(!breaks || shared.1.load(SeqCst) > 1, "three of four counts are lost");
    }
}

fn without_time(report: Report) -> Report {
    Report { seconds: 0.0, ..report }
}

fn parts(of: u32, explorer: &Explorer, breaks: bool) -> Vec<Report> {
    (1..=of).map(|n| explorer.clone().shard(n, of).explore(scene(breaks))).collect()
}

#[test]
fn three_parts_of_a_clean_exploration_make_the_whole_statement() {
    let explorer = Explorer::new().bound(2);
    let whole = explorer.explore(scene(false));
    assert_eq!((whole.first(), whole.complete_bound()), (None, Some(2)));
    let parts = parts(3, &explorer, false);
    assert!(parts.iter().all(|part| part.schedules < whole.schedules / 2), "{parts:?}");
    // In any order, also after they were written down.
    let reversed = parts
        .iter()
        .rev()
        .map(|part| serde_json::from_str(&serde_json::to_string(part).unwrap()).unwrap());
    let merged = Report::merge(reversed.collect()).unwrap();
    assert_eq!(without_time(merged), without_time(whole));
}

#[test]
fn three_parts_find_the_same_first_violation() {
    let explorer = Explorer::new().bound(2);
    let whole = explorer.explore(scene(true));
    let found = whole.first().expect("with one interruption");
    assert_eq!(found.interruptions, 1);
    let merged = Report::merge(parts(3, &explorer, true)).unwrap();
    let again = merged.first().unwrap();
    assert_eq!((&again.violation, &again.schedule), (&found.violation, &found.schedule));
    assert_eq!(merged.sweeps[0], whole.sweeps[0]);
    assert_eq!(merged.complete_bound(), Some(0));
}

#[test]
fn all_violations_of_three_parts_are_those_of_the_whole() {
    let explorer = Explorer::new().bound(2).all(true);
    let whole = explorer.explore(scene(true));
    let merged = Report::merge(parts(3, &explorer, true)).unwrap();
    assert_eq!(merged.sweeps, whole.sweeps);
    assert_eq!(merged.violations.len(), whole.violations.len());
    assert_eq!(merged.violations[0].times, whole.violations[0].times);
    assert_eq!(merged.violations[0].schedule, whole.violations[0].schedule);
}

#[test]
fn a_report_does_not_depend_on_the_number_of_threads() {
    for strategy in [Strategy::Bounded { bound: 2 }, Strategy::Pos, Strategy::Pct { depth: 3 }] {
        for breaks in [false, true] {
            for explorer in
                [Explorer::new(), Explorer::new().all(true), Explorer::new().schedules(300)]
            {
                let explorer = explorer.strategy(strategy);
                let explorer = if explorer.clone().jobs(1).explore(scene(false)).schedules > 5_000 {
                    explorer.schedules(2_000)
                } else {
                    explorer
                };
                let one = explorer.clone().jobs(1).explore(scene(breaks));
                let three = explorer.jobs(3).explore(scene(breaks));
                assert_eq!(without_time(three), without_time(one), "{strategy:?} {breaks}");
            }
        }
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let explorer = Explorer::new().bound(1);
    let parts = parts(3, &explorer, false);
    let refused = |parts: Vec<Report>| Report::merge(parts).unwrap_err().to_string();
    assert_eq!(refused(vec![]), "there is no report to merge");
    assert_eq!(refused(parts[..2].to_vec()), "part 3 of 3 is missing");
    assert_eq!(refused(vec![parts[0].clone(), parts[2].clone()]), "part 2 of 3 is missing");
    assert_eq!(refused(vec![parts[1].clone(), parts[1].clone()]), "part 1 of 3 is missing");
    let twice = vec![parts[0].clone(), parts[0].clone(), parts[1].clone()];
    assert_eq!(refused(twice), "part 1 of 3 comes twice");
    let other = explorer.clone().shard(1, 2).explore(scene(false));
    assert_eq!(refused(vec![other, parts[1].clone()]), "one report is part of 2, another of 3");
    let mut grown = parts[1].clone();
    grown.sweeps[0].shared_objects ^= 1;
    let text = refused(vec![parts[0].clone(), grown, parts[2].clone()]);
    assert!(text.contains("different sets of shared objects at bound 0"), "{text}");
}

#[test]
fn a_limit_ends_an_exploration_and_its_sweep_is_not_complete() {
    let report = Explorer::new().bound(2).schedules(50).explore(scene(false));
    assert_eq!(report.schedules, 50);
    assert!(!report.sweeps.last().unwrap().complete && !report.out_of_time);
    let report =
        Explorer::new().bound(2).time_limit(std::time::Duration::ZERO).explore(scene(false));
    assert!(report.out_of_time);
    assert_ne!(report.complete_bound(), Some(2));
}
