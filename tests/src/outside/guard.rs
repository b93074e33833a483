//! The guard: two processes that live longer than the guarded one, until they have ended
//! what it has left behind.
//!
//! ```text
//! the guarded process ──pipe──► the keeper: at the end of the pipe it kills the group
//!    │ starts, into the group         ▲     and removes the folders
//!    ▼                                │ starts
//! [ children …                   the leader ]   one process group
//! ```
//!
//! The system closes the pipe, however the guarded process ends. The leader does
//! nothing; its number is that of a process group that is there before the first child,
//! and the keeper, which has to live longer, is not in it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process_group};

/// How often the keeper tries to remove a folder: a process that has been killed may
/// make a file in it until it is gone.
const TRIES: usize = 200;

/// How long it waits between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// Gives the command that is a leader.
type Start = Box<dyn Fn() -> io::Result<Command> + Send>;

/// The guard of this process.
enum State {
    /// This process has no guard.
    None,
    /// It is started when there is something to guard.
    Named(Start),
    /// The leader, whose standard input the keeper reads.
    Started(Child, ChildStdin),
}

static STATE: Mutex<State> = Mutex::new(State::None);

/// Names the command that becomes the guard of this process: one that calls
/// [`be_guard`]. It is started with the first child or folder.
pub fn guard_with(command: impl Fn() -> io::Result<Command> + Send + 'static) {
    *STATE.lock().unwrap_or_else(PoisonError::into_inner) = State::Named(Box::new(command));
}

/// The process group that the guard ends, if there is a guard.
pub(super) fn group() -> io::Result<Option<i32>> {
    with_guard(|leader, _| i32::try_from(leader.id()).map_err(io::Error::other))
}

/// Tells the guard that a folder is there, or that it is gone.
pub(super) fn tell(folder: &Path, is_there: bool) -> io::Result<()> {
    with_guard(|_, pipe| pipe.write_all(&entry(folder, is_there))).map(drop)
}

fn with_guard<T>(
    act: impl FnOnce(&Child, &mut ChildStdin) -> io::Result<T>,
) -> io::Result<Option<T>> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if let State::Named(command) = &*state {
        let (leader, pipe) = start(command()?)?;
        *state = State::Started(leader, pipe);
    }
    match &mut *state {
        State::Started(leader, pipe) => act(leader, pipe).map(Some),
        State::None | State::Named(_) => Ok(None),
    }
}

/// Starts the leader in a process group of its own. What a terminal sends to the guarded
/// process does not reach that group.
fn start(mut command: Command) -> io::Result<(Child, ChildStdin)> {
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut leader = command.spawn()?;
    let pipe = leader.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((leader, pipe))
}

/// Runs as the guard. Without a `group` this process is the leader: it starts `keeper`, with
/// the number of its group as the last argument, and waits to be killed by it. With one
/// it is the keeper of that group. The caller has to live through the signals that end
/// the guarded process.
///
/// # Errors
/// If the keeper cannot be started.
pub fn be_guard(group: Option<i32>, mut keeper: Command) -> io::Result<()> {
    if let Some(group) = group.and_then(Pid::from_raw) {
        let left = read(io::stdin().lock());
        // The whole group may be gone by now.
        let _ = kill_process_group(group, Signal::KILL);
        left.iter().for_each(|folder| remove(folder));
        return Ok(());
    }
    keeper.arg(getpid().to_string()).process_group(0).spawn()?.wait().map(drop)
}

/// What the keeper reads of a folder: one byte for whether it is there, then its path,
/// then a zero.
fn entry(folder: &Path, is_there: bool) -> Vec<u8> {
    let sign = if is_there { b'+' } else { b'-' };
    [&[sign], folder.as_os_str().as_bytes(), &[0]].concat()
}

/// The folders that are there when `entries` end.
fn read(mut entries: impl BufRead) -> HashSet<PathBuf> {
    let mut left = HashSet::new();
    let mut entry = Vec::new();
    while matches!(entries.read_until(0, &mut entry), Ok(1..)) {
        match &*entry {
            [b'+', path @ .., 0] => left.insert(PathBuf::from(OsStr::from_bytes(path))),
            [b'-', path @ .., 0] => left.remove(Path::new(OsStr::from_bytes(path))),
            // The last one may have been cut off.
            _ => false,
        };
        entry.clear();
    }
    left
}

fn remove(folder: &Path) {
    for _ in 0..TRIES {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => thread::sleep(PAUSE),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keeper_knows_which_folders_are_left() {
        let [odd, gone, cut] = [&b"/tmp/a \n\xff"[..], b"/tmp/gone", b"/tmp/cut"]
            .map(|path| Path::new(OsStr::from_bytes(path)));
        let entries = [(odd, true), (gone, true), (gone, false), (cut, true)];
        let mut entries = entries.map(|(path, is_there)| entry(path, is_there)).concat();
        entries.pop();
        assert_eq!(read(&*entries), HashSet::from([odd.to_owned()]));
        assert_eq!(read(&b""[..]), HashSet::new());
    }
}
