//! A call on a buffer that panics has changed nothing: whatever number it was given, what
//! readers and writer see afterwards is what they saw before, and the invariants hold.

use std::panic::{AssertUnwindSafe, catch_unwind};

use iocore::buffer::*;
use proptest::prelude::*;

/// The visible state of a buffer.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    write_avail: i64,
    max_read_avail: i64,
    size_index: SizeIndex,
    water_mark: i64,
    /// Of each reader its bytes, its blocks, its limit.
    readers: Vec<(Vec<u8>, usize, i64)>,
}

fn look(buffer: &MIOBuffer, readers: &[ReaderId]) -> Seen {
    let of_reader = |&reader: &ReaderId| {
        let bytes = buffer.blocks(reader).flatten().copied().collect();
        (bytes, buffer.block_count(reader), buffer.size_limit(reader))
    };
    Seen {
        write_avail: buffer.current_write_avail(),
        max_read_avail: buffer.max_read_avail(),
        size_index: buffer.size_index(),
        water_mark: buffer.water_mark(),
        readers: readers.iter().filter(|&&r| buffer.has_reader(r)).map(of_reader).collect(),
    }
}

/// One call: its kind, its numbers, its bytes and its reader.
type Call = (u8, i64, i64, usize, usize);

fn number() -> impl Strategy<Value = i64> {
    let edges = [0, 1, 2, 127, 128, 129, 1000, -1, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 40];
    prop_oneof![proptest::sample::select(edges.to_vec()), -300..300_i64]
}

fn call() -> impl Strategy<Value = Call> {
    (0..24_u8, number(), number(), 0..400_usize, 0..8_usize)
}

fn perform(
    buffer: &mut MIOBuffer,
    other: &mut MIOBuffer,
    readers: &mut Vec<ReaderId>,
    (which, n, m, len, who): Call,
) {
    let reader = readers.get(who % readers.len().max(1)).copied();
    let size = |n: i64| SizeIndex::from_raw(n.clamp(i64::MIN + 1, 20));
    match (which, reader) {
        (0 | 1, _) => drop(buffer.write(&vec![7; len])),
        (2 | 3, _) => buffer.fill(n),
        (4, _) => {
            let space = buffer.current_write_avail();
            buffer.fill(space.min(n.saturating_abs()));
        }
        (5 | 6, _) => buffer.append_block_of(size(n)),
        (7, _) => buffer.append_block(IOBufferBlock::from_vec(vec![2; len % 3])),
        (8, _) => buffer.append_bytes(vec![3; len % 20]),
        (9, _) => readers.extend(buffer.alloc_reader()),
        (10, Some(reader)) => readers.extend(buffer.clone_reader(reader)),
        (11, Some(reader)) => buffer.consume(reader, n),
        (12, Some(reader)) => drop(buffer.read(reader, &mut vec![0; len])),
        (13, Some(reader)) => drop(buffer.write_within(reader, n.min(1000), m)),
        (14, Some(reader)) => drop(other.write_from(buffer, reader, n, m)),
        (15, Some(reader)) => buffer.set_size_limit(reader, n),
        (16, Some(reader)) => drop(buffer.memchr(reader, 7, n, m)),
        (17, Some(reader)) => drop(buffer.byte_at(reader, n)),
        (18, Some(reader)) => buffer.dealloc_reader(reader),
        (19, Some(reader)) => buffer.reset_reader(reader),
        (20, _) => drop(buffer.write_avail()),
        (21, _) => buffer.set_water_mark(n),
        (22, _) if len < 40 => buffer.clear(),
        (22, _) => buffer.reset(),
        _ => drop(buffer.write_slice().first_mut().map(|byte| *byte = 1)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_that_panics_changes_nothing(calls in prop::collection::vec(call(), 1..60)) {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let mut other = MIOBuffer::new_empty(SizeIndex::own_size(37));
        let reader_of_other = [other.alloc_reader().unwrap()];
        let mut readers = vec![buffer.alloc_reader().unwrap()];
        for call in calls {
            let before = (look(&buffer, &readers), look(&other, &reader_of_other));
            let attempt = AssertUnwindSafe(|| perform(&mut buffer, &mut other, &mut readers, call));
            if catch_unwind(attempt).is_err() {
                let after = (look(&buffer, &readers), look(&other, &reader_of_other));
                prop_assert_eq!(after, before, "{:?}", call);
            }
            buffer.check_invariants();
            other.check_invariants();
        }
    }
}

fn panics(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it is refused");
    let text = panic.downcast::<String>().map(|text| *text);
    text.unwrap_or_else(|panic| (*panic.downcast::<&str>().expect("a text")).to_owned())
}

/// The writer's block is nearly full, and the one behind it has a size that no allocation
/// reaches: bytes that would need both.
#[test]
fn bytes_that_do_not_fit_a_block_beyond_any_allocation_are_refused_as_a_whole() {
    type Act = fn(&mut MIOBuffer);
    let acts: [Act; 2] = [|b| assert_eq!(b.write(&[7; 20]), 20), |b| b.fill(20)];
    for act in acts {
        let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
        let reader = [buffer.alloc_reader().unwrap()];
        buffer.write(&[1; 120]);
        buffer.append_block_of(SizeIndex::own_size(i64::MAX));
        let before = look(&buffer, &reader);
        assert_eq!(panics(|| act(&mut buffer)), "the size of a block is beyond any allocation");
        assert_eq!(look(&buffer, &reader), before);
        buffer.check_invariants();
        // Bytes that fit are accepted, and consumed blocks are released as before.
        assert_eq!(buffer.write(&[2; 8]), 8);
        buffer.consume(reader[0], 128);
        buffer.check_invariants();
    }
}

/// There is a block behind the writer's, but none can be made behind that.
#[test]
fn bytes_that_need_one_block_too_many_are_refused_as_a_whole() {
    let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
    buffer.clear();
    let reader = [buffer.alloc_reader().unwrap()];
    buffer.append_block_of(BUFFER_SIZE_INDEX_128);
    buffer.append_block_of(BUFFER_SIZE_INDEX_128);
    let before = look(&buffer, &reader);
    let text = panics(|| assert_eq!(buffer.write(&[7; 257]), 257));
    assert_eq!(text, "no block can be made with the size index SizeIndex(15)");
    assert_eq!(look(&buffer, &reader), before);
    assert_eq!(buffer.write(&[7; 256]), 256);
    buffer.check_invariants();
}

#[test]
fn more_space_than_can_be_said_is_as_much_as_can_be_said() {
    let mut buffer = MIOBuffer::new(SizeIndex::own_size(i64::MAX));
    buffer.append_block_of(SizeIndex::own_size(i64::MAX));
    assert_eq!(buffer.current_write_avail(), i64::MAX);
    assert_eq!(panics(|| buffer.fill(1)), "the size of a block is beyond any allocation");
    assert_eq!(buffer.write(b""), 0, "nothing needs no memory");
}

#[test]
fn a_read_beyond_the_limit_moves_no_reader() {
    let mut buffer = MIOBuffer::new_empty(BUFFER_SIZE_INDEX_128);
    let reader = buffer.alloc_reader().unwrap();
    buffer.append_bytes(vec![1; 5]);
    buffer.consume(reader, 5);
    buffer.append_bytes(vec![2; 5]);
    buffer.set_size_limit(reader, 3);
    let before = look(&buffer, &[reader]);
    let text = panics(|| assert_eq!(buffer.read(reader, &mut [0; 20]), 5));
    assert_eq!(text, "consume(5) by a reader that has 3 bytes to read");
    assert_eq!(look(&buffer, &[reader]), before);
}
