//! Scenarios of a NetVC: their text, the gallery beside what two real servers did, and random ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use conformance::ats::http_scenario::{
    HttpArm, explain_http, generate_net, http_differ, http_named, http_text, net_names, print_http,
    record_on_port_as, recorded_net, shrink_http,
};
use conformance::ats::live::{Probe, Release, Server};
use conformance::ats::scenario::Op;
use conformance::ats::scenario::http::{
    HttpExpect, HttpFinish, HttpProgram, HttpReport, HttpScenario, HttpWhat,
    http_scenario_from_bytes, http_story, is_http_scenario, record_http_scenario,
    run_http_scenario,
};
use conformance::deviations::Deviations;

const RELEASES: [&str; 2] = ["8.1.11", "9.2.9"];

fn release(name: &str) -> Release {
    name.parse().expect("a release")
}

fn named(name: &str) -> HttpScenario {
    http_named(name).expect("it is in the gallery")
}

/// The port does in each scenario of the gallery what each real server did.
#[test]
fn the_gallery_is_as_the_real_servers_played_it() {
    let mut differ = Vec::new();
    for release in RELEASES.map(release) {
        let recorded = recorded_net(release).expect("recorded");
        let names: Vec<String> = net_names().collect();
        assert!(names.iter().eq(recorded.keys()), "{release}: each is recorded, and nothing else");
        for (name, real) in &recorded {
            let scenario = named(name);
            assert!(is_http_scenario(http_text(name).unwrap_or_default().as_bytes()), "{name}");
            let port = record_on_port_as(&scenario, release).report;
            let Some(difference) = http_differ(real, &port) else { continue };
            if explain_http(release, &scenario, &difference).is_none() {
                differ.push(format!("{name}, {release}\n{difference}"));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// The two releases differ where the gallery says so, and the recordings show it.
#[test]
fn the_releases_differ_where_it_is_taught() {
    let [old, new] = RELEASES.map(|name| recorded_net(release(name)).expect("recorded"));
    let differs = |name: &&String| http_differ(&old[*name], &new[*name]).is_some();
    let names: Vec<&str> = old.keys().filter(differs).map(String::as_str).collect();
    assert_eq!(names, OF_ONE_RELEASE);
}

/// What a scenario expects comes on the port, and came in the real 9.2.9, unless a registered deviation
/// says that the two differ there.
#[test]
fn the_gallery_does_what_it_expects() {
    let recorded = recorded_net(release("9.2.9")).expect("recorded");
    let deviations = &Deviations::http_scenarios().deviation;
    let deviates = |name: &String| deviations.iter().any(|entry| entry.cases.contains(name));
    let mut unmet = Vec::new();
    for name in net_names() {
        let scenario = named(&name);
        assert_ne!(scenario.expect, HttpExpect::default(), "{name} says what it expects");
        let mut check = |arm: &str, report: &HttpReport| {
            let told = scenario.unmet(report).into_iter();
            unmet.extend(told.map(|text| format!("{name}, {arm}: {text}")));
        };
        check("port", &run_http_scenario(&scenario));
        if !deviates(&name) {
            check("9.2.9", &recorded[&name]);
        }
    }
    assert!(unmet.is_empty(), "{}", unmet.join("\n"));
}

/// The records tell all that the report tells of the user, and each has its sentence.
#[test]
fn the_records_tell_what_the_report_tells() {
    let mut ops = 0;
    for name in net_names() {
        let scenario = named(&name);
        let recorded = record_http_scenario(&scenario);
        assert!(recorded.records.is_sorted_by_key(|record| record.at), "{name}");
        for actor in &recorded.report.actors {
            let events = recorded.records.iter().filter(|record| record.who == actor.name);
            let told: Vec<_> = events
                .filter_map(|record| match &record.what {
                    HttpWhat::Event(text) => Some((record.at, text.clone())),
                    _ => None,
                })
                .collect();
            assert_eq!(told, actor.events, "{name}, {}", actor.name);
        }
        ops += recorded.records.iter().filter(|it| matches!(it.what, HttpWhat::VcOp(..))).count();
        for line in http_story(&scenario, &recorded) {
            let is_plain = line.sentence.contains(' ') && !line.sentence.ends_with('.');
            assert!(is_plain, "{name}: {line:?}");
        }
    }
    assert!(ops > 40, "{ops} operations");
}

/// Random scenarios, too, read back from their text, and none is a race of the port with itself.
#[test]
fn a_scenario_reads_back_from_its_text() {
    let gallery = net_names().map(|name| named(&name));
    for scenario in (0..300).map(generate_net).chain(gallery) {
        let text = scenario.to_string();
        let read = http_scenario_from_bytes("x.toml", text.as_bytes());
        let read = read.unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(read, scenario, "{text}");
        assert!(HttpProgram(&scenario).to_string().contains("\nnetvc "), "{text}");
    }
}

#[test]
fn a_run_is_the_same_each_time() {
    for scenario in (0..20).map(generate_net) {
        // To the nanosecond.
        let [one, other] = [(); 2].map(|()| run_http_scenario(&scenario));
        assert_eq!(one, other, "{scenario}");
        assert_eq!(http_differ(&one, &other), None);
    }
}

/// A reaction that calls itself back without end ends its run, and does not hang.
#[test]
fn what_goes_on_without_end_is_closed() {
    let text = "title = \"T\"\nteaches = \"T\"\n[client]\n[netvc]\n\
                on_connect = [\"do_io_write max\"]\n\
                on_WRITE_READY = [\"write 1\", \"reenable_re write\"]\n";
    let scenario = http_scenario_from_bytes("x.toml", text.as_bytes()).expect("a scenario");
    let mut report = run_http_scenario(&scenario);
    assert_eq!(report.finish, HttpFinish::Quiet);
    let told = report.actor("netvc").events.iter().any(|(_, what)| what.starts_with("closes: "));
    assert!(told, "{report}");
}

/// What does not matter goes, and what matters stays.
#[test]
fn a_scenario_is_made_as_small_as_it_still_differs() {
    let differs = |one: &HttpScenario| {
        let mut ops = one.netvc.iter().flatten().flat_map(|it| &it.ops);
        ops.any(|op| matches!(op, Op::Write(n) if *n > 5))
    };
    let random = (0..100).map(generate_net).find(|one| differs(one)).expect("one of them writes");
    let small = shrink_http(random, |one| Ok::<_, ()>(differs(one))).expect("no try fails");
    let user = small.netvc.as_deref().unwrap_or_default();
    let ops: Vec<&Op> = user.iter().flat_map(|it| &it.ops).collect();
    assert_eq!(ops, [&Op::Write(10)], "{small}");
}

#[test]
fn a_fault_is_told_with_its_place() {
    let head = "title = \"T\"\nteaches = \"T\"\n";
    for (text, expected) in [
        (
            "[netvc]\n",
            "x.toml:3:1: expected one [client], which the NetVC accepts, or an [origin], \
                       to which it connects, found \"another number\"",
        ),
        (
            "[netvc]\n[client]\n[origin]\n",
            "x.toml:3:1: expected one [client], which the NetVC \
                                           accepts, or an [origin], to which it connects, found \
                                           \"both\"",
        ),
        (
            "[netvc]\n[client]\n[hooks]\n",
            "x.toml:5:1: expected no proxy beside a [netvc], which \
                                          stands in its place, found \"hooks\"",
        ),
        (
            "[netvc]\non_connect = [\"hold core 1s\"]\n[client]\n",
            "x.toml:4:16: expected an operation of a NetVC's user, which holds no mutex, found \
          \"hold core 1s\"",
        ),
        (
            "[netvc]\non_connect = [\"do_io_read 1 no_cont\"]\n[client]\n",
            "x.toml:4:16: expected an operation with the continuation of the NetVC's user, found \
          \"do_io_read 1 no_cont\"",
        ),
        (
            "[netvc]\nafter_2m = []\n[client]\n",
            "x.toml:4:7: expected a time up to a day after \
                                                after_ (like 20us, 250ms, 10s), found \"2m\"",
        ),
        (
            "[netvc]\non_race = []\n[client]\n",
            "x.toml:4:1: expected a reaction (on_connect, on_ \
                                               and an event, after_ and a time), found \"on_race\"",
        ),
        (
            "[net]\nwater = 1\n[netvc]\n[client]\n",
            "x.toml:4:1: expected \
                                                   default_inactivity_timeout, found \"water\"",
        ),
        (
            "[netvc]\n[client]\nat_TXN_START = []\n",
            "x.toml:4:1: expected a moment of a socket or \
                                                    of the NetVC's user, found \"a hook or an \
                                                    event\"",
        ),
        (
            "[client]\nat_connect = []\n[origin]\n",
            "x.toml:3:1: expected a [netvc] for a moment of \
                                                   its user (at_connect, at_ and an event), found \
                                                   \"none\"",
        ),
        (
            "[netvc]\n[client]\nby = \"plugin\"\n",
            "x.toml:4:1: expected a socket at the other end \
                                                  of a NetVC, found \"a plugin\"",
        ),
    ] {
        let text = format!("{head}{text}");
        let error = http_scenario_from_bytes("x.toml", text.as_bytes()).expect_err(&text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

/// The recordings say what the real servers do. `UPDATE_RECORDING=1` writes them anew.
#[test]
#[ignore = "needs the real servers, which tests/live/install unpacks"]
fn the_real_servers_play_the_netvcs_as_they_were_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let servers = std::env::var_os("ATSLAB_SERVERS").map(PathBuf::from);
    let servers = servers.unwrap_or_else(|| root.join("../target/live"));
    // The package of 8.1.11 has no headers.
    let new = Server::find(&servers, release("9.2.9")).expect("unpacked");
    let probe = Arc::new(Probe::of_http(std::slice::from_ref(&new)).expect("a compiler"));
    for name in RELEASES {
        let Ok(server) = Server::find(&servers, release(name)) else { continue };
        let mut arm = HttpArm::new(&server, &probe);
        let mut play = |name: String| {
            let report = arm.play(&named(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, report)
        };
        let played: Vec<(String, HttpReport)> = net_names().map(&mut play).collect();
        if std::env::var_os("UPDATE_RECORDING").is_some() {
            let text = print_http(played.iter().map(|(name, report)| (&**name, report)));
            std::fs::write(root.join(format!("net_scenarios/{name}.txt")), text).expect("the file");
            continue;
        }
        let recorded = recorded_net(release(name)).expect("recorded");
        for (scenario, report) in &played {
            let difference = http_differ(&recorded[scenario], report);
            assert_eq!(difference, None, "{scenario}, {name}: what was recorded is called real");
        }
    }
}

/// The scenarios of the gallery in which 8.1.11 and 9.2.9 differ.
const OF_ONE_RELEASE: [&str; 7] = [
    "net-03-timeout-taken-back",
    "net-09-shutdown-then-data",
    "net-12-connect-and-say-nothing",
    "net-13-refused",
    "net-14-shutdown-in-write-ready",
    "net-15-default-timeout",
    "net-17-close-in-a-nested-callback",
];
