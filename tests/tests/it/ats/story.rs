//! What a recorded run tells beside its steps: operations, buffers, locks, threads.

use pluginvc::steps::Side;
use std::collections::BTreeSet;

use conformance::ats::Epoch;
use conformance::ats::live::{generate, generate_with_calls};
use conformance::ats::scenario::record::{Called, Effect, HoldChange, Thread, What};
use conformance::ats::scenario::{
    Ledger, Mark, Owner, Program, Recorded, Scenario, Story, record_scenario, run_scenario,
    scenario_from_bytes, steps_of,
};
use eventsys::Options;
use eventsys::steps::{Collector, Steps};

use super::scenarios::gallery;

/// The gallery, and random scenarios with one and with two threads.
pub(super) fn programs() -> Vec<(String, Program)> {
    let random = |threads: u8, count: u64| {
        (0..count).map(move |seed| {
            (format!("seed {seed}, {threads} threads"), generate(seed, threads).compile())
        })
    };
    let gallery = gallery().into_iter().map(|(name, scenario)| (name, scenario.compile()));
    let with_calls = (0..150)
        .map(|seed| (format!("seed {seed}, with calls"), generate_with_calls(seed, 1).compile()));
    gallery.chain(random(1, 200)).chain(random(2, 10)).chain(with_calls).collect()
}

fn scenario(text: &str) -> Scenario {
    let text = format!("title = \"t\"\nteaches = \"t\"\n{text}");
    scenario_from_bytes("t.toml", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn record(text: &str, epoch: Epoch) -> (Program, Recorded) {
    let program = scenario(text).compile();
    let recorded = record_scenario(&program, epoch);
    (program, recorded)
}

/// The lines of a story as `TEXT: SENTENCE (LEVELS) [LOCKS]`.
fn told(text: &str, epoch: Epoch) -> Vec<String> {
    let (program, recorded) = record(text, epoch);
    let lines = Story::new(&recorded, &program.pair, epoch).lines();
    let line = |line: conformance::ats::scenario::Line| {
        format!("{}: {} ({}) [{}]", line.text, line.sentence, line.levels, line.locks)
    };
    lines.into_iter().map(line).collect()
}

fn assert_told(lines: &[String], begins: &str) {
    assert!(lines.iter().any(|line| line.starts_with(begins)), "{begins}\n{lines:#?}");
}

/// A user's own close is told as its own; an end that is open when nothing happens any more is closed
/// by the interpreter.
#[test]
fn the_close_at_the_end_of_a_run_is_no_users() {
    let lines = told(
        r#"
        [active]
        on_connect = ["close"]
        [passive]
        on_connect = ["do_io_read max"]
        "#,
        Epoch::C,
    );
    assert_told(&lines, "A do_io_close: the user of the active end closes it");
    assert_told(
        &lines,
        "P do_io_close: the run is over: atslab closes the passive end, which its user has left open",
    );
}

#[test]
fn a_recorded_run_takes_the_steps_of_one_that_is_not_recorded() {
    for (name, program) in programs() {
        for &epoch in Epoch::ALL {
            let collector = Collector::new();
            let options = Options { steps: Steps::to(collector.clone()), ..Options::default() };
            let report = run_scenario(&program, epoch, options);
            let recorded = record_scenario(&program, epoch);
            let bare = |mut steps: Vec<eventsys::steps::Step>, began| {
                for step in &mut steps {
                    (step.at, step.subject.number, step.held) =
                        (step.at - began, 0, Default::default());
                }
                steps
            };
            assert_eq!(
                bare(steps_of(&recorded.records), 0),
                bare(collector.take(), report.began),
                "{name} {epoch}"
            );
            assert_eq!(recorded.report.finish, report.finish, "{name} {epoch}");
            assert_eq!(recorded.report.seen, report.seen, "{name} {epoch}");
        }
    }
}

#[test]
fn the_ledger_has_what_the_called_end_counts_and_is_never_negative() {
    let mut callbacks = 0;
    for (name, program) in programs() {
        for &epoch in Epoch::ALL {
            let mut ledger = Ledger::new(&program.pair);
            // It may take more than there is.
            let is_beyond = program.ops.iter().any(|op| op.to_string().starts_with("take "));
            for record in record_scenario(&program, epoch).records {
                ledger.apply(&record);
                for side in [Side::Active, Side::Passive] {
                    let all = [false, true].map(|by_deputy| *ledger.level(side, by_deputy));
                    let least = all.iter().flat_map(|level| [level.read, level.write]).min();
                    assert!(is_beyond || least >= Some(0), "{name} {epoch}: {ledger:?}");
                    assert!(ledger.core(side) >= 0, "{name} {epoch}: {ledger:?}");
                }
                let What::Seen(Called { side, by_deputy, seen }) = record.what else { continue };
                let level = ledger.level(side, by_deputy);
                assert_eq!((level.read, level.write), (seen.read, seen.write), "{name} {epoch}");
                callbacks += 1;
            }
        }
    }
    assert!(callbacks > 5_000, "{callbacks}");
}

#[test]
fn each_kind_of_operation_has_a_line() {
    let lines = told(
        r#"
        [active]
        on_connect = [
            "inactivity_timeout 5s", "active_timeout 6s", "inactivity_timeout 0",
            "active_timeout 0", "water_mark 32KiB", "do_io_read 10", "do_io_read max",
            "write 100", "do_io_write 100", "consume 5", "hold passive 5ms",
        ]
        on_WRITE_COMPLETE = [
            "do_io_write 7", "shutdown write", "shutdown read", "shutdown both", "reenable read",
            "reenable_re write", "do_io_write max no_buffer no_cont", "close", "reenable write",
        ]
        [passive]
        on_connect = ["do_io_read max by_deputy"]
        on_READ_READY = ["consume 60", "consume all"]
        "#,
        Epoch::B,
    );
    for begins in [
        "A on_connect: the user gets its connection",
        "A > inactivity_timeout 5s: the user sets an inactivity timeout of 5s, which is looked at \
         once a second",
        "A > active_timeout 6s: the user sets an active timeout of 6s",
        "A > inactivity_timeout 0: the user takes its inactivity timeout back",
        "A > active_timeout 0: the user takes its active timeout back",
        "A > water_mark 32KiB: the user sets the water mark of its read buffer to 32KiB",
        "A > do_io_read 10: the user issues a read () [active's]",
        "A > do_io_read max: the user issues its read anew, and its count begins at 0 again",
        "A > do_io_write 100: the user issues a write () [active's]",
        "A > write 100: the user puts 100 bytes into its write buffer (A's write buffer 100)",
        "A > consume 5: the user takes no bytes off its read buffer, and there are no more",
        "A > hold passive 5ms: the user has a foreign thread take the mutex of the passive end's \
         user by an event, for 5ms",
        "F takes passive's: a foreign thread takes the mutex of the passive end's user",
        "F returns passive's: the foreign thread gives the mutex of the passive end's user back",
        "A > shutdown write: the user shuts its write side; this sets a flag that the other end's \
         read finds later",
        "A > shutdown read: the user shuts its read side; this sets a flag that the other end's \
         write finds later",
        "A > shutdown both: the user shuts both sides",
        "A > reenable read: the user asks its read to go on, by an event",
        "A > reenable_re write: the user asks its write to go on at once: it may be called back \
         before this returns",
        "A > do_io_write max no_buffer no_cont: the user issues its write anew, and its count \
         begins at 0 again, without a buffer and without a continuation",
        "A > close: the user closes the connection",
        "A > reenable write: this is left out: the connection is closed",
        "P > do_io_read max by_deputy: the user issues a read, with the mutex and the buffers of \
         its deputy",
        "P > consume 60: the deputy takes 60 bytes off its read buffer (P's deputy's read buffer \
         40)",
        "P > consume all: the deputy takes 40 bytes off its read buffer (P's deputy's read buffer \
         0)",
    ] {
        assert_told(&lines, begins);
    }
}

#[test]
fn a_call_on_a_buffer_has_a_line_and_what_it_returns_another() {
    let lines = told(
        r#"
        [active]
        on_connect = [
            "put write 40", "clone write", "take write 50", "blocks write#2", "free write#3",
            "create 4K", "copy write#2 extra all 10", "room extra", "mark read 7", "mark read",
        ]
        [passive]
        "#,
        Epoch::D,
    );
    for begins in [
        "A > put write 40: the user appends a copy of 40 bytes to its write buffer (A's write buffer 40)",
        "A buf_put 40: 40 bytes have been copied into the buffer",
        "A > clone write: the user asks for a further reader, at the place of the reader of its write \
         buffer",
        "A buf_reader 2: it is reader 2 of the buffer",
        "A > take write 50: the user has the reader of its write buffer consume 50 bytes, whether they \
         are there or not (A's write buffer -10)",
        "A buf_avail -10: the reader stands 10 bytes beyond the end",
        "A > blocks write#2: the user walks over the blocks that reader 2 of its write buffer has",
        "A buf_blocks 1: there is 1 block",
        "A buf_block 40: a block with 40 bytes to read",
        "A buf_space 32728: with space for 32728 bytes",
        "A > free write#3: this is left out: there is no such thing here",
        "A > create 4K: the user makes an extra buffer with blocks of 4096 bytes (4KiB)",
        "A > copy write#2 extra all 10: the user shares 30 bytes of reader 2 of its write buffer with \
         its extra buffer",
        "A buf_copied 30: 30 bytes have been copied",
        "A buf_room 4096: the block that is written next has space for 4096 bytes (4KiB)",
        "A > mark read 7: the user sets the water mark of its read buffer to 7",
        "A buf_mark 7: the water mark is 7",
    ] {
        assert_told(&lines, begins);
    }
}

#[test]
fn write_ready_says_whether_bytes_are_left_or_wanted() {
    let text = r#"
        [active]
        on_connect = ["do_io_write max"]
        "on_WRITE_READY#1" = ["write 33000", "reenable write"]
        [passive]
        on_connect = ["do_io_read max"]
        "#;
    for &epoch in Epoch::ALL {
        let lines = told(text, epoch);
        let told: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.strip_prefix("A sm_write 101: "))
            .filter_map(|line| line.split("VC_EVENT_WRITE_READY, ").nth(1))
            .map(|line| line.split(" [").next().unwrap_or_default())
            .collect();
        let empty = "its write buffer is empty, and the write wants more bytes";
        let first = format!(
            "{empty}; its reaction is on_WRITE_READY#1 (in its buffers: read 0 in 1 block, water \
             mark 0; write 0 in 1 block)"
        );
        let second = "some of its bytes have been taken, and the write goes on; there is no \
                      reaction to it (in its buffers: read 0 in 1 block, water mark 0; write 232 \
                      in 1 block)";
        assert_eq!(told[..2], [&first, second], "{epoch}");
    }
}

#[test]
fn an_error_and_an_end_name_what_the_other_end_has_done() {
    let reader = |ops: &str| {
        format!(
            "[active]\non_connect = [\"write 5\", \"do_io_write 9\", \"do_io_read 9\"]\n\
             [passive]\non_connect = [{ops}]\n"
        )
    };
    let cases = [
        (Epoch::D, "", "A sm_write 3", "VC_EVENT_ERROR, the passive end has not issued a read"),
        (Epoch::C, "\"close\"", "A sm_write 3", "VC_EVENT_ERROR, the passive end is closed"),
        (Epoch::D, "\"do_io_read 9\", \"close\"", "A sm_write 3", "the passive end is closed"),
        (
            Epoch::B,
            "\"do_io_read 9\", \"shutdown read\"",
            "A sm_write 3",
            "VC_EVENT_ERROR, the passive end has shut its read side",
        ),
        (Epoch::C, "\"close\"", "A sm_read 104", "VC_EVENT_EOS, the passive end is closed"),
        (
            Epoch::D,
            "\"shutdown write\"",
            "A sm_read 104",
            "VC_EVENT_EOS, the passive end has shut its write side",
        ),
    ];
    for (epoch, ops, step, why) in cases {
        let lines = told(&reader(ops), epoch);
        let line = lines.iter().find(|line| line.starts_with(step));
        assert!(line.is_some_and(|line| line.contains(why)), "{epoch} {ops}: {lines:#?}");
    }
}

#[test]
fn a_line_names_the_locks_of_the_thread_and_those_of_a_foreign_one() {
    let lines = told(
        "[active]\non_connect = [\"do_io_read max\", \"hold active 20ms\", \"hold active 30ms\"]\n\
         after_1s = [\"hold core 1s\", \"close\"]\n\
         after_1010ms = [\"close\"]\n\
         [passive]\nafter_10ms = [\"write 5\", \"do_io_write 5\"]\n",
        Epoch::C,
    );
    assert_told(&lines, "F takes active's: ");
    assert_told(
        &lines,
        "F keeps active's: a foreign thread has the mutex of the active end's user already, and \
         keeps it for a further time () [no lock; a foreign thread has active's]",
    );
    assert_told(
        &lines,
        "A read_lock_miss: another thread holds the mutex of the active end's read, so it is \
         tried again in 10 ms () [core, passive's; a foreign thread has active's]",
    );
    let changes = |text: &str| {
        let (_, recorded) = record(text, Epoch::C);
        let change = |what: &What| match what {
            What::Hold { whose, change } => Some((*whose, *change)),
            _ => None,
        };
        recorded.records.iter().filter_map(|r| change(&r.what)).collect::<Vec<_>>()
    };
    let text = "[active]\nafter_100ms = [\"hold core 1s\"]\nafter_200ms = [\"close\"]\n";
    assert_eq!(
        changes(text),
        [(Owner::Core, HoldChange::Takes), (Owner::Core, HoldChange::GivesWay)],
        "a close takes the mutex of the core at once"
    );
}

#[test]
fn the_thread_stands_on_each_line_where_there_is_more_than_one() {
    let threads = |text: &str| {
        let (program, recorded) = record(text, Epoch::D);
        let lines = Story::new(&recorded, &program.pair, Epoch::D).lines();
        let named: BTreeSet<_> = lines.into_iter().map(|line| line.thread).collect();
        let all: BTreeSet<Thread> = recorded.records.iter().map(|record| record.thread).collect();
        (all.len(), named.into_iter().collect::<Vec<_>>())
    };
    let ends = "[active]\non_connect = [\"do_io_read max\"]\n[passive]\nafter_1s = [\"close\"]\n";
    assert_eq!(threads(ends), (1, vec![None]));
    let named = |names: &[&str]| names.iter().map(|&name| Some(name.to_owned())).collect();
    let two = format!("[pair]\nthreads = 2\n{ends}");
    assert_eq!(threads(&two), (2, named(&["ET_NET 0", "ET_NET 1"])));
    let foreign = format!("[pair]\nforeign_thread = true\n{ends}");
    assert_eq!(threads(&foreign), (2, named(&["ET_NET 0", "foreign"])));
}

#[test]
fn what_is_left_out_has_no_effect_on_the_ledger() {
    let (program, recorded) =
        record("[active]\non_connect = [\"close\", \"do_io_write 5\", \"write 7\"]\n", Epoch::C);
    let effects: Vec<_> = recorded
        .records
        .iter()
        .filter_map(|record| match record.what {
            What::Op(performed) => Some((performed.index, performed.effect)),
            _ => None,
        })
        .collect();
    assert_eq!(effects, [(0, Effect::Done), (1, Effect::Closed), (2, Effect::Done)]);
    let mut ledger = Ledger::new(&program.pair);
    recorded.records.iter().for_each(|record| ledger.apply(record));
    assert_eq!(ledger.to_write(Side::Active), None, "the write was never issued");
    assert_eq!(ledger.level(Side::Active, false).write, 7, "the user's own buffer may be used");
}

#[test]
fn users_and_foreign_threads_are_told_apart_from_plugin_vc() {
    let (program, recorded) =
        record("[active]\non_connect = [\"hold passive 1ms\", \"close\"]\n", Epoch::C);
    for line in Story::new(&recorded, &program.pair, Epoch::C).lines() {
        let expected = match &*line.text {
            text if text.starts_with("F ") => Mark::Foreign,
            text if text.contains('>') || text.contains("on_connect") => Mark::User,
            _ => Mark::Step,
        };
        assert_eq!(line.mark, expected, "{}", line.text);
    }
}
