//! A lesson as data: the file `lab/course/lessons/NN/lesson.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::markers::{self, Hole};
use crate::{CourseError, LESSONS, folder};

/// The folder of the files that a student writes from nothing.
pub(crate) const FILES: &str = "work";
/// The folder of the code that a student begins with, where that is not a stub.
const STARTERS: &str = "starter";

/// A lesson.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Its number.
    pub number: u32,
    /// What its file says.
    pub text: Text,
    /// The folder of its file, with its planted mistakes and other solutions.
    pub folder: PathBuf,
}

/// What the file of a lesson says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Its title.
    pub title: String,
    /// What the student can do afterwards, in a sentence.
    pub goal: String,
    /// Its chapter, below `docs/src`.
    pub chapter: String,
    /// How long it takes: a range of hours, `2-3`.
    pub hours: String,
    /// What the student predicts before the work.
    #[serde(default)]
    pub predict: Vec<Prediction>,
    /// What judges the work, in this order.
    pub judge: Vec<Judge>,
    /// How the message of the check begins while nothing is written.
    #[serde(default = "not_written")]
    pub unwritten: String,
    /// Hints, from the vaguest to the plainest.
    #[serde(default, rename = "hint")]
    pub hints: Vec<Hint>,
    /// Questions for a student whose code takes another step than the server.
    #[serde(default)]
    pub ask: Vec<Ask>,
    /// Planted mistakes, with the sentence that each must get.
    #[serde(default)]
    pub mistake: Vec<Planted>,
    /// Right solutions that are written in another way.
    #[serde(default)]
    pub another: Vec<Planted>,
}

/// A question that a command answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The question.
    pub ask: String,
    /// The answers to choose from.
    pub choices: Vec<String>,
    /// The right one, from 1.
    pub answer: usize,
    /// The arguments of `atslab` that show it.
    pub command: String,
    /// Why it is so.
    pub why: String,
    /// What the command prints, in this order, if the answer is right.
    pub shows: Vec<String>,
}

/// A judge of the student's code.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Judge {
    /// Tests of a package.
    Tests {
        /// The package. `eventsys-tests` are the tests of `eventsys` from outside.
        package: String,
        /// Its test target: `lib`, or the name of an integration test.
        target: String,
        /// The tests whose names contain one of these.
        filter: Vec<String>,
    },
    /// The recordings of the real server of this epoch.
    Recordings {
        /// The epoch.
        epoch: String,
    },
    /// Scenarios of the gallery, beside the project's own port.
    Scenarios {
        /// The names.
        names: Vec<String>,
        /// The epoch.
        epoch: String,
    },
    /// A scenario that the student writes, run by the project's own port.
    Written {
        /// The file, as the lesson's folder `work` has it.
        file: String,
        /// The epochs.
        epochs: Vec<String>,
        /// The steps that it must take, in this order.
        shows: Vec<String>,
        /// The steps that it must not take.
        never: Vec<String>,
    },
    /// A race, under every schedule with few interruptions.
    Explore {
        /// The race: a name of the gallery.
        race: String,
        /// The epoch.
        epoch: String,
        /// The most interruptions; what the race's file says if it is not given.
        #[serde(default)]
        bound: Option<u32>,
        /// The bugs of the release that are switched off.
        #[serde(default)]
        correct: Vec<String>,
        /// A part of the violation that must come: a bug of the release, which the student's code
        /// must have. Without it, none may come.
        #[serde(default)]
        finds: Option<String>,
    },
    /// Rooms of the museum, whose defects the student's code must not have.
    Rooms {
        /// Their names.
        rooms: Vec<String>,
    },
    /// Schedules that the student has found, run by the project's own port.
    Hunt {
        /// The file, as the lesson's folder `work` has it.
        file: String,
        /// The races that it must have a schedule for.
        prey: Vec<Prey>,
    },
    /// Recorded scenarios of node.
    Node {
        /// The files, relative to the checkout.
        files: Vec<String>,
    },
    /// Random scenarios that are new each time, beside the project's own port.
    Random {
        /// How many.
        count: u64,
        /// The epoch.
        epoch: String,
    },
}

/// A race whose schedule the student looks for.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prey {
    /// The race: a name of the gallery.
    pub race: String,
    /// A part of the violation that the schedule must lead to.
    pub violation: String,
    /// The fewest interruptions that lead to it.
    pub interruptions: u32,
    /// The object that the student must name.
    pub object: String,
    /// The question to which that object is the answer.
    pub ask: String,
}

/// A hint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// The hint helps if the message of the check has one of these parts. Without any, it is a general hint.
    #[serde(default)]
    pub told: Vec<String>,
    /// The hint.
    pub text: String,
}

/// A question for a certain first difference, or for a violation. The patterns are parts of the
/// steps' texts, as recordings write them; an empty one fits every step and none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What the violation contains that a race has come to. A question that has this is asked for
    /// no difference of steps.
    #[serde(default)]
    pub violation: String,
    /// What the server's step contains.
    #[serde(default)]
    pub server: String,
    /// What the student's step contains.
    #[serde(default)]
    pub yours: String,
    /// The question.
    pub ask: String,
}

/// Code that comes with the lesson: for a hole, or a whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// Its name, for messages.
    #[serde(default)]
    pub name: String,
    /// The source that has the hole, or the name of a file that the student writes from nothing.
    pub source: PathBuf,
    /// The name of the hole; empty for a whole file.
    #[serde(default)]
    pub hole: String,
    /// The file of the code, below the lesson's folder; none for the solution with [`Swap`]s.
    #[serde(default)]
    pub file: Option<String>,
    /// True if the swaps change what the student begins with, and not the solution.
    #[serde(default)]
    pub in_starter: bool,
    /// Code for a further hole of the lesson.
    #[serde(default)]
    pub also: Option<Box<Planted>>,
    /// How the code differs from the solution. So a planted mistake has no copy of the solution that
    /// could grow old.
    #[serde(default)]
    pub swap: Vec<Swap>,
    /// A part of what the student is told; empty if it passes.
    #[serde(default)]
    pub says: String,
}

fn not_written() -> String {
    "Not written yet: ".to_owned()
}

impl Planted {
    /// This code and that for further holes.
    pub fn pieces(&self) -> impl Iterator<Item = &Planted> {
        iter::successors(Some(self), |piece| piece.also.as_deref())
    }
}

/// A piece of the solution, and what stands in its place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swap {
    /// The piece. The solution has it once.
    pub from: String,
    /// What stands there instead.
    pub to: String,
}

/// A hole and its source.
#[derive(Clone, Debug)]
pub struct Place {
    /// The source, relative to the checkout.
    pub source: PathBuf,
    /// The hole.
    pub hole: Hole,
}

impl Lesson {
    /// All lessons of a checkout, by number.
    ///
    /// # Errors
    /// If a file cannot be read, or is at fault.
    pub fn all(checkout: &Path) -> Result<Vec<Lesson>, CourseError> {
        let folder = checkout.join(LESSONS);
        let mut lessons = Vec::new();
        for entry in fs::read_dir(&folder).map_err(CourseError::file(&folder))? {
            let path = entry.map_err(CourseError::file(&folder))?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            if let Some(number) = number {
                lessons.push(Lesson::read(number, path)?);
            }
        }
        lessons.sort_by_key(|lesson| lesson.number);
        Ok(lessons)
    }

    /// One lesson of a checkout.
    ///
    /// # Errors
    /// If there is none of this number, or its file is at fault.
    pub fn of(checkout: &Path, number: u32) -> Result<Lesson, CourseError> {
        let mut all = Lesson::all(checkout)?.into_iter();
        all.find(|lesson| lesson.number == number).ok_or(CourseError::NoLesson { number })
    }

    fn read(number: u32, folder: PathBuf) -> Result<Lesson, CourseError> {
        let file = folder.join("lesson.toml");
        let text = fs::read_to_string(&file).map_err(CourseError::file(&file))?;
        let text = toml::from_str(&text)
            .map_err(|error| CourseError::Lesson { file, fault: error.message().to_owned() })?;
        Ok(Lesson { number, text, folder })
    }

    /// The holes of the lesson in a checkout, source by source.
    ///
    /// # Errors
    /// If a source cannot be read, or its markers are at fault.
    pub fn places(&self, checkout: &Path) -> Result<Vec<Place>, CourseError> {
        let mut places = Vec::new();
        let sources = folder::sources(checkout)?.into_iter();
        for source in sources.filter(|source| folder::may_have_holes(source)) {
            let file = checkout.join(&source);
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let holes = markers::holes(&text)
                .map_err(|fault| CourseError::Markers { file: file.clone(), fault })?;
            let of_this = holes.into_iter().filter(|hole| hole.lesson == self.number);
            places.extend(of_this.map(|hole| Place { source: source.clone(), hole }));
        }
        Ok(places)
    }

    /// The names of the files that the student writes from nothing, in order.
    ///
    /// # Errors
    /// If their folder cannot be read.
    pub fn files(&self) -> Result<Vec<String>, CourseError> {
        let folder = self.folder.join(FILES);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&folder).map_err(CourseError::file(&folder))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    /// The code of a planted mistake or of another solution. `solution` is what the hole has.
    ///
    /// # Errors
    /// If its file cannot be read, or what it changes does not have a piece of it once.
    pub fn planted(&self, planted: &Planted, solution: &str) -> Result<String, CourseError> {
        if planted.in_starter {
            let file = self.folder.join(STARTERS).join(format!("{}.rs", planted.hole));
            let starter = fs::read_to_string(&file).map_err(CourseError::file(&file))?;
            return self.planted(&Planted { in_starter: false, ..planted.clone() }, &starter);
        }
        if let Some(file) = &planted.file {
            let file = self.folder.join(file);
            return fs::read_to_string(&file).map_err(CourseError::file(&file));
        }
        let mut places = Vec::new();
        for swap in &planted.swap {
            let mut found = solution.match_indices(&swap.from);
            let (Some((at, _)), None) = (found.next(), found.next()) else {
                let fault =
                    format!("{}: what it changes must have this once: {}", planted.name, swap.from);
                return Err(CourseError::Lesson { file: self.folder.join("lesson.toml"), fault });
            };
            places.push((at, swap));
        }
        places.sort_by_key(|(at, _)| *at);
        let (mut code, mut rest) = (String::new(), 0);
        for (at, swap) in places {
            code += &solution[rest..at];
            code += &swap.to;
            rest = at + swap.from.len();
        }
        Ok(code + &solution[rest..])
    }

    /// The source as a student gets it, with the starters of this lesson.
    ///
    /// # Errors
    /// If a marker is at fault, or a starter cannot be read.
    pub fn cut(&self, source: &str, file: &Path) -> Result<String, CourseError> {
        let fault = |fault| CourseError::Markers { file: file.to_owned(), fault };
        let mut starters = BTreeMap::new();
        for hole in markers::holes(source).map_err(fault)? {
            if let Some(name) = hole.starter.filter(|_| hole.lesson == self.number) {
                let file = self.folder.join(STARTERS).join(&name);
                let text = fs::read_to_string(&file).map_err(CourseError::file(&file))?;
                starters.insert(name, text);
            }
        }
        markers::fill(source, self.number, |hole| match &hole.starter {
            Some(name) => starters.get(name).cloned().unwrap_or_default(),
            None => hole.stub(),
        })
        .map_err(fault)
    }

    /// The number of the next hint after the check has told this. Of the hints that are not shown yet
    /// it is the first one that helps with the message, then the first general one, then any.
    #[must_use]
    pub fn next_hint(&self, told: &str, shown: &BTreeSet<usize>) -> Option<usize> {
        let rank = |hint: &Hint| match &*hint.told {
            parts if parts.iter().any(|part| told.contains(part)) => 0,
            [] => 1,
            _ => 2,
        };
        let hints = self.text.hints.iter().enumerate();
        let left = hints.filter(|(number, _)| !shown.contains(number));
        Some(left.min_by_key(|(_, hint)| rank(hint))?.0)
    }

    /// The question for a violation, if the lesson has one.
    #[must_use]
    pub fn question_about(&self, violation: &str) -> Option<&str> {
        let mut asks = self.text.ask.iter();
        let fits = |ask: &&Ask| !ask.violation.is_empty() && violation.contains(&ask.violation);
        Some(&asks.find(fits)?.ask)
    }

    /// The question for a first difference, if the lesson has one.
    #[must_use]
    pub fn question(&self, server: Option<&str>, yours: Option<&str>) -> Option<&str> {
        let fits = |pattern: &str, step: Option<&str>| {
            pattern.is_empty() || step.is_some_and(|step| step.contains(pattern))
        };
        let mut asks = self.text.ask.iter().filter(|ask| ask.violation.is_empty());
        let ask = asks.find(|ask| fits(&ask.server, server) && fits(&ask.yours, yours))?;
        Some(&ask.ask)
    }
}
