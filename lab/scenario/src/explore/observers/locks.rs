//! No mutex is held when all is quiet.

use explorer::violation;

use super::super::foreign::Foreign;
use super::super::kind::HELD;
use super::super::pair::Scenery;
use crate::act::Lock;

/// Each mutex of the pair is free.
pub(in super::super) fn none_is_held(scenery: &Scenery) {
    for lock in [Lock::ALL[0], Lock::ALL[1], Lock::ALL[2]] {
        let mutex = scenery.mutex(lock);
        if mutex.is_held() || mutex.try_lock().is_none() {
            let text = format!("the mutex of {} is held for ever", owner(lock));
            violation(HELD, text);
        }
    }
}

/// Time has passed, and a thread still waits for a mutex.
pub(in super::super) fn none_is_waited_for(foreign: &[Foreign]) {
    if let Some((thread, lock)) = foreign.iter().find_map(Foreign::stuck) {
        violation(HELD, format!("the thread {thread} waits for ever for the mutex {lock}"));
    }
}

fn owner(lock: Lock) -> String {
    match lock {
        Lock::Core => "the core".to_owned(),
        lock => format!("the {} end's user", lock.name()),
    }
}
