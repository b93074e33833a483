//! The steps of a program that uses a pair: `NetVCTest` and the interpreter of scenarios.
//! The original has them under the tag `pvc_test_detail`.

eventsys::step_kinds! {
    /// The user's state machine received this event for its read VIO.
    SM_READ = "sm_read", "pvc_test";
    /// The user's state machine received this event for its write VIO.
    SM_WRITE = "sm_write", "pvc_test";
    /// The driver has checked this many bytes so far.
    SM_CHECKED = "sm_checked", "pvc_test";
    /// Blocks in the user's read buffer when the end is deleted.
    FREE_READ_BUFFER_BLOCKS = "free_read_buffer_blocks", "pvc_test";
    /// Blocks in the user's write buffer when the end is deleted.
    FREE_WRITE_BUFFER_BLOCKS = "free_write_buffer_blocks", "pvc_test";
    /// The user has got the reader with this number.
    BUF_READER = "buf_reader", "pvc_test";
    /// The reader has this many bytes before it; below 0 if it has consumed more than there was.
    BUF_AVAIL = "buf_avail", "pvc_test";
    /// The buffer has this water mark.
    BUF_MARK = "buf_mark", "pvc_test";
    /// The block that is written next has space for this many bytes.
    BUF_ROOM = "buf_room", "pvc_test";
    /// A copy of this many bytes has been appended.
    BUF_PUT = "buf_put", "pvc_test";
    /// This many bytes have been shared with another buffer, or copied out.
    BUF_COPIED = "buf_copied", "pvc_test";
    /// The reader has this many blocks before it.
    BUF_BLOCKS = "buf_blocks", "pvc_test";
    /// A block has this many bytes for the reader.
    BUF_BLOCK = "buf_block", "pvc_test";
    /// The same block has space for this many bytes.
    BUF_SPACE = "buf_space", "pvc_test";
    /// FNV-1a, of 32 bits, over the bytes that were looked at.
    BUF_SUM = "buf_sum", "pvc_test";
}
