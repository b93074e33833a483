//! `OneWayTunnel` between two PluginVC pairs: client → pair → tunnel → pair →
//! server. The tunnel has the passive end of the first pair and the active end of
//! the second.

use std::sync::{Arc, Weak};

use eventsys::ProxyMutex;
use eventsys::hrtime::{mseconds, seconds};
use iocore::{NetVcRef, OneWayTunnel, ShutdownHowTo, TunnelOptions};
use pluginvc::PluginVCCore;
use testkit::{ACCEPT, Agent, EOS, Lab, MAX, READ_COMPLETE, READ_READY, counting, panic_text};

struct Line {
    client: Agent,
    server: Agent,
    /// Gets the tunnel's last event.
    owner: Agent,
    tunnel: Arc<OneWayTunnel>,
    source: NetVcRef,
    target: NetVcRef,
    cores: [Weak<PluginVCCore>; 2],
}

/// Two pairs and a tunnel, not started.
fn line(lab: &Lab) -> Line {
    let (client, server) = (lab.agent("C"), lab.agent("S"));
    let owner = lab.agent("T");
    let near = lab.agent("N");
    let first = lab.pair(&client, &near);
    server.on(ACCEPT, |me| me.read(MAX));
    server.on(READ_READY, |me| {
        me.take();
        me.reenable_read();
    });
    let far = lab.agent("F");
    let second = lab.pair(&far, &server);
    let (source, target) = (near.vc(), far.vc());
    near.with(|me| me.forget());
    far.with(|me| me.forget());
    lab.take();
    let tunnel = OneWayTunnel::new(Arc::clone(owner.mutex()));
    let cores = [Arc::downgrade(&first), Arc::downgrade(&second)];
    Line { client, server, owner, tunnel, source, target, cores }
}

impl Line {
    fn start(&self, options: TunnelOptions) {
        let options = TunnelOptions { cont: Some(self.owner.cont()), ..options };
        self.tunnel.start(&*self.source, &*self.target, options);
    }

    fn are_freed(&self) -> [bool; 2] {
        self.cores.each_ref().map(|core| core.upgrade().is_none_or(|core| core.is_freed()))
    }
}

fn closes_at_the_end(agent: &Agent) {
    agent.on(EOS, |me| me.close());
}

#[test]
fn a_tunnel_copies_until_the_source_ends_and_closes_both() {
    for len in [1, 127, 128, 40_000, 1_000_000] {
        let lab = Lab::new();
        let line = line(&lab);
        line.start(TunnelOptions::default());
        closes_at_the_end(&line.server);
        line.client.on(testkit::WRITE_COMPLETE, |me| me.close());
        line.client.with(|me| me.write_now(&counting(len)));
        lab.settle();
        assert!(line.server.received() == counting(len), "{len} bytes");
        let callbacks = lab.take_callbacks();
        assert!(callbacks.contains(&"T got: EOS".to_owned()), "{callbacks:?}");
        assert_eq!(line.are_freed(), [true, true]);
        lab.expect_quiet();
    }
}

#[test]
fn a_short_copy_takes_these_callbacks() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions::default());
    closes_at_the_end(&line.server);
    line.client.on(testkit::WRITE_COMPLETE, |me| me.close());
    line.client.with(|me| me.write_now(b"hello"));
    lab.settle();
    lab.expect_callbacks(
        "C write: WRITE_COMPLETE 5/5
         T got: EOS
         S read: READ_READY 5/max
         S read: EOS 5/max",
    );
}

#[test]
fn a_tunnel_of_a_known_length_copies_that_and_no_more() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions { nbytes: 10, ..TunnelOptions::default() });
    line.client.with(|me| {
        me.fill(b"0123456789 and more");
        me.write(MAX);
    });
    lab.settle();
    assert_eq!(line.server.received(), b"0123456789");
    lab.expect_callbacks(
        "C write: WRITE_READY 19/max
         T got: EOS
         S read: READ_READY 10/max
         C write: ERROR 19/max
         S read: EOS 10/max",
    );
}

#[test]
fn an_early_end_of_a_known_length_is_an_error() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions { nbytes: 10, ..TunnelOptions::default() });
    line.client.on(testkit::WRITE_COMPLETE, |me| me.close());
    line.client.with(|me| me.write_now(b"01234"));
    lab.settle();
    lab.expect_callbacks(
        "C write: WRITE_COMPLETE 5/5
         T got: ERROR
         S read: EOS 0/max",
    );
    let guard = line.owner.mutex().lock();
    assert_eq!(line.tunnel.lerrno(&guard), 0);
}

#[test]
fn a_filter_has_a_buffer_on_each_side() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions {
        transform: Some(Box::new(|guard, from, to| {
            let mut bytes = vec![0; usize::try_from(from.read_avail(guard)).unwrap()];
            from.read(guard, &mut bytes);
            // The filter doubles the bytes.
            let doubled: Vec<u8> = bytes.iter().flat_map(|b| [b.to_ascii_uppercase(); 2]).collect();
            to.write(guard, &doubled);
        })),
        ..TunnelOptions::default()
    });
    closes_at_the_end(&line.server);
    line.client.with(|me| {
        me.fill(b"ab");
        me.write(MAX);
    });
    lab.settle();
    line.client.with(|me| {
        me.fill(b"c");
        me.reenable_write();
    });
    lab.settle();
    line.client.close();
    lab.settle();
    assert_eq!(line.server.received(), b"AABBCC");
    assert_eq!(line.are_freed(), [true, true]);
}

#[test]
fn a_target_that_goes_away_is_an_error() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions::default());
    lab.settle();
    lab.take();
    line.server.close();
    line.client.with(|me| {
        me.fill(b"x");
        me.write(MAX);
    });
    lab.settle();
    lab.expect_callbacks(
        "C write: WRITE_READY 1/max
         T got: ERROR
         C write: ERROR 1/max
         C write: ERROR 1/max",
    );
}

#[test]
fn a_timeout_of_the_source_ends_the_tunnel_with_an_error() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions::default());
    line.source.set_inactivity_timeout(seconds(1));
    lab.run_ms(3_000);
    lab.expect_callbacks(
        "T got: ERROR
         S read: EOS 0/max",
    );
    line.client.close();
    line.server.close();
    lab.settle();
    assert_eq!(line.are_freed(), [true, true]);
}

#[test]
fn an_active_timeout_of_the_target_ends_it_too() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions::default());
    line.target.set_active_timeout(mseconds(30));
    lab.run_ms(200);
    lab.expect_callbacks(
        "T got: ERROR
         S read: EOS 0/max",
    );
}

#[test]
fn connections_that_are_not_to_be_closed_are_left_open() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions {
        nbytes: 5,
        close_source: false,
        close_target: false,
        ..TunnelOptions::default()
    });
    line.client.with(|me| me.write_now(b"01234"));
    lab.settle();
    assert_eq!(line.server.received(), b"01234");
    assert!(lab.take_callbacks().contains(&"T got: EOS".to_owned()));
    assert_eq!(line.are_freed(), [false, false]);
    line.source.do_io_close(None);
    line.target.do_io_close(None);
    line.client.close();
    line.server.close();
    lab.settle();
    assert_eq!(line.are_freed(), [true, true]);
}

#[test]
fn only_the_source_is_closed_if_only_that_is_asked_for() {
    let lab = Lab::new();
    let line = line(&lab);
    line.start(TunnelOptions { close_target: false, ..TunnelOptions::default() });
    line.client.with(|me| me.write_now(b"01234"));
    lab.settle();
    line.client.close();
    lab.settle();
    assert_eq!(line.server.received(), b"01234");
    assert_eq!(line.are_freed(), [true, false]);
    line.target.do_io_close(None);
    line.server.close();
    lab.settle();
    assert_eq!(line.are_freed(), [true, true]);
}

#[test]
fn a_water_mark_lets_the_source_run_ahead() {
    let ahead = |water_mark: i64| {
        let lab = Lab::new();
        let line = line(&lab);
        line.start(TunnelOptions { water_mark, ..TunnelOptions::default() });
        // The server reads no more.
        line.server.shutdown(ShutdownHowTo::Write);
        let server = line.server.clone();
        server.on(READ_COMPLETE, |_| ());
        server.with(|me| me.read(0));
        line.client.with(|me| me.write_now(&counting(500_000)));
        lab.settle();
        line.client.write_vio().ndone()
    };
    // Core buffer, tunnel's buffer, core buffer: 32 KiB each.
    assert_eq!(ahead(0), 3 * 32_768);
    assert_eq!(ahead(100_000), 2 * 32_768 + 100_000);
}

/// Two tunnels in opposite directions over the same two connections.
fn two_way(lab: &Lab) -> (Line, Arc<OneWayTunnel>, Agent) {
    let line = line(lab);
    let back = lab.agent_under("B", Arc::clone(line.owner.mutex()));
    let west = OneWayTunnel::new(Arc::clone(line.owner.mutex()));
    OneWayTunnel::set_up_two_way(&line.tunnel, &west);
    line.start(TunnelOptions::default());
    let options = TunnelOptions { cont: Some(back.cont()), ..TunnelOptions::default() };
    west.start(&*line.target, &*line.source, options);
    (line, west, back)
}

#[test]
fn a_two_way_tunnel_carries_both_directions() {
    let lab = Lab::new();
    let (line, _west, _back) = two_way(&lab);
    line.client.on(READ_READY, |me| {
        me.take();
        me.reenable_read();
    });
    line.client.with(|me| {
        me.read(MAX);
        me.write_now(b"ping");
    });
    line.server.with(|me| me.write_now(b"pong"));
    lab.settle();
    assert_eq!(line.server.received(), b"ping");
    assert_eq!(line.client.received(), b"pong");
}

#[test]
fn the_tunnels_of_a_two_way_tunnel_end_each_other_and_close_each_connection_once() {
    let lab = Lab::new();
    let (line, _west, _back) = two_way(&lab);
    closes_at_the_end(&line.server);
    lab.settle();
    lab.take();
    line.client.close();
    lab.settle();
    lab.expect(
        "A do_io_close
         A event 1
         A process_close
         P event 1
         P read_side
         P read_act_on 0
         B got: EOS
         P do_io_close
         A do_io_close
         T got: EOS
         P process_close
         - destroy
         A event 1
         A process_close
         P event 1
         P read_side
         P read_act_on 0
         S read: EOS 0/max
         P do_io_close
         P process_close
         - destroy",
    );
    assert_eq!(line.are_freed(), [true, true]);
}

#[test]
fn the_tunnels_of_a_two_way_tunnel_run_under_one_mutex() {
    let tunnel = || OneWayTunnel::new(ProxyMutex::new());
    let text = panic_text(|| OneWayTunnel::set_up_two_way(&tunnel(), &tunnel()));
    assert_eq!(text, "east->mutex == west->mutex");
}

#[test]
fn a_tunnel_and_its_continuation_run_under_one_mutex() {
    let lab = Lab::new();
    let line = line(&lab);
    let stranger = lab.agent("X");
    let options = TunnelOptions { cont: Some(stranger.cont()), ..TunnelOptions::default() };
    let text = panic_text(|| line.tunnel.start(&*line.source, &*line.target, options));
    assert_eq!(text, "the tunnel and its continuation run under one mutex");
}
