//! Whatever two ends do: the bytes that come out are those that went in, in their
//! order; no event comes after a close or a shutdown, no COMPLETE twice; no end
//! waits for an event that is not scheduled; and once both ends have closed,
//! nothing is left in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use eventsys::mutex::census;
use iocore::ShutdownHowTo::{Read, Write};
use proptest::prelude::*;
use testkit::{
    ACCEPT, Agent, EOS, ERROR, Lab, MAX, Me, READ_COMPLETE, READ_READY, WRITE_COMPLETE,
    WRITE_READY, counting,
};

/// One thing that an end does between two runs of the event loop.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Adds up to this many bytes to the write buffer, and reenables.
    Fill(usize),
    FillRe(usize),
    /// Takes up to this many bytes off the read buffer, and reenables.
    Take(i64),
    TakeRe(i64),
    /// Changes the water mark of the read buffer.
    Mark(i64),
    /// Issues the read again.
    ReadAnew,
    ShutWrite,
    ShutRead,
    /// Lets the event loop make this many passes.
    Run(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let size = prop_oneof![1_usize..300, Just(127), Just(128), 30_000_usize..70_000];
    prop_oneof![
        6 => size.clone().prop_map(Act::Fill),
        3 => size.clone().prop_map(Act::FillRe),
        6 => size.clone().prop_map(|n| Act::Take(n as i64)),
        3 => size.prop_map(|n| Act::TakeRe(n as i64)),
        1 => prop_oneof![Just(0), Just(1), Just(32_768), Just(65_536)].prop_map(Act::Mark),
        1 => Just(Act::ReadAnew),
        1 => Just(Act::ShutWrite),
        1 => Just(Act::ShutRead),
        6 => (1_usize..4).prop_map(Act::Run),
    ]
}

/// The actions of one end so far.
struct End {
    agent: Agent,
    sent: usize,
    write_shut: Arc<AtomicBool>,
    read_shut: Arc<AtomicBool>,
}

/// The stream that every end writes, cut off where it is.
static STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| counting(1 << 22));

impl End {
    fn new(agent: &Agent) -> End {
        let shut = || Arc::new(AtomicBool::new(false));
        let (write_shut, read_shut) = (shut(), shut());
        for event in [WRITE_READY, WRITE_COMPLETE, ERROR] {
            let shut = Arc::clone(&write_shut);
            agent.on(event, move |_| assert!(!shut.load(Ordering::Relaxed), "after shutdown"));
        }
        for event in [READ_READY, READ_COMPLETE, EOS] {
            let shut = Arc::clone(&read_shut);
            agent.on(event, move |_| assert!(!shut.load(Ordering::Relaxed), "after shutdown"));
        }
        End { agent: agent.clone(), sent: 0, write_shut, read_shut }
    }

    fn act(&mut self, act: Act, stream: &[u8]) {
        let fill = |me: &Me<'_>, sent: &mut usize, n: usize| {
            me.fill(&stream[*sent..*sent + n]);
            *sent += n;
        };
        let sent = &mut self.sent;
        self.agent.with(|me| match act {
            Act::Fill(n) => {
                fill(me, sent, n);
                me.reenable_write();
            }
            Act::FillRe(n) => {
                fill(me, sent, n);
                me.reenable_re_write();
            }
            Act::Take(n) => {
                me.take_some(n);
                me.reenable_read();
            }
            Act::TakeRe(n) => {
                me.take_some(n);
                me.reenable_re_read();
            }
            Act::Mark(mark) => me.input().0.set_water_mark(me.guard, mark),
            Act::ReadAnew => me.read(MAX),
            Act::ShutWrite => {
                me.shutdown(Write);
                self.write_shut.store(true, Ordering::Relaxed);
            }
            Act::ShutRead => {
                me.shutdown(Read);
                self.read_shut.store(true, Ordering::Relaxed);
            }
            Act::Run(_) => {}
        });
    }

    fn is_write_shut(&self) -> bool {
        self.write_shut.load(Ordering::Relaxed)
    }

    fn is_read_shut(&self) -> bool {
        self.read_shut.load(Ordering::Relaxed)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_are_conserved_and_nothing_is_forgotten(
        program in prop::collection::vec((any::<bool>(), act()), 1..60),
    ) {
        let lab = Lab::new();
        let stream = STREAM.as_slice();
        let (a, p) = lab.agents();
        p.on(ACCEPT, |me| {
            me.read(MAX);
            me.write(MAX);
        });
        let core = lab.pair(&a, &p);
        a.with(|me| {
            me.read(MAX);
            me.write(MAX);
        });
        let mut ends = [End::new(&a), End::new(&p)];
        for (active, act) in program {
            match act {
                Act::Run(passes) => (0..passes).for_each(|_| lab.thread.run_pass()),
                act => ends[usize::from(!active)].act(act, stream),
            }
        }
        lab.settle();
        prop_assert_eq!(census::held(), Vec::<usize>::new());

        // Both take all that comes until nothing moves any more. If a byte were
        // still on its way then, its wake-up would have been lost.
        let mut calls = 0;
        while calls != a.calls() + p.calls() {
            calls = a.calls() + p.calls();
            for end in &mut ends {
                if !end.is_read_shut() && end.agent.with(|me| me.waiting()) > 0 {
                    end.act(Act::Take(MAX), stream);
                }
            }
            lab.settle();
        }
        for (from, to) in [(0, 1), (1, 0)] {
            let (from, to) = (&ends[from], &ends[to]);
            to.agent.with(|me| me.take());
            let received = to.agent.received();
            prop_assert!(received == stream[..received.len()], "other bytes than were sent");
            prop_assert!(received.len() <= from.sent);
            if !from.is_write_shut() && !to.is_read_shut() {
                prop_assert_eq!(received.len(), from.sent, "bytes are stuck");
            }
        }
        drop(ends);
        a.close();
        p.close();
        let calls = a.calls() + p.calls();
        lab.settle();
        prop_assert_eq!(a.calls() + p.calls(), calls, "an event after the close");
        lab.expect_nothing_left(core);
    }

    #[test]
    fn a_transfer_of_a_known_length_completes_once_on_both_ends(
        len in 1_usize..200_000,
        pieces in prop::collection::vec(1_usize..50_000, 1..8),
        marks in (0_i64..70_000, 0_i64..70_000),
    ) {
        let lab = Lab::new();
        let (a, p) = lab.agents();
        let stream = Arc::new(counting(len));
        p.on(ACCEPT, move |me| {
            me.input().0.set_water_mark(me.guard, marks.0);
            me.output().0.set_water_mark(me.guard, marks.1);
            me.read(len as i64);
        });
        p.on(READ_READY, |me| {
            me.take();
            me.reenable_read();
        });
        p.on(READ_COMPLETE, |me| {
            me.take();
        });
        let core = lab.pair(&a, &p);
        a.on(WRITE_READY, {
            let stream = Arc::clone(&stream);
            move |me| {
                let waiting = me.output().1.read_avail(me.guard);
                let from = (me.write_vio().ndone() + waiting) as usize;
                let piece = pieces[from % pieces.len()].min(len - from);
                me.fill(&stream[from..from + piece]);
                me.reenable_write();
            }
        });
        a.with(|me| me.write(len as i64));
        lab.settle();
        let lines = lab.take_callbacks();
        let completes = |what: &str| lines.iter().filter(|line| line.starts_with(what)).count();
        prop_assert_eq!(completes("A write: WRITE_COMPLETE"), 1);
        prop_assert_eq!(completes("P read: READ_COMPLETE"), 1);
        prop_assert!(p.received() == *stream);
        a.close();
        p.close();
        lab.settle();
        lab.expect_nothing_left(core);
    }
}
