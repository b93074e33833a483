//! The text of scenarios and programs: what reads back, and how faults are told.

use conformance::ats::Epoch;
use conformance::ats::live::generate;
use conformance::ats::scenario::amount::{LONGEST_SPAN, MOST_WRITTEN};
use conformance::ats::scenario::{
    Act, BufferCall, Expect, Finish, How, HowTo, Lock, MOST_READERS, MOST_SCHEDULED, Op, OpCont,
    Owner, PairDef, Program, Reaction, ReaderName, Scenario, Trigger, Which, run_scenario,
    scenario_from_bytes,
};
use eventsys::{EventCode, Options};
use iocore::VioOp;
use iocore::buffer::SizeIndex;
use pluginvc::steps::Side;
use proptest::prelude::*;

/// The sentence about the fault in `text`.
fn fault(text: &str) -> String {
    scenario_from_bytes("my.toml", text.as_bytes()).expect_err("a fault").to_string()
}

/// The sentence about the fault in a scenario with this line after its head.
fn fault_in(line: &str) -> String {
    fault(&format!("title = \"t\"\nteaches = \"t\"\n[active]\n{line}\n"))
}

const OPS: &str = "do_io_read, do_io_write, write, consume, reenable, reenable_re, shutdown, \
                   close, inactivity_timeout, active_timeout, water_mark, hold, create, destroy, alloc, \
                   clone, free, avail, take, blocks, mark, room, produce, put, copy or copy_out";

#[test]
fn faults_of_operations_name_line_and_column() {
    let op = |op: &str| fault_in(&format!("on_connect = [\"{op}\"]"));
    assert_eq!(
        op("do_io_reed 1"),
        format!("my.toml:4:16: expected an operation ({OPS}), found \"do_io_reed\"")
    );
    assert_eq!(
        op("do_io_read 12x"),
        "my.toml:4:27: expected a number of bytes (like 100, 32KiB, 1MiB) or max, found \"12x\""
    );
    assert_eq!(
        op("consume"),
        "my.toml:4:23: expected a number of bytes (like 100, 32KiB, 1MiB) or all, found the end"
    );
    assert_eq!(op("reenable both"), "my.toml:4:25: expected read or write, found \"both\"");
    assert_eq!(op("shutdown  all"), "my.toml:4:26: expected read, write or both, found \"all\"");
    assert_eq!(op("close now"), "my.toml:4:22: expected the end of the operation, found \"now\"");
    assert_eq!(
        op("active_timeout 5"),
        "my.toml:4:31: expected a time up to a day (like 20us, 250ms, 10s) or 0, found \"5\""
    );
    assert_eq!(
        op("write 65MiB"),
        "my.toml:4:22: expected a number of bytes up to 64MiB, found \"65MiB\""
    );
    assert_eq!(
        op("hold both 1s"),
        "my.toml:4:21: expected active, passive or core, found \"both\""
    );
    assert_eq!(
        op("do_io_read 1 no_buffer no_buffer"),
        "my.toml:4:39: expected no_buffer, no_cont or by_deputy, or the end of the operation, found \"no_buffer\""
    );
}

#[test]
fn faults_of_reactions_name_line_and_column() {
    assert_eq!(
        fault_in("on_READ_REDY = []"),
        "my.toml:4:4: expected connect, race or an event after on_ (READ_READY, READ_COMPLETE, \
         WRITE_READY, WRITE_COMPLETE, EOS, ERROR, INACTIVITY_TIMEOUT, ACTIVE_TIMEOUT), \
         found \"READ_REDY\""
    );
    assert_eq!(
        fault_in("when = []"),
        "my.toml:4:1: expected a reaction (on_connect, on_race, on_ and an event, after_ and a time), \
         found \"when\""
    );
    assert_eq!(
        fault_in("after_soon = []"),
        "my.toml:4:7: expected a time up to a day after after_ (like 20us, 250ms, 10s), found \"soon\""
    );
    assert_eq!(
        fault_in("\"on_EOS#0\" = []"),
        "my.toml:4:9: expected which time after # (1, 2 and so on), found \"0\""
    );
    assert_eq!(
        fault_in("after_1s = []\nafter_1000ms = []"),
        "my.toml:5:1: expected one reaction after_1000ms, found a second one; the first stands \
         in line 4"
    );
}

#[test]
fn a_number_of_bytes_that_is_too_large_is_told_so() {
    let op = |op: &str| fault_in(&format!("on_connect = [\"{op}\"]"));
    for number in ["9223372036854775807", "9007199254740992KiB"] {
        assert_eq!(
            op(&format!("do_io_read {number}")),
            format!(
                "my.toml:4:27: expected a number of bytes up to 9223372036854775806 or max, \
                 found {number:?}"
            )
        );
    }
    assert_eq!(
        fault("title = \"t\"\nteaches = \"t\"\n[pair]\nread_water_mark = 9223372036854775807\n"),
        "my.toml:4:19: expected a number of bytes from 0 to 9223372036854775806, \
         found 9223372036854775807"
    );
}

#[test]
fn an_end_without_a_mutex_stands_alone() {
    let pair = |lines: &str| {
        let text = format!("title = \"t\"\nteaches = \"t\"\n[pair]\n{lines}\n");
        scenario_from_bytes("my.toml", text.as_bytes())
            .map(|scenario| scenario.to_string())
            .map_err(|error| error.to_string())
    };
    for ends in ["active", "passive", "both"] {
        let line = format!("no_mutex = \"{ends}\"\n");
        assert!(pair(&line).is_ok_and(|text| text.contains(&line)));
    }
    let expected =
        |what: &str, found: &str| Err(format!("my.toml:4:13: expected {what}, found {found:?}"));
    assert_eq!(pair("no_mutex = \"none\""), expected("active, passive or both", "none"));
    let shared = "no no_mutex where the ends share a mutex";
    let threads = "no no_mutex where more than one thread takes part";
    let held = "no no_mutex where a foreign thread holds that mutex";
    for (others, what) in [
        ("shared_mutex = true", shared),
        ("foreign_thread = true", threads),
        ("threads = 2", threads),
        ("epoch = \"C\"", threads),
        ("[active]\non_race = []", threads),
        ("accept_after = \"5ms\"", held),
        ("[active]\non_connect = [\"hold passive 5ms\"]", held),
    ] {
        let found = pair(&format!("no_mutex = \"passive\"\n{others}"));
        assert_eq!(found, expected(what, "passive"), "{others}");
    }
    assert!(pair("no_mutex = \"active\"\naccept_after = \"5ms\"").is_ok());
}

#[test]
fn a_fault_shows_only_how_a_long_text_begins() {
    let long = "x".repeat(1 << 20);
    for line in [
        format!("on_connect = [\"{long}\"]"),
        format!("on_connect = [\"write {long}\"]"),
        format!("{long} = []"),
        format!("on_{long} = []"),
        format!("after_{long} = []"),
        format!("on_connect = {{ {long} = 1 }}"),
        format!("[pair]\n{long} = 1"),
    ] {
        let fault = fault_in(&line);
        assert!(fault.len() < 450 && !fault.contains('\n'), "{fault:.500}");
    }
}

/// Each is found in a map, and its line is counted only in a fault.
#[test]
fn a_hundred_thousand_timers_are_read_and_run_in_one_go() {
    let mut text = String::from("title = \"t\"\nteaches = \"t\"\n[active]\n");
    (1..=100_000).for_each(|n| text.push_str(&format!("after_{n}us = [\"close\"]\n")));
    let scenario = scenario_from_bytes("my.toml", text.as_bytes()).expect("no fault");
    let report = run_scenario(&scenario.compile(), Epoch::C, Options::default());
    assert_eq!(report.finish, Finish::Quiet, "the passive end is open");
    text.push_str("after_7us = []\n");
    assert_eq!(fault(&text), "my.toml:100004:1: expected a scenario in TOML: duplicate key");
    text.truncate(text.len() - "after_7us = []\n".len());
    text.push_str("after_7000ns = []\n");
    assert_eq!(
        fault(&text),
        "my.toml:100004:1: expected one reaction after_7000ns, found a second one; the first \
         stands in line 10"
    );
}

#[test]
fn faults_of_the_pair_and_of_toml_name_line_and_column() {
    let pair = |line: &str| fault(&format!("title = \"t\"\nteaches = \"t\"\n[pair]\n{line}\n"));
    assert_eq!(
        pair("connect = \"connected\""),
        "my.toml:4:12: expected connect or connect_re, found \"connected\""
    );
    assert_eq!(
        pair("buffer_index = \"3K\""),
        "my.toml:4:17: expected a block size (128, 256, 512, 1K, 2K and so on to 1M, 2M), \
         found \"3K\""
    );
    assert_eq!(
        pair("read_water_mark = -1"),
        "my.toml:4:19: expected a number of bytes from 0 to 9223372036854775806, found -1"
    );
    assert_eq!(
        pair("colour = 1"),
        "my.toml:4:1: expected a scenario in TOML: unknown field `colour`, expected one of \
         `connect`, `shared_mutex`, `buffer_index`, `read_water_mark`, `accept_after`, \
         `foreign_thread`, `threads`, `no_mutex`, `epoch`"
    );
    let error = scenario_from_bytes("my.toml", b"title = \"\xff\"").unwrap_err().to_string();
    assert_eq!(error, "my.toml:1:10: expected UTF-8 text, found the byte 0xff");
    assert_eq!(
        fault("title = \"t\"\n"),
        "my.toml:1:1: expected a scenario in TOML: missing field `teaches`"
    );
    assert_eq!(
        fault("title = \"t\"\nteaches = "),
        "my.toml:2:11: expected a scenario in TOML: string values must be quoted, expected literal string"
    );
    assert_eq!(
        fault_in("on_connect = 5"),
        "my.toml:4:14: expected a scenario in TOML: invalid type: integer `5`, expected a sequence"
    );
}

#[test]
fn faults_of_programs_name_line_and_column() {
    let fault = |text: &str| text.parse::<Program>().unwrap_err().to_string();
    assert_eq!(fault(""), "1:1: expected program, found the end");
    assert_eq!(fault("program 1\n"), "1:9: expected a whole number from 3 to 3, found \"1\"");
    let head = "program 3\npair 0 0 8 0 0 0 1 0\nlimits 1 1 1\n";
    let rest = |text: &str| fault(&format!("{head}{text}"));
    assert_eq!(
        rest("reaction 2 0 0 0 0\n"),
        "4:10: expected a whole number from 0 to 1, found \"2\""
    );
    assert_eq!(
        rest("reaction 0 0 0 0 1\n"),
        "4:1: expected a range within the 0 operations, found 0 to 1"
    );
    assert_eq!(
        rest("call take 5 0 6 0\n"),
        "4:15: expected a reader with a number from 1 to 5, found \"6\""
    );
    assert_eq!(
        rest("call free 0 0 9 0\n"),
        "4:15: expected a reader with a number from 2 to 5, found \"9\""
    );
    assert_eq!(rest("call room 0 0 9 1\n"), "4:15: expected 0: no reader, found \"9\"");
    assert_eq!(
        rest("call room 0 0 0 3\n"),
        "4:17: expected a whole number from 0 to 2, found \"3\""
    );
    assert_eq!(rest("op close 0 0 0\n"), "4:14: expected the end of the line, found \"0\"");
    assert_eq!(rest("op close 0 0\ntimer 0 1 0 1\n"), "5:1: expected op or call, found \"timer\"");
}

#[test]
fn a_program_is_plain_text() {
    let text = "title = \"t\"\nteaches = \"t\"\n[active]\non_connect = [\"do_io_read max no_cont\", \
                \"write 1KiB\"]\n\"on_EOS#2\" = [\"close\"]\n[passive]\nafter_250ms = \
                [\"reenable write\", \"hold passive 1ms\"]\n";
    let scenario = scenario_from_bytes("my.toml", text.as_bytes()).unwrap();
    let expected = "program 3\npair 0 0 8 0 0 0 1 0\nlimits 350000000 120000000000 100000\nreaction 0 0 0 0 2\nreaction 0 104 2 2 3\n\
                    timer 1 250000000 3 5\nop do_io_read 9223372036854775807 2\nop write 1024 0\n\
                    op close 0 0\nop reenable 2 0\nop hold 1000000 1\n";
    assert_eq!(scenario.compile().to_string(), expected);
}

#[test]
fn a_reaction_without_end_is_stopped() {
    for line in
        ["on_WRITE_READY = [\"reenable write\"]", "on_WRITE_READY = [\"reenable_re write\"]"]
    {
        let text = format!(
            "title = \"t\"\nteaches = \"t\"\n[active]\non_connect = [\"do_io_write 1\"]\n{line}\n\
             [passive]\non_connect = [\"do_io_read 1\"]\n"
        );
        let program = scenario_from_bytes("my.toml", text.as_bytes()).unwrap().compile();
        let report = run_scenario(&program, Epoch::C, Options::default());
        assert_eq!(report.finish, Finish::Runaway, "{line}");
    }
}

fn sizes() -> impl Strategy<Value = i64> {
    prop_oneof![0..2000i64, (0..2000i64).prop_map(|n| n << 10), 0..i64::MAX]
}

fn spans() -> impl Strategy<Value = i64> {
    prop_oneof![(0..86_400i64).prop_map(|n| n * 1_000_000_000), 0..=LONGEST_SPAN]
}

fn or_max() -> impl Strategy<Value = i64> {
    prop_oneof![sizes(), Just(i64::MAX)]
}

fn how() -> impl Strategy<Value = How> {
    let cont = prop_oneof![Just(OpCont::OfEnd), Just(OpCont::Absent), Just(OpCont::Deputy)];
    (any::<bool>(), cont).prop_map(|(no_buffer, cont)| How { no_buffer, cont })
}

fn op() -> impl Strategy<Value = Op> {
    let direction = || prop_oneof![Just(VioOp::Read), Just(VioOp::Write)];
    let whose = prop_oneof![
        Just(Owner::User(Side::Active)),
        Just(Owner::User(Side::Passive)),
        Just(Owner::Core)
    ];
    let how_to = prop_oneof![Just(HowTo::Read), Just(HowTo::Write), Just(HowTo::Both)];
    prop_oneof![
        (or_max(), how()).prop_map(|(n, how)| Op::DoIoRead(n, how)),
        (or_max(), how()).prop_map(|(n, how)| Op::DoIoWrite(n, how)),
        (0..=MOST_WRITTEN).prop_map(Op::Write),
        or_max().prop_map(Op::Consume),
        direction().prop_map(Op::Reenable),
        direction().prop_map(Op::ReenableRe),
        how_to.prop_map(Op::Shutdown),
        Just(Op::Close),
        spans().prop_map(Op::InactivityTimeout),
        spans().prop_map(Op::ActiveTimeout),
        sizes().prop_map(Op::WaterMark),
        (whose, spans()).prop_map(|(whose, span)| Op::Hold(whose, span)),
        call().prop_map(Op::Buffer),
    ]
}

fn call() -> impl Strategy<Value = BufferCall> {
    let of = || (0..3usize).prop_map(|at| Which::ALL[at]);
    let reader =
        |least: u8| (of(), least..=MOST_READERS).prop_map(|(of, number)| ReaderName { of, number });
    let piece = || 0..=MOST_WRITTEN;
    prop_oneof![
        prop::option::of((0..15i64).prop_map(SizeIndex::from_raw)).prop_map(BufferCall::Create),
        Just(BufferCall::Destroy),
        of().prop_map(BufferCall::Alloc),
        reader(1).prop_map(BufferCall::Clone),
        reader(2).prop_map(BufferCall::Free),
        reader(1).prop_map(BufferCall::Avail),
        (reader(1), piece()).prop_map(|(reader, n)| BufferCall::Take(reader, n)),
        reader(1).prop_map(BufferCall::Blocks),
        of().prop_map(BufferCall::Mark),
        (of(), sizes()).prop_map(|(of, n)| BufferCall::SetMark(of, n)),
        of().prop_map(BufferCall::Room),
        (of(), piece()).prop_map(|(of, n)| BufferCall::Produce(of, n)),
        (of(), piece()).prop_map(|(of, n)| BufferCall::Put(of, n)),
        (reader(1), of(), or_max(), piece())
            .prop_map(|(reader, of, n, offset)| BufferCall::Copy(reader, of, n, offset)),
        (reader(1), piece()).prop_map(|(reader, n)| BufferCall::CopyOut(reader, n)),
    ]
}

fn reactions() -> impl Strategy<Value = Vec<Reaction>> {
    let event = (100..107i32, 0..4u32).prop_map(|(e, n)| Trigger::Event(EventCode(e), n));
    let trigger = prop_oneof![Just(Trigger::Connect), event, spans().prop_map(Trigger::After)];
    let reaction = (trigger, prop::collection::vec(op(), 0..5))
        .prop_map(|(trigger, ops)| Reaction { trigger, ops });
    prop::collection::vec(reaction, 0..5)
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let pair =
        (any::<(bool, bool)>(), 0..15i64, sizes()).prop_map(|((re, shared), index, mark)| {
            let buffer_index = SizeIndex::from_raw(index);
            PairDef {
                connect_re: re,
                shared_mutex: shared,
                buffer_index,
                read_water_mark: mark,
                ..PairDef::default()
            }
        });
    (pair, reactions(), reactions()).prop_map(|(pair, active, passive)| {
        let (title, teaches) = ("t".to_owned(), "t".to_owned());
        let most_calls = 7;
        let (race, expect) = (None, Expect::default());
        Scenario { title, teaches, most_calls, pair, active, passive, race, expect }
    })
}

fn act() -> impl Strategy<Value = Act> {
    let side = || prop_oneof![Just(Side::Active), Just(Side::Passive)];
    let direction = || prop_oneof![Just(VioOp::Read), Just(VioOp::Write)];
    let how_to = prop_oneof![Just(HowTo::Read), Just(HowTo::Write), Just(HowTo::Both)];
    let lock = || (0..Lock::ALL.len()).prop_map(|at| Lock::ALL[at]);
    prop_oneof![
        lock().prop_map(Act::Lock),
        lock().prop_map(Act::Unlock),
        side().prop_map(Act::Close),
        (side(), how_to).prop_map(|(side, how_to)| Act::Shutdown(side, how_to)),
        (side(), direction()).prop_map(|(side, op)| Act::Reenable(side, op)),
        (side(), direction(), or_max(), how())
            .prop_map(|(side, op, n, how)| Act::DoIo(side, op, n, how)),
        (side(), 0..=MOST_WRITTEN).prop_map(|(side, n)| Act::Write(side, n)),
        (side(), or_max()).prop_map(|(side, n)| Act::Consume(side, n)),
        (side(), spans()).prop_map(|(side, span)| Act::ActiveTimeout(side, span)),
        (side(), spans()).prop_map(|(side, span)| Act::InactivityTimeout(side, span)),
        side().prop_map(Act::Free),
        Just(Act::Connect),
        spans().prop_map(Act::Wait),
        (1..=MOST_SCHEDULED).prop_map(Act::Schedule),
    ]
}

proptest! {
    #[test]
    fn operations_read_back(op in op()) {
        prop_assert_eq!(Op::parse(&op.to_string()), Ok(op));
    }

    #[test]
    fn operations_of_threads_read_back(act in act()) {
        prop_assert_eq!(Act::parse(&act.to_string()), Ok(act));
    }

    #[test]
    fn random_scenarios_read_back_from_the_file_they_print(seed in any::<u64>(), threads in 1..3u8) {
        let scenario = generate(seed, threads);
        let read = scenario_from_bytes("seed.toml", scenario.to_string().as_bytes());
        prop_assert_eq!(read.expect("a printed scenario"), scenario);
    }

    #[test]
    fn compiled_programs_read_back(scenario in scenarios()) {
        let program = scenario.compile();
        let text = program.to_string();
        let read: Program = text.parse().expect("a printed program");
        prop_assert_eq!(&read, &program);
        prop_assert_eq!(read.to_string(), text);
    }
}

const RACE: &str = r#"
title = "TS-3339: tested, then locked"
teaches = "The look at a flag must come after the lock."

[pair]
epoch = "C"

[explore]
bound = 3
stalls = true
wake = "try_lock"

[active]
on_race = ["write 1", "do_io_write 1"]

[passive]
on_connect = ["do_io_read max"]

[thread.reader]
does = ["lock passive", "do_io_read passive 1 by_deputy", "shutdown passive read", "free passive", "unlock passive"]

[thread.another-1]
does = ["wait 5ms", "active_timeout active 10ms", "close active"]
"#;

#[test]
fn a_race_reads_back_from_the_file_it_prints() {
    let scenario = scenario_from_bytes("race.toml", RACE.as_bytes()).expect("no fault");
    let race = scenario.race.clone().expect("a race");
    assert_eq!(race.epoch, Some(Epoch::C));
    assert_eq!((race.bound, race.stalls), (3, true));
    let names: Vec<_> = race.threads.iter().map(|thread| &*thread.name).collect();
    assert_eq!(names, ["reader", "another-1"], "in the order of the file");
    let read = scenario_from_bytes("again.toml", scenario.to_string().as_bytes());
    assert_eq!(read.expect("a printed scenario"), scenario);
}

#[test]
fn each_part_of_a_race_makes_a_file_one() {
    let head = "title = \"t\"\nteaches = \"t\"\n";
    let is_race = |text: &str| {
        let scenario = scenario_from_bytes("my.toml", format!("{head}{text}\n").as_bytes());
        scenario.expect("no fault").race.is_some()
    };
    assert!(!is_race("[active]\non_connect = []"));
    assert!(is_race("[active]\non_race = []"));
    assert!(is_race("[explore]"));
    assert!(is_race("[pair]\nepoch = \"D\""));
    assert!(is_race("[thread.a]\ndoes = []"));
}

#[test]
fn faults_of_a_race_name_line_and_column() {
    let head = "title = \"t\"\nteaches = \"t\"\n";
    let rest = |text: &str| fault(&format!("{head}{text}\n"));
    assert_eq!(
        rest("[explore]\nfrom = \"begin\""),
        "my.toml:4:9: expected where the threads begin (start, connect or quiet), found \"begin\""
    );
    assert_eq!(
        rest("[explore]\nbound = 17"),
        "my.toml:4:9: expected a number of interruptions up to 16, found 17"
    );
    assert_eq!(
        rest("[explore]\nwake = \"loud\""),
        "my.toml:4:9: expected blocking or try_lock, found \"loud\""
    );
    assert_eq!(
        rest("[pair]\nepoch = \"A\""),
        "my.toml:4:10: expected an epoch (B, C, D or E), found \"A\""
    );
    assert_eq!(
        rest("[thread.\"a b\"]\ndoes = []"),
        "my.toml:3:10: expected a name of up to 24 letters, digits, - and _ for a thread, found \"a b\""
    );
    let does = |does: &str| rest(&format!("[thread.a]\ndoes = [{does}]"));
    assert_eq!(
        does("\"lok passive\""),
        "my.toml:4:10: expected an operation of a thread (lock, unlock, close, shutdown, reenable, \
         do_io_read, do_io_write, write, consume, active_timeout, inactivity_timeout, free, \
         connect, wait or schedule), found \"lok\""
    );
    assert_eq!(
        does("\"lock both\""),
        "my.toml:4:15: expected active, passive, core, active_deputy or passive_deputy, found \"both\""
    );
    assert_eq!(does("\"close it\""), "my.toml:4:16: expected active or passive, found \"it\"");
    assert_eq!(
        does("\"schedule 0\""),
        "my.toml:4:19: expected a number from 1 to 100, found \"0\""
    );
    assert_eq!(
        does("\"reenable active read\""),
        "my.toml:4:10: expected lock active before this operation, found \"reenable active read\""
    );
    assert_eq!(
        does("\"lock core\", \"lock core\""),
        "my.toml:4:23: expected unlock core before a second lock core, found \"lock core\""
    );
    assert_eq!(
        does("\"unlock core\""),
        "my.toml:4:10: expected lock core before unlock core, found \"unlock core\""
    );
    assert_eq!(
        does("\"lock core\""),
        "my.toml:4:10: expected unlock core after this lock, found \"lock core\""
    );
    assert_eq!(
        does("\"lock core\", \"wait 1ms\""),
        "my.toml:4:23: expected unlock core before wait: a thread that sleeps with a mutex stops \
         time, found \"wait 1ms\""
    );
    assert_eq!(
        rest("[explore]\nfrom = \"quiet\"\n[thread.a]\ndoes = [\"connect\"]"),
        "my.toml:4:9: expected start, because a thread makes the connection, found \"quiet\""
    );
    assert_eq!(
        does("\"schedule 1\", \"close active\""),
        "my.toml:4:24: expected only schedule, or no schedule: a race that schedules events has \
         no pair, found \"close active\""
    );
    assert_eq!(
        rest("[active]\non_connect = []\n[thread.a]\ndoes = [\"schedule 1\"]"),
        "my.toml:5:9: expected no reaction of an end: a race that schedules events has no pair, \
         found \"a thread that schedules\""
    );
    assert_eq!(
        does("\"connect\", \"connect\""),
        "my.toml:4:21: expected one thread that makes the connection, once, found \"connect\""
    );
}

#[test]
fn under_a_shared_mutex_either_name_will_do() {
    let text = "title = \"t\"\nteaches = \"t\"\n[pair]\nshared_mutex = true\n[thread.a]\n\
                does = [\"lock passive\", \"reenable active read\", \"unlock passive\"]\n";
    assert!(scenario_from_bytes("my.toml", text.as_bytes()).is_ok());
}

/// The thread that has the core's mutex gives it back when an event thread is about to wait for it:
/// it would wait for ever.
#[test]
fn a_shutdown_that_takes_the_core_mutex_does_not_hang_beside_a_held_core() {
    let text = "title = \"t\"\nteaches = \"t\"\n[active]\non_connect = [\"hold core 1s\"]\n\
                after_10ms = [\"shutdown write\"]\n";
    let scenario = scenario_from_bytes("my.toml", text.as_bytes()).expect("a scenario");
    for epoch in Epoch::ALL {
        let report = run_scenario(&scenario.compile(), *epoch, Options::default());
        assert!(!matches!(report.finish, Finish::Panicked(_)), "{epoch}: {:?}", report.finish);
    }
}
