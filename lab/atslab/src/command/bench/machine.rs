//! Names the machine, because a figure means nothing without it, and reads the memory
//! of this process.

use std::fs;
use std::thread;

use crate::process;

/// The model and the number of the processors, and the kernel.
pub(super) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("a processor without a name", |(_, name)| name.trim());
    let count = thread::available_parallelism().map_or(1, usize::from);
    let release = read("/proc/sys/kernel/osrelease");
    let kernel = release.split('-').next().unwrap_or_default().trim();
    format!("{model}, {count} processors, Linux {kernel}")
}

/// The pages that this process has touched, in bytes; 0 if the system does not tell.
pub(super) fn resident() -> i64 {
    let bytes = process::resident(std::process::id()).unwrap_or_default();
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
