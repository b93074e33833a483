//! The student's folder: a copy of the workspace with the holes of one lesson.
//!
//! ```text
//! course-work/
//!   course.json     what was done
//!   at-work         locked while a command is at work here
//!   AGENTS.md       for students who work with an assistant: it asks and does not tell
//!   workspace/      the copy, in which the student writes
//!   lesson-1/       files of a lesson that are written from nothing
//! ```
//!
//! The copy leaves out what would tell the solution: the book, the lessons' own files and the
//! history.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::lesson::{self, Lesson, Place};
use crate::progress::Progress;
use crate::{CourseError, LESSONS, markers};

/// What the copy leaves out, wherever it stands.
const LEFT_OUT: &[&str] = &["target", ".git", ".ci", ".github", "docs", "course-work"];
/// What the copy has at its top. A student's own files there stay where they are.
const COPIED: &[&str] = &[
    ".cargo",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "eventsys",
    "httpsm",
    "iocore",
    "lab",
    "pluginvc",
    "rustfmt.toml",
    "streamlisten",
    "tests",
    "tsapi",
];
/// The folders whose sources may have holes.
const LAYERS: &[&str] = &["eventsys", "httpsm", "iocore", "pluginvc", "streamlisten", "tsapi"];
/// The student's folder in a checkout.
const FOLDER: &str = "course-work";
/// Warnings about what a hole leaves unused say nothing to a student.
const CARGO_CONFIG: &str = "[build]\nrustflags = [\"-Aunused\"]\n";
const AGENTS: &str = include_str!("../AGENTS.md");

/// A student's folder and the checkout that it is a copy of.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The checkout.
    pub checkout: PathBuf,
    /// The student's folder.
    pub path: PathBuf,
}

impl Folder {
    /// The folder `course-work` of a checkout. It need not be there yet.
    #[must_use]
    pub fn of(checkout: &Path) -> Folder {
        Folder { checkout: checkout.to_owned(), path: checkout.join(FOLDER) }
    }

    /// The copy of the workspace.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.path.join("workspace")
    }

    /// The files of a lesson that the student writes from nothing.
    #[must_use]
    pub fn files(&self, lesson: &Lesson) -> PathBuf {
        self.path.join(format!("lesson-{}", lesson.number))
    }

    /// Keeps other commands of the course out of the folder until the result is dropped: a lesson
    /// that is started while another one is judged would change what is judged.
    ///
    /// # Errors
    /// If another command is at work there, or the file for it cannot be made.
    pub fn occupy(&self) -> Result<File, CourseError> {
        let path = self.path.join("at-work");
        fs::create_dir_all(&self.path).map_err(CourseError::file(&self.path))?;
        let file = File::create(&path).map_err(CourseError::file(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(CourseError::Busy(self.path.clone())),
            Err(TryLockError::Error(error)) => Err(CourseError::file(&path)(error)),
        }
    }

    /// Cuts the holes of a lesson, and puts back what the student wrote into them before. What
    /// stands in the holes of another lesson is kept.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn start(&self, lesson: &Lesson, progress: &mut Progress) -> Result<(), CourseError> {
        if let Some(current) = progress.current {
            let current = Lesson::of(&self.checkout, current)?;
            self.keep(&current, progress)?;
        }
        let workspace = self.workspace();
        for source in sources(&self.checkout)? {
            let from = self.checkout.join(&source);
            let bytes = fs::read(&from).map_err(CourseError::file(&from))?;
            let starter = match std::str::from_utf8(&bytes) {
                Ok(text) => Some(self.starter(text, &source, lesson, progress)?),
                Err(_) => None,
            };
            let starter = starter.as_ref().map_or(&bytes[..], |text| text.as_bytes());
            write_if_new(&workspace.join(&source), starter)?;
        }
        write_if_new(&workspace.join(".cargo/config.toml"), CARGO_CONFIG.as_bytes())?;
        write_if_new(&self.path.join("AGENTS.md"), AGENTS.as_bytes())?;
        self.hand_out(lesson, false)?;
        progress.current = Some(lesson.number);
        progress.of(lesson.number);
        progress.write(&self.path)
    }

    /// Copies the files of a lesson that are not there yet, or all of them.
    fn hand_out(&self, lesson: &Lesson, all: bool) -> Result<(), CourseError> {
        for name in lesson.files()? {
            let from = lesson.folder.join(lesson::FILES).join(&name);
            let to = self.files(lesson).join(&name);
            if all || !to.exists() {
                let bytes = fs::read(&from).map_err(CourseError::file(&from))?;
                write_if_new(&to, &bytes)?;
            }
        }
        Ok(())
    }

    /// Puts the holes of a lesson back as they were at its start.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn reset(&self, lesson: &Lesson, progress: &mut Progress) -> Result<(), CourseError> {
        progress.of(lesson.number).written.clear();
        self.hand_out(lesson, true)?;
        // Nothing of it is kept.
        progress.current = progress.current.filter(|&current| current != lesson.number);
        self.start(lesson, progress)
    }

    /// The source with this lesson's holes: stubs, or what the student wrote.
    fn starter(
        &self,
        text: &str,
        source: &Path,
        lesson: &Lesson,
        progress: &Progress,
    ) -> Result<String, CourseError> {
        if !may_have_holes(source) {
            return Ok(text.to_owned());
        }
        let cut = lesson.cut(text, &self.checkout.join(source))?;
        let Some(done) = progress.lessons.get(&lesson.number) else { return Ok(cut) };
        let holes = markers::holes(text).map_err(|fault| self.marker_fault(source, fault))?;
        let mut starter = cut;
        for hole in holes.iter().filter(|hole| hole.lesson == lesson.number) {
            let Some(written) = done.written.get(&key(source, &hole.name)) else { continue };
            if let Some(text) = markers::with_written(&starter, hole, written) {
                starter = text;
            }
        }
        Ok(starter)
    }

    fn marker_fault(&self, source: &Path, fault: markers::MarkerFault) -> CourseError {
        CourseError::Markers { file: self.checkout.join(source), fault }
    }

    /// Notes what the student has written into the holes of a lesson.
    fn keep(&self, lesson: &Lesson, progress: &mut Progress) -> Result<(), CourseError> {
        for Place { source, hole } in lesson.places(&self.checkout)? {
            let file = self.workspace().join(&source);
            let Ok(text) = fs::read_to_string(&file) else { continue };
            if let Some(written) = markers::written(&text, &hole) {
                let written = written.to_owned();
                progress.of(lesson.number).written.insert(key(&source, &hole.name), written);
            }
        }
        Ok(())
    }

    /// The sources in which the student has changed more than the holes of the lesson, and
    /// holes whose comments are gone.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn changed_outside(&self, lesson: &Lesson) -> Result<Vec<PathBuf>, CourseError> {
        let mut changed = Vec::new();
        for source in sources(&self.checkout)?.into_iter().filter(|file| is_code(file)) {
            let from = self.checkout.join(&source);
            let Ok(text) = fs::read_to_string(&from) else { continue };
            let fault = |fault| self.marker_fault(&source, fault);
            let starter = markers::cut(&text, lesson.number).map_err(fault)?;
            let mut holes = markers::holes(&text).map_err(fault)?;
            holes.retain(|hole| hole.lesson == lesson.number);
            let student = fs::read_to_string(self.workspace().join(&source)).unwrap_or_default();
            let same = markers::outside(&student, &holes) == markers::outside(&starter, &holes);
            if !same {
                changed.push(source);
            }
        }
        Ok(changed)
    }
}

/// True for a source of the layers.
pub(crate) fn may_have_holes(source: &Path) -> bool {
    is_code(source) && LAYERS.iter().any(|layer| source.starts_with(layer))
}

/// True for what is compiled, but the course's own sources, which speak about markers.
fn is_code(source: &Path) -> bool {
    source.extension().is_some_and(|extension| extension == "rs")
        && !source.starts_with("lab/course")
}

fn key(source: &Path, hole: &str) -> String {
    format!("{} {hole}", source.display())
}

/// The files of the workspace that the copy has, relative to the checkout, in order.
///
/// # Errors
/// If a folder cannot be read.
pub fn sources(checkout: &Path) -> Result<Vec<PathBuf>, CourseError> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = checkout.join(&folder);
        for entry in fs::read_dir(&path).map_err(CourseError::file(&path))? {
            let entry = entry.map_err(CourseError::file(&path))?;
            let name = entry.file_name();
            let relative = folder.join(&name);
            let is_top = folder.as_os_str().is_empty();
            if is_top && !COPIED.iter().any(|copied| *copied == name) {
                continue;
            }
            // At the top a link is followed: a checkout may be made of links.
            let kind = match is_top {
                true => fs::metadata(entry.path()).map(|metadata| metadata.file_type()),
                false => entry.file_type(),
            };
            let kind = kind.map_err(CourseError::file(&path))?;
            if LEFT_OUT.iter().any(|left_out| *left_out == name) || relative == Path::new(LESSONS) {
                continue;
            }
            if kind.is_dir() {
                folders.push(relative);
            } else if kind.is_file() {
                found.push(relative);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a file, unless it is the same already: a new time would have Cargo build it anew.
fn write_if_new(file: &Path, bytes: &[u8]) -> Result<(), CourseError> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let mut written = fs::write(file, bytes);
    if written.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
        && let Some(folder) = file.parent()
    {
        fs::create_dir_all(folder).map_err(CourseError::file(folder))?;
        written = fs::write(file, bytes);
    }
    written.map_err(CourseError::file(file))
}
