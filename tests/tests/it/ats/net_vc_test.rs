//! One suite, two arms: NetVCTest over the two ends of a PluginVC, and over the two
//! ends of a TCP connection.
//!
//! The driver, the cases and the events that must end them are the same; only how
//! the pair is made differs. Both arms run in virtual time, the sockets are real.
//! The steps in between are not compared: a kernel's buffers take more than those
//! of a PluginVC, so the bytes come in other pieces.

use pluginvc::steps::Side;
use std::cell::Cell;
use std::io::{Read, Write};
use std::sync::Arc;

use conformance::ats::netvctest::{errors, new_test, start_test};
use conformance::ats::runner::{CaseEnd, MOST_CALLS};
use conformance::ats::{Case, EndDef, Epoch, Suite, run_case};
use eventsys::steps::{Step, StepSink};
use eventsys::{ContRef, EventCode, FreeContinuation, Outcome, ProxyMutex, StateMachine, hrtime};
use iocore::buffer::BUFFER_SIZE_INDEX_32K;
use iocore::{IoData, IoEvents, NetVCOptions, OneWayTunnel, TunnelOptions};
use pluginvc::PluginVCCore;
use testkit::counting;
use testkit::net::NetLab;

/// How a pair is made.
type Arm = fn(&Case) -> CaseEnd;

/// The two ends of a PluginVC of 9.2.
fn over_plugin_vc(case: &Case) -> CaseEnd {
    struct Nowhere;
    impl StepSink for Nowhere {
        fn step(&self, _: Step) {}
    }
    run_case(case, Epoch::D, Arc::new(Nowhere))
}

/// The two ends of a TCP connection over the loopback.
fn over_net_vc(case: &Case) -> CaseEnd {
    let lab = NetLab::in_virtual_time();
    let completions = StateMachine::new(ProxyMutex::new(), Cell::new(0), |count, _, _, _| {
        count.set(count.get() + 1);
        Outcome::Done
    });
    let driver: ContRef = completions.clone();
    let [passive, active] =
        [(Side::Passive, &case.passive), (Side::Active, &case.active)].map(|(side, def)| {
            new_test(&lab.processor, side, def, driver.clone(), BUFFER_SIZE_INDEX_32K)
        });

    let (accept, target) = lab.accept(passive.clone());
    let connector: ContRef =
        StateMachine::new(ProxyMutex::new(), active.clone(), |active, _, event, data| {
            assert_eq!(event, EventCode::NET_EVENT_OPEN);
            let vc = data.net_vc().expect("it brings the connection");
            start_test(active, &active.mutex().lock(), vc);
            Outcome::Done
        });
    lab.net.connect_re(&connector, target, &NetVCOptions::default());
    lab.run_until(|| lab.net.stats().tcp_accept() == 1);
    accept.cancel();

    let is_over = || {
        completions.state(&completions.mutex().lock()).get() == 2
            && lab.net.stats().connections_currently_open() == 0
    };
    let timeout = case.active.timeout_s.max(case.passive.timeout_s) + 5;
    let deadline = lab.now() + hrtime::seconds(timeout + 60);
    lab.run_until(|| is_over() || lab.now() > deadline);
    let finished = is_over();
    let net = Arc::clone(&lab.net);
    drop(lab);
    assert!(!finished || net.stats().vcs_in_memory() == 0, "case {}: one is left", case.name);
    CaseEnd { finished, errors: [errors(&passive), errors(&active)].concat() }
}

/// Runs every case of the suite on an arm: both ends finish as the case wants it, and
/// nothing of the pair is left.
fn prove(suite: Suite, arm: Arm) {
    for case in suite.cases() {
        let end = arm(case);
        assert_eq!(end.errors, [""; 0], "case {}", case.name);
        assert!(end.finished, "case {}: both ends finish and the pair is freed", case.name);
    }
}

#[test]
fn the_servers_own_cases_over_a_plugin_vc() {
    prove(Suite::Regression, over_plugin_vc);
}

#[test]
fn the_servers_own_cases_over_a_net_vc() {
    prove(Suite::Regression, over_net_vc);
}

#[test]
fn the_generated_cases_over_a_plugin_vc() {
    prove(Suite::Generated, over_plugin_vc);
}

#[test]
fn the_generated_cases_over_a_net_vc() {
    prove(Suite::Generated, over_net_vc);
}

/// A client's bytes go over TCP into a NetVC, through a tunnel into a PluginVC, whose
/// other end sends them back: the tunnel and the echo cannot tell the two apart.
#[test]
fn a_tunnel_joins_a_net_vc_and_a_plugin_vc() {
    const N: usize = 3 << 20;
    let lab = NetLab::new();
    let echo = FreeContinuation::new(|_, event, data| {
        assert_eq!(event, EventCode::NET_EVENT_ACCEPT);
        let vc = data.net_vc().expect("it brings the connection");
        let options = TunnelOptions { close_source: false, ..TunnelOptions::default() };
        OneWayTunnel::new(ProxyMutex::new()).start(&**vc, &**vc, options);
        Outcome::Done
    });
    let pairs = Arc::clone(&lab.processor);
    let acceptor = FreeContinuation::new(move |_, event, data| {
        assert_eq!(event, EventCode::NET_EVENT_ACCEPT);
        let client = data.net_vc().expect("it brings the connection");
        let origin = PluginVCCore::alloc(&pairs, echo.clone()).connect();
        let mutex = ProxyMutex::new();
        let [there, back] = [&mutex, &mutex].map(|mutex| OneWayTunnel::new(Arc::clone(mutex)));
        OneWayTunnel::set_up_two_way(&there, &back);
        let _held = mutex.lock();
        there.start(&**client, &*origin, TunnelOptions::default());
        back.start(&*origin, &**client, TunnelOptions::default());
        Outcome::Done
    });
    let (accept, target) = lab.accept(acceptor);

    let sent = counting(N);
    let mut peer = NetLab::client(target);
    let mut writer = peer.try_clone().expect("a second handle");
    let client = std::thread::spawn(move || {
        let to_send = sent.clone();
        let sending = std::thread::spawn(move || writer.write_all(&to_send));
        let mut received = vec![0; N];
        peer.read_exact(&mut received).expect("all comes back");
        sending.join().expect("no panic").expect("all is taken");
        assert!(received == sent, "every byte, in its order");
    });
    lab.run_until(|| client.is_finished());
    client.join().expect("what was sent came back");
    accept.cancel();
    // The client has gone, and with it everything else goes.
    lab.run_until(|| lab.has_no_connections());
}

#[test]
fn a_case_that_would_fill_the_memory_with_steps_is_cut_off() {
    let case = |bytes| {
        let read = EndDef {
            bytes_to_send: 0,
            nbytes_write: 0,
            bytes_to_read: bytes,
            nbytes_read: bytes,
            write_bytes_per: 0,
            timeout_s: 10,
            read_term: EventCode::EVENT_NONE,
            write_term: EventCode::EVENT_NONE,
        };
        let write = EndDef {
            bytes_to_send: bytes,
            nbytes_write: bytes,
            bytes_to_read: 0,
            nbytes_read: 0,
            write_bytes_per: 1,
            ..read
        };
        Case { name: "bytes".into(), active: write, passive: read }
    };
    let cut_off = |bytes| over_plugin_vc(&case(bytes)).is_cut_off();
    assert!(!cut_off(1000));
    assert!(cut_off(i64::from(MOST_CALLS) + 1));
}
