//! The course: students write parts of the event system and of PluginVC, and the recordings of
//! the real server judge them.
//!
//! There is no second copy of the code. A *hole* is a piece of a production source between two
//! comments, and the starter of a lesson is the workspace with the holes of that lesson cut out:
//! starter and solution cannot drift apart.
//!
//! ```
//! use course::markers;
//!
//! let source = "\
//! fn left(mutex: &Mutex) {
//!     // course: 2 begin left \"give the mutex back\"
//!     mutex.unlock();
//!     // course: 2 stub todo!(\"lesson 2: left\")
//!     // course: 2 end
//! }
//! ";
//! let starter = markers::cut(source, 2).unwrap();
//! assert_eq!(starter, "\
//! fn left(mutex: &Mutex) {
//!     // Lesson 2, left: give the mutex back.
//!     todo!(\"lesson 2: left\")
//!     // End of lesson 2, left.
//! }
//! ");
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`markers`] | the comments in the sources: what is a hole, and cutting it |
//! | [`lesson`] | a lesson as data: predictions, judges, hints, planted mistakes |
//! | [`folder`] | the student's folder: making it, starting a lesson, what was changed |
//! | [`progress`] | what the student has done so far, kept in that folder |
//! | [`judge`] | builds what the student wrote, and judges it |

#![forbid(unsafe_code)]

pub mod folder;
pub mod judge;
pub mod lesson;
pub mod markers;
pub mod progress;

use std::path::{Path, PathBuf};

use thiserror::Error;

/// The folder of the lessons in a checkout.
const LESSONS: &str = "lab/course/lessons";

/// What keeps a command of the course from its work.
#[derive(Debug, Error)]
pub enum CourseError {
    /// The command does not run in a checkout of the project.
    #[error("{0}: no checkout of the project is here or above; the course needs one")]
    NoCheckout(PathBuf),
    /// There is no such lesson.
    #[error("there is no lesson {number}; \"atslab course\" lists those that there are")]
    NoLesson {
        /// The number.
        number: u32,
    },
    /// The lesson has not been started.
    #[error(
        "lesson {number} is not under way: \"atslab course start {number}\" begins it, or takes it up again with what you have written"
    )]
    NotStarted {
        /// The number.
        number: u32,
    },
    /// Another command of the course is at work in the same folder.
    #[error("another command of the course is at work in {}; wait for its end", .0.display())]
    Busy(PathBuf),
    /// The solution is asked for too early.
    #[error(
        "lesson {number} is not passed yet; \"atslab course solution {number} --give-up\" shows the solution anyway"
    )]
    NotPassed {
        /// The number.
        number: u32,
    },
    /// The file of a lesson is at fault.
    #[error("{file}: {fault}")]
    Lesson {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// The markers of a source are at fault.
    #[error("{file}: {fault}")]
    Markers {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        fault: markers::MarkerFault,
    },
    /// A file cannot be read or written.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Cargo cannot be started.
    #[error("cargo cannot be started: {0}")]
    NoCargo(std::io::Error),
}

impl CourseError {
    pub(crate) fn file(file: &Path) -> impl FnOnce(std::io::Error) -> CourseError {
        let file = file.to_owned();
        move |source| CourseError::File { file, source }
    }
}

/// Finds the checkout of the project: this folder or the nearest one above.
///
/// # Errors
/// If there is none.
pub fn checkout(from: &Path) -> Result<PathBuf, CourseError> {
    // A student's folder is a copy of the workspace, without lessons.
    let is_checkout = |folder: &&Path| folder.join(LESSONS).is_dir();
    let found = from.ancestors().find(is_checkout);
    found.map(Path::to_owned).ok_or_else(|| CourseError::NoCheckout(from.to_owned()))
}
