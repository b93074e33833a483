//! Cancelling against dispatching: what the mutex guarantees.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use eventsys::sync::atomic::{AtomicBool, Ordering};
use eventsys::sync::thread;
use eventsys::{AtomicEvent, Clock, EventProcessor, Outcome, ProxyMutex, StateMachine};

use crate::{Latch, interrupted};
use explorations::Outcomes;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Ran {
    /// The handler had returned when `cancel` did.
    Before,
    /// The handler was running when `cancel` returned.
    Meanwhile,
    /// The handler was called after `cancel` had returned.
    After,
    /// The handler was not called.
    Never,
}

/// What the handler and the canceller tell each other. The flag is the explorer's: what the
/// handler sees of it is a step.
#[derive(Default)]
struct Told {
    cancelled: AtomicBool,
    ran: Mutex<Option<Ran>>,
}

impl Told {
    fn ran(&self, ran: Ran) {
        *self.ran.lock().expect("no panic under the lock") = Some(ran);
    }
}

/// An event thread dispatches an event that another thread cancels.
fn cancel_against_dispatch(holding_the_mutex: bool) -> Ran {
    let told: Arc<Told> = Arc::default();
    let cont = StateMachine::new(ProxyMutex::new(), Arc::clone(&told), |told, _, _, _| {
        let at_entry = told.cancelled.load(Ordering::Relaxed);
        told.ran(match (at_entry, told.cancelled.load(Ordering::Relaxed)) {
            (true, _) => Ran::After,
            (false, true) => Ran::Meanwhile,
            (false, false) => Ran::Before,
        });
        Outcome::Done
    });
    let (event, scheduled) = (Arc::new(AtomicEvent::none()), Latch::new());
    let (to_run, slot, latch) = (Arc::clone(&cont), Arc::clone(&event), Arc::clone(&scheduled));
    let runner = thread::spawn(move || {
        let processor = EventProcessor::new(Clock::new_virtual());
        let thread = processor.adopt_current_thread("ET_NET");
        slot.store(Some(thread.schedule_imm(to_run)));
        latch.count();
        thread.run_until_idle();
    });
    scheduled.wait_for(1);
    let event = event.take().expect("stored before the latch");
    let guard = holding_the_mutex.then(|| cont.mutex().lock());
    let _ = event.try_cancel(); // stale if it has run and is freed
    told.cancelled.store(true, Ordering::Relaxed);
    drop(guard);
    runner.join().expect("no panic");
    told.ran.lock().expect("no panic under the lock").unwrap_or(Ran::Never)
}

fn outcomes(holding_the_mutex: bool) -> Outcomes<Ran> {
    interrupted(2, move || cancel_against_dispatch(holding_the_mutex))
}

#[test]
fn a_thread_that_holds_the_mutex_cancels_exactly() {
    assert_eq!(
        outcomes(true),
        BTreeSet::from([
            Ran::Before, // the thread had the mutex first
            Ran::Never,  // it had not, and it looks at the flag when it has
        ])
    );
}

#[test]
fn a_thread_without_the_mutex_may_see_the_handler_run_on_or_begin() {
    assert_eq!(
        outcomes(false),
        BTreeSet::from([
            Ran::Before,
            Ran::Meanwhile, // cancelled while the handler was at work
            Ran::After,     // cancelled between the thread's look at the flag and its call
            Ran::Never,
        ])
    );
}
