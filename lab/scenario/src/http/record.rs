//! [`HttpRecord`]: what happened in a run, in order, and not only what each participant has seen.

use eventsys::{EThread, HrTime};

use super::hook_op::HookOp;
use super::messages::Messages;
use super::model::{HttpScenario, When};
use super::op::HttpOp;
use super::seen::{HttpReport, masked_text};
use crate::model::Trigger;
use crate::record::Performed;

/// A run, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HttpRecorded {
    /// What happened.
    pub records: Vec<HttpRecord>,
    /// The same, told for each participant.
    pub report: HttpReport,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpRecord {
    /// When, in nanoseconds since the run began.
    pub at: HrTime,
    /// On which thread, if it is a hook or what a hook does: `ET_NET 0`, `foreign`.
    pub thread: Option<String>,
    /// Which participant, by the name that the report has.
    pub who: String,
    /// What.
    pub what: HttpWhat,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HttpWhat {
    /// A moment that the participant reacts to and that no other record tells: it has its
    /// connection, a timer has run out, a hook has been called.
    Moment(When),
    /// It begins with an operation.
    Op {
        /// Of which reaction.
        when: When,
        /// Which one of that reaction, from 0.
        index: usize,
        /// The operation.
        op: HttpOp,
    },
    /// A hook of the transaction carries out an operation.
    HookOp {
        /// Which list of the scenario, if one says so.
        list: Option<usize>,
        /// Which one of that list, from 0.
        index: usize,
        /// The operation.
        op: HookOp,
        /// What it has found, if it looks for something.
        found: Option<String>,
    },
    /// The user of the NetVC carries out an operation of this reaction.
    VcOp(Trigger, Performed),
    /// Bytes have come to it.
    Gets {
        /// How many.
        bytes: usize,
        /// The first lines of the heads that are complete with them.
        heads: Vec<String>,
    },
    /// It has seen this, in the words of the report.
    Event(String),
}

impl HttpRecorded {
    /// The run that these records and this report tell. It fills in the heads.
    #[must_use]
    pub fn new(mut records: Vec<HttpRecord>, report: HttpReport) -> HttpRecorded {
        for actor in &report.actors {
            let messages = Messages::of(&actor.bytes);
            let mut left = messages.all.iter().peekable();
            let mut to = 0;
            for record in records.iter_mut().filter(|record| record.who == actor.name) {
                let HttpWhat::Gets { bytes, heads } = &mut record.what else { continue };
                to += *bytes;
                while let Some(message) = left.next_if(|message| message.end <= to) {
                    heads.push(message.line.clone());
                }
            }
        }
        HttpRecorded { records, report }
    }

    /// Puts `{origin}` in place of the origin server's address, whose port differs from run to run.
    pub fn mask_origin(&mut self, port: u16) {
        self.report.mask_origin(port);
        for record in &mut self.records {
            match &mut record.what {
                HttpWhat::Event(text) => *text = masked_text(text, port),
                HttpWhat::HookOp { found: Some(text), .. } => *text = masked_text(text, port),
                HttpWhat::Gets { heads, .. } => {
                    heads.iter_mut().for_each(|text| *text = masked_text(text, port));
                }
                _ => {}
            }
        }
    }

    /// For each record, the number that a hook's call has among those of its place, from 1; 0 for
    /// what is no call.
    #[must_use]
    pub fn calls(&self) -> Vec<u32> {
        let mut counts: Vec<(&str, u32)> = Vec::new();
        let call = |record: &HttpRecord| match &record.what {
            HttpWhat::Event(text) if record.who.starts_with("txn ") => {
                let is_own = text.ends_with(OWN);
                let name = text.split(',').next().unwrap_or_default();
                (!is_own && super::hook_op::place(name).is_some()).then(|| name.to_owned())
            }
            _ => None,
        };
        let mut numbers = Vec::new();
        let names: Vec<Option<String>> = self.records.iter().map(call).collect();
        for name in &names {
            let Some(name) = name else {
                numbers.push(0);
                continue;
            };
            let at = counts.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                counts.push((name, 0));
                counts.len() - 1
            });
            counts[at].1 += 1;
            numbers.push(counts[at].1);
        }
        numbers
    }
}

/// What stands behind a hook that the scenario has added to a transaction.
pub(super) const OWN: &str = ", own hook";

impl HttpScenario {
    /// The list of operations that the `nth` call of a hook of this place carries out.
    #[must_use]
    pub fn list_of(&self, hook: httpsm::hooks::HttpHook, nth: u32) -> Option<usize> {
        let with = |n| self.hooks.iter().position(|one| one.hook == hook && one.nth == n);
        with(nth).or_else(|| with(0))
    }
}

/// The name of the calling thread.
pub(super) fn current_thread() -> String {
    EThread::with_current(|thread| match thread {
        Some(thread) => thread.name().trim_matches(['[', ']']).to_owned(),
        None => "foreign".to_owned(),
    })
}
