//! Runs scenarios on the port and compares with what node told.
use serde_json::Value;

fn main() {
    let mut bad = 0;
    for file in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&file).expect("the file can be read");
        for line in text.lines() {
            let scenario: Value = serde_json::from_str(line).expect("a line is a scenario");
            let expected = scenario["expected"].as_array().cloned().unwrap_or_default();
            let actual = streamlisten::scenario::run(&scenario);
            if let Some(d) = streamlisten::scenario::compare(&expected, &actual, &[]) {
                bad += 1;
                println!(
                    "DIFF {} at {}\n  exp {:?}\n  got {:?}",
                    scenario["id"],
                    d.at,
                    d.expected.map(|v| v.to_string()),
                    d.actual.map(|v| v.to_string())
                );
            }
        }
    }
    println!("{bad} differ");
}
