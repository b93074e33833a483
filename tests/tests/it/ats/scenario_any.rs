//! Every scenario ends, and ends the same way each time.

use conformance::ats::Epoch;
use conformance::ats::scenario::{
    BufferCall, Expect, Finish, How, HowTo, MOST_READERS, Op, OpCont, Owner, PairDef, Program,
    Reaction, ReaderName, Scenario, Trigger, Which, run_scenario,
};
use eventsys::steps::{Collector, Steps};
use eventsys::{EventCode, Options, hrtime};
use iocore::VioOp;
use iocore::buffer::SizeIndex;
use pluginvc::steps::Side;
use proptest::prelude::*;

fn sizes() -> impl Strategy<Value = i64> {
    prop_oneof![0..300i64, 32_700..33_000i64, Just(0), Just(100_000)]
}

fn spans() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), (1..3000i64).prop_map(hrtime::mseconds)]
}

fn ops() -> impl Strategy<Value = Op> {
    let all = || prop_oneof![3 => sizes(), 1 => Just(i64::MAX)];
    let direction = || prop_oneof![Just(VioOp::Read), Just(VioOp::Write)];
    let whose = prop_oneof![
        Just(Owner::User(Side::Active)),
        Just(Owner::User(Side::Passive)),
        Just(Owner::Core)
    ];
    let how_to = prop_oneof![Just(HowTo::Read), Just(HowTo::Write), Just(HowTo::Both)];
    let cont = || prop_oneof![Just(OpCont::OfEnd), Just(OpCont::Absent), Just(OpCont::Deputy)];
    let how = || {
        let some = (any::<bool>(), cont()).prop_map(|(no_buffer, cont)| How { no_buffer, cont });
        prop_oneof![20 => Just(How::default()), 1 => some]
    };
    prop_oneof![
        3 => (all(), how()).prop_map(|(n, how)| Op::DoIoRead(n, how)),
        3 => (all(), how()).prop_map(|(n, how)| Op::DoIoWrite(n, how)),
        4 => sizes().prop_map(Op::Write),
        3 => all().prop_map(Op::Consume),
        2 => direction().prop_map(Op::Reenable),
        1 => direction().prop_map(Op::ReenableRe),
        1 => how_to.prop_map(Op::Shutdown),
        1 => Just(Op::Close),
        1 => spans().prop_map(Op::InactivityTimeout),
        1 => spans().prop_map(Op::ActiveTimeout),
        1 => sizes().prop_map(Op::WaterMark),
        1 => (whose, spans()).prop_map(|(whose, span)| Op::Hold(whose, span)),
        4 => calls().prop_map(Op::Buffer),
    ]
}

fn calls() -> impl Strategy<Value = BufferCall> {
    let of = || (0..3usize).prop_map(|at| Which::ALL[at]);
    let reader =
        |least: u8| (of(), least..=MOST_READERS).prop_map(|(of, number)| ReaderName { of, number });
    let sizes = || prop_oneof![9 => sizes(), 1 => Just(1 << 20)];
    prop_oneof![
        2 => prop::option::of((0..9i64).prop_map(SizeIndex::from_raw)).prop_map(BufferCall::Create),
        1 => Just(BufferCall::Destroy),
        1 => of().prop_map(BufferCall::Alloc),
        1 => reader(1).prop_map(BufferCall::Clone),
        1 => reader(2).prop_map(BufferCall::Free),
        2 => reader(1).prop_map(BufferCall::Avail),
        3 => (reader(1), sizes()).prop_map(|(reader, n)| BufferCall::Take(reader, n)),
        3 => reader(1).prop_map(BufferCall::Blocks),
        1 => of().prop_map(BufferCall::Mark),
        1 => (of(), sizes()).prop_map(|(of, n)| BufferCall::SetMark(of, n)),
        1 => of().prop_map(BufferCall::Room),
        1 => (of(), 0..200i64).prop_map(|(of, n)| BufferCall::Produce(of, n)),
        2 => (of(), sizes()).prop_map(|(of, n)| BufferCall::Put(of, n)),
        3 => (reader(1), of(), prop_oneof![sizes(), Just(i64::MAX)], 0..300i64)
            .prop_map(|(reader, of, n, offset)| BufferCall::Copy(reader, of, n, offset)),
        1 => (reader(1), sizes()).prop_map(|(reader, n)| BufferCall::CopyOut(reader, n)),
    ]
}

fn end() -> impl Strategy<Value = Vec<Reaction>> {
    let some = |least: usize| prop::collection::vec(ops(), least..5);
    let event = (prop_oneof![Just(3), 100..107i32], 0..3u32);
    let on_event = (event, some(0)).prop_map(|((event, nth), ops)| Reaction {
        trigger: Trigger::Event(EventCode(event), nth),
        ops,
    });
    let after =
        (spans(), some(1)).prop_map(|(span, ops)| Reaction { trigger: Trigger::After(span), ops });
    let others = prop::collection::vec(prop_oneof![4 => on_event, 1 => after], 0..7);
    // An end without any operation would test little.
    let io = (ops(), sizes(), sizes()).prop_map(|(op, n, m)| {
        let all = How::default();
        vec![Op::DoIoRead(n, all), Op::Write(m), Op::DoIoWrite(m, all), op]
    });
    (prop_oneof![some(1), io], others).prop_map(|(ops, others)| {
        [vec![Reaction { trigger: Trigger::Connect, ops }], others].concat()
    })
}

fn programs() -> impl Strategy<Value = Program> {
    let threads = prop_oneof![3 => Just(1), 1 => Just(2)];
    (any::<(bool, bool)>(), threads, end(), end()).prop_map(
        |((connect_re, shared_mutex), threads, active, passive)| {
            let pair = PairDef { connect_re, shared_mutex, threads, ..PairDef::default() };
            let (title, teaches) = (String::new(), String::new());
            let most_calls = 1000;
            Scenario {
                title,
                teaches,
                most_calls,
                pair,
                active,
                passive,
                race: None,
                expect: Expect::default(),
            }
            .compile()
        },
    )
}

fn play(program: &Program, epoch: Epoch) -> (String, Finish) {
    let collector = Collector::new();
    let options = Options { steps: Steps::to(collector.clone()), ..Options::default() };
    let report = run_scenario(program, epoch, options);
    (collector.take().iter().map(|step| format!("{step}\n")).collect(), report.finish)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_scenario_ends_and_ends_the_same_way_twice(program in programs()) {
        for &epoch in Epoch::ALL {
            let (steps, finish) = play(&program, epoch);
            if let Finish::Panicked(text) = &finish {
                prop_assert!(is_of_the_original(text), "{text}");
            }
            prop_assert_eq!((steps, finish), play(&program, epoch));
        }
    }
}

/// True if the original crashes or asserts where the port panics with `text`.
fn is_of_the_original(text: &str) -> bool {
    text.contains("the original dereferences a null pointer here")
        || text == "vio->mutex->thread_holding == this_ethread()"
        || text == "!mutex || mutex->thread_holding == this_ethread()"
        || text == "vio->op == VIO::READ || vio->op == VIO::WRITE"
        || text == "i < MAX_MIOBUFFER_READERS"
        || text == "n == 0 || is_read_avail_more_than(n - 1)"
        || text.starts_with("fill(")
}
