//! A thread whose idle passes are skipped does what it does without that, at the same times.
//!
//! Proves [`Rest`]: a random program runs once with every pass made, and once with a pass skipped
//! wherever the thread rests.

use std::sync::Arc;

use eventsys::hrtime::{HrTime, MSECOND, mseconds, seconds, useconds};
use eventsys::sync::Mutex;
use eventsys::{
    AdoptedThread, Clock, ContRef, EThread, EventMetrics, EventProcessor, EventRef, LoopTime,
    Options, Outcome, OwnEvents, ProxyMutex, Rest, StaleEvent, StateMachine,
};

/// What a run shows: a call, a cancel or a `drop` of an event's continuation, and when it came.
type Seen = (&'static str, usize, HrTime);

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % end).try_into().expect("a small number")
    }
}

/// Everything between the driver and the handlers.
struct Play {
    thread: Arc<EThread>,
    clock: Arc<Clock>,
    mutex: Arc<ProxyMutex>,
    random: Mutex<Random>,
    seen: Mutex<Vec<Seen>>,
    events: Mutex<Vec<EventRef>>,
}

impl Play {
    fn draw(&self, end: u64) -> i64 {
        self.random.lock().below(end)
    }

    fn note(&self, what: &'static str, number: usize) {
        self.seen.lock().push((what, number, self.clock.get_hrtime()));
    }

    /// Schedules an event that notes its calls and its end; some schedule another. Eight at a time are
    /// enough.
    fn schedule(self: &Arc<Play>) {
        if self.events.lock().iter().filter(|event| event.is_live()).count() >= 8 {
            return;
        }
        let noting = Noting { play: Arc::clone(self), number: self.events.lock().len() };
        let cont: ContRef = StateMachine::new(self.mutex.clone(), noting, |me, _, _, _| {
            me.play.note("called", me.number);
            match me.play.draw(12) {
                0 | 1 => me.play.schedule(),
                2 => me.play.cancel(),
                3 => me.play.clock.work(mseconds(me.play.draw(40))),
                _ => {}
            }
            Outcome::Done
        });
        let event = match self.draw(10) {
            0 => self.thread.schedule_imm(cont),
            1 => self.thread.schedule_every(cont, mseconds(1 + self.draw(2_000))),
            2 => self.thread.schedule_every(cont, -1),
            3 => self.thread.schedule_in(cont, useconds(self.draw(30_000))),
            _ => self.thread.schedule_in(cont, mseconds(self.draw(6_000))),
        };
        self.events.lock().push(event);
    }

    /// Cancels an event, which may have ended. Periodic ones do not end otherwise.
    fn cancel(&self) {
        let events = self.events.lock().clone();
        let Ok(count @ 1..) = u64::try_from(events.len()) else { return };
        let number = usize::try_from(self.draw(count)).expect("a small number");
        let _guard = self.mutex.lock();
        self.note(
            match events[number].try_cancel() {
                Ok(true) => "cancelled",
                Ok(false) => "cancelled again",
                Err(StaleEvent) => "has ended",
            },
            number,
        );
    }
}

/// What an event calls back.
struct Noting {
    play: Arc<Play>,
    number: usize,
}

impl Drop for Noting {
    fn drop(&mut self) {
        self.play.note("dropped", self.number);
    }
}

/// Makes each pass, or skips it where the thread rests.
fn pass(thread: &AdoptedThread, rest: &mut Option<Rest>, skipped: &mut usize) {
    if rest.as_mut().is_some_and(Rest::skip_pass) {
        *skipped += 1;
        return;
    }
    if let Some(rest) = rest.take() {
        thread.resume(rest);
    }
    thread.run_pass();
    *rest = thread.rest();
}

/// What the program with this seed shows, the metrics at its end, and how many passes were skipped.
fn run(seed: u64, loop_time: LoopTime, rests: bool) -> (Vec<Seen>, [EventMetrics; 3], usize) {
    // As another thread's: what is scheduled comes through the external queue.
    let own_events = OwnEvents::ExternalQueue;
    let options = Options { loop_time, own_events, ..Options::default() };
    let clock = Clock::new_ticking(MSECOND);
    let processor = EventProcessor::with_options(clock.clone(), options);
    let thread = processor.adopt_current_thread("ET_NET");
    let play = Arc::new(Play {
        thread: thread.thread().clone(),
        clock: clock.clone(),
        mutex: ProxyMutex::new(),
        random: Mutex::new(Random(seed)),
        seen: Mutex::default(),
        events: Mutex::default(),
    });
    let (mut rest, mut skipped) = (None, 0);
    for _ in 0..5_000 {
        match play.draw(400) {
            0 => play.schedule(),
            1..=3 => play.cancel(),
            4 => clock.work(useconds(play.draw(100_000))),
            5 if play.draw(10) == 0 => clock.work(seconds(play.draw(9))),
            _ => {}
        }
        if rests {
            pass(&thread, &mut rest, &mut skipped);
        } else {
            thread.run_pass();
        }
    }
    drop(rest);
    drop(thread);
    let seen = std::mem::take(&mut *play.seen.lock());
    (seen, play.thread.summarize_stats(), skipped)
}

#[test]
fn a_pass_that_is_skipped_changes_nothing() {
    let carried = LoopTime::Carried { update_probability: LoopTime::PROBABILITY };
    for loop_time in [LoopTime::Cached, LoopTime::Asked, carried] {
        let (mut calls, mut skipped) = (0, 0);
        for seed in 0..20 {
            let (all, all_metrics, _) = run(seed, loop_time, false);
            let (some, some_metrics, left_out) = run(seed, loop_time, true);
            assert_eq!(some, all, "{loop_time:?}, seed {seed}");
            assert_eq!(some_metrics, all_metrics, "{loop_time:?}, seed {seed}");
            calls += all.len();
            skipped += left_out;
        }
        assert!(calls > 1_000, "{loop_time:?}: {calls} calls and ends");
        assert!(skipped > 20_000, "{loop_time:?}: {skipped} of 100,000 passes skipped");
    }
}

#[test]
fn a_thread_rests_only_with_a_ticking_clock_and_nothing_to_do() {
    let jumping = EventProcessor::new(Clock::new_virtual()).adopt_current_thread("ET_NET");
    assert!(jumping.rest().is_none(), "it would wait");
    drop(jumping);
    let processor = EventProcessor::new(Clock::new_ticking(MSECOND));
    let thread = processor.adopt_current_thread("ET_NET");
    let mut rest = thread.rest().expect("nothing is queued");
    assert!(rest.skip_pass());
    processor.shutdown();
    assert!(!rest.skip_pass(), "the processor has shut down");
}
