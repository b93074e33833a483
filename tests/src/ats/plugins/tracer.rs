//! [`Tracer`]: a plugin that writes down the calls of another one.
//!
//! Its source (`tests/probe/tracer`) comes with the project and is built on the machine. The same file
//! is loaded by the real server and by the port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ats::live::probe::compile;
use crate::ats::live::{LiveError, Server};
use crate::outside::Folder;

/// The environment variable that names the file to be written.
pub const TRACE_FILE: &str = "ATSLAB_TRACE";

/// The line of the file from which the calls count.
pub(crate) const READY: &str = "# ready\n";

/// In the process that the tracer is loaded into: the calls before this one do not count. Without a file
/// nothing is done.
///
/// # Errors
/// If the file cannot be written.
pub fn begin_here() -> std::io::Result<()> {
    match std::env::var_os(TRACE_FILE) {
        Some(file) => begin(Path::new(&file)),
        None => Ok(()),
    }
}

pub(crate) fn begin(file: &Path) -> std::io::Result<()> {
    use std::io::Write;
    fs::OpenOptions::new().append(true).open(file)?.write_all(READY.as_bytes())
}

/// A tracer that has been built; its file goes when this is dropped.
#[derive(Debug)]
pub struct Tracer {
    folder: Folder,
}

const SOURCES: [(&str, &str); 2] = [
    ("tracer.c", include_str!("../../../probe/tracer/tracer.c")),
    ("functions.h", include_str!("../../../probe/tracer/functions.h")),
];

impl Tracer {
    /// Builds it with the headers of `server`, by the C compiler that `CC` names, or by `cc`.
    ///
    /// # Errors
    /// If there is no compiler, or it refuses.
    pub fn build(server: &Server) -> Result<Tracer, LiveError> {
        let folder = Folder::new("atslab-tracer-")
            .map_err(LiveError::at("a temporary folder for the tracer"))?;
        for (name, text) in SOURCES {
            fs::write(folder.path().join(name), text).map_err(LiveError::at(name))?;
        }
        let sources = [Path::new("tracer.c")];
        build_plugin(server, &sources, &folder.path().join("tracer.so"), folder.path())?;
        Ok(Tracer { folder })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("tracer.so")
    }
}

/// Builds a plugin of C: `sources` to `plugin`, in `folder`.
///
/// # Errors
/// If there is no compiler, or it refuses.
pub fn build_plugin(
    server: &Server,
    sources: &[&Path],
    plugin: &Path,
    folder: &Path,
) -> Result<(), LiveError> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut command = Command::new(&compiler);
    command.args(["-O1", "-g", "-shared", "-fPIC", "-o"]).arg(plugin).args(sources);
    for include in server.include_folders() {
        command.arg("-I").arg(include);
    }
    command.current_dir(folder);
    let refused = |message: String| LiveError::Probe { compiler: compiler.clone(), message };
    let complaint = compile(&mut command).map_err(|error| refused(error.to_string()))?;
    match complaint {
        None => Ok(()),
        Some(text) => {
            let fault = text.lines().find(|line| line.contains("error"));
            Err(refused(fault.or_else(|| text.lines().next()).unwrap_or_default().to_owned()))
        }
    }
}
