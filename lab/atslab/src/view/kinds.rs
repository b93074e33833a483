//! [`Kind`]: what a kind of row looks like, which function of the original it mirrors, and
//! which part of the book tells of it.

use conformance::ats::vocabulary::driver;
use eventsys::steps::{StepKind, events};
use httpsm::steps as http;
use iocore::net::steps as net;
use pluginvc::steps as pvc;

/// A kind of row.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    /// Its word: of a step, or of what else is shown.
    pub name: &'static str,
    /// Its form.
    pub shape: Shape,
    /// The function of the original; empty if the original has none.
    pub mirrors: &'static str,
    /// The page of the book and the heading in it.
    pub page: &'static str,
    /// It is a step of the port.
    pub is_step: bool,
}

/// The form in which a row is drawn, so that it can be told apart without colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// The event loop calls: a diamond.
    Event,
    /// A user is called back: a thick stem that ends in a large dot.
    Callback,
    /// A user calls: a dashed stem that ends in an arrow.
    Call,
    /// Bytes move: a large dot with a stroke through it.
    Move,
    /// Nothing can move: a hollow square.
    Stop,
    /// A mutex is taken: a hollow square with a cross.
    Miss,
    /// The code looks at something: a small ring.
    Look,
    /// An end is closed, or the pair is made or freed: a bar.
    Bar,
    /// A user's own doing: a small triangle.
    Own,
    /// A timer or a connection wakes a user: a ring with a dot.
    Wake,
    /// A foreign thread takes or gives back a mutex: a padlock.
    Lock,
}

impl Shape {
    /// Its name in the data of the page.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Shape::Event => "event",
            Shape::Callback => "callback",
            Shape::Call => "call",
            Shape::Move => "move",
            Shape::Stop => "stop",
            Shape::Miss => "miss",
            Shape::Look => "look",
            Shape::Bar => "bar",
            Shape::Own => "own",
            Shape::Wake => "wake",
            Shape::Lock => "lock",
        }
    }
}

/// A user carries out an operation of the scenario.
pub(crate) static OPERATION: Kind = other("operation", Shape::Own, "scenarios.md#the-file");
/// A user gets its connection, or a timer of its own has run out.
pub(crate) static REACTION: Kind = other("reaction", Shape::Wake, "scenarios.md#the-file");
/// A foreign thread takes or gives back a mutex.
pub(crate) static HOLD: Kind = other("hold", Shape::Lock, "locks.md#the-lock");
/// A step of a layer that has no picture of its own.
static ANOTHER: Kind = other("step", Shape::Look, "recordings.md#the-format");

const fn other(name: &'static str, shape: Shape, page: &'static str) -> Kind {
    Kind { name, shape, mirrors: "", page, is_step: false }
}

const fn step(kind: StepKind, shape: Shape, mirrors: &'static str, page: &'static str) -> Kind {
    Kind { name: kind.name(), shape, mirrors, page, is_step: true }
}

const STORY: &str = "pluginvc.md#the-story";
const EVENTS: &str = "pluginvc.md#four-events";
const BYTES: &str = "pluginvc.md#how-bytes-move";
const PASS: &str = "event-system.md#one-pass";
const NET: &str = "net.md#the-story";
const FLAGS: &str = "net.md#two-flags-and-a-list";
const HTTP: &str = "http.md#the-way-of-a-request";
const CALLS: &str = "scenarios.md#calls-on-buffers";
const FORMAT: &str = "recordings.md#the-format";

/// Every kind of step, in the order of the vocabulary.
static STEPS: &[Kind] = &[
    step(pvc::CREATE, Shape::Bar, "PluginVCCore::alloc", "pluginvc.md#connect-and-accept"),
    step(pvc::DESTROY, Shape::Bar, "PluginVCCore::destroy", STORY),
    step(pvc::DO_IO_READ, Shape::Call, "PluginVC::do_io_read", STORY),
    step(pvc::DO_IO_WRITE, Shape::Call, "PluginVC::do_io_write", STORY),
    step(pvc::DO_IO_CLOSE, Shape::Call, "PluginVC::do_io_close", STORY),
    step(pvc::REENABLE_READ, Shape::Call, "PluginVC::reenable", STORY),
    step(pvc::REENABLE_WRITE, Shape::Call, "PluginVC::reenable", STORY),
    step(pvc::REENABLE_RE_READ, Shape::Call, "PluginVC::reenable_re", "pluginvc.md#reentrancy"),
    step(pvc::REENABLE_RE_WRITE, Shape::Call, "PluginVC::reenable_re", "pluginvc.md#reentrancy"),
    step(pvc::EVENT, Shape::Event, "PluginVC::main_handler", EVENTS),
    step(pvc::READ_SIDE, Shape::Look, "PluginVC::process_read_side", BYTES),
    step(pvc::WRITE_SIDE, Shape::Look, "PluginVC::process_write_side", BYTES),
    step(pvc::READ_ACT_ON, Shape::Look, "PluginVC::process_read_side", BYTES),
    step(pvc::WRITE_ACT_ON, Shape::Look, "PluginVC::process_write_side", BYTES),
    step(pvc::READ_ADDED, Shape::Move, "PluginVC::transfer_bytes", BYTES),
    step(pvc::WRITE_ADDED, Shape::Move, "PluginVC::transfer_bytes", BYTES),
    step(pvc::MOVED, Shape::Move, "PluginVC::process_write_side", BYTES),
    step(pvc::READ_NO_SPACE, Shape::Stop, "PluginVC::process_read_side", BYTES),
    step(pvc::WRITE_NO_SPACE, Shape::Stop, "PluginVC::process_write_side", BYTES),
    step(pvc::PEER_NO_SPACE, Shape::Stop, "PluginVC::process_write_side", BYTES),
    step(
        pvc::PEER_WRITE_GONE,
        Shape::Look,
        "PluginVC::process_read_side",
        "pluginvc.md#half-close",
    ),
    step(pvc::READ_LOCK_MISS, Shape::Miss, "PluginVC::process_read_side", "locks.md#the-lock"),
    step(pvc::WRITE_LOCK_MISS, Shape::Miss, "PluginVC::process_write_side", "locks.md#the-lock"),
    step(pvc::PROCESS_CLOSE, Shape::Bar, "PluginVC::process_close", STORY),
    step(driver::SM_READ, Shape::Callback, "the user's Continuation::handleEvent", EVENTS),
    step(driver::SM_WRITE, Shape::Callback, "the user's Continuation::handleEvent", EVENTS),
    step(driver::SM_CHECKED, Shape::Own, "NetVCTest::consume_and_check_bytes", FORMAT),
    step(driver::FREE_READ_BUFFER_BLOCKS, Shape::Own, "NetVCTest::~NetVCTest", FORMAT),
    step(driver::FREE_WRITE_BUFFER_BLOCKS, Shape::Own, "NetVCTest::~NetVCTest", FORMAT),
    step(driver::BUF_READER, Shape::Own, "TSIOBufferReaderAlloc", CALLS),
    step(driver::BUF_AVAIL, Shape::Own, "TSIOBufferReaderAvail", CALLS),
    step(driver::BUF_MARK, Shape::Own, "TSIOBufferWaterMarkGet", CALLS),
    step(driver::BUF_ROOM, Shape::Own, "TSIOBufferStart", CALLS),
    step(driver::BUF_PUT, Shape::Own, "TSIOBufferWrite", CALLS),
    step(driver::BUF_COPIED, Shape::Own, "TSIOBufferCopy", CALLS),
    step(driver::BUF_BLOCKS, Shape::Own, "TSIOBufferReaderStart", CALLS),
    step(driver::BUF_BLOCK, Shape::Own, "TSIOBufferBlockReadStart", CALLS),
    step(driver::BUF_SPACE, Shape::Own, "TSIOBufferBlockWriteAvail", CALLS),
    step(driver::BUF_SUM, Shape::Own, "TSIOBufferBlockReadStart", CALLS),
    step(events::SCHEDULE, Shape::Look, "EventProcessor::schedule", PASS),
    step(events::DISPATCH, Shape::Event, "EThread::process_event", PASS),
    step(events::DISPATCH_LOCK_MISS, Shape::Miss, "EThread::process_event", "locks.md#the-lock"),
    step(http::HTTP_STATE, Shape::Look, "HttpSM::set_next_state", HTTP),
    step(http::HTTP_EVENT, Shape::Event, "HttpSM::main_handler", HTTP),
    step(http::HTTP_HOOK, Shape::Callback, "HttpSM::state_api_callout", HTTP),
    step(net::NET_ACCEPT, Shape::Bar, "UnixNetVConnection::acceptEvent", "net.md#accepting"),
    step(net::NET_CONNECT, Shape::Bar, "UnixNetVConnection::connectUp", NET),
    step(net::NET_DO_IO_READ, Shape::Call, "UnixNetVConnection::do_io_read", NET),
    step(net::NET_DO_IO_WRITE, Shape::Call, "UnixNetVConnection::do_io_write", NET),
    step(net::NET_DO_IO_CLOSE, Shape::Call, "UnixNetVConnection::do_io_close", "net.md#closing"),
    step(net::NET_READ, Shape::Move, "read_from_net", NET),
    step(net::NET_WRITE, Shape::Move, "write_to_net", NET),
    step(net::NET_SIGNAL_READ, Shape::Callback, "read_signal_and_update", NET),
    step(net::NET_SIGNAL_WRITE, Shape::Callback, "write_signal_and_update", NET),
    step(net::NET_FREE, Shape::Bar, "UnixNetVConnection::free", "net.md#closing"),
    step(net::NET_POLL, Shape::Event, "PollCont::do_poll", FLAGS),
    step(net::NET_READABLE, Shape::Wake, "NetHandler::waitForActivity", FLAGS),
    step(net::NET_WRITABLE, Shape::Wake, "NetHandler::waitForActivity", FLAGS),
];

/// The kind of a step.
pub(crate) fn of_step(kind: StepKind) -> &'static Kind {
    STEPS.iter().find(|known| known.name == kind.name()).unwrap_or(&ANOTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use conformance::ats::vocabulary;

    #[test]
    fn every_kind_of_step_has_a_row() {
        for kind in vocabulary::all() {
            assert_eq!(of_step(kind).name, kind.name());
        }
    }

    #[test]
    fn every_page_has_its_heading() {
        let others = [&OPERATION, &REACTION, &HOLD, &ANOTHER];
        for kind in STEPS.iter().chain(others).chain(crate::view::http::kinds()) {
            let (page, anchor) = kind.page.split_once('#').expect("a page and a heading");
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/");
            let text = std::fs::read_to_string(format!("{file}{page}")).expect(page);
            let headings = text.lines().filter(|line| line.starts_with("##"));
            let found = headings.map(anchor_of).any(|heading| heading == anchor);
            assert!(found, "{}: {page} has no heading #{anchor}", kind.name);
        }
    }

    /// The anchor of a heading, as mdBook makes it.
    fn anchor_of(heading: &str) -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    }
}
