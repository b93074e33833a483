//! [`Expect`]: what a scenario says will happen, and whether it happened.

use std::fmt;

use eventsys::EventCode;
use pluginvc::steps::Side;

use super::outcome::{Outcome, names};
use super::run::Finish;
use pluginvc::Epoch;

/// What a scenario expects of its runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expect {
    /// In every epoch.
    pub always: Expected,
    /// In one epoch: a field that is given here overrides `always`.
    pub by_epoch: Vec<(Epoch, Expected)>,
}

/// What is expected. A field that is not given allows anything except a panic.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expected {
    /// The events with which the active end's user is called back, in order.
    pub active: Option<Vec<EventCode>>,
    /// The same of the passive end.
    pub passive: Option<Vec<EventCode>>,
    /// The bytes that come into the active end's read buffers.
    pub active_bytes: Option<i64>,
    /// The same of the passive end.
    pub passive_bytes: Option<i64>,
    /// How the run ends.
    pub finish: Option<FinishKind>,
}

/// The ways in which a run ends, by their words in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinishKind {
    /// Both ends were closed and the pair was freed.
    Freed,
    /// Nothing happened any more, and an end was open.
    Quiet,
    /// The longest time was over.
    Time,
    /// A reaction went on without end.
    Runaway,
    /// The port panicked: there the real server aborts, or worse.
    Panic,
}

impl FinishKind {
    /// Every way.
    pub const ALL: [FinishKind; 5] = [
        FinishKind::Freed,
        FinishKind::Quiet,
        FinishKind::Time,
        FinishKind::Runaway,
        FinishKind::Panic,
    ];

    /// Its word in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FinishKind::Freed => "freed",
            FinishKind::Quiet => "quiet",
            FinishKind::Time => "time",
            FinishKind::Runaway => "runaway",
            FinishKind::Panic => "panic",
        }
    }
}

impl From<&Finish> for FinishKind {
    fn from(finish: &Finish) -> FinishKind {
        match finish {
            Finish::Freed => FinishKind::Freed,
            Finish::Quiet => FinishKind::Quiet,
            Finish::TimeIsUp => FinishKind::Time,
            Finish::Runaway => FinishKind::Runaway,
            Finish::Panicked(_) => FinishKind::Panic,
        }
    }
}

impl fmt::Display for FinishKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Expect {
    /// What is expected in `epoch`. What is said of D holds in E too, unless E has its own: in one
    /// thread E takes the steps of D.
    #[must_use]
    pub fn of(&self, epoch: Epoch) -> Expected {
        let mut all = self.always.clone();
        let holds = |of: Epoch| of == epoch || (of, epoch) == (Epoch::D, Epoch::E);
        // D stands before E.
        for (_, own) in self.by_epoch.iter().filter(|(of, _)| holds(*of)) {
            let Expected { active, passive, active_bytes, passive_bytes, finish } = own.clone();
            all.active = active.or(all.active);
            all.passive = passive.or(all.passive);
            all.active_bytes = active_bytes.or(all.active_bytes);
            all.passive_bytes = passive_bytes.or(all.passive_bytes);
            all.finish = finish.or(all.finish);
        }
        all
    }

    /// What `outcome`, a run in `epoch`, does not fulfil: a sentence each, without a full
    /// stop; empty if the run is as expected.
    ///
    /// ```
    /// use pluginvc::Epoch;
    /// use scenario::{Outcome, record_scenario, scenario_from_bytes};
    ///
    /// let text = br#"
    /// title = "Ten bytes"
    /// teaches = "The peer gets them."
    /// [active]
    /// on_connect = ["write 10", "do_io_write 10"]
    /// on_WRITE_COMPLETE = ["close"]
    /// [passive]
    /// on_connect = ["do_io_read 10"]
    /// on_READ_COMPLETE = ["close"]
    /// [expect]
    /// passive = ["READ_COMPLETE"]
    /// passive_bytes = 11
    /// "#;
    /// let scenario = scenario_from_bytes("ten.toml", text).unwrap();
    /// let recorded = record_scenario(&scenario.compile(), Epoch::C);
    /// let outcome = Outcome::new(&recorded, &scenario.pair);
    /// let unmet = scenario.expect.unmet(Epoch::C, &outcome);
    /// assert_eq!(unmet, ["expected 11 bytes to reach the passive end, and 10 did"]);
    /// ```
    #[must_use]
    pub fn unmet(&self, epoch: Epoch, outcome: &Outcome) -> Vec<String> {
        let expected = self.of(epoch);
        let mut unmet = Vec::new();
        let ends = [
            ("active", Side::Active, &expected.active, expected.active_bytes),
            ("passive", Side::Passive, &expected.passive, expected.passive_bytes),
        ];
        for (name, side, callbacks, bytes) in ends {
            let end = outcome.end(side);
            if let Some(expected) = callbacks.as_ref().filter(|all| **all != end.callbacks) {
                let (expected, found) = (told(expected), told(&end.callbacks));
                unmet.push(format!("expected {expected} at the {name} end, and {found} came"));
            }
            if let Some(bytes) = bytes.filter(|&bytes| bytes != end.received) {
                let found = end.received;
                let text =
                    format!("expected {bytes} bytes to reach the {name} end, and {found} did");
                unmet.push(text);
            }
        }
        let found = FinishKind::from(&outcome.finish);
        match expected.finish {
            Some(finish) if finish != found => {
                unmet.push(format!(
                    "expected the run to end with {finish}, and it ended with {found}"
                ));
            }
            None if found == FinishKind::Panic => {
                unmet.push(
                    "expected no panic, because finish = \"panic\" is not in [expect]".to_owned(),
                );
            }
            _ => {}
        }
        unmet
    }
}

fn told(events: &[EventCode]) -> String {
    if events.is_empty() { "no callback".to_owned() } else { names(events) }
}
