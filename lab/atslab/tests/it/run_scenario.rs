//! `atslab run`: its output, and its errors.

use std::path::PathBuf;

use predicates::prelude::PredicateBooleanExt;
use serde_json::Value;

use crate::common::{Files, atslab, stderr, stdout};

/// A file of the gallery.
fn gallery(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "scenarios", name].iter().collect()
}

#[test]
fn the_steps_are_the_text_of_recordings() {
    let run = ["run", "--format", "steps"];
    insta::assert_snapshot!(stdout(atslab().args(run).arg(gallery("01-ten-bytes.toml"))));
}

#[test]
fn a_run_ends_with_what_became_of_the_bytes_and_the_pair() {
    let text = stdout(atslab().arg("run").arg(gallery("01-ten-bytes.toml")));
    let end = "- destroy\n\n\
               Both ends were closed.\n\
               A wrote 10 bytes: 10 consumed by the peer.\n\
               A was called back with WRITE_COMPLETE.\n\
               P wrote nothing.\n\
               P was called back with READ_COMPLETE.\n\
               The pair was freed.\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn epochs_that_are_alike_stand_once_and_the_others_side_by_side() {
    let file = gallery("02-peer-reads-late.toml");
    insta::assert_snapshot!(stdout(atslab().args(["run", "--epoch", "all"]).arg(file)));
    let file = gallery("03-half-close-write.toml");
    let text = stdout(atslab().args(["run", "--epoch", "all"]).arg(file));
    assert!(text.contains("epochs B (8.1.11) and C (9.1.3): "), "{text}");
}

#[test]
fn what_is_expected_and_does_not_come_is_told_with_status_1() {
    let files = Files::new("", "");
    let text = "title = \"t\"\nteaches = \"t\"\n[active]\non_connect = [\"close\"]\n\
                [passive]\non_EOS = [\"close\"]\n[expect.C]\npassive = [\"EOS\"]\n";
    files.write("my.toml", text.as_bytes());
    let run = |args: &[&str]| {
        let mut command = atslab();
        command.current_dir(files.path()).args(["run", "my.toml"]).args(args).assert()
    };
    let sentence = "my, epoch C: expected EOS at the passive end, and no callback came\n";
    run(&[]).code(1).stderr("").stdout(predicates::str::ends_with(sentence));
    run(&["--epoch", "B"]).code(0);
    run(&["--format", "steps"]).code(1).stdout(predicates::str::contains("expected").not());
    let output = run(&["--format", "json"]).code(1).get_output().stdout.clone();
    let object: Value = serde_json::from_slice(&output).expect("one object");
    let told = "expected EOS at the passive end, and no callback came";
    assert_eq!(object["runs"][0]["unmet"], serde_json::json!([told]));
    assert_eq!(object["runs"][0]["outcome"]["P"]["callbacks"], serde_json::json!([]));
}

#[test]
fn json_has_the_steps_that_the_text_has_and_the_operations_between_them() {
    let run = |format: &str| {
        let mut command = atslab();
        let file = gallery("60-answer-before-the-body.toml");
        stdout(command.args(["run", "--epoch", "all", "--format", format]).arg(file))
    };
    let object: Value = serde_json::from_str(&run("json")).expect("one object");
    assert_eq!((&object["format"], &object["version"]), (&"atslab-run".into(), &1.into()));
    let mut text = String::new();
    for run in object["runs"].as_array().expect("a list") {
        let epoch = run["epoch"].as_str().expect("a name");
        text.push_str(&format!("case 60-answer-before-the-body-{epoch}\n"));
        let records = run["records"].as_array().expect("a list");
        for step in records.iter().filter(|record| record["record"] == "step") {
            let word = |name: &str| step[name].as_str().expect("a word").to_owned();
            let value = step["value"].as_i64().map_or(String::new(), |value| format!(" {value}"));
            text.push_str(&format!("{} {}{value}\n", word("side"), word("kind")));
        }
        let ops: Vec<_> = records
            .iter()
            .filter(|record| record["record"] == "op")
            .map(|record| (record["index"].as_u64(), &record["op"]))
            .collect();
        let all = &object["scenario"]["ops"];
        assert!(ops.len() >= 10, "{ops:?}");
        assert!(ops.iter().all(|(index, op)| all[index.expect("a number") as usize] == **op));
        assert!(records.iter().all(|record| record["level"]["core"]["A"].is_i64()));
    }
    assert_eq!(text, run("steps"));
}

#[test]
fn all_epochs_make_a_case_each() {
    let file = gallery("01-ten-bytes.toml");
    let text = stdout(atslab().args(["run", "--epoch", "all", "--format", "steps"]).arg(file));
    let cases: Vec<_> = text.lines().filter(|line| line.starts_with("case ")).collect();
    let each = ["B", "C", "D", "E"].map(|epoch| format!("case 01-ten-bytes-{epoch}"));
    assert_eq!(cases, each);
}

#[test]
fn a_panic_of_the_port_is_told() {
    let file = gallery("49-defaults-write.toml");
    let assert = atslab().arg("run").arg(file).assert().success().stderr("");
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let last = text.lines().find(|line| line.starts_with("panic: ")).expect("a line");
    assert!(last.contains("the original dereferences a null pointer here"), "{last}");
}

#[test]
fn a_fault_in_the_scenario_names_file_line_and_column() {
    let files = Files::new("", "");
    let text = "title = \"t\"\nteaches = \"t\"\n[active]\non_connect = [\"reenable it\"]\n";
    files.write("my.toml", text.as_bytes());
    let mut command = atslab();
    command.current_dir(files.path()).args(["run", "my.toml"]);
    let sentence = "atslab: my.toml:4:25: expected read or write, found \"it\"\n";
    command.assert().code(2).stdout("").stderr(sentence);
}

#[test]
fn a_file_that_is_not_there() {
    let error = stderr(atslab().args(["run", "none.toml"]));
    assert_eq!(error, "atslab: none.toml: there is no such file\n");
}

#[test]
fn a_story_is_wrapped_to_the_width_and_says_the_same() {
    let told = |width: &[&str]| {
        let file = gallery("55-look-while-held.toml");
        stdout(atslab().args(["run", "--explain", "--epoch", "all"]).args(width).arg(file))
    };
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let wide = told(&["--width", "1000"]);
    for (width, most) in [(&[][..], 100), (&["--width", "80"], 80)] {
        let text = told(width);
        assert_eq!(words(&text), words(&wide));
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest > Some(most - 10) && longest <= Some(most), "{longest:?}");
    }
    atslab().args(["run", "01-ten-bytes", "--explain", "--width", "59"]).assert().code(2);
}

/// A pipe gives its bytes once.
#[test]
fn a_scenario_of_either_kind_comes_through_a_pipe() {
    let pair = "title = \"t\"\nteaches = \"t\"\n[active]\non_connect = [\"close\"]\n\
                [passive]\non_EOS = [\"close\"]\n";
    let http = "title = \"t\"\nteaches = \"t\"\n[client]\non_start = [\"get /a\"]\n\
                on_head = [\"finish\"]\n[origin]\non_head = [\"answer 200 5\"]\n";
    for (text, expected) in [(pair, "The pair was freed."), (http, "| HTTP/1.1 200 A")] {
        let text = stdout(atslab().args(["run", "/dev/stdin"]).write_stdin(text));
        assert!(text.contains("stdin\n") && text.contains(expected), "{text}");
    }
    let files = Files::new("", "");
    files.write("my own.toml", http.as_bytes());
    let text = stdout(atslab().current_dir(files.path()).args(["run", "my own.toml"]));
    assert!(text.starts_with("my-own\nclient\n"), "{text}");
}

/// A panic is a result on the second thread, too: it stands in the output, and the hook is silent.
#[test]
fn a_panic_on_the_second_event_thread_is_told_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("two.toml");
    let text = "title = \"t\"\nteaches = \"t\"\n[pair]\nthreads = 2\n[active]\n[passive]\n\
                after_5ms = [\"create 64K\"]\n[expect]\nfinish = \"panic\"\n";
    std::fs::write(&file, text).expect("the folder can be written");
    let told = stdout(atslab().arg("run").arg(&file));
    assert!(told.contains("panic: (index >= TS_IOBUFFER_SIZE_INDEX_128)"), "{told}");
    assert_eq!(stderr(atslab().arg("run").arg(&file)), "");
}
