//! Every entry of the registers is true: what it names is there, and what shows it still
//! differs.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use conformance::ats::http::{
    Case, Difference, HttpServer, Origins, PortServers, Recording, Sends, Timeouts, play_all,
};
use conformance::ats::http_scenario::HTTP_RULES;
use conformance::ats::live::Release;
use conformance::ats::plugins::masks;
use conformance::deviations::{Deviation, Deviations};
use conformance::node::deviations::{RULES, Told};
use conformance::node::{compare, run, shape};

fn entries() -> impl Iterator<Item = (String, &'static Deviation)> {
    let all = Deviations::all().into_iter();
    all.flat_map(|(register, all)| {
        all.deviation.iter().map(move |entry| (format!("{register}: {}", entry.name), entry))
    })
}

#[test]
fn every_entry_says_all_that_it_must() {
    let mut names = HashSet::new();
    for (name, entry) in entries() {
        assert!(names.insert(name.clone()), "{name} stands twice");
        assert!(!entry.what.is_empty() && !entry.reason.is_empty(), "{name}");
        assert_eq!(entry.real.is_some(), entry.port.is_some(), "{name}: one of two patterns");
        assert!(!entry.programs.is_empty(), "{name}: which programs?");
        for program in &entry.programs {
            assert!(
                program == "node 20" || program.parse::<Release>().is_ok(),
                "{name}: {program}"
            );
        }
        let shows = [entry.test.is_some(), !entry.cases.is_empty(), entry.example.is_some()];
        assert_eq!(shows.iter().filter(|shows| **shows).count(), 1, "{name}: one thing shows it");
    }
}

#[test]
fn every_rule_has_an_entry_and_every_entry_its_rule() {
    let named = |register: &'static Deviations| -> BTreeSet<&str> {
        register.deviation.iter().filter_map(|entry| entry.rule.as_deref()).collect()
    };
    assert_eq!(named(Deviations::ats()), BTreeSet::new());
    assert_eq!(named(Deviations::http()), Sends::ALL.map(|(name, _)| name).into());
    let masks = masks::OF_CALLS.iter().chain(&masks::OF_ANSWERS).chain(&masks::OF_BODIES);
    assert_eq!(named(Deviations::plugins()), masks.map(|(name, _)| *name).collect());
    assert_eq!(named(Deviations::http_scenarios()), HTTP_RULES.map(|(name, _)| name).into());
    assert_eq!(named(Deviations::node()), RULES.map(|(name, _)| name).into());
}

#[test]
fn the_tests_that_show_an_entry_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, entry) in entries() {
        let Some(test) = &entry.test else { continue };
        let (file, test) = test.rsplit_once("::").expect("FILE::NAME");
        let text = fs::read_to_string(root.join(file))
            .unwrap_or_else(|error| panic!("{name}: {file}: {error}"));
        let heads = [format!("#[test]\nfn {test}("), format!("#[test]\n    fn {test}(")];
        assert!(heads.iter().any(|head| text.contains(head)), "{name}: no test {test}");
    }
}

#[test]
fn the_cases_that_show_an_entry_still_differ() {
    let entries = || {
        // Those of HTTP scenarios are shown by scenarios of the gallery.
        entries().filter(|(name, _)| !name.starts_with("http_scenarios: "))
    };
    let shown = |case: &Case| entries().any(|(_, entry)| entry.cases.contains(&case.name));
    let cases: Vec<Case> = Case::all().into_iter().filter(shown).collect();
    let recording = Recording::known();
    let origins = Origins::start().expect("a port");
    let port = PortServers::start(origins, Timeouts::OF_CASES).expect("a port");
    let differences = play_all(&cases, 16, |case| {
        let real = recording.get(&case.name).expect("recorded");
        Difference::between(real, &port.asker(case.setup).play(case, Some(real)))
    });
    for (name, entry) in entries() {
        for case in &entry.cases {
            let place = cases.iter().position(|known| known.name == *case);
            let place = place.unwrap_or_else(|| panic!("{name}: no case {case}"));
            let difference = differences[place].as_ref();
            let difference = difference.unwrap_or_else(|| panic!("{name}: {case} is the same"));
            assert!(entry.fits(&difference.real, &difference.port), "{name}: {difference:?}");
            let rule = entry.rule.as_deref().and_then(Sends::named).expect("a rule");
            assert!(rule.is_sent_by(&cases[place]), "{name}: {case} does not send it");
        }
    }
}

#[test]
fn the_examples_that_show_an_entry_still_differ() {
    for (name, entry) in entries() {
        let Some(example) = &entry.example else { continue };
        let scenario = shape::scenario(example).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let node = shape::expected(&scenario).expect("what node told").to_vec();
        let mut told = Told { node, port: run(&scenario) };
        assert!(compare(&told.node, &told.port, &[]).is_some(), "{name}: no longer differs");
        let rule = RULES.iter().find(|(rule, _)| entry.rule.as_deref() == Some(*rule));
        let (_, rule) = rule.unwrap_or_else(|| panic!("{name}: no rule"));
        rule(&scenario, &mut told);
        let difference = compare(&told.node, &told.port, &[]);
        assert_eq!(difference, None, "{name}: the rule does not cover it");
    }
}
