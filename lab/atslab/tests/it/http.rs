//! `atslab http`: the command. The tests of `conformance` compare the cases.

use crate::common::atslab;
use predicates::prelude::*;

#[test]
fn cases_are_told_one_by_one_and_counted() {
    let mut command = atslab();
    command.args(["http", "--filter", "pieces/in-a", "--filter", "sizes/1024"]);
    let expected = "\
sizes/1024         same
pieces/in-a-field  same
pieces/in-a-value  same

identical: 3 of 3
";
    command.assert().code(0).stdout(expected);
}

#[test]
fn a_registered_deviation_is_named_and_no_fault() {
    let mut command = atslab();
    command.args(["http", "--filter", "hop-by-hop/upgrade-websocket"]);
    let expected = "\
hop-by-hop/upgrade-websocket  registered: websocket

registered deviations: 1
identical: 0 of 1
";
    command.assert().code(0).stdout(expected);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let mut command = atslab();
    command.args(["http", "--filter", "nosuchcase"]);
    let message = "tests/http/cases.txt: no case is named \"nosuchcase\"";
    command.assert().code(2).stderr(predicate::str::contains(message));
    let mut command = atslab();
    command.args(["http", "--live", "--servers", "/nowhere", "--filter", "sizes/0"]);
    let message = "the server 9.2.9 is not in /nowhere";
    command.assert().code(2).stderr(predicate::str::contains(message));
}
