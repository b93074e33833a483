//! The small parts of `eventsys::sync`: a flag, a time that may be none, a wait with an end.

use std::time::Duration;

use eventsys::hrtime::{HrTime, NEVER, seconds};
use eventsys::sync::{AtomicTime, Condvar, Flag, Mutex};

#[test]
fn a_flag_is_clear_at_first_and_a_swap_tells_what_it_was() {
    let flag = Flag::default();
    assert!(!flag.is_set());
    flag.set();
    assert!(flag.is_set());
    flag.clear();
    assert!(!flag.is_set());
    assert!(!flag.swap(true), "it was clear");
    assert!(flag.is_set());
    assert!(flag.swap(false), "it was set");
    assert!(!flag.is_set());
}

#[test]
fn a_time_is_none_at_first_and_every_number_is_a_time_but_the_least() {
    let time = AtomicTime::default();
    assert_eq!(time.get(), None);
    for at in [0, -1, seconds(3), NEVER, HrTime::MIN + 1] {
        time.set(Some(at));
        assert_eq!(time.get(), Some(at));
        time.set(None);
        assert_eq!(time.get(), None);
    }
    time.set(Some(HrTime::MIN));
    assert_eq!(time.get(), Some(HrTime::MIN + 1), "times saturate");
}

#[test]
fn a_wait_says_whether_its_time_ran_out() {
    let (ready, told) = (Mutex::new(()), Condvar::new());
    let mut guard = ready.lock();
    assert!(told.wait_for(&mut guard, Duration::ZERO));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Free as soon as the other thread waits.
            drop(ready.lock());
            told.notify_one();
        });
        assert!(!told.wait_for(&mut guard, Duration::from_secs(3_600)));
    });
}
