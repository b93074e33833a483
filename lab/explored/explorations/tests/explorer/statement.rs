//! A complete sweep is a statement: no schedule with at most so many interruptions leads to
//! anything else. Here it is compared with a judge that knows nothing of the explorer.
//!
//! `program` makes random programs of two to four threads; `judge` enumerates all their schedules
//! on a model, with an interruption before any operation; `scene` runs them on the explorer's
//! types. The sets of outcomes must be equal at each bound: values read, values left, deadlocks,
//! sleepers that are never woken.

mod judge;
mod program;
mod scene;

use std::collections::{BTreeMap, BTreeSet};

use explorer::{Explorer, Found, Report, Strategy, kind};
use program::Program;

/// What a program can lead to: a text of all values, or the kind of a violation.
type Outcomes = BTreeSet<String>;

/// Everything that `explorer` sees. Each outcome is a violation, so that shards, jobs and limits
/// report them as they report what they find.
fn explored(explorer: &Explorer, program: &Program) -> Report {
    explorer.clone().all(true).explore(scene::of(program))
}

fn outcomes(report: &Report) -> Outcomes {
    report.violations.iter().map(outcome).collect()
}

fn outcome(found: &Found) -> String {
    match &*found.violation.kind {
        scene::OUTCOME => found.violation.text.clone(),
        other => other.to_owned(),
    }
}

/// Some sets of shared objects are known at the start, some are found out on the way.
fn explorer(seed: u64) -> Explorer {
    Explorer::new().learning([0, 1, 50][(seed % 3) as usize])
}

#[track_caller]
fn assert_same(seed: u64, what: &str, program: &Program, found: &Outcomes, judged: &Outcomes) {
    let missing: Vec<_> = judged.difference(found).collect();
    let invented: Vec<_> = found.difference(judged).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "seed {seed}, {what}\nmissing: {missing:?}\ninvented: {invented:?}\n{program}"
    );
}

/// How many programs there are; `STATEMENT_PROGRAMS` asks for more.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("STATEMENT_PROGRAMS").ok();
    0..asked.map_or(400, |asked| asked.parse().expect("a number"))
}

#[test]
fn a_complete_sweep_has_every_outcome_of_its_bound() {
    let (mut kinds, mut grows) = (Outcomes::new(), 0);
    for seed in seeds() {
        let program = Program::random(seed);
        for bound in 0..=2 {
            let judged = judge::outcomes(&program, Some(bound));
            let report = explored(&explorer(seed).bound(bound), &program);
            assert_eq!(report.complete_bound(), Some(bound));
            assert_same(seed, &format!("bound {bound}"), &program, &outcomes(&report), &judged);
            if bound == 2 {
                each_schedule_is_minimal_and_leads_there_again(seed, &program, &report);
            }
            grows += u32::from(bound > 0 && judged.len() > 1);
            kinds.extend(judged.into_iter().filter(|outcome| !outcome.contains('=')));
        }
    }
    // The programs are worth it: they can go wrong in each way, and most have several outcomes.
    assert_eq!(kinds, [kind::DEADLOCK, kind::LOST_WAKE_UP].map(str::to_owned).into());
    assert!(grows > 400, "{grows}");
}

/// The judge finds none of the outcomes with fewer interruptions.
fn each_schedule_is_minimal_and_leads_there_again(seed: u64, program: &Program, report: &Report) {
    let judged: Vec<_> = (0..=2).map(|bound| judge::outcomes(program, Some(bound))).collect();
    let mut fewest = BTreeMap::new();
    for found in &report.violations {
        let again = explorer(seed).replay(&found.schedule, scene::of(program)).unwrap();
        assert_eq!(again.violation.as_ref(), Some(&found.violation), "seed {seed}");
        let known = fewest.entry(outcome(found)).or_insert(found.interruptions);
        *known = found.interruptions.min(*known);
    }
    for (outcome, interruptions) in fewest {
        let judged = judged.iter().position(|judged| judged.contains(&outcome));
        assert_eq!(judged, Some(interruptions as usize), "seed {seed}: {outcome}\n{program}");
    }
}

#[test]
fn the_sweep_without_a_bound_has_every_outcome() {
    for seed in seeds().filter(|seed| seed % 4 == 0) {
        let program = Program::small(seed);
        let judged = judge::outcomes(&program, None);
        let report = explored(&explorer(seed).strategy(Strategy::Every), &program);
        assert!(report.sweeps[0].complete);
        assert_same(seed, "every", &program, &outcomes(&report), &judged);
    }
}

/// The reduction to shared objects leaves nothing out that it can be compared with.
#[test]
fn interruptions_at_all_operations_lead_to_nothing_more() {
    for seed in seeds().filter(|seed| seed % 4 == 1) {
        let program = Program::random(seed);
        let reduced = explored(&explorer(seed).bound(2), &program);
        let everywhere = explored(&explorer(seed).bound(2).everywhere(true), &program);
        assert!(reduced.schedules <= everywhere.schedules);
        assert_same(seed, "everywhere", &program, &outcomes(&reduced), &outcomes(&everywhere));
    }
}

#[test]
fn threads_parts_and_limits_keep_the_statement() {
    for seed in seeds().filter(|seed| seed % 4 == 2) {
        let program = Program::random(seed);
        let judged: Vec<_> = (0..=2).map(|bound| judge::outcomes(&program, Some(bound))).collect();
        let whole = explorer(seed).bound(2);
        let jobs = explored(&whole.clone().jobs(3), &program);
        assert_same(seed, "three jobs", &program, &outcomes(&jobs), &judged[2]);
        // Parts that have learned different sets are refused; others have everything.
        let parts = (1..=3).map(|n| explored(&whole.clone().shard(n, 3), &program)).collect();
        match Report::merge(parts) {
            Ok(merged) => {
                assert_eq!(merged.complete_bound(), Some(2));
                assert_same(seed, "three parts", &program, &outcomes(&merged), &judged[2]);
            }
            Err(error) => assert!(error.to_string().contains("shared objects"), "{error}"),
        }
        for limit in [1, 7, jobs.schedules / 2, jobs.schedules] {
            let cut = explored(&whole.clone().schedules(limit.max(1)), &program);
            let Some(bound) = cut.complete_bound() else { continue };
            let missing = &judged[bound as usize] - &outcomes(&cut);
            assert!(missing.is_empty(), "seed {seed}, {limit} schedules: {missing:?}");
        }
    }
}
