//! Builds what the student wrote, and judges it: by tests, by the recordings of the real server,
//! and by scenarios, which the student's build and the project's own perform side by side.
//!
//! A failure is told in sentences. What the student sees first is the first difference, and a
//! question about it; there is no backtrace.

mod build;
mod explore;
mod hunt;
mod node;
mod process;
mod recordings;
mod rooms;
mod scenarios;
mod tell;
mod units;
mod written;

use std::fmt;
use std::path::PathBuf;

use crate::CourseError;
use crate::folder::Folder;
use crate::lesson::{Judge, Lesson};

pub use self::tell::meaning_of;
pub use self::units::tested;

/// What judges a lesson.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The student's folder.
    pub folder: Folder,
    /// The command of the project itself, which knows what is right.
    pub reference: PathBuf,
    /// Where Cargo builds.
    pub target: PathBuf,
}

/// What is done now, for a line that tells the student.
#[derive(Clone, Copy, Debug)]
pub enum Stage<'a> {
    /// The workspace is built.
    Builds,
    /// A judge is at work.
    Judges(&'a Judge),
    /// That judge is content, and says why.
    Holds(&'a str),
    /// That judge gives points: so many of so many.
    Points(u32, u32),
}

/// The judgement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every judge is content.
    Passes,
    /// A judge is not.
    Fails(Failure),
}

/// Why the work does not pass.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Failure {
    /// What happened, in a sentence or two.
    pub sentence: String,
    /// The lines that show it.
    pub shown: Vec<String>,
    /// A question about it.
    pub question: Option<String>,
}

impl Failure {
    fn new(sentence: impl Into<String>) -> Failure {
        Failure { sentence: sentence.into(), ..Failure::default() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.sentence)?;
        self.shown.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        self.question.iter().try_for_each(|question| writeln!(f, "{question}"))
    }
}

/// What one judge says: why the work holds, or why it does not.
type Judged = Result<String, Failure>;

/// True if the judge runs the command as the student has built it.
fn needs_the_command(judge: &Judge) -> bool {
    !matches!(judge, Judge::Tests { .. } | Judge::Written { .. } | Judge::Hunt { .. })
}

impl Bench {
    /// The bench of a student's folder, which builds inside it. `reference` is the running
    /// command.
    #[must_use]
    pub fn new(folder: &Folder, reference: PathBuf) -> Bench {
        Bench { folder: folder.clone(), reference, target: folder.path.join("target") }
    }

    /// Builds and judges a lesson that has been started; `tell` hears of each stage.
    ///
    /// # Errors
    /// If Cargo cannot be started, or a file cannot be read.
    pub fn check(
        &self,
        lesson: &Lesson,
        mut tell: impl FnMut(Stage<'_>),
    ) -> Result<Verdict, CourseError> {
        tell(Stage::Builds);
        let places = lesson.places(&self.folder.checkout)?;
        // Tests need less than the command, and find most mistakes: they come first.
        let mut is_built = false;
        for judge in &lesson.text.judge {
            if !is_built && needs_the_command(judge) {
                if let Err(failure) = build::command(self, &places)? {
                    return Ok(Verdict::Fails(failure));
                }
                is_built = true;
            }
            tell(Stage::Judges(judge));
            let judged = match judge {
                Judge::Tests { package, target, filter } => {
                    units::judge(self, &places, package, target, filter)?
                }
                Judge::Recordings { epoch } => recordings::judge(self, lesson, &places, epoch)?,
                Judge::Scenarios { names, epoch } => {
                    scenarios::gallery(self, lesson, &places, names, epoch)?
                }
                Judge::Written { file, epochs, shows, never } => {
                    written::judge(self, lesson, file, epochs, shows, never)?
                }
                Judge::Explore { race, epoch, bound, correct, finds } => {
                    let what = explore::What { race, epoch, bound: *bound, correct };
                    explore::judge(self, lesson, &places, &what, finds.as_deref())?
                }
                Judge::Rooms { rooms } => rooms::judge(self, lesson, &places, rooms)?,
                Judge::Hunt { file, prey } => {
                    let hunted = hunt::judge(self, lesson, file, prey)?;
                    if let Ok((_, points)) = &hunted {
                        tell(Stage::Points(*points, hunt::most_points(prey)));
                    }
                    hunted.map(|(why, _)| why)
                }
                Judge::Node { files } => node::judge(self, &places, files)?,
                Judge::Random { count, epoch } => {
                    scenarios::random(self, lesson, &places, *count, epoch)?
                }
            };
            match judged {
                Ok(why) => tell(Stage::Holds(&why)),
                Err(failure) => return Ok(Verdict::Fails(failure)),
            }
        }
        Ok(Verdict::Passes)
    }

    /// The command as the student has built it.
    fn built(&self) -> PathBuf {
        self.target.join("debug").join(format!("atslab{}", std::env::consts::EXE_SUFFIX))
    }

    fn workspace(&self) -> PathBuf {
        self.folder.workspace()
    }
}
