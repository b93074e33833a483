//! What an exploration of a pair costs. Measured by hand:
//!
//! ```text
//! cargo test --release -p explorations --test pluginvc -- --ignored --nocapture cost
//! ```

use explorer::{Explorer, Strategy};

use crate::shut_under_the_readers_mutex;

/// The memory of this process that is in use, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
#[ignore = "measures"]
fn cost_of_a_schedule() {
    for strategy in [Strategy::Bounded { bound: 3 }, Strategy::Pos, Strategy::Pct { depth: 3 }] {
        let explorer = Explorer::new().strategy(strategy);
        let report = explorer.explore(|| drop(shut_under_the_readers_mutex()));
        assert_eq!(report.first(), None);
        let points = report.points / report.schedules;
        println!(
            "{}: {} schedules of {points} operations, {:.0} a second",
            strategy.name(),
            report.schedules,
            report.rate()
        );
    }
}

#[test]
#[ignore = "a million executions: a minute"]
fn cost_in_memory_of_a_million_schedules() {
    let run = |schedules| {
        let explorer = Explorer::new().strategy(Strategy::Pct { depth: 3 }).schedules(schedules);
        let report = explorer.explore(|| drop(shut_under_the_readers_mutex()));
        assert_eq!((report.first(), report.schedules), (None, schedules));
        resident()
    };
    let (few, many) = (run(1_000), run(1_000_000));
    println!("after 1,000 schedules {few} KiB, after 1,001,000 {many} KiB");
    assert!(many < few + 50 * 1024, "{few} KiB, then {many} KiB");
}
