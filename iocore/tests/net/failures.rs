//! Connects that fail, and connects that are cancelled.
//!
//! Proves `NET_EVENT_OPEN_FAILED`, refused connections, the throttle, names, the
//! cancelling of a connect and of an accept.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use crate::common::{Stage, machine};
use eventsys::{Clock, ContRef, EventCode};
use iocore::buffer::BUFFER_SIZE_INDEX_4K;
use iocore::net::{
    AcceptOptions, ActionResult, ENET_CONNECT_FAILED, ENET_THROTTLING, NetConfig, Target,
};
use iocore::{AddrBindStyle, IoEvents, NetVCOptions};
use testkit::Agent;
use testkit::net::read_all;

const OPEN: EventCode = EventCode::NET_EVENT_OPEN;
const FAILED: EventCode = EventCode::NET_EVENT_OPEN_FAILED;
const ERROR: EventCode = EventCode::VC_EVENT_ERROR;
const ACCEPT: EventCode = EventCode::NET_EVENT_ACCEPT;

fn connect(stage: &Stage, client: &Agent, target: impl Into<Target>) -> ActionResult {
    let cont: ContRef = client.cont();
    stage.net.connect_re(&cont, target, &NetVCOptions::default())
}

/// A machine that writes when it is connected, and closes at an error.
fn writer() -> Agent {
    machine(|me| match me.event {
        OPEN => me.write_from(5, BUFFER_SIZE_INDEX_4K, b"hello"),
        ERROR => {
            me.set_error(me.vc().lerrno());
            me.close();
        }
        EventCode::VC_EVENT_WRITE_COMPLETE => me.close(),
        _ => {}
    })
}

/// An address at which no program listens.
fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_refused_connection_opens_and_fails_at_the_first_write() {
    let stage = Stage::new();
    let client = writer();
    connect(&stage, &client, closed_port());
    stage.run_until(|| client.has(ERROR));
    assert_eq!(client.events(), [OPEN, ERROR]);
    assert_eq!(client.error(), Some(libc::ECONNREFUSED));
}

#[test]
fn what_cannot_even_begin_is_open_failed_with_the_number_below_zero() {
    let stage = Stage::new();
    let client = writer();
    let cont: ContRef = client.cont();
    // An address for documentation, which no interface of ours has.
    let options = NetVCOptions {
        addr_binding: AddrBindStyle::IntfAddr,
        local_ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        ..NetVCOptions::default()
    };
    let result = stage.net.connect_re(&cont, closed_port(), &options);
    assert!(matches!(result, ActionResult::Done));
    assert_eq!(client.events(), [FAILED]);
    assert_eq!(client.error(), Some(-libc::EADDRNOTAVAIL));
}

#[test]
fn a_local_address_that_was_asked_for_is_used() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = writer();
    let cont: ContRef = client.cont();
    let options = NetVCOptions {
        addr_binding: AddrBindStyle::IntfAddr,
        local_ip: Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))),
        ..NetVCOptions::default()
    };
    stage.net.connect_re(&cont, listener.local_addr().unwrap(), &options);
    let (_peer, address) = listener.accept().unwrap();
    assert_eq!(address.ip(), Ipv4Addr::new(127, 0, 0, 2));
    stage.run_until(|| client.has(EventCode::VC_EVENT_WRITE_COMPLETE));
}

#[test]
fn too_many_connections_are_refused_to_who_connects_and_closed_when_accepted() {
    let config = NetConfig { connections_throttle: 2, ..NetConfig::default() };
    let stage = Stage::with(Clock::new_real(), config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let open = machine(|_| {});
    let [first, second] = [open, machine(|_| {})];
    connect(&stage, &first, target);
    connect(&stage, &second, target);
    let third = machine(|_| {});
    connect(&stage, &third, target);
    assert_eq!((first.events(), second.events()), (vec![OPEN], vec![OPEN]));
    assert_eq!(third.events(), [FAILED]);
    assert_eq!(third.error(), Some(-ENET_THROTTLING));

    let acceptor = machine(|_| {});
    let (action, address) = stage.accept(acceptor.cont());
    let mut peer = TcpStream::connect(address).unwrap();
    stage.run_until(|| stage.net.stats().connections_throttled_in() == 1);
    assert_eq!(read_all(&mut peer).unwrap_or_default(), b"", "closed");
    assert!(!acceptor.has(ACCEPT));
    first.with(|me| me.close());
    second.with(|me| me.close());
    stage.passes(1);
    // There is room again.
    let _peer = TcpStream::connect(address).unwrap();
    stage.run_until(|| acceptor.has(ACCEPT));
    action.cancel();
    acceptor.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn a_name_is_resolved_elsewhere_and_the_number_of_an_address_at_once() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(Target::from(("127.0.0.1", port)), Target::Addr(([127, 0, 0, 1], port).into()));
    let client = writer();
    let result = connect(&stage, &client, Target::Name("127.0.0.1".to_owned(), port));
    assert!(result.action().is_some_and(|action| !action.is_cancelled()));
    assert!(client.events().is_empty(), "it is not waited for");
    stage.run_until(|| client.has(EventCode::VC_EVENT_WRITE_COMPLETE));
    assert_eq!(client.error(), None);
    let (mut peer, _) = listener.accept().unwrap();
    assert_eq!(read_all(&mut peer).unwrap(), b"hello");
}

#[test]
fn a_name_without_an_address_is_open_failed() {
    let stage = Stage::new();
    // Not a valid name: the system's resolver needs no server for it.
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let client = writer();
            connect(&stage, &client, Target::Name("not a name".to_owned(), 80));
            client
        })
        .collect();
    for client in &clients {
        stage.run_until(|| client.has(FAILED));
        assert_eq!(client.error(), Some(-ENET_CONNECT_FAILED));
    }
}

#[test]
fn a_cancelled_connect_calls_no_handler_and_leaves_nothing() {
    let stage = Stage::new();
    let client = writer();
    let result =
        connect(&stage, &client, Target::Name("127.0.0.1".to_owned(), closed_port().port()));
    let action = result.action().expect("a name takes a while");
    action.cancel(&client.mutex().lock());
    stage.run_until(|| stage.net.stats().vcs_in_memory() == 0);
    assert!(client.events().is_empty());
}

#[test]
fn a_connect_from_another_thread_is_made_on_the_net_thread() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let client = machine(|me| {
        if me.event == OPEN {
            let thread = eventsys::EThread::current().expect("on a net thread");
            let home = me.vc().net_base().thread().expect("it has one");
            assert!(Arc::ptr_eq(&thread, &home));
            me.close();
        }
    });
    let (net, cont): (_, ContRef) = (&stage.net, client.cont());
    let connect = || net.connect_re(&cont, target, &NetVCOptions::default());
    let result = std::thread::scope(|scope| scope.spawn(connect).join()).unwrap();
    assert!(result.action().is_some());
    assert!(client.events().is_empty());
    stage.run_until(|| client.has(OPEN));
}

#[test]
fn after_the_cancelling_of_an_accept_the_port_is_shut() {
    let stage = Stage::new();
    let acceptor = machine(|_| {});
    let (action, address) = stage.accept(acceptor.cont());
    stage.passes(1);
    action.cancel();
    assert!(action.is_cancelled());
    assert!(TcpStream::connect(address).is_err(), "even before the thread has had a turn");
    stage.passes(2);
    assert!(acceptor.events().is_empty());
    // The port can be listened on again.
    let again = stage.net.accept(acceptor.cont(), &AcceptOptions::on(address)).expect("it is free");
    assert_eq!(again.local_addr(), Some(address));
    again.cancel();
    stage.passes(1);
}

#[test]
fn a_port_that_is_taken_cannot_be_listened_on() {
    let stage = Stage::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = AcceptOptions::on(taken.local_addr().unwrap());
    let error = stage.net.accept(machine(|_| {}).cont(), &options).err().expect("it is taken");
    assert_eq!(error.raw_os_error(), Some(libc::EADDRINUSE));
}

#[test]
fn an_acceptor_whose_mutex_is_taken_gets_the_connection_later() {
    let stage = Stage::in_virtual_time();
    let acceptor = machine(|_| {});
    let (action, address) = stage.accept(acceptor.cont());
    let _peer = TcpStream::connect(address).unwrap();
    testkit::while_held(acceptor.mutex(), || {
        stage.passes(10);
        assert_eq!(stage.net.stats().tcp_accept(), 0, "it is left where it is");
    });
    stage.run_until(|| acceptor.has(ACCEPT));
    action.cancel();
    acceptor.with(|me| me.close());
    stage.passes(1);
}

#[test]
fn connections_accepted_in_one_turn_are_limited_if_that_is_asked_for() {
    let config = NetConfig { additional_accepts: Some(1), ..NetConfig::default() };
    let stage = Stage::with(Clock::new_real(), config);
    let acceptor = machine(|me| me.close());
    let (action, address) = stage.accept(acceptor.cont());
    let _peers: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    stage.run_until(|| acceptor.count(ACCEPT) == 5);
    action.cancel();
    stage.passes(1);
}

#[test]
fn a_socket_that_cannot_accept_is_an_error_for_the_acceptor() {
    let stage = Stage::new();
    let acceptor = machine(|_| {});
    // A bound socket that does not listen: accept says EINVAL.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let _action =
        stage.net.main_accept(acceptor.cont(), socket.into(), &AcceptOptions::default()).unwrap();
    stage.run_until(|| acceptor.has(EventCode::EVENT_ERROR));
    stage.passes(2);
    assert_eq!(acceptor.events(), [EventCode::EVENT_ERROR]);
    assert_eq!(acceptor.error(), Some(-libc::EINVAL));
}
