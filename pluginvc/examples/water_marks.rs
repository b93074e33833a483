//! Blocks, readers and water marks, and the two traps in their names.
//!
//! Run it with `cargo run -p pluginvc --example water_marks`.

use iocore::buffer::{BUFFER_SIZE_INDEX_128, MIOBuffer};

fn main() {
    // ANCHOR: readers
    let mut buffer = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
    let fast = buffer.alloc_reader().expect("the first of five");
    let slow = buffer.alloc_reader().expect("the second of five");
    buffer.write(&[7; 300]);
    buffer.consume(fast, 300);
    println!("fast has {} bytes to read", buffer.read_avail(fast));
    println!("slow has {} bytes in {} blocks", buffer.read_avail(slow), buffer.block_count(slow));
    buffer.consume(slow, 200);
    println!("slow has {} bytes in {} blocks", buffer.read_avail(slow), buffer.block_count(slow));
    // ANCHOR_END: readers

    // ANCHOR: high
    // Trap one: the same word, two meanings, exactly at the mark.
    buffer.set_water_mark(100);
    println!("the mark is 100, and slow has {}", buffer.read_avail(slow));
    println!("high water of the buffer (more than the mark): {}", buffer.high_water());
    println!("high water of the reader (at least the mark):  {}", buffer.reader_high_water(slow));
    // ANCHOR_END: high

    // ANCHOR: low
    // Trap two: a query that changes its own answer.
    println!("space before the question: {}", buffer.current_write_avail());
    println!("low water, only looking:   {}", buffer.current_low_water());
    println!("low water, the question:   {}", buffer.low_water());
    println!("space after the question:  {}", buffer.current_write_avail());
    // ANCHOR_END: low

    // ANCHOR: share
    // A block that is shared makes a block in the other buffer, however small.
    let mut shared = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
    let mut copied = MIOBuffer::new(BUFFER_SIZE_INDEX_128);
    let (of_shared, of_copied) = (shared.alloc_reader().unwrap(), copied.alloc_reader().unwrap());
    for _ in 0..4 {
        shared.write_from(&buffer, slow, 10, 0);
        copied.write(&buffer.block_slice(slow)[..10]);
    }
    println!("40 bytes, shared in pieces of ten: {} blocks", shared.block_count(of_shared));
    println!("40 bytes, copied in pieces of ten: {} block", copied.block_count(of_copied));
    // ANCHOR_END: share
}
