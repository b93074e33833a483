//! The file of `--trace`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use conformance::input::file_name;
use eventsys::steps::{LockNames, Step, StepSink, json_line};

use crate::error::Error;

/// Writes each step of every thread as a line of JSON.
pub(super) struct TraceFile {
    path: PathBuf,
    lines: Mutex<Lines>,
}

struct Lines {
    file: BufWriter<File>,
    /// The first fault; nothing is written after it.
    fault: Option<io::Error>,
}

impl TraceFile {
    /// An empty file at `path`.
    pub(super) fn create(path: &Path) -> Result<Arc<TraceFile>, Error> {
        let file = File::create(path).map_err(|source| unwritable(path, source))?;
        let lines = Mutex::new(Lines { file: BufWriter::new(file), fault: None });
        Ok(Arc::new(TraceFile { path: path.to_owned(), lines }))
    }

    /// Writes what has not been written yet, and returns the first error since the
    /// beginning, if there was one.
    pub(super) fn finish(&self) -> Result<(), Error> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let flushed = match lines.fault.take() {
            Some(fault) => Err(fault),
            None => lines.file.flush(),
        };
        flushed.map_err(|source| unwritable(&self.path, source))
    }
}

impl StepSink for TraceFile {
    fn step(&self, step: Step) {
        // Without a census of locks no step names one.
        let line = json_line(&step, &mut LockNames::default());
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.fault.is_none() {
            lines.fault = writeln!(lines.file, "{line}").err();
        }
    }
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::Unwritable { file: file_name(path), source }
}
