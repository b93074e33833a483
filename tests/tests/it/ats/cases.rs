//! Reading cases: the contents of the built-in files, and one sentence for every
//! fault that a file can have.

use std::path::Path;

use conformance::ats::case::{cases_from_bytes, cases_from_file};
use conformance::ats::{Case, EndDef, Suite};
use eventsys::EventCode;

const HEADER: &str = "case,side,bytes_to_send,nbytes_write,bytes_to_read,nbytes_read,\
                      write_bytes_per,timeout_s\n";

/// The sentence for a file with the usual header and these rows.
fn fault_in_rows(rows: &str) -> String {
    fault(format!("{HEADER}{rows}"))
}

fn fault(file: impl AsRef<[u8]>) -> String {
    cases_from_bytes("c.csv", file.as_ref()).expect_err("the file has a fault").to_string()
}

fn read(file: &str) -> Vec<Case> {
    cases_from_bytes("c.csv", file.as_bytes()).expect("the file is good")
}

#[test]
fn the_suites_have_their_cases() {
    assert_eq!(Suite::Regression.cases().len(), 9);
    assert_eq!(Suite::Generated.cases().len(), 100);
}

#[test]
fn the_servers_own_cases_have_the_terms_of_the_original() {
    let itimeout = Suite::Regression.cases().iter().find(|case| case.name == "itimeout");
    let expected = Case {
        name: "itimeout".to_owned(),
        active: EndDef {
            bytes_to_send: 6000,
            nbytes_write: 8000,
            bytes_to_read: 10,
            nbytes_read: 10,
            write_bytes_per: 512,
            timeout_s: 10,
            read_term: EventCode::VC_EVENT_READ_COMPLETE,
            write_term: EventCode::VC_EVENT_INACTIVITY_TIMEOUT,
        },
        passive: EndDef {
            bytes_to_send: 10,
            nbytes_write: 10,
            bytes_to_read: 6000,
            nbytes_read: 8000,
            write_bytes_per: 512,
            timeout_s: 20,
            read_term: EventCode::VC_EVENT_EOS,
            write_term: EventCode::VC_EVENT_WRITE_COMPLETE,
        },
    };
    assert_eq!(itimeout, Some(&expected));
}

#[test]
fn every_other_case_accepts_any_term() {
    for end in Suite::Generated.cases().iter().flat_map(|case| [case.active, case.passive]) {
        assert_eq!(end.read_term, EventCode::EVENT_NONE);
        assert_eq!(end.write_term, EventCode::EVENT_NONE);
    }
}

#[test]
fn columns_may_stand_in_any_order() {
    let cases = read(
        "side,case,timeout_s,write_bytes_per,nbytes_read,bytes_to_read,nbytes_write,bytes_to_send\n\
         active,a,6,5,4,3,2,1\npassive,a,16,15,14,13,12,11\n",
    );
    assert_eq!(cases[0].active.bytes_to_send, 1);
    assert_eq!(cases[0].passive.timeout_s, 16);
}

#[test]
fn spaces_quotes_empty_lines_and_marks_of_utf8_do_no_harm() {
    let cases = read(&format!(
        "\u{feff}{HEADER}\n\"a\", active ,1,2,3,4,5,6\r\n\r\na,passive,1,2,3,4,5,\"6\""
    ));
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].name, "a");
}

#[test]
fn a_file_that_cannot_be_read() {
    let fault = |path| cases_from_file(Path::new(path)).unwrap_err().to_string();
    assert_eq!(fault("not-there.csv"), "not-there.csv: there is no such file");
    assert_eq!(fault("src"), "src: expected a file, found a directory");
}

#[test]
fn a_file_without_cases() {
    assert_eq!(fault(""), "c.csv:1:1: expected the names of the columns, found an empty file");
    assert_eq!(
        fault_in_rows(""),
        "c.csv:2:1: expected the two rows of a case, found the end of the file"
    );
}

#[test]
fn bytes_that_are_not_text() {
    assert_eq!(fault(b"case,side\nab\xff"), "c.csv:2:3: expected UTF-8 text, found the byte 0xff");
}

#[test]
fn wrong_columns() {
    assert_eq!(
        fault("case,side,bytes_to_send,nbytes_write,bytes_to_read,write_bytes_per,timeout_s\n"),
        "c.csv:1:77: expected a column named nbytes_read, found none"
    );
    assert_eq!(
        fault("case,colour\n"),
        "c.csv:1:6: expected only the columns case, side, bytes_to_send, nbytes_write, \
         bytes_to_read, nbytes_read, write_bytes_per, timeout_s, found \"colour\""
    );
    assert_eq!(
        fault("case,side,case\n"),
        "c.csv:1:11: expected one column named case, found a second one"
    );
}

#[test]
fn rows_that_are_too_short_or_too_long() {
    assert_eq!(fault_in_rows("a,active,1,2,3,4,5\n"), "c.csv:2:19: expected 8 fields, found 7");
    assert_eq!(fault_in_rows("a,active,1,2,3,4,5,6,7\n"), "c.csv:2:22: expected 8 fields, found 9");
}

#[test]
fn numbers_that_are_none() {
    assert_eq!(
        fault_in_rows("g,active,1,2,3,4,5,6\ng,passive,12,x,1,1,1,1\n"),
        "c.csv:3:14: expected a whole number for nbytes_write, found \"x\""
    );
    assert_eq!(
        fault_in_rows("g,active,1.5,2,3,4,5,6\n"),
        "c.csv:2:10: expected a whole number for bytes_to_send, found \"1.5\""
    );
    assert_eq!(
        fault_in_rows("g,active,1,2,3,,5,6\n"),
        "c.csv:2:16: expected a whole number for nbytes_read, found \"\""
    );
}

#[test]
fn numbers_that_are_too_small_or_too_large() {
    assert_eq!(
        fault_in_rows("g,active,-1,2,3,4,5,6\n"),
        "c.csv:2:10: expected a number that is not negative for bytes_to_send, found -1"
    );
    assert_eq!(
        fault_in_rows("g,active,1,2,3,4,5,2147483648\n"),
        "c.csv:2:20: expected a number up to 2147483647 for timeout_s, found 2147483648"
    );
}

#[test]
fn no_case_may_fill_the_memory_or_go_on_for_ever() {
    let pieces = |sent: i64, per: i64| fault_in_rows(&format!("g,active,{sent},2,3,4,{per},6\n"));
    assert_eq!(
        pieces(100, 0),
        "c.csv:2:20: expected at least 1 for write_bytes_per, so that the 100 bytes to send are \
         1000000 pieces at most, found 0"
    );
    assert_eq!(
        pieces(10_000_000, 1),
        "c.csv:2:25: expected at least 10 for write_bytes_per, so that the 10000000 bytes to \
         send are 1000000 pieces at most, found 1"
    );
    assert_eq!(
        fault_in_rows("g,active,268435457,2,3,4,500,6\n"),
        "c.csv:2:10: expected a number up to 268435456 for bytes_to_send, found 268435457"
    );
    assert_eq!(
        fault_in_rows("g,active,1,2,3,4,5,3601\n"),
        "c.csv:2:20: expected a number up to 3600 for timeout_s, found 3601"
    );
}

#[test]
fn what_a_case_may_ask_for_reaches_its_bounds() {
    let rows = "case,side,bytes_to_send,nbytes_write,bytes_to_read,nbytes_read,write_bytes_per,timeout_s\n\
                g,active,1000000,1000000,0,0,1,3600\n\
                g,passive,0,5,1000000,1000000,0,1\n\
                h,active,268435456,1,0,0,269,1\n\
                h,passive,7,0,0,0,0,1\n";
    let cases = cases_from_bytes("c.csv", rows.as_bytes()).expect("all within the bounds");
    assert_eq!(cases.len(), 2);
}

#[test]
fn twenty_thousand_cases_are_read_in_one_go() {
    let mut rows = String::from(
        "case,side,bytes_to_send,nbytes_write,bytes_to_read,nbytes_read,write_bytes_per,timeout_s\n",
    );
    for n in 0..20_000 {
        rows.push_str(&format!("c{n},active,1,1,1,1,1,1\nc{n},passive,1,1,1,1,1,1\n"));
    }
    let cases = cases_from_bytes("c.csv", rows.as_bytes()).expect("no fault");
    assert_eq!((cases.len(), &*cases[19_999].name), (20_000, "c19999"));
    rows.push_str("c7,active,1,1,1,1,1,1\n");
    assert_eq!(
        cases_from_bytes("c.csv", rows.as_bytes()).unwrap_err().to_string(),
        "c.csv:40002:1: case c7 stands here a second time, it first stands in line 16"
    );
}

#[test]
fn a_fault_shows_only_how_a_long_text_begins() {
    let long = "x".repeat(1 << 20);
    for row in [
        format!("g,active,{long},2,3,4,5,6\n"),
        format!("g,active,{},2,3,4,5,6\n", "9".repeat(1 << 20)),
        format!("g,{long},1,2,3,4,5,6\n"),
        format!("{long} x,active,1,2,3,4,5,6\n"),
        format!("{long},active,1,2,3,4,5,6\n"),
        format!("{long},passive,1,2,3,4,5,6\n"),
    ] {
        let fault = fault_in_rows(&row);
        assert!(fault.len() < 250 && fault.contains('…'), "{fault:.300}");
    }
}

#[test]
fn the_column_is_found_behind_quotes_empty_lines_and_umlauts() {
    assert_eq!(
        fault_in_rows("\n\"g,ü\",active,x,2,3,4,5,6\n"),
        "c.csv:3:14: expected a whole number for bytes_to_send, found \"x\""
    );
}

#[test]
fn names_that_could_not_stand_in_a_recording() {
    assert_eq!(
        fault_in_rows("a b,active,1,2,3,4,5,6\n"),
        "c.csv:2:1: expected the name of a case, without spaces or control characters, found \"a b\""
    );
    assert_eq!(
        fault_in_rows(",active,1,2,3,4,5,6\n"),
        "c.csv:2:1: expected the name of a case, without spaces or control characters, found \"\""
    );
    assert_eq!(
        fault_in_rows("a\u{1b}[1m,active,1,2,3,4,5,6\n"),
        "c.csv:2:1: expected the name of a case, without spaces or control characters, \
         found \"a\\u{1b}[1m\""
    );
}

#[test]
fn an_unknown_side() {
    assert_eq!(
        fault_in_rows("a,middle,1,2,3,4,5,6\n"),
        "c.csv:2:3: expected active or passive, found \"middle\""
    );
}

#[test]
fn rows_without_a_partner() {
    let (active, passive) = ("a,active,1,2,3,4,5,6\n", "a,passive,1,2,3,4,5,6\n");
    let no_passive = "expected the passive row of case a right after this active row";
    let no_active = "expected the active row of case a right before this passive row";

    assert_eq!(fault_in_rows(active), format!("c.csv:2:1: {no_passive}"));
    assert_eq!(fault_in_rows(&[active, active].concat()), format!("c.csv:2:1: {no_passive}"));
    assert_eq!(
        fault_in_rows(&[active, "b,passive,1,2,3,4,5,6\n", passive].concat()),
        format!("c.csv:2:1: {no_passive}")
    );
    assert_eq!(fault_in_rows(&[passive, active].concat()), format!("c.csv:2:1: {no_active}"));
}

#[test]
fn a_case_that_stands_twice() {
    let (active, passive) = ("a,active,1,2,3,4,5,6\n", "a,passive,1,2,3,4,5,6\n");
    let again = "case a stands here a second time, it first stands in line 2";
    for third in [active, passive] {
        let rows = [active, passive, third].concat();
        assert_eq!(fault_in_rows(&rows), format!("c.csv:4:1: {again}"));
    }
}
