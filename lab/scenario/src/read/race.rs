//! Reads what is only explored: `[explore]`, `[thread.NAME]`, `epoch` of `[pair]`.

use std::collections::BTreeMap;

use eventsys::WakePolicy;
use pluginvc::Epoch;
use serde::Deserialize;
use toml::Spanned;

use super::{Faulty, Source};
use crate::act::{Act, Lock};
use crate::fault::ScenarioFault;
use crate::model::{PairDef, Reaction, Trigger};
use crate::race::{Begin, ForeignThread, MOST_INTERRUPTIONS, MOST_THREADS, Race, wake_name};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExplore {
    from: Option<Spanned<String>>,
    bound: Option<Spanned<i64>>,
    #[serde(default)]
    stalls: bool,
    wake: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawThread {
    does: Vec<Spanned<String>>,
}

/// What the operations before have said, of all threads.
struct Order {
    is_connected: bool,
    /// True if they schedule events, false if they are about a pair.
    schedules: Option<bool>,
}

/// The longest name of a thread: it heads a column.
const LONGEST_NAME: usize = 24;

impl Source<'_> {
    /// The race of a file; `None` if the file has nothing of it.
    pub(super) fn race(
        &self,
        pair: &PairDef,
        epoch: Option<Spanned<String>>,
        explore: Option<Spanned<RawExplore>>,
        threads: BTreeMap<Spanned<String>, RawThread>,
        reactions: &[&[Reaction]],
    ) -> Faulty<Option<Race>> {
        let mut reactions = reactions.iter().copied().flatten();
        let has_reaction = reactions.clone().any(|one| one.trigger == Trigger::Race);
        if epoch.is_none() && explore.is_none() && threads.is_empty() && !has_reaction {
            return Ok(None);
        }
        let first = threads.keys().map(|name| name.span().start).min().unwrap_or(0);
        let mut race = Race { threads: self.threads(pair, threads)?, ..Race::default() };
        if race.schedules() > 0 && reactions.next().is_some() {
            let expected = "no reaction of an end: a race that schedules events has no pair";
            return Err((first, ScenarioFault::expected(expected, "a thread that schedules")));
        }
        if let Some(name) = epoch {
            let known = Epoch::ALL.iter().find(|epoch| epoch.name() == name.get_ref());
            race.epoch = Some(*known.ok_or_else(|| self.one_of(&name, "an epoch (B, C, D or E)"))?);
        }
        let raw = explore.map(Spanned::into_inner).unwrap_or_default();
        race.stalls = raw.stalls;
        if let Some(bound) = raw.bound {
            race.bound = u32::try_from(*bound.get_ref())
                .ok()
                .filter(|&bound| bound <= MOST_INTERRUPTIONS)
                .ok_or_else(|| {
                    let expected = format!("a number of interruptions up to {MOST_INTERRUPTIONS}");
                    let found = bound.get_ref().to_string();
                    (bound.span().start, ScenarioFault::Expected { expected, found })
                })?;
        }
        if let Some(name) = raw.wake {
            let known = [WakePolicy::Blocking, WakePolicy::TryLock];
            let wake = known.into_iter().find(|&wake| wake_name(wake) == name.get_ref());
            race.wake = wake.ok_or_else(|| self.one_of(&name, "blocking or try_lock"))?;
        }
        if race.connects() {
            race.begin = Begin::Start;
        }
        if let Some(name) = raw.from {
            let known = Begin::ALL.into_iter().find(|from| from.name() == name.get_ref());
            let from = known.ok_or_else(|| {
                self.one_of(&name, "where the threads begin (start, connect or quiet)")
            })?;
            if race.connects() && from != Begin::Start {
                return Err(self.one_of(&name, "start, because a thread makes the connection"));
            }
            race.begin = from;
        }
        Ok(Some(race))
    }

    /// `name` is something else than expected.
    fn one_of(&self, name: &Spanned<String>, expected: &str) -> (usize, ScenarioFault) {
        let place = self.place(name.span(), name.get_ref(), 0);
        (place, ScenarioFault::expected(expected, name.get_ref()))
    }

    /// The threads, in the order of the file.
    fn threads(
        &self,
        pair: &PairDef,
        raw: BTreeMap<Spanned<String>, RawThread>,
    ) -> Faulty<Vec<ForeignThread>> {
        let mut raw: Vec<_> = raw.into_iter().collect();
        raw.sort_by_key(|(name, _)| name.span().start);
        let mut threads = Vec::new();
        let mut order = Order { is_connected: pair.foreign, schedules: None };
        for (name, thread) in raw {
            let text = name.get_ref();
            let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(is_fit) {
                let expected =
                    format!("a name of up to {LONGEST_NAME} letters, digits, - and _ for a thread");
                return Err(self.one_of(&name, &expected));
            }
            if threads.len() == MOST_THREADS {
                return Err(self.one_of(&name, &format!("{MOST_THREADS} threads at most")));
            }
            let does = self.does(pair, &thread, &mut order)?;
            threads.push(ForeignThread { name: text.clone(), does });
        }
        Ok(threads)
    }

    /// The operations of a thread. What follows from their order alone is checked here, so that
    /// an exploration does not end with a mistake of its file.
    fn does(&self, pair: &PairDef, thread: &RawThread, order: &mut Order) -> Faulty<Vec<Act>> {
        let mut has: Vec<(Lock, &Spanned<String>)> = Vec::new();
        let mut acts = Vec::new();
        for text in &thread.does {
            let act = Act::parse(text.get_ref())
                .map_err(|(at, fault)| (self.place(text.span(), text.get_ref(), at), fault))?;
            let wrong = |expected: String| Err(self.one_of(text, &expected));
            let schedules = matches!(act, Act::Schedule(_));
            if *order.schedules.get_or_insert(schedules) != schedules {
                return wrong(
                    "only schedule, or no schedule: a race that schedules events has no pair"
                        .to_owned(),
                );
            }
            match act {
                Act::Lock(lock) if has.iter().any(|(other, _)| *other == lock) => {
                    let lock = lock.name();
                    return wrong(format!("unlock {lock} before a second lock {lock}"));
                }
                Act::Lock(lock) => has.push((lock, text)),
                Act::Unlock(lock) => match has.iter().rposition(|(other, _)| *other == lock) {
                    Some(at) => drop(has.remove(at)),
                    None => return wrong(format!("lock {0} before unlock {0}", lock.name())),
                },
                Act::Connect if std::mem::replace(&mut order.is_connected, true) => {
                    return wrong("one thread that makes the connection, once".to_owned());
                }
                Act::Wait(_) if !has.is_empty() => {
                    let lock = has[0].0.name();
                    return wrong(format!(
                        "unlock {lock} before wait: a thread that sleeps with a mutex stops time"
                    ));
                }
                _ => {}
            }
            if let Some(lock) = act.needs() {
                let is_it = |has: Lock| match (has, lock) {
                    (Lock::User(_), Lock::User(_)) if pair.shared_mutex => true,
                    _ => has == lock,
                };
                if !has.iter().any(|&(lock, _)| is_it(lock)) {
                    return wrong(format!("lock {} before this operation", lock.name()));
                }
            }
            acts.push(act);
        }
        match has.first() {
            Some((lock, text)) => {
                Err(self.one_of(text, &format!("unlock {} after this lock", lock.name())))
            }
            None => Ok(acts),
        }
    }
}
