//! What a server's debug lines say.
//!
//! A line is `[Jan  1 00:00:23.040] [ET_NET 0] DEBUG: <file:line (function)>
//! (tag) text`; those of a plugin have no place. The texts are those of
//! `PluginVC.cc` and `NetVCTest.cc`, the same in all releases as far as a release
//! has the line, and those of the plugins in `tests/live`.

use crate::ats::vocabulary::driver;
use eventsys::hrtime::{HrTime, mseconds};
use eventsys::steps::{Step, StepKind};
use pluginvc::steps as pvc;
use pluginvc::steps::Side;

use crate::ats::scenario::{Seen, Taken};

/// What a line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A step of the pair with the number `pair`; a step of the user's state
    /// machine has none.
    Step {
        /// The step; its time is that of the day.
        step: Step,
        /// The number of the pair.
        pair: Option<u32>,
        /// What was in the user's buffers, if the probe says so.
        seen: Option<Seen>,
    },
    /// The probe begins to perform a program, at this time of the day.
    Begin(HrTime),
    /// Why the probe ends the run.
    Why(String),
    /// What an end has taken off its read buffer.
    Took(Side, Taken),
    /// The run is over.
    Over,
    /// The server's regression test begins a case.
    Case(String),
    /// A release assertion has failed, with its text.
    Assertion(String),
    /// The server says why it ends, in other words than an assertion's.
    Fatal(String),
    /// Nothing that the comparison needs.
    Other,
}

/// What `line` says.
#[must_use]
pub fn heard(line: &str) -> Heard {
    if let Some(at) = line.find("failed assertion `") {
        let text = &line[at + "failed assertion `".len()..];
        return Heard::Assertion(text.trim_end_matches(['`', '\'']).to_owned());
    }
    if let Some(text) = fatal(line) {
        return Heard::Fatal(text.to_owned());
    }
    let Some((head, tagged)) = line.split_once("(pvc") else { return Heard::Other };
    let Some((tag, text)) = tagged.split_once(") ") else { return Heard::Other };
    let at = time_of_day(head).unwrap_or(0);
    match tag {
        "_probe" => of_probe(text, at),
        "_test" => match text.strip_prefix("Starting test ") {
            Some(name) => Heard::Case(name.to_owned()),
            None => Heard::Other,
        },
        "_test_detail" => of_netvctest(text, at).unwrap_or(Heard::Other),
        _ => of_plugin_vc(text, at).unwrap_or(Heard::Other),
    }
}

/// What a line says of the server's end, without the time and the thread before it.
fn fatal(line: &str) -> Option<&str> {
    const BEGINS: [&str; 7] = [
        "FATAL: ",
        "Fatal: ",
        "ALERT: ",
        "EMERGENCY: ",
        "received signal ",
        "terminate called ",
        "what():  ",
    ];
    BEGINS.iter().find_map(|begin| line.find(begin).map(|at| line[at..].trim_end()))
}

/// The time in `[Jan  1 00:00:23.040] …`, in nanoseconds since midnight.
fn time_of_day(head: &str) -> Option<HrTime> {
    let date = head.strip_prefix('[')?.split(']').next()?;
    let (clock, millis) = date.rsplit(' ').next()?.split_once('.')?;
    let mut seconds = 0;
    for part in clock.split(':') {
        seconds = seconds * 60 + part.parse::<i64>().ok()?;
    }
    Some(mseconds(seconds * 1000 + millis.parse::<i64>().ok()?))
}

fn of_probe(text: &str, at: HrTime) -> Heard {
    let Some((side, what)) = sided(text) else {
        return match text {
            "begin" => Heard::Begin(at),
            "over" => Heard::Over,
            why => Heard::Why(why.to_owned()),
        };
    };
    let words: Vec<_> = what.split(' ').collect();
    let number = |index: usize| words.get(index).and_then(|word| word.parse::<i64>().ok());
    match (words[0], number(1), number(2), number(4)) {
        ("took", Some(bytes), Some(checksum), Some(left)) => {
            let checksum = u32::try_from(checksum).unwrap_or(0);
            Heard::Took(side, Taken { bytes, checksum, left })
        }
        (word @ ("sm_read" | "sm_write"), code, ..) => {
            let kind = if word == "sm_read" { driver::SM_READ } else { driver::SM_WRITE };
            let step = Step { at, ..Step::bare(side, kind, code) };
            // After the code: `read BYTES BLOCKS write BYTES BLOCKS`.
            let count = |index: usize| number(index).unwrap_or(0);
            let seen = words.get(2).map(|_| Seen {
                read: count(3),
                read_blocks: count(4),
                write: count(6),
                write_blocks: count(7),
            });
            Heard::Step { step, pair: None, seen }
        }
        (word, Some(value), ..) => match driver::ALL.iter().find(|kind| kind.name() == word) {
            Some(&kind) => {
                let step = Step { at, ..Step::bare(side, kind, Some(value)) };
                Heard::Step { step, pair: None, seen: None }
            }
            None => Heard::Other,
        },
        _ => Heard::Other,
    }
}

/// `write_handler received event 101 on Active`.
fn of_netvctest(text: &str, at: HrTime) -> Option<Heard> {
    const TEXTS: [(&str, StepKind); 5] = [
        ("read_handler received event ", driver::SM_READ),
        ("write_handler received event ", driver::SM_WRITE),
        ("consume_&_check: read ", driver::SM_CHECKED),
        ("Freeing read MIOBuffer with ", driver::FREE_READ_BUFFER_BLOCKS),
        ("Freeing write MIOBuffer with ", driver::FREE_WRITE_BUFFER_BLOCKS),
    ];
    let (rest, kind) =
        TEXTS.iter().find_map(|&(begin, kind)| Some((text.strip_prefix(begin)?, kind)))?;
    let value = rest.split([' ', ',']).next()?.parse().ok()?;
    let subject = match rest.rsplit(' ').next()? {
        "Active" => Side::Active.into(),
        "Passive" => Side::Passive.into(),
        _ => pvc::pair(0),
    };
    let step = Step { at, ..Step::bare(subject, kind, Some(value)) };
    Some(Heard::Step { step, pair: None, seen: None })
}

/// `[3] Active: text`.
fn of_plugin_vc(text: &str, at: HrTime) -> Option<Heard> {
    let (pair, text) = text.strip_prefix('[')?.split_once("] ")?;
    let pair = pair.parse().ok()?;
    let (subject, kind, value) = if text.starts_with("Created PluginVCCore") {
        (pvc::pair(pair), pvc::CREATE, None)
    } else if text.starts_with("Destroying PluginVCCore") {
        (pvc::pair(pair), pvc::DESTROY, None)
    } else {
        let (side, what) = sided(text)?;
        let (kind, value) = of_end(what)?;
        (side.of_pair(pair), kind, value)
    };
    let step = Step { at, ..Step::bare(subject, kind, value) };
    Some(Heard::Step { step, pair: Some(pair), seen: None })
}

fn sided(text: &str) -> Option<(Side, &str)> {
    let (name, what) = text.split_once(": ")?;
    match name {
        "Active" => Some((Side::Active, what)),
        "Passive" => Some((Side::Passive, what)),
        _ => None,
    }
}

fn of_end(what: &str) -> Option<(StepKind, Option<i64>)> {
    const NUMBERED: [(&str, StepKind); 8] = [
        ("do_io_read for ", pvc::DO_IO_READ),
        ("do_io_write for ", pvc::DO_IO_WRITE),
        ("Received event ", pvc::EVENT),
        ("process_read_side; act_on ", pvc::READ_ACT_ON),
        ("process_read_side; added ", pvc::READ_ADDED),
        ("process_write_side; act_on ", pvc::WRITE_ACT_ON),
        ("process_write_side; added ", pvc::WRITE_ADDED),
        ("process_write_side and process_read_side from other side; added ", pvc::MOVED),
    ];
    let kind = match what {
        "do_io_close" => pvc::DO_IO_CLOSE,
        "reenable Read" => pvc::REENABLE_READ,
        "reenable Write" => pvc::REENABLE_WRITE,
        "reenable_re Read" => pvc::REENABLE_RE_READ,
        "reenable_re Write" => pvc::REENABLE_RE_WRITE,
        "process_read_side" => pvc::READ_SIDE,
        "process_write_side" => pvc::WRITE_SIDE,
        "process_close" => pvc::PROCESS_CLOSE,
        "process_read_side no buffer space" | "process_read_side out of buffer space" => {
            pvc::READ_NO_SPACE
        }
        "process_write_side no buffer space" | "process_write_side out of buffer space" => {
            pvc::WRITE_NO_SPACE
        }
        "process_read_side from other side no buffer space"
        | "process_read_side from other side out of buffer space" => pvc::PEER_NO_SPACE,
        "write_state of other side is not available" => pvc::PEER_WRITE_GONE,
        "process_read_side lock miss, retrying"
        | "process_read_side from other side lock miss, retrying" => pvc::READ_LOCK_MISS,
        "process_write_side lock miss, retrying"
        | "process_write_side from other side lock miss, retrying" => pvc::WRITE_LOCK_MISS,
        _ => {
            let (rest, kind) =
                NUMBERED.iter().find_map(|&(text, kind)| Some((what.strip_prefix(text)?, kind)))?;
            return Some((kind, Some(rest.split(' ').next()?.parse().ok()?)));
        }
    };
    Some((kind, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[Jan  1 00:01:23.040] [ET_NET 0] DEBUG: <PluginVC.cc:1 (f)> ";
    const AT: HrTime = mseconds(83_040);

    fn step(text: &str) -> Option<(String, Option<u32>)> {
        match heard(&format!("{HEAD}{text}")) {
            Heard::Step { step, pair, .. } => {
                assert_eq!(step.at, AT);
                Some((step.to_string(), pair))
            }
            _ => None,
        }
    }

    #[test]
    fn the_lines_of_plugin_vc_are_steps() {
        for (text, expected) in [
            ("(pvc) [7] Created PluginVCCore at 0x1, active 0x2, passive 0x3", "- create"),
            ("(pvc) [7] Destroying PluginVCCore at 0x1", "- destroy"),
            ("(pvc) [7] Passive: do_io_read for 2000 bytes", "P do_io_read 2000"),
            ("(pvc_event) [7] Active: Received event 2", "A event 2"),
            ("(pvc) [7] Active: reenable Write", "A reenable_write"),
            ("(pvc) [7] Active: process_write_side; act_on 10", "A write_act_on 10"),
            (
                "(pvc) [7] Active: process_write_side and process_read_side from other side; added 5",
                "A moved 5",
            ),
            (
                "(pvc_event) [7] Passive: process_read_side from other side lock miss, retrying",
                "P read_lock_miss",
            ),
        ] {
            assert_eq!(step(text), Some((expected.to_owned(), Some(7))), "{text}");
        }
        assert_eq!(step("(pvc) [7] Active: something new"), None);
    }

    #[test]
    fn the_lines_of_the_probe() {
        assert_eq!(step("(pvc_probe) Active: sm_write 103"), Some(("A sm_write 103".into(), None)));
        let seen = Seen { read: 5, read_blocks: 1, write: 70, write_blocks: 2 };
        let line = format!("{HEAD}(pvc_probe) Passive: sm_read 100 read 5 1 write 70 2");
        assert!(matches!(heard(&line), Heard::Step { seen: Some(found), .. } if found == seen));
        let of = |text: &str| heard(&format!("{HEAD}(pvc_probe) {text}"));
        assert_eq!(of("begin"), Heard::Begin(AT));
        assert_eq!(of("quiet"), Heard::Why("quiet".into()));
        assert_eq!(of("over"), Heard::Over);
        let taken = Taken { bytes: 10, checksum: 4_000_000_000, left: 3 };
        assert_eq!(of("Passive: took 10 4000000000 left 3"), Heard::Took(Side::Passive, taken));
    }

    #[test]
    fn the_lines_of_the_regression_test() {
        for (text, expected) in [
            ("read_handler received event 104 on Passive", "P sm_read 104"),
            ("write_handler received event 3 on Active", "A sm_write 3"),
            ("consume_&_check: read 1950, to_read 2000", "- sm_checked 1950"),
            ("Freeing read MIOBuffer with 2 blocks on Active", "A free_read_buffer_blocks 2"),
            ("Freeing write MIOBuffer with 1 blocks on Passive", "P free_write_buffer_blocks 1"),
        ] {
            let text = format!("(pvc_test_detail) {text}");
            assert_eq!(step(&text), Some((expected.to_owned(), None)), "{text}");
        }
        assert_eq!(step("(pvc_test_detail) something new on Active"), None);
        let case = heard(&format!("{HEAD}(pvc_test) Starting test basic2"));
        assert_eq!(case, Heard::Case("basic2".into()));
    }

    #[test]
    fn a_failed_assertion_is_told_with_its_text() {
        let line = "Fatal: PluginVC.cc:123: failed assertion `reentrancy_count == 0`";
        assert_eq!(heard(line), Heard::Assertion("reentrancy_count == 0".into()));
    }

    #[test]
    fn what_a_server_says_of_its_end_is_told() {
        let line = "[Nov 29 12:50:00.000] {0x7f} FATAL: couldn't allocate 64 bytes";
        assert_eq!(heard(line), Heard::Fatal("FATAL: couldn't allocate 64 bytes".into()));
        let line = "traffic_server: received signal 11 (Segmentation fault)";
        assert_eq!(heard(line), Heard::Fatal("received signal 11 (Segmentation fault)".into()));
        assert_eq!(heard("[Nov 29 12:50:00.000] NOTE: records parsing completed"), Heard::Other);
    }
}
