//! Real connections from several threads: net threads of the system, and threads
//! of the user that issue, reenable and close.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::machine;
use eventsys::{Clock, ContRef, EventCode, EventProcessor, FreeContinuation, Outcome, ProxyMutex};
use iocore::buffer::BUFFER_SIZE_INDEX_4K;
use iocore::net::{AcceptOptions, NetConfig, NetProcessor};
use iocore::{IoData, IoEvents};
use testkit::net::{NetLab, read_all};
use testkit::{Agent, Alone, wait_for};

const READY: EventCode = EventCode::VC_EVENT_READ_READY;
const EOS: EventCode = EventCode::VC_EVENT_EOS;
const ACCEPT: EventCode = EventCode::NET_EVENT_ACCEPT;

struct Server {
    processor: Arc<EventProcessor>,
    net: Arc<NetProcessor>,
    _alone: Alone,
}

impl Server {
    fn new(threads: usize) -> Server {
        let alone = Alone::without_counting();
        let processor = EventProcessor::new(Clock::new_real());
        let net = NetProcessor::init(&processor, NetConfig::default());
        processor.spawn_event_threads("ET_NET", threads);
        Server { processor, net, _alone: alone }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.processor.shutdown();
    }
}

/// An echo: whatever is read is written, until the peer has sent all.
fn echo() -> Agent {
    machine(|me| match me.event {
        ACCEPT => {
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.write_from(i64::MAX, BUFFER_SIZE_INDEX_4K, b"");
        }
        READY => {
            let (read, (_, reader)) = (me.read_vio(), me.input());
            let (write, (buffer, _)) = (me.write_vio(), me.output());
            let mut bytes = vec![0; usize::try_from(reader.read_avail(me.guard)).unwrap()];
            reader.read(me.guard, &mut bytes);
            buffer.write(me.guard, &bytes);
            write.reenable(me.guard);
            read.reenable(me.guard);
        }
        EOS | EventCode::VC_EVENT_ERROR => me.close(),
        _ => {}
    })
}

/// Accepts, and has each connection served by an echo of its own.
fn echo_acceptor() -> ContRef {
    FreeContinuation::new(|_, event, data| {
        let vc = data.net_vc().expect("nothing else comes");
        assert_eq!(event, ACCEPT);
        let server = echo();
        server.with(|me| {
            me.take_vc(Arc::clone(vc));
            me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0);
            me.write_from(i64::MAX, BUFFER_SIZE_INDEX_4K, b"");
        });
        Outcome::Done
    })
}

#[test]
fn many_connections_at_once_each_get_their_own_bytes() {
    const CONNECTIONS: usize = 200;
    let server = Server::new(2);
    let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
    let action = server.net.accept(echo_acceptor(), &options).unwrap();
    let address = action.local_addr().unwrap();
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| NetLab::client(address)).collect();
    for round in 0..5 {
        for (n, peer) in peers.iter_mut().enumerate() {
            peer.write_all(format!("{n:04} {round:04}").as_bytes()).unwrap();
        }
        for (n, peer) in peers.iter_mut().enumerate() {
            let mut back = [0; 9];
            peer.read_exact(&mut back).unwrap();
            assert_eq!(back, *format!("{n:04} {round:04}").as_bytes());
        }
    }
    assert_eq!(server.net.stats().connections_currently_open(), CONNECTIONS as i64);
    drop(peers);
    wait_for(|| server.net.stats().vcs_in_memory() == 0);
    assert_eq!(server.net.stats().connections_currently_open(), 0);
    assert_eq!(server.net.stats().tcp_accept(), CONNECTIONS as u64);
    action.cancel();
}

#[test]
fn a_foreign_thread_issues_reenables_and_closes() {
    let server = Server::new(1);
    let acceptor = machine(|me| {
        if me.event == READY {
            let (_, reader) = me.input();
            let n = reader.read_avail(me.guard);
            reader.consume(me.guard, n);
            // Not reenabled here: the foreign thread does it.
            let count = me.error().unwrap_or(0) + i32::try_from(n).unwrap();
            me.set_error(count);
        }
    });
    let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
    let action = server.net.accept(acceptor.cont(), &options).unwrap();
    let mut peer = TcpStream::connect(action.local_addr().unwrap()).unwrap();
    wait_for(|| acceptor.has(ACCEPT));
    acceptor.with(|me| me.read_into(i64::MAX, BUFFER_SIZE_INDEX_4K, 0));
    for round in 1..=200 {
        peer.write_all(b"x").unwrap();
        wait_for(|| acceptor.with(|me| me.error().unwrap_or(0) == round));
        acceptor.with(|me| me.reenable_read());
    }
    acceptor.with(|me| me.close());
    wait_for(|| server.net.stats().vcs_in_memory() == 0);
    assert_eq!(read_all(&mut peer).unwrap_or_default(), b"");
    action.cancel();
}

#[test]
fn a_close_from_a_foreign_thread_in_the_middle_of_a_transfer_leaves_nothing() {
    let server = Server::new(2);
    for round in 0..50 {
        let acceptor = echo();
        let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
        let action = server.net.accept(acceptor.cont(), &options).unwrap();
        let mut peer = TcpStream::connect(action.local_addr().unwrap()).unwrap();
        wait_for(|| acceptor.has(ACCEPT));
        action.cancel();
        let writer = std::thread::spawn(move || while peer.write_all(&[7; 1000]).is_ok() {});
        if round % 2 == 0 {
            wait_for(|| acceptor.has(READY));
        }
        acceptor.with(|me| {
            if !me.is_closed() {
                me.close();
            }
        });
        let heard = acceptor.events().len();
        wait_for(|| server.net.stats().vcs_in_memory() == 0);
        assert_eq!(acceptor.events().len(), heard, "nothing is heard after the close");
        writer.join().unwrap();
    }
}

#[test]
fn the_end_of_the_threads_ends_their_connections() {
    let server = Server::new(2);
    let stats = Arc::clone(server.net.stats());
    let acceptor = echo();
    let options = AcceptOptions { localhost_only: true, ..AcceptOptions::default() };
    let action = server.net.accept(acceptor.cont(), &options).unwrap();
    let mut peer = TcpStream::connect(action.local_addr().unwrap()).unwrap();
    wait_for(|| acceptor.has(ACCEPT));
    let vc = acceptor.with(|me| me.vc());
    drop(server);
    assert_eq!(stats.connections_currently_open(), 0);
    assert_eq!(read_all(&mut peer).unwrap_or_default(), b"", "closed");
    action.cancel();
    // Connections that users still have are closed, and can be closed again.
    vc.do_io_close(None);
    acceptor.with(|me| me.forget());
    drop(vc);
    assert_eq!(stats.vcs_in_memory(), 0);
}

#[test]
fn a_timer_and_a_foreign_event_wake_a_thread_that_waits_for_sockets() {
    let server = Server::new(1);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let cont = eventsys::StateMachine::new(ProxyMutex::new(), counted, |calls, _, _, _| {
        calls.fetch_add(1, Ordering::SeqCst);
        Outcome::Done
    });
    for n in 1..=100 {
        server.processor.schedule_imm(cont.clone(), eventsys::ET_NET).unwrap();
        wait_for(|| calls.load(Ordering::SeqCst) == n);
    }
    server.processor.schedule_in(cont, eventsys::hrtime::mseconds(20), eventsys::ET_NET).unwrap();
    wait_for(|| calls.load(Ordering::SeqCst) == 101);
}
