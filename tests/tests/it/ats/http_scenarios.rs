//! HTTP scenarios: their text, the gallery beside what the real server did, and random ones.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use conformance::ats::http_scenario::{
    HttpArm, HttpDifference, explain_http, generate_http, http_differ, http_named, http_names,
    http_text, play_on_port, print_http, record_on_port_as, recorded_http, recorded_net,
    shrink_http,
};
use conformance::ats::live::{Probe, Server};
use conformance::ats::scenario::http::{
    ClientBy, HookOp, HttpClient, HttpExpect, HttpFinish, HttpOp, HttpProgram, HttpReaction,
    HttpReport, HttpScenario, HttpWhat, http_scenario_from_bytes, http_story, is_http_scenario,
    record_http_scenario,
};
use conformance::deviations::Deviations;
use conformance::pool;

/// The port does in each scenario of the gallery what the real 9.2.9 did.
#[test]
fn the_gallery_is_as_the_real_server_played_it() {
    let recorded = recorded_http();
    let names: Vec<String> = http_names().collect();
    assert!(names.iter().eq(recorded.keys()), "each is recorded, and nothing else");
    let difference = |name: &String, real: &HttpReport| {
        let scenario = http_named(name).expect("it is in the gallery");
        assert!(is_http_scenario(http_text(name).unwrap_or_default().as_bytes()), "{name}");
        let difference = http_differ(real, &play_on_port(&scenario))?;
        let release = "9.2.9".parse().expect("a release");
        let is_known = explain_http(release, &scenario, &difference).is_some();
        (!is_known).then(|| format!("{name}\n{difference}"))
    };
    let mut differ = Vec::new();
    // Seconds of virtual time are thousands of passes.
    let workers = vec![(); pool::size(None, recorded.len())];
    pool::run(
        recorded.iter(),
        workers,
        |(), (name, real)| difference(name, real),
        |difference| {
            differ.extend(difference);
            ControlFlow::Continue(())
        },
    );
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// What a scenario expects comes on the port, and came in the real server, unless a registered
/// deviation says that the two differ there.
#[test]
fn the_gallery_does_what_it_expects() {
    let recorded = recorded_http();
    let deviations = &Deviations::http_scenarios().deviation;
    let deviates = |name: &String| deviations.iter().any(|entry| entry.cases.contains(name));
    let (mut unmet, mut silent) = (Vec::new(), Vec::new());
    for name in http_names() {
        let scenario = http_named(&name).expect("it is in the gallery");
        if scenario.expect == HttpExpect::default() {
            silent.push(name);
            continue;
        }
        let mut check = |arm: &str, report: &HttpReport| {
            let told = scenario.unmet(report).into_iter();
            unmet.extend(told.map(|text| format!("{name}, {arm}: {text}")));
        };
        check("port", &play_on_port(&scenario));
        if !deviates(&name) {
            check("9.2.9", &recorded[&name]);
        }
    }
    assert!(unmet.is_empty(), "{}", unmet.join("\n"));
    assert!(silent.is_empty(), "each says what it expects: {silent:?}");
}

/// Each expectation that does not come is a sentence; those that come are none.
#[test]
fn what_does_not_come_is_told() {
    let unmet = |expect: &str| {
        let text = format!(
            "title = \"T\"\nteaches = \"T\"\n[client]\non_start = [\"get /a\"]\n\
             on_head = [\"finish\"]\n[origin]\non_head = [\"answer 200 5\"]\n\
             [hooks]\nREAD_REQUEST_HDR = [\"status 403\", \"error\"]\n{expect}\n"
        );
        let scenario = http_scenario_from_bytes("x.toml", text.as_bytes());
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        scenario.unmet(&play_on_port(&scenario))
    };
    for (expect, expected) in [
        ("[expect]\nfinish = \"quiet\"\nfindings = []", ""),
        (
            "[expect]\nfinish = \"abort\"",
            "expected the run to end with abort, and it ended with quiet",
        ),
        (
            "[expect]\nparticipants = [\"txn 1\", \"client\"]",
            "expected the participants client, txn 1, and there were client, session 1, txn 1",
        ),
        (
            "[expect]\nfindings = [\"txn 1 is not over\"]",
            "expected the findings txn 1 is not over, and there were none",
        ),
        (
            "[expect]\norder = [\"txn 1: TXN_CLOSE\", \"txn 1: PRE_REMAP\"]",
            "expected PRE_REMAP of txn 1, and it did not come",
        ),
        ("[expect.client]\nstatus = [403]\nbody = 0\nhas = [\"403\"]\nlacks = [\"200\"]", ""),
        (
            "[expect.client]\nstatus = [200]",
            "expected the statuses 200 to come to client, and 403 came",
        ),
        (
            "[expect.client]\nrequests = [\"GET /a\"]",
            "expected the requests GET /a to come to client, and none came",
        ),
        (
            "[expect.client]\nbody = 5",
            "expected 5 bytes to come to client behind heads, and 0 came",
        ),
        ("[expect.client]\nhas = [\"X-A\"]", "expected \"X-A\" to come to client, and it did not"),
        ("[expect.client]\nlacks = [\"403\"]", "expected no \"403\" to come to client, and it did"),
        (
            "[expect.client]\nlast = \"EOS\"",
            "expected the last event of client to be EOS, and it was closed",
        ),
        ("[expect.\"txn 2\"]", "expected txn 2 to take part, and it did not"),
        (
            "[expect.\"txn 1\"]\nevents = [\"TXN_START\", \"READ_REQUEST_HDR\", \"reenable\"]",
            "expected txn 1 to see reenable behind READ_REQUEST_HDR, and it saw error",
        ),
        (
            "[expect.\"session 1\"]\nevents = [\"SSN_START\"]",
            "expected session 1 to see nothing more behind SSN_START, and it saw SSN_CLOSE",
        ),
        (
            "[expect.client]\nevents = [\"closed\", \"closed\"]",
            "expected client to see closed behind closed, and it saw nothing more",
        ),
    ] {
        let found = unmet(expect).join("; ");
        assert_eq!(found, expected, "{expect}");
    }
}

/// The order of two participants is that of their times.
#[test]
fn what_comes_too_early_is_told() {
    let mut scenario = http_named("http-15-held-beyond-the-timeout").expect("in the gallery");
    let report = play_on_port(&scenario);
    let order = scenario.expect.order.as_mut().expect("it says an order");
    order.rotate_left(1);
    let expected = "expected closed of client behind TXN_CLOSE of txn 1, and it came before";
    assert_eq!(scenario.unmet(&report), [expected]);
}

/// The records tell all that the report tells, in the same order, and each has its sentence.
#[test]
fn the_records_tell_what_the_report_tells() {
    let mut kinds = BTreeSet::new();
    for name in http_names() {
        let scenario = http_named(&name).expect("it is in the gallery");
        let recorded = record_http_scenario(&scenario);
        assert!(recorded.records.is_sorted_by_key(|record| record.at), "{name}");
        for actor in &recorded.report.actors {
            let mine = recorded.records.iter().filter(|record| record.who == actor.name);
            let (mut told, mut bytes) = (Vec::new(), 0);
            for record in mine {
                match &record.what {
                    HttpWhat::Event(text) => told.push((record.at, text.clone())),
                    HttpWhat::HookOp { op: op @ (HookOp::Reenable | HookOp::Error), .. } => {
                        told.push((record.at, op.to_string()));
                    }
                    HttpWhat::HookOp { op, found: Some(found), .. } => {
                        told.push((record.at, format!("{op}: {found}").replace("see ", "sees ")));
                    }
                    HttpWhat::Gets { bytes: more, .. } => bytes += more,
                    HttpWhat::Moment(_)
                    | HttpWhat::Op { .. }
                    | HttpWhat::HookOp { .. }
                    | HttpWhat::VcOp(..) => {}
                }
            }
            assert_eq!(told, actor.events, "{name}, {}", actor.name);
            // The origin server's address is masked, which makes other bytes longer or shorter.
            if actor.name.starts_with("client") {
                assert_eq!(bytes, actor.bytes.len(), "{name}, {}", actor.name);
            }
        }
        for line in http_story(&scenario, &recorded) {
            let is_plain = !line.sentence.is_empty() && !line.sentence.ends_with('.');
            assert!(is_plain, "{name}: {line:?}");
        }
        kinds.extend(recorded.records.into_iter().map(|record| match record.what {
            HttpWhat::Moment(_) => "moment",
            HttpWhat::Op { .. } => "op",
            HttpWhat::HookOp { .. } => "hook_op",
            HttpWhat::VcOp(..) => "vc_op",
            HttpWhat::Gets { .. } => "gets",
            HttpWhat::Event(_) => "event",
        }));
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
}

/// An abort is expected only by its name.
#[test]
fn an_abort_must_be_expected() {
    let mut scenario = http_named("http-21-used-when-over").expect("in the gallery");
    scenario.expect = HttpExpect::default();
    let unmet = scenario.unmet(&play_on_port(&scenario));
    assert_eq!(unmet, ["expected no abort, because finish = \"abort\" is not in [expect]"]);
}

/// The recording says what the real server does. `UPDATE_RECORDING=1` writes it anew.
#[test]
#[ignore = "needs the real server, which tests/live/install unpacks"]
fn the_real_server_plays_the_gallery_as_it_was_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let servers = std::env::var_os("ATSLAB_SERVERS").map(PathBuf::from);
    let servers = servers.unwrap_or_else(|| root.join("../target/live"));
    let server = Server::find(&servers, "9.2.9".parse().expect("a release")).expect("unpacked");
    let probe = Arc::new(Probe::of_http(std::slice::from_ref(&server)).expect("a compiler"));
    let mut arm = HttpArm::new(&server, &probe);
    let mut play = |name: String| {
        let scenario = http_named(&name).expect("it is in the gallery");
        let report = arm.play(&scenario).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, report)
    };
    let played: Vec<(String, HttpReport)> = http_names().map(&mut play).collect();
    if std::env::var_os("UPDATE_RECORDING").is_some() {
        let text = print_http(played.iter().map(|(name, report)| (&**name, report)));
        std::fs::write(root.join("http_scenarios/9.2.9.txt"), text).expect("the file");
        return;
    }
    let recorded = recorded_http();
    for (name, report) in &played {
        let real = recorded.get(name).unwrap_or_else(|| panic!("{name} is not recorded"));
        let difference = http_differ(real, report);
        assert_eq!(difference, None, "{name}: what was recorded is called real");
    }
}

/// An entry of the register is shown by a scenario of the gallery.
#[test]
fn the_entries_of_the_register_still_differ() {
    let recorded = recorded_http();
    for entry in &Deviations::http_scenarios().deviation {
        for case in &entry.cases {
            let scenario = http_named(case).expect("it is in the gallery");
            let release = entry.programs[0].parse().expect("a release");
            let of_netvc = recorded_net(release).unwrap_or_default();
            let real = recorded.get(case).unwrap_or_else(|| &of_netvc[case]);
            let port = record_on_port_as(&scenario, release).report;
            let difference = http_differ(real, &port);
            let difference = difference.unwrap_or_else(|| panic!("{case} is the same"));
            let known = explain_http(release, &scenario, &difference);
            assert_eq!(known.as_ref(), Some(&entry.name), "{case}: {difference}");
        }
    }
}

/// With the first use both go on; the server ends with a later one.
#[test]
fn what_is_seen_in_recycled_memory_is_known() {
    let difference = HttpDifference {
        who: "txn 1".to_owned(),
        real: "sees client_request: GET http://{origin}/again HTTP/1.1".to_owned(),
        port: "(nothing more)".to_owned(),
    };
    let release = "9.2.9".parse().expect("a release");
    let known = |name: &str| {
        let scenario = http_named(name).expect("in the gallery");
        explain_http(release, &scenario, &difference)
    };
    let name = Some("used-when-recycled-and-again".to_owned());
    assert_eq!(known("http-55-used-when-recycled"), name);
    // Here the transaction is not over when it is seen.
    assert_eq!(known("http-18-given-back-by-a-task"), None);
}

#[test]
fn what_is_known_to_end_the_server_ends_the_port_with_the_same_assertion() {
    let report = play_on_port(&http_named("http-21-used-when-over").expect("in the gallery"));
    let HttpFinish::Crashed(text) = report.finish else { panic!("{report}") };
    assert!(text.contains("`sdk_sanity_check_txn(txnp) == TS_SUCCESS`"), "{text}");
}

#[test]
fn a_run_is_the_same_each_time() {
    for name in ["http-18-given-back-by-a-task", "http-29-plugin-posts"] {
        let scenario = http_named(name).expect("in the gallery");
        // To the nanosecond, and with nothing masked but the origin server's port.
        assert_eq!(play_on_port(&scenario), play_on_port(&scenario), "{name}");
    }
}

/// What does not matter goes, and what matters stays.
#[test]
fn a_scenario_is_made_as_small_as_it_still_differs() {
    let differs = |one: &HttpScenario| {
        let has_error = one.hooks.iter().any(|list| list.ops.contains(&HookOp::Error));
        let mut ops = one.clients.iter().flat_map(|it| &it.reactions).flat_map(|it| &it.ops);
        has_error && ops.any(|op| matches!(op, HttpOp::Post(..)))
    };
    let random = (0..3000).map(generate_http).find(|one| differs(one) && one.clients.len() == 2);
    let random = random.expect("one of them has both");
    let mut tries = 0;
    let small = shrink_http(random, |one| {
        tries += 1;
        Ok::<_, ()>(differs(one))
    });
    let small = small.expect("no try fails");
    assert!((1..=150).contains(&tries), "{tries}");
    let client = &small.clients[..];
    let [HttpClient { by: ClientBy::Tcp, reactions, .. }] = client else { panic!("{small}") };
    let [HttpReaction { ops, .. }] = &reactions[..] else { panic!("{small}") };
    assert!(matches!(ops[..], [HttpOp::Post(_, 0..=5)]), "{small}");
    let [list] = &small.hooks[..] else { panic!("{small}") };
    assert_eq!((&list.ops[..], small.origin.reactions.len()), (&[HookOp::Error][..], 0), "{small}");
}

/// Random scenarios, too, read back from their text.
#[test]
fn a_scenario_reads_back_from_its_text() {
    let random = (0..300).map(generate_http);
    let gallery = http_names().filter_map(|name| http_named(&name));
    for scenario in random.chain(gallery) {
        let text = scenario.to_string();
        let read = http_scenario_from_bytes("x.toml", text.as_bytes());
        let read = read.unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(read, scenario, "{text}");
        assert!(HttpProgram(&scenario).to_string().ends_with("over\n"));
    }
}

#[test]
fn a_fault_is_told_with_its_place() {
    let head = "title = \"T\"\nteaches = \"T\"\n";
    for (text, expected) in [
        (
            "[client]\non_start = [\"git /a\"]",
            "x.toml:4:14: expected an operation (get, post, answer, send, body, chunk, end, finish, \
             close, reset, read off or read on), found \"git\"",
        ),
        ("[client]\non_start = [\"get a\"]", "x.toml:4:18: expected a path (like /a), found \"a\""),
        (
            "[client]\non_head = [\"send\"]",
            "x.toml:4:17: expected what is sent, behind one blank, found the end",
        ),
        (
            "[client]\n\"on_head#0\" = []",
            "x.toml:4:10: expected which time after # (1, 2 and so on), found \"0\"",
        ),
        (
            "[client]\nby = \"post\"",
            "x.toml:4:6: expected \"tcp\" or \"plugin\", found \"\\\"post\\\"\"",
        ),
        (
            "[client.A]",
            "x.toml:3:9: expected a client's name of small letters, digits and `-`, found \"A\"",
        ),
        (
            "[client]\n[hooks]\nTXN_STOP = []",
            "x.toml:5:1: expected a hook (READ_REQUEST_HDR, OS_DNS, SEND_REQUEST_HDR, \
             READ_RESPONSE_HDR, SEND_RESPONSE_HDR, TXN_START, TXN_CLOSE, CACHE_LOOKUP_COMPLETE, \
             PRE_REMAP, POST_REMAP), found \"TXN_STOP\"",
        ),
        (
            "[client]\n[hooks]\nTXN_CLOSE = [\"go away\"]",
            "x.toml:5:18: expected home, other, task or foreign, found \"away\"",
        ),
        (
            "[client]\n[hooks]\nTXN_CLOSE = [\"go other\"]",
            "x.toml:4:1: expected `threads = 2` in [http] for `go other`, found \"1\"",
        ),
        (
            "[client]\n[hooks]\nTXN_CLOSE = [\"set client_request X 1\"]",
            "x.toml:5:34: expected the name of a field and a colon (like X-A:), found \"X\"",
        ),
        ("[http]\nthreads = 3\n[client]", "x.toml:4:11: expected 1 or 2 net threads, found \"3\""),
        (
            "[http]\nclient_timeout = \"1500ms\"\n[client]",
            "x.toml:4:18: expected a time of whole seconds, which the server's settings have, found \
             \"\\\"1500ms\\\"\"",
        ),
        (
            "[http]\nflow_control = [1, 2]\n[client]",
            "x.toml:4:16: expected two numbers of bytes, the upper mark first (like [65536, 32768]), \
             found \"[1, 2]\"",
        ),
        (
            "[client]\nafter_2m = []",
            "x.toml:4:7: expected a time up to 60s after after_ (like 250ms, 4s), found \"2m\"",
        ),
        (
            "[server]",
            "x.toml:3:2: expected title, teaches, http, net, client, netvc, origin, hooks or expect, found \
             \"server\"",
        ),
        (
            "[client]\n[expect]\nfinish = \"freed\"",
            "x.toml:5:10: expected \"quiet\", \"time\" or \"abort\", found \"\\\"freed\\\"\"",
        ),
        (
            "[client]\n[expect]\nbytes = 5",
            "x.toml:5:1: expected finish, participants, findings, order, or the name of a \
             participant, found \"bytes\"",
        ),
        (
            "[client]\n[expect.\"client a\"]",
            "x.toml:4:10: expected a participant (client, or origin, session or txn with a number: \
             \"txn 1\"), found \"client a\"",
        ),
        (
            "[client]\n[expect.\"txn 1\"]\nevents = [\"TXN_START\", \"TXN_STOP\"]",
            "x.toml:5:25: expected a hook of a transaction, reenable, error or sees …, found \
             \"TXN_STOP\"",
        ),
        (
            "[client]\n[expect]\norder = [\"client: closed\", \"session 1: TXN_CLOSE\"]",
            "x.toml:5:40: expected SSN_START or SSN_CLOSE, found \"TXN_CLOSE\"",
        ),
        (
            "[client]\n[expect]\norder = [\"closed\"]",
            "x.toml:5:10: expected a participant, a colon and an event (like \"txn 1: TXN_CLOSE\"), \
             found \"\\\"closed\\\"\"",
        ),
        (
            "[client]\n[expect.client]\nstatus = [20]",
            "x.toml:5:11: expected a status (like 200), found \"20\"",
        ),
        (
            "[client]\n[expect.client]\nbytes = 5",
            "x.toml:5:1: expected events, last, status, requests, body, has or lacks, found \"bytes\"",
        ),
    ] {
        let error = http_scenario_from_bytes("x.toml", format!("{head}{text}\n").as_bytes());
        assert_eq!(error.expect_err(text).to_string(), expected);
    }
    let twice = format!(
        "{head}[client]\non_head = []\n[origin]\non_head = []\n\"at_OS_DNS\" = []\n\"at_OS_DNS#1\" = []\n"
    );
    let error = http_scenario_from_bytes("x.toml", twice.as_bytes()).expect_err("twice");
    assert_eq!(
        error.to_string(),
        "x.toml:8:2: expected one reaction at_OS_DNS#1, found a second one; the first stands in line 7"
    );
}
