//! [`Room::visit`]: the machine that opens a room.

use explorer::{Explorer, Found, Report, Schedule, Strategy, Trace, Violation};
use pluginvc::Epoch;
use serde::Serialize;

use crate::arms::Arms;
use crate::room::{Room, Shown};
use crate::scene::Scene;

/// In how many schedules an armed room must show its defect.
const FOUND_WITHIN: u64 = 20_000;

/// A bound above the room's own is tried if all its schedules are fewer than this.
const FEW_SCHEDULES: u64 = 100_000;

/// How many changes of priority the random strategy PCT makes, plus one.
const PCT_DEPTH: u32 = 3;

/// How much a visit does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Work {
    /// How many random schedules of each kind a mended room must stand.
    pub random: u64,
    /// Whether one interruption more than the room's bound is tried where that is cheap.
    pub deeper: bool,
    /// How many threads of the system explore.
    pub jobs: usize,
}

impl Default for Work {
    /// A visit of a second or less for each room.
    fn default() -> Work {
        Work { random: 1_000, deeper: false, jobs: 1 }
    }
}

/// What a visit has shown.
#[derive(Clone, Debug, Serialize)]
pub struct Visit {
    /// The room.
    pub room: String,
    /// The defect, put back and found.
    pub armed: Option<Armed>,
    /// What else the armed room shows.
    pub also: Vec<Armed>,
    /// The mended room.
    pub fixed: Option<Fixed>,
    /// What was not as the room says: one sentence each, without a full stop.
    pub surprises: Vec<String>,
    /// The epochs in which the violation came, if the room says something about that.
    pub holds_in: Vec<String>,
}

/// A defect that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Armed {
    /// How the room was armed.
    pub words: String,
    /// What happened.
    pub violation: Violation,
    /// The schedule, with as few interruptions as possible.
    pub schedule: Schedule,
    /// How many interruptions it has.
    pub interruptions: u32,
    /// How many schedules were run until it was found.
    pub after: u64,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// The observers that were listened to: those whose words have these in them; empty: all.
    pub heard: String,
}

/// A mended room in which nothing was found.
#[derive(Clone, Debug, Serialize)]
pub struct Fixed {
    /// How the room was mended.
    pub words: String,
    /// Every schedule with so many interruptions was run.
    pub bound: Option<u32>,
    /// How many schedules those are.
    pub schedules: u64,
    /// The random schedules.
    pub random: Vec<Sampled>,
    /// How long all of it took, in seconds.
    pub seconds: f64,
}

/// Random schedules of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Sampled {
    /// `pos` or `pct`.
    pub strategy: String,
    /// How many there were.
    pub schedules: u64,
}

impl Room {
    /// Opens the room: finds its defect, and proves that the mended code does not have it. A room
    /// whose exhibit is a text has nothing to be found.
    #[must_use]
    pub fn visit(&self, work: &Work) -> Visit {
        let mut visit = Visit {
            room: self.id.clone(),
            armed: None,
            also: Vec::new(),
            fixed: None,
            surprises: Vec::new(),
            holds_in: Vec::new(),
        };
        if !self.is_explored() {
            return visit;
        }
        if let Some(arms) = &self.armed {
            match self.find(arms, work, "") {
                Ok(armed) => visit.armed = Some(armed),
                Err(surprise) => visit.surprises.push(surprise),
            }
            for words in &self.also {
                match self.find(arms, work, words) {
                    Ok(armed) => visit.also.push(armed),
                    Err(surprise) => visit.surprises.push(surprise),
                }
            }
            self.see_where_it_holds(arms, work, &mut visit);
        }
        if let Some(arms) = &self.fixed {
            match self.prove(arms, work) {
                Ok(fixed) => visit.fixed = Some(fixed),
                Err(surprise) => visit.surprises.push(surprise),
            }
        }
        visit
    }

    /// The armed room once more, under the schedule that a visit has found, operation by
    /// operation.
    ///
    /// # Errors
    /// If the schedule belongs to another program.
    pub fn trace(&self, armed: &Armed) -> Result<Trace, explorer::WrongProgram> {
        let arms = self.armed.as_ref().expect("a visit has found its defect");
        let explorer = listening(self.explorer(&Work::default()), &armed.heard);
        let scene = self.scene(arms);
        on_a_fresh_thread(|| explorer.trace(&armed.schedule, move || scene()))
    }

    /// How schedules of this room are run.
    #[must_use]
    pub fn explorer(&self, work: &Work) -> Explorer {
        let text = match &self.shown {
            Shown::Scenario { text, .. } => text,
            Shown::Scene(name) | Shown::Exhibit(name) => name,
        };
        Explorer::new().bound(self.bound).stalls(self.stalls).jobs(work.jobs).scenario(text)
    }

    /// The room's defect, armed: the first violation, or the first one with these words.
    fn find(&self, arms: &Arms, work: &Work, heard: &str) -> Result<Armed, String> {
        let explorer = listening(self.explorer(work), heard);
        let shows = if heard.is_empty() { &*self.shows } else { heard };
        let report = explore(&explorer.clone().schedules(FOUND_WITHIN), self.scene(arms));
        let Some(found) = report.first() else {
            let (words, n) = (&arms.words, report.schedules);
            return Err(format!("armed ({words}): nothing was found in {n} schedules"));
        };
        self.check(&explorer, arms, found, shows)?;
        let after = report.schedules;
        let Found { violation, schedule, interruptions, .. } = found.clone();
        let (words, seconds) = (arms.words.clone(), report.seconds);
        let heard = heard.to_owned();
        Ok(Armed { words, violation, schedule, interruptions, after, seconds, heard })
    }

    /// That a violation is the one that the room promises, comes again, and does not come with
    /// fewer interruptions.
    fn check(
        &self,
        explorer: &Explorer,
        arms: &Arms,
        found: &Found,
        shows: &str,
    ) -> Result<(), String> {
        let (words, violation) = (&arms.words, &found.violation);
        if !violation.to_string().contains(shows) {
            return Err(format!("armed ({words}): found {violation:?}, which is not {shows:?}"));
        }
        let scene = self.scene(arms);
        let again = on_a_fresh_thread(|| explorer.replay(&found.schedule, move || scene()));
        if again.map(|replay| replay.violation) != Ok(Some(violation.clone())) {
            let schedule = &found.schedule;
            return Err(format!("armed ({words}): {schedule} does not lead to it again"));
        }
        let scene = self.scene(arms);
        if !on_a_fresh_thread(|| explorer.is_minimal(found, move || scene())) {
            let schedule = &found.schedule;
            return Err(format!("armed ({words}): {schedule} has an interruption too many"));
        }
        Ok(())
    }

    /// In which epochs the violation comes.
    fn see_where_it_holds(&self, arms: &Arms, work: &Work, visit: &mut Visit) {
        if self.holds_in.is_empty() {
            return;
        }
        for &epoch in Epoch::ALL {
            let there = Arms { epoch, ..arms.clone() };
            let explorer = self.explorer(work).schedules(FOUND_WITHIN);
            let report = explore(&explorer, self.scene(&there));
            let holds = report.first().is_some_and(|found| {
                let text = found.violation.to_string();
                text.contains(&self.shows)
            });
            if holds {
                visit.holds_in.push(epoch.to_string());
            }
            if holds != self.holds_in.contains(&epoch) {
                let (is, found) = (if holds { "holds" } else { "does not hold" }, report.first());
                let found = found.map(|found| found.violation.to_string());
                visit.surprises.push(format!("in epoch {epoch} it {is} ({found:?})"));
            }
        }
    }

    /// That the mended room is clean.
    fn prove(&self, arms: &Arms, work: &Work) -> Result<Fixed, String> {
        let explorer = self.explorer(work);
        let clean = |report: Report| match report.first() {
            Some(found) => {
                let (words, violation) = (&arms.words, &found.violation);
                let (after, schedule) = (found.after, &found.schedule);
                Err(format!("mended ({words}): {violation} after {after} schedules, {schedule}"))
            }
            None => Ok(report),
        };
        let all = clean(explore(&explorer, self.scene(arms)))?;
        let (mut bound, mut schedules) = whole(&all);
        let mut seconds = all.seconds;
        if work.deeper {
            let deeper = explorer.clone().bound(self.bound + 1).schedules(FEW_SCHEDULES);
            let deeper = clean(explore(&deeper, self.scene(arms)))?;
            seconds += deeper.seconds;
            if deeper.complete_bound() > bound {
                (bound, schedules) = whole(&deeper);
            }
        }
        let mut random = Vec::new();
        for strategy in [Strategy::Pos, Strategy::Pct { depth: PCT_DEPTH }] {
            let sample = explorer.clone().strategy(strategy).schedules(work.random);
            let report = clean(explore(&sample, self.scene(arms)))?;
            seconds += report.seconds;
            random.push(Sampled { strategy: report.strategy, schedules: report.schedules });
        }
        Ok(Fixed { words: arms.words.clone(), bound, schedules, random, seconds })
    }
}

/// The greatest bound of which every schedule was run, and how many these are. A sweep runs those
/// of the smaller bounds once more.
fn whole(report: &Report) -> (Option<u32>, u64) {
    let sweep = report.sweeps.iter().rfind(|sweep| sweep.complete);
    sweep.map_or((None, 0), |sweep| (sweep.bound, sweep.schedules))
}

/// Only what has these words counts; if there are none, everything does.
fn listening(explorer: Explorer, words: &str) -> Explorer {
    if words.is_empty() { explorer } else { explorer.listens_to(words) }
}

/// Runs `scene` under the schedules of `explorer`.
fn explore(explorer: &Explorer, scene: Scene) -> Report {
    on_a_fresh_thread(|| explorer.explore(move || scene()))
}

/// Calls `f` on a thread of its own. A violation may leave a task in the middle of a panic, and the
/// standard library then takes the thread of the system for one that panics.
fn on_a_fresh_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| match scope.spawn(f).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
