//! The buffers through which all bytes of the I/O core travel.
//!
//! An [`MIOBuffer`] is a queue of bytes with one writer and up to [`MAX_MIOBUFFER_READERS`]
//! readers, each at a place of its own. The bytes live in blocks ([`IOBufferBlock`]), the blocks
//! lie over reference-counted memory, and so bytes pass from buffer to buffer, and to other
//! threads ([`BlockView`]), without being copied. An [`IOBufferChain`] keeps bytes for later
//! without the machinery of readers and writers.
//!
//! # What is modelled
//!
//! `I_IOBuffer.h`, `P_IOBuffer.h` and `IOBuffer.cc` of Traffic Server 9.1.3: which bytes a call
//! moves, what it returns, how many blocks the chain has afterwards, how much space there is to
//! write, and when blocks are released.
//!
//! # What is built differently
//!
//! - The chain is a queue owned by the buffer, not a list of reference-counted links. Blocks
//!   never belong to two chains at once, so nothing can link a chain into a ring, and a chain of
//!   a million blocks is dropped in a loop.
//! - Readers are handles ([`ReaderId`]); their operations are methods of the buffer. A handle
//!   whose reader is gone is recognised and refused.
//! - A block takes its memory when it is first written to. An idle buffer costs no block memory.
//! - `MIOBufferAccessor` and the resource tracker (`_location`) are absent. The former is
//!   a pair of pointers for a VIO to keep; the latter belongs to a debug log.
//!
//! # Where a user could tell
//!
//! Calls that leave 9.1.3 in an undefined or meaningless state panic here, with a sentence that
//! says what went wrong; each says so under "Panics". Where 9.1.3 would overwrite bytes that
//! another user still reads, this module takes fresh memory ([`IOBufferBlock::reset`]). A buffer
//! that is written from itself copies only the bytes that it had when the call began
//! ([`MIOBuffer::write_within`]).
//!
//! # Safety
//!
//! Unsafe code stands in three files: `pool.rs` (allocation), `data.rs` (reference counts) and
//! `block.rs` (which bytes may be read, which written). All of it relies on one rule: the readable
//! bytes of a block are never written again, and the writable ones belong to that block alone.

mod beyond;
mod block;
mod chain;
mod data;
mod miobuffer;
mod num;
mod numbered;
mod peek;
mod pool;
mod queue;
mod read;
mod reader;
mod share;
mod size;
mod view;
mod water;
mod write;

pub use beyond::ConsumeBeyond;
pub use block::IOBufferBlock;
pub use chain::IOBufferChain;
pub use data::IOBufferData;
pub use miobuffer::MIOBuffer;
pub use pool::{Census, census};
pub use reader::{MAX_MIOBUFFER_READERS, NoReaderLeft, ReaderId};
pub use size::*;
pub use view::BlockView;
