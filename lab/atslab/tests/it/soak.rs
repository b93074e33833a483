//! `atslab soak`, for a moment: nothing is left, and every answer was right.

use crate::common::atslab;
use predicates::prelude::*;

#[test]
fn nothing_is_left_on_one_thread_and_on_two() {
    for (threads, seed) in [("1", "1"), ("2", "2")] {
        let left = [
            "client sessions",
            "transactions",
            "server sessions",
            "open connections",
            "connections in memory",
            "PluginVC pairs",
            "blocks of buffers",
            "events",
        ];
        let mut soak = atslab();
        soak.args(["soak", "--seconds", "1", "--connections", "12"]);
        soak.args(["--threads", threads, "--seed", seed]);
        let mut assert = soak.assert().success();
        assert = assert.stdout(predicate::str::contains("           0  wrong answers\n"));
        for what in left {
            let line = format!("           0  {what}, of ");
            assert = assert.stdout(predicate::str::contains(line));
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for option in ["--seconds", "--connections", "--threads"] {
        atslab().args(["soak", option, "0"]).assert().code(2);
    }
}
