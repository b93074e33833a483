//! The schemas of `docs/schema`: what the command prints as JSON is what they say.
//!
//! The schemas let a reader accept fields that are not in them, so that a field can be
//! added. The tests do not: a field that is printed stands in its schema.

mod validator;

use std::fs;
use std::path::Path;

use serde_json::Value;

use self::validator::Schema;
use crate::common::{Files, atslab, stdout};

fn schema(name: &str) -> Schema {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join("docs/schema").join(name)).expect("the schema");
    Schema::new(serde_json::from_str(&text).expect("a schema is JSON"))
}

/// Checks each line, and gives the objects.
fn objects(schema: &Schema, text: &str) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).expect("a line is JSON");
    let objects: Vec<Value> = text.lines().map(read).collect();
    for object in &objects {
        schema.check(object).unwrap_or_else(|fault| panic!("{fault}"));
    }
    objects
}

#[test]
fn a_run_as_json_is_what_its_schema_says() {
    let schema = schema("atslab-run-1.json");
    let names = stdout(atslab().args(["list", "scenarios", "--color", "never"]));
    let is_number = |name: &&str| name.starts_with(|first: char| first.is_ascii_digit());
    let names = names.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(is_number).collect();
    assert!(names.len() >= 68, "{names:?}");
    let text = stdout(atslab().args(["run", "--epoch", "all", "--format", "json"]).args(&names));
    let objects = objects(&schema, &text);
    assert_eq!(objects.len(), names.len());

    // The gallery has every kind of record.
    for kind in ["step", "seen", "reaction", "op", "hold"] {
        let is = |record: &Value| record["record"] == kind;
        let runs = objects.iter().flat_map(|one| one["runs"].as_array().expect("a list"));
        let mut records = runs.flat_map(|run| run["records"].as_array().expect("a list"));
        assert!(records.any(is), "{kind}");
    }
}

#[test]
fn an_http_run_as_json_is_what_its_schema_says() {
    let schema = schema("atslab-http-run-1.json");
    let names = stdout(atslab().args(["list", "http", "--color", "never"]));
    let names = names.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(|name| name.starts_with("http-")).collect();
    assert!(names.len() >= 44, "{names:?}");
    let objects =
        objects(&schema, &stdout(atslab().args(["run", "--format", "json"]).args(&names)));
    assert_eq!(objects.len(), names.len());

    // The gallery has every kind of record, and each way to end but one.
    let runs = || objects.iter().map(|one| &one["runs"][0]);
    for kind in ["moment", "op", "hook_op", "gets", "event"] {
        let is = |record: &Value| record["record"] == kind;
        let mut records = runs().flat_map(|run| run["records"].as_array().expect("a list"));
        assert!(records.any(is), "{kind}");
    }
    for finish in ["quiet", "abort"] {
        assert!(runs().any(|run| run["finish"] == finish), "{finish}");
    }
    assert!(runs().all(|run| run["unmet"] == serde_json::json!([])));
}

#[test]
fn steps_as_json_are_what_their_schema_says() {
    let schema = schema("atslab-steps-1.json");
    let names = ["--case", "basic", "--case", "eos", "--case", "g01_ok"];
    let steps = ["steps", "--format", "json", "--epoch", "all"];
    let objects = objects(&schema, &stdout(atslab().args(steps).args(names)));
    assert!(objects.iter().any(|step| step["held"].is_array()));
}

#[test]
fn a_difference_as_json_is_what_its_schema_says() {
    let schema = schema("atslab-diff-1.json");
    let args = ["diff", "C", "D", "--scenarios", "02-peer-reads-late", "--format", "json"];
    let assert = atslab().args(args).assert().code(1);
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let [object] = &objects(&schema, &text)[..] else { panic!("one object") };
    let difference = &object["differences"][0];
    assert_eq!(difference["kind"], "write_added | sm_write");
    let here = |side: &str| difference[side]["here"].as_str().expect("a step").to_owned();
    assert!(here("left").contains("A write_added 1"), "{difference}");
    assert!(here("right").contains("A sm_write 3"), "{difference}");
    let same = stdout(atslab().args(["diff", "D", "E", "--count", "20", "--format", "json"]));
    assert_eq!(objects(&schema, &same)[0]["differences"], Value::Array(Vec::new()));
}

#[test]
fn http_verdicts_as_json_are_what_their_schema_says() {
    let all = schema("atslab-http-compare-1.json");
    let args = ["compare", "--format", "json", "--http"];
    let [object] = &objects(&all, &stdout(atslab().args(args)))[..] else { panic!("one object") };
    let verdicts = object["scenarios"].as_array().expect("a list");
    assert_eq!(object["same"], verdicts.iter().filter(|one| one["verdict"] == "same").count());
    let known = verdicts.iter().find(|one| one["verdict"] == "registered").expect("one is known");
    assert!(known["difference"]["real"].is_string() && known["deviation"].is_string(), "{known}");

    let schema = schema("atslab-http-diff-1.json");
    let args = ["diff", "D", "D", "--format", "json", "--scenarios", "http-12-hook-refuses"];
    let same = &objects(&schema, &stdout(atslab().args(args)))[0];
    assert_eq!((&same["events"], &same["differences"]), (&8.into(), &Value::Array(Vec::new())));
}

/// Only a real server differs from the port.
#[test]
#[ignore = "needs the real server, which tests/live/install unpacks"]
fn a_real_http_difference_as_json_is_what_its_schema_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let case = "http-42-body-thrown-away-twice";
    let mut command = atslab();
    command.current_dir(root).args(["diff", "D", "9.2.9", "--format", "json", "--scenarios", case]);
    let assert = command.assert().code(1);
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let difference = &objects(&schema("atslab-http-diff-1.json"), &text)[0]["differences"][0];
    assert_eq!((&difference["name"], &difference["participant"]), (&case.into(), &"client".into()));
    assert_eq!(difference["right"], "| Connection: keep-alive");
}

#[test]
fn verdicts_as_json_are_what_their_schema_says() {
    let schema = schema("atslab-compare-1.json");
    let args = ["compare", "--case", "basic", "--case", "eos", "--format", "json"];
    let [object] = &objects(&schema, &stdout(atslab().args(args)))[..] else {
        panic!("one object")
    };
    assert_eq!(object["identical"], 8, "two cases of four releases");

    let verdict = |alter: fn(&mut Vec<String>)| {
        let files = Files::with_altered_basic(alter);
        let text = stdout(files.compare().args(["--format", "json"]));
        objects(&schema, &text)[0]["cases"][0].clone()
    };
    let differs = verdict(|lines| lines[5] = "A event 9".to_owned());
    assert_eq!((&differs["verdict"], &differs["after"]), (&"differs".into(), &4.into()));
    assert_eq!(differs["recorded"]["here"], "A event 9");
    let missing = verdict(|lines| lines.push("- destroy".to_owned()));
    assert_eq!((&missing["verdict"], &missing["port"]["here"]), (&"missing".into(), &Value::Null));
    let surplus = verdict(|lines| drop(lines.pop()));
    assert_eq!(surplus["verdict"], "surplus");
}

#[test]
fn a_visit_of_the_museum_as_json_is_what_its_schema_says() {
    let schema = schema("atslab-museum-1.json");
    // One that was found, one that cannot be put back, and one that the compiler refuses.
    for (room, armed, fixed) in
        [("ts-3339", true, true), ("gh-6576", false, true), ("gh-9433", false, false)]
    {
        let args = ["museum", room, "--schedules", "20", "--format", "json"];
        let objects = objects(&schema, &stdout(atslab().args(args)));
        let visit = &objects[0]["rooms"][0];
        assert_eq!((&visit["room"], &objects[0]["surprises"]), (&room.into(), &0.into()));
        assert_eq!((visit["armed"].is_object(), visit["fixed"].is_object()), (armed, fixed));
    }
}

#[test]
fn a_schema_refuses_what_it_does_not_say() {
    let schema = schema("atslab-run-1.json");
    let args = ["run", "01-ten-bytes", "--format", "json"];
    let text = stdout(atslab().args(args));
    let right: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(schema.check(&right), Ok(()));
    let fault = |alter: &dyn Fn(&mut Value)| {
        let mut wrong = right.clone();
        alter(&mut wrong);
        schema.check(&wrong).expect_err("a fault")
    };
    assert_eq!(fault(&|run| run["version"] = 2.into()), "$.version: 2 is not 1");
    assert_eq!(
        fault(&|run| run["runs"][0]["more"] = 1.into()),
        "$.runs[0].more: the schema has no such field"
    );
    let gone = fault(&|run| {
        run["runs"][0].as_object_mut().expect("an object").remove("finish");
    });
    assert_eq!(gone, "$.runs[0]: there is no finish");
    let record = fault(&|run| run["runs"][0]["records"][0]["n"] = "0".into());
    assert!(record.contains("$.runs[0].records[0].n: \"0\" is not of the type"), "{record}");
    let negative = fault(&|run| run["runs"][0]["records"][0]["t"] = (-1).into());
    assert!(negative.contains("$.runs[0].records[0].t: -1 is less than 0"), "{negative}");
    assert!(fault(&|run| run["runs"][0]["epoch"] = "Z".into()).contains("\"Z\" is not one of"));
}

#[test]
fn an_interleaving_as_json_is_what_its_schema_says() {
    let schema = schema("atslab-interleaving-1.json");
    let explore = |args: &[&str]| stdout(atslab().args(["explore", "--format", "json"]).args(args));
    let found = objects(&schema, &explore(&["deadlock-over-m2"]));
    assert_eq!(found[0]["violation"]["kind"], "deadlock");
    objects(&schema, &explore(&["reader-shuts-read", "--bound", "1"]));
    objects(&schema, &explore(&["reader-shuts-read", "--schedule", "a*"]));
    let pct = ["shutdown-without-a-lock", "--strategy", "pct", "--schedules", "500", "--all"];
    objects(&schema, &explore(&pct));
}

#[test]
fn a_bench_as_json_is_what_its_schema_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("bench.json");
    let mut command = atslab();
    command.args(["bench", "--quick", "--runs", "2", "--others", "--json"]).arg(&file);
    stdout(command.args(["--filter", "timer_cancel", "--filter", "http_1k"]));
    let report = fs::read_to_string(file).expect("the report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    schema("atslab-bench-1.json").check(&report).unwrap_or_else(|fault| panic!("{fault}"));
    let workloads = report["workloads"].as_array().expect("a list");
    assert!(workloads.iter().any(|one| one["bare"].is_array() && one["reach"].is_number()));
    assert!(workloads.iter().any(|one| one["others"][0].is_object() && one["bare"].is_null()));
}
