//! Random scenarios of a NetVC.
//!
//! A seed gives the same scenario everywhere, and seeds of one block the same settings, as those of
//! HTTP scenarios. A random scenario has no race of its own: the timers of the user and those of its
//! peer are far apart, each timeout is half a second away from the looks of the cop, no more bytes
//! are on their way than the system takes at once, and the user does not close by a timer (the real
//! server then closes the socket at one of its next looks).

use eventsys::EventCode;
use eventsys::hrtime::{mseconds, seconds};
use fastrand::Rng;
use iocore::VioOp;
use scenario::http::{
    ClientBy, HttpClient, HttpExpect, HttpOp, HttpOrigin, HttpReaction, HttpScenario, HttpSettings,
    OriginBy, When,
};
use scenario::{How, HowTo, Op, Reaction, Trigger};

use super::generate::BLOCK;
use crate::random::Choose;

/// How many bytes are read, written and sent: around nothing, the water marks, and a block.
const SIZES: [i64; 9] = [1, 5, 10, 100, 1000, 4096, 10_000, 20_000, 32_768];

/// The scenario of this seed.
#[must_use]
pub fn generate_net(seed: u64) -> HttpScenario {
    let mut of_block = Rng::with_seed((seed / BLOCK).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let usual = HttpSettings::default().default_inactivity_timeout;
    let default_inactivity_timeout = of_block.pick(&[usual, usual, seconds(3)]);
    let mut rng = Rng::with_seed(seed ^ 0x4e65_7456_4331);
    let connects = rng.chance(35);
    let mut maker = Maker { rng: &mut rng };
    let user = maker.user();
    let (mut clients, mut origin) = (Vec::new(), HttpOrigin::default());
    if connects {
        let refuses = maker.rng.chance(8);
        let reactions = if refuses { Vec::new() } else { maker.peer() };
        let by = if refuses { OriginBy::Refuses } else { OriginBy::Tcp };
        origin = HttpOrigin { by, reactions };
    } else {
        let reactions = maker.peer();
        clients.push(HttpClient { name: String::new(), by: ClientBy::Tcp, reactions });
    }
    HttpScenario {
        title: format!("Random scenario {seed}"),
        teaches: "What a random scenario does.".to_owned(),
        settings: HttpSettings { default_inactivity_timeout, ..HttpSettings::default() },
        clients,
        origin,
        hooks: Vec::new(),
        netvc: Some(user),
        expect: HttpExpect::default(),
    }
}

struct Maker<'a> {
    rng: &'a mut Rng,
}

const READ_READY: EventCode = EventCode::VC_EVENT_READ_READY;
const READ_COMPLETE: EventCode = EventCode::VC_EVENT_READ_COMPLETE;
const WRITE_READY: EventCode = EventCode::VC_EVENT_WRITE_READY;
const WRITE_COMPLETE: EventCode = EventCode::VC_EVENT_WRITE_COMPLETE;
const EOS: EventCode = EventCode::VC_EVENT_EOS;
const ERROR: EventCode = EventCode::VC_EVENT_ERROR;

impl Maker<'_> {
    fn size(&mut self) -> i64 {
        self.rng.pick(&SIZES)
    }

    fn read(&mut self) -> Op {
        let n = if self.rng.chance(50) { i64::MAX } else { self.size() };
        let how = How { no_buffer: self.rng.chance(4), ..How::default() };
        Op::DoIoRead(if self.rng.chance(4) { 0 } else { n }, how)
    }

    /// A write of so many bytes, of which as many are in the buffer, or fewer, or more.
    fn write(&mut self) -> Vec<Op> {
        let there = self.size();
        let n = match self.rng.below(6) {
            0 => i64::MAX,
            1 => there + 5,
            2 => (there / 2).max(1),
            _ => there,
        };
        vec![Op::Write(there), Op::DoIoWrite(n, How::default())]
    }

    fn timeout(&mut self) -> Op {
        // Half a second away from each look of the cop.
        let span = mseconds(self.rng.pick(&[500, 1500, 2500, 3500]));
        match self.rng.below(10) {
            0 => Op::InactivityTimeout(0),
            1 => Op::ActiveTimeout(0),
            2..=4 => Op::ActiveTimeout(span),
            _ => Op::InactivityTimeout(span),
        }
    }

    fn shutdown(&mut self) -> Op {
        Op::Shutdown(self.rng.pick(&[HowTo::Read, HowTo::Write, HowTo::Write, HowTo::Both]))
    }

    fn user(&mut self) -> Vec<Reaction> {
        let mut reactions = vec![Reaction { trigger: Trigger::Connect, ops: self.begin() }];
        let mut on = |event, nth, ops| {
            reactions.push(Reaction { trigger: Trigger::Event(event, nth), ops });
        };
        for event in [READ_READY, READ_COMPLETE, WRITE_READY, WRITE_COMPLETE, EOS, ERROR] {
            if self.rng.chance(30) {
                let ops = self.reaction(event, 1);
                on(event, 1, ops);
            }
            if self.rng.chance(75) {
                let ops = self.reaction(event, 0);
                on(event, 0, ops);
            }
        }
        for event in [EventCode::VC_EVENT_INACTIVITY_TIMEOUT, EventCode::VC_EVENT_ACTIVE_TIMEOUT] {
            match self.rng.below(4) {
                0 => {
                    let again = self.timeout();
                    on(event, 1, vec![again]);
                    on(event, 0, vec![Op::Close]);
                }
                1 => {}
                _ => on(event, 0, vec![Op::Close]),
            }
        }
        for span in [250, 1250, 2250] {
            if self.rng.chance(20) {
                let ops = self.later();
                reactions.push(Reaction { trigger: Trigger::After(mseconds(span)), ops });
            }
        }
        reactions
    }

    fn begin(&mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        if self.rng.chance(15) {
            ops.push(Op::WaterMark(self.size()));
        }
        if self.rng.chance(50) {
            ops.push(self.timeout());
        }
        if self.rng.chance(85) {
            ops.push(self.read());
        }
        if self.rng.chance(50) {
            ops.extend(self.write());
        }
        if self.rng.chance(4) {
            ops.push(self.shutdown());
        }
        if self.rng.chance(3) {
            ops.push(Op::Close);
        }
        ops
    }

    fn later(&mut self) -> Vec<Op> {
        match self.rng.below(8) {
            0..=1 => vec![self.read()],
            2..=3 => self.write(),
            4 => vec![Op::Consume(i64::MAX), Op::Reenable(VioOp::Read)],
            5 => vec![Op::Write(self.size()), Op::Reenable(VioOp::Write)],
            6 => vec![self.shutdown()],
            _ => vec![self.timeout()],
        }
    }

    /// A reaction to each event, or to the first one: only there it writes at the event of a write,
    /// which could go on without end. At `WRITE_READY` it neither shuts the write down nor is called back
    /// within the callback, which can end the real server (registered).
    fn reaction(&mut self, event: EventCode, nth: u32) -> Vec<Op> {
        let mut ops = Vec::new();
        if self.rng.chance(10) {
            ops.push(self.timeout());
        }
        let take = Op::Consume(if self.rng.chance(70) { i64::MAX } else { self.size() });
        let again = |maker: &mut Self, op| match maker.rng.chance(30) {
            true => Op::ReenableRe(op),
            false => Op::Reenable(op),
        };
        match (event, self.rng.below(10)) {
            (READ_READY, 0..=4) => ops.extend([take, again(self, VioOp::Read)]),
            (READ_READY, 5) => ops.push(take),
            (READ_READY, 6) => ops.extend([take, self.read()]),
            (READ_COMPLETE, 0..=3) => ops.extend([take, self.read()]),
            (READ_COMPLETE | EOS, 4..=6) => {
                ops.push(take);
                ops.extend(self.write());
            }
            (WRITE_READY, 0..=4) if nth == 1 => {
                ops.extend([Op::Write(self.size()), Op::Reenable(VioOp::Write)]);
            }
            (WRITE_COMPLETE, 0..=3) if nth == 1 => ops.extend(self.write()),
            (WRITE_COMPLETE, 4..=5) => ops.push(Op::Shutdown(HowTo::Write)),
            (WRITE_READY, 7) => ops.push(Op::Shutdown(HowTo::Read)),
            (_, 7) => ops.push(self.shutdown()),
            _ => ops.push(Op::Close),
        }
        ops
    }

    fn peer(&mut self) -> Vec<HttpReaction> {
        let mut reactions = Vec::new();
        let mut on = |when, ops| reactions.push(HttpReaction { when, ops });
        if self.rng.chance(75) {
            let mut ops = vec![HttpOp::Body(self.size())];
            ops.extend(self.ending(20));
            on(When::Start, ops);
        }
        for event in [READ_READY, READ_COMPLETE, WRITE_READY, WRITE_COMPLETE, EOS] {
            if self.rng.chance(15) {
                let mut ops = vec![HttpOp::Body(self.size())];
                ops.extend(self.ending(30));
                let nth = if self.rng.chance(80) { 1 } else { 2 };
                on(When::NetVc(Trigger::Event(event, nth)), ops);
            }
        }
        for span in [600, 1600, 2600] {
            match self.rng.below(8) {
                0..=1 => on(When::After(mseconds(span)), vec![HttpOp::Body(self.size())]),
                2 => {
                    let ops = self.ending(100);
                    on(When::After(mseconds(span)), ops);
                }
                _ => {}
            }
        }
        if self.rng.chance(20) {
            on(When::End, vec![HttpOp::Body(self.size())]);
        }
        reactions
    }

    fn ending(&mut self, percent: u8) -> Vec<HttpOp> {
        if !self.rng.chance(percent) {
            return Vec::new();
        }
        vec![match self.rng.below(4) {
            0 | 1 => HttpOp::End,
            2 => HttpOp::Close,
            _ => HttpOp::Reset,
        }]
    }
}
