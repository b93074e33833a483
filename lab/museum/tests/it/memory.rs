//! A violation leaves no memory behind: a search over many takes no more than one over few.

use std::process::Command;

use explorer::Strategy;
use museum::rooms;

use super::WORK;

/// What 300 executions more may take: without a loss it is less than 0.1 MiB.
const ALLOWED_KIB: u64 = 8 * 1024;

/// Set in the process that measures.
const MEASURES: &str = "MUSEUM_MEASURES_MEMORY";

/// The memory of this process that is in use, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// An execution that ends at a violation is cut off with its pair open, and a pair and its users
/// refer to each other. A scene that does not cut this circle loses some 80 KiB for each, so the
/// rooms where each schedule violates something fail here with 24 MB. The two scenes of whole
/// transactions are left out: nothing but the end of a transaction frees it.
///
/// The other tests of this process take memory meanwhile, so a process of its own measures.
#[test]
fn executions_that_end_at_a_violation_lose_no_memory() {
    if std::env::var_os(MEASURES).is_none() {
        let this = "memory::executions_that_end_at_a_violation_lose_no_memory";
        let mut measure = Command::new(std::env::current_exe().unwrap());
        measure.args([this, "--exact"]).env(MEASURES, "1");
        let output = measure.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    for room in rooms().iter().filter(|room| !["gh-1598", "gh-4860"].contains(&&*room.id)) {
        let Some(arms) = &room.armed else { continue };
        let after = |schedules| {
            let explorer = room.explorer(&WORK).strategy(Strategy::Pos).all(true).seed(1);
            let (scene, explorer) = (room.scene(arms), explorer.schedules(schedules));
            std::thread::spawn(move || explorer.explore(move || scene())).join().unwrap();
            resident()
        };
        let (few, many) = (after(100), after(400));
        assert!(many < few + ALLOWED_KIB, "{}: {few} KiB, then {many} KiB", room.id);
    }
}
