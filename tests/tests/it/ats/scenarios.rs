//! The gallery of scenarios: its steps in each epoch, and that they are the same
//! in every run.

use std::fs;
use std::path::{Path, PathBuf};

use conformance::ats::scenario::{Finish, Scenario, run_scenario, scenario_from_file};
use conformance::ats::{Epoch, gallery as built_in};
use eventsys::Options;
use eventsys::steps::{Collector, Steps};

/// Each file of the gallery, in order.
pub(crate) fn gallery() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(folder).expect("the gallery is there");
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let scenario = scenario_from_file(&path).unwrap_or_else(|error| panic!("{error}"));
        (name, scenario)
    };
    files.into_iter().map(read).collect()
}

/// The steps of `scenario` and how it ended, as text.
fn steps(scenario: &Scenario, epoch: Epoch) -> String {
    let collector = Collector::new();
    let options = Options { steps: Steps::to(collector.clone()), ..Options::default() };
    let report = run_scenario(&scenario.compile(), epoch, options);
    let mut text: String = collector.take().iter().map(|step| format!("{step}\n")).collect();
    match report.finish {
        Finish::Panicked(message) => text.push_str(&format!("panic: {message}\n")),
        finish => text.push_str(&format!("end: {finish:?}\n")),
    }
    text
}

#[test]
fn the_gallery_takes_these_steps() {
    for (name, scenario) in gallery() {
        for epoch in [Epoch::B, Epoch::C, Epoch::D] {
            let text = steps(&scenario, epoch);
            insta::with_settings!({ description => &scenario.title, omit_expression => true }, {
                insta::assert_snapshot!(format!("{name}-{epoch}"), text);
            });
        }
    }
}

/// One thread shuts down and holds the core mutex itself, so the lock of 10.2.0 is no step. Only what
/// 10.2.0 asserts is another step, and a scenario about that says so.
#[test]
fn epoch_e_takes_the_steps_of_d_in_the_gallery() {
    let mut others = 0;
    for (name, scenario) in gallery() {
        let [d, e] = [Epoch::D, Epoch::E].map(|epoch| steps(&scenario, epoch));
        if scenario.expect.by_epoch.iter().any(|(epoch, _)| *epoch == Epoch::E) {
            assert_ne!(e, d, "{name}");
            insta::with_settings!({ description => &scenario.title, omit_expression => true }, {
                insta::assert_snapshot!(format!("{name}-E"), e);
            });
            others += 1;
        } else {
            assert_eq!(e, d, "{name}");
        }
    }
    assert_eq!(others, 2);
}

#[test]
fn two_runs_take_the_same_steps() {
    for (name, scenario) in gallery() {
        for &epoch in Epoch::ALL {
            assert_eq!(steps(&scenario, epoch), steps(&scenario, epoch), "{name} {epoch}");
        }
    }
}

#[test]
fn no_scenario_of_the_gallery_runs_away_or_out_of_time() {
    for (name, scenario) in gallery() {
        assert!(!scenario.title.is_empty() && !scenario.teaches.is_empty(), "{name}");
        for &epoch in Epoch::ALL {
            let report = run_scenario(&scenario.compile(), epoch, Options::default());
            assert!(!matches!(report.finish, Finish::Runaway | Finish::TimeIsUp), "{name} {epoch}");
        }
    }
}

/// The writer's and the reader's events in scenario 02, by side and number.
#[test]
fn a_late_reader_is_told_apart_by_epoch_d() {
    let (_, scenario) = gallery().into_iter().find(|(name, _)| name.starts_with("02-")).unwrap();
    let told = |epoch| {
        let text = steps(&scenario, epoch);
        let told = text.lines().filter(|line| line.contains(" sm_"));
        told.map(str::to_owned).collect::<Vec<_>>()
    };
    for epoch in [Epoch::B, Epoch::C] {
        assert_eq!(told(epoch), ["A sm_write 103", "P sm_read 102"]);
    }
    assert_eq!(told(Epoch::D), ["A sm_write 3", "A sm_write 103", "P sm_read 102"]);
}

#[test]
fn the_gallery_that_is_built_in_is_the_folder() {
    let folder: Vec<_> = gallery();
    let built_in: Vec<_> = built_in::names()
        .map(|name| (name.to_owned(), built_in::named(name).expect("there is one")))
        .collect();
    assert_eq!(built_in, folder);
}
