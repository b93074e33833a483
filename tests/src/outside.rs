//! What this process has outside itself, and how it leaves nothing of it behind: real
//! servers and compilers as [`Child`]ren, and temporary [`Folder`]s.
//!
//! Both end when they are dropped. A process that is killed drops nothing. So a program
//! may name a guard with [`guard_with`]: further processes that end every child and
//! remove every folder when this process is gone, however it went. Without a guard they
//! stay then.

mod guard;
mod quiet;

use std::fs;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child as StdChild, Command};

use tempfile::TempDir;

pub use self::guard::{be_guard, guard_with};
pub use self::quiet::Quiet;

/// A child process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Child(StdChild);

impl Child {
    /// Starts `command`, in the process group that the guard ends.
    ///
    /// # Errors
    /// If it cannot be started, or the guard cannot.
    pub fn start(command: &mut Command) -> io::Result<Child> {
        // A child is guarded from its first instruction: this process may be killed while
        // it starts one.
        if let Some(group) = guard::group()? {
            command.process_group(group);
        }
        command.spawn().map(Child)
    }
}

impl Deref for Child {
    type Target = StdChild;

    fn deref(&self) -> &StdChild {
        &self.0
    }
}

impl DerefMut for Child {
    fn deref_mut(&mut self) -> &mut StdChild {
        &mut self.0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A temporary folder. It is removed when this is dropped.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// A new folder, whose name begins with `prefix`.
    ///
    /// # Errors
    /// If it cannot be made, or the guard cannot be started.
    pub fn new(prefix: &str) -> io::Result<Folder> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        guard::tell(folder.path(), true)?;
        Ok(Folder(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The guard keeps what could not be removed, and tries again.
        if fs::remove_dir_all(self.path()).is_ok() {
            let _ = guard::tell(self.path(), false);
        }
    }
}
