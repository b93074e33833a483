//! Condition variables.

use std::time::Duration;

use super::MutexGuard;
use crate::engine::{self, Wait, name_object, new_object, point, point_on_two, wake};
use crate::objects::ObjectId;
use crate::trace::Operation;

/// A condition variable that goes with [`Mutex`](super::Mutex).
///
/// Of several tasks that wait, any may take the wake-up of [`notify_one`](Condvar::notify_one):
/// the exploration goes through all of them.
pub struct Condvar {
    id: ObjectId,
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl Condvar {
    /// A condition variable for which no task waits.
    #[must_use]
    pub fn new() -> Condvar {
        Condvar { id: new_object() }
    }

    /// Gives it a name in this execution, for violations and traces.
    pub fn set_name(&self, name: &str) {
        name_object(self.id, name);
    }

    /// Gives the mutex back, sleeps until notified, takes it again. It does not wake up without
    /// a notification.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let lock = guard.lock_of();
        point_on_two(Operation::Wait, self.id, lock.id);
        let retakes = Retakes(guard);
        // In one step: nothing comes between giving back and waiting.
        retakes.0.lock_of().give_back();
        engine::wait(Wait::WakeUp(self.id));
    }

    /// As [`Condvar::wait`]: in an exploration time never runs out, so that a sleeper whose
    /// wake-up is lost is a violation of its own kind.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _timeout: Duration) -> bool {
        self.wait(guard);
        false
    }

    /// Wakes one sleeper, if there is one.
    pub fn notify_one(&self) {
        point(Operation::Notify, self.id);
        wake(self.id, false);
    }

    /// Wakes every sleeper.
    pub fn notify_all(&self) {
        point(Operation::Notify, self.id);
        wake(self.id, true);
    }
}

/// Takes the mutex again, also if the task is unwound while it waits: the guard is there.
struct Retakes<'a, 'b, T>(&'a mut MutexGuard<'b, T>);

impl<T> Drop for Retakes<'_, '_, T> {
    fn drop(&mut self) {
        self.0.lock_of().take();
    }
}
