//! [`NetVCTest`]: the state machine that drives one end of a pair.
//!
//! Mirrors `NetVCTest` of `iocore/net/NetVCTest.cc` (9.1.3), written anew. It
//! writes a sequence of bytes that count up, `write_bytes_per` at a time, and
//! checks that it reads such a sequence; a direction that is finished is shut
//! down, and when both are, the end is closed and the machine is gone.
//!
//! It works on any [`NetVConnection`](iocore::NetVConnection).

use crate::ats::vocabulary::driver;
use pluginvc::steps as pvc;
use pluginvc::steps::Side;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock};

use eventsys::steps::{Step, StepKind, Steps, Subject};
use eventsys::{
    ContRef, Data, ET_CALL, EventCode, EventProcessor, Guard, Invocation, Outcome, ProxyMutex,
    StateMachine, hrtime,
};
use iocore::buffer::{MIOBuffer, SizeIndex};
use iocore::{BoundBuffer, IOBufferReader, IoData, IoEvents, NetVcRef, ShutdownHowTo, VioHandle};

use crate::ats::case::EndDef;

/// The error of an end that has been called back too often.
pub const ENDLESS: &str = "stopped after too many callbacks";

/// A test of one end.
pub type NetVCTest = StateMachine<Test>;

/// The state of a [`NetVCTest`].
pub struct Test {
    side: Side,
    /// The number of the pair, for the steps.
    pair: Cell<u32>,
    def: EndDef,
    /// The block size of the test's buffers.
    buffer_index: SizeIndex,
    /// Called when this end is finished; mirrors `driver`.
    driver: ContRef,
    processor: Arc<EventProcessor>,
    steps: Steps,
    link: RefCell<Option<Link>>,
    actual_bytes_read: Cell<i64>,
    actual_bytes_sent: Cell<i64>,
    read_seed: Cell<u8>,
    write_seed: Cell<u8>,
    read_done: Cell<bool>,
    write_done: Cell<bool>,
    calls_left: Cell<u32>,
    errors: RefCell<Vec<String>>,
}

/// The connection and what belongs to it, while the test runs.
#[derive(Clone)]
struct Link {
    vc: NetVcRef,
    read_buffer: BoundBuffer,
    write_buffer: BoundBuffer,
    reader_for_rbuf: IOBufferReader,
    read_vio: Option<VioHandle>,
    write_vio: Option<VioHandle>,
}

/// A test of one end, which tells `driver` (`EVENT_IMMEDIATE`) when it is
/// finished. The passive end starts when it gets `NET_EVENT_ACCEPT`; for the
/// active end call [`start_test`]. Its buffers have blocks of `buffer_index`.
/// Mirrors `init_test`.
#[must_use]
pub fn new_test(
    processor: &Arc<EventProcessor>,
    side: Side,
    def: &EndDef,
    driver: ContRef,
    buffer_index: SizeIndex,
) -> Arc<NetVCTest> {
    let test = Test {
        side,
        pair: Cell::new(0),
        def: *def,
        buffer_index,
        driver,
        processor: Arc::clone(processor),
        steps: processor.steps().clone(),
        link: RefCell::new(None),
        actual_bytes_read: Cell::new(0),
        actual_bytes_sent: Cell::new(0),
        read_seed: Cell::new(0),
        write_seed: Cell::new(0),
        read_done: Cell::new(false),
        write_done: Cell::new(false),
        calls_left: Cell::new(u32::MAX),
        errors: RefCell::new(Vec::new()),
    };
    StateMachine::new(ProxyMutex::new(), test, Test::main_handler)
}

/// Starts `test` on `vc`: timeouts, buffers, `do_io_read`, `do_io_write`. The
/// original does this for the active end without holding its mutex; no other thread
/// knows the machine yet. Mirrors `start_test`.
pub fn start_test(test: &Arc<NetVCTest>, guard: &Guard<'_>, vc: &NetVcRef) {
    let this: ContRef = Arc::clone(test) as ContRef;
    test.state(guard).start(guard, this, vc);
}

/// Tells `test` the number of its pair, which its steps carry.
pub fn set_pair(test: &NetVCTest, pair: u32) {
    test.state(&test.mutex().lock()).pair.set(pair);
}

/// Has `test` close its end with [`ENDLESS`] after so many callbacks.
pub fn set_most_calls(test: &NetVCTest, most: u32) {
    test.state(&test.mutex().lock()).calls_left.set(most);
}

/// What went wrong, in the words of the original. Empty if nothing did.
#[must_use]
pub fn errors(test: &NetVCTest) -> Vec<String> {
    test.state(&test.mutex().lock()).errors.borrow().clone()
}

impl Test {
    fn start(&self, guard: &Guard<'_>, this: ContRef, vc: &NetVcRef) {
        vc.set_inactivity_timeout(hrtime::seconds(self.def.timeout_s));
        vc.set_active_timeout(hrtime::seconds(self.def.timeout_s.saturating_add(5)));
        let mutex = this.base().mutex().expect("a state machine has a mutex");
        let new_buffer = || MIOBuffer::new(self.buffer_index).bind(mutex);
        let (read_buffer, write_buffer) = (new_buffer(), new_buffer());
        let [reader_for_rbuf, reader_for_wbuf] = [&read_buffer, &write_buffer]
            .map(|buffer| buffer.alloc_reader(guard).expect("a new buffer has no readers"));

        let mut link = Link {
            vc: Arc::clone(vc),
            read_buffer,
            write_buffer,
            reader_for_rbuf,
            read_vio: None,
            write_vio: None,
        };
        if self.def.nbytes_read > 0 {
            let cont = Some(Arc::clone(&this));
            let vio = vc.do_io_read(guard, cont, self.def.nbytes_read, Some(&link.read_buffer));
            link.read_vio = Some(vio);
        } else {
            self.read_done.set(true);
        }
        if self.def.nbytes_write > 0 {
            let reader = Some(&reader_for_wbuf);
            link.write_vio = Some(vc.do_io_write(guard, Some(this), self.def.nbytes_write, reader));
        } else {
            self.write_done.set(true);
        }
        *self.link.borrow_mut() = Some(link);
    }

    fn main_handler(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = call.guard();
        if event == EventCode::NET_EVENT_ACCEPT {
            let vc = data.net_vc().expect("NET_EVENT_ACCEPT brings a connection");
            self.start(guard, Arc::clone(call.this()), vc);
            return Outcome::Done;
        }
        let link = self.link.borrow().clone();
        let (Some(link), Some(vio)) = (link, data.vio()) else {
            self.record_error(guard, "main: unknown event");
            return Outcome::Done;
        };
        match self.calls_left.get().checked_sub(1) {
            Some(left) => self.calls_left.set(left),
            None => {
                self.record_error(guard, ENDLESS);
                return Outcome::Done;
            }
        }
        let is = |handle: &Option<VioHandle>| handle.as_ref().is_some_and(|h| h.is(vio));
        if is(&link.read_vio) {
            self.read_handler(guard, &link, event);
        } else if is(&link.write_vio) {
            self.write_handler(guard, &link, event);
        } else {
            self.record_error(guard, "main: unknown event");
        }
        Outcome::Done
    }

    fn write_handler(&self, guard: &Guard<'_>, link: &Link, event: EventCode) {
        self.report(self.side.of_pair(self.pair.get()), driver::SM_WRITE, i64::from(event.0));
        let Some(vio) = &link.write_vio else { return };
        match event {
            EventCode::VC_EVENT_WRITE_READY => {
                if vio.ndone() < self.def.bytes_to_send {
                    let left = self.def.bytes_to_send - self.actual_bytes_sent.get();
                    let to_fill = left.min(self.def.write_bytes_per);
                    self.fill_buffer(guard, &link.write_buffer, to_fill);
                    vio.reenable(guard);
                }
            }
            EventCode::VC_EVENT_WRITE_COMPLETE => self.write_finished(guard, link),
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT
            | EventCode::VC_EVENT_ACTIVE_TIMEOUT
            | EventCode::VC_EVENT_ERROR => {
                if accepts(self.def.write_term, event) {
                    self.write_finished(guard, link);
                } else {
                    self.record_error(guard, "write: Unexpected error or timeout");
                }
            }
            _ => self.record_error(guard, "write: Unknown event"),
        }
    }

    fn read_handler(&self, guard: &Guard<'_>, link: &Link, event: EventCode) {
        self.report(self.side.of_pair(self.pair.get()), driver::SM_READ, i64::from(event.0));
        let Some(vio) = &link.read_vio else { return };
        match event {
            EventCode::VC_EVENT_READ_READY | EventCode::VC_EVENT_READ_COMPLETE => {
                if !self.consume_and_check_bytes(guard, &link.reader_for_rbuf) {
                    self.record_error(guard, "Read content corrupt");
                } else if event == EventCode::VC_EVENT_READ_READY {
                    vio.reenable(guard);
                } else {
                    self.read_finished(guard, link);
                }
            }
            EventCode::VC_EVENT_EOS => {
                if accepts(self.def.read_term, event) {
                    self.read_finished(guard, link);
                } else {
                    self.record_error(guard, "read: Unexpected EOS Event");
                }
            }
            EventCode::VC_EVENT_INACTIVITY_TIMEOUT
            | EventCode::VC_EVENT_ACTIVE_TIMEOUT
            | EventCode::VC_EVENT_ERROR => {
                if accepts(self.def.read_term, event) {
                    self.read_finished(guard, link);
                } else {
                    self.record_error(guard, "read: Unexpected error or timeout");
                }
            }
            _ => self.record_error(guard, "read: Unknown event"),
        }
    }

    fn fill_buffer(&self, guard: &Guard<'_>, buffer: &BoundBuffer, bytes: i64) {
        let seed = self.write_seed.get();
        let space = counting(seed, usize::try_from(bytes).unwrap_or(0));
        self.write_seed.set(seed.wrapping_add(space.len() as u8));
        buffer.write(guard, &space);
        self.actual_bytes_sent.set(self.actual_bytes_sent.get() + bytes.max(0));
    }

    /// Takes off what can be read, block by block, as long as bytes are expected.
    /// False if a byte is not the one expected, or if more bytes come than
    /// `bytes_to_read`: there the original loops for ever.
    fn consume_and_check_bytes(&self, guard: &Guard<'_>, reader: &IOBufferReader) -> bool {
        if self.actual_bytes_read.get() >= self.def.bytes_to_read {
            return true;
        }
        while reader.read_avail(guard) > 0 {
            let block = reader.block_view(guard);
            let expected = self.def.bytes_to_read - self.actual_bytes_read.get();
            let expected = usize::try_from(expected).unwrap_or(0);
            let piece = &block[..block.len().min(expected)];
            let good = self.count_good_bytes(piece);
            let bytes = i64::try_from(good).unwrap_or(i64::MAX);
            self.actual_bytes_read.set(self.actual_bytes_read.get() + bytes);
            if good < piece.len() {
                // The wrong byte counts as read.
                self.actual_bytes_read.set(self.actual_bytes_read.get() + 1);
                reader.consume(guard, bytes + 1);
                return false;
            }
            self.report(
                pvc::pair(self.pair.get()),
                driver::SM_CHECKED,
                self.actual_bytes_read.get(),
            );
            reader.consume(guard, bytes);
            if piece.is_empty() {
                return false;
            }
        }
        true
    }

    fn count_good_bytes(&self, piece: &[u8]) -> usize {
        let seed = self.read_seed.get();
        let expected = counting(seed, piece.len());
        let good = if piece == expected {
            piece.len()
        } else {
            piece.iter().zip(&expected).take_while(|(byte, expected)| byte == expected).count()
        };
        self.read_seed.set(seed.wrapping_add(good as u8));
        good
    }

    fn write_finished(&self, guard: &Guard<'_>, link: &Link) {
        let ndone = link.write_vio.as_ref().map_or(0, |vio| vio.ndone());
        let strict = self.def.write_term == EventCode::VC_EVENT_WRITE_COMPLETE;
        if self.def.nbytes_write != ndone && strict {
            self.record_error(guard, "write: bad ndone value");
            return;
        }
        self.write_done.set(true);
        self.direction_finished(guard, link, self.read_done.get(), ShutdownHowTo::Write);
    }

    fn read_finished(&self, guard: &Guard<'_>, link: &Link) {
        let ndone = link.read_vio.as_ref().map_or(0, |vio| vio.ndone());
        let lenient = [EventCode::VC_EVENT_EOS, EventCode::EVENT_NONE];
        if self.def.nbytes_read != ndone && !lenient.contains(&self.def.read_term) {
            self.record_error(guard, "read: bad ndone value");
            return;
        }
        self.read_done.set(true);
        self.direction_finished(guard, link, self.write_done.get(), ShutdownHowTo::Read);
    }

    fn direction_finished(&self, guard: &Guard<'_>, link: &Link, both: bool, howto: ShutdownHowTo) {
        if both {
            link.vc.do_io_close(None);
            self.finished(guard);
        } else {
            link.vc.do_io_shutdown(howto);
        }
    }

    fn record_error(&self, guard: &Guard<'_>, message: &str) {
        let end = if self.side == Side::Active { "Active" } else { "Passive" };
        self.errors.borrow_mut().push(format!("{message} : on {end}"));
        if let Some(link) = &*self.link.borrow() {
            link.vc.do_io_close(None);
        }
        self.finished(guard);
    }

    /// Tells the driver, and lets go of everything: `delete this`.
    fn finished(&self, guard: &Guard<'_>) {
        self.processor.schedule_imm(Arc::clone(&self.driver), ET_CALL);
        let Some(link) = self.link.borrow_mut().take() else { return };
        for (kind, buffer) in [
            (driver::FREE_READ_BUFFER_BLOCKS, &link.read_buffer),
            (driver::FREE_WRITE_BUFFER_BLOCKS, &link.write_buffer),
        ] {
            let blocks = buffer.with(guard, |buffer| buffer.max_block_count());
            self.report(
                self.side.of_pair(self.pair.get()),
                kind,
                i64::try_from(blocks).unwrap_or(i64::MAX),
            );
        }
    }

    fn report(&self, subject: Subject, kind: StepKind, value: i64) {
        self.steps.report(|| Step {
            at: self.processor.clock().get_hrtime(),
            held: eventsys::mutex::census::held_locks(),
            ..Step::bare(subject, kind, Some(value))
        });
    }
}

/// True if a direction that must end with `term` may end with `event`.
/// `EVENT_NONE` is a wild card.
fn accepts(term: EventCode, event: EventCode) -> bool {
    term == event || term == EventCode::EVENT_NONE
}

/// `len` bytes that count up, the first of which is `seed`.
fn counting(seed: u8, len: usize) -> Vec<u8> {
    static TWICE: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=255).chain(0..=255).collect());
    let from = usize::from(seed);
    let mut bytes = TWICE[from..from + 256].repeat(len.div_ceil(256));
    bytes.truncate(len);
    bytes
}
