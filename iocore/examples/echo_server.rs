//! An echo server: whatever a client sends comes back.
//!
//! ```console
//! $ cargo run -p iocore --example echo_server
//! listening on 127.0.0.1:7007
//! ```
//! and in another window `nc 127.0.0.1 7007`. Another address can be given as an
//! argument.
//!
//! Each connection gets a [`OneWayTunnel`] that reads from it and writes to it. The
//! tunnel holds a few KiB at most: if the client does not read what comes back, the
//! server does not read either.

use std::error::Error;

use eventsys::{Clock, EventCode, EventProcessor, FreeContinuation, Outcome, ProxyMutex};
use iocore::net::{AcceptOptions, NetConfig, NetProcessor};
use iocore::{IoData, IoEvents, OneWayTunnel, TunnelOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7007".to_owned());

    // ANCHOR: threads
    // 1. The threads, each of which waits for sockets when it has nothing to do. The
    //    net processor comes first: each thread that starts must register with it.
    let processor = EventProcessor::new(Clock::new_real());
    let net = NetProcessor::init(&processor, NetConfig::default());
    processor.spawn_event_threads("ET_NET", 2);
    // ANCHOR_END: threads

    // ANCHOR: accept
    // 2. The acceptor, without a mutex: two threads may call it at once.
    let acceptor = FreeContinuation::new(|_, event, data| {
        if let (EventCode::NET_EVENT_ACCEPT, Some(vc)) = (event, data.net_vc()) {
            if let Some(peer) = vc.get_remote_addr() {
                println!("a connection from {peer}");
            }
            // Source and target are the same connection, so it is closed once: when
            // what was read last has been written.
            let options =
                TunnelOptions { size_estimate: 4096, close_source: false, ..Default::default() };
            OneWayTunnel::new(ProxyMutex::new()).start(&**vc, &**vc, options);
        }
        Outcome::Done
    });
    let accept = net.accept(acceptor, &AcceptOptions::on(address.parse()?))?;
    // ANCHOR_END: accept

    // 3. The rest happens on the net threads.
    if let Some(address) = accept.local_addr() {
        println!("listening on {address}");
    }
    loop {
        std::thread::park();
    }
}
