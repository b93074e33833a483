//! The steps of a `UnixNetVConnection`, from the connection to its end.

use std::io::Write;

use crate::common::{machine, take};

use eventsys::steps::{Collector, Step};
use eventsys::{Clock, EventCode, EventProcessor};
use iocore::IoEvents;
use iocore::buffer::BUFFER_SIZE_INDEX_4K;
use iocore::net::NetConfig;
use testkit::Alone;
use testkit::net::{NetLab, read_all};

#[test]
fn five_bytes_come_and_go() {
    // Other tests count the events of the process.
    let _alone = Alone::without_counting();
    let steps = Collector::new();
    let processor = EventProcessor::with_steps(Clock::new_real(), steps.clone());
    let lab = NetLab::of(processor, NetConfig::default());
    let server = machine(|me| match me.event {
        EventCode::NET_EVENT_ACCEPT => me.read_into(5, BUFFER_SIZE_INDEX_4K, 0),
        EventCode::VC_EVENT_READ_COMPLETE => {
            take(me);
            me.write_from(5, BUFFER_SIZE_INDEX_4K, b"world");
        }
        EventCode::VC_EVENT_WRITE_COMPLETE => me.close(),
        _ => {}
    });
    let (action, address) = lab.accept(server.cont());
    let stats = lab.net.stats();
    for number in 1..=2 {
        let mut client = NetLab::client(address);
        client.write_all(b"hello").unwrap();
        lab.run_until(|| stats.tcp_accept() == number && stats.connections_currently_open() == 0);
        assert_eq!(read_all(&mut client).unwrap(), b"world");

        let steps = steps.take();
        assert!(
            steps.iter().all(|step| u64::from(step.subject.number) == number),
            "each has its number"
        );
        let lines: Vec<String> = steps.iter().map(Step::to_string).collect();
        assert_eq!(
            lines,
            [
                "N net_accept",
                "N net_do_io_read 5",
                "N net_read 5",
                "N net_signal_read 102",
                "N net_do_io_write 5",
                "N net_write 5",
                "N net_signal_write 103",
                "N net_do_io_close",
                "N net_free",
            ]
        );
    }
    action.cancel();
}
