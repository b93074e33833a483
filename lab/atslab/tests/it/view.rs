//! `atslab view`: its page, its figures, its traces, and its errors. What the page does in a
//! browser is in `tests/view`.

mod trace;

use predicates::str::contains;
use serde_json::Value;

use crate::common::{Files, atslab, stdout};

/// Writes a page, and gives its text.
fn page(files: &Files, args: &[&str]) -> String {
    let mut command = atslab();
    command.current_dir(files.path()).arg("view").args(args).args(["--html", "page.html"]);
    command.assert().success().stdout("").stderr("");
    std::fs::read_to_string(files.path().join("page.html")).expect("the page")
}

/// The data of a page that is not gzip'd.
fn data(page: &str) -> Value {
    let begin = "type=\"application/json\">";
    let at = page.find(begin).expect("the data") + begin.len();
    let text = &page[at..];
    serde_json::from_str(&text[..text.find("</script>").expect("its end")]).expect("JSON")
}

#[test]
fn a_page_has_everything_in_it_and_asks_for_nothing() {
    let files = Files::new("", "");
    let page = page(&files, &["02-peer-reads-late", "--epoch", "all"]);
    for word in ["src=", "@import", "url(http", "fetch("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
    let data = data(&page);
    assert_eq!(data["scenes"][0]["runs"].as_array().expect("a list").len(), 3);
    assert_eq!(data["links"]["book"], "", "the folder is not the project's");
}

#[test]
fn a_file_of_the_user_is_shown_as_it_stands() {
    let files = Files::new("", "");
    let hostile = "</script><script>alert(1)</script>";
    let text = format!(
        "# mine {hostile}\ntitle = \"{hostile}\"\nteaches = '\"><img src=x onerror=alert(1)>'\n\
         [active]\non_connect = [\"close\"]\n[passive]\non_EOS = [\"close\"]\n"
    );
    files.write("my.toml", text.as_bytes());
    let page = page(&files, &["my.toml", "--book", "https://example.org/book"]);
    assert!(!page.contains("<script>alert") && !page.contains("<img"));
    let data = data(&page);
    assert_eq!(data["scenes"][0]["text"], text.as_str());
    assert_eq!(data["scenes"][0]["title"], hostile);
    assert_eq!(data["links"]["book"], "https://example.org/book/");
}

#[test]
fn a_recorded_case_stands_beside_the_port() {
    let files = Files::new("", "");
    let data = data(&page(&files, &["--case", "eos", "--ats", "9.2.9"]));
    let runs = data["scenes"][0]["runs"].as_array().expect("a list");
    let arms: Vec<&str> = runs.iter().filter_map(|run| run["arm"].as_str()).collect();
    assert_eq!(arms, ["recorded", "port"]);
    let rows = |run: &Value| run["rows"]["at"].as_array().expect("a list").len();
    assert_eq!(rows(&runs[0]), rows(&runs[1]));
    assert_eq!(runs[1]["locks"].as_array().expect("a list").len(), 3);
}

#[test]
fn an_http_scenario_has_a_lane_for_each_participant() {
    let files = Files::new("", "");
    let text = "# mine\ntitle = \"t\"\nteaches = \"t\"\n[client.a]\non_start = [\"get /a\"]\n\
                [client.b]\nafter_100ms = [\"get /b\"]\n[origin]\non_head = [\"answer 200 5\"]\n";
    files.write("my.toml", text.as_bytes());
    let scene = &data(&page(&files, &["my.toml"]))["scenes"][0];
    assert_eq!(scene["text"], text);
    let run = &scene["runs"][0];
    let lanes = run["lanes"].as_array().expect("a list");
    let lanes: Vec<&str> = lanes.iter().filter_map(|lane| lane[0].as_str()).collect();
    assert_eq!(lanes, ["client a", "client b", "proxy", "plugin’s hooks", "origin 1"]);
    let buffers = run["buffers"].as_array().expect("a list").len();
    assert_eq!(buffers, 3, "two clients, and the origin server's only connection");

    let refused = |args: &[&str], sentence: &str| {
        let mut command = atslab();
        let command = command.args(["view", "http-01-one-get"]).args(args);
        command.assert().code(2).stderr(format!("atslab: {sentence}\n"));
    };
    let mirrored = "HTTP scenarios are for the releases of 9.2, whose HTTP state machine the port \
                    mirrors";
    refused(&["--epoch", "all"], &format!("--epoch all: {mirrored}"));
    let sockets = "--tcp: expected a scenario of a pair, found an HTTP scenario, which has sockets of \
                   its own";
    refused(&["--tcp"], sockets);
}

#[test]
fn what_other_commands_print_as_json_is_shown() {
    let files = Files::new("", "");
    let steps = stdout(atslab().args(["steps", "--case", "eos", "--format", "json"]));
    files.write("steps.jsonl", steps.as_bytes());
    let scene = &data(&page(&files, &["steps.jsonl"]))["scenes"][0];
    let rows = scene["runs"][0]["rows"]["at"].as_array().expect("a list");
    assert_eq!(rows.len(), steps.lines().count());
    let scenario = r#"{"layer":"core","actions":[{"a":"read","d":"pre"}]}"#;
    files.write("node.jsonl", scenario.as_bytes());
    let scene = &data(&page(&files, &["node.jsonl"]))["scenes"][0];
    assert_eq!(scene["runs"][0]["lanes"].as_array().expect("a list").len(), 5);
    assert!(scene["text"].as_str().expect("text").contains(r#"{"a":"read","d":"pre"}"#));
    files.write("node.jsonl", [scenario, "\n{\"layer\":\"none\"}\n"].concat().as_bytes());
    let mut command = atslab();
    let command = command.current_dir(files.path()).args(["view", "node.jsonl"]);
    command.assert().code(2).stderr(contains("node.jsonl:2: "));
}

#[test]
fn each_line_with_a_violation_is_on_the_page() {
    let files = Files::new("", "");
    let line = |text: &str, rows: &str| {
        format!(
            "{{\"format\":\"atslab-interleaving\",\"version\":1,\"threads\":[\"T\"],\
             \"schedule\":\"a*\",\"violation\":{{\"kind\":\"panic\",\"text\":\"{text}\"}},\
             \"segments\":[{{\"task\":0}}],\"rows\":[{rows}]}}\n"
        )
    };
    let row = "{\"task\":0,\"note\":\"A > close\"}";
    let lines = [line("one", row), line("none", ""), line("two", row)].concat();
    files.write("found.json", lines.as_bytes());
    let data = data(&page(&files, &["found.json"]));
    let races = data["interleavings"].as_array().expect("a list");
    let texts: Vec<&str> = races.iter().filter_map(|race| race["violation"].as_str()).collect();
    assert_eq!(texts, ["panic: one", "panic: two"]);
}

#[test]
fn without_a_file_the_page_has_the_whole_gallery() {
    let files = Files::new("", "");
    let page = page(&files, &[]);
    assert!(page.contains("application/octet-stream"), "it is gzip'd");
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
}

#[test]
fn without_a_place_the_browser_gets_a_temporary_file() {
    let mut command = atslab();
    let output = stdout(command.args(["view", "01-ten-bytes"]).env("BROWSER", "true"));
    let path = output.trim_end();
    assert!(path.ends_with(".html") && !path.contains('\n'), "{output}");
    assert!(std::fs::read_to_string(path).expect("the page").contains("Ten bytes"));
    std::fs::remove_file(path).expect("it is there");
    let mut command = atslab();
    let output = stdout(command.args(["view", "01-ten-bytes"]).env("BROWSER", "false"));
    let (path, said) = output.split_once('\n').expect("two lines");
    assert_eq!(said, "false did not open it; open this file in a browser\n");
    std::fs::remove_file(path).expect("it is there");
}

/// The recording has the same steps as the port. What the users do is in no recording, so it is no
/// difference, as on the page.
#[test]
fn a_figure_shades_only_what_a_run_could_have() {
    let figure = |args: &[&str]| stdout(atslab().arg("view").args(args).args(["--svg", "step=9"]));
    let same = figure(&["--case", "basic"]);
    assert_eq!(same.matches("epoch C").count(), 2, "the recording and the port: {same}");
    assert!(!same.contains("class=\"band\"") && !same.contains("class=\"gap\""), "{same}");
    let differs = figure(&["02-peer-reads-late", "--epoch", "all"]);
    assert!(differs.contains("class=\"band\""), "{differs}");
}

#[test]
fn a_figure_is_svg_with_the_sentence_of_its_step() {
    let figure = stdout(atslab().args(["view", "24-water-mark-32kib", "--svg", "step=41"]));
    assert!(figure.starts_with("<svg ") && figure.ends_with("</svg>\n"));
    assert!(figure.contains("the bytes stay in the write buffer"), "{figure}");
    assert_eq!(figure.matches("<g ").count(), figure.matches("</g>").count());
}

/// The rules of the document "Trace Event Format", one by one. `tests/view/perfetto.mjs` opens the
/// same traces in Perfetto itself.
#[test]
fn a_trace_keeps_the_rules_of_its_format() {
    let files = Files::new("", "");
    for args in [["45-held-peer", "--epoch=all"], ["24-water-mark-32kib", "--tcp"]] {
        let mut command = atslab();
        command.current_dir(files.path()).arg("view").args(args).args(["--trace", "trace.json"]);
        command.assert().success().stdout("").stderr("");
        let text = std::fs::read_to_string(files.path().join("trace.json")).expect("the trace");
        let trace: Value = serde_json::from_str(&text).expect("JSON");
        trace::check(trace["traceEvents"].as_array().expect("a list"));
    }
}

#[test]
fn the_same_users_play_over_tcp() {
    let files = Files::new("", "");
    let data = data(&page(&files, &["01-ten-bytes", "--tcp", "--epoch", "C"]));
    let runs = data["scenes"][0]["runs"].as_array().expect("a list");
    let names: Vec<&str> = runs.iter().filter_map(|run| run["arm"].as_str()).collect();
    assert_eq!(names, ["port", "port, over TCP"]);
    // What the users do and are told is the same, over a pair and over TCP.
    let users = |run: &Value| -> Vec<String> {
        let texts = run["texts"].as_array().expect("a list");
        let codes = run["rows"]["code"].as_array().expect("a list").iter();
        let codes = codes.map(|code| texts[code.as_u64().expect("an index") as usize].as_str());
        let of_user = |code: &&str| code.contains(" > ") || code.contains(" sm_");
        codes.flatten().filter(of_user).map(str::to_owned).collect()
    };
    let mut both = [users(&runs[0]), users(&runs[1])];
    both.iter_mut().for_each(|codes| codes.sort());
    assert_eq!(both[0], both[1]);
    let fails = |args: &[&str], sentence: &str| {
        atslab().arg("view").args(args).assert().code(2).stderr(contains(sentence));
    };
    fails(&["45-held-peer", "--tcp"], "found `hold`");
    fails(&["--tcp"], "required arguments were not provided");
    fails(&["01-ten-bytes", "--tcp", "--live"], "cannot be used with");
}

#[test]
fn mistakes_are_told_in_one_sentence() {
    let fails = |args: &[&str], sentence: &str| {
        atslab().arg("view").args(args).assert().code(2).stderr(contains(sentence));
    };
    fails(&["01-ten-byte"], "did you mean 01-ten-bytes?");
    fails(&["--case", "eso"], "no case is named \"eso\"");
    fails(&["--svg", "step=1"], "--svg: expected a scenario or a case, found none");
    fails(&["01-ten-bytes", "--svg", "step=0"], "expected step=N with N from 1 to");
    fails(&["01-ten-bytes", "--svg", "step=x"], "expected step=N with a number N");
    fails(&["01-ten-bytes", "--html", "/no/such/folder/x.html"], "cannot be written");
    fails(&["--case", "g01_ok", "--epoch", "B"], "has not been recorded");
    let files = Files::new("", "");
    let race = |text: &str, sentence: &str| {
        files.write("race.json", text.as_bytes());
        let mut command = atslab();
        let command = command.current_dir(files.path()).args(["view", "race.json"]);
        command.assert().code(2).stdout("").stderr(contains(sentence));
    };
    race("{", "race.json: ");
    let with = |format: &str, threads: &str| {
        format!(
            "{{\"format\":\"{format}\",\"version\":1,\"threads\":[{threads}],\"schedule\":\"a*\",\
             \"segments\":[{{\"task\":0}}],\"rows\":[]}}"
        )
    };
    race(&with("atslab-run", "\"T\""), "expected the format atslab-interleaving version 1");
    race(&with("atslab-interleaving", ""), "expected a task below 0, found 0");
    race(&with("atslab-interleaving", "\"T\""), "expected the operations of an execution");
}
