//! What the system knows of a process: its memory and its processor time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The pages that a process has touched and that are in memory, in bytes.
///
/// # Errors
/// If there is no such process, or it belongs to another user.
pub(crate) fn resident(pid: u32) -> Result<u64, Error> {
    let file = folder(pid).join("smaps_rollup");
    let text = read(&file)?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| unknown_form(&file))
}

/// The processor time of all threads of a process, with the system's on their behalf, in
/// nanoseconds. A thread that has ended does not count.
///
/// # Errors
/// If there is no such process, or the system keeps no times of threads.
pub(crate) fn processor_time(pid: u32) -> Result<i64, Error> {
    let tasks = folder(pid).join("task");
    let threads = fs::read_dir(&tasks).map_err(|source| unreadable(&tasks, source))?;
    let mut total = 0;
    for thread in threads {
        let thread = thread.map_err(|source| unreadable(&tasks, source))?;
        let file = thread.path().join("schedstat");
        let text = read(&file)?;
        let time = text.split_ascii_whitespace().next().and_then(|word| word.parse::<i64>().ok());
        total += time.ok_or_else(|| unknown_form(&file))?;
    }
    Ok(total)
}

fn folder(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|source| unreadable(file, source))
}

fn unreadable(file: &Path, source: io::Error) -> Error {
    Error::Unreadable { file: file.display().to_string(), source }
}

fn unknown_form(file: &Path) -> Error {
    unreadable(file, io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_uses_time() {
        let own = std::process::id();
        assert!(resident(own).unwrap() > 100_000);
        let before = processor_time(own).unwrap();
        let mut sum = 0_u64;
        while processor_time(own).unwrap() - before < 1_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let refused = resident(u32::MAX).unwrap_err().to_string();
        assert!(refused.contains("/proc/4294967295/smaps_rollup"), "{refused}");
        assert!(processor_time(u32::MAX).is_err());
    }
}
